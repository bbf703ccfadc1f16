// # Steps
//
// All steps of the papers but two are one: with $\hat{\mathbf x}_0$ the denoiser and $\mathbf z$ the step's normals,
// $$ \mathbf x_s = c\,A_s\,\hat{\mathbf x}_0 + k\,(\mathbf x_t - A_t\,\hat{\mathbf x}_0) + b\,\mathbf z, $$
// $A_s = A(0,s)$ and $A_t = A(0,t)$, with three numbers for each part of the process. Each step defines these in a file
// of its own; here they are applied to the batch. Since $\hat{\mathbf x}_0 = (\mathbf x_t + S_t^2\,\mathbf s)/A_t$ and
// $A_t = A_s A$ with $A = A(s,t)$, the same by the score is
// $$ \mathbf x_s = p\,\mathbf x_t + q\,\mathbf s + b\,\mathbf z, \qquad p = \frac cA, \qquad q = S_t^2\,(p - k), $$
// and this is the form to take where the score is given: nothing in it is divided by $A_t$, which vanishes at the
// end of a VP process, or multiplied by it again.

#include "../base/error.h"
#include "../base/rows.h"
#include "../transition/reverse.h"
#include "work.h"

#include <math.h>

// ## The table

static const sb_step_type *const *const table[] = { &sb_step_none,
                                                    &sb_step_euler_maruyama,
                                                    &sb_step_heun,
                                                    &sb_step_reverse_diffusion,
                                                    &sb_step_ancestral,
                                                    &sb_step_ancestral_upper,
                                                    &sb_step_ancestral_lower,
                                                    &sb_step_ancestral_optimal,
                                                    &sb_step_ddim,
                                                    &sb_step_probability_flow,
                                                    &sb_step_flow_heun,
                                                    &sb_step_flow_rk4,
                                                    &sb_step_edm_heun,
                                                    &sb_step_naive,
                                                    &sb_step_momentum,
                                                    &sb_step_momentum_flow,
                                                    &sb_step_soft_ddim,
                                                    &sb_step_soft_ancestral };

const sb_entry *
sb_steps (size_t k)
{
  return k < sizeof table / sizeof *table ? &(*table[k])->entry : NULL;
}

bool
sb_step_noisy (const sb_step_type *type, const double *key)
{
  double usual[SB_KEYS_MOST];
  if (!key)
    {
      sb_entry_usual (&type->entry, usual);
      key = usual;
    }
  return type->needs & SB_NEEDS_NOISE_KEY ? key[0] > 0 : !(type->needs & SB_NEEDS_NO_NOISE);
}

// ## A step in the making

typedef struct
{
  const sb_step_type *type;
  const double *key;
  sb_sampler_work *work;
  const sb_process *process;
  const gsl_matrix *y;
  const gsl_vector *s, *t;
  const gsl_matrix *z;
  gsl_matrix *x;
  sb_view view; // of the score, for which the coefficients are
} step;

static double
at (const gsl_vector *v, size_t i)
{
  return gsl_vector_get (v, i);
}

static bool
one_time (const step *w)
{
  return sb_same_times (w->s, w->t, 0) == w->t->size;
}

// ## The numbers of the parts

static int
check_needs (const step *w)
{
  const char *name = w->type->entry.name;
  if ((w->type->needs & SB_NEEDS_KERNEL) && w->process->from_zero_only)
    SB_ERROR (NULL, GSL_EUNSUP, "%s needs a kernel from s > 0, which the process %s does not have", name,
              w->process->type->name);
  if ((w->type->needs & SB_NEEDS_DIVERGENCE) && w->process->parts != 1)
    SB_ERROR (NULL, GSL_EUNSUP, "%s is for processes of one part, and %s has %zu", name, w->process->type->name,
              w->process->parts);
  if ((w->type->needs & SB_NEEDS_NOISE_TIME) && sb_step_noisy (w->type, w->key)
      && !sb_process_time_is_noise (w->process))
    SB_ERROR (NULL, GSL_EUNSUP, "%s adds noise by the time, which is not the noise level of %s", name,
              w->process->type->name);
  return GSL_SUCCESS;
}

