// # A conditional score, cut from a joint one
//
// Of a mixture of three Gaussians in 2 + 2 dimensions none of which is round, noised at two speeds: the conditional law
// is a mixture again, written out here by the rules for Gaussians.

#include "operator/operators.h"
#include "process/multispeed.h"
#include "process/nonuniform.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "scope.h"
#include "score/callback.h"
#include "score/exact.h"
#include "score/slice.h"

#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <math.h>

SUITE (slice);

enum
{
  K = 3,
  D = 4, // of z = (x, y)
  X = 2,
  N = 100
};

static const double weight[K] = { .3, .5, .2 },
                    mean[K][D] = { { -1, .5, .7, -.4 }, { 1, -.3, -1, .2 }, { .2, 1.1, .3, 1.5 } };

// ## The pair

// Component k has the covariance L L^T.
static double
covariance (int k, size_t i, size_t j)
{
  static const double L[D][D] = { { .8 }, { .3, .6 }, { -.4, .2, .7 }, { .1, -.5, .2, .5 } };
  const double turn[K] = { 1, -1, .4 };
  double sum = 0;
  for (size_t m = 0; m < D; m++)
    {
      const double a = i == m ? L[i][m] : turn[k] * L[i][m], b = j == m ? L[j][m] : turn[k] * L[j][m];
      sum += a * b;
    }
  return sum;
}

// Coordinates first, ..., first + d - 1 of it.
static sb_target *
law_of (size_t first, size_t d)
{
  gsl_matrix *means = matrix (K, d), *covariances = matrix (K * d, d);
  for (int k = 0; k < K; k++)
    for (size_t i = 0; i < d; i++)
      {
        gsl_matrix_set (means, (size_t)k, i, mean[k][first + i]);
        for (size_t j = 0; j < d; j++)
          gsl_matrix_set (covariances, (size_t)k * d + i, j, covariance (k, first + i, first + j));
      }
  return scoped (sb_target_mixture_alloc (scope_vector (K, weight), means, covariances));
}

static sb_process *
some (int kind, size_t d)
{
  return kind == 0   ? sb_ve_alloc (d, .01, 10)
         : kind == 1 ? sb_ve_alloc (d, .01, .5)
         : kind == 2 ? sb_vp_alloc (d, .1, 20)
         : kind == 3 ? sb_subvp_alloc (d, .1, 20)
                     : sb_still_alloc (d);
}

// Kinds of the two, that of y last.
static const int pair[][2] = { { 0, 0 }, { 0, 1 }, { 0, 4 }, { 2, 1 }, { 3, 2 } };

enum
{
  PAIRS = sizeof pair / sizeof *pair
};

typedef struct
{
  sb_process *of_x, *of_y, *of_z;
  sb_target *law;
  sb_score *joint, *score;
} world;

static world
world_of (int p)
{
  world w = { .of_x = scoped (some (pair[p][0], X)),
              .of_y = scoped (some (pair[p][1], D - X)),
              .of_z = scoped (sb_multispeed_of (some (pair[p][0], X), some (pair[p][1], D - X), 1e-5)),
              .law = law_of (0, D) };
  w.joint = scoped (sb_score_exact_alloc (w.law, w.of_z));
  w.score = scoped (sb_score_slice_alloc (w.joint, w.of_x));
  return w;
}

typedef struct
{
  gsl_matrix *z, *x, *y;
  gsl_vector *t;
} points;

static points
some_points (void)
{
  points p = { normals (N, D, 1), matrix (N, X), matrix (N, D - X), vector (N) };
  gsl_matrix_scale (p.z, 2);
  for (size_t i = 0; i < N; i++)
    {
      for (size_t j = 0; j < D; j++)
        gsl_matrix_set (j < X ? p.x : p.y, i, j < X ? j : j - X, gsl_matrix_get (p.z, i, j));
      gsl_vector_set (p.t, i, .05 + .9 * (double)i / N);
    }
  return p;
}

// ## It is the score of the conditional law
//
// Given $\mathbf y_t$, component $k$ has the weight $w_k\,\mathcal N(\mathbf y_t; \mathbf m_y, \mathbf C_{yy})$, the
// mean $\mathbf m_x + \mathbf C_{xy}\mathbf C_{yy}^{-1}(\mathbf y_t - \mathbf m_y)$ and the covariance $\mathbf
// C_{xx} - \mathbf C_{xy}\mathbf C_{yy}^{-1}\mathbf C_{yx}$, all at time $t$.

