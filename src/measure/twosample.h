#ifndef SCOREBOOK_MEASURE_TWOSAMPLE_H
#define SCOREBOOK_MEASURE_TWOSAMPLE_H

#include "../base/decls.h"
#include "../base/stream.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

// Common to all: samples hold at least one number and at most 2^31; GSL_EBADLEN where they do not, or shapes differ,
// GSL_EDOM where a number is not finite, GSL_EOVRFLW where the result is not, GSL_ENOMEM.

// Kolmogorov and Smirnov's distance D = sup |F_n - F| between a sample and a law with the continuous distribution
// function cdf (x, params), in [0, 1] (else GSL_EDOM). p_value: if the sample is from that law, a D as large has at
// most this probability: min (1, 2 exp (-2 n D^2)), which holds for every n (Massart, 1990).
int sb_ks_one_sample (const gsl_vector *x, double (*cdf) (double x, void *params), void *params, double *D,
                      double *p_value);

// The same between two samples, D = sup |F_n - G_m|. p_value: if both are from one continuous law, a D as large has
// exactly this probability (if the law is not continuous, at most this). Takes O(n m D) time.
int sb_ks_two_sample (const gsl_vector *x, const gsl_vector *y, double *D, double *p_value);

// The same between two samples of points, x (n x d) and y (m x d), projected on `count` random directions, direction k
// from row k of the stream (its purpose is ignored): the largest D, and a p-value that holds for all directions
// together (Bonferroni: count times the smallest one, at most 1).
int sb_ks_projections (const gsl_matrix *x, const gsl_matrix *y, size_t count, sb_stream stream, double *D,
                       double *p_value);

// The 1-Wasserstein distance between two samples, the integral of |F_n - G_m|. To measure the distance to a law, y may
// hold its quantiles at (j + 1/2) / m.
int sb_wasserstein_1 (const gsl_vector *x, const gsl_vector *y, double *distance);

// The 2-Wasserstein distance between them: the root of the least mean square by which the one sample can be moved to
// the other. A length, not its square. Any sizes.
int sb_wasserstein_2 (const gsl_vector *x, const gsl_vector *y, double *distance);

SB_END_DECLS

#endif