// All that the step needs at one pair of times, in the order of sb_step_at.

static int
fetch (const step *w, double s, double t)
{
  const unsigned needs = w->type->needs;
  const struct
  {
    sb_process_map map;
    double s, t;
    bool wanted;
  } numbers[] = { { SB_A, 0, s, true },
                  { SB_S, 0, s, true },
                  { SB_A, 0, t, true },
                  { SB_S, 0, t, true },
                  { SB_A, s, t, needs & SB_NEEDS_KERNEL },
                  { SB_S, s, t, needs & SB_NEEDS_KERNEL },
                  { SB_F, s, t, needs & SB_NEEDS_SDE },
                  { SB_G, s, t, needs & SB_NEEDS_SDE } };
  int status = needs & SB_NEEDS_SDE ? sb_work_check_sde (w->process, s) : GSL_SUCCESS;
  if (!status && (needs & SB_NEEDS_SDE))
    status = sb_work_check_sde (w->process, t);
  for (size_t m = 0; m < sizeof numbers / sizeof *numbers && !status; m++)
    if (numbers[m].wanted)
      status = sb_process_numbers (w->process, numbers[m].map, numbers[m].s, numbers[m].t,
                                   w->work->numbers + m * w->process->parts);
  return status;
}

static sb_step_at
part (const step *w, size_t k, double h)
{
  const double *number = w->work->numbers + k;
  const size_t parts = w->process->parts;
  return (sb_step_at){ .A_s = number[0],
                       .S_s = number[parts],
                       .A_t = number[2 * parts],
                       .S_t = number[3 * parts],
                       .A = number[4 * parts],
                       .S = number[5 * parts],
                       .f = number[6 * parts],
                       .g = number[7 * parts],
                       .h = h };
}

sb_step_numbers
sb_step_by_score (const sb_step_at *at, double p, double q, double b)
{
  return (sb_step_numbers){ .p = p, .q = q, .b = b, .c = p * at->A, .a = p - q / (at->S_t * at->S_t) };
}

// A part with zero noise is only rescaled.

static sb_step_numbers
numbers_of (const step *w, const sb_step_at *of_part)
{
  if (of_part->S_t > 0)
    return w->type->numbers (of_part, w->key);
  const double back = of_part->A_s / of_part->A_t;
  return (sb_step_numbers){ .c = 1, .a = back, .p = back };
}

// The score, or epsilon, is evaluated where the score offers it and the step's second form is defined: where the kernel
// from $s$ to $t$ is known and has $A > 0$ in every part.

static sb_view
view_of (const step *w)
{
  const unsigned views = w->work->score->type->views;
  bool by_score = (w->type->needs & SB_NEEDS_KERNEL) && (views & (SB_SCORE | SB_EPSILON));
  for (size_t k = 0; k < w->process->parts && by_score; k++)
    by_score = part (w, k, 0).A > 0;
  return !by_score ? SB_DENOISER : views & SB_SCORE ? SB_SCORE : SB_EPSILON;
}

// Coefficients of $\mathbf x_t$, of the estimate, and of $\mathbf z$. With $\mathbf s = -\boldsymbol\epsilon/S_t$ that
// of $\boldsymbol\epsilon$ is $-q/S_t$.

static void
set_coefficients (const step *w, size_t rows, size_t i, double h)
{
  gsl_matrix *c = w->work->c;
  for (size_t k = 0; k < w->process->parts; k++)
    {
      const sb_step_at of_part = part (w, k, h);
      const sb_step_numbers n = numbers_of (w, &of_part);
      const double of_estimate = of_part.S_t == 0         ? 0
                                 : w->view == SB_DENOISER ? n.c * of_part.A_s - n.a * of_part.A_t
                                 : w->view == SB_SCORE    ? n.q
                                                          : -n.q / of_part.S_t;
      gsl_matrix_set (c, i, k, w->view == SB_DENOISER ? n.a : n.p);
      gsl_matrix_set (c, rows + i, k, of_estimate);
      gsl_matrix_set (c, 2 * rows + i, k, n.b);
    }
}

