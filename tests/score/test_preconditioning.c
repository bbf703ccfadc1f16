// # What must be true of EDM's preconditioning
//
// $D(\mathbf x; \sigma) = c_{\text{skip}}\,\mathbf x + c_{\text{out}}\,F(c_{\text{in}}\,\mathbf x; c_{\text{noise}})$,
// as a network that predicts the blend says it under EDM's process: its view is $\epsilon = p\,\mathbf x + q\,F$, so
// that $c_{\text{skip}} = 1 - \sigma p$ and $c_{\text{out}} = -\sigma q$.

#include "conformance/worlds.h"
#include "grid/grid.h"
#include "losses.h"
#include "objective/levels.h"
#include "process/edm.h"
#include "process/kinds.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

SUITE_WITH_BLAS (preconditioning);

enum
{
  N = SB_NETWORK_ROWS,
  D = 2
};

static const double levels[] = { 0.002, 0.1, 0.5, 1, 10, 80 };

enum
{
  LEVELS = sizeof levels / sizeof *levels
};

static sb_process *
edm (size_t d)
{
  return scoped (sb_edm_alloc (d, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX));
}

// Weights of any size; of none, F = 0.

static sb_network
network_of (const sb_process *process, sb_label label, double spread)
{
  sb_net *net = scoped (sb_net_alloc ("mlp inputs=2 width=16 layers=2 time=positional features=8", NULL));
  return (sb_network){ net,
                       process,
                       gaussians (property_rng (7), net->parameters, spread),
                       SB_PREDICTS_MIXED,
                       label,
                       SB_EDM_DATA_DEVIATION,
                       NULL,
                       NULL,
                       0 };
}

typedef struct
{
  double skip, out, in;
} scales;

static scales
scales_at (double sigma)
{
  double c, p, q;
  sb_network_scales (SB_PREDICTS_MIXED, 1, sigma, SB_EDM_DATA_DEVIATION, &c, &p, &q);
  return (scales){ 1 - sigma * p, -sigma * q, c };
}

// ## At no noise
//
// $D(\mathbf x; 0) = \mathbf x$ to the bit, whatever the weights: what training below would have to teach is built in.
// [consistent.txt-footnote2] [consistent.set-edm-precond] Rows of other times stand between, and no label is the
// logarithm of 0.

Test (preconditioning, without_noise_the_point_stays)
{
  const sb_label labels[] = { SB_LABEL_LOG_NOISE, SB_LABEL_QUARTER_LOG_NOISE, SB_LABEL_TIME };
  gsl_matrix *x = normals (N, D, 3), *h = matrix (N, D);
  gsl_vector *t = vector_of (0, 1, 0, .002, 80, 0, 0, .5);
  for (int k = 0; k < 3; k++)
    for (double spread = .1; spread < 20; spread *= 5)
      {
        const sb_network network = network_of (edm (D), labels[k], spread);
        sb_score *score = scoped (sb_score_network_alloc (&network));
        sb_network_pass *pass = scoped (sb_network_pass_alloc (&network, N, 0));
        ok (sb_network_forward (&network, pass, x, t, NULL, h));
        for (size_t i = 0; i < N; i++)
          cr_assert (isfinite (pass->label[i]) && gsl_finite (gsl_matrix_get (h, i, 0)), "label %d, row %zu: told %g",
                     labels[k], i, (double)pass->label[i]);
        ok (sb_score_evaluate (score, SB_DENOISER, x, t, NULL, h));
        for (size_t i = 0; i < N; i++)
          for (size_t j = 0; j < D; j++)
            cr_assert ((gsl_vector_get (t, i) == 0) == (gsl_matrix_get (h, i, j) == gsl_matrix_get (x, i, j)),
                       "label %d, spread %g, row %zu: %g of %g", labels[k], spread, i, gsl_matrix_get (h, i, j),
                       gsl_matrix_get (x, i, j));
      }
}

// ## The scales
//
// In numbers, and by what ties them together. [consistent.set-edm-precond]

Test (preconditioning, has_the_scales_of_the_table)
{
  const double at[] = { 0, .002, .5, 1, 80 }, skip[] = { 1, .25 / .250004, .5, .2, .25 / 6400.25 },
               out[] = { 0, .0019999840001919974, .35355339059327379, .44721359549995793, .49999023466109294 };
  for (int k = 0; k < 5; k++)
    {
      const scales c = scales_at (at[k]);
      cr_assert_float_eq (c.skip, skip[k], 1e-14, "sigma = %g: c_skip %.17g", at[k], c.skip);
      cr_assert_float_eq (c.out, out[k], 1e-15, "sigma = %g: c_out %.17g", at[k], c.out);
      cr_assert_float_eq (c.out * c.out, at[k] * at[k] * c.skip, 1e-11);
      cr_assert_float_eq (c.in * c.in * (at[k] * at[k] + .25), 1, 1e-14);
    }
}

