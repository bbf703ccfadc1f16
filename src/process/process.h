#ifndef SCOREBOOK_PROCESS_PROCESS_H
#define SCOREBOOK_PROCESS_PROCESS_H

#include "../base/decls.h"
#include "../base/stream.h"
#include "../operator/operator.h"

#include <gsl/gsl_cblas.h>
#include <gsl/gsl_matrix.h>
#include <stdbool.h>

SB_BEGIN_DECLS

// A forward process turns data x_0 into noise x_T. All of the papers' processes are linear and Gaussian,
//     x_t = A(s,t) x_s + S(s,t) z,   z ~ N(0, I),      dx = F(t) x dt + G(t) dw,
// and nearly all are diagonal in a fixed orthonormal basis, with few different numbers on the diagonals: one (VE, VP,
// sub-VP and their chains), one per group of coordinates (an SDE each), one per frequency (blur). Coordinates that
// share their numbers are a *part* of the process, which is given by the numbers of its parts.
typedef enum
{
  SB_A,         // A(s,t), the mean of x_t given x_s
  SB_A_INVERSE, // A(s,t)^-1
  SB_S,         // S(s,t), a square root of its covariance: Cov[x_t | x_s] = S S^T
  SB_S_INVERSE, // S(s,t)^-1
  SB_F,         // F(t), the drift's matrix, per unit time; s is ignored
  SB_G,         // G(t), the diffusion's; s is ignored
  SB_A_RATE,    // d/dt A(0,t); s is ignored
  SB_S_RATE     // d/dt S(0,t); s is ignored
} sb_process_map;

// Any function of a type may be NULL: there is no such map and callers get GSL_EUNSUP. Times are checked before.
typedef struct
{
  const char *name;

  // For a process that is diagonal in a basis: c[k] <- the number of part k for a map other than the two inverses, for
  // which it is not called. a >= 0 (0: nothing is left of x_s) and sd >= 0 (0: no noise is added); NaN where a map is
  // undefined at this time; GSL_EUNSUP where the process has no such map, or none from s > 0.
  int (*numbers) (const void *state, sb_process_map map, double s, double t, double *c);
  int (*prior_sd) (const void *state, double *sd); // of each part: x_T ~ N(0, sd^2 I); 0: the part has no prior. NULL:
                                                   // `prior` below

  // For any other process: x_i <- M x_i for every row of x (n x d), M at times s_i <= t_i (transposed: CblasTrans). s
  // NULL: all zero.
  int (*apply) (const void *state, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s,
                const gsl_vector *t, gsl_matrix *x);
  int (*deviation) (const void *state, double s, double t, double *sd); // where S(s,t) = sd I
  int (*log_det) (const void *state, const gsl_vector *s, const gsl_vector *t, gsl_vector *log_det); // log|det S(s,t)|
  int (*trace) (const void *state, const gsl_vector *t, gsl_vector *trace);                          // tr F(t)
  int (*prior) (const void *state, sb_stream stream, gsl_matrix *x);                                 // a draw of x_T
  int (*prior_log_density) (const void *state, const gsl_matrix *x, gsl_vector *log_prior);          // in nats

  void (*free) (void *state); // NULL: nothing to release
} sb_process_type;

typedef struct
{
  const sb_process_type *type;
  void *state;
  size_t dimension;   // d
  double t_min;       // the paper's epsilon: an SDE is solved on [t_min, t_max]; a chain's first level. May be changed
  double t_max;       // T, the time of the prior
  double t_limit;     // >= t_max: the maps are defined up to here
  size_t levels;      // of a chain: N, its levels are at t = i/N; 0 for a process in continuous time
  size_t break_count; // times at which rates jump, where a solver restarts, ascending within (0, t_max); the
  const double *breaks; // state owns them, and the maker of such a process sets them
  bool from_zero_only;  // there is no kernel from s > 0 to t; set by the maker of such a process

  // For a type with numbers; the maker of such a process sets them after sb_process_alloc, and the state owns them.
  size_t parts;       // 0: no numbers
  const size_t *part; // the part of each coordinate (d); NULL: all are of part 0, or, where parts is d, each of its own
  const sb_operator *basis; // W, orthonormal (d x d): the maps are W^T diag(c) W. NULL: the identity
} sb_process;

// A process of your own, of one part where its type has numbers: the type is kept, not copied; the state belongs to the
// process from here on, and is released with it, or at once where this fails. t_limit is t_max. NULL with GSL_EINVAL
// where the dimension is 0 or the times are not 0 <= t_min <= t_max, 0 < t_max < infinity; with GSL_ENOMEM.
sb_process *sb_process_alloc (const sb_process_type *type, void *state, size_t dimension, double t_min, double t_max,
                              size_t levels);

