// # Point masses under any linear process
//
// Where the noise is not alike in all directions, it is made so: with $\tilde{\mathbf{x}} = \mathbf{S}^{-1}\mathbf{x}$ and
// $\tilde{\boldsymbol\mu}_k = \mathbf{S}^{-1}\mathbf{A}\boldsymbol\mu_k$,
// $$ p_t(\mathbf{x}) = \frac{1}{|\det\mathbf{S}|}\sum_k w_k\,\mathcal{N}(\tilde{\mathbf{x}};\;
//    \tilde{\boldsymbol\mu}_k,\, \mathbf{I}), $$
// [scoresde.txt-perturb-kernel] the law of other points under the kernel $m = \varsigma = 1$, which costs one application
// of the maps to all points at each time. That law answers, and its answers are mapped back.

#include "points.h"

#include "../base/error.h"

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
} mapped;

static void
mapped_free (mapped *w)
{
  gsl_matrix_free (w->law.mu);
  free (w->law.half_norm);
  gsl_matrix_free (w->x);
  gsl_matrix_free (w->v);
  gsl_vector_free (w->t);
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
  gsl_matrix_memcpy (w->law.mu, law->mu);
  gsl_matrix_memcpy (w->x, x);
  int status = map_rows (w, SB_A, CblasNoTrans, w->law.mu);
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
      status = map_points (w, law, x);
    }
  if (status == GSL_ESING)
    status = GSL_EDOM; // point masses without noise have no density
  if (status)
    mapped_free (w);
  return status;
}

// ## Answers
//
// The noise in $\mathbf{x}$ is that in $\tilde{\mathbf{x}}$, the score follows as $-\mathbf{S}^{-\top}\boldsymbol\epsilon$,
// and the denoiser averages the points as they were. A direction $\mathbf{v}$ becomes $\mathbf{S}^{-1}\mathbf{v}$, and
// gradients come back by $\mathbf{S}^{-\top}$.

typedef struct
{
  const points *law;
  const sb_process *process;
  sb_view view;
  const gsl_matrix *x, *v;
  gsl_matrix *out;
  gsl_vector *number;
  int (*answer) (const mapped *w, sb_view view, gsl_matrix *out, gsl_vector *number);
} question;

static gsl_vector
times (const mapped *w)
{
  return gsl_vector_const_subvector (w->t, 0, w->x->size1).vector;
}

static int
answer_density (const mapped *w, sb_view view, gsl_matrix *out, gsl_vector *number)
{
  (void)view, (void)out;
  double log_det;
  const gsl_vector t = times (w);
  gsl_vector_const_view first = gsl_vector_const_subvector (w->t, 0, 1);
  gsl_vector_view one = gsl_vector_view_array (&log_det, 1);
  int status = points_type.log_density (&w->law, &w->unit, w->x, &t, number);
  if (!status)
    status = sb_process_log_det (w->process, NULL, &first.vector, &one.vector);
  return status ? status : gsl_vector_add_constant (number, -log_det);
}

static int
answer_view (const mapped *w, sb_view view, gsl_matrix *out, gsl_vector *number)
{
  (void)number;
  const gsl_vector t = times (w);
  int status = points_type.evaluate (&w->law, &w->unit, view == SB_SCORE ? SB_EPSILON : view, w->x, &t, out);
  if (status || view != SB_SCORE)
    return status;
  gsl_matrix_scale (out, -1);
  return map_rows (w, SB_S_INVERSE, CblasTrans, out);
}

static int
answer_jvp (const mapped *w, sb_view view, gsl_matrix *out, gsl_vector *number)
{
  (void)view, (void)number;
  const gsl_vector t = times (w);
  int status = map_rows (w, SB_S_INVERSE, CblasNoTrans, w->v);
  if (!status)
    status = points_type.jvp (&w->law, &w->unit, w->x, &t, w->v, out);
  return status ? status : map_rows (w, SB_S_INVERSE, CblasTrans, out);
}

// The trace of the Jacobian, by a product for each coordinate.

