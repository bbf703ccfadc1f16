#ifndef SCOREBOOK_OBJECTIVE_VLB_H
#define SCOREBOOK_OBJECTIVE_VLB_H

#include "../transition/reverse.h"
#include "decoder.h"

SB_BEGIN_DECLS

// The variational bound on -log p(x_0) of a model of a chain, DDPM's or SMLD's, in nats per point:
//     bound = L_T + sum over t = 2..T of L_{t-1} + L_0.
// The last step's variance (reverse.last) is the decoder's, and must not be beta-tilde.
typedef struct
{
  sb_reverse reverse;
  sb_decoder decoder; // levels = 0: continuous data
} sb_vlb;

// Common to all: x_0 (n x d), y NULL or n rows, results (n) a row each; t (n) levels 1/N, ..., 1. GSL_EINVAL where the
// process is no chain of one part, GSL_EDOM where t is no level above 0, GSL_EBADLEN, GSL_ENOMEM, and the errors of
// reverse.h and decoder.h.

// L_T, which does not depend on the model.
int sb_vlb_prior (const sb_process *chain, const gsl_matrix *x_0, gsl_vector *L_T);

// The term of level t at x_t = A x_0 + S z, z (n x d): the divergence of L_{t-1} for t > 1/N, L_0 for t = 1/N.
int sb_vlb_term (const sb_vlb *vlb, const gsl_matrix *y, const gsl_matrix *x_0, const gsl_vector *t,
                 const gsl_matrix *z, gsl_vector *term);

// An unbiased estimate of the bound, a row at a time: L_T, L_0, and the sum over levels 2..N from `draws` random
// levels, or all of them once where draws is 0. Row i takes its levels and normals from index + i of the stream (its
// purpose is ignored), and is the same in any batch.
int sb_vlb_bound (const sb_vlb *vlb, const gsl_matrix *y, const gsl_matrix *x_0, sb_stream stream, size_t draws,
                  gsl_vector *bound);

// The terms one by one, L_0, L_1, ..., L_N, averaged over the rows with fresh normals at each level: mean and its
// standard error (N + 1; NaN for one row). se may be NULL.
int sb_vlb_spectrum (const sb_vlb *vlb, const gsl_matrix *y, const gsl_matrix *x_0, sb_stream stream, gsl_vector *mean,
                     gsl_vector *se);

// The log ratio whose mean is the bound, for one path of continuous data (row i is x_i, N + 1 rows; y NULL or N rows):
// log q(x_1, ..., x_N | x_0) - log p(x_0, ..., x_N).
int sb_vlb_path (const sb_reverse *reverse, const gsl_matrix *y, const gsl_matrix *path, double *ratio);
// The same number by its terms, L_0 first, L_N last (N + 1), log ratios instead of divergences.
int sb_vlb_path_terms (const sb_reverse *reverse, const gsl_matrix *y, const gsl_matrix *path, gsl_vector *terms);

// w_i in L_{i-1} = w_i |eps - eps_theta|^2 + a term that no model can change, for a reverse step of this variance.
// NaN with GSL_EINVAL, GSL_EDOM.
double sb_vlb_weight (const sb_process *chain, size_t i, double variance);

// Nats of a point in d dimensions as bits per dimension.
double sb_vlb_bits (double nats, size_t d);

SB_END_DECLS

#endif
