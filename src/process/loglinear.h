#ifndef SCOREBOOK_PROCESS_LOGLINEAR_H
#define SCOREBOOK_PROCESS_LOGLINEAR_H

#include "process.h"

SB_BEGIN_DECLS

// A variance-preserving SDE whose log signal-to-noise ratio is linear in time, from log_snr_max at t = epsilon to
// log_snr_min at t = end.
typedef struct
{
  double epsilon, end;             // 0 < epsilon < end
  double log_snr_max, log_snr_min; // natural logarithms of alpha^2 / sigma^2; the first is the larger
} sb_loglinear;

double sb_loglinear_log_snr (const sb_loglinear *line, double t); // at t > 0
double sb_loglinear_rate (const sb_loglinear *line);              // kappa, its decrease per unit time

// As a process: prior N(0, I), t_min = epsilon, t_max = end. At t = 0 the noise jumps to that of the line at 0+, and
// the SDE is undefined, as for VE. NULL: GSL_EINVAL where a number is out of range; GSL_ENOMEM.
sb_process *sb_loglinear_alloc (size_t dimension, const sb_loglinear *line);

SB_END_DECLS

#endif
