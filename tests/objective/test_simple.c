// # What must be true of DDPM's simple loss
//
// $L_{\mathrm{simple}}$ is `dsm.c` on DDPM's chain with its default weight. What the report *From Denoising Score
// Matching to DDPM* says of it: what it is at its minimum, where that is, and that it is score matching on a ladder of
// noise scales.

#include "chain.h"
#include "objective/vlb.h"
#include "process/smld.h"
#include "score/callback.h"
#include "losses.h"
#include "scope.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_fit.h>
#include <gsl/gsl_math.h>
#include <math.h>

SUITE (simple);

// A batch at noise levels: data, times, normals, noisy points, losses.

typedef struct
{
  sb_objective dsm;
  gsl_matrix *x_0, *z, *x, *epsilon, *bar;
  gsl_vector *t, *loss;
} batch;

static batch
batch_alloc (const sb_process *ddpm, gsl_matrix *x_0)
{
  const size_t n = x_0->size1, d = x_0->size2;
  return (batch){ .dsm = sb_objective_of (sb_objective_dsm, ddpm, 0),
                  .x_0 = x_0,
                  .z = matrix (n, d),
                  .x = matrix (n, d),
                  .epsilon = matrix (n, d),
                  .bar = matrix (n, d),
                  .t = vector (n),
                  .loss = vector (n) };
}

static void
draw (batch *b, uint64_t seed)
{
  gsl_matrix_memcpy (b->x, b->x_0);
  ok (draw_points (&b->dsm, (sb_stream){ seed, 0, 0 }, b->t, b->z, b->x));
}

static void
draw_at (batch *b, double t, uint64_t seed)
{
  gsl_vector_set_all (b->t, t);
  ok (sb_stream_normals ((sb_stream){ seed, SB_FOR_USER, 0 }, 0, b->z));
  gsl_matrix_memcpy (b->x, b->x_0);
  ok (sb_process_transition (b->dsm.process, NULL, b->t, b->z, b->x));
}

static void
lose (batch *b)
{
  ok (loss_of (&b->dsm, b->t, b->z, b->epsilon, b->loss, b->bar));
}

// ## The levels
//
// $t$ is uniform on $\{1, \dots, 1000\}$: of $10^6$ draws $\chi^2$ of the counts passes at $p > 10^{-6}$, both ends are
// met, and 0 is not. [dsm2ddpm.txt-eps-loss]

Test (simple, every_level_is_drawn_alike)
{
  enum
  {
    N = 1000000,
    T = 1000
  };
  chain c;
  chain_linear (&c, T);
  const sb_objective dsm = sb_objective_of (sb_objective_dsm, chain_alloc (&c, 1), 0);
  gsl_vector *t = vector (N);
  double count[T + 1] = { 0 }, chi2 = 0;
  ok (draw_points (&dsm, (sb_stream){ 130, 0, 0 }, t, matrix (N, 1), matrix_all (N, 1, 0)));
  for (size_t i = 0; i < N; i++)
    count[lrint (T * gsl_vector_get (t, i))]++;
  for (size_t level = 1; level <= T; level++)
    chi2 += gsl_pow_2 (count[level] - N / T) / (N / T);
  cr_assert (count[0] == 0 && count[1] > 0 && count[T] > 0);
  cr_assert_gt (gsl_cdf_chisq_Q (chi2, T - 1), 1e-6, "chi^2 = %g", chi2);
}

// ## The minimum
//
// For data $\mathcal{N}(m, s^2)$ the regression of $\varepsilon$ on $x_t$ has the slope $\sqrt{1 - \bar\alpha_t}/D_t$,
// $D_t = \bar\alpha_ts^2 + 1 - \bar\alpha_t$, and an intercept of $-\sqrt{\bar\alpha_t}m$ times it; not the slope
// $1/\sqrt{1 - \bar\alpha_t}$ that knowing $x_0$ would give. $2\cdot10^5$ points at each of four levels, five standard
// errors. The loss has no other: its gradient along 1 and along $x_t$ vanishes there. [dsm2ddpm.txt-eps-loss]

