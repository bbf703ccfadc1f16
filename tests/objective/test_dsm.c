// # What must be true of denoising score matching
//
// Where the data are Gaussian everything is known: the best estimate of the noise, the loss that even it cannot avoid,
// and that the gradient vanishes there.

#include "process/ddpm.h"
#include "process/smld.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "score/stretch.h"
#include "losses.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_sort_vector.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

SUITE (dsm);

enum
{
  DRAWS = 200000
};

// A false alarm in $10^6$, two-sided.
static const double STANDARD_ERRORS = 4.9;

// ## A batch of drawn points, one dimension, data $\mathcal{N}(m, s^2)$

typedef struct
{
  sb_objective dsm;
  double m, s;
  gsl_vector *t, *loss;
  gsl_matrix *x, *z, *epsilon, *epsilon_bar;
} batch;

// The first three of the family: variance, likelihood, unit.

static const sb_weighting_type *
weighting_at (size_t k)
{
  return (const sb_weighting_type *)sb_weightings (k);
}

static batch
batch_alloc (sb_process *process, const sb_weighting_type *weighting, size_t n, double m, double s)
{
  batch b = { .dsm = weighted (sb_objective_dsm, process, weighting, 1e-5),
              .m = m,
              .s = s,
              .t = vector (n),
              .loss = vector (n),
              .x = normals (n, 1, 5),
              .z = matrix (n, 1),
              .epsilon = matrix (n, 1),
              .epsilon_bar = matrix (n, 1) };
  gsl_matrix_scale (b.x, s);
  gsl_matrix_add_constant (b.x, m);
  ok (draw_points (&b.dsm, (sb_stream){ 5, 0, 0 }, b.t, b.z, b.x));
  return b;
}

// The best estimate, $E[z \mid x_t] = \varsigma\,(x_t - a m)/(a^2 s^2 + \varsigma^2)$, is minus $\varsigma$ times the
// score of $p_t = \mathcal{N}(am, a^2s^2 + \varsigma^2)$.

static void
estimate_best (batch *b)
{
  for (size_t i = 0; i < b->t->size; i++)
    {
      double a, sd;
      ok (sb_process_scalars (b->dsm.process, 0, gsl_vector_get (b->t, i), &a, &sd));
      double score = -(gsl_matrix_get (b->x, i, 0) - a * b->m) / (gsl_pow_2 (a * b->s) + sd * sd);
      gsl_matrix_set (b->epsilon, i, 0, -sd * score);
    }
  ok (loss_of (&b->dsm, b->t, b->z, b->epsilon, b->loss, b->epsilon_bar));
}

// What remains: $\lambda\,E\|\hat s - \nabla\log p(x_t \mid x_0)\|^2 = \lambda\,\bigl(\varsigma^{-2} - (a^2s^2 +
// \varsigma^2)^{-1}\bigr)$, the size of the target less that of the score.

static double
unavoidable (const batch *b, double lambda, double t)
{
  double a, sd;
  ok (sb_process_scalars (b->dsm.process, 0, t, &a, &sd));
  return lambda * gsl_pow_2 (a * b->s) / (sd * sd * (gsl_pow_2 (a * b->s) + sd * sd));
}

static double
lambda_of (const batch *b, double t)
{
  double a, sd, one = 1;
  ok (sb_process_scalars (b->dsm.process, 0, t, &a, &sd));
  if (b->dsm.weighting.type == sb_weighting_variance)
    return sd * sd;
  if (b->dsm.weighting.type == sb_weighting_unit)
    return 1;
  gsl_matrix_view g = gsl_matrix_view_array (&one, 1, 1);
  gsl_vector_view at = gsl_vector_view_array (&t, 1);
  ok (sb_process_apply (b->dsm.process, SB_G, CblasNoTrans, NULL, &at.vector, &g.matrix));
  return one * one;
}

// Row by row the loss less what is unavoidable at its time has mean zero; so does, at the optimum, its gradient along
// any estimate that is linear in $x_t$, whatever it does with the time.

