// # What training minimises
//
// An objective draws points and names the view of the score that it needs there; from these estimates it computes each
// row's loss and its gradient with respect to them. It does not depend on what computes the estimates and takes the
// gradient on to parameters: a score in closed form, a user's, or a network in training.

#include "objective.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/rows.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ## The table

static const sb_objective_type *const *const table[] = {
  &sb_objective_dsm, &sb_objective_denoising, &sb_objective_soft,  &sb_objective_ncsn,  &sb_objective_esm,
  &sb_objective_ism, &sb_objective_ssm,       &sb_objective_fdssm, &sb_objective_clean, &sb_objective_consistency
};

const sb_entry *
sb_objectives (size_t k)
{
  return k < sizeof table / sizeof *table ? &(*table[k])->entry : NULL;
}

sb_objective
sb_objective_of (const sb_objective_type *type, const sb_process *process, double t_min)
{
  sb_objective objective = { .type = type, .process = process, .t_min = t_min, .t_max = process->t_max };
  objective.weighting.type = type->weighting ? *type->weighting : NULL;
  sb_entry_usual (&type->entry, objective.key);
  return objective;
}

// ## Memory

// Matrices and vectors lie one after the other; `used` counts the numbers taken. memory NULL: they are only counted.

static double *
take (double *memory, size_t *used, size_t count)
{
  double *start = memory ? memory + *used : NULL;
  *used += count;
  return start;
}

static gsl_matrix
take_matrix (double *memory, size_t *used, size_t n, size_t d)
{
  return (gsl_matrix){ n, d, d, take (memory, used, n * d), NULL, 0 };
}

static gsl_vector
take_vector (double *memory, size_t *used, size_t n)
{
  return (gsl_vector){ n, 1, take (memory, used, n), NULL, 0 };
}

static size_t
lay_out (sb_objective_batch *b, size_t n)
{
  const sb_process *p = b->objective->process;
  const size_t d = p->dimension, points = b->points * n, directions = b->directions * n,
               derivatives = b->objective->type->derivatives ? directions : 0;
  double *memory = b->memory;
  size_t used = 0;
  b->x_0 = take_matrix (memory, &used, n, d);
  b->t = take_vector (memory, &used, points);
  b->z = take_matrix (memory, &used, points, d);
  b->x = take_matrix (memory, &used, points, d);
  b->v = take_matrix (memory, &used, directions, d);
  b->estimate = take_matrix (memory, &used, points, d);
  b->bar = take_matrix (memory, &used, points, d);
  b->Jv = take_matrix (memory, &used, derivatives, d);
  b->Jv_bar = take_matrix (memory, &used, derivatives, d);
  b->loss = take_vector (memory, &used, n);
  b->regulariser = take_vector (memory, &used, n);
  b->difference = take_matrix (memory, &used, points, d);
  b->c = take_matrix (memory, &used, points, p->parts);
  b->work = take_matrix (memory, &used, 2 * points, d);
  b->numbers = take (memory, &used, 2 * p->parts);
  return used;
}

void
sb_objective_batch_rows (sb_objective_batch *b, size_t n)
{
  lay_out (b, n);
  b->n = b->more = n;
  b->below = 0;
  for (size_t i = 0; i < n; i++)
    b->row[i] = i;
}

void
sb_objective_keep_points (sb_objective_batch *b, size_t more)
{
  const size_t rows = b->n + (b->points - 1) * more;
  b->more = more;
  b->t.size = b->c.size1 = rows;
  b->z.size1 = b->x.size1 = b->estimate.size1 = b->bar.size1 = b->difference.size1 = rows;
}

// A law of noise levels is one of times where the time is the level. A chain has its own levels.

static int
check_levels (const sb_objective *o)
{
  if (!o->levels || o->levels == sb_levels_uniform)
    return GSL_SUCCESS;
  if (o->process->levels > 0)
    SB_ERROR (NULL, GSL_EUNSUP, "%s levels are not those of a chain, %s", o->levels->entry.name,
              o->process->type->name);
  if (o->levels->of_noise && !sb_process_time_is_noise (o->process))
    SB_ERROR (NULL, GSL_EUNSUP, "%s levels are of noise, and the time of %s is not its noise", o->levels->entry.name,
              o->process->type->name);
  return sb_entry_check (&o->levels->entry, o->levels_key, NULL);
}