// One view for all rows: the denoiser, where they would take different ones.

static int
find_coefficients (step *w, size_t rows, bool by_denoiser)
{
  for (size_t i = 0; i < rows; i++)
    {
      const int status = fetch (w, at (w->s, i), at (w->t, i));
      if (status)
        return status;
      const sb_view view = by_denoiser ? SB_DENOISER : view_of (w);
      if (i > 0 && view != w->view)
        return find_coefficients (w, rows, true);
      w->view = view;
      set_coefficients (w, rows, i, at (w->t, i) - at (w->s, i));
    }
  return GSL_SUCCESS;
}

// The deviation of the best variance, a number for each row.

static int
find_best_deviations (const step *w, size_t rows)
{
  const size_t n = w->x->size1;
  gsl_vector_view divergence = gsl_vector_subvector (w->work->t, 0, n);
  int status = sb_score_divergence (w->work->score, w->x, w->t, w->y, &divergence.vector);
  for (size_t i = 0; i < n && !status; i++)
    {
      double *b = gsl_matrix_ptr (w->work->c, 2 * rows + i, 0);
      status = sb_reverse_best_variance (w->process, at (w->s, i), at (w->t, i), at (&divergence.vector, i), b);
      *b = status ? 0 : sqrt (*b);
    }
  return status;
}

// ## The step by parts
//
// Numbers of the estimate with weight 0 may be anything: a score need not be finite in parts with zero noise.

static bool
all_weighed (const gsl_matrix *c)
{
  for (size_t i = 0; i < c->size1; i++)
    for (size_t k = 0; k < c->size2; k++)
      if (gsl_matrix_get (c, i, k) == 0)
        return false;
  return true;
}

static int
take_by_parts (step *w)
{
  sb_sampler_work *work = w->work;
  const size_t n = w->x->size1, parts = w->process->parts;
  const bool best = w->z && (w->type->needs & SB_NEEDS_DIVERGENCE),
             noisy = w->z && !(w->type->needs & SB_NEEDS_NO_NOISE);
  const size_t rows = one_time (w) && !best ? 1 : n;
  gsl_matrix_view c_x = gsl_matrix_submatrix (work->c, 0, 0, rows, parts),
                  c_e = gsl_matrix_submatrix (work->c, rows, 0, rows, parts),
                  c_z = gsl_matrix_submatrix (work->c, 2 * rows, 0, rows, parts), e = sb_work_estimate_rows (work, n);
  int status = find_coefficients (w, rows, false);
  if (!status && (work->x_hat0 || all_weighed (&c_e.matrix)))
    status = sb_work_estimate (work, w->view, w->y, w->t, w->x, &e.matrix);
  else if (!status)
    {
      work->evaluations++;
      status = sb_score_evaluate (work->score, w->view, w->x, w->t, w->y, &e.matrix);
    }
  if (!status && best)
    status = find_best_deviations (w, rows);
  if (status)
    return status;
  const sb_term term[] = { { &c_x.matrix, w->x }, { &c_e.matrix, &e.matrix }, { &c_z.matrix, w->z } };
  return sb_process_combine (w->process, noisy ? 3 : 2, term, work->more, w->x);
}

// ## The step by maps
//
// Without a basis in which the process is diagonal, a step uses its form by maps, if any, for runs of rows with the
// same times.

