// # Point masses under any linear process
//
// Noise that is not isotropic is whitened: with $\tilde{\mathbf{x}} = \mathbf{S}^{-1}\mathbf{x}$ and
// $\tilde{\boldsymbol\mu}_k = \mathbf{S}^{-1}\mathbf{A}\boldsymbol\mu_k$,
// $$ p_t(\mathbf{x}) = \frac{1}{|\det\mathbf{S}|}\sum_k w_k\,\mathcal{N}(\tilde{\mathbf{x}};\;
//    \tilde{\boldsymbol\mu}_k,\, \mathbf{I}), $$
// [scoresde.txt-perturb-kernel] the law of other points under the kernel $m = \varsigma = 1$, which costs one
// application of the maps to all points at each time. Results are computed for that law and mapped back. All points are
// taken relative to the first, $\tilde{\mathbf{x}} = \mathbf{S}^{-1}(\mathbf{x} - \mathbf{A}\boldsymbol\mu_1)$, so that
// their distance from the origin costs no digits.

#include "points.h"

#include "../base/error.h"
#include "../base/rows.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <stdlib.h>

static int
unit_numbers (const void *state, sb_process_map map, double s, double t, double *c)
{
  (void)state, (void)map, (void)s, (void)t;
  *c = 1;
  return GSL_SUCCESS;
}

static const sb_process_type unit_type = { .name = "unit", .numbers = unit_numbers };

typedef struct
{
  points law; // the mapped points
  const sb_process *process;
  sb_process unit;
  gsl_matrix *x, *v; // n x d: rows of one time and directions there, mapped
  gsl_vector *t;     // as many times as there are points, or rows
  gsl_vector times;  // those of the rows
  gsl_vector first;  // mu_1, and the points relative to it, where they are averaged
  gsl_matrix *values;
} mapped;

static void
mapped_free (mapped *w)
{
  gsl_matrix_free (w->law.mu);
  free (w->law.half_norm);
  gsl_matrix_free (w->x);
  gsl_matrix_free (w->v);
  gsl_vector_free (w->t);
  gsl_matrix_free (w->values);
}

static int
map_rows (const mapped *w, sb_process_map map, CBLAS_TRANSPOSE_t transpose, gsl_matrix *x)
{
  gsl_vector_const_view t = gsl_vector_const_subvector (w->t, 0, x->size1);
  return sb_process_apply (w->process, map, transpose, NULL, &t.vector, x);
}

static int
map_points (mapped *w, const points *law, const gsl_matrix *x)
{
  gsl_matrix_view one = gsl_matrix_submatrix (w->v, 0, 0, 1, law->d);
  gsl_vector_view first = gsl_matrix_row (w->v, 0);
  w->first = gsl_matrix_const_row (law->mu, 0).vector;
  gsl_vector_memcpy (&first.vector, &w->first);
  gsl_matrix_memcpy (w->law.mu, law->mu);
  gsl_matrix_memcpy (w->x, x);
  sb_add_to_rows (-1, &w->first, w->law.mu);
  int status = map_rows (w, SB_A, CblasNoTrans, &one.matrix);
  sb_add_to_rows (-1, &first.vector, w->x);
  if (!status)
    status = map_rows (w, SB_A, CblasNoTrans, w->law.mu);
  if (!status)
    status = map_rows (w, SB_S_INVERSE, CblasNoTrans, w->law.mu);
  if (!status)
    status = map_rows (w, SB_S_INVERSE, CblasNoTrans, w->x);
  points_measure_norms (&w->law);
  return status;
}

static int
mapped_alloc (mapped *w, const points *law, const sb_process *process, const gsl_matrix *x, double t)
{
  *w = (mapped){ .law = *law,
                 .process = process,
                 .unit = { .type = &unit_type, .dimension = law->d, .t_max = 1, .t_limit = 1, .parts = 1 },
                 .x = gsl_matrix_alloc (x->size1, law->d),
                 .v = gsl_matrix_alloc (x->size1, law->d),
                 .t = gsl_vector_alloc (GSL_MAX (law->K, x->size1)) };
  w->law.mu = gsl_matrix_alloc (law->K, law->d);
  w->law.half_norm = malloc (law->K * sizeof *w->law.half_norm);
  w->law.values = w->law.mu;
  int status = w->x && w->v && w->t && w->law.mu && w->law.half_norm ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status)
    {
      gsl_vector_set_all (w->t, t);
      w->times = gsl_vector_subvector (w->t, 0, x->size1).vector;
      status = map_points (w, law, x);
    }
  if (status)
    mapped_free (w);
  if (status == GSL_ESING)
    SB_ERROR (NULL, GSL_EDOM,
              "points: %s leaves some of their numbers without noise at t = %g, where they have no density",
              process->type->name, t);
  return status;
}

