// # Any SDE
//
// Of geometric Brownian motion, of the square-root diffusion (CIR) and of Jacobi's everything is known.

#include "process/ito.h"
#include "scope.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

SUITE (ito);

// Each coordinate of geometric Brownian motion: dx = mu x dt + s x dw.

static const double mu = 0.3, sigma = 0.5;

static int
gbm_drift (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)params;
  gsl_vector_memcpy (f, x);
  gsl_vector_scale (f, mu);
  return GSL_SUCCESS;
}

static int
gbm_diffusion (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)t, (void)params;
  gsl_matrix_set_zero (G);
  for (size_t j = 0; j < x->size; j++)
    gsl_matrix_set (G, j, j, sigma * gsl_vector_get (x, j));
  return GSL_SUCCESS;
}

static int
gbm_divergence (double t, const gsl_vector *x, gsl_vector *divergence, void *params)
{
  (void)t, (void)params;
  gsl_vector_memcpy (divergence, x);
  gsl_vector_scale (divergence, 2 * sigma * sigma);
  return GSL_SUCCESS;
}

static const sb_ito gbm = { 1, gbm_drift, gbm_diffusion, gbm_divergence, NULL };

// Log-normal with moments m_t, v_t of the logarithm: its score is -(1 + (ln x - m)/v)/x.

typedef struct
{
  double m, v;
} log_normal;

static log_normal
gbm_law (log_normal at_0, double t)
{
  return (log_normal){ at_0.m + (mu - sigma * sigma / 2) * t, at_0.v + sigma * sigma * t };
}

static double
score_of (log_normal law, double x)
{
  return -(1 + (log (x) - law.m) / law.v) / x;
}

static double
density_of (log_normal law, double x)
{
  return exp (-gsl_pow_2 (log (x) - law.m) / (2 * law.v)) / (x * sqrt (2 * M_PI * law.v));
}

static double
velocity_at (const sb_ito *ito, double t, double x, double score)
{
  gsl_matrix *out = matrix (1, 1);
  ok (sb_ito_flow_velocity (ito, vector_of (t), matrix_all (1, 1, x), matrix_all (1, 1, score), out));
  return gsl_matrix_get (out, 0, 0);
}

// ## The flow
//
// Its solution is x(t) = exp (m_t + sqrt (v_t / v_0) (ln x(0) - m_0)): from 1.7 to 2.511656201, where the term with the
// divergence left out leads to 3.390381. [scoresde.eq17] [scoresde.txt-ftilde]

static double
flow_to_one (const sb_ito *ito, log_normal law, double x)
{
  const double h = 1. / 2000;
  for (int k = 0; k < 2000; k++)
    {
      const double t = k * h;
      const double a = velocity_at (ito, t, x, score_of (gbm_law (law, t), x)), xa = x + h / 2 * a,
                   b = velocity_at (ito, t + h / 2, xa, score_of (gbm_law (law, t + h / 2), xa)), xb = x + h / 2 * b,
                   c = velocity_at (ito, t + h / 2, xb, score_of (gbm_law (law, t + h / 2), xb)), xc = x + h * c,
                   d = velocity_at (ito, t + h, xc, score_of (gbm_law (law, t + h), xc));
      x += h / 6 * (a + 2 * b + 2 * c + d);
    }
  return x;
}

static int
no_divergence (double t, const gsl_vector *x, gsl_vector *divergence, void *params)
{
  (void)t, (void)x, (void)params;
  gsl_vector_set_zero (divergence);
  return GSL_SUCCESS;
}

Test (ito, flow_of_geometric_brownian_motion)
{
  const log_normal law = { 0.1, 0.2 };
  sb_ito by_differences = gbm, without = gbm;
  by_differences.divergence = NULL;
  without.divergence = no_divergence;
  cr_assert_float_eq (flow_to_one (&without, law, 1.7), 3.390381, 1e-6);
  cr_assert_float_eq (flow_to_one (&gbm, law, 1.7), 2.511656201, 1e-9);
  cr_assert_float_eq (flow_to_one (&by_differences, law, 1.7), 2.511656201, 1e-8);
}

// With matrices of no symmetry, $\mathbf f = F\mathbf x$ and a constant $\mathbf G$, from data $\mathcal N(0, S)$: the
// velocity $A\mathbf x$ carries the covariance as the SDE does, $AS + SA^{\mathsf T} = FS + SF^{\mathsf T} + \mathbf
// G\mathbf G^{\mathsf T}$. [scoresde.eq17] [scoresde.txt-ftilde]

