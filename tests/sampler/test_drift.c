// # What must be true of the reverse drift and the flow's velocity
//
// Whatever the process, running its SDE forwards and its reverse backwards must give the same laws. For Gaussian data
// in the plane, with full matrices F and G, that is an equation between 2 x 2 matrices.

#include "sampler/drift.h"
#include "linear.h"
#include "process/ito.h"
#include "process/ddpm.h"
#include "process/ve.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"
#include "recursion.h"
#include "score/callback.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE (drift);

typedef int (*field) (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                      gsl_matrix *out);

// The field's matrix: what becomes of the unit vectors, as columns.

static void
field_matrix (field f, const linear *state, double t, double *B)
{
  sb_process *process = linear_alloc (state);
  sb_score *score = scoped (sb_score_alloc (&linear_score_type, (void *)state, process));
  double out[4];
  gsl_matrix_view b = gsl_matrix_view_array (out, 2, 2);
  ok (f (score, NULL, vector_all (2, t), matrix_of (2, 2, 1, 0, 0, 1), &b.matrix));
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++)
      B[2 * i + j] = out[2 * j + i];
}

// Central differences of $\operatorname{Cov}[x_t]$, good to $10^{-9}$.

static void
covariance_slope (const linear *state, double t, double *slope)
{
  double h = 1e-5, later[4], earlier[4];
  linear_covariance (state, t + h, later);
  linear_covariance (state, t - h, earlier);
  for (int i = 0; i < 4; i++)
    slope[i] = (later[i] - earlier[i]) / (2 * h);
}

// $M C + C M^{\mathsf T}$, the change of a covariance under the velocity $M\mathbf x$.

static void
symmetric_product (const double *M, const double *C, double *out)
{
  double MC[4];
  linear_multiply (M, CblasNoTrans, C, CblasNoTrans, MC);
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++)
      out[2 * i + j] = MC[2 * i + j] + MC[2 * j + i];
}

// ## Same moments, backwards
//
// The flow alone must change the covariance as the SDE does, $VC + CV^{\mathsf T} = \dot C$; [scoresde.eq13]
// [scoresde.eq42] the reverse SDE adds noise while time falls, so that
// $BC + CB^{\mathsf T} - GG^{\mathsf T} = \dot C$. [scoresde.eq6] [scoresde.txt-rev-sde-G] A weight of 1 for 1/2, G
// for its transpose, or g for g^2 breaks one or both.

static double
moments_residual (const double *v, void *context)
{
  linear state = linear_random (v[0]);
  double t = v[1], C[4], slope[4], V[4], B[4], GG[4], by_flow[4], by_sde[4], worst = 0;
  (void)context;
  linear_covariance (&state, t, C);
  covariance_slope (&state, t, slope);
  linear_multiply (state.G, CblasNoTrans, state.G, CblasTrans, GG);
  field_matrix (sb_flow_velocity, &state, t, V);
  field_matrix (sb_reverse_drift, &state, t, B);
  symmetric_product (V, C, by_flow);
  symmetric_product (B, C, by_sde);
  for (int i = 0; i < 4; i++)
    {
      worst = larger (worst, fabs (by_flow[i] - slope[i]));
      worst = larger (worst, fabs (by_sde[i] - GG[i] - slope[i]));
    }
  return worst;
}

static const property_parameter parameters[]
    = { { "seed", PROPERTY_INTEGER, 1, 1e6, 1 }, { "t", PROPERTY_UNIFORM, 0.01, 0.99, 0.5 } };

Test (drift, same_moments_backwards)
{
  property_check ("reverse drift and flow undo the forward SDE", 1, 200, 2, parameters, moments_residual, NULL, 1e-7);
}

// ## The formulas themselves
//
// At a point: $\mathbf F\mathbf x - w\,\mathbf G\mathbf G^{\mathsf T}\mathbf s$, multiplied out element by element, w
// = 1 and 1/2. With multiples of the identity, F = f I and G = g I, it is $f\mathbf x - w\,g^2\mathbf s$. As an SDE by
// callbacks, whose G may depend on the place, but does not, it says the same. [scoresde.eq6] [scoresde.eq42]
// [scoresde.txt-rev-sde-G] [scoresde.eq16] [soft.eq3]

static int
linear_F (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  const linear *state = params;
  (void)t;
  for (size_t i = 0; i < 2; i++)
    gsl_vector_set (f, i, state->F[2 * i] * gsl_vector_get (x, 0) + state->F[2 * i + 1] * gsl_vector_get (x, 1));
  return GSL_SUCCESS;
}

