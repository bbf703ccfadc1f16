#ifndef SCOREBOOK_PROCESS_EDM_H
#define SCOREBOOK_PROCESS_EDM_H

#include "process.h"

SB_BEGIN_DECLS

// The settings of Karras et al. (2022, Table 1).
#define SB_EDM_SIGMA_MIN 0.002
#define SB_EDM_SIGMA_MAX 80.0
#define SB_EDM_DATA_DEVIATION 0.5

// Their process: the time is the noise level itself, sigma(t) = t, and the signal is not scaled. t_min = sigma_min,
// t_max = sigma_max, prior N(0, sigma_max^2 I); the maps are defined above sigma_max too. NULL with GSL_EINVAL where
// the levels are not 0 < sigma_min < sigma_max < infinity or the dimension is 0, with GSL_ENOMEM.
sb_process *sb_edm_alloc (size_t dimension, double sigma_min, double sigma_max);

SB_END_DECLS

#endif
