// # What must be true of the objective of noise conditional score networks

#include "models.h"
#include "process/smld.h"
#include "score/callback.h"
#include "score/exact.h"
#include "score/model.h"
#include "losses.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE (ncsn);

enum
{
  N = 100000,
  L = 10
};

// At the levels of a chain from time t_min to t_max.

static int
ncsn_loss (sb_weighting weighting, const sb_score *score, const gsl_matrix *x, double t_min, double t_max,
           sb_stream stream, gsl_vector *loss)
{
  sb_objective ncsn = sb_objective_of (sb_objective_ncsn, score->process, t_min);
  ncsn.t_max = t_max;
  ncsn.weighting = weighting;
  return sb_objective_loss (&ncsn, score, x, NULL, stream, loss);
}

#define UNIT ((sb_weighting){ .type = sb_weighting_unit })
#define SQUARE ((sb_weighting){ .type = sb_weighting_variance })

// ## A level
//
// With the exact score of data $\mathcal N(m, s^2)$ the loss at a level is $d\,s^2/2\sigma^2(s^2 + \sigma^2)$, within 5
// standard errors of $10^5$ draws (false alarm $6\cdot10^{-7}$ each). That of the score with its sign turned is larger
// by $2\,\mathbb E\|\mathbf s\|^2$, which is $2d/(s^2 + \sigma^2)$. [dsm2ddpm.txt-NCSN-loss]

static int
turned (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *exact)
{
  int status = sb_score_evaluate (exact, SB_SCORE, x, t, y, out);
  return status ? status : gsl_matrix_scale (out, -1);
}

Test (ncsn, loss_of_the_exact_score_at_a_level)
{
  const double sigmas[] = { 1, 0.1, 0.01 }, mean[2] = { 0.7, -1 }, root[4] = { 1.3, 0, 0, 1.3 }, s2 = 1.69;
  sb_target *law = gaussian (mean, root, 2);
  gsl_matrix *x = matrix (N, 2), *z = normals (N, 2, 1);
  gsl_vector *t = vector_all (N, 1), *loss = vector (N), *larger = vector (N);
  ok (sb_target_sample (law, (sb_stream){ 1, SB_FOR_DATA, 0 }, x));
  for (int k = 0; k < 3; k++)
    {
      sb_process *process = one_level (2, sigmas[k]);
      sb_score *exact = scoped (sb_score_exact_alloc (law, process));
      const sb_score_callback callback = { .view = SB_SCORE, .function = turned, .params = exact };
      double v = s2 + gsl_pow_2 (sigmas[k]), expected = 2 * s2 / (2 * gsl_pow_2 (sigmas[k]) * v), error;
      gsl_matrix *x_tilde = copy_of (x);
      ok (sb_process_transition (process, NULL, t, z, x_tilde));
      ok (denoising_at (exact, x, x_tilde, t, loss, NULL));
      double found = mean_of (loss, &error);
      cr_assert_float_eq (found, expected, 5 * error, "sigma = %g: %g, not %g", sigmas[k], found, expected);
      ok (denoising_at (scoped (sb_score_callback_alloc (&callback, process)), x, x_tilde, t, larger, NULL));
      gsl_vector_sub (larger, loss);
      found = mean_of (larger, &error);
      cr_assert_float_eq (found, 4 / v, 5 * error, "sigma = %g: larger by %g, not %g", sigmas[k], found, 4 / v);
    }
}

// The data of one point, $\mathbf c$, have the score $-(\tilde{\mathbf x} - \mathbf c)/\sigma^2$, and nothing is lost.
// [dsm2ddpm.txt-NCSN-loss]

Test (ncsn, nothing_is_lost_on_one_point)
{
  gsl_matrix *point = matrix_of (1, 3, 1, -2, 0.25);
  sb_target *law = scoped (sb_target_points_alloc (point, NULL));
  sb_process *process = scoped (sb_smld_alloc (3, L, 0.01, 1));
  sb_score *exact = scoped (sb_score_exact_alloc (law, process));
  gsl_matrix *x = matrix (500, 3);
  gsl_vector *loss = vector (500);
  ok (sb_target_sample (law, (sb_stream){ 2, SB_FOR_DATA, 0 }, x));
  ok (ncsn_loss (UNIT, exact, x, 0, 1, (sb_stream){ 2, 0, 0 }, loss));
  cr_assert_leq (gsl_vector_max (loss), 1e-12);
}

