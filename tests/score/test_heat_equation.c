// # From the heat equation to the score's
//
// The density of $\mathbf x_t = \mathbf x_0 + \sigma_t\mathbf z$ solves the heat equation in $v = \sigma_t^2$, and the
// paper's Appendices A.4 and A.5 go from there to the equation of its score and back. Each of their lines is asked of
// the library's density, score and derivatives, the mixture M2 in the plane. $\sigma_t = t$, so that $g^2/2 = t$.

#include "denoisers.h"
#include "likelihood/trace.h"
#include "process/edm.h"
#include "process/vp.h"
#include "scope.h"
#include "score/callback.h"
#include "score/exact.h"
#include "score/pde.h"
#include "transition/path.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

SUITE (heat_equation);

enum
{
  N = 40
};

typedef struct
{
  const sb_target *law;
  const sb_score *score;
} model;

static sb_process *
edm (size_t d)
{
  return scoped (sb_edm_alloc (d, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX));
}

static model
model_of (const sb_target *law)
{
  return (model){ law, scoped (sb_score_exact_alloc (law, edm (law->dimension))) };
}

static gsl_vector *
some_times (void)
{
  gsl_vector *t = vector (N);
  for (size_t i = 0; i < N; i++)
    gsl_vector_set (t, i, sqrt (.05 * pow (30, ((double)i + .5) / N)));
  return t;
}

// ## Numbers of points, and their slopes

typedef gsl_vector *numbers (const model *m, const gsl_matrix *x, const gsl_vector *t);

static gsl_vector *
log_density (const model *m, const gsl_matrix *x, const gsl_vector *t)
{
  gsl_vector *out = vector (x->size1);
  ok (sb_target_log_density (m->law, m->score->process, x, t, out));
  return out;
}

static gsl_vector *
density (const model *m, const gsl_matrix *x, const gsl_vector *t)
{
  gsl_vector *p = log_density (m, x, t);
  for (size_t i = 0; i < p->size; i++)
    gsl_vector_set (p, i, exp (gsl_vector_get (p, i)));
  return p;
}

static gsl_matrix *
score_at (const model *m, const gsl_matrix *x, const gsl_vector *t)
{
  gsl_matrix *s = matrix (x->size1, x->size2);
  ok (sb_score_evaluate (m->score, SB_SCORE, x, t, NULL, s));
  return s;
}

static gsl_vector *
squared_norm (const model *m, const gsl_matrix *x, const gsl_vector *t)
{
  const gsl_matrix *s = score_at (m, x, t);
  gsl_vector *out = vector (x->size1);
  for (size_t i = 0; i < x->size1; i++)
    {
      gsl_vector_const_view s_i = gsl_matrix_const_row (s, i);
      gsl_vector_set (out, i, gsl_pow_2 (gsl_blas_dnrm2 (&s_i.vector)));
    }
  return out;
}

static gsl_vector *
divergence (const model *m, const gsl_matrix *x, const gsl_vector *t)
{
  gsl_vector *out = vector (x->size1);
  ok (sb_score_divergence (m->score, x, t, NULL, out));
  return out;
}

static gsl_vector *
log_density_rate (const model *m, const gsl_matrix *x, const gsl_vector *t)
{
  gsl_vector *out = vector (x->size1);
  ok (sb_fokker_planck (m->score, NULL, t, x, out));
  return out;
}

// Slopes along coordinate j, or in time where j is TIME, by four values, and second ones by five; steps in shares of t.

static const size_t TIME = 9;

static gsl_vector *
by_values (numbers *f, const model *m, const gsl_matrix *x, const gsl_vector *t, size_t j, const double *weight,
           double step, int power)
{
  gsl_vector *sum = vector_all (x->size1, 0);
  for (int k = 0; k < 5; k++)
    {
      gsl_matrix *at = copy_of (x);
      gsl_vector *then = copy_of (t);
      for (size_t i = 0; i < x->size1; i++)
        *(j == TIME ? gsl_vector_ptr (then, i) : gsl_matrix_ptr (at, i, j)) += (k - 2) * step * gsl_vector_get (t, i);
      gsl_blas_daxpy (weight[k] / (12 * pow (step, power)), f (m, at, then), sum);
    }
  for (size_t i = 0; i < x->size1; i++)
    *gsl_vector_ptr (sum, i) *= pow (gsl_vector_get (t, i), -power);
  return sum;
}

