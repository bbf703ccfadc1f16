// # What the paper says of perturbed data
//
// The theorems about $p_t$ and its score, on the inventory's mixture of three Gaussians and under each of the three
// SDEs, with integrals where the library has closed forms.

#include "ask.h"
#include "process/ddpm.h"
#include "process/smld.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "truth.h"
#include "scope.h"
#include "../score/stretch.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <math.h>

enum
{
  PROCESSES = 3,
  NODES = 4001
};

static sb_target *gmm3;
static sb_process *process[PROCESSES];
static gsl_rng *rng;

static void
setup (void)
{
  scope_begin ();
  gmm3 = truth_mixture (&GMM3);
  process[0] = scoped (sb_ve_alloc (1, SB_VE_SIGMA_MIN, SB_VE_SIGMA_MAX));
  process[1] = scoped (sb_vp_alloc (1, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  process[2] = scoped (sb_subvp_alloc (1, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  rng = scoped (gsl_rng_alloc (gsl_rng_taus2));
  gsl_rng_set (rng, 20210213);
}

TestSuite (perturbation, .init = setup, .fini = scope_end);

// The density of the data, written out.

static double
p_data (double x)
{
  double sum = 0;
  for (size_t k = 0; k < GMM3.K; k++)
    sum += GMM3.w[k] * gsl_ran_gaussian_pdf (x - GMM3.mu[k][0], sqrt (GMM3.C[k][0][0]));
  return sum;
}

// Trapezoidal rule for a smooth function that vanishes at both ends: it converges faster than any power of the step.

static double
integral (double (*f) (double x, void *context), void *context, double low, double high)
{
  double sum = 0, h = (high - low) / (NODES - 1);
  for (int i = 0; i < NODES; i++)
    sum += f (low + i * h, context);
  return sum * h;
}

// ## Perturbed data are data convolved with the kernel
//
// [scoresde.txt-perturb-kernel] The data's density has vanished 12 of its standard deviations away, the kernel's 12
// of its own: the smaller range has to hold the 4001 nodes.

typedef struct
{
  double x, m, sd, model[3];
} situation;

static double
joint (double x_0, void *context)
{
  const situation *s = context;
  return p_data (x_0) * gsl_ran_gaussian_pdf (s->x - s->m * x_0, s->sd);
}

static double
over_x0 (double (*f) (double x, void *context), situation *s)
{
  double low = GSL_MAX_DBL (-6, (s->x - 12 * s->sd) / s->m), high = GSL_MIN_DBL (6, (s->x + 12 * s->sd) / s->m);
  return integral (f, s, low, high);
}

Test (perturbation, density_is_the_convolution)
{
  const double sigma[] = { 0.01, 0.1, 1, 20 };
  for (size_t i = 0; i < 4; i++)
    {
      sb_process *fixed = fixed_process (1, 1, sigma[i]);
      for (int j = 0; j < 50; j++)
        {
          situation s = { .x = gsl_ran_flat (rng, -3, 3), .m = 1, .sd = sigma[i] };
          double expected = over_x0 (joint, &s), got = exp (ask_log_density (gmm3, fixed, &s.x, 0.5));
          cr_assert_float_eq (got, expected, 1e-10, "sigma %g, x %g: %.15g, by convolution %.15g", sigma[i], s.x, got,
                              expected);
        }
    }
}

// In the plane, each row at a time of its own, or all at one: of $\mathbf x_0 = \boldsymbol\mu_k + \mathbf
// L_k\mathbf z$ the kernels' density and its slope, averaged over a lattice of $\mathbf z$. Covariances that lean, that
// do not, and that are round each have a way of their own to be computed, and so has a process whose maps are no
// numbers. [scoresde.txt-perturb-kernel]

typedef struct
{
  double A[2][2], S[2][2];
} maps;

static maps
maps_at (const sb_process *vp, double t) // NULL: the process that turns and stretches
{
  maps m = { { { 0 } }, { { 0 } } };
  if (vp)
    {
      ask_kernel (vp, t, &m.A[0][0], &m.S[0][0]);
      m.A[1][1] = m.A[0][0];
      m.S[1][1] = m.S[0][0];
      return m;
    }
  stretch_A (t, m.A);
  stretch_S (t, m.S);
  return m;
}

static void
over_lattice (const truth_law *law, const maps *m, const double *x, double *p, double slope[2])
{
  const double h = .15, det = m->S[0][0] * m->S[1][1] - m->S[0][1] * m->S[1][0];
  *p = slope[0] = slope[1] = 0;
  for (size_t k = 0; k < law->K; k++)
    {
      const double l = sqrt (law->C[k][0][0]), lean = law->C[k][0][1] / l, rest = sqrt (law->C[k][1][1] - lean * lean);
      for (double z = -8; z <= 8; z += h)
        for (double w = -8; w <= 8; w += h)
          {
            const double x_0[2] = { law->mu[k][0] + l * z, law->mu[k][1] + lean * z + rest * w },
                         away[2] = { x[0] - m->A[0][0] * x_0[0] - m->A[0][1] * x_0[1],
                                     x[1] - m->A[1][0] * x_0[0] - m->A[1][1] * x_0[1] },
                         u[2] = { (m->S[1][1] * away[0] - m->S[0][1] * away[1]) / det,
                                  (m->S[0][0] * away[1] - m->S[1][0] * away[0]) / det },
                         q = law->w[k] * h * h * gsl_ran_ugaussian_pdf (z) * gsl_ran_ugaussian_pdf (w)
                             * gsl_ran_ugaussian_pdf (u[0]) * gsl_ran_ugaussian_pdf (u[1]) / fabs (det);
            *p += q;
            slope[0] -= q * (m->S[1][1] * u[0] - m->S[1][0] * u[1]) / det;
            slope[1] -= q * (m->S[0][0] * u[1] - m->S[0][1] * u[0]) / det;
          }
    }
}

static void
check_rows (const truth_law *of, const sb_process *vp, bool one_time)
{
  enum
  {
    N = 12
  };
  const sb_process *any = vp ? vp : stretch_alloc ();
  const sb_target *law = truth_mixture (of);
  const gsl_matrix *x = normals (N, 2, 5);
  gsl_matrix *score = matrix (N, 2);
  gsl_vector *log_p = vector (N), *t = vector (N);
  for (size_t i = 0; i < N; i++)
    gsl_vector_set (t, i, one_time ? .4 : .15 + .07 * (double)(5 * i % N));
  ok (sb_target_log_density (law, any, x, t, log_p));
  ok (sb_target_evaluate (law, any, SB_SCORE, x, t, score));
  for (size_t i = 0; i < N; i++)
    {
      const maps m = maps_at (vp, gsl_vector_get (t, i));
      double p, slope[2];
      over_lattice (of, &m, gsl_matrix_const_ptr (x, i, 0), &p, slope);
      cr_assert_float_eq (gsl_vector_get (log_p, i), log (p), 1e-9, "%s, row %zu", any->type->name, i);
      for (size_t j = 0; j < 2; j++)
        cr_assert_float_eq (gsl_matrix_get (score, i, j), slope[j] / p, 1e-9 * (1 + fabs (slope[j] / p)), "%s, row %zu",
                            any->type->name, i);
    }
}

Test (perturbation, rows_in_the_plane)
{
  const truth_law laws[] = {
    { 2, 2, { .4, .6 }, { { -.5, .3 }, { .8, -.2 } }, { { { .5, .3 }, { .3, .4 } }, { { .2, -.1 }, { -.1, .6 } } } },
    { 2, 2, { .4, .6 }, { { -.5, .3 }, { .8, -.2 } }, { { { .5, 0 }, { 0, .2 } }, { { .3, 0 }, { 0, .6 } } } },
    { 2, 2, { .4, .6 }, { { -.5, .3 }, { .8, -.2 } }, { { { .5, 0 }, { 0, .5 } }, { { .3, 0 }, { 0, .3 } } } }
  };
  const sb_process *vp = scoped (sb_vp_alloc (2, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  for (size_t k = 0; k < 6; k++)
    check_rows (&laws[k % 3], vp, k / 3);
  check_rows (&laws[0], NULL, false);
}

// The kernel itself is the law of one data point perturbed, its score the conditional score $-(\tilde x -
// x)/\sigma^2$. [scoresde.txt-perturb-kernel]

static sb_target *
one_point (size_t d, double x)
{
  return scoped (sb_target_points_alloc (matrix_all (1, d, x), NULL));
}

Test (perturbation, conditional_score_is_the_slope_of_the_kernel)
{
  for (int i = 0; i < 200; i++)
    {
      double x_0 = gsl_ran_flat (rng, -2, 2), sd = pow (10, gsl_ran_flat (rng, -2, 1.3)), h = 1e-4 * sd;
      double x = x_0 + gsl_ran_flat (rng, 0.5, 2) * sd, after = x + h, before = x - h;
      sb_target *kernel = one_point (1, x_0);
      sb_process *fixed = fixed_process (1, 1, sd);
      double slope = (ask_log_density (kernel, fixed, &after, 0.5) - ask_log_density (kernel, fixed, &before, 0.5))
                     / (after - before);
      cr_assert_float_eq (ask_score (kernel, fixed, x, 0.5) / slope, 1, 1e-7, "x_0 %g, sd %g, x %g", x_0, sd, x);
      cr_assert_float_eq (ask_log_density (kernel, fixed, &x, 0.5), log (gsl_ran_gaussian_pdf (x - x_0, sd)), 1e-12);
    }
}

// Drawn data, perturbed, are distributed as the closed form says: a Kolmogorov-Smirnov test at $n = 20000$ exceeds
// $\sqrt{\ln(2\cdot10^{7})/2n}$ with probability $10^{-7}$. [scoresde.txt-perturb-kernel]

Test (perturbation, samples_follow_the_closed_form)
{
  const size_t n = 20000;
  gsl_matrix *x = matrix (n, 1), *z = matrix (n, 1);
  gsl_vector *t = vector_all (n, 0.3), *cdf = vector (n);
  for (size_t i = 0; i < PROCESSES; i++)
    {
      double distance = 0;
      ok (sb_target_sample (gmm3, (sb_stream){ .seed = i, .purpose = SB_FOR_DATA }, x));
      ok (sb_stream_normals ((sb_stream){ .seed = i, .purpose = SB_FOR_FORWARD }, 0, z));
      ok (sb_process_transition (process[i], NULL, t, z, x));
      gsl_sort (x->data, 1, n);
      ok (sb_target_cdf (gmm3, process[i], x, t, cdf));
      for (size_t j = 0; j < n; j++)
        {
          double F = gsl_vector_get (cdf, j);
          distance = larger (distance, GSL_MAX_DBL (F - (double)j / n, (double)(j + 1) / n - F));
        }
      cr_assert_lt (distance, sqrt (log (2e7) / (2.0 * n)), "%s: KS distance %g", process[i]->type->name, distance);
    }
}

// ## The score is the average of the conditional score
//
// $\mathbb{E}[\nabla\log p_{0t}(x_t \mid x_0) \mid x_t] = \nabla\log p_t(x_t)$, which is why denoising score matching
// finds the score. [scoresde.txt-dsm-optimal]

static double
conditional_score (double x_0, const situation *s)
{
  return -(s->x - s->m * x_0) / (s->sd * s->sd);
}

static double
weighted_conditional_score (double x_0, void *context)
{
  return joint (x_0, context) * conditional_score (x_0, context);
}

Test (perturbation, score_is_the_average_of_the_conditional_score)
{
  const double times[] = { 0.1, 0.4, 0.9 };
  for (size_t i = 0; i < PROCESSES; i++)
    for (size_t j = 0; j < 3; j++)
      for (int k = 0; k < 50; k++)
        {
          situation s = { .x = 0 };
          ask_kernel (process[i], times[j], &s.m, &s.sd);
          s.x = s.m * gsl_ran_flat (rng, -2.5, 2.5) + gsl_ran_gaussian (rng, s.sd);
          double expected = over_x0 (weighted_conditional_score, &s) / over_x0 (joint, &s);
          double got = ask_score (gmm3, process[i], s.x, times[j]);
          cr_assert_float_eq (got, expected, 1e-8, "process %zu, t %g, x %g: %.12g, by quadrature %.12g", i, times[j],
                              s.x, got, expected);
        }
}

// So in space, where the components are tilted, or longer along one axis than along another: by quadrature over
// $61^3$ of $\mathbf x_0$, the kernel being a product. Each row is at a time of its own. [scoresde.txt-dsm-optimal]
// [dsm2ddpm.txt-score-average]

enum
{
  SIDE = 61,
  ROWS = 3
};

static const truth_law TILTED = { .K = 2,
                                  .d = 3,
                                  .w = { .35, .65 },
                                  .mu = { { -1, .5, .3 }, { 1.1, -.3, -.6 } },
                                  .C = { { { .5, .2, -.15 }, { .2, .4, .1 }, { -.15, .1, .6 } },
                                         { { .3, -.1, 0 }, { -.1, .6, .2 }, { 0, .2, .4 } } } },
                       ALONG_AXES
                       = { .K = 2,
                           .d = 3,
                           .w = { .35, .65 },
                           .mu = { { -1, .5, .3 }, { 1.1, -.3, -.6 } },
                           .C = { { { .3 }, { 0, .3 }, { 0, 0, .6 } }, { { .2 }, { 0, .6 }, { 0, 0, .3 } } } };

static double
place (int i)
{
  return -7 + 14. / (SIDE - 1) * i;
}

// The density of the data at all of them.

static const double *
data_in_space (const truth_law *law)
{
  double *p = scoped ((double *)malloc (SIDE * SIDE * SIDE * sizeof *p));
  for (int i = 0; i < SIDE * SIDE * SIDE; i++)
    p[i] = exp (
        (double)truth_at (law, 1, 0, (double[]){ place (i / SIDE / SIDE), place (i / SIDE % SIDE), place (i % SIDE) })
            .log_p);
  return p;
}

static void
average_in_space (const double *p, double m, double sd, const double *x, double *average)
{
  double kernel[3][SIDE], mass = 0;
  for (int j = 0; j < 3; j++)
    {
      average[j] = 0;
      for (int i = 0; i < SIDE; i++)
        kernel[j][i] = gsl_ran_gaussian_pdf (x[j] - m * place (i), sd);
    }
  for (int i = 0; i < SIDE * SIDE * SIDE; i++)
    {
      const int at[] = { i / SIDE / SIDE, i / SIDE % SIDE, i % SIDE };
      const double share = p[i] * kernel[0][at[0]] * kernel[1][at[1]] * kernel[2][at[2]];
      mass += share;
      for (int j = 0; j < 3; j++)
        average[j] -= share * (x[j] - m * place (at[j])) / (sd * sd);
    }
  for (int j = 0; j < 3; j++)
    average[j] /= mass;
}

// The three SDEs, and DDPM's chain, to whose levels the times belong. [scoresde.txt-perturb-kernel]

enum
{
  IN_SPACE = PROCESSES + 1
};

static sb_process *
in_space (size_t i)
{
  return scoped (i == 0   ? sb_ve_alloc (3, SB_VE_SIGMA_MIN, SB_VE_SIGMA_MAX)
                 : i == 1 ? sb_vp_alloc (3, SB_VP_BETA_MIN, SB_VP_BETA_MAX)
                 : i == 2 ? sb_subvp_alloc (3, SB_VP_BETA_MIN, SB_VP_BETA_MAX)
                          : sb_ddpm_alloc (3, 1000, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
}

Test (perturbation, score_is_the_average_in_space)
{
  const truth_law *const laws[] = { &TILTED, &ALONG_AXES };
  const gsl_vector *t = vector_of (.45, .8, .6);
  for (size_t l = 0; l < 2; l++)
    {
      const double *p = data_in_space (laws[l]);
      const sb_target *law = truth_mixture (laws[l]);
      for (size_t i = 0; i < IN_SPACE; i++)
        {
          const sb_process *of = in_space (i);
          gsl_matrix *x = normals (ROWS, 3, 1), *score = matrix (ROWS, 3);
          ok (sb_target_evaluate (law, of, SB_SCORE, x, t, score));
          for (size_t k = 0; k < ROWS; k++)
            {
              double m, sd, average[3];
              ask_kernel (of, gsl_vector_get (t, k), &m, &sd);
              average_in_space (p, m, sd, gsl_matrix_ptr (x, k, 0), average);
              for (size_t j = 0; j < 3; j++)
                cr_assert_float_eq (gsl_matrix_get (score, k, j), average[j], 1e-8,
                                    "%s, law %zu, row %zu: %.12g, %.12g", of->type->name, l, k,
                                    gsl_matrix_get (score, k, j), average[j]);
            }
        }
    }
}

// And of a data set, whose points have weights, where the average is a sum: also where the noise is little beside the
// distance of the points, two of which are close. [scoresde.txt-dsm-optimal] [dsm2ddpm.txt-score-average]

static const truth_law POINTS
    = { .K = 5,
        .d = 3,
        .w = { .3, .1, .2, .15, .25 },
        .mu = { { 1, .8, -.5 }, { 1.02, .79, -.5 }, { -1, .5, .3 }, { .2, -1.5, .7 }, { -.4, .1, -1.1 } } };

static void
average_of_points (double m, double sd, const double *x, double *average)
{
  double share[TRUTH_K], most = GSL_NEGINF, mass = 0;
  for (size_t k = 0; k < POINTS.K; k++)
    {
      share[k] = log (POINTS.w[k]);
      for (size_t j = 0; j < 3; j++)
        share[k] -= gsl_pow_2 ((x[j] - m * POINTS.mu[k][j]) / sd) / 2;
      most = larger (most, share[k]);
    }
  for (size_t j = 0; j < 3; j++)
    average[j] = 0;
  for (size_t k = 0; k < POINTS.K; k++)
    {
      mass += exp (share[k] - most);
      for (size_t j = 0; j < 3; j++)
        average[j] -= exp (share[k] - most) * (x[j] - m * POINTS.mu[k][j]) / (sd * sd);
    }
  for (size_t j = 0; j < 3; j++)
    average[j] /= mass;
}

Test (perturbation, score_of_points_is_the_average)
{
  const gsl_vector *t = vector_of (.02, .4, .9, .6, .03, .8);
  const sb_target *law = truth_points (&POINTS);
  for (size_t i = 0; i < IN_SPACE; i++)
    {
      const sb_process *of = in_space (i);
      gsl_matrix *x = matrix (6, 3), *score = matrix (6, 3);
      for (size_t k = 0; k < 6; k++)
        gsl_matrix_set_row (x, k, vector_of (1.01, .8, -.49));
      ok (sb_process_transition (of, NULL, t, normals (6, 3, 2), x));
      ok (sb_target_evaluate (law, of, SB_SCORE, x, t, score));
      for (size_t k = 0; k < 6; k++)
        {
          double m, sd, average[3];
          ask_kernel (of, gsl_vector_get (t, k), &m, &sd);
          average_of_points (m, sd, gsl_matrix_ptr (x, k, 0), average);
          for (size_t j = 0; j < 3; j++)
            cr_assert_float_eq (gsl_matrix_get (score, k, j), average[j], 1e-10 * (1 / sd + fabs (average[j])),
                                "%s, row %zu: %.12g, %.12g", of->type->name, k, gsl_matrix_get (score, k, j),
                                average[j]);
        }
    }
}

// And the two objectives differ by the same constant whatever the model: $\mathbb{E}\|s - \nabla\log p_{0t}\|^2 -
// \mathbb{E}\|s - \nabla\log p_t\|^2$ has no $s$ in it. Five random models $a + bx + c\sin(\omega x)$.
// [scoresde.txt-dsm-optimal]

static double
model (const situation *s)
{
  return s->model[0] + s->model[1] * s->x + s->model[2] * sin (3 * s->x);
}

static double
squared_miss (double x_0, void *context)
{
  const situation *s = context;
  return joint (x_0, context) * gsl_pow_2 (model (s) - conditional_score (x_0, s));
}

typedef struct
{
  situation s;
  const sb_process *process;
  double t;
} comparison;

static double
excess (double x, void *context)
{
  comparison *c = context;
  c->s.x = x;
  double explicit_miss = gsl_pow_2 (model (&c->s) - ask_score (gmm3, c->process, x, c->t));
  return over_x0 (squared_miss, &c->s) - explicit_miss * exp (ask_log_density (gmm3, c->process, &x, c->t));
}

static double
excess_over_x (comparison *c)
{
  double sum = 0, width = 6 * c->s.m + 10 * c->s.sd, h = width / 200;
  for (int i = -200; i <= 200; i++)
    sum += h * excess (i * h, c);
  return sum;
}

Test (perturbation, denoising_and_explicit_score_matching_differ_by_a_constant)
{
  for (size_t i = 0; i < PROCESSES; i++)
    {
      comparison c = { .process = process[i], .t = i == 0 ? 0.5 : 0.3 };
      double constant = 0;
      ask_kernel (process[i], c.t, &c.s.m, &c.s.sd);
      for (int j = 0; j < 5; j++)
        {
          for (int k = 0; k < 3; k++)
            c.s.model[k] = j == 0 ? 0 : gsl_ran_gaussian (rng, 1);
          double difference = excess_over_x (&c);
          if (j == 0)
            constant = difference;
          cr_assert_gt (constant, 0.1);
          cr_assert_float_eq (difference, constant, 1e-8, "process %zu, model %d: %.12g and not %.12g", i, j,
                              difference, constant);
        }
    }
}

// ## Weights
//
// $\mathbb{E}\|\nabla_{\tilde{\mathbf{x}}}\log p_\sigma(\tilde{\mathbf{x}} \mid \mathbf{x})\|^2 = d/\sigma^2$ at
// every level of SMLD, and $d/(1-\alpha_i)$ at every level of DDPM, so that $\sigma_i^2$ and $1 - \alpha_i$ weigh the
// levels evenly. [scoresde.txt-weight-inverse] Row $i$ stands at level $i + 1$. At every level the weighted square is
// that of the noise itself, and over all $10^6$ normals the mean is within $4.89\sqrt{2/10^6}$ of 1 but for one case
// in $10^6$.

enum
{
  LEVELS = 1000,
  WIDTH = 1000
};

static double
chain_weight (const sb_process *smld, const sb_process *ddpm, size_t level)
{
  return smld ? gsl_pow_2 (sb_smld_sigma (smld, level)) : 1 - sb_ddpm_alpha (ddpm, level);
}

static void
check_weights (const sb_process *smld, const sb_process *ddpm)
{
  const sb_process *chain = smld ? smld : ddpm;
  sb_target *point = one_point (WIDTH, 0.7);
  gsl_matrix *x = matrix_all (LEVELS, WIDTH, 0.7), *z = matrix (LEVELS, WIDTH), *score = matrix (LEVELS, WIDTH);
  gsl_vector *t = level_times (1, LEVELS, LEVELS);
  double total = 0;
  ok (sb_stream_normals ((sb_stream){ .seed = 1, .purpose = SB_FOR_FORWARD }, 0, z));
  ok (sb_process_transition (chain, NULL, t, z, x));
  ok (sb_target_evaluate (point, chain, SB_SCORE, x, t, score));
  for (size_t i = 0; i < LEVELS; i++)
    {
      gsl_vector_const_view score_i = gsl_matrix_const_row (score, i), z_i = gsl_matrix_const_row (z, i);
      double square = chain_weight (smld, ddpm, i + 1) * gsl_pow_2 (gsl_blas_dnrm2 (&score_i.vector));
      cr_assert_float_eq (square / gsl_pow_2 (gsl_blas_dnrm2 (&z_i.vector)), 1, 1e-11, "level %zu", i + 1);
      total += square / WIDTH;
    }
  cr_assert_float_eq (total / LEVELS, 1, 4.89 * sqrt (2e-6));
}

Test (perturbation, weights_are_the_inverse_of_the_conditional_scores_square)
{
  sb_process *smld = scoped (sb_smld_alloc (WIDTH, LEVELS, SB_VE_SIGMA_MIN, SB_VE_SIGMA_MAX));
  sb_process *ddpm = scoped (sb_ddpm_alloc (WIDTH, LEVELS, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  check_weights (smld, NULL);
  check_weights (NULL, ddpm);
}

// As printed, with the gradient taken in $\mathbf{x}$, the weights of DDPM would not be even: moving the data point
// by $h$ moves the log density of the kernel by $\sqrt{\alpha_i}$ times as much as moving $\tilde{\mathbf{x}}$ by
// $-h$, so that $(1 - \alpha_i)\,\mathbb{E}\|\nabla_{\mathbf{x}}\log p_{\alpha_i}\|^2 = \alpha_i d$.
// [scoresde.txt-weight-inverse]

Test (perturbation, erratum_weight_inverse_needs_the_gradient_in_x_tilde)
{
  sb_process *ddpm = scoped (sb_ddpm_alloc (1, 1000, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  for (size_t level = 100; level <= 1000; level += 300)
    {
      double t = (double)level / 1000, alpha = sb_ddpm_alpha (ddpm, level), h = 1e-4, x = 0.4, in_x, in_x_tilde;
      sb_target *before = one_point (1, x - h), *at = one_point (1, x), *after = one_point (1, x + h);
      double x_tilde = sqrt (alpha) * x + 1.3 * sqrt (1 - alpha);
      in_x = (ask_log_density (after, ddpm, &x_tilde, t) - ask_log_density (before, ddpm, &x_tilde, t)) / (2 * h);
      in_x_tilde = ask_score (at, ddpm, x_tilde, t);
      cr_assert_float_eq ((1 - alpha) * gsl_pow_2 (in_x_tilde), gsl_pow_2 (1.3), 1e-10);
      cr_assert_float_eq ((1 - alpha) * gsl_pow_2 (in_x) / alpha, gsl_pow_2 (1.3), 1e-5 / sqrt (alpha));
    }
}

// ## The density obeys Kolmogorov's forward equation
//
// [scoresde.eq35] In one dimension and with drift $F(t)x$ and diffusion $G(t)$, $\partial_t p_t = -\partial_x[F x
// p_t] + \tfrac12 G^2 \partial_x^2 p_t$; by central differences, at 61 points across three standard deviations.

static double
density (const sb_process *of, double x, double t)
{
  return exp (ask_log_density (gmm3, of, &x, t));
}

typedef double (*spatial_part) (const sb_process *of, double x, double t, double h);

static double
kolmogorov (const sb_process *of, double x, double t, double h)
{
  double F = number_of (of, SB_F, 0, t), G = number_of (of, SB_G, 0, t);
  double before = density (of, x - h, t), at = density (of, x, t), after = density (of, x + h, t);
  return -F * ((x + h) * after - (x - h) * before) / (2 * h) + 0.5 * G * G * (after - 2 * at + before) / (h * h);
}

// [scoresde.eq37] The same with no second derivative, $\partial_t p_t = -\partial_x[\tilde f p_t]$, where the score
// stands in for the diffusion: $\tilde f = F x - \tfrac12 G^2 \nabla\log p_t$.

static double
flow_of_mass (const sb_process *of, double x, double t)
{
  double F = number_of (of, SB_F, 0, t), G = number_of (of, SB_G, 0, t);
  return (F * x - 0.5 * G * G * ask_score (gmm3, of, x, t)) * density (of, x, t);
}

static double
continuity (const sb_process *of, double x, double t, double h)
{
  return -(flow_of_mass (of, x + h, t) - flow_of_mass (of, x - h, t)) / (2 * h);
}

static double
worst_residual (const sb_process *of, double t, spatial_part part)
{
  double m, sd, h_t = 1e-4, worst = 0, largest = 0;
  ask_kernel (of, t, &m, &sd);
  double spread = sqrt (m * m * 1.7 + sd * sd), h = 3e-4 * spread;
  for (int i = -30; i <= 30; i++)
    {
      double x = 0.1 * i * spread;
      double change = (density (of, x, t + h_t) - density (of, x, t - h_t)) / (2 * h_t);
      worst = larger (worst, fabs (change - part (of, x, t, h)));
      largest = larger (largest, fabs (change));
    }
  return worst / largest;
}

static void
check_evolution (const char *equation, spatial_part part)
{
  const double times[] = { 0.1, 0.3, 0.6, 0.9 };
  for (size_t i = 0; i < PROCESSES; i++)
    for (size_t j = 0; j < 4; j++)
      {
        double residual = worst_residual (process[i], times[j], part);
        cr_assert_lt (residual, 1e-4, "%s, process %zu, t %g: residual %g", equation, i, times[j], residual);
      }
}

Test (perturbation, density_solves_the_forward_equation) { check_evolution ("forward equation", kolmogorov); }

Test (perturbation, density_and_score_solve_the_continuity_equation)
{
  check_evolution ("continuity equation", continuity);
}

// In two dimensions with a diffusion matrix that is not diagonal, $d\mathbf{x} = \mathbf{G}\,d\mathbf{w}$: the law is
// $\mathcal{N}(\mathbf{0}, \mathbf{C} + t\,\mathbf{G}\mathbf{G}^\top)$, and $\partial_t p =
// \tfrac12\sum_{ij}(\mathbf{G}\mathbf{G}^\top)_{ij} \partial_i\partial_j p$. [scoresde.eq35]

static const double G2[2][2] = { { 0.8, 0.5 }, { -0.2, 0.6 } };

static double
G2G2 (size_t i, size_t j)
{
  return G2[i][0] * G2[j][0] + G2[i][1] * G2[j][1];
}

static double
plane_density (double x, double y, double t)
{
  gsl_matrix *covariance = matrix_of (2, 2, 1, 0.3, 0.3, 0.5);
  for (size_t i = 0; i < 4; i++)
    covariance->data[i] += t * G2G2 (i / 2, i % 2);
  sb_target *law = scoped (sb_target_gaussian_alloc (vector_of (0, 0), covariance));
  return exp (ask_log_density (law, fixed_process (2, 1, 0), (double[]){ x, y }, 0));
}

static double
second_difference (double x, double y, double h, size_t i, size_t j)
{
  double a = i == 0 ? h : 0, b = i == 1 ? h : 0, c = j == 0 ? h : 0, d = j == 1 ? h : 0, t = 0.7;
  return (plane_density (x + a + c, y + b + d, t) - plane_density (x + a - c, y + b - d, t)
          - plane_density (x - a + c, y - b + d, t) + plane_density (x - a - c, y - b - d, t))
         / (4 * h * h);
}

Test (perturbation, gaussian_in_the_plane_solves_the_forward_equation)
{
  double worst = 0, largest = 0, h_t = 1e-4;
  for (int i = 0; i < 100; i++)
    {
      double x = gsl_ran_gaussian (rng, 1.2), y = gsl_ran_gaussian (rng, 1), diffusion = 0;
      double change = (plane_density (x, y, 0.7 + h_t) - plane_density (x, y, 0.7 - h_t)) / (2 * h_t);
      for (size_t j = 0; j < 4; j++)
        diffusion += 0.5 * G2G2 (j / 2, j % 2) * second_difference (x, y, 1e-3, j / 2, j % 2);
      worst = larger (worst, fabs (change - diffusion));
      largest = larger (largest, fabs (change));
    }
  cr_assert_lt (worst, 1e-4 * largest, "residual %g", worst / largest);
}

// Where the diffusion depends on the state, $\tilde f = f - \tfrac12\nabla\cdot[GG^\top] - \tfrac12 GG^\top\nabla\log
// p_t$: geometric Brownian motion $dx = ax\,dt + bx\,dw$ from 1 is lognormal, $\log x \sim \mathcal{N}((a - b^2/2)t,
// b^2 t)$; the Gaussian of $\log x$ is the library's. [scoresde.eq37]

static const double GBM_A = 0.4, GBM_B = 0.6;

static double
lognormal (double x, double t, double *score)
{
  sb_target *point = one_point (1, (GBM_A - 0.5 * GBM_B * GBM_B) * t);
  sb_process *spread = fixed_process (1, 1, GBM_B * sqrt (t));
  double u = log (x), p = exp (ask_log_density (point, spread, &u, 0.5)) / x;
  *score = (ask_score (point, spread, u, 0.5) - 1) / x;
  return p;
}

static double
lognormal_flow (double x, double t)
{
  double score, p = lognormal (x, t, &score);
  return (GBM_A * x - 0.5 * 2 * GBM_B * GBM_B * x - 0.5 * gsl_pow_2 (GBM_B * x) * score) * p;
}

Test (perturbation, geometric_brownian_motion_solves_the_continuity_equation)
{
  double worst = 0, largest = 0, h = 1e-4, t = 0.8, ignored;
  for (int i = 0; i < 60; i++)
    {
      double x = exp (gsl_ran_gaussian (rng, 0.6));
      double change = (lognormal (x, t + h, &ignored) - lognormal (x, t - h, &ignored)) / (2 * h);
      double flow = -(lognormal_flow (x + h, t) - lognormal_flow (x - h, t)) / (2 * h);
      worst = larger (worst, fabs (change - flow));
      largest = larger (largest, fabs (change));
    }
  cr_assert_lt (worst, 1e-4 * largest, "residual %g", worst / largest);
}

// ## A step of the proof, component by component
//
// $\sum_j \partial_j\bigl[\sum_k G_{ik}G_{jk}\,p\bigr] = p\,\bigl(\nabla\cdot[\mathbf{G}\mathbf{G}^\top] +
// \mathbf{G}\mathbf{G}^\top\nabla\log p\bigr)_i$: as printed, without the $i$ on the right, a number would equal a
// vector. For $\mathbf{G}(\mathbf{x})$ linear in the state and a Gaussian $p$, at 100 points.
// [scoresde.txt-fp-score-identity]

static void
state_G (const double *x, double G[2][2])
{
  G[0][0] = 1 + 0.3 * x[0];
  G[0][1] = 0.2;
  G[1][0] = 0.1 * x[1];
  G[1][1] = 1 + 0.2 * x[0];
}

static double
state_GG (const double *x, size_t i, size_t j)
{
  double G[2][2];
  state_G (x, G);
  return G[i][0] * G[j][0] + G[i][1] * G[j][1];
}

// Its row-wise divergence, by hand: $GG^\top_{00} = (1+.3x)^2 + .04$, $GG^\top_{01} = .1y(1+.3x) + .2(1+.2x)$,
// $GG^\top_{11} = .01y^2 + (1+.2x)^2$.

static double
state_divergence (const double *x, size_t i)
{
  return i == 0 ? 0.6 * (1 + 0.3 * x[0]) + 0.1 * (1 + 0.3 * x[0]) : 0.03 * x[1] + 0.04 + 0.02 * x[1];
}

Test (perturbation, erratum_fp_score_identity_holds_by_component)
{
  const double h = 1e-4;
  sb_target *law = scoped (sb_target_gaussian_alloc (vector_of (0, 0), matrix_of (2, 2, 1, 0.3, 0.3, 0.5)));
  sb_process *still = fixed_process (2, 1, 0);
  for (int n = 0; n < 100; n++)
    {
      double x[2] = { gsl_ran_gaussian (rng, 1), gsl_ran_gaussian (rng, 0.7) }, score[2];
      double p = exp (ask_log_density (law, still, x, 0));
      ask (law, still, SB_SCORE, x, 0, score);
      for (size_t i = 0; i < 2; i++)
        {
          double left = 0, right = state_divergence (x, i);
          for (size_t j = 0; j < 2; j++)
            {
              double after[2] = { x[0], x[1] }, before[2] = { x[0], x[1] };
              after[j] += h;
              before[j] -= h;
              left += (state_GG (after, i, j) * exp (ask_log_density (law, still, after, 0))
                       - state_GG (before, i, j) * exp (ask_log_density (law, still, before, 0)))
                      / (2 * h);
              right += state_GG (x, i, j) * score[j];
            }
          cr_assert_float_eq (left, p * right, 1e-6 * p * (1 + fabs (right)), "component %zu at (%g, %g): %g and %g", i,
                              x[0], x[1], left, p * right);
        }
    }
}
