#ifndef SCOREBOOK_TESTS_TARGET_ASK_H
#define SCOREBOOK_TESTS_TARGET_ASK_H

#include "target/target.h"

// The library's functions of a batch, at one point x (d numbers); each asserts that they succeed.
double ask_log_density (const sb_target *target, const sb_process *process, const double *x, double t);
void ask (const sb_target *target, const sb_process *process, sb_view view, const double *x, double t, double *out);
void ask_jvp (const sb_target *target, const sb_process *process, const double *x, double t, const double *v,
              double *out);
void ask_covariance (const sb_target *target, const sb_process *process, const double *x, double t, double *out);
double ask_cdf (const sb_target *target, const sb_process *process, double x, double t);

// In one dimension.
double ask_score (const sb_target *target, const sb_process *process, double x, double t);
double ask_denoiser (const sb_target *target, const sb_process *process, double x, double t);

// The kernel's two numbers.
void ask_kernel (const sb_process *process, double t, double *m, double *sd);

#endif