typedef struct
{
  double m[D], C[D][D];
} moments;

static moments
moments_at (const world *w, int k, double t)
{
  moments at;
  double a[D], sd[D];
  for (size_t i = 0; i < D; i++)
    {
      const sb_process *of = i < X ? w->of_x : w->of_y;
      a[i] = number_of (of, SB_A, 0, t);
      sd[i] = number_of (of, SB_S, 0, t);
    }
  for (size_t i = 0; i < D; i++)
    {
      at.m[i] = a[i] * mean[k][i];
      for (size_t j = 0; j < D; j++)
        at.C[i][j] = a[i] * a[j] * covariance (k, i, j) + (i == j ? sd[i] * sd[i] : 0);
    }
  return at;
}

static sb_target *
conditional (const world *w, double t, const double *y)
{
  gsl_vector *weights = vector (K);
  gsl_matrix *means = matrix (K, X), *covariances = matrix (K * X, X);
  double log_w[K], top = GSL_NEGINF;
  for (int k = 0; k < K; k++)
    {
      const moments at = moments_at (w, k, t);
      const double p = at.C[2][2], q = at.C[2][3], r = at.C[3][3], det = p * r - q * q,
                   off[] = { y[0] - at.m[2], y[1] - at.m[3] },
                   solved[] = { (r * off[0] - q * off[1]) / det, (p * off[1] - q * off[0]) / det };
      log_w[k] = log (weight[k]) - .5 * (off[0] * solved[0] + off[1] * solved[1] + log (det));
      top = larger (top, log_w[k]);
      for (size_t i = 0; i < X; i++)
        {
          const double *b = &at.C[i][2];
          gsl_matrix_set (means, (size_t)k, i, at.m[i] + b[0] * solved[0] + b[1] * solved[1]);
          for (size_t j = 0; j < X; j++)
            {
              const double *c = &at.C[j][2];
              const double explained = (b[0] * (r * c[0] - q * c[1]) + b[1] * (p * c[1] - q * c[0])) / det;
              gsl_matrix_set (covariances, (size_t)k * X + i, j, at.C[i][j] - explained);
            }
        }
    }
  for (int k = 0; k < K; k++)
    gsl_vector_set (weights, (size_t)k, exp (log_w[k] - top));
  return scoped (sb_target_mixture_alloc (weights, means, covariances));
}

// To 1e-11 at 100 points, for five pairs of speeds, one of a condition that stands still. [nonuniform.txt-jointslice]

Test (slice, is_the_score_of_the_conditional_law)
{
  const sb_process *still = scoped (sb_ve_alloc (X, .01, 10));
  const points at = some_points ();
  for (int p = 0; p < PAIRS; p++)
    {
      const world w = world_of (p);
      gsl_matrix *out = matrix (N, X), *truth = matrix (N, X);
      ok (sb_score_evaluate (w.score, SB_SCORE, at.x, at.t, at.y, out));
      for (size_t i = 0; i < N; i++)
        {
          const size_t mark = scope_mark ();
          gsl_matrix_view x = gsl_matrix_submatrix (at.x, i, 0, 1, X), s = gsl_matrix_submatrix (truth, i, 0, 1, X);
          const sb_target *law = conditional (&w, gsl_vector_get (at.t, i), gsl_matrix_ptr (at.y, i, 0));
          ok (sb_target_evaluate (law, still, SB_SCORE, &x.matrix, vector_all (1, 0), &s.matrix));
          scope_release (mark);
          for (size_t j = 0; j < X; j++)
            cr_assert_float_eq (gsl_matrix_get (out, i, j), gsl_matrix_get (truth, i, j),
                                1e-11 * (1 + fabs (gsl_matrix_get (truth, i, j))), "pair %d, row %zu", p, i);
        }
    }
}

// Of one number given the noisy three, where $\mathbf z_t$ is normal with the precision $P$: $-P_{11}x - \sum_j
// P_{1j}\hat y_j$. [nonuniform.txt-jointslice] [nonuniform.txt-cdiffe-approx] [nonuniform.thm4]

