#ifndef SCOREBOOK_PROCESS_ITO_H
#define SCOREBOOK_PROCESS_ITO_H

#include "../base/decls.h"
#include "../base/stream.h"

#include <gsl/gsl_matrix.h>

SB_BEGIN_DECLS

// An SDE of your own, dx = f(x,t) dt + G(x,t) dw, in Ito's sense: the noise may depend on the state. Each function gets
// `params` last and returns a GSL status. f (d), G (d x d).
typedef struct
{
  size_t dimension;
  int (*drift) (double t, const gsl_vector *x, gsl_vector *f, void *params);
  int (*diffusion) (double t, const gsl_vector *x, gsl_matrix *G, void *params);

  // divergence (d) of G G^T, row by row: sum_j d (G G^T)_ij / d x_j. NULL: by differences of `diffusion`.
  int (*divergence) (double t, const gsl_vector *x, gsl_vector *divergence, void *params);
  void *params; // not owned
} sb_ito;

// Common to all: x, score, out (n x d, out none of the others: GSL_EINVAL), a time per row, t (n). GSL_EBADLEN where a
// shape is wrong, GSL_EBADFUNC where a function's number is not finite, what a function returns, GSL_ENOMEM.

// out_i <- the divergence of G G^T at x_i, t_i.
int sb_ito_divergence (const sb_ito *ito, const gsl_vector *t, const gsl_matrix *x, gsl_matrix *out);

// The drift of the reverse-time SDE and the velocity of the probability flow, per unit of forward time, given the score
// of the law at each row's time, which for a conditional law is grad log p(x) + grad log p(y | x):
//     f - div (G G^T) - G G^T s,   f - div (G G^T) / 2 - G G^T s / 2.
int sb_ito_reverse_drift (const sb_ito *ito, const gsl_vector *t, const gsl_matrix *x, const gsl_matrix *score,
                          gsl_matrix *out);
int sb_ito_flow_velocity (const sb_ito *ito, const gsl_vector *t, const gsl_matrix *x, const gsl_matrix *score,
                          gsl_matrix *out);

// One step of Euler and Maruyama of each row from time t to time s, with normals z (n x d; NULL: without noise). Where
// s > t, x <- x + (s - t) f + sqrt (s - t) G z, and score is not used; where s < t, the reverse-time SDE, x <- x + (s -
// t) r + sqrt (t - s) G z with r its drift, which needs the score (n x d; NULL: GSL_EINVAL). All at (x, t).
int sb_ito_step (const sb_ito *ito, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *score,
                 const gsl_matrix *z, gsl_matrix *x);

// x_t by simulation: rows x (n x d), which hold x_0, become x_t at times t (n, >= 0) by `steps` equal steps from 0. Row
// i takes `steps` times d normals from index + i of the stream, whose purpose is its caller's. GSL_EINVAL for no steps,
// GSL_EDOM where a time is negative or not finite.
int sb_ito_simulate (const sb_ito *ito, size_t steps, sb_stream stream, const gsl_vector *t, gsl_matrix *x);

SB_END_DECLS

#endif