// ## The mean over the levels
//
// By hand: noise from the stream, level after level, each of which the one score is asked at, times the weight, over L,
// or over as many levels as the times leave.
// [dsm2ddpm.txt-NCSN-objective] [dsm2ddpm.txt-NCSN-target] [dsm2ddpm.txt-NCSN-loss]

static int
cube (const sb_process *process, double t, const double *a, const double *sigma, double *lambda, void *params)
{
  (void)process, (void)t, (void)a;
  *lambda = *(double *)params * gsl_pow_3 (*sigma);
  return GSL_SUCCESS;
}

static const sb_weighting_type cubic = { .entry = { .name = "cube" }, .numbers = cube };

Test (ncsn, mean_of_the_levels_by_hand)
{
  enum
  {
    ROWS = 30,
    D = 3
  };
  sb_process *process = scoped (sb_smld_alloc (D, L, 0.01, 1));
  model w = affine_alloc (D);
  for (size_t k = 0; k < w.parameters; k++)
    w.theta[k] = cos ((double)k);
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, process));
  gsl_matrix *x = matrix (ROWS, D), *z = matrix (ROWS, L * D);
  gsl_vector *loss = vector (ROWS);
  sb_stream stream = { 4, SB_FOR_FORWARD, 9 };
  ok (sb_stream_normals ((sb_stream){ 4, SB_FOR_DATA, 0 }, 0, x));
  ok (sb_stream_normals (stream, 0, z));
  double five = 5;
  const sb_weighting weights[] = { SQUARE, UNIT, { &cubic, &five } };
  for (int which = 0; which < 6; which++)
    {
      // At all levels, or at the levels 4 to 7.
      const size_t last = which < 3 ? L : 7, count = which < 3 ? L : 4;
      sb_stream any = { stream.seed, SB_FOR_USER, stream.index }; // the purpose is not looked at
      ok (ncsn_loss (weights[which % 3], score, x, (double)(last - count + 1) / L, (double)last / L, any, loss));
      for (size_t i = 0; i < ROWS; i++)
        {
          double mean = 0;
          for (size_t l = 0; l < count; l++)
            {
              double sigma = pow (0.01, (double)(L - last + l) / (L - 1)), x_tilde[D];
              double lambda = which % 3 == 0 ? sigma * sigma : which % 3 == 1 ? 1 : 5 * sigma * sigma * sigma;
              for (size_t j = 0; j < D; j++)
                x_tilde[j] = gsl_matrix_get (x, i, j) + sigma * gsl_matrix_get (z, i, l * D + j);
              for (size_t j = 0; j < D; j++)
                {
                  double s = w.theta[j];
                  for (size_t k = 0; k < D; k++)
                    s += w.theta[D * (1 + j) + k] * x_tilde[k];
                  mean += lambda * 0.5 * gsl_pow_2 (s + gsl_matrix_get (z, i, l * D + j) / sigma) / (double)count;
                }
            }
          cr_assert_float_eq (gsl_vector_get (loss, i), mean, 1e-12 * mean, "weights %d: %.15g, not %.15g", which,
                              gsl_vector_get (loss, i), mean);
        }
    }
}

// A level drawn at random for each row has its mean: $10^5$ rows, 5 standard errors. [dsm2ddpm.txt-NCSN-objective]

Test (ncsn, levels_at_random_have_the_mean_of_all)
{
  sb_process *process = scoped (sb_smld_alloc (2, L, 0.1, 1));
  model w = affine_alloc (2);
  for (size_t k = 0; k < w.parameters; k++)
    w.theta[k] = cos ((double)k);
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, process));
  const sb_objective drawn = weighted (sb_objective_denoising, process, sb_weighting_variance, 0);
  gsl_matrix *x = normals (N, 2, 11);
  gsl_vector *all = vector (N), *one = vector (N);
  double of_all, of_one;
  ok (ncsn_loss (SQUARE, score, x, 0, 1, (sb_stream){ 11, 0, 0 }, all));
  ok (sb_objective_loss (&drawn, score, x, NULL, (sb_stream){ 12, 0, 0 }, one));
  const double mean = mean_of (all, &of_all), found = mean_of (one, &of_one);
  cr_assert_float_eq (found, mean, 5 * hypot (of_all, of_one), "%g, not %g", found, mean);
}

// ## A network that says nothing
//
// loses $\lambda(\sigma)\,d/2\sigma^2$ at a level: with $\lambda = \sigma^2$ as much at each, $d/2$, whatever the
// ladder; with $\lambda = 1$ the mean of $d/2\sigma_i^2$. Within 5 standard errors. [dsm2ddpm.txt-NCSN-objective]

