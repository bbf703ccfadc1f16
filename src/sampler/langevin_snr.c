// # The Langevin corrector
//
// Langevin dynamics at a fixed time $t$,
// $\mathbf x \leftarrow \mathbf x + \epsilon\,\mathbf g + \sqrt{2\epsilon}\,\mathbf z$ with
// $\mathbf g = \mathbf s(\mathbf x, t)$, has $p_t$ as its stationary law for small $\epsilon$, wherever $\mathbf x$
// comes from. The paper chooses $\epsilon$ by the ratio of what the score and the noise contribute, the
// "signal-to-noise" ratio $r$: [scoresde.alg4] [scoresde.alg5]
// $$ \epsilon = 2\,\alpha\,\bigl(r\,\|\mathbf z\|_2 / \|\mathbf g\|_2\bigr)^2,
//    \qquad\text{so that}\qquad \frac{\|\epsilon\,\mathbf g\|_2}{\|\sqrt{2\epsilon}\,\mathbf z\|_2} = r\sqrt\alpha. $$

#include "../base/error.h"
#include "work.h"

#include <gsl/gsl_math.h>
#include <math.h>

// ## The factor $\alpha$
//
// Algorithm 4, for VE, has none; Algorithm 5, for VP, has $\alpha_i$, which Section 2.2 defines as the product of the
// $1 - \beta_j$ up to $i$, while the authors' code takes $1 - \beta_i$ alone. In terms of the process these are
// $A(0,t)^2$ and $A(s,t)^2$, and both are 1 for VE: the two algorithms are one. Where there is no kernel between two
// positive times, $\alpha$ is 1.
//
// ## Parts
//
// Where parts of the process differ in their noise, one $\epsilon$ would be too large for the least noisy or too small
// for the noisiest. So the steps are preconditioned by $P_k = S_k^2/\bar S^2$, with $\bar S^2$ the mean over
// coordinates: in coordinates $\mathbf x/\sqrt{P}$ the dynamics are Langevin's again, with the gradient $\sqrt
// P\,\mathbf g$ in the place of $\mathbf g$. Where all is one part, $P = 1$.

static int
find_factors (const sb_corrector *corrector, const sb_process *process, double s, double t, double *alpha, double *P)
{
  if (sb_work_noises (process) == 1 && process->from_zero_only)
    {
      *alpha = *P = 1;
      return GSL_SUCCESS;
    }
  int status = sb_process_numbers (process, SB_A, corrector->alpha == SB_ALPHA_CUMULATIVE ? 0 : s, t, alpha);
  if (!status)
    status = sb_process_numbers (process, SB_S, 0, t, P);
  double mean = 0;
  for (size_t j = 0; j < process->dimension && !status; j++)
    mean += gsl_pow_2 (P[sb_process_part (process, j)]) / (double)process->dimension;
  for (size_t k = 0; k < process->parts && !status; k++)
    {
      alpha[k] *= alpha[k];
      P[k] = process->parts == 1 ? 1 : gsl_pow_2 (P[k]) / mean;
    }
  return status;
}

// ## The norms
//
// A row's own norms make a row's step depend on that row alone. For large batches the paper averages the norms over the
// batch; for small ones it puts $\sqrt d$ for $\|\mathbf z\|_2$. [scoresde.txt-corrector-snr]

static int
check_norm (const sb_score *score, double t, double norm_g)
{
  if (norm_g == 0)
    SB_ERROR (NULL, GSL_EZERODIV, "the score \"%s\" is zero at t = %g: the Langevin step size divides by its norm",
              score->type->name, t);
  return GSL_SUCCESS;
}

typedef struct
{
  const sb_corrector *corrector;
  sb_sampler_work *work;
  double t;
  const double *alpha, *P; // by parts
  gsl_matrix *g, *Pg;      // n x d: the score, and the square root of P times it
  const gsl_matrix *z;
} langevin;

static double
norm_of_noise (const langevin *w, const gsl_matrix *z)
{
  return w->corrector->norm == SB_NORM_ROOT_D || !z ? sqrt ((double)w->g->size2) : sb_work_mean_norm (w->work, z);
}

// The coefficients of the rows from `first` on, which share one $\epsilon$: all of the batch, or one row. Where the
// score vanishes no $\epsilon$ has the ratio $r$.