static gsl_vector *
slope (numbers *f, const model *m, const gsl_matrix *x, const gsl_vector *t, size_t j)
{
  return by_values (f, m, x, t, j, (const double[]){ 1, -8, 0, 8, -1 }, 2e-3, 1);
}

static gsl_vector *
laplacian (numbers *f, const model *m, const gsl_matrix *x, const gsl_vector *t)
{
  gsl_vector *sum = vector_all (x->size1, 0);
  for (size_t j = 0; j < x->size2; j++)
    gsl_vector_add (sum, by_values (f, m, x, t, j, (const double[]){ -1, 16, -30, 16, -1 }, 1e-2, 2));
  return sum;
}

// ## Fields
//
// The derivative in time of the score, and its Laplacian: what is left of a path's rate where the point stands still,
// and what noise of unit size adds.

static int
still (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)x, (void)params;
  gsl_vector_set_zero (f);
  return GSL_SUCCESS;
}

static int
noise_of (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)t, (void)x;
  gsl_matrix_set_identity (G);
  return gsl_matrix_scale (G, *(double *)params);
}

static gsl_matrix *
rate_under_noise (double size, bool reversed, const sb_score *field, const gsl_matrix *x, const gsl_vector *t)
{
  const sb_ito ito = { x->size2, still, noise_of, NULL, &size };
  gsl_matrix *rate = matrix (x->size1, x->size2);
  ok (sb_ito_rate (&ito, reversed, field, SB_SCORE, NULL, t, x, rate));
  return rate;
}

static gsl_matrix *
score_rate (const model *m, const gsl_matrix *x, const gsl_vector *t)
{
  return rate_under_noise (0, false, m->score, x, t);
}

static gsl_matrix *
score_laplacian (const model *m, const gsl_matrix *x, const gsl_vector *t)
{
  gsl_matrix *all = rate_under_noise (1, false, m->score, x, t);
  gsl_matrix_sub (all, score_rate (m, x, t));
  gsl_matrix_scale (all, 2);
  return all;
}

static gsl_matrix *
product_with_score (const model *m, const gsl_matrix *x, const gsl_vector *t)
{
  gsl_matrix *out = matrix (x->size1, x->size2);
  ok (sb_score_jvp (m->score, SB_SCORE, x, t, NULL, score_at (m, x, t), out));
  return out;
}

static void
agree (const gsl_vector *a, const gsl_vector *b, double bound, const char *what)
{
  for (size_t i = 0; i < a->size; i++)
    cr_assert_float_eq (gsl_vector_get (a, i), gsl_vector_get (b, i), bound * (1 + fabs (gsl_vector_get (b, i))),
                        "%s, row %zu: %.12g, not %.12g", what, i, gsl_vector_get (a, i), gsl_vector_get (b, i));
}

// a <- factor t^power times a, element by element.

static gsl_vector *
times_t (double factor, int power, const gsl_vector *t, const gsl_vector *a)
{
  gsl_vector *out = copy_of (a);
  for (size_t i = 0; i < a->size; i++)
    *gsl_vector_ptr (out, i) *= factor * gsl_pow_int (gsl_vector_get (t, i), power);
  return out;
}

static gsl_vector *
product (const gsl_vector *a, const gsl_vector *b)
{
  gsl_vector *out = copy_of (a);
  gsl_vector_mul (out, b);
  return out;
}

static gsl_vector *
sum_of (const gsl_vector *a, const gsl_vector *b)
{
  gsl_vector *out = copy_of (a);
  gsl_vector_add (out, b);
  return out;
}

static gsl_vector *
column (const gsl_matrix *m, size_t j)
{
  gsl_vector_const_view view = gsl_matrix_const_column (m, j);
  return copy_of (&view.vector);
}

// ## Densities
//
// $\partial_t p = \tfrac12 g^2\triangle p$; [consistent.eq13] [consistent.lemA.3] $\partial_i p = p\,\partial_i\log p$
// and $\partial_t p = p\,\partial_t\log p$; [consistent.eq17]
// $\triangle p = p\lVert\nabla\log p\rVert^2 + p\,\triangle\log p$; [consistent.eq18] and so
// $\partial_t\log p = \tfrac12 g^2(\lVert\mathbf s\rVert^2 + \nabla\cdot\mathbf s)$. [consistent.lemA.12] The rate is
// that of any SDE that adds this noise alone, too.