static void
check_optimum (batch *b, const char *name)
{
  size_t n = b->t->size;
  double *excess = scoped (malloc (n * sizeof *excess)), *slope = scoped (malloc (n * sizeof *slope));
  estimate_best (b);
  for (size_t i = 0; i < n; i++)
    {
      double t = gsl_vector_get (b->t, i), lambda = lambda_of (b, t), scale = unavoidable (b, lambda, t);
      excess[i] = gsl_vector_get (b->loss, i) / scale - 1; // relative: the unit weight spans ten decades
      slope[i] = gsl_matrix_get (b->epsilon_bar, i, 0) / lambda * gsl_matrix_get (b->epsilon, i, 0);
    }
  double error = gsl_stats_sd (excess, 1, n) / sqrt ((double)n), mean = gsl_stats_mean (excess, 1, n);
  cr_assert_lt (fabs (mean), STANDARD_ERRORS * error, "%s: loss off by %g of itself, standard error %g", name, mean,
                error);
  error = gsl_stats_sd (slope, 1, n) / sqrt ((double)n), mean = gsl_stats_mean (slope, 1, n);
  cr_assert_lt (fabs (mean), STANDARD_ERRORS * error, "%s: slope %g at the optimum, standard error %g", name, mean,
                error);
}

// ## Continuous time
//
// For every SDE and every weight. [scoresde.eq7]

Test (dsm, gaussian_optimum_under_every_sde)
{
  sb_process *processes[]
      = { scoped (sb_ve_alloc (1, 0.01, 20)), scoped (sb_vp_alloc (1, 0.1, 20)), scoped (sb_subvp_alloc (1, 0.1, 20)) };
  for (int k = 0; k < 3; k++)
    for (size_t w = 0; w < 3; w++)
      {
        batch b = batch_alloc (processes[k], weighting_at (w), DRAWS, 0.3, 0.7);
        check_optimum (&b, processes[k]->type->name);
      }
}

// ## Chains
//
// Every level $1, \ldots, N$ is drawn equally often, and the weighted loss at the optimum is $s^2/(s^2 + \sigma_i^2)$
// at a level of SMLD's [scoresde.eq1] and $\alpha_i s^2/(\alpha_i s^2 + 1 - \alpha_i)$ at one of DDPM's
// [scoresde.eq3].

// There is no gradient at any level, neither in the estimate's mean nor along itself; 0.5 to either side of it the loss
// has the gradient as its slope.

static void
check_gradients (const batch *b)
{
  const size_t N = b->dsm.process->levels, n = b->t->size;
  gsl_matrix *sum = matrix_all (N + 1, 2, 0), *squares = matrix_all (N + 1, 2, 0);
  for (size_t i = 0; i < n; i++)
    {
      const double bar = gsl_matrix_get (b->epsilon_bar, i, 0), along = bar * gsl_matrix_get (b->epsilon, i, 0);
      size_t level;
      ok (sb_process_level (b->dsm.process, gsl_vector_get (b->t, i), &level));
      *gsl_matrix_ptr (sum, level, 0) += bar;
      *gsl_matrix_ptr (sum, level, 1) += along;
      *gsl_matrix_ptr (squares, level, 0) += bar * bar;
      *gsl_matrix_ptr (squares, level, 1) += along * along;
    }
  for (size_t level = 1; level <= N; level++)
    for (size_t k = 0; k < 2; k++)
      cr_assert_lt (fabs (gsl_matrix_get (sum, level, k)), 5.4 * sqrt (gsl_matrix_get (squares, level, k)), "level %zu",
                    level);
  gsl_vector *loss[2] = { vector (n), vector (n) };
  for (int side = 0; side < 2; side++)
    {
      gsl_matrix *epsilon = copy_of (b->epsilon);
      gsl_matrix_add_constant (epsilon, side ? 0.5 : -0.5);
      ok (loss_of (&b->dsm, b->t, b->z, epsilon, loss[side], NULL));
    }
  for (size_t i = 0; i < n; i++)
    {
      const double bar = gsl_matrix_get (b->epsilon_bar, i, 0);
      cr_assert_float_eq (gsl_vector_get (loss[1], i) - gsl_vector_get (loss[0], i), bar, 1e-10 * (1 + fabs (bar)));
    }
}