Test (slice, of_one_number_given_three)
{
  const sb_multispeed speeds = { 1, 3, .01, 5, 2 };
  const double t = .6, v_x = gsl_pow_2 (.01 * pow (500, t)), v_y = gsl_pow_2 (.01 * pow (200, t));
  gsl_matrix *C = matrix_of (4, 4, 1, .5, -.3, .2, .5, 1.4, .1, 0, -.3, .1, .9, .4, .2, 0, .4, 1.1), *P = copy_of (C);
  const sb_process *of_z = scoped (sb_multispeed_alloc (&speeds)), *of_x = scoped (sb_ve_alloc (1, .01, 5));
  const sb_target *law = scoped (sb_target_gaussian_alloc (vector_all (4, 0), C));
  const sb_score *slice = scoped (sb_score_slice_alloc (scoped (sb_score_exact_alloc (law, of_z)), of_x));
  const gsl_matrix *x = normals (20, 1, 71), *y = normals (20, 3, 72);
  gsl_matrix *s = matrix (20, 1);
  for (size_t j = 0; j < 4; j++)
    *gsl_matrix_ptr (P, j, j) += j == 0 ? v_x : v_y;
  gsl_linalg_cholesky_decomp1 (P);
  gsl_linalg_cholesky_invert (P);
  ok (sb_score_evaluate (slice, SB_SCORE, x, vector_all (20, t), y, s));
  for (size_t i = 0; i < 20; i++)
    {
      double wanted = -gsl_matrix_get (P, 0, 0) * gsl_matrix_get (x, i, 0);
      for (size_t j = 0; j < 3; j++)
        wanted -= gsl_matrix_get (P, 0, j + 1) * gsl_matrix_get (y, i, j);
      cr_assert_float_eq (gsl_matrix_get (s, i, 0), wanted, 1e-11, "row %zu", i);
    }
}

// $\ln p(\mathbf x_t \mid \mathbf y_t) = \ln p(\mathbf x_t, \mathbf y_t) - \ln p(\mathbf y_t)$, both by the library;
// its differences of second order, to 1e-6. [nonuniform.txt-jointslice]

static void
log_conditional (const world *w, const points *at, size_t j, double step, gsl_vector *log_p)
{
  gsl_vector *of_y = vector (N);
  const sb_target *law_of_y = law_of (X, D - X);
  gsl_matrix *z = copy_of (at->z);
  for (size_t i = 0; i < N; i++)
    *gsl_matrix_ptr (z, i, j) += step;
  ok (sb_target_log_density (w->law, w->of_z, z, at->t, log_p));
  ok (sb_target_log_density (law_of_y, w->of_y, at->y, at->t, of_y));
  gsl_vector_sub (log_p, of_y);
}

Test (slice, is_the_gradient_of_its_logarithm)
{
  const points at = some_points ();
  const double h = 1e-4;
  for (int p = 0; p < PAIRS; p++)
    {
      const world w = world_of (p);
      gsl_matrix *out = matrix (N, X);
      gsl_vector *up = vector (N), *down = vector (N);
      ok (sb_score_evaluate (w.score, SB_SCORE, at.x, at.t, at.y, out));
      for (size_t j = 0; j < X; j++)
        {
          log_conditional (&w, &at, j, h, up);
          log_conditional (&w, &at, j, -h, down);
          for (size_t i = 0; i < N; i++)
            {
              const double slope = (gsl_vector_get (up, i) - gsl_vector_get (down, i)) / (2 * h);
              cr_assert_float_eq (gsl_matrix_get (out, i, j), slope, 1e-6 * (1 + fabs (slope)), "pair %d, row %zu", p,
                                  i);
            }
        }
    }
}

// ## The first numbers
//
// For every $1 \le j \le n$ the slice is the joint score's first $j$ numbers, to the bit. Printed for $j < n$, with an
// index $i$ that does not occur; at $j = n$ it is the joint score and has no condition. [nonuniform.txt-indexing]

