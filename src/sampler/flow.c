// # Sampling with a black-box solver
//
// The probability flow is an ordinary differential equation, so any solver will do. [scoresde.eq13] The paper takes the
// adaptive Runge-Kutta pair of Dormand and Prince with relative and absolute tolerances of $10^{-5}$, from $T$ down to
// $\epsilon = 10^{-5}$ (VE) or $10^{-3}$ (VP), which are the processes' own $t_{\min}$. [scoresde.set-ode-sampling]
// A larger tolerance saves evaluations and costs accuracy. [scoresde.txt-efficient-sampling]
//
// Upwards, the flow encodes data into latent codes. With exact scores the code of $\mathbf x$ is a property of the
// data's law and the process alone. [scoresde.txt-unique-encoding]

#include "flow.h"

#include "../base/error.h"
#include "../base/integrate.h"
#include "drift.h"

#include <gsl/gsl_math.h>

// The solver sees the batch as one vector of $nd$ numbers, row after row.

typedef struct
{
  const sb_score *score;
  const gsl_matrix *y;
  size_t n, d;
  sb_flow_progress progress;
  void *context;
} flow;

static int
velocity (double t, const double x[], double dxdt[], void *params)
{
  const flow *f = params;
  gsl_matrix_const_view batch = gsl_matrix_const_view_array (x, f->n, f->d);
  gsl_matrix_view out = gsl_matrix_view_array (dxdt, f->n, f->d);
  return sb_flow_velocity (f->score, f->y, t, &batch.matrix, &out.matrix);
}

static int
observe (void *context, double t, double h, const double x[])
{
  const flow *f = context;
  gsl_matrix_const_view batch = gsl_matrix_const_view_array (x, f->n, f->d);
  (void)h;
  return f->progress (f->context, t, &batch.matrix);
}

int
sb_flow (const sb_score *score, const gsl_matrix *y, double from, double to, double tolerance,
         sb_flow_progress progress, void *context, gsl_matrix *x, size_t *evaluations)
{
  flow f = { score, y, x->size1, x->size2, progress, context };
  sb_odeiv2_count count = { 0 };
  if (evaluations != NULL)
    *evaluations = 0;
  if (!(tolerance > 0 && gsl_finite (tolerance)))
    SB_ERROR (NULL, GSL_EINVAL, "the tolerance must be positive and finite, not %g", tolerance);
  if (x->size1 == 0)
    return GSL_SUCCESS;

  gsl_matrix *packed = gsl_matrix_alloc (x->size1, x->size2); // rows without gaps, whatever x has
  if (packed == NULL)
    return GSL_ENOMEM;
  gsl_matrix_memcpy (packed, x);
  gsl_odeiv2_system system = { velocity, NULL, f.n * f.d, &f };
  int status = sb_odeiv2_integrate (&system, from, to, tolerance, tolerance, packed->data,
                                    progress != NULL ? observe : NULL, &f, &count);
  gsl_matrix_memcpy (x, packed);
  gsl_matrix_free (packed);
  if (evaluations != NULL)
    *evaluations = count.evaluations;
  return status;
}