static void
check_levels (sb_process *process, double (*expected) (const sb_process *, size_t, double), double s)
{
  size_t N = process->levels, n = 40000 * N;
  double *sum = scoped (calloc (N + 1, sizeof *sum)), *square = scoped (calloc (N + 1, sizeof *square)),
         *count = scoped (calloc (N + 1, sizeof *count));
  batch b = batch_alloc (process, sb_weighting_variance, n, 0.3, s);
  estimate_best (&b);
  check_gradients (&b);
  for (size_t i = 0; i < n; i++)
    {
      size_t level;
      ok (sb_process_level (process, gsl_vector_get (b.t, i), &level));
      cr_assert (level >= 1 && level <= N);
      sum[level] += gsl_vector_get (b.loss, i);
      square[level] += gsl_pow_2 (gsl_vector_get (b.loss, i));
      count[level]++;
    }
  for (size_t i = 1; i <= N; i++)
    {
      double mean = sum[i] / count[i], error = sqrt ((square[i] / count[i] - mean * mean) / count[i]);
      cr_assert_float_eq (count[i], 40000, 5.2 * sqrt (40000), "%s: level %zu drawn %g times", process->type->name, i,
                          count[i]);
      cr_assert_float_eq (mean, expected (process, i, s), 5.2 * error, "%s: level %zu: loss %g, not %g",
                          process->type->name, i, mean, expected (process, i, s));
    }
}

static double
smld_loss (const sb_process *process, size_t i, double s)
{
  double sigma = 0.1 * pow (200, (double)(i - 1) / (double)(process->levels - 1));
  return s * s / (s * s + sigma * sigma);
}

static double
ddpm_loss (const sb_process *process, size_t i, double s)
{
  double alpha = 1, N = (double)process->levels;
  for (size_t k = 1; k <= i; k++)
    alpha *= 1 - (0.1 / N + (double)(k - 1) / (N * (N - 1)) * (5 - 0.1));
  return alpha * s * s / (alpha * s * s + 1 - alpha);
}

Test (dsm, chains_at_their_optimum)
{
  check_levels (scoped (sb_smld_alloc (1, 6, 0.1, 20)), smld_loss, 0.8);
  check_levels (scoped (sb_ddpm_alloc (1, 8, 0.1, 5)), ddpm_loss, 0.8);
}

// ## $L_{\mathrm{simple}}$
//
// At any estimate, good or bad, DDPM's weighted score loss $(1-\alpha_i)\,\|s + (\tilde x -
// \sqrt{\alpha_i}x)/(1-\alpha_i)\|^2$, put together here from the drawn points, is $\|z - \epsilon\|^2$.
// [scoresde.txt-lsimple] [scoresde.txt-lambda]

Test (dsm, noise_prediction_is_weighted_score_matching)
{
  enum
  {
    N = 1000,
    D = 3
  };
  sb_process *process = scoped (sb_ddpm_alloc (D, 1000, 0.1, 20));
  sb_objective dsm = sb_objective_of (sb_objective_dsm, process, 0);
  gsl_matrix *x0 = normals (N, D, 1), *x = copy_of (x0), *z = matrix (N, D), *epsilon = normals (N, D, 2);
  gsl_vector *t = vector (N), *loss = vector (N);
  ok (draw_points (&dsm, (sb_stream){ 1, 0, 0 }, t, z, x));
  ok (loss_of (&dsm, t, z, epsilon, loss, NULL));
  double alphas[1001] = { 1 };
  for (size_t i = 1; i <= 1000; i++)
    alphas[i] = alphas[i - 1] * (1 - (1e-4 + (double)(i - 1) / 999 * (0.02 - 1e-4)));

  for (size_t i = 0; i < N; i++)
    {
      double alpha = alphas[lrint (1000 * gsl_vector_get (t, i))], sum = 0;
      for (size_t j = 0; j < D; j++)
        {
          double s = -gsl_matrix_get (epsilon, i, j) / sqrt (1 - alpha);
          double target = -(gsl_matrix_get (x, i, j) - sqrt (alpha) * gsl_matrix_get (x0, i, j)) / (1 - alpha);
          sum += (1 - alpha) * gsl_pow_2 (s - target);
        }
      cr_assert_float_eq (gsl_vector_get (loss, i), sum, 1e-9 * (1 + sum), "t = %g: %.15g, not %.15g",
                          gsl_vector_get (t, i), gsl_vector_get (loss, i), sum);
    }
}

// Of any SDE it is $\lambda(t)\|\nabla\log p(x_t \mid x_0)\|^2$ with $\lambda = \varsigma^2$, which has the mean 1 for
// each coordinate at every time: the weight is 1 over the mean square of the conditional score. [scoresde.txt-lambda]

