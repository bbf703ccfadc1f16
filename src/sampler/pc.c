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
//
// Every second step may be another predictor's. Soft Diffusion calls such a pair predictor and corrector, but both go
// to the next lower time. [soft.tab5]

// ## What the corrector gains
//
// On a Gaussian spectrum with the exact score, where nothing but the method is measured, one corrector step for each
// predictor step improves on every predictor, and for five of the six pairs of predictor and chain it does more than
// twice as many predictor steps would (not for ancestral sampling of DDPM). [scoresde.txt-pc-beats-p] The corrector
// alone, with as many evaluations, is the worst of all; it needs many more steps per level. [scoresde.txt-c-worst]

#include "pc.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "work.h"

#include <gsl/gsl_math.h>

sb_pc
sb_pc_default (void)
{
  return (sb_pc){ .step = sb_step_reverse_diffusion,
                  .corrector = { .type = sb_corrector_langevin, .snr = 0.16 },
                  .corrector_steps = 1,
                  .final = SB_FINAL_DENOISE };
}

static sb_pc
correctors_alone (const sb_corrector_type *type, double epsilon, size_t steps)
{
  return (sb_pc){ .step = sb_step_none,
                  .corrector = { .type = type, .epsilon = epsilon },
                  .corrector_steps = steps,
                  .order = SB_CORRECTOR_ALWAYS,
                  .final = SB_FINAL_SAMPLE };
}

sb_pc
sb_pc_langevin (double epsilon, size_t steps)
{
  return correctors_alone (sb_corrector_constant, epsilon, steps);
}

sb_pc
sb_pc_annealed (double epsilon, size_t steps)
{
  return correctors_alone (sb_corrector_fixed, epsilon, steps);
}

// ## The grid
//
// A chain's grid ends at its first level, an SDE's at $t_{\min}$, and the sample is denoised from there. A chain may
// also be run to its level 0, the data. There Algorithm 1 as printed asks for the score of the data themselves: that
// is what SB_PREDICTOR_FIRST does if the grid ends at 0, and the reason why such a grid is not the usual one.
//
// A grid that ends early, at some $t_{\mathrm{threshold}}$, gives $\mathbf h(\mathbf x_t, t)$ from there: the samples
// of a score that is not known below. [consistent.txt-early-stop]

static int
check (const sb_pc *pc, const sb_score *score, const gsl_matrix *y, const gsl_vector *times, const gsl_matrix *x)
{
  if (x->size2 != score->process->dimension)
    SB_ERROR (NULL, GSL_EBADLEN, "x has %zu columns, the process %zu", x->size2, score->process->dimension);
  if (!pc->step || (pc->corrector_steps > 0 && !pc->corrector.type))
    SB_ERROR (NULL, GSL_EINVAL, "a sampler needs a step (none: sb_step_none), and a corrector for its steps");
  if (sb_check_apart ("points and condition", y, x))
    return GSL_EINVAL;
  if (pc->condition && (!y || y->size1 != x->size1))
    SB_ERROR (NULL, GSL_EBADLEN, "a condition that is diffused needs a row for each of %zu samples, not %zu", x->size1,
              y ? y->size1 : 0);
  const int status = sb_work_check_grid (score->process, times);
  if (status)
    return status;
  if (pc->final == SB_FINAL_DENOISE && !(gsl_vector_get (times, times->size - 1) > 0))
    SB_ERROR (NULL, GSL_EDOM, "the grid ends at 0, where nothing is left to denoise");
  return GSL_SUCCESS;
}

// ## A run
//
// The state of a run. z receives the normals: step k takes numbers $kd, \dots, kd + d - 1$ of each row's stream, and so
// does step k of the corrector, which counts its own. `status` is that of the first call that failed; the calls after
// it return at once.

typedef struct
{
  const sb_pc *pc;
  sb_sampler_work *work;
  const gsl_matrix *y;
  const gsl_vector *times;
  sb_stream stream;
  gsl_matrix *x, *z;
  gsl_vector *s, *t;  // n times each, all the same
  gsl_matrix *y_t;    // the condition as it is given, where it diffuses
  double diffused_to; // its time
  size_t corrected, imputed, diffused, done;
  int status;
} run;

static double
time_at (const run *w, size_t k)
{
  return gsl_vector_get (w->times, k);
}

// The next lower time; below the last, as far again as the last is from the one before.

static double
time_below (const run *w, size_t k)
{
  const double t = time_at (w, k);
  if (k + 1 < w->times->size)
    return time_at (w, k + 1);
  return k == 0 ? 0 : GSL_MAX_DBL (0, 2 * t - time_at (w, k - 1));
}

static size_t
total (const run *w)
{
  const sb_pc *pc = w->pc;
  const size_t N = w->times->size - 1, corrected = pc->order == SB_CORRECTOR_ALWAYS ? N + 1 : N;
  return pc->each_corrector ? corrected * pc->corrector_steps + (pc->step == sb_step_none ? 0 : N) : corrected;
}

static void
report (run *w, double t)
{
  const sb_pc *pc = w->pc;
  if (!w->status && pc->progress)
    w->status = pc->progress (pc->context, w->done, total (w), t, w->x);
}

static void
advance (run *w, double t)
{
  w->done += !w->status;
  report (w, t);
}

// Progress is counted in moves, each corrector's step and each predictor's, or in times of the grid.

static void
moved (run *w, double t)
{
  if (w->pc->each_corrector)
    advance (w, t);
}

static void
reached (run *w, double t)
{
  if (!w->pc->each_corrector)
    advance (w, t);
}