Test (simple, regression_of_the_noise)
{
  enum
  {
    N = 200000
  };
  const size_t at[] = { 1, 100, 500, 1000 };
  const double m = 0.5, v = 0.3;
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 1);
  sb_target *data = chain_gaussian (1, m, v);
  batch b = batch_alloc (ddpm, chain_sample (data, N, 101));
  for (int k = 0; k < 4; k++)
    {
      double bar = (double)c.alpha_bar[at[k]], D = bar * v + (double)(1 - c.alpha_bar[at[k]]),
             slope = sqrt (1 - bar) / D;
      double c0, c1, cov00, cov01, cov11, rss, unit = 0, along = 0, unit_2 = 0, along_2 = 0;
      draw_at (&b, (double)at[k] / 1000, 102 + at[k]);
      gsl_fit_linear (b.x->data, 1, b.z->data, 1, N, &c0, &c1, &cov00, &cov01, &cov11, &rss);
      cr_assert_float_eq (c1, slope, 5 * sqrt (cov11), "t = %zu: slope %g, not %g", at[k], c1, slope);
      cr_assert_float_eq (c0, -slope * sqrt (bar) * m, 5 * sqrt (cov00), "t = %zu: intercept %g", at[k], c0);
      if (at[k] < 1000)
        cr_assert_gt (fabs (c1 - 1 / sqrt (1 - bar)), 50 * sqrt (cov11), "t = %zu", at[k]);
      for (size_t i = 0; i < N; i++)
        gsl_matrix_set (b.epsilon, i, 0, slope * (gsl_matrix_get (b.x, i, 0) - sqrt (bar) * m));
      lose (&b);
      for (size_t i = 0; i < N; i++)
        {
          double g = gsl_matrix_get (b.bar, i, 0), x = gsl_matrix_get (b.x, i, 0);
          unit += g, unit_2 += g * g, along += g * x, along_2 += g * g * x * x;
        }
      cr_assert_float_eq (unit, 0, 5 * sqrt (unit_2));
      cr_assert_float_eq (along, 0, 5 * sqrt (along_2));
    }
}

// For a mixture, every perturbation $\delta(x, t)$ of $\varepsilon^* = -\sqrt{1 - \bar\alpha_t}\,\nabla\log q(x_t)$
// costs $\operatorname{E}\|\delta\|^2$: twenty waves, within five standard errors, and none gains.
// [dsm2ddpm.txt-L-simple] [dsm2ddpm.txt-eps-loss]

static const double W[] = { 0.3, 0.7 }, M[] = { -2, 1.5 }, V[] = { 0.05, 0.2 };

Test (simple, every_perturbation_costs_its_square)
{
  enum
  {
    N = 50000
  };
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 1);
  sb_target *data = chain_mixture (1, 2, W, M, V);
  batch b = batch_alloc (ddpm, chain_sample (data, N, 112));
  gsl_matrix *wave = normals (20, 3, 113), *star = matrix (N, 1);
  draw (&b, 114);
  ok (sb_target_evaluate (data, ddpm, SB_EPSILON, b.x, b.t, star));
  gsl_matrix_memcpy (b.epsilon, star);
  lose (&b);
  gsl_vector *best = copy_of (b.loss);
  for (size_t k = 0; k < 20; k++)
    {
      double squares = 0;
      for (size_t i = 0; i < N; i++)
        {
          double phase = gsl_matrix_get (wave, k, 1) * gsl_matrix_get (b.x, i, 0)
                         + 3 * gsl_matrix_get (wave, k, 2) * gsl_vector_get (b.t, i);
          double delta = (0.5 + fabs (gsl_matrix_get (wave, k, 0))) * sin (phase + (double)k);
          gsl_matrix_set (b.epsilon, i, 0, gsl_matrix_get (star, i, 0) + delta);
          squares += delta * delta / N;
        }
      lose (&b);
      gsl_vector_sub (b.loss, best);
      double se, mean = mean_of (b.loss, &se);
      cr_assert_float_eq (mean, squares, 5 * se, "wave %zu: %g, not %g, standard error %g", k, mean, squares, se);
      cr_assert_gt (mean, 0);
    }
}

// ## Its value
//
// At the minimum for $\mathcal{N}(m, s^2\mathbf{I})$, $d\,\bar\alpha_ts^2/D_t$, exactly: the loss is quadratic, and
// $x_0 = m \pm s$, $\varepsilon = \pm1$ have the right averages. For $s = 1$ that is $d\,\bar\alpha_t$.
// [dsm2ddpm.txt-L-simple]

