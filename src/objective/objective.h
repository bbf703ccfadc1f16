#ifndef SCOREBOOK_OBJECTIVE_OBJECTIVE_H
#define SCOREBOOK_OBJECTIVE_OBJECTIVE_H

#include "../base/decls.h"
#include "../base/entry.h"
#include "../base/stream.h"
#include "../sampler/partial_path.h"
#include "../score/score.h"
#include "levels.h"
#include "weightings.h"

#include <stdbool.h>

SB_BEGIN_DECLS

// ---- What training minimises

typedef struct sb_objective_type sb_objective_type;

// An objective with its settings. Every row has a loss of its own; training minimises their mean.
typedef struct
{
  const sb_objective_type *type;
  double key[SB_KEYS_MOST];  // the values of the entry's keys
  const sb_process *process; // not owned
  sb_weighting weighting;    // where the type takes one
  const sb_score *truth;     // of esm: the score to be matched; not owned

  // Times are uniform from t_min to t_max; of a chain, on those of its levels 1, ..., N that lie there. t_max = 0: all
  // are 0, the data as they are.
  double t_min, t_max;
  const sb_level_law *levels; // in place of uniform; NULL: uniform
  double levels_key[2];       // the values of its entry's keys
  double t_above;             // at times up to this the data are ignored: no loss of theirs, no gradient. 0: nowhere

  // Of a process without a kernel in closed form, as one of process/ito.h: x (n x d), which holds x_0, becomes x_t at
  // times t (n); row i takes its random numbers from index + i of the stream. NULL: x_t is A x_0 + S z. Only for types
  // that do not use z.
  int (*simulate) (sb_stream stream, const gsl_vector *t, gsl_matrix *x, void *params);
  void *simulate_params; // not owned
} sb_objective;

// With the usual values of its keys, its usual weighting, and times up to the process's t_max. t_min is 1e-5 in
// Score-based generative modeling through SDEs; 0 for a chain.
sb_objective sb_objective_of (const sb_objective_type *type, const sb_process *process, double t_min);

// All that the losses of n rows depend on. A row has `points` points and `directions` directions: point p of row i is
// row p n + i of the matrices of points, and likewise direction m. If only `more` < n rows, listed in row[], have the
// points p > 0, point p of the q-th of them is row n + (p - 1) more + q.
typedef struct
{
  const sb_objective *objective;
  const gsl_matrix *y;      // NULL, or the conditions (n rows)
  const gsl_matrix *y_more; // NULL, or those of the rows that have more points (`more` rows)
  gsl_matrix *gathered;     // NULL, or the memory of y_more, where it is a copy
  sb_stream stream;         // the rows' own
  size_t most;              // rows that the memory is for
  size_t n;                 // rows in use
  size_t points, directions;
  size_t more;  // how many rows have more points than the first: n, unless the type chooses fewer
  size_t *row;  // the indices of these rows
  size_t below; // rows whose target was ignored (t_above)
  double *memory;
  sb_path_work *paths; // of a type whose points are reached by steps; made on first use

  gsl_matrix x_0;         // n x d: data
  gsl_vector t;           // points n: times
  gsl_matrix z, x;        // points n x d: normals, points
  gsl_matrix v;           // directions n x d
  gsl_vector loss;        // n
  gsl_vector regulariser; // n: its part that is not denoising, of a type that has one; else 0

  gsl_matrix estimate, bar; // points n x d: in the objective's view, and the loss's gradient with respect to it
  gsl_matrix Jv, Jv_bar;    // directions n x d: J v at point 0, likewise; empty where no derivatives are wanted
  gsl_matrix difference;    // points n x d: the estimates less their targets

  gsl_matrix c, work; // these and `numbers`: workspace of sb_weighting_apply
  double *numbers;
} sb_objective_batch;

// The rows of block k of a batch's matrix, or the elements of its vector: point or direction k of each of the n rows.
static inline gsl_matrix
sb_batch_block (const gsl_matrix *m, size_t n, size_t k)
{
  gsl_matrix block = { n, m->size2, m->tda, m->data + k * n * m->tda, NULL, 0 };
  return block;
}