static int
check_objective (const sb_objective *o)
{
  const char *name = o->type->entry.name;
  sb_error error = { 0 };

  // Check the keys.
  int status = sb_entry_check (&o->type->entry, o->key, &error);
  if (status)
    SB_ERROR (NULL, status, "%s", error.message);

  // Check the times, and what the type needs.
  if (!(0 <= o->t_min && o->t_min <= o->t_max && o->t_max <= o->process->t_limit))
    SB_ERROR (NULL, GSL_EINVAL, "%s: times from %g to %g, the process's are from 0 to %g", name, o->t_min, o->t_max,
              o->process->t_limit);
  if (o->type->weighting && !o->weighting.type)
    SB_ERROR (NULL, GSL_EINVAL, "%s: there is no weighting", name);
  if (o->simulate && o->type->noise)
    SB_ERROR (NULL, GSL_EUNSUP, "%s: its target is the kernel's, which a simulation does not know", name);
  if (!(o->t_above >= 0))
    SB_ERROR (NULL, GSL_EINVAL, "%s: t_above is %g, not 0 or later", name, o->t_above);
  if (o->t_above > 0 && o->type->derivatives)
    SB_ERROR (NULL, GSL_EUNSUP, "%s: its target is used at all times", name);
  status = o->type->check ? o->type->check (o) : GSL_SUCCESS;
  return status ? status : check_levels (o);
}

sb_objective_batch *
sb_objective_batch_alloc (const sb_objective *objective, size_t rows)
{
  if (check_objective (objective))
    return NULL;
  sb_objective_batch *b = calloc (1, sizeof *b);
  if (!b)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a batch of %zu rows", rows);

  // Find how many points and directions a row has.
  b->objective = objective;
  b->most = rows;
  b->points = 1;
  if (objective->type->count)
    objective->type->count (objective, &b->points, &b->directions);

  // Allocate all memory in one block.
  const int fits = !sb_check_lengths ("rows of a batch", rows, lay_out (b, 1), 1);
  b->memory = b->points > 0 && fits ? calloc (lay_out (b, rows) + 1, sizeof *b->memory) : NULL;
  b->row = b->memory ? malloc ((rows + 1) * sizeof *b->row) : NULL;
  if (!b->row)
    {
      const size_t points = b->points;
      free (b->memory);
      free (b);
      SB_ERROR_NULL (NULL, points > 0 ? GSL_ENOMEM : GSL_EINVAL, "no memory for %zu rows, or no level for their points",
                     rows);
    }
  sb_objective_batch_rows (b, rows);
  return b;
}

void
sb_objective_batch_free (sb_objective_batch *batch)
{
  if (!batch)
    return;
  sb_path_work_free (batch->paths);
  free (batch->memory);
  free (batch->row);
  gsl_matrix_free (batch->gathered);
  free (batch);
}

// ## Drawing
//
// An expectation is taken in the order in which it is written, and an inner law may depend on what was drawn before:
// [nonuniform.txt-notation] $\mathbb E_{z_1, \ldots, z_n}[f] := \mathbb E_{z_1}\cdots\mathbb E_{z_n}[f]$, here of $t$,
// of $x_0$, and of $x_t$ given both.
//
// The paper prints $t \sim \mathcal{U}[0, T]$, and means $[\epsilon, T]$ (its Appendix C): at $t = 0$ the target is
// infinite. A chain has levels instead; $u \in (0, 1)$ picks level $\lceil uN \rceil$.

size_t
sb_objective_levels (const sb_objective *o, size_t *last)
{
  const double N = (double)o->process->levels;
  const size_t first = (size_t)GSL_MAX (1, ceil (o->t_min * N - 1e-6));
  *last = (size_t)floor (o->t_max * N + 1e-6);
  return *last >= first ? *last - first + 1 : 0;
}

static double
time_of (const sb_objective *o, double u)
{
  size_t last, count;
  if (o->levels && o->process->levels == 0)
    return o->levels->quantile (o->levels_key, o->t_min, o->t_max, u);
  if (o->process->levels == 0 || o->t_max == 0)
    return o->t_min + u * (o->t_max - o->t_min);
  count = sb_objective_levels (o, &last);
  return ((double)(last - count) + ceil (u * (double)count)) / (double)o->process->levels;
}

