// # Objectives taken apart

#include "losses.h"
#include "scope.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

sb_objective
weighted (const sb_objective_type *type, const sb_process *process, const sb_weighting_type *weighting, double t_min)
{
  sb_objective o = sb_objective_of (type, process, t_min);
  o.weighting.type = weighting;
  return o;
}

sb_objective
on_data (const sb_objective_type *type, const sb_process *process)
{
  sb_objective o = sb_objective_of (type, process, 0);
  o.t_max = 0;
  return o;
}

int
draw_points (const sb_objective *o, sb_stream stream, gsl_vector *t, gsl_matrix *z, gsl_matrix *x)
{
  sb_objective_batch *b = sb_objective_batch_alloc (o, x->size1);
  if (!b)
    return GSL_EINVAL;
  gsl_matrix_memcpy (&b->x_0, x);
  int status = sb_objective_draw (stream, b);
  gsl_vector_memcpy (t, &b->t);
  gsl_matrix_memcpy (z, &b->z);
  gsl_matrix_memcpy (x, &b->x);
  sb_objective_batch_free (b);
  return status;
}

// ## Of estimates

static int
close_batch (sb_objective_batch *b, int status, gsl_vector *loss, gsl_matrix *bar)
{
  if (!status)
    status = sb_objective_find_loss (b);
  if (!status)
    gsl_vector_memcpy (loss, &b->loss);
  if (!status && bar)
    gsl_matrix_memcpy (bar, &b->bar);
  sb_objective_batch_free (b);
  return status;
}

int
loss_of (const sb_objective *o, const gsl_vector *t, const gsl_matrix *z, const gsl_matrix *estimate, gsl_vector *loss,
         gsl_matrix *bar)
{
  sb_objective_batch *b = sb_objective_batch_alloc (o, estimate->size1);
  if (!b)
    return GSL_EINVAL;
  gsl_vector_memcpy (&b->t, t);
  gsl_matrix_memcpy (o->type->view == SB_DENOISER ? &b->x_0 : &b->z, z);
  gsl_matrix_memcpy (&b->estimate, estimate);
  return close_batch (b, GSL_SUCCESS, loss, bar);
}

// ## At points

static void
place (sb_objective_batch *b, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *v)
{
  const size_t n = x->size1;
  for (size_t m = 0; m < b->directions; m++)
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < x->size2; j++)
        gsl_matrix_set (&b->v, m * n + i, j, v ? gsl_matrix_get (v, i, j) : j == m);
  for (size_t p = 0; p < b->points; p++)
    for (size_t i = 0; i < n; i++)
      {
        gsl_vector_set (&b->t, p * n + i, gsl_vector_get (t, i));
        for (size_t j = 0; j < x->size2; j++)
          gsl_matrix_set (
              &b->x, p * n + i, j,
              gsl_matrix_get (x, i, j)
                  + (b->points == 2 ? (p == 0 ? 1 : -1) * b->objective->key[0] * gsl_matrix_get (v, i, j) : 0));
      }
}

int
loss_at (const sb_objective *o, const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *v,
         gsl_vector *loss, gsl_matrix *bar)
{
  sb_objective_batch *b = sb_objective_batch_alloc (o, x->size1);
  if (!b)
    return GSL_EINVAL;
  place (b, x, t, v);
  return close_batch (b, sb_objective_evaluate (score, NULL, b), loss, bar);
}

int
esm_at (const sb_score *score, const sb_score *truth, const gsl_matrix *x, const gsl_vector *t, gsl_vector *loss,
        gsl_matrix *bar)
{
  sb_objective o = sb_objective_of (sb_objective_esm, score->process, 0);
  o.truth = truth;
  return loss_at (&o, score, x, t, NULL, loss, bar);
}

int
ism_at (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, gsl_vector *loss)
{
  const sb_objective o = sb_objective_of (sb_objective_ism, score->process, 0);
  return loss_at (&o, score, x, t, NULL, loss, NULL);
}

int
ssm_at (bool plain, const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *v,
        gsl_vector *loss)
{
  sb_objective o = sb_objective_of (sb_objective_ssm, score->process, 0);
  o.key[0] = plain;
  return loss_at (&o, score, x, t, v, loss, NULL);
}

sb_objective
fdssm_of (const sb_process *process, double h, bool plain)
{
  sb_objective o = on_data (sb_objective_fdssm, process);
  o.key[0] = h;
  o.key[1] = plain;
  return o;
}

// ## Of data and the same under noise

static int
find_noise (const gsl_matrix *x, const gsl_matrix *x_tilde, const gsl_vector *t, sb_objective_batch *b)
{
  const sb_process *process = b->objective->process;
  gsl_vector_memcpy (&b->t, t);
  gsl_matrix_memcpy (&b->x, x_tilde);
  gsl_matrix_memcpy (&b->z, x);
  int status = sb_process_apply (process, SB_A, CblasNoTrans, NULL, t, &b->z);
  gsl_matrix_sub (&b->z, x_tilde);
  gsl_matrix_scale (&b->z, -1);
  return status ? status : sb_process_apply (process, SB_S_INVERSE, CblasNoTrans, NULL, t, &b->z);
}

int
denoising_by (const sb_weighting_type *weighting, const sb_score *score, const gsl_matrix *x, const gsl_matrix *x_tilde,
              const gsl_vector *t, gsl_vector *loss, gsl_matrix *bar)
{
  const sb_objective o = weighted (sb_objective_denoising, score->process, weighting, 0);
  sb_objective_batch *b = sb_objective_batch_alloc (&o, x->size1);
  if (!b)
    return GSL_EINVAL;
  int status = find_noise (x, x_tilde, t, b);
  return close_batch (b, status ? status : sb_objective_evaluate (score, NULL, b), loss, bar);
}

int
denoising_at (const sb_score *score, const gsl_matrix *x, const gsl_matrix *x_tilde, const gsl_vector *t,
              gsl_vector *loss, gsl_matrix *bar)
{
  return denoising_by (*sb_objective_denoising->weighting, score, x, x_tilde, t, loss, bar);
}

// What an estimate of zero is off by is minus the target.

int
target_at (const sb_process *process, const gsl_matrix *x, const gsl_matrix *x_tilde, const gsl_vector *t,
           gsl_matrix *target)
{
  const sb_objective o = sb_objective_of (sb_objective_denoising, process, 0);
  sb_objective_batch *b = sb_objective_batch_alloc (&o, x->size1);
  if (!b)
    return GSL_EINVAL;
  int status = find_noise (x, x_tilde, t, b);
  gsl_matrix_set_zero (&b->estimate);
  if (!status)
    status = sb_objective_from_target (b);
  gsl_matrix_memcpy (target, &b->difference);
  gsl_matrix_scale (target, -1);
  sb_objective_batch_free (b);
  return status;
}

// ## Trainings

int
draw_from_law (const void *law, sb_stream stream, gsl_matrix *x, gsl_matrix *y)
{
  (void)y;
  return sb_target_sample (law, stream, x);
}

double
train_for (sb_trainer *trainer, int steps, int last)
{
  double loss, norm, sum = 0;
  sb_error error;
  for (int k = 0; k < steps; k++)
    {
      ok (sb_trainer_step (trainer, &loss, &norm, &error), "%s", error.message);
      sum += k >= steps - last ? loss : 0;
    }
  return sum / last;
}

double
mean_of (const gsl_vector *v, double *standard_error)
{
  *standard_error = gsl_stats_sd (v->data, v->stride, v->size) / sqrt ((double)v->size);
  return gsl_stats_mean (v->data, v->stride, v->size);
}