static void
draw (run *w, sb_purpose purpose, size_t count)
{
  const sb_pc *pc = w->pc;
  w->stream.purpose = purpose;
  if (!w->status && !pc->noiseless)
    w->status = pc->noise ? pc->noise (pc->context, purpose, count, w->z)
                          : sb_stream_normals (w->stream, pc->taken + (uint64_t)count * w->x->size2, w->z);
}

// Before each step or correction, a condition that diffuses is drawn.

static const gsl_matrix *
condition (run *w, double t)
{
  if (!w->pc->condition)
    return w->y;
  if (!w->status)
    w->status = sb_condition_draw (w->pc->condition, w->stream, w->diffused++, w->diffused_to, t, w->y, w->y_t);
  w->diffused_to = t;
  return w->y_t;
}

// Set the known coordinates, before a step or correction at time t; at the end, t = 0, without noise.

static void
impute (run *w, double t)
{
  if (!w->status && w->pc->known)
    w->status = sb_known_impute (w->pc->known, w->work->score->process, w->stream, w->imputed++, t, w->x);
}

const sb_step_type *
sb_pc_step (const sb_pc *pc, size_t k, const double **key)
{
  const bool second = pc->alternate && k % 2 == 1;
  *key = second ? pc->alternate_key : pc->key;
  return second ? pc->alternate : pc->step;
}

static void
predict (run *w, size_t k, bool noisy)
{
  impute (w, time_at (w, k));
  const double *key;
  const sb_step_type *step = sb_pc_step (w->pc, k, &key);
  noisy = noisy && !w->pc->noiseless && sb_step_noisy (step, key);
  if (noisy)
    draw (w, SB_FOR_PREDICTOR, k);
  const gsl_matrix *y = condition (w, time_at (w, k));
  if (w->status)
    return;
  gsl_vector_set_all (w->s, time_at (w, k + 1));
  gsl_vector_set_all (w->t, time_at (w, k));
  w->status = sb_step_apply (step, key, w->work, y, w->s, w->t, noisy ? w->z : NULL, w->x);
  if (w->pc->step != sb_step_none)
    moved (w, time_at (w, k + 1));
}

static void
correct (run *w, size_t k)
{
  const sb_corrector *corrector = &w->pc->corrector;
  for (size_t j = 0; j < w->pc->corrector_steps && !w->status; j++)
    {
      impute (w, time_at (w, k));
      draw (w, SB_FOR_CORRECTOR, w->corrected++);
      const gsl_matrix *y = condition (w, time_at (w, k));
      if (!w->status)
        w->status = sb_corrector_apply (corrector, w->work, y, time_below (w, k), time_at (w, k),
                                        w->pc->noiseless ? NULL : w->z, w->x);
      moved (w, time_at (w, k));
    }
}

static void
denoise (run *w)
{
  const double t = time_at (w, w->times->size - 1);
  impute (w, t);
  const gsl_matrix *y = condition (w, t);
  if (!w->status)
    w->status = sb_work_denoise (w->work, y, t, w->x);
  impute (w, 0);
}

// Algorithm 1, with its order and its ending as settings. A grid of $N + 1$ times has $N$ steps.

static void
sample (run *w)
{
  const sb_pc *pc = w->pc;
  const size_t N = w->times->size - 1;
  report (w, time_at (w, 0));
  if (pc->order == SB_CORRECTOR_ALWAYS)
    {
      correct (w, 0);
      reached (w, time_at (w, 0));
    }
  for (size_t k = 0; k < N && !w->status; k++)
    {
      const bool ends_in_mean = k + 1 == N && pc->final == SB_FINAL_MEAN;
      if (pc->order == SB_CORRECTOR_FIRST)
        correct (w, k);
      predict (w, k, !ends_in_mean);
      if (pc->order != SB_CORRECTOR_FIRST && !ends_in_mean)
        correct (w, k + 1);
      reached (w, time_at (w, k + 1));
    }
  if (pc->final != SB_FINAL_DENOISE)
    {
      impute (w, 0);
      return;
    }
  if (pc->order == SB_CORRECTOR_FIRST)
    correct (w, N);
  denoise (w);
  report (w, 0);
}

static void
run_free (run *w)
{
  sb_sampler_work_free (w->work);
  gsl_matrix_free (w->z);
  gsl_matrix_free (w->y_t);
  gsl_vector_free (w->s);
  gsl_vector_free (w->t);
}

int
sb_pc_sample (const sb_pc *pc, const sb_score *score, const gsl_matrix *y, const gsl_vector *times, sb_stream stream,
              gsl_matrix *x, size_t *evaluations)
{
  size_t none;
  evaluations = evaluations ? evaluations : &none;
  *evaluations = 0;
  int status = check (pc, score, y, times, x);
  if (status || x->size1 == 0)
    return status;
  run w = { .pc = pc,
            .work = sb_sampler_work_alloc (score, x->size1),
            .y = y,
            .times = times,
            .stream = stream,
            .x = x,
            .z = gsl_matrix_alloc (x->size1, x->size2),
            .s = gsl_vector_alloc (x->size1),
            .t = gsl_vector_alloc (x->size1),
            .y_t = pc->condition ? gsl_matrix_alloc (y->size1, y->size2) : NULL,
            .imputed = (size_t)((pc->taken + x->size2 - 1) / x->size2),
            .corrected = pc->corrected };
  w.status = w.work && w.z && w.s && w.t && (w.y_t || !pc->condition) ? GSL_SUCCESS : GSL_ENOMEM;
  if (!w.status)
    w.status = sb_check_finite ("the points to start from", GSL_EDOM, x);
  if (!w.status)
    {
      sample (&w);
      *evaluations = w.work->evaluations;
    }
  if (!w.status)
    w.status = sb_check_finite ("the samples", GSL_EBADFUNC, x);
  run_free (&w);
  return w.status;
}
