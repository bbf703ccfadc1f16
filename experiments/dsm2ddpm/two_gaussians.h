#ifndef SCOREBOOK_EXPERIMENTS_TWO_GAUSSIANS_H
#define SCOREBOOK_EXPERIMENTS_TWO_GAUSSIANS_H

#include "../mixture.h"

// The law of Figure 1(b), alpha N((-3, -3), I) + (1 - alpha) N((3, 3), I), of Figure 4 and of the learned scores.
static const double alpha = 0.2;

sb_target *two_gaussians (void);

#endif
