#ifndef SCOREBOOK_PROCESS_PROCESS_H
#define SCOREBOOK_PROCESS_PROCESS_H

#include "../base/decls.h"
#include "../base/stream.h"

#include <gsl/gsl_cblas.h>
#include <gsl/gsl_matrix.h>

SB_BEGIN_DECLS

// A forward process carries data x_0 to noise x_T. All of the papers' processes are linear and Gaussian,
//     x_t = A(s,t) x_s + S(s,t) z,   z ~ N(0, I),      dx = F(t) x dt + G(t) dw,
// and differ in what the maps are: multiples of the identity (VE, VP, sub-VP and their chains), diagonals (an SDE per
// coordinate), operators (blur and noise). A caller applies the maps and never asks which.
typedef enum
{
  SB_A,         // A(s,t), the mean of x_t given x_s
  SB_A_INVERSE, // A(s,t)^-1
  SB_S,         // S(s,t), a square root of its covariance: Cov[x_t | x_s] = S S^T
  SB_S_INVERSE, // S(s,t)^-1
  SB_F,         // F(t), the drift's matrix, per unit time; s is ignored
  SB_G          // G(t), the diffusion's; s is ignored
} sb_process_map;

typedef struct
{
  const char *name;

  // x_i <- M x_i for every row of x (n x d), M at times s_i <= t_i (transposed: CblasTrans). s NULL: all zero.
  int (*apply) (const void *state, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s,
                const gsl_vector *t, gsl_matrix *x);

  // Where A = a I and S = sd I: these numbers. NULL where the maps are no multiples of the identity.
  int (*scalars) (const void *state, double s, double t, double *a, double *sd);

  int (*log_det) (const void *state, const gsl_vector *s, const gsl_vector *t, gsl_vector *log_det); // log|det S(s,t)|
  int (*trace) (const void *state, const gsl_vector *t, gsl_vector *trace);                          // tr F(t)

  int (*prior) (const void *state, sb_stream stream, gsl_matrix *x);                        // a draw of x_T
  int (*prior_log_density) (const void *state, const gsl_matrix *x, gsl_vector *log_prior); // in nats

  void (*free) (void *state); // NULL: nothing to release
} sb_process_type;

// Any function of a type may be NULL: there is no such map (a discrete chain has no F and G) and callers of the
// functions below get GSL_EUNSUP.
typedef struct
{
  const sb_process_type *type;
  void *state;
  size_t dimension; // d
  double t_min;     // the paper's epsilon: an SDE is solved on [t_min, t_max]; a chain's first level. Yours to change
  double t_max;     // T
  size_t levels;    // of a chain: N, its levels lying at t = i/N; 0 for a process in continuous time
} sb_process;

// A process of your own: the type is kept, not copied; the state belongs to the process from here on, and is released
// with it, or at once where this fails. NULL with GSL_EINVAL where the dimension is 0 or the times are not
// 0 <= t_min <= t_max, 0 < t_max < infinity; with GSL_ENOMEM.
sb_process *sb_process_alloc (const sb_process_type *type, void *state, size_t dimension, double t_min, double t_max,
                              size_t levels);

// Release a process of any kind. NULL is allowed.
void sb_process_free (sb_process *process);

// Common to all functions: times are in the process's own unit (here always [0, 1]), s <= t, a time per row;
// GSL_EBADLEN where a shape is wrong, GSL_EDOM where a time is outside [0, t_max] or s > t (a chain: where it is not
// a level; VE: where F and G are asked at t = 0, which has none), GSL_EUNSUP where the process has no such map,
// GSL_ESING where A(s,t) or S(s,t) has no inverse (S: where s = t). A batch may have no rows. After a failure the
// contents of what was to be written are unspecified.
int sb_process_apply (const sb_process *process, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s,
                      const gsl_vector *t, gsl_matrix *x);
int sb_process_scalars (const sb_process *process, double s, double t, double *a, double *sd);
int sb_process_log_det (const sb_process *process, const gsl_vector *s, const gsl_vector *t, gsl_vector *log_det);
int sb_process_trace (const sb_process *process, const gsl_vector *t, gsl_vector *trace);
int sb_process_prior (const sb_process *process, sb_stream stream, gsl_matrix *x);
int sb_process_prior_log_density (const sb_process *process, const gsl_matrix *x, gsl_vector *log_prior);

// x_t given x_s: x (n x d) holds x_s and becomes A x_s + S z. z (n x d) holds the normals, or is NULL: no noise (the
// conditional mean).
int sb_process_transition (const sb_process *process, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z,
                           gsl_matrix *x);

// The same without memory of its own: noise (n x d) holds the normals and becomes S z.
int sb_process_transition_in_place (const sb_process *process, const gsl_vector *s, const gsl_vector *t,
                                    gsl_matrix *noise, gsl_matrix *x);

// The level i of a chain at time t = i/N, rounding of t allowed for. GSL_EUNSUP where the process is no chain.
int sb_process_level (const sb_process *process, double t, size_t *i);

SB_END_DECLS

#endif
