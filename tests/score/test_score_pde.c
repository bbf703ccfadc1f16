// # How fields change along the paths of an SDE
//
// The score of every law solves one partial differential equation, and so does the denoiser of every consistent model,
// conservative or not.

#include "denoisers.h"
#include "process/edm.h"
#include "process/ve.h"
#include "process/vp.h"
#include "scope.h"
#include "score/callback.h"
#include "score/exact.h"
#include "score/pde.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

SUITE (score_pde);

static sb_process *
edm (size_t d)
{
  return scoped (sb_edm_alloc (d, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX));
}

static sb_score *
exact (const sb_target *law)
{
  return scoped (sb_score_exact_alloc (law, edm (law->dimension)));
}

// ## SDEs with constant coefficients
//
// None of both is an SDE that stands still, along which a field changes by its derivative in time.

typedef struct
{
  double mu[2], G[4];
} constants;

static int
constant_drift (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)x;
  const constants *c = params;
  for (size_t j = 0; j < f->size; j++)
    gsl_vector_set (f, j, c->mu[j]);
  return GSL_SUCCESS;
}

static int
constant_diffusion (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)t, (void)x;
  const constants *c = params;
  for (size_t i = 0; i < G->size1; i++)
    for (size_t j = 0; j < G->size2; j++)
      gsl_matrix_set (G, i, j, c->G[2 * i + j]);
  return GSL_SUCCESS;
}

static gsl_matrix *
rate_along (constants c, bool reversed, const sb_score *field, sb_view view, const gsl_vector *t, const gsl_matrix *x)
{
  const sb_ito ito = { x->size2, constant_drift, constant_diffusion, NULL, &c };
  gsl_matrix *rate = matrix (x->size1, x->size2);
  ok (sb_ito_rate (&ito, reversed, field, view, NULL, t, x, rate));
  return rate;
}

static gsl_matrix *
time_derivative (const sb_score *field, sb_view view, const gsl_vector *t, const gsl_matrix *x)
{
  return rate_along ((constants){ 0 }, false, field, view, t, x);
}

static gsl_matrix *
residual (const sb_score *score, sb_view view, const gsl_vector *t, const gsl_matrix *x)
{
  gsl_matrix *rate = matrix (x->size1, x->size2);
  ok (sb_score_pde (score, view, NULL, t, x, rate), "%s", score->type->name);
  return rate;
}

// Points, and times with v between .01 and 1.5.

enum
{
  N = 60
};

static gsl_matrix *
points_in (size_t d)
{
  gsl_matrix *x = normals (N, d, 1);
  gsl_matrix_scale (x, 1.2);
  return x;
}

static gsl_vector *
some_times (void)
{
  gsl_vector *t = vector (N);
  for (size_t i = 0; i < N; i++)
    gsl_vector_set (t, i, sqrt (.01 * pow (150, ((double)i + .5) / N)));
  return t;
}

// ## Who solves the equation
//
// The scores and denoisers of all laws, to the digits that differences leave, [consistent.lemA.8] and those of any
// other consistent model: a constant, the identity, and one that is the gradient of nothing. [consistent.eq10]
// [consistent.eq16] [consistent.lemA.7] [consistent.txt-martingale-pde] The drift is $-g^2\mathbf s$, the noise $g$.
// [consistent.eq7] [consistent.defA.1]

static void
solves (const sb_score *score, double least_rate)
{
  const gsl_matrix *x = points_in (score->process->dimension);
  const gsl_vector *t = some_times ();
  const sb_view views[] = { SB_SCORE, SB_DENOISER };
  for (int k = 0; k < 2; k++)
    {
      const gsl_matrix *r = residual (score, views[k], t, x), *rate = time_derivative (score, views[k], t, x);
      double largest = 0;
      for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < x->size2; j++)
          {
            const double moves = fabs (gsl_matrix_get (rate, i, j));
            largest = larger (largest, moves);
            cr_assert_lt (fabs (gsl_matrix_get (r, i, j)), 1e-9 * (1 + moves), "%s, view %d, row %zu: %g of %g",
                          score->type->name, (int)views[k], i, gsl_matrix_get (r, i, j), moves);
          }
      cr_assert_geq (largest, least_rate);
    }
}

Test (score_pde, is_solved_by_every_law)
{
  solves (exact (line_target (&LINE_G)), .5);
  solves (exact (line_target (&LINE_M1)), .5);
  solves (exact (denoisers_m2 ()), .5);
  solves (exact (denoisers_two_points (1)), .5);
  solves (exact (denoisers_twenty_points (2)), .5);
}