static inline gsl_vector
sb_batch_part (const gsl_vector *v, size_t n, size_t k)
{
  gsl_vector part = { n, 1, v->data + k * n, NULL, 0 };
  return part;
}

struct sb_objective_type
{
  sb_entry entry;
  sb_view view;                              // of the estimates
  const sb_weighting_type *const *weighting; // the usual one; NULL: it takes none
  bool derivatives;                          // needs the estimate's derivatives along the directions
  bool noise;                                // uses z: its target is the kernel's

  // NULL, or what the type asks of its settings beyond the common checks: a GSL status.
  int (*check) (const sb_objective *objective);

  // How many points and directions a row has, 1 and 0 at the call. NULL: these.
  void (*count) (const sb_objective *objective, size_t *points, size_t *directions);

  // From x_0: times, normals, points and directions. Row i takes its random numbers from index + i of the stream (its
  // purpose is ignored). NULL: sb_objective_draw_points.
  int (*draw) (sb_stream stream, sb_objective_batch *batch);

  // NULL, or: the points after the first, where they depend on the score being trained, once `estimate` is known at the
  // first.
  int (*draw_more) (const sb_score *score, sb_objective_batch *batch);

  // From estimate and Jv: loss, bar, Jv_bar.
  int (*loss) (sb_objective_batch *batch);
};

// ---- The family
//
// With s the score, target = grad log p(x_t | x_0) = -S^-T z, and lambda the weighting; where 1/2 stands, it stands in
// the paper; the mean over times, where a paper integrates, is 1/T of its integral:
//     dsm        |s - target|^2_lambda by epsilon; usually lambda = S S^T: |eps - z|^2, L_simple
//     denoising  1/2 |s - target|^2_lambda by the score; usually lambda = 1
//     soft       the same by the denoiser h, without the 1/2: |A (h - x_0)|^2_lambda / S^4; usually lambda = S S^T
//     clean      |h - x_0|^2
//     consistency   soft's, + lambda/2 |E[h(x_t', t')] - h|^2, by two short paths back from x_t
//                (objective/consistency.h)
//     ncsn       1/L sum over all levels of denoising's; usually lambda = sigma^2
//     esm        1/2 |s - truth|^2_lambda; usually lambda = 1
//     ism        tr (lambda J) + 1/2 s^T lambda s, by d directions; usually lambda = 1
//     ssm        v^T lambda J v + 1/2 s^T lambda s, the mean over M directions; plain: 1/2 (v^T s) (v^T lambda s)
//                in place of 1/2 s^T lambda s
//     fdssm      v^T lambda (s_+ - s_-) / 2h + 1/2 m^T lambda m, m = (s_+ + s_-) / 2; plain: as for ssm
extern const sb_objective_type *sb_objective_dsm, *sb_objective_denoising, *sb_objective_soft, *sb_objective_clean,
    *sb_objective_ncsn, *sb_objective_esm, *sb_objective_ism, *sb_objective_ssm, *sb_objective_fdssm,
    *sb_objective_consistency;

const sb_entry *sb_objectives (size_t k); // the family; each is the first field of its sb_objective_type

// ---- The loss of a batch

// For up to `rows` rows. It keeps the address of the objective. NULL: GSL_EDOM where a key is out of range, GSL_EINVAL
// where times are not 0 <= t_min <= t_max, the type needs a weighting or a truth and there is none, or no level lies
// between; GSL_ENOMEM.
sb_objective_batch *sb_objective_batch_alloc (const sb_objective *objective, size_t rows);
void sb_objective_batch_free (sb_objective_batch *batch);              // NULL is allowed
void sb_objective_batch_rows (sb_objective_batch *batch, size_t rows); // how many are in use, up to `most`

// Allocate memory for the paths of a type with draw_more, which is otherwise done on first use. GSL_ENOMEM.
int sb_objective_prepare (const sb_score *score, sb_objective_batch *batch);