Test (ncsn, levels_of_equal_size)
{
  const double lowest[] = { 0.01, 0.5 };
  model w = affine_alloc (2);
  gsl_matrix *x = matrix (N / 5, 2);
  gsl_vector *loss = vector (N / 5);
  ok (sb_stream_normals ((sb_stream){ 5, SB_FOR_DATA, 0 }, 0, x));
  for (int k = 0; k < 2; k++)
    {
      sb_process *process = scoped (sb_smld_alloc (2, L, lowest[k], 1));
      sb_score *nothing = scoped (sb_score_alloc (&affine_type, &w, process));
      double error, unweighted = 0;
      for (int i = 0; i < L; i++)
        unweighted += pow (lowest[k], -2. * i / (L - 1)) / L;
      ok (ncsn_loss (SQUARE, nothing, x, 0, 1, (sb_stream){ 5, 0, 0 }, loss));
      double mean = mean_of (loss, &error);
      cr_assert_float_eq (mean, 1, 5 * error, "sigma_L = %g: %g", lowest[k], mean);
      ok (ncsn_loss (UNIT, nothing, x, 0, 1, (sb_stream){ 5, 0, 0 }, loss));
      mean = mean_of (loss, &error);
      cr_assert_float_eq (mean, unweighted, 5 * error, "sigma_L = %g: %g, not %g", lowest[k], mean, unweighted);
    }
}

// ## Where a training begins
//
// A new U-Net's output is zero, so that the report's training on MNIST begins at $d/2 = 392$ an image, at each of its
// ten levels and in the mean, whatever the images. $\|\mathbf z\|^2$ has the variance $2d$: within 5 standard errors
// (false alarm $6\cdot10^{-7}$ each). [dsm2ddpm.set-ncsn-train]

Test (ncsn, a_new_network_loses_half_the_dimension)
{
  enum
  {
    ROWS = 40,
    D = 784
  };
  sb_error reason;
  sb_model *untrained = scoped (sb_model_alloc ("unet image=1x28x28 channels=4 multipliers=1,2 groups=2 features=4",
                                                "smld levels=10 sigma_min=0.01 sigma_max=1", "epsilon", "log-noise",
                                                0.3, 0, 1, &reason),
                                "%s", reason.message);
  ok (sb_net_initialise (untrained->net, (sb_stream){ 9, SB_FOR_USER, 0 }, untrained->theta));
  sb_score *score = scoped (sb_score_network_alloc (&untrained->network));
  gsl_matrix *images = matrix (ROWS, D);
  gsl_vector *loss = vector (ROWS);
  double error;
  ok (sb_stream_uniforms ((sb_stream){ 9, SB_FOR_DATA, 0 }, 0, images));
  for (size_t i = 0; i < L; i++)
    {
      const double level = (double)(L - i) / L;
      ok (ncsn_loss (SQUARE, score, images, level, level, (sb_stream){ 9, 0, i * ROWS }, loss));
      double mean = mean_of (loss, &error);
      cr_assert_float_eq (mean, 392, 5 * sqrt (D / 2. / ROWS), "level %zu: %g", i + 1, mean);
    }
  ok (ncsn_loss (SQUARE, score, images, 0, 1, (sb_stream){ 10, 0, 0 }, loss));
  double mean = mean_of (loss, &error);
  cr_assert_float_eq (mean, 392, 5 * sqrt (D / 2. / ROWS / L), "all levels: %g", mean);
}

// ## The minimum does not move
//
// Each level has a line $a_i + b_i x$ of its own: by the slopes of the summed objective (quadratic, so that differences
// are exact) Newton's step from anywhere ends at the same lines, to $10^{-10}$, with either weight, and the same as at
// the level by itself. [dsm2ddpm.txt-NCSN-objective]

enum
{
  TWO = 2
};

static int
lines_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                gsl_matrix *out)
{
  const double *theta = state;
  (void)view, (void)y;
  for (size_t i = 0; i < x->size1; i++)
    {
      const double *line = theta + 2 * (lrint (TWO * gsl_vector_get (t, i)) - 1);
      gsl_matrix_set (out, i, 0, line[0] + line[1] * gsl_matrix_get (x, i, 0));
    }
  return GSL_SUCCESS;
}

static const sb_score_type lines_type = { .name = "lines", .views = SB_SCORE, .evaluate = lines_evaluate };

