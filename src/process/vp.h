#ifndef SCOREBOOK_PROCESS_VP_H
#define SCOREBOOK_PROCESS_VP_H

#include "process.h"

SB_BEGIN_DECLS

// The paper's settings [scoresde.set-ddpm] [scoresde.set-eps]; the two epsilons hold for the sub-VP SDE as well.
#define SB_VP_BETA_MIN 0.1
#define SB_VP_BETA_MAX 20.0
#define SB_VP_EPSILON_SAMPLING 1e-3
#define SB_VP_EPSILON_TRAINING 1e-5 // and for likelihoods

// The variance-preserving SDE of Song et al. (2021), in continuous time t in [0, 1].
typedef struct
{
  double beta_min, beta_max; // rates at t = 0 and t = 1; 0 < beta_min <= beta_max
} sb_vp;

double sb_vp_beta (const sb_vp *vp, double t);                    // the rate, per unit time
double sb_vp_integral_beta (const sb_vp *vp, double s, double t); // B(s,t), the integral of beta from s to t
double sb_vp_log_snr (const sb_vp *vp, double t); // ln (alpha^2 / sigma^2) of the kernel from 0, at t > 0

// As the functions of an sb_scalar_type: vp is an sb_vp.
double sb_vp_drift (const void *vp, double t);              // f(t), where the drift is f(t) x
double sb_vp_diffusion (const void *vp, double t);          // g(t)
double sb_vp_mean (const void *vp, double s, double t);     // a(s,t), where E[x(t) | x(s)] = a(s,t) x(s)
double sb_vp_variance (const void *vp, double s, double t); // v(s,t), where Cov[x(t) | x(s)] = v(s,t) I

// As a process: prior N(0, I), t_min = SB_VP_EPSILON_SAMPLING. NULL with GSL_EINVAL where the rates or the dimension
// are out of range, with GSL_ENOMEM.
sb_process *sb_vp_alloc (size_t dimension, double beta_min, double beta_max);

SB_END_DECLS

#endif
