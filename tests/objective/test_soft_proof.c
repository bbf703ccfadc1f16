// # The proofs of Soft Diffusion, line by line
//
// Each line of the proofs of Theorem 3.1 and of Lemma A.2 is a number or a function, worked out here as it is
// printed, by quadrature on a line, of a mixture at $t = .5$ and the score $s(x) = \tanh x + .3x$. Densities, exact
// and conditional scores, losses and the posterior mean are the library's; derivatives of densities are differences
// of fourth order.

#include "losses.h"
#include "scope.h"
#include "score/exact.h"
#include "soft_laws.h"

#include <float.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <math.h>

SUITE (soft_proof);

enum
{
  N = 1001
};
static const double t = .5, first = -14, h = 28. / (N - 1), step = 1e-3;

typedef struct
{
  sb_process *process;
  sb_target *law;
  double c, sigma;
  gsl_matrix *x;                       // N points of a line: of x_0, and of x_t
  gsl_vector *t, *q_0, *q_t;           // N times, densities
  gsl_matrix *grad_log_q_t;            // the exact score
  gsl_matrix *q, *grad_q, *grad_log_q; // of q_t (x_t | x_0): a row for each x_0
} line_of_points;

static double
kernel (const line_of_points *l, double x_0, double x)
{
  return gsl_ran_gaussian_pdf (x - l->c * x_0, l->sigma);
}

static double
point (size_t i)
{
  return first + h * (double)i;
}

static double
s (double x)
{
  return tanh (x) + .3 * x;
}

// The slope of f at x.

typedef double (*function) (const line_of_points *l, double parameter, double x);

static double
slope (const line_of_points *l, function f, double parameter, double x)
{
  return (8 * (f (l, parameter, x + step) - f (l, parameter, x - step))
          - (f (l, parameter, x + 2 * step) - f (l, parameter, x - 2 * step)))
         / (12 * step);
}

static gsl_vector *
density (const line_of_points *l, double at)
{
  gsl_vector *p = vector (N);
  ok (sb_target_log_density (l->law, l->process, l->x, vector_all (N, at), p));
  for (size_t i = 0; i < N; i++)
    gsl_vector_set (p, i, exp (gsl_vector_get (p, i)));
  return p;
}

static line_of_points
points (void)
{
  line_of_points l
      = { .process = soft_of (&soft_gmm1, 1), .law = soft_gmm1_law (), .x = matrix (N, 1), .t = vector_all (N, t) };
  l.c = number_of (l.process, SB_A, 0, t);
  l.sigma = number_of (l.process, SB_S, 0, t);
  for (size_t i = 0; i < N; i++)
    gsl_matrix_set (l.x, i, 0, point (i));
  l.q_0 = density (&l, 0);
  l.q_t = density (&l, t);
  l.grad_log_q_t = matrix (N, 1);
  ok (sb_target_evaluate (l.law, l.process, SB_SCORE, l.x, l.t, l.grad_log_q_t));
  return l;
}

// The three functions of two points.

static void
add_kernel (line_of_points *l)
{
  gsl_matrix *target = matrix (N, 1);
  l->q = matrix (N, N), l->grad_q = matrix (N, N), l->grad_log_q = matrix (N, N);
  for (size_t i = 0; i < N; i++)
    {
      gsl_vector_view column = gsl_matrix_column (target, 0);
      ok (target_at (l->process, matrix_all (N, 1, point (i)), l->x, l->t, target));
      gsl_matrix_set_row (l->grad_log_q, i, &column.vector);
      for (size_t j = 0; j < N; j++)
        {
          gsl_matrix_set (l->q, i, j, kernel (l, point (i), point (j)));
          gsl_matrix_set (l->grad_q, i, j, slope (l, kernel, point (i), point (j)));
        }
    }
}

// ## Theorem 3.1: the cross term
//
// Lines 27 to 31 are double integrals of a function of $x_0$ and $x_t$, lines 32 to 34 integrate over $x_0$ first.

typedef struct
{
  double s, q_0, q, grad_q, grad_log_q;
} at_two;

static double
line_27 (at_two a)
{
  return a.q_0 * a.q * (a.s * a.grad_log_q);
}
static double
line_28 (at_two a)
{
  return a.s * (a.q_0 * a.q * a.grad_log_q);
}
static double
line_29 (at_two a)
{
  return a.q >= DBL_MIN ? a.s * (a.q_0 * a.q * (1 / a.q) * a.grad_q) : 0;
}
static double
line_30 (at_two a)
{
  return a.s * (a.q_0 * a.grad_q);
}