static const double full_F[2][2] = { { -0.7, 0.4 }, { -0.2, -1.1 } }, full_G[2][2] = { { 1.1, 0.5 }, { -0.3, 0.6 } };

static int
full_drift (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)params;
  for (size_t i = 0; i < 2; i++)
    gsl_vector_set (f, i, full_F[i][0] * gsl_vector_get (x, 0) + full_F[i][1] * gsl_vector_get (x, 1));
  return GSL_SUCCESS;
}

static int
full_diffusion (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)t, (void)x, (void)params;
  for (size_t i = 0; i < 4; i++)
    gsl_matrix_set (G, i / 2, i % 2, full_G[i / 2][i % 2]);
  return GSL_SUCCESS;
}

Test (ito, flow_of_full_matrices_carries_the_covariance)
{
  const sb_ito ito = { 2, full_drift, full_diffusion, NULL, NULL };
  const double S[2][2] = { { 1.3, 0.4 }, { 0.4, 0.8 } }, det = 1.3 * 0.8 - 0.4 * 0.4;
  gsl_matrix *A = matrix (2, 2); // row i: A e_i
  ok (sb_ito_flow_velocity (&ito, vector_all (2, 0.3), matrix_of (2, 2, 1, 0, 0, 1),
                            matrix_of (2, 2, -0.8 / det, 0.4 / det, 0.4 / det, -1.3 / det), A));
  for (size_t i = 0; i < 2; i++)
    for (size_t j = 0; j < 2; j++)
      {
        double carried = 0, wanted = 0;
        for (size_t k = 0; k < 2; k++)
          {
            carried += gsl_matrix_get (A, k, i) * S[k][j] + S[i][k] * gsl_matrix_get (A, k, j);
            wanted += full_F[i][k] * S[k][j] + S[i][k] * full_F[j][k] + full_G[i][k] * full_G[j][k];
          }
        cr_assert_float_eq (carried, wanted, 1e-9, "%zu, %zu: %.12g, not %.12g", i, j, carried, wanted);
      }
}

// The density obeys the flow's equation of continuity, dp/dt = -d(f~ p)/dx, with noise that depends on the state, and
// so Kolmogorov's forward equation, whose second derivatives may be taken in either order: 1/2 d^2 (g^2 p)/dx^2 = 1/2 d
// (d (g^2 p)/dx)/dx. [scoresde.eq36] [scoresde.eq37]

static double
along_x (double (*f) (double t, double x), double t, double x)
{
  const double h = 1e-3 * x;
  return (f (t, x - 2 * h) - 8 * f (t, x - h) + 8 * f (t, x + h) - f (t, x + 2 * h)) / (12 * h);
}

static const log_normal start = { 0.1, 0.2 };

static double
spread (double t, double x) // g^2 p
{
  return gsl_pow_2 (sigma * x) * density_of (gbm_law (start, t), x);
}

static double
flux_by_flow (double t, double x)
{
  return velocity_at (&gbm, t, x, score_of (gbm_law (start, t), x)) * density_of (gbm_law (start, t), x);
}

static double
flux_by_noise (double t, double x) // f p - 1/2 d (g^2 p)/dx
{
  return mu * x * density_of (gbm_law (start, t), x) - 0.5 * along_x (spread, t, x);
}

Test (ito, density_follows_both_equations)
{
  for (double t = 0.1; t < 1; t += 0.4)
    for (double x = 0.5; x < 4; x += 0.25)
      {
        const double h = 1e-4,
                     rate = (density_of (gbm_law (start, t + h), x) - density_of (gbm_law (start, t - h), x)) / (2 * h);
        cr_assert_float_eq (-along_x (flux_by_flow, t, x), rate, 1e-6, "flow: t = %g, x = %g", t, x);
        cr_assert_float_eq (-along_x (flux_by_noise, t, x), rate, 1e-6, "forward equation: t = %g, x = %g", t, x);
        cr_assert_float_eq (flux_by_flow (t, x), flux_by_noise (t, x), 1e-9);
      }
}

// ## Reversible diffusions
//
// In equilibrium time has no direction: the reverse drift is minus the drift, and the flow stands still. CIR, f =
// k(theta - x), g^2 = s^2 x, has a Gamma law; Jacobi, g^2 = s^2 x (1 - x), a Beta law. [scoresde.eq16] [scoresde.eq17]