// The network is shown $c_{\text{in}}\,\mathbf x$ and told $\tfrac14\ln\sigma$, and what it says joins the point by the
// other two.

Test (preconditioning, shows_and_tells_the_network_what_the_table_says)
{
  const sb_network network = network_of (edm (D), SB_LABEL_QUARTER_LOG_NOISE, .7);
  sb_network_pass *pass = scoped (sb_network_pass_alloc (&network, N, 0));
  sb_score *score = scoped (sb_score_network_alloc (&network));
  gsl_matrix *x = normals (N, D, 4), *h = matrix (N, D);
  gsl_vector *t = vector_of (.002, .02, .1, .5, 1, 3, 10, 80);
  ok (sb_network_forward (&network, pass, x, t, NULL, h));
  ok (sb_score_evaluate (score, SB_DENOISER, x, t, NULL, h));
  for (size_t i = 0; i < N; i++)
    {
      const double sigma = gsl_vector_get (t, i), total = sqrt (sigma * sigma + .25);
      cr_assert_float_eq (pass->label[i], log (sigma) / 4, 1e-6, "sigma = %g: told %g", sigma, (double)pass->label[i]);
      for (size_t j = 0; j < D; j++)
        {
          const double x_ij = gsl_matrix_get (x, i, j), F = (double)pass->out[i * D + j],
                       want = .25 / (total * total) * x_ij + sigma * .5 / total * F;
          cr_assert_float_eq ((double)pass->in[i * D + j], x_ij / total, 1e-6 * fabs (x_ij / total));
          cr_assert_float_eq (gsl_matrix_get (h, i, j), want, 1e-11 * (1 + fabs (want)), "sigma = %g: %g, not %g",
                              sigma, gsl_matrix_get (h, i, j), want);
        }
    }
}

// ## Numbers of size one
//
// Of data of mean 0 and variance $\sigma_{\text{data}}^2$ what is shown has variance one, and so has what should be
// said, $(\mathbf x_0 - c_{\text{skip}}\,\mathbf x)/c_{\text{out}}$, which is uncorrelated with $\mathbf x$. 18 sums:
// 5.5 standard errors. [consistent.set-edm-precond]

Test (preconditioning, input_and_target_have_variance_one)
{
  enum
  {
    DRAWS = 100000
  };
  sb_process *process = edm (1);
  for (int k = 0; k < LEVELS; k++)
    {
      const size_t mark = scope_mark ();
      const scales c = scales_at (levels[k]);
      gsl_matrix *x_0 = normals (DRAWS, 1, 6), *x = matrix (DRAWS, 1);
      gsl_matrix_scale (x_0, .5);
      gsl_matrix_memcpy (x, x_0);
      ok (sb_process_transition (process, NULL, vector_all (DRAWS, levels[k]), normals (DRAWS, 1, 7 + (uint64_t)k), x));
      gsl_matrix_scale (x_0, 1 / c.out);
      for (size_t i = 0; i < DRAWS; i++)
        x_0->data[i] -= c.skip / c.out * x->data[i];
      gsl_matrix_scale (x, c.in);
      const double of[] = { gsl_stats_variance (x->data, 1, DRAWS), gsl_stats_variance (x_0->data, 1, DRAWS) },
                   covariance = gsl_stats_covariance (x->data, 1, x_0->data, 1, DRAWS);
      for (int v = 0; v < 2; v++)
        cr_assert_float_eq (of[v], 1, 5.5 * sqrt (2. / DRAWS), "sigma = %g: variance %g", levels[k], of[v]);
      cr_assert_float_eq (covariance, 0, 5.5 * sqrt (1. / DRAWS), "sigma = %g: %g", levels[k], covariance);
      scope_release (mark);
    }
}

// Where a process has several parts, each has scales of its own, also by deviations of its own: a network that says
// nothing is the posterior of the Gaussian whose parts have these.