static at_two
two (const line_of_points *l, size_t i, size_t j)
{
  return (at_two){ s (point (j)), gsl_vector_get (l->q_0, i), gsl_matrix_get (l->q, i, j),
                   gsl_matrix_get (l->grad_q, i, j), gsl_matrix_get (l->grad_log_q, i, j) };
}

static double
double_integral (const line_of_points *l, double (*f) (at_two), bool x_0_first)
{
  double sum = 0;
  for (size_t a = 0; a < N; a++)
    {
      double inner = 0;
      for (size_t b = 0; b < N; b++)
        inner += h * f (x_0_first ? two (l, b, a) : two (l, a, b));
      sum += h * inner;
    }
  return sum;
}

// What lines 32 to 36 multiply by $s(x_t)$ and integrate.

static double
joint (const line_of_points *l, double x_0, double x)
{
  const size_t i = (size_t)lrint ((x_0 - first) / h);
  return gsl_vector_get (l->q_0, i) * kernel (l, x_0, x);
}

static double
marginal (const line_of_points *l, double unused, double x)
{
  double sum = 0;
  (void)unused;
  for (size_t i = 0; i < N; i++)
    sum += h * joint (l, point (i), x);
  return sum;
}

static double
q_t (const line_of_points *l, double unused, double x)
{
  double log_p;
  const gsl_matrix_view at = gsl_matrix_view_array (&x, 1, 1);
  gsl_vector_view result = gsl_vector_view_array (&log_p, 1);
  const gsl_vector_const_view time = gsl_vector_const_subvector (l->t, 0, 1);
  (void)unused;
  ok (sb_target_log_density (l->law, l->process, &at.matrix, &time.vector, &result.vector));
  return exp (log_p);
}

static double
line_32 (const line_of_points *l, size_t j)
{
  double sum = 0;
  for (size_t i = 0; i < N; i++)
    sum += h * gsl_vector_get (l->q_0, i) * gsl_matrix_get (l->grad_q, i, j);
  return sum;
}

static double
line_33 (const line_of_points *l, size_t j)
{
  double sum = 0;
  for (size_t i = 0; i < N; i++)
    sum += h * slope (l, joint, point (i), point (j));
  return sum;
}

static double
line_34 (const line_of_points *l, size_t j)
{
  return slope (l, marginal, 0, point (j));
}
static double
line_35 (const line_of_points *l, size_t j)
{
  return slope (l, q_t, 0, point (j));
}
static double
line_36 (const line_of_points *l, size_t j)
{
  return gsl_vector_get (l->q_t, j) * gsl_matrix_get (l->grad_log_q_t, j, 0);
}

static double
integral (const line_of_points *l, double (*f) (const line_of_points *l, size_t j))
{
  double sum = 0;
  for (size_t j = 0; j < N; j++)
    sum += h * s (point (j)) * f (l, j);
  return sum;
}

// The expectation of line 37 and of the left side of Eq. 26, component by component.

static double
expectation (const line_of_points *l)
{
  double sum = 0, total = 0;
  for (size_t k = 0; k < GMM1_K; k++)
    {
      const double mean = l->c * soft_gmm1_mu[k], sd = hypot (l->c * sqrt (soft_gmm1_v[k]), l->sigma);
      for (double z = -9; z <= 9; z += .02)
        {
          const gsl_matrix *x = matrix_of (1, 1, mean + sd * z);
          gsl_matrix *score = matrix (1, 1);
          const double w = soft_gmm1_w[k] * exp (-z * z / 2);
          ok (sb_target_evaluate (l->law, l->process, SB_SCORE, x, vector_all (1, t), score));
          sum += w * s (gsl_matrix_get (x, 0, 0)) * gsl_matrix_get (score, 0, 0);
          total += w;
        }
    }
  return sum / total;
}

// [soft.eq26] [soft.eq27] [soft.eq28] [soft.eq29] [soft.eq30] [soft.eq31] [soft.eq32] [soft.eq33] [soft.eq34]
// [soft.eq35] [soft.eq36] [soft.eq37]

Test (soft_proof, cross_term)
{
  line_of_points l = points ();
  add_kernel (&l);
  const double value = expectation (&l);
  const double line[] = { double_integral (&l, line_27, false),
                          double_integral (&l, line_28, false),
                          double_integral (&l, line_29, false),
                          double_integral (&l, line_30, false),
                          double_integral (&l, line_30, true),
                          integral (&l, line_32),
                          integral (&l, line_33),
                          integral (&l, line_34),
                          integral (&l, line_35),
                          integral (&l, line_36) };
  for (size_t k = 0; k < sizeof line / sizeof *line; k++)
    cr_assert_float_eq (line[k], value, 1e-8, "Eq. %zu: %.12g, not %.12g", 27 + k, line[k], value);
}