static int
answer_divergence (const mapped *w, sb_view view, gsl_matrix *out, gsl_vector *number)
{
  (void)out;
  gsl_matrix *Je = gsl_matrix_alloc (w->x->size1, w->x->size2);
  int status = Je ? GSL_SUCCESS : GSL_ENOMEM;
  gsl_vector_set_zero (number);
  for (size_t j = 0; j < w->law.d && !status; j++)
    {
      gsl_vector_view column = gsl_matrix_column (w->v, j);
      gsl_matrix_set_zero (w->v);
      gsl_vector_set_all (&column.vector, 1);
      status = answer_jvp (w, view, Je, NULL);
      if (!status)
        {
          gsl_vector_const_view of_e = gsl_matrix_const_column (Je, j);
          gsl_vector_add (number, &of_e.vector);
        }
    }
  gsl_matrix_free (Je);
  return status;
}

static int
answer_covariance (const mapped *w, sb_view view, gsl_matrix *out, gsl_vector *number)
{
  (void)view, (void)number;
  gsl_vector_const_view x = gsl_matrix_const_row (w->x, 0);
  return points_type.posterior_covariance (&w->law, &w->unit, &x.vector, 1, out);
}

// ## One time after the other

static int
answer_run (const question *q, double t, size_t first, size_t n)
{
  mapped w;
  gsl_matrix_const_view x = gsl_matrix_const_submatrix (q->x, first, 0, n, q->law->d);
  gsl_matrix out = q->out ? *q->out : (gsl_matrix){ 0 };
  gsl_vector number = q->number ? gsl_vector_subvector (q->number, first, n).vector : (gsl_vector){ 0 };
  int status = mapped_alloc (&w, q->law, q->process, &x.matrix, t);
  if (status)
    return status;
  if (q->out && q->answer != answer_covariance) // which is not a row for each point
    out = gsl_matrix_submatrix (q->out, first, 0, n, q->law->d).matrix;
  if (q->v)
    {
      gsl_matrix_const_view v = gsl_matrix_const_submatrix (q->v, first, 0, n, q->law->d);
      gsl_matrix_memcpy (w.v, &v.matrix);
    }
  if (q->view == SB_DENOISER)
    w.law.values = q->law->mu;
  status = q->answer (&w, q->view, &out, &number);
  mapped_free (&w);
  return status;
}

static int
answer (question q, const gsl_vector *t)
{
  int status = GSL_SUCCESS;
  for (size_t i = 0, same; i < t->size && !status; i += same)
    {
      same = target_same_times (t, i);
      status = answer_run (&q, gsl_vector_get (t, i), i, same);
    }
  return status;
}

int
points_log_density_under_maps (const points *law, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
                               gsl_vector *log_p)
{
  return answer ((question){ .law = law, .process = process, .x = x, .number = log_p, .answer = answer_density }, t);
}

int
points_evaluate_under_maps (const points *law, const sb_process *process, sb_view view, const gsl_matrix *x,
                            const gsl_vector *t, gsl_matrix *out)
{
  return answer ((question){ .law = law, .process = process, .view = view, .x = x, .out = out, .answer = answer_view },
                 t);
}

int
points_jvp_under_maps (const points *law, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
                       const gsl_matrix *v, gsl_matrix *out)
{
  return answer ((question){ .law = law, .process = process, .x = x, .v = v, .out = out, .answer = answer_jvp }, t);
}

int
points_divergence_under_maps (const points *law, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
                              gsl_vector *divergence)
{
  return answer (
      (question){ .law = law, .process = process, .x = x, .number = divergence, .answer = answer_divergence }, t);
}

int
points_posterior_covariance_under_maps (const points *law, const sb_process *process, const gsl_vector *x, double t,
                                        gsl_matrix *covariance)
{
  gsl_vector_const_view time = gsl_vector_const_view_array (&t, 1);
  gsl_matrix *point = gsl_matrix_alloc (1, x->size);
  if (!point)
    return GSL_ENOMEM;
  gsl_matrix_set_row (point, 0, x);
  int status = answer ((question){ law, process, SB_DENOISER, point, NULL, covariance, NULL, answer_covariance },
                       &time.vector);
  gsl_matrix_free (point);
  return status;
}