int
sb_objective_draw_points (sb_stream stream, sb_objective_batch *b)
{
  const sb_objective *o = b->objective;
  gsl_vector t = sb_batch_part (&b->t, b->n, 0);
  gsl_matrix u = { b->n, 1, 1, t.data, NULL, 0 }, z = sb_batch_block (&b->z, b->n, 0),
             x = sb_batch_block (&b->x, b->n, 0), noise = sb_batch_block (&b->difference, b->n, 0);

  // Draw the times.
  stream.purpose = SB_FOR_TIME;
  int status = sb_stream_uniforms (stream, 0, &u);
  for (size_t i = 0; i < b->n && !status; i++)
    gsl_vector_set (&t, i, time_of (o, gsl_vector_get (&t, i)));

  // Draw the noise, and move the data.
  stream.purpose = SB_FOR_FORWARD;
  memcpy (x.data, b->x_0.data, b->n * x.size2 * sizeof (double));
  if (!status && o->simulate)
    return o->simulate (stream, &t, &x, o->simulate_params);
  if (!status)
    status = sb_stream_normals (stream, 0, &z);
  memcpy (noise.data, z.data, b->n * z.size2 * sizeof (double));
  return status ? status : sb_process_transition_in_place (o->process, NULL, &t, &noise, &x);
}

int
sb_projection_draw (sb_projection law, sb_stream stream, size_t number, gsl_matrix *v)
{
  uint64_t first = (uint64_t)number * v->size2;
  stream.purpose = SB_FOR_PROBE;
  if (law == SB_PROJECTION_GAUSSIAN)
    return sb_stream_normals (stream, first, v);
  if (law != SB_PROJECTION_RADEMACHER)
    SB_ERROR (NULL, GSL_EINVAL, "directions are of normals or of signs, not %d", (int)law);
  int status = sb_stream_uniforms (stream, first, v);
  for (size_t i = 0; i < v->size1 && !status; i++)
    for (size_t j = 0; j < v->size2; j++)
      gsl_matrix_set (v, i, j, gsl_matrix_get (v, i, j) < 0.5 ? -1 : 1);
  return status;
}

int
sb_objective_draw_directions (sb_projection law, sb_stream stream, sb_objective_batch *b)
{
  int status = GSL_SUCCESS;
  for (size_t m = 0; m < b->directions && !status; m++)
    {
      gsl_matrix v = sb_batch_block (&b->v, b->n, m);
      status = sb_projection_draw (law, stream, m, &v);
    }
  return status;
}

int
sb_objective_draw (sb_stream stream, sb_objective_batch *b)
{
  const sb_objective_type *type = b->objective->type;
  int status = check_objective (b->objective);
  if (status || b->n == 0)
    return status;
  b->stream = stream;
  return type->draw ? type->draw (stream, b) : sb_objective_draw_points (stream, b);
}

int
sb_objective_prepare (const sb_score *score, sb_objective_batch *b)
{
  if (b->objective->type->draw_more && !b->paths)
    b->paths = sb_path_work_alloc (score, b->most);
  return b->objective->type->draw_more && !b->paths ? GSL_ENOMEM : GSL_SUCCESS;
}

int
sb_objective_draw_more (const sb_score *score, sb_objective_batch *b)
{
  return b->objective->type->draw_more && b->n > 0 ? b->objective->type->draw_more (score, b) : GSL_SUCCESS;
}

// ## Evaluating a score

// The block of a matrix or vector that belongs to the rows which have a point p.

static gsl_matrix
block (const sb_objective_batch *b, const gsl_matrix *m, size_t p)
{
  const size_t first = p == 0 ? 0 : b->n + (p - 1) * b->more;
  return (gsl_matrix){ p == 0 ? b->n : b->more, m->size2, m->tda, m->data + first * m->tda, NULL, 0 };
}

static gsl_vector
part (const sb_objective_batch *b, const gsl_vector *v, size_t p)
{
  return (gsl_vector){ p == 0 ? b->n : b->more, 1, v->data + (p == 0 ? 0 : b->n + (p - 1) * b->more), NULL, 0 };
}

// The conditions of the rows that have more points.

static int
gather_conditions (sb_objective_batch *b)
{
  gsl_matrix_free (b->gathered);
  b->gathered = gsl_matrix_alloc (b->more, b->y->size2);
  if (!b->gathered)
    return GSL_ENOMEM;
  for (size_t q = 0; q < b->more; q++)
    {
      gsl_vector_const_view from = gsl_matrix_const_row (b->y, b->row[q]);
      gsl_matrix_set_row (b->gathered, q, &from.vector);
    }
  b->y_more = b->gathered;
  return GSL_SUCCESS;
}

