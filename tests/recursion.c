// # Samplers of Gaussian data, without Monte Carlo
//
// Let coordinate $k$ of $\mathbf x$ have mean 0 and variance $v_k$. A step $x_k \mapsto a_k x_k + b_k z_k$ turns
// $v_k$ into $a_k^2 v_k + b_k^2$. Two rows say as much as a million: with $x_k = \sqrt{v_k}\,(1, 1)$ and
// $z_k = (1, -1)$ the mean squares are $v_k$ and 1 and the mean product is 0, and so the mean square after the step
// is the new variance, to rounding.

#include "recursion.h"

#include <gsl/gsl_math.h>
#include <math.h>

enum
{
  ROWS = 2
};

static const double z_pattern[ROWS] = { 1, -1 };

static void
set_variances (gsl_matrix *x, const gsl_vector *v)
{
  for (size_t i = 0; i < ROWS; i++)
    for (size_t k = 0; k < v->size; k++)
      gsl_matrix_set (x, i, k, sqrt (gsl_vector_get (v, k)));
}

static void
get_variances (const gsl_matrix *x, gsl_vector *v)
{
  for (size_t k = 0; k < v->size; k++)
    {
      double sum = 0;
      for (size_t i = 0; i < ROWS; i++)
        sum += gsl_pow_2 (gsl_matrix_get (x, i, k));
      gsl_vector_set (v, k, sum / ROWS);
    }
}

// ## The score
//
// Under $p_t$ coordinate $k$ has the variance $a^2\lambda_k + s^2$, $a$ and $s$ being the kernel's, and the score is
// $-x_k$ over that.

static double
variance (const recursion *data, size_t k, double a, double sd)
{
  return gsl_pow_2 (a) * gsl_vector_get (data->lambda, k) + gsl_pow_2 (sd);
}

double
recursion_variance (const recursion *data, size_t k, double t)
{
  double a = NAN, sd = NAN;
  sb_process_scalars (data->process, 0, t, &a, &sd);
  return variance (data, k, a, sd);
}

static int
evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          gsl_matrix *out)
{
  const recursion *data = state;
  (void)y;
  if (view != SB_SCORE)
    return GSL_EUNSUP;
  for (size_t i = 0; i < x->size1; i++)
    {
      double a, sd;
      const double t_i = gsl_vector_get (t, i);
      int status = data->kernel ? data->kernel (data->params, t_i, &a, &sd)
                                : sb_process_scalars (data->process, 0, t_i, &a, &sd);
      if (status != GSL_SUCCESS)
        return status;
      for (size_t k = 0; k < x->size2; k++)
        gsl_matrix_set (out, i, k, -data->factor * gsl_matrix_get (x, i, k) / variance (data, k, a, sd));
    }
  return GSL_SUCCESS;
}

const sb_score_type recursion_score_type = { .name = "linear", .views = SB_SCORE, .evaluate = evaluate };

// ## The driver's steps, wrapped
//
// sb_pc_sample draws normals from a stream. Wrappers round the predictor and the corrector put the pattern in their
// place, and set the batch anew after each step. What they wrap travels as the state of the score, whose first member
// is what the score itself looks at.

typedef struct
{
  recursion data;
  const sb_pc *wrapped;
  gsl_matrix *z;
  gsl_vector *v;
} state;

static int
reset (const state *w, gsl_matrix *x)
{
  get_variances (x, w->v);
  set_variances (x, w->v);
  return GSL_SUCCESS;
}

static int
predict (sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z,
         gsl_matrix *x)
{
  const state *w = work->score->state;
  int status = sb_step_apply (w->wrapped->step, w->wrapped->key, work, y, s, t, z ? w->z : NULL, x);
  return status ? status : reset (w, x);
}

static int
correct (const sb_corrector *corrector, sb_sampler_work *work, const gsl_matrix *y, double s, double t,
         const gsl_matrix *z, gsl_matrix *x)
{
  const state *w = work->score->state;
  (void)corrector, (void)z;
  int status = sb_corrector_apply (&w->wrapped->corrector, work, y, s, t, w->z, x);
  return status ? status : reset (w, x);
}

static int
run (state *w, const gsl_vector *times, size_t *evaluations)
{
  const sb_step_type predictor
      = { .entry = { .name = "recursion" }, .needs = w->wrapped->step->needs & SB_NEEDS_NO_NOISE, .take = predict };
  const sb_corrector_type corrector = { .entry = { .name = "recursion" }, .step = correct };
  sb_pc pc = *w->wrapped;
  pc.step = w->wrapped->step == sb_step_none ? sb_step_none : &predictor;
  pc.corrector.type = &corrector;
  pc.progress = NULL;

  sb_stream stream = { 0 };
  gsl_matrix *x = gsl_matrix_alloc (ROWS, w->v->size);
  sb_score *score = sb_score_alloc (&recursion_score_type, w, w->data.process);
  int status = x != NULL && score != NULL ? GSL_SUCCESS : GSL_ENOMEM;
  if (status == GSL_SUCCESS)
    {
      set_variances (x, w->v);
      status = sb_pc_sample (&pc, score, NULL, times, stream, x, evaluations);
      get_variances (x, w->v);
    }
  sb_score_free (score);
  gsl_matrix_free (x);
  return status;
}

int
recursion_run (const recursion *data, const sb_pc *pc, const gsl_vector *times, gsl_vector *v, size_t *evaluations)
{
  state w = { .data = *data, .wrapped = pc, .v = v };
  w.z = gsl_matrix_alloc (ROWS, v->size);
  if (w.z == NULL)
    return GSL_ENOMEM;
  for (size_t i = 0; i < ROWS; i++)
    for (size_t k = 0; k < v->size; k++)
      gsl_matrix_set (w.z, i, k, z_pattern[i]);
  int status = run (&w, times, evaluations);
  gsl_matrix_free (w.z);
  return status;
}

double
recursion_frechet (const recursion *data, const gsl_vector *v)
{
  double sum = 0;
  for (size_t k = 0; k < v->size; k++)
    sum += gsl_pow_2 (sqrt (gsl_vector_get (v, k)) - sqrt (gsl_vector_get (data->lambda, k)));
  return sum;
}