static int
no_drift (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)x, (void)params;
  gsl_vector_set_zero (f);
  return GSL_SUCCESS;
}

static int
noise_of_edm (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)x, (void)params;
  gsl_matrix_set_identity (G);
  return gsl_matrix_scale (G, sqrt (2 * t));
}

Test (heat_equation, of_the_density)
{
  const model m = model_of (denoisers_m2 ());
  const gsl_matrix *x = normals (N, 2, 1), *s = score_at (&m, x, some_times ());
  const gsl_vector *t = some_times (), *p = density (&m, x, t), *p_rate = slope (density, &m, x, t, TIME),
                   *p_laplacian = laplacian (density, &m, x, t), *rate = log_density_rate (&m, x, t),
                   *square = squared_norm (&m, x, t), *trace = divergence (&m, x, t);
  const sb_ito noise_alone = { 2, no_drift, noise_of_edm, NULL, NULL };
  gsl_vector *by_ito = vector (N);
  ok (sb_fokker_planck_ito (&noise_alone, m.score, NULL, t, x, by_ito));
  agree (p_rate, times_t (1, 1, t, p_laplacian), 1e-7, "eq13");
  agree (by_ito, rate, 1e-7, "any SDE");
  agree (p_rate, product (p, rate), 1e-9, "eq17 in time");
  for (size_t j = 0; j < 2; j++)
    agree (slope (density, &m, x, t, j), product (p, column (s, j)), 1e-9, "eq17");
  agree (p_laplacian, product (p, sum_of (square, trace)), 1e-7, "eq18");
  agree (rate, times_t (1, 1, t, sum_of (square, trace)), 1e-12, "lemA.12");
  cr_assert_gt (gsl_vector_max (p_rate), .01);
}

// ## The score
//
// The steps of A.4: $\nabla\partial_t\log p = \partial_t\mathbf s$, [consistent.eq20]
// $\nabla\lVert\mathbf s\rVert^2 = 2\mathbf J_s\mathbf s$, [consistent.eq21]
// $\nabla\nabla\cdot\mathbf s = \triangle\mathbf s$, [consistent.eq22] and the gradient of the last equation,
// $\nabla\partial_t\log p = \tfrac12 g^2(\nabla\lVert\mathbf s\rVert^2 + \triangle\mathbf s)$; [consistent.eq19]
// together they are the score's own, in either form. [consistent.eq10] [consistent.txt-A5-form]

Test (heat_equation, of_the_score)
{
  const model m = model_of (denoisers_m2 ());
  const gsl_matrix *x = normals (N, 2, 1), *rate = score_rate (&m, x, some_times ()),
                   *Js = product_with_score (&m, x, some_times ()), *lap = score_laplacian (&m, x, some_times ());
  const gsl_vector *t = some_times ();
  for (size_t j = 0; j < 2; j++)
    {
      const gsl_vector *of_square = slope (squared_norm, &m, x, t, j), *of_rate = slope (log_density_rate, &m, x, t, j);
      agree (of_rate, column (rate, j), 1e-8, "eq20");
      agree (of_square, times_t (2, 0, t, column (Js, j)), 1e-8, "eq21");
      agree (slope (divergence, &m, x, t, j), column (lap, j), 1e-8, "eq22");
      agree (of_rate, times_t (1, 1, t, sum_of (of_square, column (lap, j))), 1e-8, "eq19");
      agree (column (rate, j), times_t (2, 1, t, sum_of (column (Js, j), times_t (.5, 0, t, column (lap, j)))), 1e-9,
             "eq10");
      agree (column (rate, j), times_t (1, 1, t, sum_of (of_square, column (lap, j))), 1e-8, "A.5");
    }
}

// The Laplacian is that of each coordinate, by differences of the score alone; the Jacobian is
// $\partial s_i/\partial x_j$, its trace the divergence, and
// $\mathbf u\cdot\mathbf J\mathbf v = \mathbf J^\top\mathbf u\cdot\mathbf v$. [consistent.defA.1]

static size_t coordinate;

static gsl_vector *
coordinate_of_score (const model *m, const gsl_matrix *x, const gsl_vector *t)
{
  return column (score_at (m, x, t), coordinate);
}