static int
evaluate_at (const sb_score *score, size_t p, sb_objective_batch *b)
{
  gsl_matrix x = block (b, &b->x, p), estimate = block (b, &b->estimate, p);
  gsl_vector t = part (b, &b->t, p);
  if (x.size1 == 0)
    return GSL_SUCCESS;
  return sb_score_evaluate (score, b->objective->type->view, &x, &t, p == 0 ? b->y : b->y_more, &estimate);
}

int
sb_objective_evaluate (const sb_score *score, const gsl_matrix *y, sb_objective_batch *b)
{
  const sb_objective_type *type = b->objective->type;
  b->y = b->y_more = y;
  int status = y && b->more > 0 && b->more < b->n ? gather_conditions (b) : GSL_SUCCESS;

  // Evaluate the estimate at each point.
  if (!status)
    status = evaluate_at (score, 0, b);
  if (!status)
    status = sb_objective_draw_more (score, b);
  for (size_t p = 1; p < b->points && !status; p++)
    status = evaluate_at (score, p, b);

  // Evaluate its derivative along each direction.
  for (size_t m = 0; type->derivatives && m < b->directions && b->n > 0 && !status; m++)
    {
      gsl_matrix x = sb_batch_block (&b->x, b->n, 0), v = sb_batch_block (&b->v, b->n, m),
                 Jv = sb_batch_block (&b->Jv, b->n, m);
      gsl_vector t = sb_batch_part (&b->t, b->n, 0);
      status = sb_score_jvp (score, type->view, &x, &t, y, &v, &Jv);
    }
  return status;
}

// ## A squared distance
//
// With $e$ an estimate's error in its view, the score's is $B e$, and a weight $\lambda$ on it has the quadratic form
// $R = B^\top\lambda B$ (`weightings.c`): loss $c\,e^\top R\,e$, gradient $2c\,R\,e$, and the mean over a row's points.

// One of several parts may have zero noise, as the condition does in a pair whose $\mathbf y$ is not diffused. Its
// kernel is a point and has no score: 0 stands for it, with no weight (`weightings.c`).

static int
noise_of_parts (sb_objective_batch *b)
{
  const sb_process *process = b->objective->process;
  double *sd = b->numbers;
  for (size_t i = 0; i < b->t.size; i++)
    {
      const int status = sb_process_numbers (process, SB_S, 0, gsl_vector_get (&b->t, i), sd);
      if (status)
        return status;
      for (size_t k = 0; k < process->parts; k++)
        gsl_matrix_set (&b->c, i, k, sd[k] == 0 ? 0 : 1 / sd[k]);
    }
  return sb_process_combine (process, 1, &(sb_term){ &b->c, &b->z }, &b->work, &b->difference);
}

int
sb_objective_from_target (sb_objective_batch *b)
{
  const sb_process *process = b->objective->process;
  memcpy (b->difference.data, b->z.data, b->points * b->n * b->z.size2 * sizeof (double));
  int status = process->parts > 1 ? noise_of_parts (b)
                                  : sb_process_apply (process, SB_S_INVERSE, CblasTrans, NULL, &b->t, &b->difference);
  return status ? status : gsl_matrix_add (&b->difference, &b->estimate);
}

// $\lambda e$ of errors of the score at the first points; 1 also where there is no noise.

int
sb_objective_weigh (const gsl_matrix *e, sb_objective_batch *b, gsl_matrix *out)
{
  gsl_vector t = sb_batch_part (&b->t, b->n, 0);
  gsl_matrix c = sb_batch_block (&b->c, b->n, 0);
  const sb_weighting *lambda = &b->objective->weighting;
  return lambda->type == sb_weighting_unit
             ? gsl_matrix_memcpy (out, e)
             : sb_weighting_apply (lambda, b->objective->process, SB_SCORE, &t, e, b->numbers, &c, &b->work, out);
}

void
sb_objective_subtract (const gsl_matrix *target, sb_objective_batch *b)
{
  gsl_matrix e = sb_batch_block (&b->difference, b->n, 0);
  memcpy (e.data, b->estimate.data, b->n * e.size2 * sizeof (double));
  gsl_matrix_sub (&e, target);
}

