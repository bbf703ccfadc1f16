// # Hamiltonian Monte Carlo
//
// The corrector may be any Markov chain that keeps $p_t$ and needs nothing but its score: "Langevin MCMC and HMC" are
// the paper's examples. [scoresde.txt-corrector-mcmc] Give the point a random momentum and let it move as a mass in the
// potential $-\log p_t$ does, by leapfrog: a half step of the momentum, then whole steps of both in turn,
// $$ \mathbf p \leftarrow \mathbf z + \tfrac h2\,\mathbf s(\mathbf x, t), \qquad
//    \mathbf x \leftarrow \mathbf x + h\,\mathbf p, \quad \mathbf p \leftarrow \mathbf p + h\,\mathbf s(\mathbf x, t), \quad \dots $$
// $L$ moves take $L$ evaluations, for the last momentum is thrown away. $L = 1$ is Langevin's step with $\epsilon =
// h^2/2$; more moves go a long way in one direction where Langevin's walk turns at every step.
//
// A score is no density, so that there is no ratio by which a move could be rejected, and the steps do not quite keep
// the law: on a Gaussian of variance $c$ they end, for any $L$, at the variance $c/(1 - h^2/4c)$, if $h < 2\sqrt c$ and
// $L$ moves are no multiple of half a turn. In each part of the process $h$ is a multiple of $S(0, t)$.

#include "../base/error.h"
#include "work.h"

#include <gsl/gsl_math.h>

// v <- v + scale h u in each part.

static int
add_steps (const sb_corrector *corrector, sb_sampler_work *work, double scale, const gsl_matrix *u, gsl_matrix *v)
{
  const sb_process *process = work->score->process;
  const size_t noises = sb_work_noises (process);
  gsl_matrix_view one = gsl_matrix_submatrix (work->c, 0, 0, 1, noises),
                  h = gsl_matrix_submatrix (work->c, 1, 0, 1, noises);
  gsl_matrix_set_all (&one.matrix, 1);
  for (size_t k = 0; k < noises; k++)
    gsl_matrix_set (&h.matrix, 0, k, scale * corrector->epsilon * work->numbers[k]);
  const sb_term term[] = { { &one.matrix, v }, { &h.matrix, u } };
  return sb_process_combine (process, 2, term, NULL, v);
}

static int
hmc_step (const sb_corrector *corrector, sb_sampler_work *work, const gsl_matrix *y, double s, double t,
          const gsl_matrix *z, gsl_matrix *x)
{
  gsl_matrix_view g = sb_work_estimate_rows (work, x->size1),
                  p = gsl_matrix_submatrix (work->more, 0, 0, x->size1, x->size2);
  gsl_vector_view times = sb_work_times (work, x->size1, t);
  (void)s;
  if (!(corrector->epsilon > 0 && gsl_finite (corrector->epsilon) && corrector->leaps > 0))
    SB_ERROR (NULL, GSL_EDOM, "the corrector hmc takes steps of a positive length, not %zu of %g", corrector->leaps,
              corrector->epsilon);
  int status = sb_work_deviations (work->score->process, t, work->numbers);

  // Draw the momentum.
  if (z)
    gsl_matrix_memcpy (&p.matrix, z);
  else
    gsl_matrix_set_zero (&p.matrix);

  // Leap.
  for (size_t l = 0; l < corrector->leaps && !status; l++)
    {
      status = sb_work_estimate (work, SB_SCORE, y, &times.vector, x, &g.matrix);
      if (!status)
        status = add_steps (corrector, work, l == 0 ? 0.5 : 1, &g.matrix, &p.matrix);
      if (!status)
        status = add_steps (corrector, work, 1, &p.matrix, x);
    }
  return status;
}

// ## As a corrector

static const sb_key keys[]
    = { { .name = "step", .usual = 0.3, .high = HUGE_VAL, .above = true, .help = "in units of the noise's deviation" },
        { .name = "leaps", .usual = 5, .low = 1, .high = 1e6, .whole = true, .help = "steps with one momentum" } };

static void
set (const double *key, sb_corrector *corrector)
{
  corrector->epsilon = key[0];
  corrector->leaps = (size_t)key[1];
}

static const sb_corrector_type hmc
    = { .entry = { .name = "hmc", .help = "Hamiltonian Monte Carlo without rejection", .keys = keys, .key_count = 2 },
        .set = set,
        .step = hmc_step };

const sb_corrector_type *sb_corrector_hmc = &hmc;