static const double k_r = 1.3, theta = 0.6, s_r = 0.4;

static int
mean_reverting (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)params;
  gsl_vector_set (f, 0, k_r * (theta - gsl_vector_get (x, 0)));
  return GSL_SUCCESS;
}

static int
bounded_noise (double t, const gsl_vector *x, gsl_matrix *G, void *params) // params: whether it is Jacobi's
{
  const double at = gsl_vector_get (x, 0);
  (void)t;
  gsl_matrix_set (G, 0, 0, s_r * sqrt (params ? at * (1 - at) : at));
  return GSL_SUCCESS;
}

static int
bounded_divergence (double t, const gsl_vector *x, gsl_vector *divergence, void *params)
{
  (void)t;
  gsl_vector_set (divergence, 0, s_r * s_r * (params ? 1 - 2 * gsl_vector_get (x, 0) : 1));
  return GSL_SUCCESS;
}

Test (ito, reverses_what_is_reversible)
{
  static int jacobi;
  const double a = 2 * k_r / (s_r * s_r);
  for (int kind = 0; kind < 4; kind++)
    {
      const sb_ito ito
          = { 1, mean_reverting, bounded_noise, kind < 2 ? bounded_divergence : NULL, kind % 2 ? &jacobi : NULL };
      const double bound = kind < 2 ? 1e-12 : 1e-8;
      for (int i = 1; i < 100; i++)
        {
          const double x = i / 100.,
                       s = kind % 2 ? (a * theta - 1) / x - (a * (1 - theta) - 1) / (1 - x) : (a * theta - 1) / x - a;
          gsl_matrix *out = matrix (1, 1);
          ok (sb_ito_reverse_drift (&ito, vector_of (0), matrix_all (1, 1, x), matrix_all (1, 1, s), out));
          cr_assert_float_eq (gsl_matrix_get (out, 0, 0), -k_r * (theta - x), bound, "kind %d, x = %g", kind, x);
          cr_assert_float_eq (velocity_at (&ito, 0, x, s), 0, bound, "kind %d, x = %g", kind, x);
        }
    }
}

// In the plane too, with a G that depends on the place and is not symmetric, and the Gaussian of precision $\left(
// \begin{smallmatrix} .8 & -.4 \\ -.4 & 1.3 \end{smallmatrix}\right)/.88$: $\mathbf f = \frac12\nabla\cdot
// [\mathbf G\mathbf G^{\mathsf T}] + \frac12\mathbf G\mathbf G^{\mathsf T}\mathbf s$ leaves it as it is, so that the
// flow is 0 and the reverse drift $-\mathbf f$. [scoresde.eq16] [scoresde.eq17]

static int
tilted_diffusion (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)t, (void)params;
  gsl_matrix_set (G, 0, 0, 1 + 0.3 * gsl_vector_get (x, 0));
  gsl_matrix_set (G, 0, 1, 0.5);
  gsl_matrix_set (G, 1, 0, 0.1 * gsl_vector_get (x, 1) - 0.4);
  gsl_matrix_set (G, 1, 1, 1 + 0.2 * gsl_vector_get (x, 0));
  return GSL_SUCCESS;
}

static void
tilted_score (const gsl_vector *x, double s[2])
{
  const double u = gsl_vector_get (x, 0), v = gsl_vector_get (x, 1);
  s[0] = -(0.8 * u - 0.4 * v) / 0.88;
  s[1] = -(1.3 * v - 0.4 * u) / 0.88;
}

// With $a = G_{00}$, $b = G_{10}$, $c = G_{11}$ and $G_{01} = .5$, $\nabla\cdot[\mathbf G\mathbf G^{\mathsf T}] = (2aa'
// + .1a,\ .3b + .5 \cdot .2 + 2bb')$, primes being $\partial a/\partial x_0 = .3$ and $\partial b/\partial x_1 = .1$.

static int
balancing_drift (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)params;
  const double a = 1 + 0.3 * gsl_vector_get (x, 0), b = 0.1 * gsl_vector_get (x, 1) - 0.4,
               c = 1 + 0.2 * gsl_vector_get (x, 0), both = a * b + 0.5 * c;
  double s[2];
  tilted_score (x, s);
  gsl_vector_set (f, 0, (2 * a * 0.3 + a * 0.1 + (a * a + 0.25) * s[0] + both * s[1]) / 2);
  gsl_vector_set (f, 1, (0.3 * b + 0.5 * 0.2 + 2 * b * 0.1 + both * s[0] + (b * b + c * c) * s[1]) / 2);
  return GSL_SUCCESS;
}