// ## Answers
//
// The noise in $\mathbf{x}$ is that in $\tilde{\mathbf{x}}$, the score follows as
// $-\mathbf{S}^{-\top}\boldsymbol\epsilon$, and the denoiser averages the original points, relative to the first. A
// direction $\mathbf{v}$ becomes $\mathbf{S}^{-1}\mathbf{v}$, and gradients are mapped back by $\mathbf{S}^{-\top}$.

static int
answer_unit (const mapped *w, sb_target_question q)
{
  q.x = w->x;
  q.t = &w->times;
  return points_type.answer (&w->law, &w->unit, &q);
}

static int
keep_values (mapped *w, const points *law)
{
  w->law.values = w->values = gsl_matrix_alloc (law->K, law->d);
  if (!w->values)
    return GSL_ENOMEM;
  gsl_matrix_memcpy (w->values, law->mu);
  sb_add_to_rows (-1, &w->first, w->values);
  return GSL_SUCCESS;
}

static int
answer_density (const mapped *w, const sb_target_question *q)
{
  double log_det;
  gsl_vector_const_view first = gsl_vector_const_subvector (w->t, 0, 1);
  gsl_vector_view one = gsl_vector_view_array (&log_det, 1);
  int status = answer_unit (w, *q);
  if (!status)
    status = sb_process_log_det (w->process, NULL, &first.vector, &one.vector);
  return status ? status : gsl_vector_add_constant (q->number, -log_det);
}

static int
answer_view (const mapped *w, const sb_target_question *q)
{
  sb_target_question unit = *q;
  unit.view = q->view == SB_SCORE ? SB_EPSILON : q->view;
  int status = answer_unit (w, unit);
  if (!status && q->view == SB_DENOISER)
    sb_add_to_rows (1, &w->first, q->out);
  if (status || q->view != SB_SCORE)
    return status;
  gsl_matrix_scale (q->out, -1);
  return map_rows (w, SB_S_INVERSE, CblasTrans, q->out);
}

static int
jacobian_times (const mapped *w, gsl_matrix *out) // v, which it maps
{
  int status = map_rows (w, SB_S_INVERSE, CblasNoTrans, w->v);
  if (!status)
    status = answer_unit (w, (sb_target_question){ SB_TARGET_JVP, .v = w->v, .out = out });
  return status ? status : map_rows (w, SB_S_INVERSE, CblasTrans, out);
}

static int
answer_jvp (const mapped *w, const sb_target_question *q)
{
  gsl_matrix_memcpy (w->v, q->v);
  return jacobian_times (w, q->out);
}

// The trace of the Jacobian, by a product for each coordinate.

static int
answer_divergence (const mapped *w, const sb_target_question *q)
{
  gsl_matrix *Je = gsl_matrix_alloc (w->x->size1, w->x->size2);
  int status = !Je ? GSL_ENOMEM : q->out ? answer_view (w, q) : GSL_SUCCESS;
  gsl_vector_set_zero (q->number);
  for (size_t j = 0; j < w->law.d && !status; j++)
    {
      gsl_vector_view column = gsl_matrix_column (w->v, j);
      gsl_matrix_set_zero (w->v);
      gsl_vector_set_all (&column.vector, 1);
      status = jacobian_times (w, Je);
      if (!status)
        {
          gsl_vector_const_view of_e = gsl_matrix_const_column (Je, j);
          gsl_vector_add (q->number, &of_e.vector);
        }
    }
  gsl_matrix_free (Je);
  return status;
}

static int
answer_covariance (const mapped *w, const sb_target_question *q)
{
  return answer_unit (w, *q);
}

// ## One time after the other

static int
answer_run (const points *law, const sb_process *process, const sb_target_question *q)
{
  static int (*const answer[SB_TARGET_QUESTIONS]) (const mapped *, const sb_target_question *)
      = { [SB_TARGET_LOG_DENSITY] = answer_density,
          [SB_TARGET_VIEW] = answer_view,
          [SB_TARGET_JVP] = answer_jvp,
          [SB_TARGET_DIVERGENCE] = answer_divergence,
          [SB_TARGET_COVARIANCE] = answer_covariance };
  mapped w;
  int status = mapped_alloc (&w, law, process, q->x, gsl_vector_get (q->t, 0));
  if (status)
    return status;
  if (q->view == SB_DENOISER || q->asked == SB_TARGET_COVARIANCE)
    status = keep_values (&w, law);
  if (!status)
    status = answer[q->asked](&w, q);
  mapped_free (&w);
  return status;
}

int
points_answer_under_maps (const points *law, const sb_process *process, const sb_target_question *q)
{
  int status = GSL_SUCCESS;
  for (size_t i = 0, same; i < q->t->size && !status; i += same)
    {
      target_part run;
      same = sb_same_times (NULL, q->t, i);
      target_take_part (&run, q, i, same);
      status = answer_run (law, process, &run.question);
    }
  return status;
}