Test (heat_equation, derivatives_of_a_field)
{
  const model of[] = { model_of (denoisers_m2 ()), { NULL, denoiser_bent (edm (2)) }, { NULL, denoiser_n2 (edm (2)) } };
  const gsl_matrix *x = normals (N, 2, 1), *u = normals (N, 2, 2), *v = normals (N, 2, 3);
  const gsl_vector *t = some_times ();
  for (int k = 0; k < 3; k++)
    {
      gsl_matrix *Jv = matrix (N, 2), *back = matrix (N, 2), *lap = score_laplacian (&of[k], x, t);
      gsl_vector *trace = vector_all (N, 0);
      ok (sb_score_jvp (of[k].score, SB_SCORE, x, t, NULL, v, Jv));
      ok (sb_score_vjp (of[k].score, SB_SCORE, x, t, NULL, u, back));
      for (coordinate = 0; coordinate < 2; coordinate++)
        {
          const gsl_vector *row[]
              = { slope (coordinate_of_score, &of[k], x, t, 0), slope (coordinate_of_score, &of[k], x, t, 1) };
          agree (column (Jv, coordinate), sum_of (product (row[0], column (v, 0)), product (row[1], column (v, 1))),
                 1e-8, "J v");
          agree (column (lap, coordinate), laplacian (coordinate_of_score, &of[k], x, t), 1e-5, "Laplacian");
          gsl_vector_add (trace, row[coordinate]);
        }
      agree (divergence (&of[k], x, t), trace, 1e-8, "divergence");
      agree (sum_of (product (column (u, 0), column (Jv, 0)), product (column (u, 1), column (Jv, 1))),
             sum_of (product (column (v, 0), column (back, 0)), product (column (v, 1), column (back, 1))), 1e-12,
             "u J v");
    }
}

// Of a field that is no gradient $\nabla\lVert\mathbf s\rVert^2 = 2\mathbf J_s^\top\mathbf s$, and the two forms of the
// equation differ; the library's has $\mathbf J_s\mathbf s$. [consistent.eq21] [consistent.txt-A5-form]

Test (heat_equation, the_two_forms_differ_without_a_density)
{
  const model m = { NULL, denoiser_n2 (edm (2)) };
  const gsl_matrix *x = normals (N, 2, 1);
  const gsl_vector *t = some_times ();
  gsl_matrix *transposed = matrix (N, 2), *Js = product_with_score (&m, x, t), *left = matrix (N, 2);
  const gsl_matrix *rate = score_rate (&m, x, t), *lap = score_laplacian (&m, x, t);
  ok (sb_score_vjp (m.score, SB_SCORE, x, t, NULL, score_at (&m, x, t), transposed));
  ok (sb_score_pde (m.score, SB_SCORE, NULL, t, x, left));
  for (size_t j = 0; j < 2; j++)
    {
      const gsl_vector *sum = sum_of (column (Js, j), times_t (.5, 0, t, column (lap, j)));
      agree (slope (squared_norm, &m, x, t, j), times_t (2, 0, t, column (transposed, j)), 1e-9, "2 J^T s");
      agree (column (left, j), sum_of (column (rate, j), times_t (-2, 1, t, sum)), 1e-9, "J s");
    }
  cr_assert_gt (largest_difference (Js, transposed), .1);
}

// ## Back to the density
//
// From the score's equation $\log p$ is known but for a $c(t)$, and A.5 multiplies by $p$:
// $\partial_t q = \tfrac12 g^2\triangle q + c(t)\,q$. The last factor is not printed. With $q = p\,e^{.7v}$ on M1 at
// $x = .3$, $v = .6$ the left side less the Laplacian is $.7q = .1714030$, not .7. [consistent.eq23]

static gsl_vector *
growing (const model *m, const gsl_matrix *x, const gsl_vector *t)
{
  gsl_vector *q = density (m, x, t);
  for (size_t i = 0; i < q->size; i++)
    *gsl_vector_ptr (q, i) *= exp (.7 * gsl_pow_2 (gsl_vector_get (t, i)));
  return q;
}

Test (heat_equation, erratum_eq23_lacks_p)
{
  const model m = model_of (line_target (&LINE_M1));
  const gsl_matrix *x = matrix_of (1, 1, .3);
  const gsl_vector *t = vector_of (sqrt (.6));
  const double left = gsl_vector_get (slope (growing, &m, x, t, TIME), 0) / (2 * sqrt (.6))
                      - gsl_vector_get (laplacian (growing, &m, x, t), 0) / 2;
  cr_assert_float_eq (left, .7 * gsl_vector_get (growing (&m, x, t), 0), 1e-8);
  cr_assert_float_eq (left, .1714030, 1e-7);
}