// ## Theorem 3.1: both losses
//
// [soft.eq23] [soft.eq24] [soft.eq25] [soft.eq5] [soft.eq6] $J_1$ and $J_2$ as the library has them, averaged by
// quadrature, and the right-hand sides as they are printed: $C_1 = \tfrac12\mathbb E\|\nabla\log q_t\|^2$ and $C_2 =
// \tfrac12\mathbb E\|\nabla\log q_t(\cdot \mid x_0)\|^2$, which is $n/(2\sigma_t^2)$ for every data law. So $J_1 -
// J_2$ does not depend on the score. [soft.thm3.1]

typedef struct
{
  double a, b;
} curve;

static int
curve_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *at, const gsl_matrix *y,
                gsl_matrix *out)
{
  const curve *of = state;
  (void)view, (void)at, (void)y;
  for (size_t i = 0; i < x->size1; i++)
    gsl_matrix_set (out, i, 0, of->a * tanh (gsl_matrix_get (x, i, 0)) + of->b * gsl_matrix_get (x, i, 0));
  return GSL_SUCCESS;
}

static const sb_score_type curve_type = { .name = "curve", .views = SB_SCORE, .evaluate = curve_evaluate };

static double
J_1 (const line_of_points *l, const sb_score *score)
{
  const sb_score *truth = scoped (sb_score_exact_alloc (l->law, l->process));
  gsl_vector *loss = vector (N);
  double sum = 0;
  ok (esm_at (score, truth, l->x, l->t, loss, NULL));
  for (size_t j = 0; j < N; j++)
    sum += h * gsl_vector_get (l->q_t, j) * gsl_vector_get (loss, j);
  return sum;
}

static double
J_2 (const line_of_points *l, const sb_score *score)
{
  gsl_vector *loss = vector (N);
  double sum = 0;
  for (size_t i = 0; i < N; i++)
    {
      ok (denoising_at (score, matrix_all (N, 1, point (i)), l->x, l->t, loss, NULL));
      for (size_t j = 0; j < N; j++)
        sum += h * h * gsl_vector_get (l->q_0, i) * gsl_matrix_get (l->q, i, j) * gsl_vector_get (loss, j);
    }
  return sum;
}

static double
square_of_score (const line_of_points *l, size_t j)
{
  return gsl_vector_get (l->q_t, j) * s (point (j));
}
static double
square_of_target (at_two a)
{
  return gsl_pow_2 (a.grad_log_q) * a.q_0 * a.q;
}

static double
half_square_of_truth (const line_of_points *l)
{
  double sum = 0;
  for (size_t j = 0; j < N; j++)
    sum += h * gsl_vector_get (l->q_t, j) * gsl_pow_2 (gsl_matrix_get (l->grad_log_q_t, j, 0)) / 2;
  return sum;
}

static double
line_23 (const line_of_points *l)
{
  double sum = 0;
  for (size_t j = 0; j < N; j++)
    {
      const double score = s (point (j)), truth = gsl_matrix_get (l->grad_log_q_t, j, 0);
      sum += h * gsl_vector_get (l->q_t, j) * (score * score - 2 * score * truth + truth * truth) / 2;
    }
  return sum;
}

Test (soft_proof, both_losses)
{
  line_of_points l = points ();
  add_kernel (&l);
  const sb_score *score = scoped (sb_score_alloc (&curve_type, &(curve){ 1, .3 }, l.process));
  const double j_1 = J_1 (&l, score), j_2 = J_2 (&l, score), C_1 = half_square_of_truth (&l),
               C_2 = double_integral (&l, square_of_target, false) / 2, squares = integral (&l, square_of_score) / 2;
  cr_assert_float_eq (line_23 (&l), j_1, 1e-10, "Eq. 23");
  cr_assert_float_eq (squares - integral (&l, line_36) + C_1, j_1, 1e-10, "Eq. 24");
  cr_assert_float_eq (squares - double_integral (&l, line_27, false) + C_2, j_2, 1e-9, "Eq. 25");
  cr_assert_float_eq (C_2, 1 / (2 * l.sigma * l.sigma), 1e-9);
  for (int k = 0; k < 5; k++)
    {
      const sb_score *other = scoped (sb_score_alloc (&curve_type, &(curve){ sin (k), cos (3 * k) }, l.process));
      cr_assert_float_eq (J_1 (&l, other) - J_2 (&l, other), C_1 - C_2, 1e-7, "score %d", k);
    }
}

