// # What the steps share
//
// Every predictor and corrector adds three kinds of things to $\mathbf x$: a map of the process applied to a batch, a
// score, and noise. All rows of a sampler's batch stand at the same time, so here times are numbers; process and score
// take a time per row and get one number, repeated.

#include "step.h"

#include "../base/error.h"

#include <gsl/gsl_math.h>

static int
check_shapes (const sb_score *score, const gsl_matrix *z, const gsl_matrix *x)
{
  if (x->size2 != score->process->dimension)
    SB_ERROR (NULL, GSL_EBADLEN, "x has %zu columns, the process %zu", x->size2, score->process->dimension);
  if (z != NULL && (z->size1 != x->size1 || z->size2 != x->size2))
    SB_ERROR (NULL, GSL_EBADLEN, "z is %zu x %zu, x is %zu x %zu", z->size1, z->size2, x->size1, x->size2);
  return GSL_SUCCESS;
}

int
sb_step_check (const sb_score *score, double s, double t, const gsl_matrix *z, const gsl_matrix *x)
{
  if (!(0 <= s && s < t))
    SB_ERROR (NULL, GSL_EDOM, "a predictor goes from t down to s >= 0, not from %g to %g", t, s);
  return check_shapes (score, z, x);
}

int
sb_step_check_corrector (const sb_score *score, double s, double t, const gsl_matrix *z, const gsl_matrix *x)
{
  if (z == NULL)
    SB_ERROR (NULL, GSL_EINVAL, "a corrector needs normals");
  if (!(0 <= s && s <= t))
    SB_ERROR (NULL, GSL_EDOM, "a corrector at time %g cannot have %g as the next lower time", t, s);
  return check_shapes (score, z, x);
}

int
sb_step_check_fixed (const sb_score *score, double t, const gsl_matrix *z, const gsl_matrix *x)
{
  if (!(0 <= t && t <= score->process->t_max))
    SB_ERROR (NULL, GSL_EDOM, "the process is on [0, %g], which t = %g is not in", score->process->t_max, t);
  return check_shapes (score, z, x);
}

int
sb_step_check_time (const sb_process *process, double t)
{
  if (!(process->t_min <= t && t <= process->t_max))
    SB_ERROR (NULL, GSL_EDOM, "the SDE is solved on [%g, %g], which t = %g is not in", process->t_min, process->t_max,
              t);
  return GSL_SUCCESS;
}

gsl_vector *
sb_step_times (size_t n, double t)
{
  gsl_vector *times = gsl_vector_alloc (n);
  if (times != NULL)
    gsl_vector_set_all (times, t);
  return times;
}

int
sb_step_apply (const sb_process *process, sb_process_map map, CBLAS_TRANSPOSE_t transpose, double s, double t,
               gsl_matrix *x)
{
  gsl_vector *from = sb_step_times (x->size1, s), *to = sb_step_times (x->size1, t);
  int status = from != NULL && to != NULL ? sb_process_apply (process, map, transpose, from, to, x) : GSL_ENOMEM;
  gsl_vector_free (from);
  gsl_vector_free (to);
  return status;
}

// A network that overflows, or a law asked where it has no density, must not turn into samples that look like any
// others: the first number that is not finite ends the run and is named.

static int
check_finite (const sb_score *score, double t, const gsl_matrix *g)
{
  for (size_t i = 0; i < g->size1; i++)
    for (size_t j = 0; j < g->size2; j++)
      if (!gsl_finite (gsl_matrix_get (g, i, j)))
        SB_ERROR (NULL, GSL_EBADFUNC, "the score \"%s\" is %g at row %zu, column %zu, t = %g", score->type->name,
                  gsl_matrix_get (g, i, j), i, j, t);
  return GSL_SUCCESS;
}

int
sb_step_evaluate (const sb_score *score, sb_view view, const gsl_matrix *y, double t, const gsl_matrix *x,
                  gsl_matrix *out)
{
  gsl_vector *times = sb_step_times (x->size1, t);
  int status = times != NULL ? sb_score_evaluate (score, view, x, times, y, out) : GSL_ENOMEM;
  gsl_vector_free (times);
  return status != GSL_SUCCESS ? status : check_finite (score, t, out);
}

void
sb_step_add (gsl_matrix *x, double a, const gsl_matrix *v)
{
  for (size_t i = 0; i < x->size1; i++)
    {
      double *xi = gsl_matrix_ptr (x, i, 0);
      const double *vi = gsl_matrix_const_ptr (v, i, 0);
      for (size_t j = 0; j < x->size2; j++)
        xi[j] += a * vi[j];
    }
}

int
sb_step_add_noise (const sb_process *process, sb_process_map map, double s, double t, double a, const gsl_matrix *z,
                   gsl_matrix *x)
{
  if (z == NULL)
    return GSL_SUCCESS;
  gsl_matrix *noise = gsl_matrix_alloc (z->size1, z->size2);
  int status = noise != NULL ? gsl_matrix_memcpy (noise, z) : GSL_ENOMEM;
  if (status == GSL_SUCCESS)
    status = sb_step_apply (process, map, CblasNoTrans, s, t, noise);
  if (status == GSL_SUCCESS)
    sb_step_add (x, a, noise);
  gsl_matrix_free (noise);
  return status;
}