Test (slice, are_the_first_numbers)
{
  const points at = some_points ();
  const sb_process *of_z = scoped (sb_ve_alloc (D, .01, 10));
  const sb_score *joint = scoped (sb_score_exact_alloc (law_of (0, D), of_z));
  const sb_view views[] = { SB_SCORE, SB_DENOISER, SB_EPSILON };
  for (size_t j = 1; j <= D; j++)
    for (size_t v = 0; v < 3; v++)
      {
        const sb_score *score = scoped (sb_score_slice_alloc (joint, scoped (sb_ve_alloc (j, .01, 10))));
        gsl_matrix *whole = matrix (N, D), *out = matrix (N, j);
        gsl_matrix_view x = gsl_matrix_submatrix (at.z, 0, 0, N, j);
        gsl_matrix_view y = j < D ? gsl_matrix_submatrix (at.z, 0, j, N, D - j) : x;
        ok (sb_score_evaluate (joint, views[v], at.z, at.t, NULL, whole));
        ok (sb_score_evaluate (score, views[v], &x.matrix, at.t, j < D ? &y.matrix : NULL, out));
        for (size_t i = 0; i < N; i++)
          for (size_t k = 0; k < j; k++)
            cr_assert_eq (gsl_matrix_get (out, i, k), gsl_matrix_get (whole, i, k), "j = %zu", j);
      }
}

// ## Views
//
// The joint score's, and from those by Tweedie's formula under the process of x: a joint score that is asked for one
// view only answers all, as the law does. Of x alone: the process of the pair has no noise in a y that stands still.

static int
one_view (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  const world *w = params;
  (void)y;
  return sb_target_evaluate (w->law, w->of_z, SB_SCORE, x, t, out);
}

static int
one_denoiser (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  const world *w = params;
  (void)y;
  return sb_target_evaluate (w->law, w->of_z, SB_DENOISER, x, t, out);
}

Test (slice, views_are_those_of_x)
{
  const points at = some_points ();
  for (int p = 0; p < PAIRS; p++)
    {
      world w = world_of (p);
      gsl_matrix *s = matrix (N, X), *h = matrix (N, X), *e = matrix (N, X), *out = matrix (N, X);
      ok (sb_score_evaluate (w.score, SB_SCORE, at.x, at.t, at.y, s));
      ok (sb_score_evaluate (w.score, SB_DENOISER, at.x, at.t, at.y, h));
      ok (sb_score_evaluate (w.score, SB_EPSILON, at.x, at.t, at.y, e));

      // They belong together: h = (x + sd^2 s)/a, e = -sd s.
      for (size_t i = 0; i < N; i++)
        {
          const double a = number_of (w.of_x, SB_A, 0, gsl_vector_get (at.t, i)),
                       sd = number_of (w.of_x, SB_S, 0, gsl_vector_get (at.t, i));
          for (size_t j = 0; j < X; j++)
            {
              const double score = gsl_matrix_get (s, i, j);
              cr_assert_float_eq (a * gsl_matrix_get (h, i, j), gsl_matrix_get (at.x, i, j) + sd * sd * score, 1e-10);
              cr_assert_float_eq (gsl_matrix_get (e, i, j), -sd * score, 1e-10);
            }
        }

      // A joint score of one view gives the others.
      const sb_view own[] = { SB_SCORE, SB_DENOISER };
      for (int k = 0; k < 2; k++)
        {
          const sb_score_callback call = { .view = own[k], .function = k == 0 ? one_view : one_denoiser, .params = &w };
          const sb_score *joint = scoped (sb_score_callback_alloc (&call, w.of_z)),
                         *score = scoped (sb_score_slice_alloc (joint, w.of_x));
          ok (sb_score_evaluate (score, SB_DENOISER, at.x, at.t, at.y, out));
          cr_assert_lt (largest_difference (out, h), 1e-10);
          ok (sb_score_evaluate (score, SB_EPSILON, at.x, at.t, at.y, out));
          cr_assert_lt (largest_difference (out, e), 1e-10);
        }
    }
}

// ## Derivatives
//
// Of s(z) = M z + sin z with an M that is not symmetric: its products are those of the block of x alone, its divergence
// the trace of that block, and the parameters' gradient that of the first numbers.

static const double M[D][D] = { { -1, .5, .2, -.3 }, { -.7, -2, .4, .1 }, { .6, .3, -1, .9 }, { -.2, .8, .5, -1.5 } };

static int
bent (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)t, (void)y, (void)params;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < D; j++)
      {
        double sum = sin (gsl_matrix_get (x, i, j));
        for (size_t k = 0; k < D; k++)
          sum += M[j][k] * gsl_matrix_get (x, i, k);
        gsl_matrix_set (out, i, j, sum);
      }
  return GSL_SUCCESS;
}