static double
kernel_variance (int kind, double t, double *a)
{
  const double B = 0.1 * t + 9.95 * t * t;
  *a = kind == 0 ? 1 : exp (-B / 2);
  return kind == 0 ? 1e-4 * pow (2000, 2 * t) : kind == 1 ? -expm1 (-B) : gsl_pow_2 (expm1 (-B));
}

Test (dsm, usual_weights_make_all_times_alike)
{
  enum
  {
    ROWS = 100,
    D = 10000
  };
  sb_process *const process[]
      = { scoped (sb_ve_alloc (D, 0.01, 20)), scoped (sb_vp_alloc (D, 0.1, 20)), scoped (sb_subvp_alloc (D, 0.1, 20)) };
  for (int k = 0; k < 3; k++)
    {
      const size_t mark = scope_mark ();
      const sb_objective dsm = sb_objective_of (sb_objective_dsm, process[k], 1e-5);
      gsl_matrix *x = matrix_all (ROWS, D, 0.7), *z = matrix (ROWS, D);
      gsl_vector *t = vector (ROWS), *loss = vector (ROWS);
      double total = 0;
      ok (draw_points (&dsm, (sb_stream){ 6, 0, 0 }, t, z, x));
      ok (loss_of (&dsm, t, z, matrix_all (ROWS, D, 0), loss, NULL));
      for (size_t i = 0; i < ROWS; i++)
        {
          double a, square = 0;
          const double v = kernel_variance (k, gsl_vector_get (t, i), &a);
          for (size_t j = 0; j < D; j++)
            square += gsl_pow_2 ((gsl_matrix_get (x, i, j) - a * 0.7) / v);
          cr_assert_float_eq (gsl_vector_get (loss, i) / (v * square), 1, 1e-9, "%s, t = %g", process[k]->type->name,
                              gsl_vector_get (t, i));
          total += v * square / D / ROWS;
        }
      cr_assert_float_eq (total, 1, 0.0069);
      scope_release (mark);
    }
}

// ## Times drawn where the weight is
//
// The likelihood's weight by the noise is $g^2/\varsigma^2$, which under VP falls from $10^5$ to 20. Estimates that are
// .5 off everywhere have a loss of a quarter of it, of the mean $Z/4(1 - \epsilon)$, $Z = \ln(e^{B(1)} - 1) -
// \ln(e^{B(\epsilon)} - 1)$ with $B = \int\beta$. Uniform times have that mean and more than six times as large a
// deviation. Drawn with the density $q = g^2/(\varsigma^2Z)$, that is $\ln(e^B - 1)$ uniform, and divided by
// $q(1 - \epsilon)$, every time has that same number: the deviation left is that of the errors alone.

Test (dsm, times_drawn_by_the_weight_have_the_same_mean_and_no_scatter)
{
  enum
  {
    ROWS = 1000000
  };
  const double epsilon = 1e-5, low = log (expm1 (1e-6 + 9.95e-10)), Z = log (expm1 (10.05)) - low,
               mean = Z / 4 / (1 - epsilon);
  const sb_objective dsm
      = weighted (sb_objective_dsm, scoped (sb_vp_alloc (1, 0.1, 20)), sb_weighting_likelihood, epsilon);
  gsl_matrix *x = matrix (ROWS, 1), *z = matrix (ROWS, 1), *off = matrix (ROWS, 1);
  gsl_vector *t = vector (ROWS), *loss = vector (ROWS);
  gsl_matrix_set_zero (x);
  ok (draw_points (&dsm, (sb_stream){ 7, 0, 0 }, t, z, x));
  gsl_matrix_memcpy (off, z);
  gsl_matrix_add_constant (off, 0.5);
  ok (loss_of (&dsm, t, z, off, loss, NULL));
  const double sd = gsl_stats_sd (loss->data, 1, ROWS);
  cr_assert_lt (fabs (gsl_stats_mean (loss->data, 1, ROWS) - mean), STANDARD_ERRORS * sd / sqrt (ROWS));
  cr_assert_gt (sd, 6 * mean);

  for (size_t i = 0; i < ROWS; i++)
    {
      const double B = log1p (exp (low + Z * ((double)i + .5) / ROWS));
      gsl_vector_set (t, i, 2 * B / (0.1 + sqrt (0.01 + 4 * 9.95 * B)));
    }
  ok (loss_of (&dsm, t, z, off, loss, NULL));
  for (size_t i = 0; i < ROWS; i++)
    {
      const double t_i = gsl_vector_get (t, i), q = (0.1 + 19.9 * t_i) / -expm1 (-0.1 * t_i - 9.95 * t_i * t_i) / Z;
      cr_assert_float_eq (gsl_vector_get (loss, i) / (q * (1 - epsilon) * mean), 1, 1e-9, "t = %g", t_i);
    }
}

