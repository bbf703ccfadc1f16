#ifndef SCOREBOOK_PROCESS_DDPM_H
#define SCOREBOOK_PROCESS_DDPM_H

#include "process.h"

SB_BEGIN_DECLS

#define SB_DDPM_LEVELS 1000 // [scoresde.set-ddpm]; the bars of the paper are SB_VP_BETA_MIN and SB_VP_BETA_MAX

// The forward chain of DDPM: level i = 0, ..., N at time i/N, with beta_1, ..., beta_N. A process without F and G;
// prior N(0, I), t_min = 1/N. NULL with GSL_EINVAL where an argument is out of range, with GSL_ENOMEM.
sb_process *sb_ddpm_alloc (size_t dimension, size_t N, double beta_bar_min, double beta_bar_max); // N >= 2; arithmetic
sb_process *sb_ddpm_betas_alloc (size_t dimension, const gsl_vector *beta); // 0 < beta_i < 1, N >= 1

// The following take a process made by these two: GSL_EINVAL and NaN for any other, GSL_EDOM and NaN for a level out of
// range.
double sb_ddpm_beta (const sb_process *ddpm, size_t i);  // beta_i, i = 1, ..., N
double sb_ddpm_alpha (const sb_process *ddpm, size_t i); // alpha_i, the product of 1 - beta_j, j <= i; i = 0, ..., N

SB_END_DECLS

#endif