static void
bent_product (const gsl_matrix *x, const gsl_matrix *v, bool transposed, gsl_matrix *out)
{
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < D; j++)
      {
        double sum = cos (gsl_matrix_get (x, i, j)) * gsl_matrix_get (v, i, j);
        for (size_t k = 0; k < D; k++)
          sum += (transposed ? M[k][j] : M[j][k]) * gsl_matrix_get (v, i, k);
        gsl_matrix_set (out, i, j, sum);
      }
}

static int
bent_jvp (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
          void *params)
{
  (void)t, (void)y, (void)params;
  bent_product (x, v, false, out);
  return GSL_SUCCESS;
}

// The parameter is a number added to each: its gradient is the sum of v.
static int
bent_vjp (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
          void *params)
{
  double *bar = params;
  (void)t, (void)y;
  bent_product (x, v, true, out);
  for (size_t i = 0; i < v->size1; i++)
    for (size_t j = 0; j < D; j++)
      bar[j] += gsl_matrix_get (v, i, j);
  return GSL_SUCCESS;
}

// Of the first numbers, along the first. [nonuniform.txt-indexing]

Test (slice, derivatives_are_those_of_the_block)
{
  const points at = some_points ();
  double bar[D] = { 0 }, sum[X] = { 0 };
  const sb_score_callback call
      = { .view = SB_SCORE, .function = bent, .jvp = bent_jvp, .vjp = bent_vjp, .params = bar };
  world w = world_of (0);
  const sb_score *joint = scoped (sb_score_callback_alloc (&call, w.of_z)),
                 *score = scoped (sb_score_slice_alloc (joint, w.of_x));
  gsl_matrix *v = normals (N, X, 2), *out = matrix (N, X);
  gsl_vector *divergence = vector (N);

  ok (sb_score_jvp (score, SB_SCORE, at.x, at.t, at.y, v, out));
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < X; j++)
      cr_assert_float_eq (gsl_matrix_get (out, i, j),
                          M[j][0] * gsl_matrix_get (v, i, 0) + M[j][1] * gsl_matrix_get (v, i, 1)
                              + cos (gsl_matrix_get (at.x, i, j)) * gsl_matrix_get (v, i, j),
                          1e-12);

  ok (sb_score_vjp (score, SB_SCORE, at.x, at.t, at.y, v, out));
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < X; j++)
      {
        sum[j] += gsl_matrix_get (v, i, j);
        cr_assert_float_eq (gsl_matrix_get (out, i, j),
                            M[0][j] * gsl_matrix_get (v, i, 0) + M[1][j] * gsl_matrix_get (v, i, 1)
                                + cos (gsl_matrix_get (at.x, i, j)) * gsl_matrix_get (v, i, j),
                            1e-12);
      }
  for (size_t j = 0; j < D; j++)
    cr_assert_float_eq (bar[j], j < X ? sum[j] : 0, 1e-12);

  ok (sb_score_divergence (score, at.x, at.t, at.y, divergence));
  for (size_t i = 0; i < N; i++)
    cr_assert_float_eq (gsl_vector_get (divergence, i),
                        M[0][0] + M[1][1] + cos (gsl_matrix_get (at.x, i, 0)) + cos (gsl_matrix_get (at.x, i, 1)),
                        1e-12);
}

// Another view's products are those of its differences, here of the denoiser of an exact score, and one is the other
// transposed.

Test (slice, derivatives_of_a_view_are_differences)
{
  const points at = some_points ();
  const double h = 1e-5;
  for (int p = 0; p < PAIRS; p++)
    {
      const world w = world_of (p);
      gsl_matrix *v = normals (N, X, 3), *out = matrix (N, X), *up = matrix (N, X), *down = matrix (N, X),
                 *x = copy_of (v);
      gsl_matrix_scale (x, h);
      gsl_matrix_add (x, at.x);
      ok (sb_score_evaluate (w.score, SB_DENOISER, x, at.t, at.y, up));
      gsl_matrix_sub (x, at.x);
      gsl_matrix_scale (x, -1);
      gsl_matrix_add (x, at.x);
      ok (sb_score_evaluate (w.score, SB_DENOISER, x, at.t, at.y, down));
      gsl_matrix_sub (up, down);
      gsl_matrix_scale (up, 1 / (2 * h));
      ok (sb_score_jvp (w.score, SB_DENOISER, at.x, at.t, at.y, v, out));
      for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < X; j++)
          cr_assert_float_eq (gsl_matrix_get (out, i, j), gsl_matrix_get (up, i, j),
                              1e-7 * (1 + fabs (gsl_matrix_get (up, i, j))), "pair %d, row %zu", p, i);
      ok (sb_score_vjp (w.score, SB_DENOISER, at.x, at.t, at.y, v, down));
      cr_assert_lt (largest_difference (out, down), 1e-10, "the Jacobian of an exact score is symmetric");
    }
}