static double
mean_over_levels (size_t d, double m, double v, double *by_level)
{
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, d);
  sb_target *data = chain_gaussian (d, m, v);
  batch b = batch_alloc (ddpm, matrix (4000, d));
  double total = 0;
  for (size_t i = 0; i < 4000; i++)
    {
      for (size_t j = 0; j < d; j++)
        {
          gsl_matrix_set (b.x_0, i, j, m + ((i + j) % 2 ? 1 : -1) * sqrt (v));
          gsl_matrix_set (b.z, i, j, i / 2 % 2 ? 1 : -1);
        }
      gsl_vector_set (b.t, i, (double)(i / 4 + 1) / 1000);
    }
  gsl_matrix_memcpy (b.x, b.x_0);
  ok (sb_process_transition (ddpm, NULL, b.t, b.z, b.x));
  ok (sb_target_evaluate (data, ddpm, SB_EPSILON, b.x, b.t, b.epsilon));
  lose (&b);
  for (size_t t = 1; t <= 1000; t++)
    {
      by_level[t] = 0;
      for (size_t k = 0; k < 4; k++)
        by_level[t] += gsl_vector_get (b.loss, 4 * (t - 1) + k) / 4;
      total += by_level[t] / 1000;
    }
  return total;
}

Test (simple, value_at_the_minimum)
{
  double loss[1001];
  for (size_t d = 1; d <= 3; d++)
    {
      const double n = (double)d;
      cr_assert_float_eq (mean_over_levels (d, 0.5, 1, loss) / n, 0.2755132334, 1e-10, "d = %zu", d);
      cr_assert_float_eq (loss[1] / n, 0.9999, 1e-12);
      cr_assert_float_eq (loss[100] / n, 0.897018, 5e-7);
      cr_assert_float_eq (loss[500] / n, 0.0785872429, 1e-10);
      cr_assert_float_eq (loss[1000] / n, 4.03582976538e-5, 1e-12);
      cr_assert_float_eq (mean_over_levels (d, -1, 0.3, loss) / n, 0.1850448564, 1e-10);
    }
}

// A batch of $10^5$ estimates it, within five standard errors. [dsm2ddpm.txt-L-simple]

Test (simple, a_batch_estimates_the_value)
{
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 1);
  sb_target *data = chain_gaussian (1, -1, 0.3);
  batch b = batch_alloc (ddpm, chain_sample (data, 100000, 131));
  draw (&b, 132);
  ok (sb_target_evaluate (data, ddpm, SB_EPSILON, b.x, b.t, b.epsilon));
  lose (&b);
  double se, mean = mean_of (b.loss, &se);
  cr_assert_float_eq (mean, 0.1850448564, 5 * se, "%g, standard error %g", mean, se);
}

// The bound's weight changes what an error costs and not where the minimum is: at one level it is the same number for
// every row, on the loss and on its gradient, to $10^{-10}$. [dsm2ddpm.txt-L-simple]

Test (simple, weights_do_not_move_the_minimum)
{
  const double at[] = { 1e-3, 0.1, 0.5, 1 };
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 1);
  const sb_objective bound = weighted (sb_objective_dsm, ddpm, sb_weighting_bound_tilde, 0);
  batch b = batch_alloc (ddpm, normals (500, 1, 117)), weighed = b;
  weighed.dsm = bound;
  weighed.loss = vector (500);
  weighed.bar = matrix (500, 1);
  for (int k = 0; k < 4; k++)
    {
      draw_at (&b, at[k], 118);
      gsl_matrix_memcpy (b.epsilon, b.x);
      lose (&b);
      lose (&weighed);
      const double weight = gsl_vector_get (weighed.loss, 0) / gsl_vector_get (b.loss, 0);
      for (size_t i = 0; i < 500; i++)
        {
          double loss = weight * gsl_vector_get (b.loss, i), slope = weight * gsl_matrix_get (b.bar, i, 0);
          cr_assert_float_eq (gsl_vector_get (weighed.loss, i), loss, 1e-10 * loss);
          cr_assert_float_eq (gsl_matrix_get (weighed.bar, i, 0), slope, 1e-10 * fabs (slope));
        }
    }
}

// ## It is score matching
//
// A network that no one trained, on 1000 random points: its squared error in the noise, $(1 - \bar\alpha_t)$ times the
// squared error of its score, and $\sigma_t^2$ times that of the score in
// $\mathbf{y} = \mathbf{x}_t/\sqrt{\bar\alpha_t}$ on the ladder $\sigma_t = \sqrt{(1 - \bar\alpha_t)/\bar\alpha_t}$ are
// one number: to $10^{-12}$, row by row. NCSN's loss has a half and the weight $\lambda(\sigma) = \sigma^2$, so the
// batch has twice its objective: under DDPM's chain itself, and under SMLD's with that ladder, on the same random
// numbers. (The report says "a scaled version"; the scales are these.) [dsm2ddpm.txt-DSM-DDPM-equiv]

