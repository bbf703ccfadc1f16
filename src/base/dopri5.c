// # The method of Dormand and Prince
//
// The paper solves its probability flow ODE with RK45 of scipy.integrate.solve_ivp (Song et al., 2021, Appendices D.2
// and D.4). This is that method (Dormand and Prince, *A family of embedded Runge-Kutta formulae*, 1980), which GSL does
// not have, as one more of GSL's step types. Its seven stages and two solutions are
// $$ k_i = f\Bigl(t + c_i h,\; y + h\sum_{j<i} a_{ij} k_j\Bigr), \qquad
//    y_1 = y + h\sum_i b_i k_i, \qquad \hat y_1 = y + h\sum_i \hat b_i k_i, $$
// of orders 5 and 4; their difference estimates the error of the second.

#include "dopri5.h"

#include "clones.h"
#include "checks.h"
#include "error.h"

#include <gsl/gsl_errno.h>
#include <stdlib.h>
#include <string.h>

const sb_dopri5_tableau sb_dopri5 = {
  .c = { 0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1 },
  .a = {
    { 0 },
    { 1. / 5 },
    { 3. / 40, 9. / 40 },
    { 44. / 45, -56. / 15, 32. / 9 },
    { 19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729 },
    { 9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656 },
    { 35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84 },
  },
  .b = { 35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84, 0 },
  .b_hat = { 5179. / 57600, 0, 7571. / 16695, 393. / 640, -92097. / 339200, 187. / 2100, 1. / 40 },
};

enum
{
  STAGES = SB_DOPRI5_STAGES
};

// ## A step
//
// All vectors are rows of one block: the stages $k_i$, and the argument of the current stage.

typedef struct
{
  double *k[STAGES];
  double *argument;
} dopri5_state;

static void *
dopri5_alloc (size_t dim)
{
  if (sb_check_lengths ("a system's equations", dim, 1, 1))
    return NULL;
  dopri5_state *state = malloc (sizeof *state);
  double *block = malloc ((STAGES + 1) * dim * sizeof *block);
  if (!state || !block)
    {
      free (state);
      free (block);
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a Dormand-Prince step");
    }

  for (int i = 0; i < STAGES; i++)
    state->k[i] = block + (size_t)i * dim;
  state->argument = block + STAGES * dim;
  return state;
}

static void
dopri5_free (void *vstate)
{
  dopri5_state *state = vstate;
  free (state->k[0]);
  free (state);
}

// out <- y + h sum_j weight_j k_j (y NULL: 0), a piece of the vectors at a time. The increment is summed first, and $y$
// rounded once. In this order, from the last stage to the first, the rounded $b_i$ sum to 1 exactly.

enum
{
  PIECE = 256
};

SB_CLONES static void
add_stages (size_t dim, const double *y, double h, const double *weight, int stages, double *const *k, double *out)
{
  double sum[PIECE];
  for (size_t first = 0; first < dim; first += PIECE)
    {
      const size_t count = dim - first < PIECE ? dim - first : PIECE;
      memset (sum, 0, sizeof sum);
      for (int j = stages; j-- > 0;)
        {
#pragma omp simd
          for (size_t n = 0; n < count; n++)
            sum[n] += weight[j] * k[j][first + n];
        }
#pragma omp simd
      for (size_t n = 0; n < count; n++)
        out[first + n] = (y ? y[first + n] : 0) + h * sum[n];
    }
}

// The last row of $a$ is $b$: the seventh stage is evaluated at $y_1$ itself. So its argument is the solution, its
// value the derivative there, and the next step's first stage is known ("first same as last"). The argument $y$ is
// overwritten only once nothing can fail any more.

static int
dopri5_apply (void *vstate, size_t dim, double t, double h, double y[], double yerr[], const double dydt_in[],
              double dydt_out[], const gsl_odeiv2_system *system)
{
  dopri5_state *state = vstate;
  double **k = state->k, *argument = state->argument;
  int status = GSL_SUCCESS;

  if (dydt_in)
    memcpy (k[0], dydt_in, dim * sizeof *y);
  else
    status = GSL_ODEIV_FN_EVAL (system, t, y, k[0]);

  for (int i = 1; i < STAGES && !status; i++)
    {
      add_stages (dim, y, h, sb_dopri5.a[i], i, k, argument);
      status = GSL_ODEIV_FN_EVAL (system, t + sb_dopri5.c[i] * h, argument, k[i]);
    }
  if (status)
    return status;

  memcpy (y, argument, dim * sizeof *y);
  if (dydt_out)
    memcpy (dydt_out, k[STAGES - 1], dim * sizeof *y);

  double difference[STAGES];
  for (int i = 0; i < STAGES; i++)
    difference[i] = sb_dopri5.b[i] - sb_dopri5.b_hat[i];
  add_stages (dim, NULL, h, difference, STAGES, k, yerr);
  return GSL_SUCCESS;
}

// ## The other functions of a step type
//
// A step keeps nothing for the next one, so there is nothing to reset, and it needs no driver.

static int
dopri5_set_driver (void *state, const gsl_odeiv2_driver *driver)
{
  (void)state, (void)driver;
  return GSL_SUCCESS;
}

static int
dopri5_reset (void *state, size_t dim)
{
  (void)state, (void)dim;
  return GSL_SUCCESS;
}

static unsigned int
dopri5_order (void *state)
{
  (void)state;
  return 5;
}

static const gsl_odeiv2_step_type dopri5_type = {
  .name = "dopri5",
  .can_use_dydt_in = 1,
  .gives_exact_dydt_out = 1,
  .alloc = dopri5_alloc,
  .apply = dopri5_apply,
  .set_driver = dopri5_set_driver,
  .reset = dopri5_reset,
  .order = dopri5_order,
  .free = dopri5_free,
};

const gsl_odeiv2_step_type *sb_odeiv2_step_dopri5 = &dopri5_type;