// ## What is refused

static int
no_jvp (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
        const gsl_matrix *v, gsl_matrix *out)
{
  (void)state, (void)view, (void)x, (void)t, (void)y, (void)v, (void)out;
  return GSL_ERUNAWAY;
}

static int
no_vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v,
        gsl_matrix *out)
{
  return no_jvp (state, view, x, t, y, v, out);
}

Test (slice, what_does_not_fit_is_refused)
{
  const world w = world_of (1);
  gsl_matrix *x = matrix_all (2, X, .5), *y = matrix_all (2, D - X, .5), *wide = matrix_all (2, D, .5),
             *out = matrix (2, X), *v = matrix_all (2, X, 1), *third = matrix_all (3, D - X, .5);
  gsl_vector *t = vector_all (2, .5);
  ok (sb_score_evaluate (w.score, SB_SCORE, x, t, y, out));

  // Shapes.
  refused (GSL_EBADLEN, sb_score_evaluate (w.score, SB_SCORE, x, t, NULL, out));
  refused (GSL_EBADLEN, sb_score_jvp (w.score, SB_SCORE, x, t, NULL, v, out));
  refused (GSL_EBADLEN, sb_score_vjp (w.score, SB_SCORE, x, t, NULL, v, out));
  refused (GSL_EBADLEN, sb_score_evaluate (w.score, SB_SCORE, x, t, wide, out));
  refused (GSL_EBADLEN, sb_score_evaluate (w.score, SB_SCORE, x, t, third, out));
  refused (GSL_EBADLEN, sb_score_evaluate (w.score, SB_SCORE, wide, t, y, wide));
  refused (GSL_EBADLEN, sb_score_evaluate (w.score, SB_SCORE, x, vector_all (3, .5), y, out));
  refused (GSL_EINVAL, sb_score_evaluate (w.score, SB_SCORE, x, t, y, y));
  const sb_score *all = scoped (sb_score_slice_alloc (w.joint, w.of_z));
  refused (GSL_EBADLEN, sb_score_evaluate (all, SB_SCORE, wide, t, y, matrix (2, D)));
  refused (GSL_EBADLEN, sb_score_evaluate (all, SB_SCORE, wide, t, matrix (2, 0), matrix (2, D)));

  // Of a joint score that has one of the two products the slice has that one.
  for (size_t k = 0; k < 2; k++)
    {
      sb_score_type type = *w.joint->type;
      sb_score half = *w.joint;
      type.derivatives = SB_SCORE;
      type.jvp = k ? no_jvp : NULL;
      type.vjp = k ? NULL : no_vjp;
      half.type = &type;
      const sb_score *of_half = scoped (sb_score_slice_alloc (&half, w.of_x));
      refused (k ? GSL_ERUNAWAY : GSL_EUNSUP, sb_score_jvp (of_half, SB_SCORE, x, t, y, v, out));
      refused (k ? GSL_EUNSUP : GSL_ERUNAWAY, sb_score_vjp (of_half, SB_SCORE, x, t, y, v, out));
    }

  // Times, and numbers that are none, also where the joint score would not look at them.
  double bar[D] = { 0 };
  const sb_score_callback call
      = { .view = SB_SCORE, .function = bent, .jvp = bent_jvp, .vjp = bent_vjp, .params = bar };
  const sb_score *joint = scoped (sb_score_callback_alloc (&call, w.of_z)),
                 *score = scoped (sb_score_slice_alloc (joint, w.of_x));
  const double wrong[] = { -.1, 1.1, GSL_NAN, GSL_POSINF };
  for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
    {
      gsl_vector_set (t, 1, wrong[k]);
      refused (GSL_EDOM, sb_score_evaluate (score, SB_SCORE, x, t, y, out), "t = %g", wrong[k]);
      refused (GSL_EDOM, sb_score_jvp (score, SB_SCORE, x, t, y, v, out), "t = %g", wrong[k]);
      refused (GSL_EDOM, sb_score_vjp (score, SB_SCORE, x, t, y, v, out), "t = %g", wrong[k]);
    }
  gsl_vector_set (t, 1, 1);
  ok (sb_score_evaluate (score, SB_SCORE, x, t, y, out));
  sb_process shorter = *w.of_x, of_z = *w.of_z;
  shorter.t_limit = of_z.t_limit = .9;
  refused (GSL_EDOM, sb_score_evaluate (scoped (sb_score_slice_alloc (joint, &shorter)), SB_SCORE, x, t, y, out));
  joint = scoped (sb_score_callback_alloc (&call, &of_z));
  refused (GSL_EDOM, sb_score_evaluate (scoped (sb_score_slice_alloc (joint, w.of_x)), SB_SCORE, x, t, y, out));
  gsl_matrix_set (y, 1, 1, GSL_NAN);
  refused (GSL_EDOM, sb_score_evaluate (score, SB_SCORE, x, t, y, out));
  gsl_matrix_set (y, 1, 1, 0);
  gsl_matrix_set (x, 1, 0, GSL_POSINF);
  refused (GSL_EDOM, sb_score_evaluate (score, SB_SCORE, x, t, y, out));
  gsl_matrix_set (x, 1, 0, 0);

  // What the joint score cannot do.
  const sb_score_callback plain = { .view = SB_SCORE, .function = bent };
  const sb_score *without = scoped (sb_score_slice_alloc (scoped (sb_score_callback_alloc (&plain, w.of_z)), w.of_x));
  refused (GSL_EUNSUP, sb_score_jvp (without, SB_SCORE, x, t, y, v, out));
  refused (GSL_EUNSUP, sb_score_vjp (without, SB_SCORE, x, t, y, v, out));
  refused (GSL_EUNSUP, sb_score_divergence (without, x, t, y, vector (2)));
  const sb_score_callback forward = { .view = SB_SCORE, .function = bent, .jvp = bent_jvp };
  const sb_score *one_way = scoped (sb_score_slice_alloc (scoped (sb_score_callback_alloc (&forward, w.of_z)), w.of_x));
  ok (sb_score_jvp (one_way, SB_SCORE, x, t, y, v, out));
  refused (GSL_EUNSUP, sb_score_vjp (one_way, SB_SCORE, x, t, y, v, out));
  cr_assert_null (sb_score_slice_alloc (w.score, w.of_z), "four numbers of two");

  // No rows are no trouble.
  gsl_matrix none_x = gsl_matrix_submatrix (x, 0, 0, 1, X).matrix, none_y = gsl_matrix_submatrix (y, 0, 0, 1, X).matrix,
             none = gsl_matrix_submatrix (out, 0, 0, 1, X).matrix;
  gsl_vector none_t = gsl_vector_subvector (t, 0, 1).vector;
  none_x.size1 = none_y.size1 = none.size1 = none_t.size = 0;
  ok (sb_score_evaluate (score, SB_SCORE, &none_x, &none_t, &none_y, &none));
  ok (sb_score_jvp (score, SB_SCORE, &none_x, &none_t, &none_y, &none_x, &none));
  ok (sb_score_vjp (score, SB_SCORE, &none_x, &none_t, &none_y, &none_x, &none));
}

// ## Noises that are mixed
//
// In a basis, or under maps that are any, the first numbers of epsilon are not the noise of x: that view is not
// offered, and follows from the score; where there is no other, there is no slice.

Test (slice, epsilon_is_not_cut_where_noises_are_mixed)
{
  const world w = world_of (0);
  const sb_operator *basis = scoped (sb_operator_identity_alloc (D));
  for (int k = 0; k < 2; k++)
    {
      sb_process mixed = *w.of_z;
      mixed.basis = k == 0 ? basis : NULL;
      mixed.parts = k == 0 ? mixed.parts : 0;
      const sb_score *joint = scoped (sb_score_exact_alloc (w.law, &mixed)),
                     *score = scoped (sb_score_slice_alloc (joint, w.of_x));
      cr_assert_eq (score->type->views, (unsigned)(SB_SCORE | SB_DENOISER));
      const sb_score_callback call = { .view = SB_EPSILON, .function = bent };
      cr_assert_null (sb_score_slice_alloc (scoped (sb_score_callback_alloc (&call, &mixed)), w.of_x));
    }
}