// $c$ is 0, because mass stays: $\int\partial_tp = 0$ and $\int\triangle p = 0$. [consistent.txt-mass] And densities
// with the same score are the same, each being what the score says once it is normalised. [consistent.txt-normconst]

enum
{
  GRID = 6001
};

static gsl_matrix *
grid (void)
{
  gsl_matrix *x = matrix (GRID, 1);
  for (size_t i = 0; i < GRID; i++)
    gsl_matrix_set (x, i, 0, -15 + 30. * (double)i / (GRID - 1));
  return x;
}

static double
integral (const gsl_vector *f)
{
  double sum = 0;
  for (size_t i = 0; i < GRID; i++)
    sum += gsl_vector_get (f, i);
  return sum * 30. / (GRID - 1);
}

Test (heat_equation, mass_stays)
{
  const model m = model_of (line_target (&LINE_M1));
  const gsl_matrix *x = grid ();
  const double at[] = { .2, .7, 1.5 };
  for (int k = 0; k < 3; k++)
    {
      const gsl_vector *t = vector_all (GRID, at[k]), *p = density (&m, x, t),
                       *rate = product (p, log_density_rate (&m, x, t)),
                       *lap = product (p, sum_of (squared_norm (&m, x, t), divergence (&m, x, t)));
      cr_assert_float_eq (integral (p), 1, 1e-10);
      cr_assert_lt (fabs (integral (rate)), 1e-10);
      cr_assert_lt (fabs (integral (lap)), 1e-10);
      cr_assert_gt (gsl_vector_max (lap), .01);
    }
}

// From the left the score is summed up by Simpson's rule, of its values at the nodes and between them.

Test (heat_equation, a_score_has_one_density)
{
  const model m = model_of (line_target (&LINE_M1));
  const gsl_matrix *x = grid ();
  const gsl_vector *t = vector_all (GRID, .7), *p = density (&m, x, t), *s = column (score_at (&m, x, t), 0);
  gsl_matrix *halfway = grid ();
  gsl_matrix_add_constant (halfway, 15. / (GRID - 1));
  const gsl_vector *between = column (score_at (&m, halfway, t), 0);
  gsl_vector *q = vector (GRID);
  double log_q = gsl_vector_get (log_density (&m, x, t), 0) - 3;
  for (size_t i = 0; i < GRID; i++)
    {
      gsl_vector_set (q, i, exp (log_q));
      if (i + 1 < GRID)
        log_q
            += 5. / (GRID - 1) * (gsl_vector_get (s, i) + 4 * gsl_vector_get (between, i) + gsl_vector_get (s, i + 1));
    }
  cr_assert_lt (integral (q), .1);
  gsl_vector_scale (q, 1 / integral (q));
  for (size_t i = 0; i < GRID; i++)
    cr_assert_float_eq (gsl_vector_get (q, i), gsl_vector_get (p, i), 1e-9);
}

// ## Who else solves the heat equation
//
// From $p_{v_0}$ on, the heat kernel leads to $p_v$, and no other solution that is not negative begins there.
// [consistent.lemA.6] [consistent.eq13]

Test (heat_equation, the_heat_kernel_leads_on)
{
  const model m = model_of (line_target (&LINE_M1));
  const gsl_matrix *x = grid ();
  const double s = .4, t = 1.1;
  const gsl_vector *p_s = density (&m, x, vector_all (GRID, s));
  for (double at = -4; at <= 4; at += .25)
    {
      gsl_vector *k = vector (GRID);
      ok (sb_kernel_log_density (m.score->process, vector_all (GRID, s), vector_all (GRID, t), x,
                                 matrix_all (GRID, 1, at), k));
      for (size_t i = 0; i < GRID; i++)
        gsl_vector_set (k, i, exp (gsl_vector_get (k, i)) * gsl_vector_get (p_s, i));
      cr_assert_float_eq (integral (k), gsl_vector_get (density (&m, matrix_of (1, 1, at), vector_of (t)), 0), 1e-10);
    }
}

// Asked of continuous functions alone, the lemma is false. Tychonoff's function $u = \sum_k\phi^{(k)}(t)\,x^{2k}/(2k)!$
// with $\phi = e^{-1/t^2}$ goes to 0 as $t \to 0$, solves $\partial_tu = \triangle u$, and is not 0. The derivatives of
// $\phi$ come from its Taylor series at $t$, $\phi' = 2t^{-3}\phi$. [consistent.lemA.6]