static int
linear_G (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  const linear *state = params;
  (void)t, (void)x;
  for (size_t k = 0; k < 4; k++)
    gsl_matrix_set (G, k / 2, k % 2, state->G[k]);
  return GSL_SUCCESS;
}

static double
formula_residual (const double *v, void *context)
{
  linear state = linear_random (v[0]);
  double worst = 0;
  if (context != NULL) // multiples of the identity
    for (int i = 0; i < 4; i++)
      {
        state.F[i] = i == 0 || i == 3 ? -0.4 : 0;
        state.G[i] = i == 0 || i == 3 ? 1.3 : 0;
      }
  sb_process *process = linear_alloc (&state);
  sb_score *score = scoped (sb_score_alloc (&linear_score_type, &state, process));
  const gsl_vector *t = vector_of (v[1]);
  const sb_ito ito = { 2, linear_F, linear_G, NULL, &state };
  gsl_matrix *x = matrix_of (1, 2, 0.3, -1.7), *s = matrix (1, 2), *out = matrix (1, 2), *by_callbacks = matrix (1, 2);
  ok (sb_score_evaluate (score, SB_SCORE, x, t, NULL, s));
  for (int half = 0; half <= 1; half++)
    {
      ok ((half ? sb_flow_velocity : sb_reverse_drift) (score, NULL, t, x, out));
      ok ((half ? sb_ito_flow_velocity : sb_ito_reverse_drift) (&ito, t, x, s, by_callbacks));
      for (int i = 0; i < 2; i++)
        {
          double expected = 0, size = 0;
          for (int j = 0; j < 2; j++)
            {
              expected += state.F[2 * i + j] * x->data[j];
              for (int k = 0; k < 2; k++)
                {
                  double term = (half ? 0.5 : 1) * state.G[2 * i + k] * state.G[2 * j + k] * s->data[j];
                  expected -= term;
                  size += fabs (term);
                }
            }
          worst = larger (worst, fabs (out->data[i] - expected) / (1 + size));
          cr_assert_float_eq (by_callbacks->data[i], expected, 1e-8 * (1 + size)); // its divergence is by differences
        }
    }
  return worst;
}

Test (drift, formulas)
{
  int scalar = 1;
  property_check ("the formula, matrices", 2, 200, 2, parameters, formula_residual, NULL, 1e-15);
  property_check ("the formula, multiples of the identity", 3, 200, 2, parameters, formula_residual, &scalar, 1e-15);
}

// Each row has the coefficients of its own time, and its own condition $y$, which is added to the point: under VP
// $-\tfrac12\beta(t)(\mathbf x + 2w\,\mathbf s)$, under VE $-w\,\sigma(t)^2\,2\ln(\sigma_{\max}/\sigma_{\min})\,\mathbf
// s$. [scoresde.eq6] [scoresde.eq42]

static int
some_score (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)params;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j++)
      gsl_matrix_set (out, i, j,
                      cos (gsl_vector_get (t, i) + gsl_matrix_get (x, i, j) + (y ? gsl_matrix_get (y, i, 0) : 0)));
  return GSL_SUCCESS;
}

Test (drift, rows_have_their_own_times)
{
  const sb_process *const of[] = { scoped (sb_vp_alloc (2, .1, 20)), scoped (sb_ve_alloc (2, .01, 50)) };
  const sb_score_callback c = { .view = SB_SCORE, .function = some_score };
  const gsl_vector *t = vector_of (.2, .9, .5);
  const gsl_matrix *x = normals (3, 2, 4), *y = normals (3, 1, 5);
  for (int ve = 0; ve < 2; ve++)
    for (int half = 0; half < 2; half++)
      {
        gsl_matrix *out = matrix (3, 2);
        ok ((half ? sb_flow_velocity : sb_reverse_drift) (scoped (sb_score_callback_alloc (&c, of[ve])), y, t, x, out));
        for (size_t i = 0; i < 3; i++)
          for (size_t j = 0; j < 2; j++)
            {
              const double at = gsl_vector_get (t, i), x_ij = gsl_matrix_get (x, i, j), w = half ? .5 : 1,
                           beta = .1 + 19.9 * at, g2 = ve ? 1e-4 * pow (5000, 2 * at) * 2 * log (5000) : beta,
                           wanted = (ve ? 0 : -beta / 2 * x_ij) - w * g2 * cos (at + x_ij + gsl_matrix_get (y, i, 0));
              cr_assert_float_eq (gsl_matrix_get (out, i, j), wanted, 1e-13 * (1 + g2), "%s, row %zu: %.12g, not %.12g",
                                  of[ve]->type->name, i, gsl_matrix_get (out, i, j), wanted);
            }
      }
}