static int
take_run_by_maps (const step *w, size_t first, size_t n)
{
  const size_t d = w->x->size2;
  const sb_step_maps m = w->type->maps (at (w->t, first) - at (w->s, first), w->key);
  gsl_vector_const_view s = gsl_vector_const_subvector (w->s, first, n),
                        t = gsl_vector_const_subvector (w->t, first, n);
  gsl_matrix_view x = gsl_matrix_submatrix (w->x, first, 0, n, d),
                  moved = gsl_matrix_submatrix (w->work->more, 0, 0, n, d),
                  g = gsl_matrix_submatrix (w->work->estimate, first, 0, n, d);

  // Turn the score g into N N^T g.
  int status = sb_process_apply_square (w->process, m.N, &s.vector, &t.vector, &g.matrix);
  if (status)
    return status;

  // Move x by M, and add the score's term.
  sb_copy_rows (&moved.matrix, &x.matrix);
  sb_work_add (&moved.matrix, m.inside, &g.matrix);
  status = sb_process_apply (w->process, m.M, CblasNoTrans, &s.vector, &t.vector, &moved.matrix);
  if (status)
    return status;
  gsl_matrix_scale (&x.matrix, m.keep);
  sb_work_add (&x.matrix, m.of_map, &moved.matrix);
  sb_work_add (&x.matrix, m.outside, &g.matrix);
  if (!w->z || m.of_noise == 0)
    return GSL_SUCCESS;

  // Add the noise.
  gsl_matrix_const_view z = gsl_matrix_const_submatrix (w->z, first, 0, n, d);
  sb_copy_rows (&moved.matrix, &z.matrix);
  status = sb_process_apply (w->process, m.N, CblasNoTrans, &s.vector, &t.vector, &moved.matrix);
  if (!status)
    sb_work_add (&x.matrix, m.of_noise, &moved.matrix);
  return status;
}

static int
take_by_maps (const step *w)
{
  const size_t n = w->x->size1;
  gsl_matrix_view g = sb_work_estimate_rows (w->work, n);
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < n && !status && (w->type->needs & SB_NEEDS_SDE); i++)
    {
      status = sb_work_check_sde (w->process, at (w->s, i));
      if (!status)
        status = sb_work_check_sde (w->process, at (w->t, i));
    }
  if (!status)
    status = sb_work_estimate (w->work, SB_SCORE, w->y, w->t, w->x, &g.matrix);
  for (size_t i = 0, end; i < n && !status; i = end)
    {
      end = i + sb_same_times (w->s, w->t, i);
      status = take_run_by_maps (w, i, end - i);
    }
  return status;
}

// Where the noise is a number, whatever maps $A_s$ and $A_t$ are, $a$ and $b$ are numbers too, of $S_s$ and $S_t$
// alone.

static int
take_by_deviation (const step *w)
{
  const size_t n = w->x->size1, d = w->x->size2;
  gsl_matrix_view x_hat = sb_work_estimate_rows (w->work, n), at_t = gsl_matrix_submatrix (w->work->more, 0, 0, n, d);
  int status = sb_work_estimate (w->work, SB_DENOISER, w->y, w->t, w->x, &x_hat.matrix);
  if (status)
    return status;
  sb_copy_rows (&at_t.matrix, &x_hat.matrix);
  status = sb_process_apply (w->process, SB_A, CblasNoTrans, NULL, w->t, &at_t.matrix);
  if (!status)
    status = sb_process_apply (w->process, SB_A, CblasNoTrans, NULL, w->s, &x_hat.matrix);
  for (size_t i = 0; i < n && !status; i++)
    {
      sb_step_at of_row = { .h = at (w->t, i) - at (w->s, i) };
      status = sb_process_deviation (w->process, 0, at (w->s, i), &of_row.S_s);
      if (!status)
        status = sb_process_deviation (w->process, 0, at (w->t, i), &of_row.S_t);
      if (status)
        return status;
      const sb_step_numbers m = w->type->numbers (&of_row, w->key);
      for (size_t j = 0; j < d; j++)
        {
          double *x = gsl_matrix_ptr (w->x, i, j);
          *x = m.c * gsl_matrix_get (&x_hat.matrix, i, j) + m.a * (*x - gsl_matrix_get (&at_t.matrix, i, j))
               + (w->z ? m.b * gsl_matrix_get (w->z, i, j) : 0);
        }
    }
  return status;
}

