#ifndef SCOREBOOK_LIKELIHOOD_TRACE_H
#define SCOREBOOK_LIKELIHOOD_TRACE_H

#include "../base/decls.h"
#include "../base/stream.h"
#include "../score/score.h"

SB_BEGIN_DECLS

// How the divergence of the probability flow's velocity is found.
typedef enum
{
  SB_TRACE_EXACT, // the score's own divergence, or d products of its Jacobian
  SB_TRACE_SIGNS, // along a random direction of signs (Rademacher)
  SB_TRACE_NORMAL // along a normal one
} sb_trace;

// Directions for the rows of v (n x d): row i from stream.index + i of stream.seed, purpose SB_FOR_PROBE. `count` is
// the direction's number, where a row needs several. GSL_EINVAL for SB_TRACE_EXACT, which has none.
int sb_trace_directions (sb_trace trace, sb_stream stream, size_t count, gsl_matrix *v);

// divergence_i <- div f~ of the flow's velocity f~ = F x - G G^T s / 2 at x_i, t_i; or, with directions v (n x d),
// v_i^T (df~/dx) v_i, which has that mean for v of mean 0 and covariance I. v NULL: exactly. x (n x d), t (n) in
// [t_min, t_limit], y NULL or n rows. GSL_EBADLEN; GSL_EDOM for a time; GSL_EUNSUP for a process without F and G and
// for a score without the derivative; GSL_ENOMEM.
int sb_flow_divergence (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                        const gsl_matrix *v, gsl_vector *divergence);

// The velocity (n x d) too, as for sb_flow_velocity: from one forward pass of a network, along directions, and from one
// evaluation of a law with its divergence.
int sb_flow_velocity_and_divergence (const sb_score *score, const gsl_matrix *y, const gsl_vector *t,
                                     const gsl_matrix *x, const gsl_matrix *v, gsl_matrix *velocity,
                                     gsl_vector *divergence);

// rate_i <- d/dt log p_t (x_i) at t_i, where p_t has the score and obeys the Fokker-Planck equation of its process:
// minus the velocity's divergence, and minus its product with the score. Errors as for sb_flow_divergence.
int sb_fokker_planck (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                      gsl_vector *rate);

SB_END_DECLS

#endif