Test (score_pde, is_solved_by_consistent_denoisers)
{
  solves (denoiser_n2 (edm (2)), .5);
  solves (denoiser_identity (edm (2)), 0);
  solves (denoiser_constant (edm (2), .7), 0);
}

// On another clock, to t = 1 from its least noise on. [consistent.eq10] [consistent.eq8] [consistent.lem3.1]
// [consistent.defA.1]

Test (score_pde, on_another_clock)
{
  const sb_process *ve = scoped (sb_ve_alloc (2, .1, 3));
  const sb_score *score = scoped (sb_score_exact_alloc (denoisers_m2 (), ve));
  const gsl_matrix *x = points_in (2);
  gsl_vector *t = level_times (1, N, N + 1);
  const sb_view views[] = { SB_SCORE, SB_DENOISER };
  for (int k = 0; k < 2; k++)
    {
      cr_assert_lt (largest_difference (residual (score, views[k], t, x), matrix_all (N, 2, 0)), 1e-8);
      cr_assert_gt (largest_difference (time_derivative (score, views[k], t, x), matrix_all (N, 2, 0)), 1);
    }
}

// ## Who does not
//
// A denoiser that is not consistent is off by what was computed by hand, with $u = s^2 + v$, $s^2 = 1/4$, and
// $dv/dt = 2t$: $\delta(1 - \delta)x/u^2$ for the score of D, and for the denoiser of S $-\delta(1 + \delta)s^4x/u^2v$.
// [consistent.eq10] [consistent.lemA.7]

Test (score_pde, is_missed_by_others)
{
  const double delta = .3;
  const gsl_matrix *x = points_in (1);
  const gsl_vector *t = some_times ();
  const gsl_matrix *of_d = residual (denoiser_d (edm (1), delta), SB_SCORE, t, x),
                   *of_s = residual (denoiser_s (edm (1), delta), SB_DENOISER, t, x);
  for (size_t i = 0; i < N; i++)
    {
      const double t_i = gsl_vector_get (t, i), v = t_i * t_i, u = .25 + v, x_i = gsl_matrix_get (x, i, 0);
      const double d = 2 * t_i * delta * (1 - delta) * x_i / (u * u),
                   s = -2 * t_i * delta * (1 + delta) * x_i / (16 * u * u * v);
      cr_assert_float_eq (gsl_matrix_get (of_d, i, 0), d, 1e-10 * (1 + fabs (d)), "row %zu", i);
      cr_assert_float_eq (gsl_matrix_get (of_s, i, 0), s, 1e-10 * (1 + fabs (s)), "row %zu", i);
    }
}

// Each row's equation is that of its own condition: of D, told $\delta$, by the score and by its derivative.
// [consistent.eq10] [consistent.lem3.1]

static int
told_delta (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
            void *params)
{
  (void)x, (void)params;
  for (size_t i = 0; i < v->size1; i++)
    gsl_matrix_set (out, i, 0,
                    -(1 - gsl_matrix_get (y, i, 0)) / (.25 + gsl_pow_2 (gsl_vector_get (t, i)))
                        * gsl_matrix_get (v, i, 0));
  return GSL_SUCCESS;
}

static int
told_score (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  return told_delta (x, t, y, x, out, params);
}

Test (score_pde, is_that_of_each_row_s_condition)
{
  const sb_score_callback told = { .view = SB_SCORE, .function = told_score, .jvp = told_delta };
  const sb_score *score = scoped (sb_score_callback_alloc (&told, edm (1)));
  const gsl_matrix *x = points_in (1);
  const gsl_vector *t = some_times ();
  gsl_matrix *y = matrix (N, 1), *rate = matrix (N, 1);
  for (size_t i = 0; i < N; i++)
    gsl_matrix_set (y, i, 0, (double)i / N);
  ok (sb_score_pde (score, SB_SCORE, y, t, x, rate));
  for (size_t i = 0; i < N; i++)
    {
      const double delta = gsl_matrix_get (y, i, 0), t_i = gsl_vector_get (t, i), u = .25 + t_i * t_i,
                   wanted = 2 * t_i * delta * (1 - delta) * gsl_matrix_get (x, i, 0) / (u * u);
      cr_assert_float_eq (gsl_matrix_get (rate, i, 0), wanted, 1e-10 * (1 + fabs (wanted)), "row %zu", i);
    }
}