// ## From outside

// Without noise at $t$ the step has no defined share of it to keep.

static int
check_noise (const step *w)
{
  for (size_t i = 0; i < w->x->size1; i += sb_same_times (w->s, w->t, i))
    {
      double sd;
      const int status = sb_process_deviation (w->process, 0, at (w->t, i), &sd);
      if (status)
        return status;
      if (!(sd > 0))
        SB_ERROR (NULL, GSL_ESING, "row %zu: there is no noise at t = %g", i, at (w->t, i));
    }
  return GSL_SUCCESS;
}

static int
check (const step *w)
{
  int status = sb_work_check (w->work, w->z, w->x);
  if (!status && (w->s->size != w->x->size1 || w->t->size != w->x->size1))
    SB_ERROR (NULL, GSL_EBADLEN, "%zu rows need as many times, not %zu and %zu", w->x->size1, w->s->size, w->t->size);
  for (size_t i = 0; i < w->x->size1 && !status; i += sb_same_times (w->s, w->t, i))
    if (!(0 <= at (w->s, i) && at (w->s, i) < at (w->t, i)))
      SB_ERROR (NULL, GSL_EDOM, "row %zu: a step goes from t down to s >= 0, not from %g to %g", i, at (w->t, i),
                at (w->s, i));
  if (!status)
    status = sb_entry_check (&w->type->entry, w->key, NULL);
  if (!status)
    status = check_needs (w);
  return status || !w->process->from_zero_only ? status : check_noise (w);
}

static int
take (step *w)
{
  const unsigned needs = w->type->needs;
  if (w->type->take)
    return w->type->take (w->work, w->y, w->s, w->t, w->z, w->x);
  if (w->process->parts > 0)
    return take_by_parts (w);
  if (w->type->maps)
    return take_by_maps (w);
  if (needs & (SB_NEEDS_KERNEL | SB_NEEDS_SDE))
    return sb_process_check_parts (w->process, w->type->entry.name);
  return take_by_deviation (w);
}

// A row may first go up, to $\hat t \ge t$, with the step's own normals. Where none does, $\mathbf x$ is not touched.

static int
take_from_t_hat (step *w)
{
  const size_t n = w->x->size1;
  gsl_vector_view t_hat = gsl_vector_subvector (w->work->t_hat, 0, n);
  gsl_matrix_view noise = gsl_matrix_submatrix (w->work->more, 0, 0, n, w->x->size2);
  gsl_matrix_set_zero (&noise.matrix);
  if (w->z)
    sb_copy_rows (&noise.matrix, w->z);
  for (size_t i = 0; i < n; i++)
    {
      double factor = 1;
      gsl_vector_view of_row = gsl_matrix_row (&noise.matrix, i);
      gsl_vector_set (&t_hat.vector, i, w->type->t_hat (at (w->t, i), w->key, &factor));
      gsl_vector_scale (&of_row.vector, factor);
    }
  int status = GSL_SUCCESS;
  if (!gsl_vector_equal (w->t, &t_hat.vector))
    status = sb_process_transition_in_place (w->process, w->t, &t_hat.vector, &noise.matrix, w->x);
  w->t = &t_hat.vector;
  w->z = NULL;
  return status ? status : take (w);
}

int
sb_step_apply (const sb_step_type *type, const double *key, sb_sampler_work *work, const gsl_matrix *y,
               const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z, gsl_matrix *x)
{
  double usual[SB_KEYS_MOST];
  sb_entry_usual (&type->entry, usual);
  step w = { type, key ? key : usual, work, work->score->process, y, s, t, z, x, SB_SCORE };
  int status = check (&w);
  if (status || x->size1 == 0 || (type->needs & SB_NEEDS_NO_ESTIMATE))
    return status;
  return type->t_hat && sb_step_noisy (type, w.key) ? take_from_t_hat (&w) : take (&w);
}
