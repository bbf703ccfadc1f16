// # Langevin dynamics
//
// The score says in which direction the density grows. Climb it in small steps, with just enough noise not to stay at
// the top, and the points visited are, in the long run, a sample of the density:
// $$ \mathbf x \leftarrow \mathbf x + \epsilon\,\nabla_{\mathbf x}\log p(\mathbf x) + \sqrt{2\epsilon}\,\mathbf z,
//    \qquad \mathbf z \sim \mathcal N(\mathbf 0, \mathbf I). $$
// There are two conventions. This is that of Song et al. (2021), and the only one in the code; the report writes
// $\varepsilon = 2\epsilon$, [dsm2ddpm.txt-langevin]
// $$ \tilde{\mathbf x}_t = \tilde{\mathbf x}_{t-1}
//    + \frac{\varepsilon}{2}\,\nabla_{\mathbf x}\log p(\tilde{\mathbf x}_{t-1}) + \sqrt{\varepsilon}\,\mathbf z_t. $$
// It is Euler's step, over a time of $\varepsilon$, for the stochastic differential equation
// [dsm2ddpm.txt-langevin-sde]
// $$ d\tilde{\mathbf x} = \tfrac12\,\nabla_{\mathbf x}\log p(\tilde{\mathbf x})\,dt + d\mathbf N, $$
// $\mathbf N$ a Brownian motion, under which $p$ is invariant. The steps do not quite keep it: on a Gaussian of
// variance $s^2$ they tend to the variance $s^2/(1 - \varepsilon/4s^2)$, if $\varepsilon < 4s^2$, and to no other. So
// the law of $\tilde{\mathbf x}_T$ tends to $p$ as $\varepsilon \to 0$ and the time $T\varepsilon \to \infty$.
// [dsm2ddpm.txt-langevin-limit] [scoresde.txt-langevin-limit] Without noise a step only climbs, towards a maximum of
// $\log p$. [dsm2ddpm.txt-langevin-noise]

#include "../base/error.h"
#include "work.h"

#include <gsl/gsl_math.h>
#include <math.h>

static int
move (const sb_corrector *corrector, sb_sampler_work *work, const gsl_matrix *y, double t, const double *epsilon,
      const gsl_matrix *z, gsl_matrix *x)
{
  const size_t parts = sb_work_noises (work->score->process);
  gsl_matrix_view one = gsl_matrix_submatrix (work->c, 0, 0, 1, parts),
                  of_g = gsl_matrix_submatrix (work->c, 1, 0, 1, parts),
                  of_z = gsl_matrix_submatrix (work->c, 2, 0, 1, parts), g = sb_work_estimate_rows (work, x->size1);
  gsl_vector_view times = sb_work_times (work, x->size1, t);
  if (!(corrector->epsilon > 0 && gsl_finite (corrector->epsilon)))
    SB_ERROR (NULL, GSL_EDOM, "the step of the corrector %s must be positive and finite, not %g",
              corrector->type->entry.name, corrector->epsilon);
  int status = sb_work_estimate (work, SB_SCORE, y, &times.vector, x, &g.matrix);
  if (status)
    return status;
  for (size_t k = 0; k < parts; k++)
    {
      gsl_matrix_set (&one.matrix, 0, k, 1);
      gsl_matrix_set (&of_g.matrix, 0, k, epsilon[k]);
      gsl_matrix_set (&of_z.matrix, 0, k, sqrt (2 * epsilon[k]));
    }
  const sb_term term[] = { { &one.matrix, x }, { &of_g.matrix, &g.matrix }, { &of_z.matrix, z } };
  return sb_process_combine (work->score->process, z ? 3 : 2, term, work->more, x);
}

static int
constant_step (const sb_corrector *corrector, sb_sampler_work *work, const gsl_matrix *y, double s, double t,
               const gsl_matrix *z, gsl_matrix *x)
{
  (void)s;
  for (size_t k = 0; k < sb_work_noises (work->score->process); k++)
    work->numbers[k] = corrector->epsilon;
  return move (corrector, work, y, t, work->numbers, z, x);
}

// ## Annealed
//
// Langevin dynamics needs a score that is right wherever a chain goes, and no valleys it cannot cross. Under much noise
// there are neither holes nor valleys, under little noise the law is that of the data; so sample one level after the
// other, from a large $\sigma_1$ down to a small $\sigma_L$, each from where the last one ended: [dsm2ddpm.alg1]
//
//     initialise x
//     for i = 1, ..., L:
//         alpha_i = eps sigma_i^2 / sigma_L^2
//         T times:
//             x <- x + alpha_i/2 s(x, sigma_i) + sqrt(alpha_i) z
//     return x
//
// A valley is crossed if $\sigma_1$ is of the size of the distance between the modes, and only then.
// [dsm2ddpm.txt-annealing-fixes-weights] The levels' step sizes [dsm2ddpm.txt-step-size] are those of SMLD,
// [scoresde.eq2]
// $$ \mathbf x \leftarrow \mathbf x + \epsilon_i\,\mathbf s(\mathbf x, \sigma_i) + \sqrt{2\epsilon_i}\,\mathbf z,
//    \qquad \epsilon_i = \epsilon\,\sigma_i^2, $$
// for the report's $\varepsilon = 2\sigma_L^2\,\epsilon$. On data of one point the law at level $i$ is $\mathcal
// N(\mathbf x, \sigma_i^2\,\mathbf I)$, and a step contracts by $1 - \epsilon$ at every level: it is stable as long as
// $\epsilon < 2$. For other processes $\sigma_i^2$ is $S(0,t)^2$, in each part its own.

static int
fixed_step (const sb_corrector *corrector, sb_sampler_work *work, const gsl_matrix *y, double s, double t,
            const gsl_matrix *z, gsl_matrix *x)
{
  (void)s;
  int status = sb_work_deviations (work->score->process, t, work->numbers);
  for (size_t k = 0; k < sb_work_noises (work->score->process) && !status; k++)
    work->numbers[k] = corrector->epsilon * gsl_pow_2 (work->numbers[k]);
  return status ? status : move (corrector, work, y, t, work->numbers, z, x);
}

// ## As correctors

static const sb_key fixed_keys[] = { { .name = "epsilon",
                                       .usual = 0.05,
                                       .high = HUGE_VAL,
                                       .above = true,
                                       .help = "step size, in units of the noise's variance" } };
static const sb_key constant_keys[]
    = { { .name = "epsilon", .usual = 1e-3, .high = HUGE_VAL, .above = true, .help = "step size" } };

static void
set (const double *key, sb_corrector *corrector)
{
  corrector->epsilon = key[0];
}

static const sb_corrector_type fixed = { .entry = { .name = "fixed",
                                                    .help = "Langevin, steps proportional to the noise's variance",
                                                    .keys = fixed_keys,
                                                    .key_count = 1 },
                                         .set = set,
                                         .step = fixed_step };
static const sb_corrector_type constant
    = { .entry
        = { .name = "constant", .help = "Langevin, the same step at all times", .keys = constant_keys, .key_count = 1 },
        .set = set,
        .step = constant_step };

const sb_corrector_type *sb_corrector_fixed = &fixed;
const sb_corrector_type *sb_corrector_constant = &constant;