// So are the rates along $dx = x\,dt + \sqrt{2t}\,dw$: of that score itself, which is linear, $\partial_ts + s'x$, and
// of a log density that has it, $-1 + ts' - xs + ts^2$. [consistent.eq12] [consistent.eq13]

static int
outwards (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)params;
  return gsl_vector_memcpy (f, x);
}

static int
as_time_goes (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)x, (void)params;
  gsl_matrix_set (G, 0, 0, sqrt (2 * t));
  return GSL_SUCCESS;
}

Test (score_pde, rates_are_those_of_each_row_s_condition)
{
  const sb_ito ito = { 1, outwards, as_time_goes, NULL, NULL };
  const sb_score_callback told = { .view = SB_SCORE, .function = told_score, .jvp = told_delta };
  const sb_score *score = scoped (sb_score_callback_alloc (&told, edm (1)));
  const gsl_matrix *x = points_in (1);
  const gsl_vector *t = some_times ();
  gsl_matrix *y = matrix (N, 1), *rate = matrix (N, 1);
  gsl_vector *of_density = vector (N);
  for (size_t i = 0; i < N; i++)
    gsl_matrix_set (y, i, 0, (double)i / N);
  ok (sb_ito_rate (&ito, false, score, SB_SCORE, y, t, x, rate));
  ok (sb_fokker_planck_ito (&ito, score, y, t, x, of_density));
  for (size_t i = 0; i < N; i++)
    {
      const double t_i = gsl_vector_get (t, i), x_i = gsl_matrix_get (x, i, 0), u = .25 + t_i * t_i,
                   slope = -(1 - gsl_matrix_get (y, i, 0)) / u, s = slope * x_i,
                   wanted = -slope / u * 2 * t_i * x_i + slope * x_i,
                   density = -1 + t_i * slope - x_i * s + t_i * s * s;
      cr_assert_float_eq (gsl_matrix_get (rate, i, 0), wanted, 1e-10 * (1 + fabs (wanted)), "row %zu", i);
      cr_assert_float_eq (gsl_vector_get (of_density, i), density, 1e-9 * (1 + fabs (density)), "row %zu", i);
    }
}

// The denoiser's equation is $\sigma_t^2$ times the score's, of any denoiser. [consistent.eq16] [consistent.lemA.7]

Test (score_pde, of_score_and_denoiser_are_one)
{
  const sb_score *const of[] = { denoiser_bent (edm (2)), denoiser_d (edm (2), .4), denoiser_s (edm (2), -.2) };
  for (int k = 0; k < 3; k++)
    {
      const gsl_matrix *x = points_in (2);
      const gsl_vector *t = some_times ();
      const gsl_matrix *r_s = residual (of[k], SB_SCORE, t, x), *r_h = residual (of[k], SB_DENOISER, t, x);
      cr_assert_gt (largest_difference (r_h, matrix_all (N, 2, 0)), .1);
      for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < 2; j++)
          cr_assert_float_eq (gsl_matrix_get (r_h, i, j),
                              gsl_pow_2 (gsl_vector_get (t, i)) * gsl_matrix_get (r_s, i, j), 1e-10, "%d, row %zu", k,
                              i);
    }
}

// Of a score that is no gradient it is $\mathbf J_s\mathbf s$ that it moves with, not $\mathbf J_s^\top\mathbf s$.
// [consistent.eq10]

Test (score_pde, takes_the_jacobian_not_its_transposed)
{
  const sb_score *n2 = denoiser_n2 (edm (2));
  const gsl_matrix *x = matrix_of (1, 2, .7, -1.2);
  const gsl_vector *t = vector_of (sqrt (.8));
  gsl_matrix *s = matrix (1, 2), *Js = matrix (1, 2), *transposed = matrix (1, 2),
             *moves = time_derivative (n2, SB_SCORE, t, x);
  gsl_matrix_scale (moves, 1 / (2 * sqrt (.8)));
  ok (sb_score_evaluate (n2, SB_SCORE, x, t, NULL, s));
  ok (sb_score_jvp (n2, SB_SCORE, x, t, NULL, s, Js));
  ok (sb_score_vjp (n2, SB_SCORE, x, t, NULL, s, transposed));
  cr_assert_lt (largest_difference (moves, Js), 1e-12);
  cr_assert_lt (largest_difference (Js, matrix_of (1, 2, .349176, -.191131)), 5e-7);
  cr_assert_lt (largest_difference (transposed, matrix_of (1, 2, .200573, -.343840)), 5e-7);
}

