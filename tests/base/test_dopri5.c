// # What must be true of the Dormand-Prince method

#include "base/dopri5.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdint.h>

SUITE (dopri5);

// ## The tableau
//
// A Runge-Kutta method has order $p$ if and only if $\sum_i b_i \Phi_i(\tau) = 1/\gamma(\tau)$ for every rooted tree
// $\tau$ of at most $p$ nodes (Butcher; Hairer, Nørsett and Wanner, *Solving Ordinary Differential Equations I*,
// Theorem II.2.13). For a tree $\tau = [\tau_1, \ldots, \tau_m]$,
// $$ \Phi_i(\tau) = \prod_k \sum_j a_{ij} \Phi_j(\tau_k), \qquad \gamma(\tau) = |\tau| \prod_k \gamma(\tau_k). $$
// The trees are made from smaller ones: all ways to hang trees under a root, in non-decreasing order, so that each
// comes up once. There are 1, 1, 2, 4, 9 of 1, ..., 5 nodes.

enum
{
  STAGES = SB_DOPRI5_STAGES,
  MAX_TREES = 17,
  MAX_NODES = 5
};

typedef struct
{
  int nodes;
  double gamma, phi[STAGES];
} tree;

typedef struct
{
  tree trees[MAX_TREES];
  int count;
} forest;

// Hang trees numbered `from` and up under the root, until it has as many nodes as wanted.

static void
grow (forest *f, tree root, int from, int known, int nodes)
{
  if (root.nodes == nodes)
    {
      cr_assert_lt (f->count, MAX_TREES);
      root.gamma *= nodes;
      f->trees[f->count++] = root;
      return;
    }
  for (int k = from; k < known; k++)
    if (root.nodes + f->trees[k].nodes <= nodes)
      {
        tree larger = root;
        larger.nodes += f->trees[k].nodes;
        larger.gamma *= f->trees[k].gamma;
        for (int i = 0; i < STAGES; i++)
          {
            double sum = 0;
            for (int j = 0; j < STAGES; j++)
              sum += sb_dopri5.a[i][j] * f->trees[k].phi[j];
            larger.phi[i] *= sum;
          }
        grow (f, larger, k, known, nodes);
      }
}

static forest
all_trees (void)
{
  forest f = { .count = 0 };
  tree root = { .nodes = 1, .gamma = 1, .phi = { 1, 1, 1, 1, 1, 1, 1 } };
  for (int nodes = 1; nodes <= MAX_NODES; nodes++)
    grow (&f, root, 0, f.count, nodes);
  return f;
}

static double
order_defect (const tree *t, const double b[STAGES])
{
  double sum = 0;
  for (int i = 0; i < STAGES; i++)
    sum += b[i] * t->phi[i];
  return fabs (sum - 1 / t->gamma);
}

Test (dopri5, the_tableau_has_order_5)
{
  forest f = all_trees ();
  cr_assert_eq (f.count, MAX_TREES);
  for (int k = 0; k < f.count; k++)
    cr_assert_lt (order_defect (&f.trees[k], sb_dopri5.b), 1e-14, "tree %d of %d nodes", k, f.trees[k].nodes);
}

// The embedded solution has order 4 and no more: the difference is an estimate of its error.

Test (dopri5, the_embedded_solution_has_order_4)
{
  forest f = all_trees ();
  double worst = 0;
  for (int k = 0; k < f.count; k++)
    {
      double defect = order_defect (&f.trees[k], sb_dopri5.b_hat);
      if (f.trees[k].nodes <= 4)
        cr_assert_lt (defect, 1e-14, "tree %d of %d nodes", k, f.trees[k].nodes);
      worst = larger (worst, defect);
    }
  cr_assert_gt (worst, 1e-4);
}

// The stages are explicit and at the times that autonomous systems ask for, and the last is at the solution.

