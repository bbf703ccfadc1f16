#ifndef SCOREBOOK_PROCESS_SUBVP_H
#define SCOREBOOK_PROCESS_SUBVP_H

#include "vp.h"

SB_BEGIN_DECLS

// The sub-VP SDE of Song et al. (2021), in continuous time t in [0, 1]: the rate beta(t), and so the drift and the
// mean, are those of the VP SDE [scoresde.set-subvp]; only the noise differs.
double sb_subvp_diffusion (const void *vp, double t);          // g(t); vp is an sb_vp, here and below
double sb_subvp_variance (const void *vp, double s, double t); // v(s,t), where Cov[x(t) | x(s)] = v(s,t) I

// As a process: prior N(0, I), t_min = SB_VP_EPSILON_SAMPLING. NULL with GSL_EINVAL where the rates or the dimension
// are out of range, with GSL_ENOMEM.
sb_process *sb_subvp_alloc (size_t dimension, double beta_min, double beta_max);

SB_END_DECLS

#endif