// ## Itô's formula, in both directions of time
//
// $F_i = e^{\mathbf a_i\cdot\mathbf x + b_it}$ has the rate
// $(b_i + \mathbf a_i\cdot\boldsymbol\mu \pm \tfrac12\lVert\mathbf G^\top\mathbf a_i\rVert^2)\,F_i$.

static const double a_of[2][2] = { { .4, -.3 }, { .2, .9 } }, b_of[2] = { .3, -.5 };

static int
exponentials (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)y, (void)params;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < x->size2; k++)
      {
        double sum = b_of[k] * gsl_vector_get (t, i);
        for (size_t j = 0; j < x->size2; j++)
          sum += a_of[k][j] * gsl_matrix_get (x, i, j);
        gsl_matrix_set (out, i, k, exp (sum));
      }
  return GSL_SUCCESS;
}

static int
exponentials_jvp (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
                  void *params)
{
  exponentials (x, t, y, out, params);
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < x->size2; k++)
      {
        double along = 0;
        for (size_t j = 0; j < x->size2; j++)
          along += a_of[k][j] * gsl_matrix_get (v, i, j);
        *gsl_matrix_ptr (out, i, k) *= along;
      }
  return GSL_SUCCESS;
}

static sb_score *
exponential_field (size_t d)
{
  const sb_score_callback f = { .view = SB_SCORE, .function = exponentials, .jvp = exponentials_jvp };
  return scoped (sb_score_callback_alloc (&f, edm (d)));
}

// On a line the rate's exponential is the Gaussian moment, .4 of time backwards and forwards: 1.2286549076708977 (with
// the other sign 1.1665842) and 1.8329377361416. [consistent.eq12] [consistent.lemA.2]

Test (score_pde, ito_formula_on_a_line)
{
  const constants c = { { .5 }, { .9 } };
  const gsl_matrix *x = matrix_of (1, 1, .2);
  const gsl_vector *t = vector_of (1);
  const double F = exp (.4 * .2 + .3),
               back = gsl_matrix_get (rate_along (c, true, exponential_field (1), SB_SCORE, t, x), 0, 0),
               forth = gsl_matrix_get (rate_along (c, false, exponential_field (1), SB_SCORE, t, x), 0, 0);
  cr_assert_float_eq (F * exp (-.4 * back / F), 1.2286549076708977, 1e-12);
  cr_assert_float_eq (F * exp (-.4 * forth / F), 1.1665842, 1e-7);
  cr_assert_float_eq (F * exp (.4 * forth / F), 1.8329377361416, 1e-12);
}

// And of two fields in the plane with a matrix for $\mathbf G$. [consistent.eq12] [consistent.lemA.2]
// [consistent.defA.1]

Test (score_pde, ito_formula_in_the_plane)
{
  const constants c = { { .5, -.8 }, { .9, .2, -.4, .6 } };
  const gsl_matrix *x = points_in (2);
  const gsl_vector *t = some_times ();
  const sb_score *field = exponential_field (2);
  gsl_matrix *F = matrix (N, 2), *forth = rate_along (c, false, field, SB_SCORE, t, x),
             *back = rate_along (c, true, field, SB_SCORE, t, x);
  ok (sb_score_evaluate (field, SB_SCORE, x, t, NULL, F));
  for (size_t k = 0; k < 2; k++)
    {
      const double *a = a_of[k], along = b_of[k] + a[0] * c.mu[0] + a[1] * c.mu[1],
                   spread
                   = .5 * (gsl_pow_2 (a[0] * c.G[0] + a[1] * c.G[2]) + gsl_pow_2 (a[0] * c.G[1] + a[1] * c.G[3]));
      for (size_t i = 0; i < N; i++)
        {
          const double F_ik = gsl_matrix_get (F, i, k);
          cr_assert_float_eq (gsl_matrix_get (forth, i, k), (along + spread) * F_ik, 1e-11 * F_ik);
          cr_assert_float_eq (gsl_matrix_get (back, i, k), (along - spread) * F_ik, 1e-11 * F_ik);
        }
    }
}

// Coefficients that depend on both: every row has those at its own point and time. With $F = e^{.4x + .3t}$, $\mu =
// tx$ and $g = 1 + .2x^2t$ the rate is $(.3 + .4\mu \pm .08g^2)\,F$. [consistent.eq12] [consistent.lemA.2]

static int
own_drift (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)params;
  gsl_vector_set (f, 0, t * gsl_vector_get (x, 0));
  return GSL_SUCCESS;
}

