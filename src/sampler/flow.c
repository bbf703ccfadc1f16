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

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/integrate.h"
#include "drift.h"
#include "work.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdbool.h>

sb_flow
sb_flow_default (void)
{
  return (sb_flow){ .relative = SB_FLOW_TOLERANCE, .absolute = SB_FLOW_TOLERANCE, .final = SB_FINAL_SAMPLE };
}

// The solver gets the batch as one vector of $nd$ numbers, row after row.

typedef struct
{
  const sb_flow *flow;
  const sb_score *score;
  const gsl_matrix *y;
  size_t n, d, done;
  gsl_vector *t;   // n times, all the same
  gsl_matrix *y_t; // the condition where it diffuses, else NULL
} run;

// The condition at t: with the same numbers of the stream each time, so that it is a smooth function of t.
// [nonuniform.txt-cdiffe-sample]

static int
condition_at (const run *w, double t, const gsl_matrix **y)
{
  *y = w->y_t ? w->y_t : w->y;
  return w->y_t ? sb_condition_draw (w->flow->condition, w->flow->stream, 0, t, t, w->y, w->y_t) : GSL_SUCCESS;
}

static int
velocity (double t, const double x[], double dxdt[], void *params)
{
  const run *w = params;
  gsl_matrix_const_view batch = gsl_matrix_const_view_array (x, w->n, w->d);
  gsl_matrix_view out = gsl_matrix_view_array (dxdt, w->n, w->d);
  const gsl_matrix *y;
  gsl_vector_set_all (w->t, t);
  int status = condition_at (w, t, &y);
  return status ? status : sb_flow_velocity (w->score, y, w->t, &batch.matrix, &out.matrix);
}

static int
observe (void *context, double t, double h, const double x[])
{
  run *w = context;
  gsl_matrix_const_view batch = gsl_matrix_const_view_array (x, w->n, w->d);
  (void)h;
  return w->flow->progress (w->flow->context, ++w->done, 0, t, &batch.matrix);
}

static int
check (const sb_flow *flow, const gsl_matrix *y, const gsl_matrix *x, double from, double to)
{
  if (!(flow->relative >= 0 && flow->absolute >= 0 && flow->relative + flow->absolute > 0
        && gsl_finite (flow->relative + flow->absolute)))
    SB_ERROR (NULL, GSL_EINVAL, "tolerances must be finite, not negative and not both 0: %g and %g", flow->relative,
              flow->absolute);
  if (flow->final == SB_FINAL_DENOISE && !(to < from))
    SB_ERROR (NULL, GSL_EINVAL, "a flow from %g up to %g cannot end with a denoising", from, to);
  if (flow->condition && flow->condition->one_path)
    SB_ERROR (NULL, GSL_EUNSUP, "a flow's condition needs one noise for all times: a path of an SDE is not smooth");
  if (flow->condition && (!y || y->size1 != x->size1))
    SB_ERROR (NULL, GSL_EBADLEN, "a condition that is diffused needs a row for each of %zu samples, not %zu", x->size1,
              y ? y->size1 : 0);
  return GSL_SUCCESS;
}

static int
finish (const run *w, double t, gsl_matrix *x, size_t *evaluations)
{
  if (w->flow->final != SB_FINAL_DENOISE)
    return GSL_SUCCESS;
  const gsl_matrix *y;
  sb_sampler_work *work = sb_sampler_work_alloc (w->score, x->size1);
  int status = work ? condition_at (w, t, &y) : GSL_ENOMEM;
  if (!status)
    status = sb_work_denoise (work, y, t, x);
  sb_sampler_work_free (work);
  ++*evaluations;
  if (!status && w->flow->progress)
    status = w->flow->progress (w->flow->context, w->done, 0, 0, x);
  return status;
}

// ## Kinks
//
// Where rates jump, a Runge-Kutta step would mix both sides: the solver stops and restarts there. An interval that ends
// at a kink from above ends just above it.

static double
next_stop (const sb_process *process, double at, double to)
{
  double stop = to;
  for (size_t k = 0; k < process->break_count; k++)
    {
      const double b = process->breaks[k];
      if (to < at ? b < at && b >= stop : b > at && b < stop)
        stop = b;
    }
  return stop;
}

static int
integrate (run *w, double from, double to, double *x, size_t *evaluations)
{
  gsl_odeiv2_system system = { velocity, NULL, w->n * w->d, w };
  const sb_process *process = w->score->process;
  const bool down = to<from, kinks = process->break_count> 0;
  int status = GSL_SUCCESS;
  for (double at = from, stop; at != to && !status; at = stop)
    {
      sb_odeiv2_count count = { 0 };
      stop = next_stop (process, at, to);
      status = sb_odeiv2_integrate (&system, kinks && !down ? nextafter (at, to) : at,
                                    down && stop != to ? nextafter (stop, at) : stop, w->flow->absolute,
                                    w->flow->relative, x, w->flow->progress ? observe : NULL, w, &count);
      *evaluations += count.evaluations;
    }
  return status;
}

int
sb_flow_run (const sb_flow *flow, const sb_score *score, const gsl_matrix *y, double from, double to, gsl_matrix *x,
             size_t *evaluations)
{
  size_t none;
  evaluations = evaluations ? evaluations : &none;
  *evaluations = 0;
  int status = check (flow, y, x, from, to);
  if (!status)
    status = sb_check_apart ("points and condition", y, x);
  if (status || x->size1 == 0)
    return status;

  run w = { flow, score, y, x->size1, x->size2, 0, gsl_vector_alloc (x->size1), NULL };
  gsl_matrix *packed = gsl_matrix_alloc (x->size1, x->size2); // rows without gaps, whatever x's stride
  if (flow->condition)
    w.y_t = gsl_matrix_alloc (y->size1, y->size2);
  status = packed && w.t && (w.y_t || !flow->condition) ? gsl_matrix_memcpy (packed, x) : GSL_ENOMEM;
  if (!status && flow->progress)
    status = flow->progress (flow->context, 0, 0, from, x);
  if (!status)
    {
      status = integrate (&w, from, to, packed->data, evaluations);
      gsl_matrix_memcpy (x, packed);
    }
  if (!status)
    status = finish (&w, to, x, evaluations);
  gsl_matrix_free (packed);
  gsl_matrix_free (w.y_t);
  gsl_vector_free (w.t);
  return status;
}