// Standard normal data do not move under VP: the velocity of the flow is 0. [scoresde.eq13]

Test (drift, nothing_flows_at_rest)
{
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  const recursion data = { .process = vp, .lambda = vector_of (1, 1), .factor = 1 };
  sb_score *score = scoped (sb_score_alloc (&recursion_score_type, (void *)&data, vp));
  gsl_matrix *x = matrix_of (2, 2, 0.5, -2, 100, 0), *b = matrix (2, 2);
  for (double t = 0.001; t < 1; t += 0.1)
    {
      ok (sb_flow_velocity (score, NULL, vector_all (2, t), x, b));
      for (int i = 0; i < 4; i++)
        cr_assert_float_eq (b->data[i], 0, 4e-15 * (1 + fabs (x->data[i])) * (0.1 + 19.9 * t), "t = %g, x = %g: %g", t,
                            x->data[i], b->data[i]);
    }
}

// Forwards it is F x alone, of one row as of many.

Test (drift, forwards_it_is_the_process_s)
{
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  const recursion data = { .process = vp, .lambda = vector_of (1, 1), .factor = 1 };
  sb_score *score = scoped (sb_score_alloc (&recursion_score_type, (void *)&data, vp));
  for (size_t n = 1; n < 4; n++)
    {
      const gsl_matrix *x = normals (n, 2, n);
      gsl_matrix *out = matrix_all (n, 2, 99);
      ok (sb_forward_drift (score, NULL, vector_all (n, 0.5), x, out));
      for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < 2; j++)
          cr_assert_float_eq (gsl_matrix_get (out, i, j), -(0.1 + 19.9 * 0.5) / 2 * gsl_matrix_get (x, i, j), 1e-13);
    }
}

// ## What callers can do wrong

static int
status_of (field f, const sb_process *process, double lambda_value, double t, size_t d, size_t out_rows)
{
  gsl_vector *lambda = vector_of (lambda_value, 1);
  recursion data = { .process = process, .lambda = lambda, .factor = 1 };
  sb_score *score = scoped (sb_score_alloc (&recursion_score_type, &data, process));
  gsl_matrix *x = matrix_all (2, d, 1), *out = matrix (out_rows, d);
  return f (score, NULL, vector_all (2, t), x, out);
}

// VE's kernel jumps at 0, and its SDE begins at epsilon. [scoresde.txt-t0-jump]

Test (drift, wrong_arguments)
{
  const field fields[] = { sb_reverse_drift, sb_flow_velocity };
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20)), *ve = scoped (sb_ve_alloc (2, 0.01, 50)),
             *ddpm = scoped (sb_ddpm_alloc (2, 10, 0.1, 5));
  for (int i = 0; i < 2; i++)
    {
      ok (status_of (fields[i], vp, 1, 0.5, 2, 2));
      refused (GSL_EBADLEN, status_of (fields[i], vp, 1, 0.5, 3, 2));
      refused (GSL_EBADLEN, status_of (fields[i], vp, 1, 0.5, 2, 1));
      refused (GSL_EDOM, status_of (fields[i], vp, 1, 0.5e-3, 2, 2));
      ok (status_of (fields[i], ve, 1, 1e-5, 2, 2));
      refused (GSL_EDOM, status_of (fields[i], ve, 1, 0.5e-5, 2, 2));
      refused (GSL_EDOM, status_of (fields[i], ve, 1, 0, 2, 2));
      refused (GSL_EDOM, status_of (fields[i], vp, 1, 1.1, 2, 2));
      refused (GSL_EDOM, status_of (fields[i], vp, 1, GSL_NAN, 2, 2));
      refused (GSL_EBADFUNC, status_of (fields[i], vp, GSL_NAN, 0.5, 2, 2));
      refused (GSL_EUNSUP, status_of (fields[i], ddpm, 1, 0.5, 2, 2));

      const sb_score_callback c = { .view = SB_SCORE, .function = some_score };
      refused (GSL_EDOM,
               fields[i](scoped (sb_score_callback_alloc (&c, vp)), NULL, vector_of (0.5, 0.5e-3), matrix_all (2, 2, 1),
                         matrix (2, 2)),
               "in the second row alone");
    }
}