static int
own_diffusion (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)params;
  gsl_matrix_set (G, 0, 0, 1 + .2 * gsl_pow_2 (gsl_vector_get (x, 0)) * t);
  return GSL_SUCCESS;
}

Test (score_pde, ito_formula_of_coefficients_that_vary)
{
  const sb_ito ito = { 1, own_drift, own_diffusion, NULL, NULL };
  const gsl_matrix *x = points_in (1);
  const gsl_vector *t = some_times ();
  gsl_matrix *forth = matrix (N, 1), *back = matrix (N, 1);
  ok (sb_ito_rate (&ito, false, exponential_field (1), SB_SCORE, NULL, t, x, forth));
  ok (sb_ito_rate (&ito, true, exponential_field (1), SB_SCORE, NULL, t, x, back));
  for (size_t i = 0; i < N; i++)
    {
      const double x_i = gsl_matrix_get (x, i, 0), t_i = gsl_vector_get (t, i), F = exp (.4 * x_i + .3 * t_i),
                   along = .3 + .4 * t_i * x_i, spread = .08 * gsl_pow_2 (1 + .2 * x_i * x_i * t_i);
      cr_assert_float_eq (gsl_matrix_get (forth, i, 0), (along + spread) * F, 1e-11 * F, "row %zu", i);
      cr_assert_float_eq (gsl_matrix_get (back, i, 0), (along - spread) * F, 1e-11 * F, "row %zu", i);
    }
}

// ## The reverse SDE as it is printed
//
// Along $dx = -g^2 s\,dt + g\,d\bar w$ with the score of a mixture its denoiser is a martingale; with the printed noise
// $g^2$ it is off by up to 2.3031 at $t = .3$ and 1.1686 at $t = 1$ in steps of .05 on $|x| \le 2$, and at $t = .5$,
// where $g = 1$, the two are one. [consistent.eq7] [consistent.txt-martingale-pde]

typedef struct
{
  const sb_score *score;
  double power; // of g, with the noise
} printed;

static int
printed_drift (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  const printed *p = params;
  double s;
  gsl_vector_const_view time = gsl_vector_const_view_array (&t, 1);
  gsl_matrix_view to = gsl_matrix_view_array (&s, 1, 1);
  gsl_matrix_const_view at = gsl_matrix_const_view_vector (x, 1, 1);
  const int status = sb_score_evaluate (p->score, SB_SCORE, &at.matrix, &time.vector, NULL, &to.matrix);
  gsl_vector_set (f, 0, -2 * t * s);
  return status;
}

static int
printed_diffusion (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)x;
  const printed *p = params;
  gsl_matrix_set (G, 0, 0, pow (2 * t, p->power / 2));
  return GSL_SUCCESS;
}

static double
largest_rate (const sb_score *field, sb_view view, double power, double t)
{
  printed p = { exact (line_target (&LINE_M1)), power };
  const sb_ito reverse = { 1, printed_drift, printed_diffusion, NULL, &p };
  gsl_matrix *x = matrix (81, 1), *rate = matrix (81, 1);
  for (size_t i = 0; i < 81; i++)
    gsl_matrix_set (x, i, 0, -2 + .05 * (double)i);
  ok (sb_ito_rate (&reverse, true, field, view, NULL, vector_all (81, t), x, rate));
  return largest_difference (rate, matrix_all (81, 1, 0));
}

Test (score_pde, erratum_eq7_noise)
{
  const sb_score *score = exact (line_target (&LINE_M1));
  const double t[] = { .3, .5, 1 }, wrong[] = { 2.3031, 0, 1.1686 };
  for (int k = 0; k < 3; k++)
    {
      cr_assert_lt (largest_rate (score, SB_DENOISER, 1, t[k]), 1e-9);
      cr_assert_float_eq (largest_rate (score, SB_DENOISER, 2, t[k]), wrong[k], 1e-4, "%g",
                          largest_rate (score, SB_DENOISER, 2, t[k]));
    }
}

// By that SDE, which is another at each row's time, the rate of a denoiser that is not right either is the one found
// without it. [consistent.eq16]

Test (score_pde, along_its_own_reverse_process)
{
  const sb_score *d = denoiser_d (edm (1), .3);
  printed p = { d, 1 };
  const sb_ito reverse = { 1, printed_drift, printed_diffusion, NULL, &p };
  gsl_matrix *rate = matrix (N, 1);
  ok (sb_ito_rate (&reverse, true, d, SB_DENOISER, NULL, some_times (), points_in (1), rate));
  cr_assert_lt (largest_difference (rate, residual (d, SB_DENOISER, some_times (), points_in (1))), 1e-11);
  cr_assert_gt (largest_difference (rate, matrix_all (N, 1, 0)), .1);
}