// The three steps, one by one. sb_objective_draw_more belongs to the second: after the first points' estimates (see the
// type). Errors are those of the process and the score; GSL_EBADLEN where a shape is wrong.
int sb_objective_draw (sb_stream stream, sb_objective_batch *batch);
int sb_objective_evaluate (const sb_score *score, const gsl_matrix *y, sb_objective_batch *batch);
int sb_objective_draw_more (const sb_score *score, sb_objective_batch *batch);
int sb_objective_find_loss (sb_objective_batch *batch);
// And back: the gradient of weight x (the sum of the losses) with respect to the score's parameters (sb_score_vjp).
// bar and difference are overwritten.
int sb_objective_backward (const sb_score *score, double weight, sb_objective_batch *batch);

// The loss of each row (n) of data x_0 (n x d), all three.
int sb_objective_loss (const sb_objective *objective, const sb_score *score, const gsl_matrix *x_0, const gsl_matrix *y,
                       sb_stream stream, gsl_vector *loss);
// And the gradient of weight x (the sum of the losses) with respect to the score's parameters, added to what its state
// accumulates (sb_score_vjp). GSL_EUNSUP where the objective needs derivatives: only a network in training
// has the gradient of those (train/score_matching.h).
int sb_objective_gradient (const sb_objective *objective, const sb_score *score, const gsl_matrix *x_0,
                           const gsl_matrix *y, sb_stream stream, double weight, gsl_vector *loss);

// ---- For the authors of objectives

// How many levels of a chain lie from t_min to t_max, and which is the last.
size_t sb_objective_levels (const sb_objective *objective, size_t *last);

int sb_objective_draw_points (sb_stream stream, sb_objective_batch *batch); // t, z and x = A x_0 + S z of point 0

// The law of a random direction v, with E[v v^T] = I.
typedef enum
{
  SB_PROJECTION_GAUSSIAN,  // standard normals
  SB_PROJECTION_RADEMACHER // signs: the estimate of the trace has a smaller variance
} sb_projection;

// Direction `number` of each row's stream, into the rows of v (n x d). GSL_EINVAL where there is no such law, GSL_EDOM
// beyond the stream's end.
int sb_projection_draw (sb_projection law, sb_stream stream, size_t number, gsl_matrix *v);
int sb_objective_draw_directions (sb_projection law, sb_stream stream, sb_objective_batch *batch);

// difference <- estimate - target, of the n rows' first points; target (n x d).
void sb_objective_subtract (const gsl_matrix *target, sb_objective_batch *batch);

// The loss of denoising: 1/2 |s - target|^2_lambda, the mean over a row's points.
int sb_objective_denoising_loss (sb_objective_batch *batch);

// From `difference`, the estimates less their targets: loss <- factor |difference|^2_lambda, the mean over the points,
// and bar.
int sb_objective_square (double factor, sb_objective_batch *batch);

// out (n x d) <- lambda e, of errors e of the score at the first points.
int sb_objective_weigh (const gsl_matrix *e, sb_objective_batch *batch, gsl_matrix *out);

// A score and its derivatives along the directions, and where the gradients go: s, s_bar (n x d), Jv, Jv_bar
// (directions n x d).
typedef struct
{
  const gsl_matrix *s, *Jv;
  gsl_matrix *s_bar, *Jv_bar;
} sb_slices;

// loss <- weight times the sum over directions of v^T lambda Jv, plus 1/2 s^T lambda s; plain: weight times the sum of
// v^T lambda Jv + 1/2 (v^T s) (v^T lambda s).
int sb_objective_slices (double weight, bool plain, const sb_slices *slices, sb_objective_batch *batch);

// Let `more` rows, those in batch->row, have more points than the first.
void sb_objective_keep_points (sb_objective_batch *batch, size_t more);

// Rows at times up to t_above: loss and bar <- 0, counted in `below`.
void sb_objective_mask_low_times (sb_objective_batch *batch);

// difference <- estimate - target, of the score: by the normals z. Parts with zero noise have no target: it is taken as
// 0.
int sb_objective_from_target (sb_objective_batch *batch);

SB_END_DECLS

#endif