static double
guess (double x, double t, size_t j)
{
  return 0.7 * tanh (1.3 * x + 0.4 * (double)j - t) + 0.2 * x;
}

static int
guess_epsilon (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)y, (void)params;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j++)
      gsl_matrix_set (out, i, j, guess (gsl_matrix_get (x, i, j), gsl_vector_get (t, i), j));
  return GSL_SUCCESS;
}

// The same network as a score of $\mathbf{y}$: $\mathbf{s}_{\mathrm{VE}}(\mathbf{y}, \sigma_t) =
// \sqrt{\bar\alpha_t}\,\mathbf{s}(\sqrt{\bar\alpha_t}\,\mathbf{y}, t)$.

static int
guess_ve_score (const gsl_matrix *y_t, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  const chain *c = params;
  (void)y;
  for (size_t i = 0; i < y_t->size1; i++)
    {
      double bar = (double)c->alpha_bar[lrint (1000 * gsl_vector_get (t, i))];
      for (size_t j = 0; j < y_t->size2; j++)
        {
          double epsilon = guess (sqrt (bar) * gsl_matrix_get (y_t, i, j), gsl_vector_get (t, i), j);
          gsl_matrix_set (out, i, j, -sqrt (bar) * epsilon / sqrt (1 - bar));
        }
    }
  return GSL_SUCCESS;
}

static gsl_vector *
ncsn_losses (const sb_score *score, const batch *b, const gsl_matrix *x_tilde)
{
  gsl_vector *loss = vector (b->t->size);
  ok (denoising_by (sb_weighting_variance, score, b->x_0, x_tilde, b->t, loss, NULL));
  return loss;
}

Test (simple, loss_is_ncsn_s_on_a_ladder)
{
  enum
  {
    N = 1000
  };
  chain c;
  chain_linear (&c, 1000);
  gsl_vector *ladder = vector (1000);
  for (size_t t = 1; t <= 1000; t++)
    gsl_vector_set (ladder, t - 1, (double)sqrtl ((1 - c.alpha_bar[t]) / c.alpha_bar[t]));
  cr_assert_float_eq (gsl_vector_get (ladder, 0), 0.01000050, 5e-9);
  cr_assert_float_eq (gsl_vector_get (ladder, 999), 157.4073, 5e-5);
  sb_process *ddpm = chain_alloc (&c, 3), *smld = scoped (sb_smld_sigmas_alloc (3, ladder));
  const sb_score_callback noise = { .view = SB_EPSILON, .function = guess_epsilon },
                          ve = { .view = SB_SCORE, .function = guess_ve_score, .params = &c };
  sb_score *score = scoped (sb_score_callback_alloc (&noise, ddpm)),
           *ve_score = scoped (sb_score_callback_alloc (&ve, smld));
  batch b = batch_alloc (ddpm, normals (N, 3, 121));
  gsl_matrix *y_t = copy_of (b.x_0);
  draw (&b, 122);
  ok (sb_score_evaluate (score, SB_EPSILON, b.x, b.t, NULL, b.epsilon));
  lose (&b);
  ok (sb_process_transition (smld, NULL, b.t, b.z, y_t));
  gsl_vector *vp_loss = ncsn_losses (score, &b, b.x), *ve_loss = ncsn_losses (ve_score, &b, y_t);
  for (size_t i = 0; i < N; i++)
    {
      double bar = (double)c.alpha_bar[lrint (1000 * gsl_vector_get (b.t, i))], loss = gsl_vector_get (b.loss, i);
      for (size_t j = 0; j < 3; j++)
        cr_assert_float_eq (gsl_matrix_get (y_t, i, j), gsl_matrix_get (b.x, i, j) / sqrt (bar),
                            1e-12 * (1 + 1 / sqrt (bar)));
      cr_assert_float_eq (2 * gsl_vector_get (vp_loss, i), loss, 1e-12 * loss);
      cr_assert_float_eq (2 * gsl_vector_get (ve_loss, i), loss, 1e-12 * loss);
    }
}