// The score is a martingale of the same process as well; the noise and the point itself are not.
// [consistent.txt-martingale-pde]

Test (score_pde, what_is_a_martingale)
{
  const sb_score *score = exact (line_target (&LINE_M1));
  cr_assert_lt (largest_rate (score, SB_SCORE, 1, .3), 1e-8);
  cr_assert_gt (largest_rate (score, SB_EPSILON, 1, .3), .1);
  cr_assert_gt (largest_rate (denoiser_identity (edm (1)), SB_DENOISER, 1, .3), .1);
}

// ## What cannot be done

static int
no_number (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)x, (void)params;
  gsl_vector_set_all (f, GSL_NAN);
  return GSL_SUCCESS;
}

Test (score_pde, what_does_not_fit_is_refused)
{
  static const sb_process_type bare = { .name = "bare" };
  const sb_score_callback f = { .view = SB_SCORE, .function = exponentials, .jvp = exponentials_jvp };
  const sb_score *of_no_parts
      = scoped (sb_score_callback_alloc (&f, scoped (sb_process_alloc (&bare, NULL, 2, 0, 1, 0)))),
      *ve = scoped (sb_score_exact_alloc (denoisers_m2 (), scoped (sb_ve_alloc (2, .1, 3))));
  const sb_score *score = exact (denoisers_m2 ());
  const sb_score *vp = scoped (sb_score_exact_alloc (denoisers_m2 (), scoped (sb_vp_alloc (2, .1, 20))));
  constants c = { 0 };
  const sb_ito ito = { 2, constant_drift, constant_diffusion, NULL, &c },
               narrow = { 1, constant_drift, constant_diffusion, NULL, &c }, empty = { .dimension = 2 },
               nan = { 2, no_number, constant_diffusion, NULL, &c };
  gsl_matrix *x = matrix_all (3, 2, 1), *wide = matrix_all (3, 3, 1), *rate = matrix (3, 2), *none = matrix (0, 2);
  gsl_vector *t = vector_all (3, .5), *two = vector_all (2, .5), *zero = vector_all (3, 0), *no = vector (0);
  refused (GSL_EBADLEN, sb_score_pde (score, SB_SCORE, NULL, t, wide, rate));
  refused (GSL_EBADLEN, sb_score_pde (score, SB_SCORE, NULL, two, x, rate));
  refused (GSL_EBADLEN, sb_score_pde (score, SB_SCORE, NULL, t, x, wide));
  refused (GSL_EBADLEN, sb_score_pde (score, SB_SCORE, NULL, t, x, matrix (2, 2)));
  refused (GSL_EINVAL, sb_score_pde (score, SB_SCORE, NULL, t, x, x));
  refused (GSL_EINVAL, sb_score_pde (score, (sb_view)0, NULL, t, x, rate));
  refused (GSL_EDOM, sb_score_pde (score, SB_SCORE, NULL, zero, x, rate));
  refused (GSL_EDOM, sb_score_pde (score, SB_SCORE, NULL, vector_of (1, 1, 0), x, rate));
  refused (GSL_EUNSUP, sb_score_pde (vp, SB_SCORE, NULL, t, x, rate));
  refused (GSL_EUNSUP, sb_score_pde (of_no_parts, SB_SCORE, NULL, t, x, rate));
  refused (GSL_EDOM, sb_score_pde (ve, SB_SCORE, NULL, vector_all (3, 1), x, rate));
  refused (GSL_EBADLEN, sb_ito_rate (&narrow, true, score, SB_SCORE, NULL, t, x, rate));
  refused (GSL_EINVAL, sb_ito_rate (&empty, true, score, SB_SCORE, NULL, t, x, rate));
  const sb_ito still = { 2, constant_drift, NULL, NULL, &c };
  refused (GSL_EINVAL, sb_ito_rate (&still, true, score, SB_SCORE, NULL, t, x, rate));
  refused (GSL_EBADFUNC, sb_ito_rate (&nan, true, score, SB_SCORE, NULL, t, x, rate));
  refused (GSL_EBADLEN, sb_ito_rate (&ito, true, score, SB_SCORE, NULL, t, wide, rate));
  ok (sb_score_pde (score, SB_SCORE, NULL, no, none, none));
  ok (sb_ito_rate (&ito, false, score, SB_SCORE, NULL, no, none, none));
}