Test (ito, reverses_what_is_balanced_in_the_plane)
{
  enum
  {
    N = 50
  };
  const sb_ito ito = { 2, balancing_drift, tilted_diffusion, NULL, NULL };
  gsl_matrix *x = normals (N, 2, 8), *s = matrix (N, 2), *reverse = matrix (N, 2), *flow = matrix (N, 2);
  gsl_vector *f = vector (2), *t = vector_all (N, 0.3);
  for (size_t i = 0; i < N; i++)
    {
      const gsl_vector_const_view x_i = gsl_matrix_const_row (x, i);
      tilted_score (&x_i.vector, gsl_matrix_ptr (s, i, 0));
    }
  ok (sb_ito_reverse_drift (&ito, t, x, s, reverse));
  ok (sb_ito_flow_velocity (&ito, t, x, s, flow));
  for (size_t i = 0; i < N; i++)
    {
      const gsl_vector_const_view x_i = gsl_matrix_const_row (x, i);
      ok (balancing_drift (0, &x_i.vector, f, NULL));
      for (size_t j = 0; j < 2; j++)
        {
          cr_assert_float_eq (gsl_matrix_get (reverse, i, j), -gsl_vector_get (f, j), 1e-8, "row %zu", i);
          cr_assert_float_eq (gsl_matrix_get (flow, i, j), 0, 1e-8, "row %zu", i);
        }
    }
}

// ## The divergence goes along rows
//
// G = diag (a + b x) + c e_1 x^T in three dimensions, against the derivative by hand. [scoresde.txt-matrix-div]

static int
skew_diffusion (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)t, (void)params;
  gsl_matrix_set_zero (G);
  for (size_t j = 0; j < 3; j++)
    {
      gsl_matrix_set (G, j, j, 0.5 + 0.2 * gsl_vector_get (x, j));
      *gsl_matrix_ptr (G, 0, j) += 0.3 * gsl_vector_get (x, j);
    }
  return GSL_SUCCESS;
}

static int
skew_drift (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)params;
  for (size_t j = 0; j < 3; j++)
    gsl_vector_set (f, j, 0.7 - 0.4 * gsl_vector_get (x, j));
  return GSL_SUCCESS;
}

// (G G^T)_00 = sum_j G_0j^2, (G G^T)_0k = G_0k q_k, (G G^T)_kk = q_k^2 with q_k = a + b x_k, G_0k = q_0 [k = 0] +
// c x_k.

static void
skew_divergence (const double x[3], double divergence[3])
{
  divergence[0] = 2 * (0.5 + 0.2 * x[0] + 0.3 * x[0]) * 0.5;
  for (int k = 1; k < 3; k++)
    {
      const double q = 0.5 + 0.2 * x[k];
      divergence[0] += 0.3 * q + 0.3 * x[k] * 0.2; // d/dx_k of c x_k q_k
      divergence[k] = 2 * q * 0.2;                 // d/dx_k of q_k^2; the entry (k, 0) has no x_0
    }
}

Test (ito, divergence_of_a_matrix_field)
{
  const sb_ito ito = { 3, skew_drift, skew_diffusion, NULL, NULL };
  gsl_matrix *x = normals (20, 3, 2), *out = matrix (20, 3);
  ok (sb_ito_divergence (&ito, vector_all (20, 0), x, out));
  for (size_t i = 0; i < 20; i++)
    {
      double expected[3];
      skew_divergence (gsl_matrix_const_ptr (x, i, 0), expected);
      for (size_t j = 0; j < 3; j++)
        cr_assert_float_eq (gsl_matrix_get (out, i, j), expected[j], 1e-7 * (1 + fabs (expected[j])),
                            "row %zu, %zu: %.12g, not %.12g", i, j, gsl_matrix_get (out, i, j), expected[j]);
    }
}

// ## The velocity of a model
//
// $\tilde{\mathbf f}_\theta$ takes the model's score where the flow's velocity takes the law's: $\mathbf f -
// \frac12\nabla\cdot[\mathbf G\mathbf G^{\mathsf T}] - \frac12\mathbf G\mathbf G^{\mathsf T}\mathbf s_\theta$ with all
// three terms by hand, the divergence given or by differences, and with the same score it is the same to the bit. There
// is no $dt$ in it: it does not change with the time where the coefficients do not. [scoresde.eq38]

