// # Samplers on Gaussian data, without chance
//
// What Tables 1, 4 and 5 and Figure 9 share: every sampler on data $\mathcal{N}(0, \operatorname{diag}\lambda)$ with
// the exact score. Each step is linear, so what it does to a variance can be followed exactly: `recursion_run` runs the
// library's own steps on rows that have the right moments.

#include "spectrum.h"

#include <gsl/gsl_math.h>
#include <math.h>

enum
{
  D = 48 // coordinates
};

// ## Data and processes
//
// Variances that fall off like an image's spectrum, $\lambda_k = c/k$, of mean 0.25; VE noise from 0.01 to 20, VP rates
// from 0.1 to 20.

static void
set_spectrum (gsl_vector *lambda)
{
  double harmonic = 0;
  for (size_t k = 1; k <= D; k++)
    harmonic += 1. / (double)k;
  for (size_t k = 1; k <= D; k++)
    gsl_vector_set (lambda, k - 1, 0.25 * D / harmonic / (double)k);
}

const char *const sde_name[] = { "VE", "VP" };

static sb_process *
chain (sde_kind sde, size_t levels)
{
  return require_pointer (sde == VE ? sb_smld_alloc (D, levels, 0.01, 20) : sb_ddpm_alloc (D, levels, 0.1, 20),
                          "the chain");
}

// ## The samplers
//
// All of them end with Tweedie's formula and no noise, as the paper's Appendix G says. [scoresde.txt-denoise] The step
// from level 1 to level 0 of ancestral sampling and of reverse diffusion, without its noise, is that formula (to
// $10^{-8}$ with VP); the probability flow and the corrector alone take ancestral sampling's for it.

static bool
above_0 (const gsl_vector *s)
{
  return gsl_vector_get (s, 0) > 0;
}

static int
flow_step (sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z,
           gsl_matrix *x)
{
  return sb_step_apply (above_0 (s) ? sb_step_probability_flow : sb_step_ancestral, NULL, work, y, s, t, z, x);
}

static int
no_step (sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z,
         gsl_matrix *x)
{
  return sb_step_apply (above_0 (s) ? sb_step_none : sb_step_ancestral, NULL, work, y, s, t, z, x);
}

static const sb_step_type probability_flow = { .entry = { .name = "probability flow" }, .take = flow_step };
static const sb_step_type no_predictor = { .entry = { .name = "no predictor" }, .take = no_step };

const char *const predictor_name[] = { "ancestral sampling", "reverse diffusion", "probability flow", "no predictor" };

static const sb_step_type *
predictor (int which)
{
  switch (which)
    {
    case ANCESTRAL:
      return sb_step_ancestral;
    case REVERSE_DIFFUSION:
      return sb_step_reverse_diffusion;
    case PROBABILITY_FLOW:
      return &probability_flow;
    default:
      return &no_predictor;
    }
}

// ## Between levels
//
// A network that has learned $N$ levels is sampled from on $2N$: at level $i$ of these, counted from 0, it is asked for
// its level $i/2$, or for $\lfloor i/2\rfloor$ where it cannot be asked between. [scoresde.txt-interp] The exact score
// at a level that is no whole number is taken to be that where $\log\sigma$, or $\log\alpha$, is linear between its
// neighbours, or beyond the last.

typedef struct
{
  sb_process *trained;
  sb_interpolation how;
} between;

static int
kernel_between (const void *params, double t, double *a, double *sd)
{
  const between *b = params;
  const size_t trained = b->trained->levels, i = (size_t)lrint (t * 2 * (double)trained) - 1;
  const double label = sb_interpolate_label (b->how, trained, i);
  const size_t below = GSL_MIN ((size_t)label, trained - 2);
  const double share = label - (double)below;
  double a_0, a_1, sd_0, sd_1;
  int status = sb_process_scalars (b->trained, 0, (double)(below + 1) / (double)trained, &a_0, &sd_0);
  if (!status)
    status = sb_process_scalars (b->trained, 0, (double)(below + 2) / (double)trained, &a_1, &sd_1);
  if (status)
    return status;
  *a = a_0 * pow (a_1 / a_0, share);
  *sd = a_0 == 1 ? sd_0 * pow (sd_1 / sd_0, share) : sqrt (1 - *a * *a);
  return GSL_SUCCESS;
}

// ## One run
//
// Down all levels, M corrector steps at each before the predictor leaves it; the result is the Fréchet distance
// between the samples' law and the data's, $\sum_k (\sqrt{v_k} - \sqrt{\lambda_k})^2$.

double
sampler_distance (const sampler *s, results *out)
{
  sb_process *process = chain (s->sde, s->levels);
  gsl_vector *lambda = require_pointer (gsl_vector_alloc (D), "variances");
  gsl_vector *v = require_pointer (gsl_vector_alloc (D), "variances");
  gsl_vector *times = require_pointer (gsl_vector_alloc (s->levels + 1), "times");
  set_spectrum (lambda);
  gsl_vector_set_all (v, s->sde == VE ? 20 * 20 : 1);
  for (size_t i = 0; i <= s->levels; i++)
    gsl_vector_set (times, i, (double)(s->levels - i) / (double)s->levels);

  sb_pc pc = sb_pc_default ();
  pc.step = predictor (s->predictor);
  pc.corrector_steps = s->M;
  pc.corrector.snr = s->r;
  pc.order = SB_CORRECTOR_FIRST;
  pc.final = SB_FINAL_MEAN;
  recursion data = { .process = process, .lambda = lambda, .factor = s->factor };
  between b = { NULL, SB_INTERPOLATE_LINEAR };
  if (s->interpolation)
    {
      b = (between){ chain (s->sde, s->levels / 2), *s->interpolation };
      data.kernel = kernel_between;
      data.params = &b;
    }
  size_t evaluations = 0;
  require (recursion_run (&data, &pc, times, v, &evaluations), predictor_name[s->predictor]);
  double frechet = recursion_frechet (&data, v);

#ifdef _OPENMP
#pragma omp atomic
#endif
  out->evaluations += evaluations;
  gsl_vector_free (times);
  gsl_vector_free (v);
  gsl_vector_free (lambda);
  sb_process_free (b.trained);
  sb_process_free (process);
  return frechet;
}

// ## The best r
//
// As in the paper, $r$ is the best of a grid. All values go to a file for the figure.

best
sampler_best_r (sampler s, results *out, FILE *curve)
{
  best b = { INFINITY, NAN };
  double found[R_MOST + 1];
  int stride = out->scale == SMOKE ? 6 : 1;
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic)
#endif
  for (int k = stride; k <= R_MOST; k += stride)
    {
      sampler with_r = s;
      with_r.r = k / 100.;
      found[k] = sampler_distance (&with_r, out);
    }

  if (curve)
    fprintf (curve, "\"%s%s\"\n", predictor_name[s.predictor], s.predictor == NONE ? " (C2000)" : "");
  for (int k = stride; k <= R_MOST; k += stride)
    {
      if (curve)
        fprintf (curve, "%g %.6e\n", k / 100., found[k]);
      if (found[k] < b.distance)
        b = (best){ found[k], k / 100. };
    }
  if (curve)
    fputs ("\n\n", curve);
  return b;
}
