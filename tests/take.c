#include "take.h"

#include "score/callback.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>

int
take_step (const sb_step_type *type, const sb_score *score, const gsl_matrix *y, double s, double t,
           const gsl_matrix *z, gsl_matrix *x)
{
  sb_sampler_work *work = sb_sampler_work_alloc (score, x->size1);
  gsl_vector *from = gsl_vector_alloc (x->size1), *to = gsl_vector_alloc (x->size1);
  int status = GSL_ENOMEM;
  if (work && from && to)
    {
      gsl_vector_set_all (from, t);
      gsl_vector_set_all (to, s);
      status = sb_step_apply (type, NULL, work, y, to, from, z, x);
    }
  sb_sampler_work_free (work);
  gsl_vector_free (from);
  gsl_vector_free (to);
  return status;
}

int
take_correction (const sb_corrector *corrector, const sb_score *score, const gsl_matrix *y, double s, double t,
                 const gsl_matrix *z, gsl_matrix *x)
{
  sb_sampler_work *work = sb_sampler_work_alloc (score, x->size1);
  int status = work ? sb_corrector_apply (corrector, work, y, s, t, z, x) : GSL_ENOMEM;
  sb_sampler_work_free (work);
  return status;
}

// ## In the report's letters

int
langevin_step (const sb_score *score, const gsl_matrix *y, double t, double epsilon, const gsl_matrix *z, gsl_matrix *x)
{
  const sb_corrector constant = { .type = sb_corrector_constant, .epsilon = epsilon / 2 };
  return take_correction (&constant, score, y, t, t, z, x);
}

static int
sample (sb_pc pc, const langevin_run *l, const sb_score *score, const gsl_matrix *y, const gsl_vector *times,
        sb_stream stream, gsl_matrix *x)
{
  pc.noiseless = l->noiseless;
  pc.corrected = l->taken;
  pc.progress = l->progress;
  pc.context = l->context;
  return sb_pc_sample (&pc, score, y, times, stream, x, NULL);
}

int
langevin_sample (const langevin_run *l, const sb_score *score, const gsl_matrix *y, double t, sb_stream stream,
                 gsl_matrix *x)
{
  gsl_vector_const_view time = gsl_vector_const_view_array (&t, 1);
  sb_pc pc = sb_pc_langevin (l->epsilon / 2, l->steps);
  pc.each_corrector = true;
  return sample (pc, l, score, y, &time.vector, stream, x);
}

static double
library_epsilon (const langevin_run *l, const sb_process *process, const gsl_vector *times)
{
  double a, sigma_L = GSL_NAN;
  if (times->size > 0)
    sb_process_scalars (process, 0, gsl_vector_get (times, times->size - 1), &a, &sigma_L);
  return l->epsilon / (2 * sigma_L * sigma_L);
}

int
annealed_sample (const langevin_run *l, const sb_score *score, const gsl_matrix *y, const gsl_vector *times,
                 sb_stream stream, gsl_matrix *x)
{
  return sample (sb_pc_annealed (library_epsilon (l, score->process, times), l->steps), l, score, y, times, stream, x);
}

static int
one (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)x, (void)t, (void)y, (void)params;
  gsl_matrix_set_all (out, 1);
  return GSL_SUCCESS;
}

int
annealed_step_size (const langevin_run *l, const sb_process *process, const gsl_vector *times, size_t i, double *alpha)
{
  const sb_corrector fixed = { .type = sb_corrector_fixed, .epsilon = library_epsilon (l, process, times) };
  const double t = gsl_vector_get (times, i - 1);
  sb_score *score = sb_score_callback_alloc (&(sb_score_callback){ .view = SB_SCORE, .function = one }, process);
  gsl_matrix *x = gsl_matrix_calloc (1, process->dimension);
  int status = score && x ? take_correction (&fixed, score, NULL, t, t, NULL, x) : GSL_ENOMEM;
  *alpha = status ? GSL_NAN : 2 * gsl_matrix_get (x, 0, 0);
  gsl_matrix_free (x);
  sb_score_free (score);
  return status;
}
