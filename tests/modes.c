// # Samplers of Gaussian fields, without Monte Carlo
//
// Two rows say as much as a million (recursion.c): $\sqrt{v_k}\,(1, 1)$ with the noise $(1, -1)$ has the mean square
// of a step's result.

#include "modes.h"

#include "score/exact.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

// ## The blur

static int
blur_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
            gsl_matrix *out)
{
  const field *f = state;
  (void)transpose;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < f->groups; k++)
      gsl_matrix_set (out, i, k, field_transfer (f, k, gsl_vector_get (level, i)) * gsl_matrix_get (x, i, k));
  return GSL_SUCCESS;
}

static int
blur_values (const void *state, int rate, double level, double *c)
{
  const field *f = state;
  for (size_t k = 0; k < f->groups; k++)
    c[k] = (rate ? field_transfer_rate : field_transfer) (f, k, level);
  return GSL_SUCCESS;
}

static const sb_operator_type blur_type
    = { .name = "modes", .apply = blur_apply, .free = free, .has_level = 1, .values = blur_values };

sb_operator *
modes_blur_alloc (const field *f)
{
  field *state = malloc (sizeof *state);
  if (!state)
    return NULL;
  *state = *f;
  return sb_operator_alloc (&blur_type, state, f->groups, f->groups);
}

sb_process *
modes_soft_alloc (const field *f, const double *knots, double sigma_max, bool joint)
{
  const gsl_vector_const_view levels = gsl_vector_const_view_array (knots, FIELD_KNOTS);
  const sb_soft_stages stages
      = { .sigma_min = 0.01, .sigma_max = sigma_max, .noise = 0.2, .joint = joint, .levels = &levels.vector };
  sb_operator *blur = modes_blur_alloc (f);
  return blur ? sb_soft_stages_alloc (blur, &stages) : NULL;
}

// ## The law

sb_target *
modes_law_alloc (const field *f)
{
  gsl_vector *mean = gsl_vector_calloc (f->groups);
  gsl_matrix *C = gsl_matrix_calloc (f->groups, f->groups);
  for (size_t k = 0; k < f->groups && C; k++)
    gsl_matrix_set (C, k, k, f->P[k]);
  sb_target *law = mean && C ? sb_target_gaussian_alloc (mean, C) : NULL;
  gsl_vector_free (mean);
  gsl_matrix_free (C);
  return law;
}

// ## The denoiser

typedef struct
{
  const sb_target *law;
  const sb_process *process;
  double gain;
} imperfect;

static int
imperfect_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                    gsl_matrix *out)
{
  const imperfect *h = state;
  (void)y;
  int status = sb_target_evaluate (h->law, h->process, view, x, t, out);
  gsl_matrix_scale (out, 1 + h->gain);
  return status;
}

static const sb_score_type imperfect_type
    = { .name = "imperfect", .views = SB_DENOISER, .evaluate = imperfect_evaluate };

// ## A run

static int
marginal (const modes *m, double t, double *v)
{
  double a[FIELD_MOST_GROUPS], sd[FIELD_MOST_GROUPS];
  int status = sb_process_numbers (m->process, SB_A, 0, t, a);
  if (!status)
    status = sb_process_numbers (m->process, SB_S, 0, t, sd);
  for (size_t k = 0; k < m->f->groups && !status; k++)
    v[k]
        = gsl_pow_2 (a[sb_process_part (m->process, k)]) * m->f->P[k] + gsl_pow_2 (sd[sb_process_part (m->process, k)]);
  return status;
}

typedef struct
{
  gsl_matrix *x, *z;
  gsl_vector *s, *t;
} two_rows;

static int
take (const sb_step_type *type, sb_sampler_work *work, const two_rows *r, double s, double t, double *v)
{
  const size_t groups = r->x->size2;
  for (size_t i = 0; i < 2; i++)
    for (size_t k = 0; k < groups; k++)
      {
        gsl_matrix_set (r->x, i, k, sqrt (v[k]));
        gsl_matrix_set (r->z, i, k, i ? -1 : 1);
      }
  gsl_vector_set_all (r->s, s);
  gsl_vector_set_all (r->t, t);
  const int status = sb_step_apply (type, NULL, work, NULL, r->s, r->t, r->z, r->x);
  for (size_t k = 0; k < groups; k++)
    v[k] = (gsl_pow_2 (gsl_matrix_get (r->x, 0, k)) + gsl_pow_2 (gsl_matrix_get (r->x, 1, k))) / 2;
  return status;
}

static int
run (const modes *m, sb_sampler_work *work, const two_rows *r, size_t steps, double end, double *v)
{
  int status = marginal (m, 1, v);
  for (size_t k = steps; k > 0 && !status; k--)
    {
      const sb_step_type *type = m->alternate && (steps - k) % 2 == 1 ? m->alternate : m->step;
      status = take (type, work, r, k > 1 ? (double)(k - 1) / (double)steps : end, (double)k / (double)steps, v);
    }
  return status;
}

double
modes_run_imperfect (const modes *m, double gain, size_t steps, bool keeping, double *v)
{
  const size_t groups = m->f->groups;
  const double end = keeping ? 1e-13 : 0;
  double own[FIELD_MOST_GROUPS], wanted[FIELD_MOST_GROUPS], error = 0;
  sb_target *law = modes_law_alloc (m->f);
  imperfect h = { law, m->process, gain };
  sb_score *score = !law        ? NULL
                    : gain == 0 ? sb_score_exact_alloc (law, m->process)
                                : sb_score_alloc (&imperfect_type, &h, m->process);
  sb_sampler_work *work = score ? sb_sampler_work_alloc (score, 2) : NULL;
  const two_rows r
      = { gsl_matrix_alloc (2, groups), gsl_matrix_alloc (2, groups), gsl_vector_alloc (2), gsl_vector_alloc (2) };
  v = v ? v : own;
  int status = work && r.x && r.z && r.s && r.t ? run (m, work, &r, steps, end, v) : GSL_ENOMEM;
  if (!status)
    status = marginal (m, end, wanted);
  for (size_t k = 0; k < groups; k++)
    error += m->f->share[k] * gsl_pow_2 (sqrt (v[k]) - sqrt (wanted[k]));
  gsl_matrix_free (r.x);
  gsl_matrix_free (r.z);
  gsl_vector_free (r.s);
  gsl_vector_free (r.t);
  sb_sampler_work_free (work);
  sb_score_free (score);
  sb_target_free (law);
  return status ? GSL_NAN : error;
}

double
modes_run (const modes *m, size_t steps, bool keeping, double *v)
{
  return modes_run_imperfect (m, 0, steps, keeping, v);
}
