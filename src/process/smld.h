#ifndef SCOREBOOK_PROCESS_SMLD_H
#define SCOREBOOK_PROCESS_SMLD_H

#include "process.h"

SB_BEGIN_DECLS

#define SB_SMLD_LEVELS                                                                                                 \
  1000 // [scoresde.set-smld]; the noise scales of the paper are SB_VE_SIGMA_MIN and SB_VE_SIGMA_MAX

// The forward chain of SMLD: level i = 0, ..., N at time i/N, noise scale sigma_i, sigma_0 = 0. A process without F
// and G; prior N(0, sigma_N^2 I), t_min = 1/N. NULL with GSL_EINVAL where an argument is out of range, with GSL_ENOMEM.
sb_process *sb_smld_alloc (size_t dimension, size_t N, double sigma_min, double sigma_max); // N >= 2; geometric
sb_process *sb_smld_sigmas_alloc (size_t dimension, const gsl_vector *sigma); // 0 < sigma_1 < ... < sigma_N, N >= 1

// The following take a process made by these two: GSL_EINVAL and NaN for any other, GSL_EDOM and NaN for a level out of
// range.
double sb_smld_sigma (const sb_process *smld, size_t i); // sigma_i, i = 0, ..., N

SB_END_DECLS

#endif