// Release a process of any kind. NULL is allowed.
void sb_process_free (sb_process *process);

// Common to all functions: times are in the process's own unit ([0, 1] but for edm), s <= t, a time per row;
// GSL_EBADLEN where a shape is wrong, GSL_EDOM where a time is outside [0, t_limit] or s > t (a chain: where it is not
// a level; VE: F and G at t = 0, where they do not exist), GSL_EUNSUP where the process has no such map, GSL_ESING
// where A(s,t) or S(s,t) has no inverse (S: where s = t). A batch may have no rows. After a failure the contents of
// outputs are unspecified.
int sb_process_apply (const sb_process *process, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s,
                      const gsl_vector *t, gsl_matrix *x);

// x_i <- M M^T x_i, for a map M as S or G.
int sb_process_apply_square (const sb_process *process, sb_process_map map, const gsl_vector *s, const gsl_vector *t,
                             gsl_matrix *x);

int sb_process_log_det (const sb_process *process, const gsl_vector *s, const gsl_vector *t, gsl_vector *log_det);
int sb_process_trace (const sb_process *process, const gsl_vector *t, gsl_vector *trace);

// Rows x_T of the prior. Parts without one are left as they are in x; row i takes d normals of its stream all the same.
int sb_process_prior (const sb_process *process, sb_stream stream, gsl_matrix *x);
int sb_process_prior_log_density (const sb_process *process, const gsl_matrix *x, gsl_vector *log_prior);

// The numbers of a map at one pair of times, c (parts). GSL_EUNSUP also where the process has no parts.
int sb_process_numbers (const sb_process *process, sb_process_map map, double s, double t, double *c);

// GSL_EUNSUP where the process has no parts (`what` needs them, and begins the message); where it is not a chain.
int sb_process_check_parts (const sb_process *process, const char *what);
int sb_process_check_chain (const sb_process *process);

// Where A = a I and S = sd I: these two. GSL_EUNSUP for a process of more than one part.
int sb_process_scalars (const sb_process *process, double s, double t, double *a, double *sd);

// Where S(s,t) = sd I, whatever A is. GSL_EUNSUP elsewhere.
int sb_process_deviation (const sb_process *process, double s, double t, double *sd);

// Whether the time is the noise's deviation and the signal is not scaled, A(0,t) = I and S(0,t) = t I, as
// process/edm.h; false for chains.
bool sb_process_time_is_noise (const sb_process *process);

static inline size_t
sb_process_part (const sb_process *process, size_t j)
{
  return process->part ? process->part[j] : process->parts == 1 ? 0 : j;
}

// A term of a linear combination: rows x_i (n x d), each part of which is multiplied by its coefficient, c (n x parts,
// or 1 x parts: the same for all rows; one column in all terms: the same for all parts, or for a process without any).
// Numbers with coefficient 0 are left out, whatever they are.
typedef struct
{
  const gsl_matrix *c, *x;
} sb_term;

// out_i <- sum over terms of W^T diag(c_i) W x_i. out may be one of the terms' x. work: workspace (2 n x d), used only
// where the process has a basis; NULL: allocated and freed again. GSL_EBADLEN, GSL_EINVAL for no or over
// SB_TERMS_MOST terms, GSL_EUNSUP for several columns without parts, GSL_ENOMEM.
enum
{
  SB_TERMS_MOST = 5
};
int sb_process_combine (const sb_process *process, size_t terms, const sb_term *term, gsl_matrix *work,
                        gsl_matrix *out);

// x_t given x_s: x (n x d) holds x_s and becomes A x_s + S z. z (n x d) holds the normals, or is NULL: no noise (the
// conditional mean).
int sb_process_transition (const sb_process *process, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z,
                           gsl_matrix *x);

// The same without allocating memory: noise (n x d) holds the normals and becomes S z.
int sb_process_transition_in_place (const sb_process *process, const gsl_vector *s, const gsl_vector *t,
                                    gsl_matrix *noise, gsl_matrix *x);

// The number of consecutive rows, from `first` on, with the times of row `first` (s NULL: all zero).
size_t sb_same_times (const gsl_vector *s, const gsl_vector *t, size_t first);

// The level i of a chain at time t = i/N, with a tolerance for rounding, and back. GSL_EUNSUP where it is no chain,
// GSL_EDOM where it has no such time or level.
int sb_process_level (const sb_process *process, double t, size_t *i);
int sb_process_time (const sb_process *process, size_t i, double *t);

SB_END_DECLS

#endif