static int
set_rows (const langevin *w, size_t first, size_t n, gsl_matrix *c_g, gsl_matrix *c_z, size_t row)
{
  const size_t d = w->g->size2;
  gsl_matrix_const_view Pg = gsl_matrix_const_submatrix (w->Pg, first, 0, n, d),
                        z = gsl_matrix_const_submatrix (w->z ? w->z : w->Pg, first, 0, n, d);
  const double norm_g = sb_work_mean_norm (w->work, &Pg.matrix), norm_z = norm_of_noise (w, w->z ? &z.matrix : NULL);
  int status = check_norm (w->work->score, w->t, norm_g);
  const double e = 2 * gsl_pow_2 (w->corrector->snr * norm_z / norm_g);
  for (size_t k = 0; k < c_g->size2 && !status; k++)
    {
      const double epsilon = w->alpha[k] * w->P[k] * e;
      gsl_matrix_set (c_g, row, k, epsilon);
      gsl_matrix_set (c_z, row, k, sqrt (2 * epsilon));
    }
  return status;
}

static int
precondition (const langevin *w)
{
  const sb_process *process = w->work->score->process;
  if (sb_work_noises (process) == 1)
    return GSL_SUCCESS;
  gsl_matrix_view root = gsl_matrix_submatrix (w->work->c, 0, 0, 1, process->parts);
  for (size_t k = 0; k < process->parts; k++)
    gsl_matrix_set (&root.matrix, 0, k, sqrt (w->P[k]));
  return sb_process_combine (process, 1, &(sb_term){ &root.matrix, w->g }, NULL, w->Pg);
}

static int
step (const sb_corrector *corrector, sb_sampler_work *work, const gsl_matrix *y, double s, double t,
      const gsl_matrix *z, gsl_matrix *x)
{
  const sb_process *process = work->score->process;
  const size_t n = x->size1, d = x->size2, parts = sb_work_noises (process),
               rows = corrector->norm == SB_NORM_ROW ? n : 1;
  double *alpha = work->numbers, *P = alpha + parts;
  if (!(corrector->snr > 0 && gsl_finite (corrector->snr)))
    SB_ERROR (NULL, GSL_EDOM, "the Langevin corrector's r must be positive and finite, not %g", corrector->snr);
  int status = find_factors (corrector, process, s, t, alpha, P);
  if (status)
    return status;

  // Evaluate the score.
  gsl_matrix_view g = sb_work_estimate_rows (work, n),
                  Pg = parts == 1 ? g : gsl_matrix_submatrix (work->more, 0, 0, n, d);
  gsl_vector_view times = sb_work_times (work, n, t);
  const langevin w = { corrector, work, t, alpha, P, &g.matrix, &Pg.matrix, z };
  status = sb_work_estimate (work, SB_SCORE, y, &times.vector, x, &g.matrix);
  if (!status)
    status = precondition (&w);

  // Find the step size of the batch, or of each row.
  gsl_matrix_view one = gsl_matrix_submatrix (work->c, 0, 0, rows, parts),
                  c_g = gsl_matrix_submatrix (work->c, rows, 0, rows, parts),
                  c_z = gsl_matrix_submatrix (work->c, 2 * rows, 0, rows, parts);
  for (size_t i = 0; i < rows && !status; i++)
    status = set_rows (&w, i, rows == 1 ? n : 1, &c_g.matrix, &c_z.matrix, i);
  if (status)
    return status;

  gsl_matrix_set_all (&one.matrix, 1);
  const sb_term term[] = { { &one.matrix, x }, { &c_g.matrix, &g.matrix }, { &c_z.matrix, z } };
  return sb_process_combine (process, z ? 3 : 2, term, work->more, x);
}

// ## As a corrector

static const char *const norms[] = { "batch", "row", "root-d", NULL };
static const char *const alphas[] = { "step", "cumulative", NULL };
static const sb_key keys[]
    = { { .name = "snr", .usual = 0.16, .high = HUGE_VAL, .above = true, .help = "signal-to-noise ratio r" },
        { .name = "norm", .words = norms, .help = "averages, each row's, or sqrt d for |z|" },
        { .name = "alpha", .words = alphas, .help = "alpha_i of the step, or the product up to it" } };

static void
set (const double *key, sb_corrector *corrector)
{
  corrector->snr = key[0];
  corrector->norm = (sb_norm)key[1];
  corrector->alpha = (sb_alpha)key[2];
}

static const sb_corrector_type langevin_type = {
  .entry
  = { .name = "langevin", .help = "Langevin, step size from a signal-to-noise ratio", .keys = keys, .key_count = 3 },
  .set = set,
  .step = step
};

const sb_corrector_type *sb_corrector_langevin = &langevin_type;
