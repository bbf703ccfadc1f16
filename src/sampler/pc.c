// # Predictor-corrector sampling
//
// A predictor, any solver of the reverse SDE, brings $\mathbf x$ to the next lower time; a corrector, Langevin
// dynamics at that time, brings its law closer to the right one. [scoresde.alg1]
//
//     x_N ~ p_T
//     for i = N-1, ..., 0:
//         x_i <- Predictor(x_{i+1})
//         M times: x_i <- Corrector(x_i)
//     return x_0
//
// With reverse diffusion and the Langevin corrector these are Algorithms 2 and 3. With the identity as the predictor
// and the corrector at each level before it, they are the samplers of SMLD, Eq. (2) and Algorithm 4; with ancestral
// sampling and no corrector, that of DDPM, Eq. (4). [scoresde.txt-pc-unify] The paper's searches ended at $r = 0.16$
// for reverse diffusion on CIFAR-10 (VE), with one corrector step per level. [scoresde.set-samplers]

#include "pc.h"

#include "../base/error.h"
#include "step.h"

sb_pc
sb_pc_default (void)
{
  sb_corrector corrector
      = { .type = sb_corrector_langevin, .snr = 0.16, .norm = SB_NORM_BATCH, .alpha = SB_ALPHA_STEP };
  return (sb_pc){ .predictor = sb_predictor_reverse_diffusion,
                  .corrector = corrector,
                  .corrector_steps = 1,
                  .order = SB_PREDICTOR_FIRST,
                  .final = SB_FINAL_DENOISE };
}

// ## What the corrector buys
//
// On a Gaussian spectrum with the exact score, where nothing but the method is measured, one corrector step for each
// predictor step improves on every predictor, and for five of the six pairs of predictor and chain it does more than
// twice as many predictor steps would (not for ancestral sampling of DDPM). [scoresde.txt-pc-beats-p] The corrector
// alone, with as many evaluations, is the worst of all; it needs many more steps per level. [scoresde.txt-c-worst]

// ## The grid
//
// A chain's grid ends at its first level, an SDE's at $t_{\min}$, and the sample is denoised from there. A chain may
// also be run to its level 0, the data. There Algorithm 1 as printed asks for the score of the data themselves: that
// is what SB_PREDICTOR_FIRST does if the grid ends at 0, and the reason why such a grid is not the usual one.

static int
check (const sb_pc *pc, const gsl_vector *times)
{
  if (pc->predictor == NULL || (pc->corrector_steps > 0 && pc->corrector.type == NULL))
    SB_ERROR (NULL, GSL_EINVAL, "a sampler needs a predictor (none: sb_predictor_none), and a corrector for its steps");
  if (times->size == 0)
    SB_ERROR (NULL, GSL_EBADLEN, "the grid has no times");
  for (size_t k = 1; k < times->size; k++)
    if (!(gsl_vector_get (times, k) < gsl_vector_get (times, k - 1)))
      SB_ERROR (NULL, GSL_EDOM, "the grid must decrease: time %zu is %g after %g", k, gsl_vector_get (times, k),
                gsl_vector_get (times, k - 1));
  if (pc->final == SB_FINAL_DENOISE && !(gsl_vector_get (times, times->size - 1) > 0))
    SB_ERROR (NULL, GSL_EDOM, "the grid ends at %g, where nothing is left to denoise",
              gsl_vector_get (times, times->size - 1));
  return GSL_SUCCESS;
}

// ## A run
//
// All that a run carries along. z is where normals are drawn: step k of the predictor takes numbers
// $kd, \dots, kd + d - 1$ of each row's stream, and so does step k of the corrector, which counts its own.

typedef struct
{
  const sb_pc *pc;
  const sb_score *score;
  const gsl_matrix *y;
  const gsl_vector *times;
  sb_stream stream;
  gsl_matrix *x, *z;
  size_t corrected, evaluations;
} run;

static double
time_at (const run *w, size_t k)
{
  return k < w->times->size ? gsl_vector_get (w->times, k) : 0;
}

static int
draw (run *w, sb_purpose purpose, size_t count)
{
  w->stream.purpose = purpose;
  return sb_stream_normals (w->stream, (uint64_t)count * w->x->size2, w->z);
}