int
sb_objective_square (double factor, sb_objective_batch *b)
{
  const size_t d = b->x.size2;

  // Apply R to the errors.
  int status = sb_weighting_apply (&b->objective->weighting, b->objective->process, b->objective->type->view, &b->t,
                                   &b->difference, b->numbers, &b->c, &b->work, &b->bar);
  if (status)
    return status;

  // Sum over coordinates and points.
  factor /= (double)b->points;
  memset (b->loss.data, 0, b->n * sizeof (double));
  for (size_t i = 0; i < b->points * b->n; i++)
    {
      const double *e = b->difference.data + i * d, *Re = b->bar.data + i * d;
      b->loss.data[i % b->n] += factor * sb_dot (d, e, Re);
    }
  return gsl_matrix_scale (&b->bar, 2 * factor);
}

// Below some time a training may leave out the data, so that only consistency determines the score there.
// [consistent.txt-partial-dsm]

void
sb_objective_mask_low_times (sb_objective_batch *b)
{
  b->below = 0;
  for (size_t i = 0; i < b->n && b->objective->t_above > 0; i++)
    if (b->t.data[i] <= b->objective->t_above)
      {
        b->loss.data[i] = 0;
        memset (b->bar.data + i * b->bar.tda, 0, b->bar.size2 * sizeof (double));
        b->below++;
      }
}

int
sb_objective_find_loss (sb_objective_batch *b)
{
  if (b->n == 0)
    return GSL_SUCCESS;
  memset (b->regulariser.data, 0, b->n * sizeof (double));
  int status = b->objective->type->loss (b);
  if (!status && !b->objective->type->draw_more)
    sb_objective_mask_low_times (b);
  return status;
}

// ## All at once

static int
find_all (const sb_score *score, const gsl_matrix *x_0, const gsl_matrix *y, sb_stream stream, sb_objective_batch *b,
          gsl_vector *loss)
{
  gsl_matrix_memcpy (&b->x_0, x_0);
  int status = sb_objective_draw (stream, b);
  if (!status)
    status = sb_objective_evaluate (score, y, b);
  if (!status)
    status = sb_objective_find_loss (b);
  return status ? status : gsl_vector_memcpy (loss, &b->loss);
}

// A backward pass at each point.

int
sb_objective_backward (const sb_score *score, double weight, sb_objective_batch *b)
{
  int status = gsl_matrix_scale (&b->bar, weight);
  for (size_t p = 0; p < b->points && !status; p++)
    {
      gsl_matrix x = block (b, &b->x, p), bar = block (b, &b->bar, p), x_bar = block (b, &b->difference, p);
      gsl_vector t = part (b, &b->t, p);
      if (x.size1 > 0)
        status = sb_score_vjp (score, b->objective->type->view, &x, &t, p == 0 ? b->y : b->y_more, &bar, &x_bar);
    }
  return status;
}

static int
work (const sb_objective *objective, const sb_score *score, const gsl_matrix *x_0, const gsl_matrix *y,
      sb_stream stream, bool back, double weight, gsl_vector *loss)
{
  if (x_0->size2 != objective->process->dimension || loss->size != x_0->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "x_0 is %zu x %zu, with %zu losses; the process has %zu coordinates", x_0->size1,
              x_0->size2, loss->size, objective->process->dimension);
  int status = check_objective (objective);
  if (status || x_0->size1 == 0)
    return status;
  sb_objective_batch *b = sb_objective_batch_alloc (objective, x_0->size1);
  status = b ? find_all (score, x_0, y, stream, b, loss) : GSL_ENOMEM;
  if (!status && back)
    status = sb_objective_backward (score, weight, b);
  sb_objective_batch_free (b);
  return status;
}

int
sb_objective_loss (const sb_objective *objective, const sb_score *score, const gsl_matrix *x_0, const gsl_matrix *y,
                   sb_stream stream, gsl_vector *loss)
{
  return work (objective, score, x_0, y, stream, false, 0, loss);
}

int
sb_objective_gradient (const sb_objective *objective, const sb_score *score, const gsl_matrix *x_0, const gsl_matrix *y,
                       sb_stream stream, double weight, gsl_vector *loss)
{
  if (objective->type->derivatives)
    SB_ERROR (NULL, GSL_EUNSUP, "%s wants the gradient of a derivative, which the score \"%s\" does not have",
              objective->type->entry.name, score->type->name);
  return work (objective, score, x_0, y, stream, true, weight, loss);
}