Test (dopri5, the_tableau_is_explicit_and_first_same_as_last)
{
  for (int i = 0; i < STAGES; i++)
    {
      double sum = 0;
      for (int j = 0; j < STAGES; j++)
        {
          sum += sb_dopri5.a[i][j];
          cr_assert (j < i || sb_dopri5.a[i][j] == 0, "a[%d][%d]", i, j);
        }
      cr_assert_float_eq (sum, sb_dopri5.c[i], 4e-15, "row %d", i);
      cr_assert_eq (sb_dopri5.a[STAGES - 1][i], sb_dopri5.b[i]);
    }
}

// ## A step
//
// On $y' = \lambda y$ a step multiplies by the method's stability function, which for these stages is
// $R(z) = 1 + z + z^2/2 + z^3/6 + z^4/24 + z^5/120 + z^6/600$ (Hairer and Wanner, *Solving Ordinary Differential
// Equations II*, Equation IV.2.13).

static int
linear (double t, const double y[], double dydt[], void *lambda)
{
  (void)t;
  dydt[0] = *(double *)lambda * y[0];
  return GSL_SUCCESS;
}

static double
linear_residual (const double *v, void *context)
{
  (void)context;
  double z = v[0], h = v[1], lambda = z / h, y = 1, yerr, dydt_out;
  gsl_odeiv2_system system = { linear, NULL, 1, &lambda };
  gsl_odeiv2_step *step = scoped (gsl_odeiv2_step_alloc (sb_odeiv2_step_dopri5, 1));
  int status = gsl_odeiv2_step_apply (step, 0, h, &y, &yerr, NULL, &dydt_out, &system);

  const double R[] = { 1, 1, 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 600 };
  double expected = 0;
  for (int p = 6; p >= 0; p--)
    expected = expected * z + R[p];
  return fabs (y - expected) / (1 + pow (fabs (z), 6)) + fabs (dydt_out - lambda * y) / fabs (lambda) + abs (status);
}

Test (dopri5, a_linear_step_is_the_stability_function)
{
  const property_parameter parameters[] = {
    { "z", PROPERTY_UNIFORM, -5, 5, 1 },
    { "h", PROPERTY_UNIFORM, -2, 2, 1 },
  };
  property_check ("a step on y' = lambda y is R(lambda h)", 1980, 200, 2, parameters, linear_residual, NULL, 1e-13);
}

// The error estimate, on $y' = g(t)$, is a combination of values of $g$ whose weights stand in Hairer's DOPRI5 as
// numbers of their own, not as differences.

static int
quadrature (double t, const double y[], double dydt[], void *params)
{
  (void)params;
  dydt[0] = exp (t);
  dydt[1] = cos (3 * t) + 0 * y[0];
  return GSL_SUCCESS;
}

Test (dopri5, the_error_is_the_difference_of_the_solutions)
{
  const double e[] = { 71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525, -1. / 40 };
  const double c[] = { 0, 0.2, 0.3, 0.8, 8. / 9, 1, 1 };
  gsl_odeiv2_system system = { quadrature, NULL, 2, NULL };
  gsl_odeiv2_step *step = scoped (gsl_odeiv2_step_alloc (sb_odeiv2_step_dopri5, 2));
  double t = 0.4, h = 0.7, y[2] = { 1, 2 }, yerr[2], expected[2] = { 0 };
  ok (gsl_odeiv2_step_apply (step, t, h, y, yerr, NULL, NULL, &system));

  for (int i = 0; i < STAGES; i++)
    {
      expected[0] += h * e[i] * exp (t + c[i] * h);
      expected[1] += h * e[i] * cos (3 * (t + c[i] * h));
    }
  for (int n = 0; n < 2; n++)
    cr_assert_float_eq (yerr[n], expected[n], 1e-15, "component %d: %g, not %g", n, yerr[n], expected[n]);
}

// ## Order
//
// On $y' = -y + \sin t$, whose solution is $(y_0 + \tfrac12)e^{-t} + \tfrac12(\sin t - \cos t)$, half the step leaves
// a 32nd of the error; and so it does where the system is not linear, $y' = \tfrac12 y^2 \cos t$, with the solution
// $1/(1 - \tfrac12 \sin t)$. Both start at $y_0 = 1$.

typedef struct
{
  size_t evaluations;
} counter;