static int
predict (run *w, size_t k, bool noisy)
{
  const sb_predictor_type *predictor = w->pc->predictor;
  noisy = noisy && predictor->noisy;
  int status = noisy ? draw (w, SB_FOR_PREDICTOR, k) : GSL_SUCCESS;
  if (status == GSL_SUCCESS)
    status = predictor->step (w->score, w->y, time_at (w, k + 1), time_at (w, k), noisy ? w->z : NULL, w->x);
  w->evaluations += predictor->evaluations;
  return status;
}

static int
correct (run *w, size_t k)
{
  const sb_corrector *corrector = &w->pc->corrector;
  int status = GSL_SUCCESS;
  for (size_t j = 0; j < w->pc->corrector_steps && status == GSL_SUCCESS; j++)
    {
      status = draw (w, SB_FOR_CORRECTOR, w->corrected);
      if (status == GSL_SUCCESS)
        status = corrector->type->step (corrector, w->score, w->y, time_at (w, k + 1), time_at (w, k), w->z, w->x);
      w->corrected++;
      w->evaluations++;
    }
  return status;
}

// Samples still carry the noise of the last level, which the eye does not see and a Frechet distance does. The paper
// ends every run with Tweedie's formula, $\hat{\mathbf x}_0 = \operatorname E[\mathbf x_0 \mid \mathbf x_t]$.
// [scoresde.txt-denoise]

static int
denoise (run *w)
{
  double t = time_at (w, w->times->size - 1);
  int status = sb_step_evaluate (w->score, SB_DENOISER, w->y, t, w->x, w->z);
  w->evaluations++;
  return status == GSL_SUCCESS ? gsl_matrix_memcpy (w->x, w->z) : status;
}

static int
report (const run *w, size_t done, double t)
{
  const sb_pc *pc = w->pc;
  return pc->progress != NULL ? pc->progress (pc->context, done, w->times->size - 1, t, w->x) : GSL_SUCCESS;
}

// Algorithm 1, with its order and its end open. A grid of $N + 1$ times has $N$ steps.

static int
sample (run *w)
{
  const sb_pc *pc = w->pc;
  size_t N = w->times->size - 1;
  int status = report (w, 0, time_at (w, 0));
  for (size_t k = 0; k < N && status == GSL_SUCCESS; k++)
    {
      bool ends_in_mean = k + 1 == N && pc->final == SB_FINAL_MEAN;
      if (pc->order == SB_CORRECTOR_FIRST)
        status = correct (w, k);
      if (status == GSL_SUCCESS)
        status = predict (w, k, !ends_in_mean);
      if (status == GSL_SUCCESS && pc->order == SB_PREDICTOR_FIRST && !ends_in_mean)
        status = correct (w, k + 1);
      if (status == GSL_SUCCESS)
        status = report (w, k + 1, time_at (w, k + 1));
    }
  if (status != GSL_SUCCESS || pc->final != SB_FINAL_DENOISE)
    return status;

  if (pc->order == SB_CORRECTOR_FIRST)
    status = correct (w, N);
  if (status == GSL_SUCCESS)
    status = denoise (w);
  return status == GSL_SUCCESS ? report (w, N, 0) : status;
}

int
sb_pc_sample (const sb_pc *pc, const sb_score *score, const gsl_matrix *y, const gsl_vector *times, sb_stream stream,
              gsl_matrix *x, size_t *evaluations)
{
  if (evaluations != NULL)
    *evaluations = 0;
  int status = sb_step_check (score, 0, score->process->t_max, NULL, x);
  if (status == GSL_SUCCESS)
    status = check (pc, times);
  if (status != GSL_SUCCESS)
    return status;

  run w = { .pc = pc, .score = score, .y = y, .times = times, .stream = stream, .x = x };
  w.z = gsl_matrix_alloc (x->size1, x->size2);
  status = w.z != NULL ? sample (&w) : GSL_ENOMEM;
  gsl_matrix_free (w.z);
  if (evaluations != NULL)
    *evaluations = w.evaluations;
  return status;
}