enum
{
  TERMS = 40
};

static void
tychonoff (double t, double x, double *u, double *u_x)
{
  double c[TERMS + 1] = { exp (-1 / (t * t)) }, cube[TERMS], even = 1;
  for (int k = 0; k < TERMS; k++)
    {
      cube[k] = (k % 2 ? -1 : 1) * (k + 1) * (k + 2) * pow (t, -3 - k);
      for (int l = 0; l <= k; l++)
        c[k + 1] += cube[l] * c[k - l] / (k + 1);
    }
  *u = *u_x = 0;
  for (int k = 0; k <= TERMS; k++, even *= k * x * x / ((2 * k - 1) * 2 * k)) // k! x^2k / (2k)!
    {
      *u += c[k] * even;
      *u_x += c[k] * even * 2 * k / x;
    }
}

static int
heat (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)y, (void)params;
  double slope_here;
  for (size_t i = 0; i < x->size1; i++)
    tychonoff (gsl_vector_get (t, i), gsl_matrix_get (x, i, 0), gsl_matrix_ptr (out, i, 0), &slope_here);
  return GSL_SUCCESS;
}

static int
heat_jvp (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
          void *params)
{
  (void)y, (void)params;
  double u, u_x;
  for (size_t i = 0; i < x->size1; i++)
    {
      tychonoff (gsl_vector_get (t, i), gsl_matrix_get (x, i, 0), &u, &u_x);
      gsl_matrix_set (out, i, 0, u_x * gsl_matrix_get (v, i, 0));
    }
  return GSL_SUCCESS;
}

Test (heat_equation, erratum_lemA6_needs_growth_or_sign)
{
  const sb_score_callback c = { .view = SB_SCORE, .function = heat, .jvp = heat_jvp };
  const sb_score *u = scoped (sb_score_callback_alloc (&c, edm (1)));
  const gsl_matrix *x = matrix_of (4, 1, .1, .5, 1, 1.7);
  const gsl_vector *t = vector_of (.4, .7, .9, 1.2);
  gsl_matrix *value = matrix (4, 1), *then = rate_under_noise (0, true, u, x, t);
  cr_assert_lt (largest_difference (rate_under_noise (M_SQRT2, true, u, x, t), matrix_all (4, 1, 0)), 1e-9);
  cr_assert_gt (gsl_matrix_max (then), .1);
  ok (sb_score_evaluate (u, SB_SCORE, x, t, NULL, value));
  cr_assert_gt (gsl_matrix_max (value), .1);
  ok (sb_score_evaluate (u, SB_SCORE, x, vector_all (4, .05), NULL, value));
  cr_assert_lt (gsl_matrix_max (value), 1e-100);
}

// Two scores of laws that agree at one time agree at all: a linear one, $\mathbf s = \mathbf A\mathbf x$, moves with
// $\partial_v\mathbf A = \mathbf A^2$. From $v = .3$ Runge and Kutta's method leads to the library's at $v = 2$.
// [consistent.lemA.9]

static void
square (const gsl_matrix *A, double h, const gsl_matrix *B, gsl_matrix *out) // (B + h A)^2 where A is not NULL
{
  gsl_matrix *at = copy_of (B);
  if (A)
    {
      gsl_matrix *step = copy_of (A);
      gsl_matrix_scale (step, h);
      gsl_matrix_add (at, step);
    }
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, at, at, 0, out);
}

Test (heat_equation, scores_that_agree_once_agree_later)
{
  const gsl_matrix *C = matrix_of (3, 3, .9, .3, -.2, .3, .5, .1, -.2, .1, 1.4);
  const model m = model_of (scoped (sb_target_gaussian_alloc (vector_all (3, 0), C)));
  gsl_matrix *A = matrix (3, 3), *k[4], *e = matrix_all (3, 3, 0), *end = matrix (3, 3);
  gsl_matrix_set_identity (e);
  for (int i = 0; i < 4; i++)
    k[i] = matrix (3, 3);
  ok (sb_score_evaluate (m.score, SB_SCORE, e, vector_all (3, sqrt (.3)), NULL, A));
  const double h = 1.7 / 1000;
  for (int step = 0; step < 1000; step++)
    {
      const size_t mark = scope_mark ();
      square (NULL, 0, A, k[0]);
      square (k[0], h / 2, A, k[1]);
      square (k[1], h / 2, A, k[2]);
      square (k[2], h, A, k[3]);
      for (int i = 0; i < 4; i++)
        {
          gsl_matrix_scale (k[i], h / (i % 3 ? 3 : 6));
          if (i > 0)
            gsl_matrix_add (k[0], k[i]);
        }
      gsl_matrix_add (A, k[0]);
      scope_release (mark);
    }
  ok (sb_score_evaluate (m.score, SB_SCORE, e, vector_all (3, sqrt (2)), NULL, end));
  cr_assert_lt (largest_difference (A, end), 1e-10);
}