// ## Maps that turn
//
// Where $S$ and $G$ are matrices, transposes matter. By hand, from the drawn points: the model's score is $-S^{-\top}
// \hat z$, the target $\nabla\log p(x_t \mid x_0) = -(SS^\top)^{-1}(x_t - A x_0)$, and the loss $\|M^\top(\hat s -
// \nabla\log p)\|^2$ with $M$ one of $S$, $G$ and $I$. The gradient is its slope. [scoresde.eq7] Half of it, of a model
// that gives the score itself, is the loss $\tfrac12v^\top\Lambda v$ with $\Lambda = MM^\top$. [nonuniform.eq10]

static void
solve (double M[2][2], int transposed, const double *b, double *x)
{
  double p = transposed ? M[1][0] : M[0][1], q = transposed ? M[0][1] : M[1][0], det = M[0][0] * M[1][1] - p * q;
  x[0] = (M[1][1] * b[0] - p * b[1]) / det;
  x[1] = (M[0][0] * b[1] - q * b[0]) / det;
}

static double
loss_by_hand (const sb_objective *o, double t, const double *x0, const double *x, const double *estimate)
{
  const sb_weighting_type *weighting = o->weighting.type;
  const bool of_score = o->type->view == SB_SCORE;
  double A[2][2], S[2][2], M[2][2] = { { 1, 0 }, { 0, 1 } }, away[2], half[2], target[2], score[2], loss = 0;
  stretch_A (t, A);
  stretch_S (t, S);
  if (weighting == sb_weighting_variance)
    stretch_S (t, M);
  else if (weighting == sb_weighting_likelihood)
    stretch_G (t, M);
  for (int i = 0; i < 2; i++)
    away[i] = x[i] - A[i][0] * x0[0] - A[i][1] * x0[1];
  solve (S, 0, away, half);
  solve (S, 1, half, target);
  solve (S, 1, estimate, score);
  for (int j = 0; j < 2 && of_score; j++)
    score[j] = -estimate[j]; // both have the sign of the noise
  for (int j = 0; j < 2; j++)
    loss += gsl_pow_2 (M[0][j] * (target[0] - score[0]) + M[1][j] * (target[1] - score[1]));
  return of_score ? loss / 2 : loss;
}

Test (dsm, maps_may_turn)
{
  enum
  {
    N = 100
  };
  sb_process *process = stretch_alloc ();
  gsl_matrix *x0 = normals (N, 2, 3), *x = matrix (N, 2), *z = matrix (N, 2), *estimate = normals (N, 2, 4),
             *bar = matrix (N, 2);
  gsl_vector *t = vector (N), *loss = vector (N);
  for (size_t w = 0; w < 6; w++)
    {
      sb_objective o = weighted (w < 3 ? sb_objective_dsm : sb_objective_denoising, process, weighting_at (w % 3), 0.1);
      gsl_matrix_memcpy (x, x0);
      ok (draw_points (&o, (sb_stream){ 2, 0, 0 }, t, z, x));
      ok (loss_of (&o, t, z, estimate, loss, bar));
      for (size_t i = 0; i < N; i++)
        {
          const double *at = x->data + 2 * i, *from = x0->data + 2 * i;
          double e[2] = { gsl_matrix_get (estimate, i, 0), gsl_matrix_get (estimate, i, 1) }, h = 1e-3;
          double truth = loss_by_hand (&o, gsl_vector_get (t, i), from, at, e);
          cr_assert_float_eq (gsl_vector_get (loss, i), truth, 1e-9 * (1 + truth), "weight %zu: %g, by hand %g", w,
                              gsl_vector_get (loss, i), truth);
          for (size_t j = 0; j < 2; j++)
            {
              e[j] += h;
              double up = loss_by_hand (&o, gsl_vector_get (t, i), from, at, e);
              e[j] -= 2 * h;
              double slope = (up - loss_by_hand (&o, gsl_vector_get (t, i), from, at, e)) / (2 * h);
              e[j] += h;
              cr_assert_float_eq (gsl_matrix_get (bar, i, j), slope, 1e-8 * (1 + truth + fabs (slope)),
                                  "weight %zu: gradient %g, slope %g", w, gsl_matrix_get (bar, i, j), slope);
            }
        }
    }
}