static int
given_divergence (double t, const gsl_vector *x, gsl_vector *divergence, void *params)
{
  (void)t, (void)params;
  skew_divergence (x->data, divergence->data);
  return GSL_SUCCESS;
}

Test (ito, velocity_of_a_model_is_affine_in_its_score)
{
  gsl_matrix *x = normals (20, 3, 5), *model = normals (20, 3, 7), *velocity = matrix (20, 3), *again = matrix (20, 3),
             *G = matrix (3, 3);
  gsl_vector *f = vector (3);
  for (int given = 0; given < 2; given++)
    {
      const sb_ito ito = { 3, skew_drift, skew_diffusion, given ? given_divergence : NULL, NULL };
      ok (sb_ito_flow_velocity (&ito, vector_all (20, 0.2), x, model, velocity));
      ok (sb_ito_flow_velocity (&ito, vector_all (20, 0.7), x, copy_of (model), again));
      cr_assert_eq (largest_difference (again, velocity), 0);
      for (size_t i = 0; i < 20; i++)
        {
          gsl_vector_const_view x_i = gsl_matrix_const_row (x, i);
          double divergence[3];
          ok (skew_drift (0, &x_i.vector, f, NULL));
          ok (skew_diffusion (0, &x_i.vector, G, NULL));
          skew_divergence (x_i.vector.data, divergence);
          for (size_t j = 0; j < 3; j++)
            {
              double expected = gsl_vector_get (f, j) - 0.5 * divergence[j], size = 1;
              for (size_t k = 0; k < 3; k++)
                for (size_t l = 0; l < 3; l++)
                  {
                    const double term
                        = 0.5 * gsl_matrix_get (G, j, l) * gsl_matrix_get (G, k, l) * gsl_matrix_get (model, i, k);
                    expected -= term;
                    size += fabs (term);
                  }
              cr_assert_float_eq (gsl_matrix_get (velocity, i, j), expected, (given ? 1e-14 : 1e-8) * size,
                                  "row %zu, %zu: %.15g, not %.15g", i, j, gsl_matrix_get (velocity, i, j), expected);
            }
        }
    }
}

// ## Given a label
//
// Of a mixture of two log-normals, told which one: the mixture's score and the gradient of the label's log probability,
// $\nabla\ln P(0 \mid x) = P(1 \mid x)(s_0 - s_1)$, together are the score of the component, and the drift is the
// component's, $\mu x - 2\sigma^2x - \sigma^2x^2s_k$, by hand. [scoresde.eq18]

Test (ito, conditional_drift_is_the_component_s)
{
  const log_normal laws[] = { { 0.1, 0.2 }, { -0.6, 0.05 } };
  for (int i = 0; i < 100; i++)
    {
      const double t = 0.05 + 0.009 * i, x = 0.2 + 0.03 * i;
      const log_normal at[] = { gbm_law (laws[0], t), gbm_law (laws[1], t) };
      const double p[] = { 0.4 * density_of (at[0], x), 0.6 * density_of (at[1], x) },
                   s[] = { score_of (at[0], x), score_of (at[1], x) }, all = p[0] + p[1];
      for (int k = 0; k < 2; k++)
        {
          const double mixture = (p[0] * s[0] + p[1] * s[1]) / all, guidance = p[1 - k] / all * (s[k] - s[1 - k]),
                       expected
                       = mu * x - 2 * sigma * sigma * x + sigma * sigma * x * (1 + (log (x) - at[k].m) / at[k].v);
          gsl_matrix *drift = matrix (1, 1);
          ok (sb_ito_reverse_drift (&gbm, vector_of (t), matrix_all (1, 1, x), matrix_all (1, 1, mixture + guidance),
                                    drift));
          cr_assert_float_eq (gsl_matrix_get (drift, 0, 0), expected, 1e-11 * (1 + fabs (expected)), "t = %g, x = %g",
                              t, x);
        }
    }
}

// ## Steps
//
// Ito, not Stratonovich: the mean of the steps' law is x_0 (1 + mu/N)^N, and with signs for normals the second moment
// follows the same recursion exactly; both tend to x_0 e^mu and x_0^2 e^(2 mu + s^2) with an error that halves as N
// doubles, where Stratonovich's mean would be x_0 e^(mu + s^2/2). [scoresde.eq15]