// ## With a drift
//
// With $d\mathbf x = \boldsymbol\mu\,dt + g\,d\mathbf w$ it is $\partial_t\log p = -\nabla\cdot\boldsymbol\mu -
// \boldsymbol\mu\cdot\nabla\log p + \tfrac12g^2(\lVert\nabla\log p\rVert^2 + \triangle\log p)$. The lemmas print
// $\mu\nabla\cdot\log p$ and $\mu\nabla\cdot p$, divergences of a number; read as $\sum_i\mu_i\sum_j\partial_j$ they
// are right on a line and nowhere else. Under VP, $\boldsymbol\mu = f\mathbf x$. [consistent.lemA.3]
// [consistent.lemA.12]

Test (heat_equation, erratum_lemA12_mu_div_log_p)
{
  const sb_process *vp = scoped (sb_vp_alloc (2, .1, 20));
  const sb_target *law = denoisers_m2 ();
  const model m = { law, scoped (sb_score_exact_alloc (law, vp)) };
  const gsl_matrix *x = normals (N, 2, 1);
  gsl_vector *t = level_times (1, N, 50), *right = copy_of (sum_of (squared_norm (&m, x, t), divergence (&m, x, t))),
             *printed = vector (N);
  const gsl_matrix *s = score_at (&m, x, t);
  for (size_t i = 0; i < N; i++)
    {
      const double f = number_of (vp, SB_F, 0, gsl_vector_get (t, i)),
                   g = number_of (vp, SB_G, 0, gsl_vector_get (t, i)), x_1 = gsl_matrix_get (x, i, 0),
                   x_2 = gsl_matrix_get (x, i, 1), s_1 = gsl_matrix_get (s, i, 0), s_2 = gsl_matrix_get (s, i, 1),
                   diffused = -2 * f + g * g / 2 * gsl_vector_get (right, i);
      gsl_vector_set (right, i, diffused - f * (x_1 * s_1 + x_2 * s_2));
      gsl_vector_set (printed, i, diffused - f * (x_1 + x_2) * (s_1 + s_2));
    }
  agree (slope (log_density, &m, x, t, TIME), right, 1e-8, "lemA.12");
  agree (log_density_rate (&m, x, t), right, 1e-12, "the same, of the library");
  gsl_vector_sub (printed, right);
  cr_assert_gt (gsl_blas_dnrm2 (printed), 1);
}

// Ornstein and Uhlenbeck's process $dx = -x\,dt + .8\,dw$ from $\mathcal N(1.3, .2)$, by its own score: at $x = .4$,
// $t = .5$ both sides are 1.0379658. [consistent.lemA.12] [consistent.lemA.3]

static int
towards_zero (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)params;
  gsl_vector_memcpy (f, x);
  return gsl_vector_scale (f, -1);
}

static double
ou_mean (double t)
{
  return 1.3 * exp (-t);
}

static double
ou_variance (double t)
{
  return .32 + (.2 - .32) * exp (-2 * t);
}

static int
ou_score (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)y, (void)params;
  for (size_t i = 0; i < x->size1; i++)
    gsl_matrix_set (out, i, 0,
                    (ou_mean (gsl_vector_get (t, i)) - gsl_matrix_get (x, i, 0)) / ou_variance (gsl_vector_get (t, i)));
  return GSL_SUCCESS;
}

static double
ou_log_density (double t, double x)
{
  return log (gsl_ran_gaussian_pdf (x - ou_mean (t), sqrt (ou_variance (t))));
}

