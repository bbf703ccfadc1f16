#ifndef SCOREBOOK_PROCESS_MOMENTS_H
#define SCOREBOOK_PROCESS_MOMENTS_H

#include "process.h"

#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

// Mean (d) and covariance (d x d, symmetric) of x_s become those of x_t, whatever the law of x_s. GSL_EBADLEN where a
// shape is wrong, GSL_ENOMEM, and what sb_process_apply reports of the times and maps. After a failure both are
// unspecified.

// By the kernel: the maps A and S.
int sb_moments_transition (const sb_process *process, double s, double t, gsl_vector *mean, gsl_matrix *covariance);

// By the SDE: F and G alone, in `steps` equal steps of an integrator of order 8 (GSL_EINVAL where 0). GSL_EDOM where
// s < t_min.
int sb_moments_solve (const sb_process *process, double s, double t, size_t steps, gsl_vector *mean,
                      gsl_matrix *covariance);

SB_END_DECLS

#endif
