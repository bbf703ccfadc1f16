#ifndef SCOREBOOK_OBJECTIVE_DECODER_H
#define SCOREBOOK_OBJECTIVE_DECODER_H

#include "../base/decls.h"

#include <gsl/gsl_matrix.h>

SB_BEGIN_DECLS

// Data on grey levels: byte k of 0, ..., levels - 1 is low + k (high - low) / (levels - 1). 256 levels from
// -1 to 1 in the paper; levels = 0: continuous data, and a density instead of a mass.
typedef struct
{
  size_t levels;
  double low, high;
} sb_decoder;

// log of the mass that N(mean, variance I) gives to the level x_0 in every coordinate, summed over a row: x_0, mean (n
// x d), variance, log_p (n); in nats. The first and last level extend to infinity. slope (n x d; NULL: not
// wanted) is its gradient with respect to the mean. GSL_EBADLEN; GSL_EDOM where a variance is not above 0, x_0 is not
// on a level, or a mean is not a number or so many standard deviations from x_0 (10^14) that a level's edges fall
// together; GSL_EINVAL where levels is 1 or not low < high.
int sb_decoder_log_mass (const sb_decoder *decoder, const gsl_matrix *x_0, const gsl_matrix *mean,
                         const gsl_vector *variance, gsl_vector *log_p, gsl_matrix *slope);

// log(Phi(b) - Phi(a)), Phi the normal distribution function, a < b; either may be infinite.
double sb_decoder_log_interval (double a, double b);

SB_END_DECLS

#endif