static int
forced_decay (double t, const double y[], double dydt[], void *params)
{
  if (params)
    ((counter *)params)->evaluations++;
  dydt[0] = -y[0] + sin (t);
  return GSL_SUCCESS;
}

static double
forced_decay_at (double t)
{
  return 1.5 * exp (-t) + (sin (t) - cos (t)) / 2;
}

static int
bent (double t, const double y[], double dydt[], void *params)
{
  (void)params;
  dydt[0] = y[0] * y[0] * cos (t) / 2;
  return GSL_SUCCESS;
}

static double
bent_at (double t)
{
  return 1 / (1 - sin (t) / 2);
}

static double
fixed_step_error (int (*f) (double, const double *, double *, void *), double (*solution) (double), unsigned long steps)
{
  const double end = 3;
  double t = 0, y = 1, h = end / (double)steps;
  gsl_odeiv2_system system = { f, NULL, 1, NULL };
  gsl_odeiv2_driver *driver = scoped (gsl_odeiv2_driver_alloc_y_new (&system, sb_odeiv2_step_dopri5, h, 1, 1));
  ok (gsl_odeiv2_driver_apply_fixed_step (driver, &t, h, steps, &y));
  return fabs (y - solution (end));
}

Test (dopri5, half_the_step_leaves_a_32nd_of_the_error)
{
  for (unsigned long steps = 20; steps <= 40; steps *= 2)
    {
      double forced = fixed_step_error (forced_decay, forced_decay_at, steps)
                      / fixed_step_error (forced_decay, forced_decay_at, 2 * steps);
      double curved = fixed_step_error (bent, bent_at, steps) / fixed_step_error (bent, bent_at, 2 * steps);
      cr_assert (forced > 28 && forced < 36, "y' = -y + sin t, %lu steps: ratio %g", steps, forced);
      cr_assert (curved > 28 && curved < 36, "y' = y^2 cos t / 2, %lu steps: ratio %g", steps, curved);
    }
}

// A slope of 1 over a step of 1 is exactly 1; and steps that a double can hold lose nothing beside a larger $y$.

static int
unit_slope (double t, const double y[], double f[], void *params)
{
  (void)t, (void)y, (void)params;
  f[0] = 1;
  return GSL_SUCCESS;
}

Test (dopri5, a_step_is_rounded_once)
{
  const gsl_odeiv2_system system = { .function = unit_slope, .dimension = 1 };
  gsl_odeiv2_step *step = gsl_odeiv2_step_alloc (sb_odeiv2_step_dopri5, 1);
  double y = 0, error;
  cr_assert_eq (gsl_odeiv2_step_apply (step, 0, 1, &y, &error, NULL, NULL, &system), GSL_SUCCESS);
  cr_assert_eq (y, 1, "%.17g", y);
  y = 1;
  for (int i = 0; i < 10000; i++)
    gsl_odeiv2_step_apply (step, 0, 0x1p-20, &y, &error, NULL, NULL, &system);
  cr_assert_eq (y, 1 + 10000 * 0x1p-20, "%.17g", y);
  gsl_odeiv2_step_free (step);
}

// ## Evaluations
//
// A step alone takes seven, one that is given the derivative six, and both are the same step.

Test (dopri5, a_given_derivative_saves_an_evaluation)
{
  counter count = { 0 };
  gsl_odeiv2_system system = { forced_decay, NULL, 1, &count };
  gsl_odeiv2_step *step = scoped (gsl_odeiv2_step_alloc (sb_odeiv2_step_dopri5, 1));
  double y = 1, y_given = 1, yerr, yerr_given, out, out_given, in = -1 + sin (0.3);

  ok (gsl_odeiv2_step_apply (step, 0.3, 0.1, &y, &yerr, NULL, &out, &system));
  cr_assert_eq (count.evaluations, 7);
  ok (gsl_odeiv2_step_apply (step, 0.3, 0.1, &y_given, &yerr_given, &in, &out_given, &system));
  cr_assert_eq (count.evaluations, 13);
  cr_assert (y == y_given && yerr == yerr_given && out == out_given);
  cr_assert_float_eq (out, -y + sin (0.4), 1e-16);
}