// ## Lemma A.2
//
// Every line of the proof is a function of $x_t$: $q_t$, its slope, or its score, at 41 points. The law of $x_0$
// given $x_t$ is that of a mixture of Gaussians.

static double
posterior (const line_of_points *l, double x_0, double x)
{
  double sum = 0, total = 0;
  for (size_t k = 0; k < GMM1_K; k++)
    {
      const double v = soft_gmm1_v[k], S = l->c * l->c * v + l->sigma * l->sigma, e = x - l->c * soft_gmm1_mu[k];
      const double r = soft_gmm1_w[k] * gsl_ran_gaussian_pdf (e, sqrt (S));
      sum += r * gsl_ran_gaussian_pdf (x_0 - soft_gmm1_mu[k] - v * l->c / S * e, l->sigma * sqrt (v / S));
      total += r;
    }
  return sum / total;
}

// The integral over $x_0$ of a function of $x_0$ and $x_t$.

static double
over_x_0 (const line_of_points *l, double x, double (*f) (const line_of_points *l, size_t i, double x))
{
  double sum = 0;
  for (size_t i = 0; i < N; i++)
    sum += h * f (l, i, x);
  return sum;
}

static double
both (const line_of_points *l, size_t i, double x)
{
  return joint (l, point (i), x);
}
static double
both_times_x_0 (const line_of_points *l, size_t i, double x)
{
  return both (l, i, x) * point (i);
}
static double
line_40 (const line_of_points *l, size_t i, double x)
{
  return gsl_vector_get (l->q_0, i) * slope (l, kernel, point (i), x);
}
static double
line_41 (const line_of_points *l, size_t i, double x)
{
  gsl_matrix *target = matrix (1, 1);
  const size_t mark = scope_mark ();
  ok (target_at (l->process, matrix_of (1, 1, point (i)), matrix_of (1, 1, x), vector_all (1, t), target));
  scope_release (mark);
  return both (l, i, x) * gsl_matrix_get (target, 0, 0);
}
static double
line_42 (const line_of_points *l, size_t i, double x)
{
  return both (l, i, x) * (l->c * point (i) - x) / gsl_pow_2 (l->sigma);
}
static double
posterior_times_x_0 (const line_of_points *l, size_t i, double x)
{
  return posterior (l, point (i), x) * q_t (l, 0, x) * point (i);
}

static double
library (const line_of_points *l, sb_view view, double x)
{
  gsl_matrix *out = matrix (1, 1);
  ok (sb_target_evaluate (l->law, l->process, view, matrix_of (1, 1, x), vector_all (1, t), out));
  return gsl_matrix_get (out, 0, 0);
}

// [soft.eq39] [soft.eq40] [soft.eq41] [soft.eq42] [soft.eq43] [soft.eq44] [soft.eq45] [soft.eq46]

Test (soft_proof, tweedie)
{
  const line_of_points l = points ();
  const double v = gsl_pow_2 (l.sigma);
  for (int k = -20; k <= 20; k++)
    {
      const double x = .2 * k, q = q_t (&l, 0, x), score = library (&l, SB_SCORE, x),
                   mean = library (&l, SB_DENOISER, x);
      const double grad[] = { over_x_0 (&l, x, line_40), over_x_0 (&l, x, line_41), over_x_0 (&l, x, line_42),
                              (l.c * over_x_0 (&l, x, both_times_x_0) - x * over_x_0 (&l, x, both)) / v,
                              (l.c * over_x_0 (&l, x, posterior_times_x_0) - x * q) / v };
      cr_assert_float_eq (over_x_0 (&l, x, both), q, 1e-9, "Eq. 39 at %g", x);
      for (size_t m = 0; m < sizeof grad / sizeof *grad; m++)
        cr_assert_float_eq (grad[m], q * score, 1e-9, "Eq. %zu at %g: %.12g, not %.12g", 40 + m, x, grad[m], q * score);
      cr_assert_float_eq (slope (&l, q_t, 0, x) / q, (l.c * mean - x) / v, 1e-9 / q, "Eq. 45 at %g", x);
      cr_assert_float_eq (score, (l.c * mean - x) / v, 1e-9, "Eq. 46 at %g", x);
    }
}