// ## Times
//
// Uniform on $[\epsilon, T]$ and never below: printed as $\mathcal{U}[0, T]$, where the target would be infinite. The
// Kolmogorov-Smirnov distance of $10^6$ draws is under $\sqrt{\ln(2\cdot10^6)/(2\cdot10^6)} = 0.00269$ but once in
// $10^6$. So are those of soft score matching, of $10^5$. [scoresde.set-eps] [scoresde.eq7] [soft.eq1] [soft.eq12]

static void
check_times (const sb_objective_type *type, size_t n)
{
  sb_process *process = scoped (sb_vp_alloc (1, 0.1, 20));
  sb_objective o = sb_objective_of (type, process, 0.01);
  gsl_vector *t = vector (n);
  gsl_matrix *x = matrix_all (n, 1, 0), *z = matrix (n, 1);
  ok (draw_points (&o, (sb_stream){ 3, 0, 0 }, t, z, x));
  gsl_sort_vector (t);
  cr_assert_geq (gsl_vector_get (t, 0), 0.01);
  cr_assert_leq (gsl_vector_get (t, n - 1), 1);
  double worst = 0;
  for (size_t i = 0; i < n; i++)
    {
      double cdf = (gsl_vector_get (t, i) - 0.01) / 0.99;
      worst = larger (worst, GSL_MAX (fabs (cdf - (double)i / (double)n), fabs (cdf - (double)(i + 1) / (double)n)));
    }
  cr_assert_lt (worst, 2.69 / sqrt ((double)n));
}

Test (dsm, times_are_uniform_and_never_too_small)
{
  check_times (sb_objective_dsm, 1000000);
  check_times (sb_objective_soft, 100000);
}

// ## The streams
//
// Which draws these are is part of a checkpoint's promise: a training that goes on with a later version must see the
// numbers it would have seen, of times and noise that are independent. The vector of times may have any stride.
// [soft.eq1]

Test (dsm, draws_come_from_the_streams_named)
{
  sb_process *process = scoped (sb_vp_alloc (2, 0.1, 20));
  sb_objective dsm = sb_objective_of (sb_objective_dsm, process, 0.1);
  double u[5], n[10], strided[15], x0[10] = { 0 }, drawn[10];
  sb_stream times = { 8, SB_FOR_TIME, 40 }, noise = { 8, SB_FOR_FORWARD, 40 };
  gsl_matrix_view uniforms = gsl_matrix_view_array (u, 5, 1), normals = gsl_matrix_view_array (n, 5, 2),
                  x = gsl_matrix_view_array (x0, 5, 2), z = gsl_matrix_view_array (drawn, 5, 2);
  gsl_vector_view t = gsl_vector_view_array_with_stride (strided, 3, 5);
  ok (sb_stream_uniforms (times, 0, &uniforms.matrix));
  ok (sb_stream_normals (noise, 0, &normals.matrix));
  ok (draw_points (&dsm, (sb_stream){ 8, 0, 40 }, &t.vector, &z.matrix, &x.matrix));
  for (int i = 0; i < 5; i++)
    cr_assert_float_eq (strided[3 * i], 0.1 + 0.9 * u[i], 1e-15, "time %d: %g", i, strided[3 * i]);
  cr_assert_arr_eq (drawn, n, sizeof n);
}

// ## What cannot be done

Test (dsm, what_does_not_fit_is_refused)
{
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20)), *chain = scoped (sb_ddpm_alloc (2, 10, 0.1, 5));
  sb_objective dsm = sb_objective_of (sb_objective_dsm, vp, 1e-5),
               likelihood = weighted (sb_objective_dsm, chain, sb_weighting_likelihood, 0);
  gsl_matrix *two = matrix_all (2, 2, 0), *three = matrix_all (3, 2, 0), *bar = matrix (2, 2);
  gsl_vector *t = vector_all (2, 0.5), *loss = vector (2);
  refused (GSL_EBADLEN, sb_process_transition_in_place (vp, NULL, t, three, two));
  refused (GSL_EUNSUP, loss_of (&likelihood, t, two, two, loss, bar), "a chain has no G");
  gsl_vector_set_zero (t);
  refused (GSL_ESING, loss_of (&dsm, t, two, two, loss, bar), "no noise");
}
