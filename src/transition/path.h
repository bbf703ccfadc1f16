#ifndef SCOREBOOK_TRANSITION_PATH_H
#define SCOREBOOK_TRANSITION_PATH_H

#include "../process/process.h"

SB_BEGIN_DECLS

// log q(x_t | x_s) of every row, in nats, for any process with A, S^-1 and log|det S|: x_s, x_t (n x d), log_q (n),
// times as in process.h, and its errors. GSL_ENOMEM.
int sb_kernel_log_density (const sb_process *process, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x_s,
                           const gsl_matrix *x_t, gsl_vector *log_q);

// A path of a chain: (N + 1) x d, row i is x_i. GSL_EUNSUP where the process is no chain, GSL_EBADLEN.
// Rows 1..N from row 0 by the chain's steps, with normals z (N x d).
int sb_path_draw (const sb_process *chain, const gsl_matrix *z, gsl_matrix *path);
// log q(x_1, ..., x_N | x_0), in nats.
int sb_path_log_density (const sb_process *chain, const gsl_matrix *path, double *log_q);

// The times of the steps of a chain: s (N) = 0, 1/N, ..., (N-1)/N and t (N) = 1/N, ..., 1.
int sb_path_times (const sb_process *chain, gsl_vector *s, gsl_vector *t);

SB_END_DECLS

#endif
