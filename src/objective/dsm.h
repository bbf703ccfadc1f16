#ifndef SCOREBOOK_OBJECTIVE_DSM_H
#define SCOREBOOK_OBJECTIVE_DSM_H

#include "../base/decls.h"
#include "../process/process.h"

SB_BEGIN_DECLS

// The weight lambda(t) of the squared distance between s(x_t, t) and grad log p(x_t | x_0).
typedef enum
{
  SB_WEIGHT_VARIANCE,   // S S^T = Var[x_t | x_0]: every time's target has the same size
  SB_WEIGHT_LIKELIHOOD, // G G^T: the loss bounds the negative log-likelihood; continuous time only
  SB_WEIGHT_UNIT,       // the identity
  SB_WEIGHT_BOUND,      // of DDPM's variational bound, with steps back of variance beta_t: sb_vlb_loss
  SB_WEIGHT_BOUND_TILDE // the same with beta-tilde_t, the last step taking that of the one before it
} sb_weighting;

// Denoising score matching under any process with the maps A, S and S^-1. Continuous time: t is uniform on [t_min, T]
// [scoresde.eq7]; a chain: uniform on its levels 1..N, which is the SMLD objective [scoresde.eq1] under the SMLD chain
// and DDPM's [scoresde.eq3] under DDPM's, each divided by N.
typedef struct
{
  const sb_process *process; // not owned
  sb_weighting weighting;
  double t_min; // 1e-5 in the paper's training; ignored for a chain
} sb_dsm;

// Draw times t (n), normals z (n x d) and x_t = A x_0 + S z (n x d; on entry x holds x_0), row i from index + i of the
// streams of this seed for times and for the forward process. A training counts the samples it has seen, and passes
// the count. noise (n x d) becomes S z, or is NULL: memory for it is allocated, and freed again.
int sb_dsm_draw (const sb_dsm *dsm, sb_stream stream, gsl_vector *t, gsl_matrix *z, gsl_matrix *noise, gsl_matrix *x);

// Given an estimate of E[z | x_t] (n x d) at the drawn points, the loss of each row (n) and its gradient with respect
// to the estimate (n x d). GSL_EUNSUP: a likelihood weight without G. A bound's weight: GSL_EINVAL where the process is
// not DDPM's chain; N times the mean loss, over levels and noise, is all that the estimate has a part in of the bound on
// -log p(x_0) of continuous data, in nats a point (vlb.h).
int sb_dsm_loss (const sb_dsm *dsm, const gsl_vector *t, const gsl_matrix *z, const gsl_matrix *epsilon,
                 gsl_vector *loss, gsl_matrix *epsilon_bar);

SB_END_DECLS

#endif