// Under gsl_odeiv2_evolve, one at the start and six for every attempt, accepted or not; and the answer is right.

Test (dopri5, evolve_takes_six_evaluations_for_an_attempt)
{
  counter count = { 0 };
  gsl_odeiv2_system system = { forced_decay, NULL, 1, &count };
  gsl_odeiv2_step *step = scoped (gsl_odeiv2_step_alloc (sb_odeiv2_step_dopri5, 1));
  gsl_odeiv2_control *control = scoped (gsl_odeiv2_control_y_new (1e-9, 0));
  gsl_odeiv2_evolve *evolve = scoped (gsl_odeiv2_evolve_alloc (1));

  double t = 0, h = 1, y = 1;
  size_t accepted = 0;
  for (; t < 5; accepted++)
    ok (gsl_odeiv2_evolve_apply (evolve, control, step, &system, &t, 5, &h, &y));
  cr_assert_gt (evolve->failed_steps, 0);
  cr_assert_eq (count.evaluations, 1 + 6 * (accepted + evolve->failed_steps));
  cr_assert_float_eq (y, forced_decay_at (5), 1e-8);
}

Test (dopri5, works_under_a_driver_in_both_directions)
{
  gsl_odeiv2_system system = { forced_decay, NULL, 1, NULL };
  double t = 0, y = 1;
  gsl_odeiv2_driver *driver
      = scoped (gsl_odeiv2_driver_alloc_y_new (&system, sb_odeiv2_step_dopri5, 0.1, 1e-10, 1e-10));
  ok (gsl_odeiv2_driver_apply (driver, &t, 3, &y));
  cr_assert_float_eq (y, forced_decay_at (3), 1e-8);
  ok (gsl_odeiv2_driver_reset_hstart (driver, -0.1));
  ok (gsl_odeiv2_driver_apply (driver, &t, 0, &y));
  cr_assert_float_eq (y, 1, 1e-7);
}

Test (dopri5, introduces_itself)
{
  gsl_odeiv2_step *step = scoped (gsl_odeiv2_step_alloc (sb_odeiv2_step_dopri5, 3));
  cr_assert_str_eq (gsl_odeiv2_step_name (step), "dopri5");
  cr_assert_eq (gsl_odeiv2_step_order (step), 5);
  cr_assert (step->type->can_use_dydt_in && step->type->gives_exact_dydt_out);
  ok (gsl_odeiv2_step_reset (step));
}

// ## Failures
//
// If the system cannot be evaluated at some stage, the step says so and leaves y as it was.

typedef struct
{
  int calls, failing;
} failure;

static int
fails_at_a_call (double t, const double y[], double dydt[], void *params)
{
  failure *f = params;
  if (f->calls++ == f->failing)
    return GSL_EBADFUNC;
  return forced_decay (t, y, dydt, NULL);
}

Test (dopri5, a_failed_evaluation_leaves_y_alone)
{
  gsl_odeiv2_step *step = scoped (gsl_odeiv2_step_alloc (sb_odeiv2_step_dopri5, 1));
  for (int failing = 0; failing <= 7; failing++)
    {
      failure f = { .failing = failing };
      gsl_odeiv2_system system = { fails_at_a_call, NULL, 1, &f };
      double y = 1, yerr = 5, out = 5;
      int status = gsl_odeiv2_step_apply (step, 0, 0.1, &y, &yerr, NULL, &out, &system);
      cr_assert_eq (status, failing < 7 ? GSL_EBADFUNC : GSL_SUCCESS, "call %d", failing);
      cr_assert_eq (f.calls, failing < 7 ? failing + 1 : 7, "call %d", failing);
      cr_assert_eq (y == 1, failing < 7, "call %d", failing);
    }
}

Test (dopri5, a_system_may_be_too_large)
{
  cr_assert_null (gsl_odeiv2_step_alloc (sb_odeiv2_step_dopri5, SIZE_MAX / 8));
  cr_assert_null (gsl_odeiv2_step_alloc (sb_odeiv2_step_dopri5, SIZE_MAX / 100));
}
