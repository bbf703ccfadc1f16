#ifndef SCOREBOOK_PROCESS_VE_H
#define SCOREBOOK_PROCESS_VE_H

#include "process.h"

SB_BEGIN_DECLS

// The paper's settings [scoresde.set-smld] [scoresde.set-eps]. It does not print sigma_max: 50 is that of the released
// configuration for CIFAR-10; elsewhere, sb_grid_largest_distance of the training points.
#define SB_VE_SIGMA_MIN 0.01
#define SB_VE_SIGMA_MAX 50.0
#define SB_VE_EPSILON 1e-5

// The variance-exploding SDE of Song et al. (2021), in continuous time t in [0, 1], with its geometric noise scale.
typedef struct
{
  double sigma_min, sigma_max; // 0 < sigma_min < sigma_max
} sb_ve;

double sb_ve_sigma (const sb_ve *ve, double t); // sigma(t) for t > 0; sigma(0) = 0, and sigma(0+) = sigma_min

// As the functions of an sb_scalar_type: ve is an sb_ve.
double sb_ve_diffusion (const void *ve, double t);          // g(t) for t > 0; NaN at t = 0, where sigma jumps
double sb_ve_variance (const void *ve, double s, double t); // v(s,t) = sigma(t)^2 - sigma(s)^2

// As a process: prior N(0, sigma_max^2 I), t_min = SB_VE_EPSILON. NULL with GSL_EINVAL where the scales or the
// dimension are out of range, with GSL_ENOMEM.
sb_process *sb_ve_alloc (size_t dimension, double sigma_min, double sigma_max);

// The same SDE from t = 0 on, without the jump [nonuniform.txt-vesde]: variances sigma(t)^2 - sigma_min^2, prior
// N(0, (sigma_max^2 - sigma_min^2) I), and g(0) is finite.
sb_process *sb_ve_gathered_alloc (size_t dimension, double sigma_min, double sigma_max);

// Any other noise scale that increases from sigma(0) = 0, given by the two functions that the SDE needs.
typedef struct
{
  double (*variance) (const void *context, double s, double t); // sigma(t)^2 - sigma(s)^2, for 0 <= s <= t <= 1
  double (*rate) (const void *context, double t);               // d sigma^2(t) / dt; NaN where there is none
  const void *context;                                          // not owned
} sb_ve_schedule;

// As above, with prior N(0, sigma(1)^2 I). The schedule is copied.
sb_process *sb_ve_schedule_alloc (size_t dimension, const sb_ve_schedule *schedule);

SB_END_DECLS

#endif