static double
lines_loss (sb_weighting weighting, const sb_process *process, double *theta, const gsl_matrix *x)
{
  gsl_vector *loss = vector (x->size1);
  sb_score *score = scoped (sb_score_alloc (&lines_type, theta, process));
  double error;
  ok (ncsn_loss (weighting, score, x, 0, 1, (sb_stream){ 8, 0, 0 }, loss));
  return mean_of (loss, &error);
}

// The minimum along a line's two parameters, the others held: the slopes and second differences at its start.

static void
newton (sb_weighting weighting, const sb_process *process, double *line, double *theta, const gsl_matrix *x)
{
  double f = lines_loss (weighting, process, theta, x), up[2], down[2], both, a = line[0], b = line[1];
  for (int k = 0; k < 2; k++)
    {
      double was = line[k];
      line[k] = was + 1;
      up[k] = lines_loss (weighting, process, theta, x);
      line[k] = was - 1;
      down[k] = lines_loss (weighting, process, theta, x);
      line[k] = was;
    }
  line[0] = a + 1, line[1] = b + 1;
  both = lines_loss (weighting, process, theta, x);
  double ga = (up[0] - down[0]) / 2, gb = (up[1] - down[1]) / 2, haa = up[0] + down[0] - 2 * f,
         hbb = up[1] + down[1] - 2 * f, hab = both - up[0] - up[1] + f, det = haa * hbb - hab * hab;
  line[0] = a - (hbb * ga - hab * gb) / det;
  line[1] = b - (haa * gb - hab * ga) / det;
}

Test (ncsn, weights_do_not_move_the_minimum)
{
  const double mean = 0.7, s = 1.3;
  double theta[2][2 * TWO] = { { 0 } };
  sb_process *process = scoped (sb_smld_sigmas_alloc (1, vector_of (0.3, 1)));
  sb_target *law = gaussian (&mean, &s, 1);
  gsl_matrix *x = matrix (2000, 1);
  const sb_weighting weights[] = { SQUARE, UNIT };
  ok (sb_target_sample (law, (sb_stream){ 8, SB_FOR_DATA, 0 }, x));
  for (int which = 0; which < 2; which++)
    for (int i = 0; i < TWO; i++)
      for (int again = 0; again < 2; again++)
        newton (weights[which], process, theta[which] + 2 * i, theta[which], x);
  for (int k = 0; k < 2 * TWO; k++)
    cr_assert_float_eq (theta[0][k], theta[1][k], 1e-10, "parameter %d: %.12g and %.12g", k, theta[0][k], theta[1][k]);
  cr_assert_float_eq (theta[0][1], -1 / (1.69 + 0.09), 0.4, "%g", theta[0][1]); // 2000 draws: the truth, roughly
  cr_assert_float_eq (theta[0][3], -1 / (1.69 + 1), 0.15, "%g", theta[0][3]);
}

// ## What cannot be done

static int
constant (const sb_process *process, double t, const double *a, const double *sigma, double *lambda, void *params)
{
  (void)process, (void)t, (void)a, (void)sigma;
  *lambda = *(double *)params;
  return GSL_SUCCESS;
}

Test (ncsn, what_does_not_fit_is_refused)
{
  sb_process *process = one_level (2, 1);
  model w = affine_alloc (2);
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, process));
  gsl_matrix *x = matrix_all (4, 2, 0);
  gsl_vector *loss = vector (4);
  double number;
  const sb_weighting_type constants = { .entry = { .name = "constant" }, .numbers = constant };
  const sb_weighting by_number = { &constants, &number };
  sb_stream stream = { 0 };
  const sb_objective none
      = { .type = sb_objective_ncsn, .process = process, .weighting = SQUARE, .t_min = 0.4, .t_max = 0.6 };
  cr_assert_null (sb_objective_batch_alloc (&none, 4), "no level");
  refused (GSL_EINVAL, ncsn_loss (SQUARE, score, x, 0, 3, stream, loss));
  refused (GSL_EINVAL, ncsn_loss ((sb_weighting){ 0 }, score, x, 0, 1, stream, loss));
  const double bad[] = { -1, GSL_NAN, GSL_POSINF };
  for (int k = 0; k < 3; k++)
    {
      number = bad[k];
      refused (GSL_EDOM, ncsn_loss (by_number, score, x, 0, 1, stream, loss));
    }
  number = 0;
  ok (ncsn_loss (by_number, score, x, 0, 1, stream, loss));
  cr_assert (gsl_vector_isnull (loss), "a level may be left out");
}