IN_EACH_WORLD (preconditioning, scales_are_those_of_each_part)
{
  const sb_process *process = w->process;
  const size_t d = process->dimension, parts = process->parts;
  if (w->lacks & (NO_PARTS | NO_S_INVERSE | NO_A_INVERSE))
    return;
  char line[80];
  snprintf (line, sizeof line, "mlp inputs=%zu width=2 layers=1 features=2", d);
  sb_net *net = scoped (sb_net_alloc (line, NULL));
  gsl_matrix *squares = matrix (d, parts), *units = matrix (d, d), *covariance = matrix (d, d), *x = normals (N, d, 9),
             *epsilon = matrix (N, d), *truth = matrix (N, d);
  gsl_vector *deviation = vector (parts), *t = vector_all (N, w->t);
  for (size_t k = 0; k < parts; k++)
    {
      gsl_vector_view column = gsl_matrix_column (squares, k);
      gsl_vector_set (deviation, k, .3 + .2 * (double)k);
      gsl_vector_set_all (&column.vector, gsl_pow_2 (.3 + .2 * (double)k));
    }
  gsl_matrix_set_identity (units);
  ok (sb_process_combine (process, 1, &(sb_term){ squares, units }, matrix (2 * d, d), covariance));
  sb_target *law = scoped (sb_target_gaussian_alloc (vector_all (d, 0), covariance));
  const sb_network network = { net,
                               process,
                               gaussians (property_rng (8), net->parameters, 0),
                               SB_PREDICTS_MIXED,
                               SB_LABEL_TIME,
                               99,
                               deviation->data,
                               NULL,
                               0 };
  ok (sb_score_evaluate (scoped (sb_score_network_alloc (&network)), SB_EPSILON, x, t, NULL, epsilon));
  ok (sb_target_evaluate (law, process, SB_EPSILON, x, t, truth));
  cr_assert_lt (largest_difference (epsilon, truth), 1e-9, "%s: %g", w->name, largest_difference (epsilon, truth));
}

// ## The loss
//
// With EDM's weight it is that of $F$, $\|F - (\mathbf x_0 - c_{\text{skip}}\,\mathbf x)/c_{\text{out}}\|^2$, as
// $\lambda\,c_{\text{out}}^2 = 1$, and the same whether the denoiser or the noise is looked at; of rows at one level,
// and at levels of their own. [consistent.set-edm-weight]

static sb_objective
at_level (const sb_objective_type *type, const sb_process *process, double sigma)
{
  sb_objective o = sb_objective_of (type, process, sigma);
  o.t_max = sigma;
  o.weighting.type = sb_weighting_edm;
  return o;
}

Test (preconditioning, loss_is_that_of_the_network_itself)
{
  sb_process *process = edm (D);
  const sb_network network = network_of (process, SB_LABEL_QUARTER_LOG_NOISE, .7);
  const sb_objective_type *const types[] = { sb_objective_soft, sb_objective_dsm };
  sb_score *score = scoped (sb_score_network_alloc (&network));
  sb_network_pass *pass = scoped (sb_network_pass_alloc (&network, N, 0));
  for (int k = 0; k < LEVELS; k++)
    for (int form = 0; form < 4; form++)
      {
        sb_objective o = at_level (types[form % 2], process, levels[k]);
        o.t_max = form < 2 ? levels[k] : 2 * levels[k] + 1;
        sb_objective_batch *b = scoped (sb_objective_batch_alloc (&o, N));
        gsl_matrix_memcpy (&b->x_0, normals (N, D, 31));
        ok (sb_objective_draw ((sb_stream){ 2, 0, 0 }, b));
        ok (sb_objective_evaluate (score, NULL, b));
        ok (sb_objective_find_loss (b));
        ok (sb_network_forward (&network, pass, &b->x, &b->t, NULL, matrix (N, D)));
        for (size_t i = 0; i < N; i++)
          {
            const scales c = scales_at (gsl_vector_get (&b->t, i));
            double want = 0;
            for (size_t j = 0; j < D; j++)
              want += gsl_pow_2 ((double)pass->out[i * D + j]
                                 - (gsl_matrix_get (&b->x_0, i, j) - c.skip * gsl_matrix_get (&b->x, i, j)) / c.out);
            cr_assert_float_eq (gsl_vector_get (&b->loss, i), want, 1e-11 * want, "%s, sigma = %g: %.12g, not %.12g",
                                o.type->entry.name, gsl_vector_get (&b->t, i), gsl_vector_get (&b->loss, i), want);
          }
      }
}

// At every level, from EDM's smallest to its largest. [consistent.set-edm-weight]

