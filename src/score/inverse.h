#ifndef SCOREBOOK_SCORE_INVERSE_H
#define SCOREBOOK_SCORE_INVERSE_H

#include "../base/stream.h"
#include "../operator/operator.h"
#include "guided.h"

#include <stdbool.h>

SB_BEGIN_DECLS

// A measurement y = H x_0 + n of each sample, n ~ N(0, tau^2 I), under a process that maps x_0 to a x_0 + s z.
typedef struct
{
  const sb_process *process; // of one part; not owned
  const sb_operator *H;      // rows x d, without a level; not owned
  double tau;                // above 0
  sb_stream stream;          // row i draws from stream.index + i, purpose SB_FOR_KNOWN
  uint64_t count;            // of calls: each takes numbers of its own from the streams
  bool one_path;             // each row's noise is the same at every call, so that the score is smooth, as a flow needs
} sb_inverse;

// The gradient of log p_t(y_hat | x_t), where y_hat = a y + s H z is a fresh draw of the diffused measurement: as
// sb_guidance's gradient, its params an sb_inverse. y (n x rows) are the measurements. x (n x d) likewise. Not to be
// called from several threads with one sb_inverse. GSL_EBADLEN, GSL_EINVAL where tau is not above 0, GSL_EUNSUP for a
// process of several parts, GSL_ENOMEM.
int sb_inverse_gradient (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params);

// The largest factor by which a step of reverse diffusion on this grid (decreasing) overshoots, of data with variance v
// and H = I: (s_t^2 - s_s^2) (1 / (v + s_t^2) + 1 / tau^2) of VE. At 2 and above errors grow from step to step before
// they shrink, beyond any useful magnitude: take more steps. GSL_EBADLEN for under two times, GSL_EUNSUP where a is not
// 1.
int sb_inverse_overshoot (const sb_inverse *inverse, const gsl_vector *times, double v, double *largest);

SB_END_DECLS

#endif