Test (heat_equation, of_a_process_with_a_drift)
{
  double g = .8;
  const sb_ito ou = { 1, towards_zero, noise_of, NULL, &g };
  const sb_score_callback c = { .view = SB_SCORE, .function = ou_score };
  const sb_score *score = scoped (sb_score_callback_alloc (&c, edm (1)));
  gsl_matrix *x = normals (20, 1, 4);
  gsl_vector *t = vector (20), *rate = vector (20);
  gsl_matrix_set (x, 0, 0, .4);
  for (size_t i = 0; i < 20; i++)
    gsl_vector_set (t, i, .5 + .07 * (double)i);
  ok (sb_fokker_planck_ito (&ou, score, NULL, t, x, rate));
  cr_assert_float_eq (gsl_vector_get (rate, 0), 1.0379658, 1e-7);
  for (size_t i = 0; i < 20; i++)
    {
      const double h = 1e-3, t_i = gsl_vector_get (t, i), x_i = gsl_matrix_get (x, i, 0),
                   wanted = (ou_log_density (t_i - 2 * h, x_i) - 8 * ou_log_density (t_i - h, x_i)
                             + 8 * ou_log_density (t_i + h, x_i) - ou_log_density (t_i + 2 * h, x_i))
                            / (12 * h);
      cr_assert_float_eq (gsl_vector_get (rate, i), wanted, 1e-8 * (1 + fabs (wanted)), "row %zu", i);
    }
}

// So in the plane, and with noise that grows: $\boldsymbol\mu = -\mathbf x + .5\,(x_2, -x_1)$ turns the mean and
// shrinks it, and $g^2 = .64\,(1 + t)$ makes the variance $.16 + .32\,t + .04\,e^{-2t}$ of $.2$. [consistent.lemA.12]
// [consistent.lemA.3]

static int
round_and_round (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)params;
  gsl_vector_set (f, 0, -gsl_vector_get (x, 0) + .5 * gsl_vector_get (x, 1));
  gsl_vector_set (f, 1, -gsl_vector_get (x, 1) - .5 * gsl_vector_get (x, 0));
  return GSL_SUCCESS;
}

static int
growing_noise (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)x, (void)params;
  gsl_matrix_set_identity (G);
  return gsl_matrix_scale (G, .8 * sqrt (1 + t));
}

static int
without_divergence (double t, const gsl_vector *x, gsl_vector *divergence, void *params)
{
  (void)t, (void)x, (void)params;
  gsl_vector_set_zero (divergence);
  return GSL_SUCCESS;
}

static void
turned (double t, double mean[2], double *variance)
{
  mean[0] = 1.3 * exp (-t) * cos (.5 * t);
  mean[1] = -1.3 * exp (-t) * sin (.5 * t);
  *variance = .16 + .32 * t + .04 * exp (-2 * t);
}

static int
turned_score (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)y, (void)params;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < 2; j++)
      {
        double mean[2], variance;
        turned (gsl_vector_get (t, i), mean, &variance);
        gsl_matrix_set (out, i, j, (mean[j] - gsl_matrix_get (x, i, j)) / variance);
      }
  return GSL_SUCCESS;
}

static double
turned_log_density (double t, const double *x)
{
  double mean[2], v;
  turned (t, mean, &v);
  return -(gsl_pow_2 (x[0] - mean[0]) + gsl_pow_2 (x[1] - mean[1])) / (2 * v) - log (2 * M_PI * v);
}

Test (heat_equation, of_a_process_that_turns)
{
  const sb_ito ito = { 2, round_and_round, growing_noise, without_divergence, NULL };
  const sb_score_callback c = { .view = SB_SCORE, .function = turned_score };
  const gsl_matrix *x = normals (20, 2, 5);
  gsl_vector *t = level_times (1, 20, 20), *rate = vector (20);
  ok (sb_fokker_planck_ito (&ito, scoped (sb_score_callback_alloc (&c, edm (2))), NULL, t, x, rate));
  for (size_t i = 0; i < 20; i++)
    {
      const double h = 1e-3, t_i = gsl_vector_get (t, i), *x_i = gsl_matrix_const_ptr (x, i, 0),
                   wanted = (turned_log_density (t_i - 2 * h, x_i) - 8 * turned_log_density (t_i - h, x_i)
                             + 8 * turned_log_density (t_i + h, x_i) - turned_log_density (t_i + 2 * h, x_i))
                            / (12 * h);
      cr_assert_float_eq (gsl_vector_get (rate, i), wanted, 1e-8 * (1 + fabs (wanted)), "row %zu: %.12g, not %.12g", i,
                          gsl_vector_get (rate, i), wanted);
    }
}
