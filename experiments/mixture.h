#ifndef SCOREBOOK_EXPERIMENTS_MIXTURE_H
#define SCOREBOOK_EXPERIMENTS_MIXTURE_H

#include "results.h"

#include <scorebook.h>

// A mixture of K Gaussians in d dimensions: K weights, K x d numbers of the means, K x d x d of the covariances. The
// program ends where there is none.
sb_target *mixture_of (size_t K, size_t d, const double *weights, const double *means, const double *covariances);

#endif