static void
moments_after (size_t N, double *mean, double *square)
{
  // The step is linear in x, so its effect on the two moments is seen on x = 1 and z = 1, -1.
  double m = 1, q = 1;
  gsl_matrix *x = matrix (2, 1), *z = matrix (2, 1);
  for (size_t k = 0; k < N; k++)
    {
      const double t = (double)k / (double)N;
      gsl_matrix_set_all (x, 1);
      gsl_matrix_set (z, 0, 0, 1);
      gsl_matrix_set (z, 1, 0, -1);
      ok (sb_ito_step (&gbm, vector_all (2, t + 1. / (double)N), vector_all (2, t), NULL, z, x));
      const double up = gsl_matrix_get (x, 0, 0), down = gsl_matrix_get (x, 1, 0);
      m *= 0.5 * (up + down);
      q *= 0.5 * (up * up + down * down);
    }
  *mean = m;
  *square = q;
}

Test (ito, steps_are_ito_s)
{
  double mean[2], square[2];
  moments_after (1000, &mean[0], &square[0]);
  moments_after (2000, &mean[1], &square[1]);
  const double m = exp (mu), q = exp (2 * mu + sigma * sigma);
  for (int k = 0; k < 2; k++)
    cr_assert (fabs (mean[k] / m - 1) < 1e-3 && fabs (square[k] / q - 1) < 1e-3, "%g, %g", mean[k], square[k]);
  const double of_mean = (mean[0] - m) / (mean[1] - m), of_square = (square[0] - q) / (square[1] - q);
  cr_assert (of_mean > 1.9 && of_mean < 2.1 && of_square > 1.9 && of_square < 2.1, "%g, %g", of_mean, of_square);
  cr_assert_gt (fabs (mean[1] - exp (mu + sigma * sigma / 2)), 0.1);
}

// Back in time it is the reverse drift that counts, and the noise has the length of the step; rows have their own
// times; without z there is no noise.

Test (ito, steps_go_both_ways)
{
  gsl_matrix *x = matrix_all (3, 1, 1.2), *z = matrix_all (3, 1, 0.7), *score = matrix_all (3, 1, -2);
  const double drift = mu * 1.2, reverse = drift - 2 * sigma * sigma * 1.2 + 2 * gsl_pow_2 (sigma * 1.2);
  ok (sb_ito_step (&gbm, vector_of (0.5, 0.1, 0.3), vector_of (0.3, 0.3, 0.3), score, z, x));
  cr_assert_float_eq (gsl_matrix_get (x, 0, 0), 1.2 + 0.2 * drift + sqrt (0.2) * sigma * 1.2 * 0.7, 1e-14);
  cr_assert_float_eq (gsl_matrix_get (x, 1, 0), 1.2 - 0.2 * reverse + sqrt (0.2) * sigma * 1.2 * 0.7, 1e-14);
  cr_assert_eq (gsl_matrix_get (x, 2, 0), 1.2);
  gsl_matrix_set_all (x, 1.2);
  ok (sb_ito_step (&gbm, vector_of (0.5, 0.1, 0.3), vector_of (0.3, 0.3, 0.3), score, NULL, x));
  cr_assert_float_eq (gsl_matrix_get (x, 1, 0), 1.2 - 0.2 * reverse, 1e-14);
}

// Noise is G z, with a G that is not symmetric, backwards too. [scoresde.eq15] [scoresde.eq16] [nonuniform.eq1]

static int
no_drift (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)x, (void)params;
  gsl_vector_set_zero (f);
  return GSL_SUCCESS;
}

Test (ito, noise_goes_through_the_matrix)
{
  const sb_ito ito = { 3, no_drift, skew_diffusion, NULL, NULL };
  gsl_matrix *x = normals (1, 3, 4), *z = normals (1, 3, 5), *G = matrix (3, 3), *before = copy_of (x);
  gsl_vector_view x_0 = gsl_matrix_row (x, 0), z_0 = gsl_matrix_row (z, 0), expected = gsl_matrix_row (before, 0);
  ok (skew_diffusion (0, &x_0.vector, G, NULL));
  gsl_blas_dgemv (CblasNoTrans, 0.5, G, &z_0.vector, 1, &expected.vector);
  ok (sb_ito_step (&ito, vector_of (0.25), vector_of (0), NULL, z, x));
  cr_assert_lt (largest_difference (x, before), 1e-14);

  // Of two steps back that differ in their noise alone, the difference.
  const gsl_matrix *score = normals (1, 3, 6);
  gsl_matrix *still = copy_of (x);
  ok (skew_diffusion (0.3, &x_0.vector, G, NULL));
  ok (sb_ito_step (&ito, vector_of (0.05), vector_of (0.3), score, NULL, still));
  ok (sb_ito_step (&ito, vector_of (0.05), vector_of (0.3), score, z, x));
  gsl_matrix_sub (x, still);
  gsl_blas_dgemv (CblasNoTrans, -0.5, G, &z_0.vector, 1, &x_0.vector);
  cr_assert_lt (largest_difference (x, matrix_all (1, 3, 0)), 1e-13);
}