Test (preconditioning, weight_is_one_over_the_square_of_c_out)
{
  const sb_process *process = edm (1);
  for (double sigma = SB_EDM_SIGMA_MIN; sigma <= SB_EDM_SIGMA_MAX; sigma *= 1.05)
    {
      const double a = 1, c_out = sigma * .5 / sqrt (sigma * sigma + .25);
      double lambda;
      ok (sb_weighting_edm->numbers (process, sigma, &a, &sigma, &lambda, NULL));
      // The weight is of the score, whose error is 1/sigma^2 times the denoiser's.
      cr_assert_float_eq (lambda / gsl_pow_4 (sigma) * c_out * c_out, 1, 1e-14, "sigma = %g", sigma);
      cr_assert_float_eq (scales_at (sigma).out, c_out, 1e-14 * c_out);
    }
}

// In each part of a process it has the part's own noise: an error of 1 in what the network says costs 1 in all of them.
// [consistent.set-edm-weight]

IN_EACH_WORLD (preconditioning, weight_is_that_of_each_part)
{
  const size_t parts = w->process->parts;
  gsl_vector *a = vector (parts + 1), *sd = vector (parts + 1), *lambda = vector (parts + 1);
  if (w->lacks & NO_PARTS)
    return;
  ok (sb_process_numbers (w->process, SB_A, 0, w->t, a->data));
  ok (sb_process_numbers (w->process, SB_S, 0, w->t, sd->data));
  ok (sb_weighting_edm->numbers (w->process, w->t, a->data, sd->data, lambda->data, NULL));
  for (size_t k = 0; k < parts; k++)
    {
      const double a_k = gsl_vector_get (a, k), sd_k = gsl_vector_get (sd, k);
      double c, p, q;
      sb_network_scales (SB_PREDICTS_MIXED, a_k, sd_k, .5, &c, &p, &q);
      if (a_k > 1e-6 && sd_k > 0)
        cr_assert_float_eq (gsl_vector_get (lambda, k) * gsl_pow_2 (q / sd_k), 1, 1e-12, "%s, part %zu", w->name, k);
    }
}

// ## The data
//
// Bytes become numbers of $[-1, 1]$, $u/127.5 - 1$, every one of them; and where nothing is said of their deviation, it
// is .5. [consistent.set-edm-data]

Test (preconditioning, bytes_become_numbers_from_minus_one_to_one)
{
  unsigned char all[256];
  for (size_t u = 0; u < 256; u++)
    all[u] = (unsigned char)u;
  const sb_bytes bytes = { .shape = { .rank = 2, .length = { 1, 256 } }, .data = all };
  const sb_byte_examples examples = { .bytes = &bytes, .low = -1, .high = 1 };
  const sb_examples source = sb_examples_of_bytes (&examples);
  gsl_matrix *x = matrix (1, 256);
  ok (source.draw (source.state, (sb_stream){ 1, SB_FOR_DATA, 0 }, x, NULL));
  for (size_t u = 0; u < 256; u++)
    {
      cr_assert_float_eq (gsl_matrix_get (x, 0, u), (double)u / 127.5 - 1, 1e-15);
      cr_assert_eq ((size_t)floor (127.5 * gsl_matrix_get (x, 0, u) + 128), u); // and back, as Karras et al. do
    }
  double half = .5;
  sb_objective o = at_level (sb_objective_soft, edm (1), 1), told = o;
  told.weighting.params = &half;
  gsl_vector *usual = vector (1), *given = vector (1);
  ok (loss_of (&o, vector_all (1, 3), matrix_all (1, 1, 0), matrix_all (1, 1, 1), usual, NULL));
  ok (loss_of (&told, vector_all (1, 3), matrix_all (1, 1, 0), matrix_all (1, 1, 1), given, NULL));
  cr_assert_eq (gsl_vector_get (usual, 0), gsl_vector_get (given, 0));
}

// ## The settings
//
// Of Karras et al.: noise from .002 to 80, rho = 7, sigma_data = .5, and levels of training with ln sigma ~ N(-1.2,
// 1.2^2), wherever none are given. [consistent.set-base]

Test (preconditioning, settings_are_those_of_karras_et_al)
{
  double key[SB_KEYS_MOST];
  const sb_process *process = scoped (sb_process_from_text ("edm", 2, NULL));
  cr_assert (process->t_min == 0.002 && process->t_max == 80);
  cr_assert (SB_EDM_SIGMA_MIN == 0.002 && SB_EDM_SIGMA_MAX == 80 && SB_EDM_DATA_DEVIATION == 0.5);
  sb_entry_usual (sb_entry_find (sb_grids, "edm"), key);
  cr_assert_eq (key[0], 7);
  sb_entry_usual (&sb_levels_lognormal->entry, key);
  cr_assert (key[0] == -1.2 && key[1] == 1.2);
}