// Each row's coefficients are those of its own time, in the drift, the noise and its divergence, by differences or
// given, and those of where and when the step begins: f = t, G = (1 + t) x. [nonuniform.eq1] [scoresde.eq15]
// [scoresde.eq16] [scoresde.eq38] [scoresde.txt-ftilde] [scoresde.txt-matrix-div]

static int
timed_drift (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)x, (void)params;
  gsl_vector_set (f, 0, t);
  return GSL_SUCCESS;
}

static int
timed_diffusion (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)params;
  gsl_matrix_set (G, 0, 0, (1 + t) * gsl_vector_get (x, 0));
  return GSL_SUCCESS;
}

static int
timed_divergence (double t, const gsl_vector *x, gsl_vector *divergence, void *params)
{
  (void)params;
  gsl_vector_set (divergence, 0, 2 * gsl_pow_2 (1 + t) * gsl_vector_get (x, 0));
  return GSL_SUCCESS;
}

static void
check_own_times (const sb_ito *ito)
{
  const gsl_vector *t = vector_of (0.2, 0.5, 0.9), *s = vector_of (0.3, 0.4, 1);
  gsl_matrix *x = matrix_all (3, 1, 1.5), *z = matrix_all (3, 1, 0.7), *score = matrix_all (3, 1, -2),
             *divergence = matrix (3, 1), *reverse = matrix (3, 1), *flow = matrix (3, 1);
  ok (sb_ito_divergence (ito, t, x, divergence));
  ok (sb_ito_reverse_drift (ito, t, x, score, reverse));
  ok (sb_ito_flow_velocity (ito, t, x, score, flow));
  ok (sb_ito_step (ito, s, t, score, z, x));
  for (size_t i = 0; i < 3; i++)
    {
      const double at = gsl_vector_get (t, i), h = gsl_vector_get (s, i) - at, g = 1 + at, d = 2 * g * g * 1.5,
                   r = at - d + 2 * g * g * 2.25;
      cr_assert_float_eq (gsl_matrix_get (divergence, i, 0), d, 1e-8);
      cr_assert_float_eq (gsl_matrix_get (reverse, i, 0), r, 1e-8);
      cr_assert_float_eq (gsl_matrix_get (flow, i, 0), (at + r) / 2, 1e-8);
      cr_assert_float_eq (gsl_matrix_get (x, i, 0), 1.5 + h * (h > 0 ? at : r) + sqrt (fabs (h)) * g * 1.5 * 0.7, 1e-8);
    }
}

Test (ito, rows_have_their_own_times)
{
  const sb_ito ito = { 1, timed_drift, timed_diffusion, NULL, NULL },
               given = { 1, timed_drift, timed_diffusion, timed_divergence, NULL };
  check_own_times (&ito);
  check_own_times (&given);
}

// A path has steps of its own row's length, t/N. Without noise, where f = t, they add up to $t^2(N - 1)/2N$.

static int
no_diffusion (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)t, (void)x, (void)params;
  gsl_matrix_set_zero (G);
  return GSL_SUCCESS;
}

Test (ito, paths_have_steps_of_their_own)
{
  const sb_ito ito = { 1, timed_drift, no_diffusion, NULL, NULL };
  const gsl_vector *t = vector_of (0.2, 0.9, 0.5);
  gsl_matrix *x = matrix_all (3, 1, 1.5);
  ok (sb_ito_simulate (&ito, 8, (sb_stream){ 0 }, t, x));
  for (size_t i = 0; i < 3; i++)
    cr_assert_float_eq (gsl_matrix_get (x, i, 0), 1.5 + gsl_pow_2 (gsl_vector_get (t, i)) * 7 / 16, 1e-14);
}

// Without a drift, where $\mathbf G = \mathbf I$, to $\sqrt{t/N}$ times the sum of $N$ normals for each coordinate,
// step by step those of the row's stream. [nonuniform.eq1] [scoresde.eq15]

static int
unit_diffusion (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)t, (void)x, (void)params;
  gsl_matrix_set_identity (G);
  return GSL_SUCCESS;
}

Test (ito, paths_have_normals_of_their_own)
{
  enum
  {
    STEPS = 5
  };
  const sb_ito ito = { 3, no_drift, unit_diffusion, NULL, NULL };
  const gsl_vector *t = vector_of (0.2, 0.9);
  gsl_matrix *x = normals (2, 3, 9), *wanted = copy_of (x), *z = matrix (2, 3);
  ok (sb_ito_simulate (&ito, STEPS, (sb_stream){ 4, SB_FOR_USER, 7 }, t, x));
  for (uint64_t k = 0; k < STEPS; k++)
    {
      ok (sb_stream_normals ((sb_stream){ 4, SB_FOR_USER, 7 }, 3 * k, z));
      for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 3; j++)
          *gsl_matrix_ptr (wanted, i, j) += sqrt (gsl_vector_get (t, i) / STEPS) * gsl_matrix_get (z, i, j);
    }
  cr_assert_lt (largest_difference (x, wanted), 1e-14);
}

static int
fails (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)x, (void)params;
  gsl_vector_set_all (f, GSL_NAN);
  return t > 0.5 ? GSL_EFAILED : GSL_SUCCESS;
}

Test (ito, refuses_what_does_not_fit)
{
  gsl_matrix *x = matrix_all (2, 1, 1), *wide = matrix (2, 2), *out = matrix (2, 1), *none = matrix (0, 1);
  gsl_vector *t = vector_all (2, 0.2), *s = vector_all (2, 0.1), *three = vector (3), *no = vector (0),
             *late = vector_all (2, 0.7);
  const sb_ito empty = { .dimension = 1 }, failing = { 1, fails, gbm_diffusion, gbm_divergence, NULL };
  refused (GSL_EBADLEN, sb_ito_reverse_drift (&gbm, t, wide, x, out));
  refused (GSL_EBADLEN, sb_ito_reverse_drift (&gbm, three, x, x, out));
  refused (GSL_EBADLEN, sb_ito_reverse_drift (&gbm, t, x, wide, out));
  refused (GSL_EBADLEN, sb_ito_flow_velocity (&gbm, t, x, x, wide));
  refused (GSL_EINVAL, sb_ito_flow_velocity (&gbm, t, x, out, x));
  refused (GSL_EINVAL, sb_ito_flow_velocity (&gbm, t, x, out, out));
  refused (GSL_EINVAL, sb_ito_divergence (&gbm, t, x, x));
  refused (GSL_EBADLEN, sb_ito_divergence (&gbm, t, x, wide));
  refused (GSL_EINVAL, sb_ito_flow_velocity (&empty, t, x, x, out));
  const sb_ito still = { 1, gbm.drift, NULL, NULL, NULL }, nowhere = { 0, gbm.drift, gbm.diffusion, NULL, gbm.params };
  refused (GSL_EINVAL, sb_ito_flow_velocity (&still, t, x, x, out));
  refused (GSL_EINVAL, sb_ito_flow_velocity (&nowhere, t, x, x, out));
  refused (GSL_EBADLEN, sb_ito_flow_velocity (&gbm, t, x, matrix (3, 1), out));
  refused (GSL_EINVAL, sb_ito_simulate (&gbm, 0, (sb_stream){ 0 }, t, x));
  refused (GSL_EDOM, sb_ito_simulate (&gbm, 1, (sb_stream){ 0 }, vector_of (0.2, -0.1), x));
  refused (GSL_EDOM, sb_ito_simulate (&gbm, 1, (sb_stream){ 0 }, vector_of (0.2, GSL_POSINF), x));
  ok (sb_ito_simulate (&gbm, 1, (sb_stream){ 0 }, no, none));
  refused (GSL_EINVAL, sb_ito_step (&gbm, s, t, NULL, NULL, x));
  refused (GSL_EBADLEN, sb_ito_step (&gbm, three, t, x, NULL, x));
  refused (GSL_EBADLEN, sb_ito_step (&gbm, s, t, out, wide, x));
  refused (GSL_EFAILED, sb_ito_flow_velocity (&failing, late, x, x, out));
  refused (GSL_EBADFUNC, sb_ito_flow_velocity (&failing, t, x, x, out));
  ok (sb_ito_step (&gbm, no, no, NULL, NULL, none));
  ok (sb_ito_flow_velocity (&gbm, no, none, none, none));
}
