// # Mean and covariance along a process
//
// A linear process transforms the mean and the covariance of its points in closed form, whatever their law. They are
// computed in two ways, which share nothing: by the kernel, and by the SDE.

#include "moments.h"
#include "../base/error.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_odeiv2.h>

static int
check (const sb_process *process, const gsl_vector *mean, const gsl_matrix *covariance)
{
  size_t d = process->dimension;
  if (mean->size != d || covariance->size1 != d || covariance->size2 != d)
    SB_ERROR (NULL, GSL_EBADLEN,
              "the mean has %zu coordinates, the covariance is %zu x %zu; the process has %zu coordinates", mean->size,
              covariance->size1, covariance->size2, d);
  return GSL_SUCCESS;
}

// ## Maps of matrices
//
// A process maps the rows of a batch. A map $M$ of the rows of a matrix $X$ is $X M^T$.

static int
map_rows (const sb_process *process, sb_process_map map, double s, double t, gsl_matrix *x)
{
  gsl_vector *from = gsl_vector_alloc (x->size1), *to = gsl_vector_alloc (x->size1);
  int status = GSL_ENOMEM;
  if (from && to)
    {
      gsl_vector_set_all (from, s);
      gsl_vector_set_all (to, t);
      status = sb_process_apply (process, map, CblasNoTrans, from, to, x);
    }
  gsl_vector_free (from);
  gsl_vector_free (to);
  return status;
}

// Applied twice, with a transposition between, it is $M X^T M^T$: of a covariance, the covariance of the mapped points;
// of the identity, $M M^T$.

static int
map_both_sides (const sb_process *process, sb_process_map map, double s, double t, gsl_matrix *x)
{
  int status = map_rows (process, map, s, t, x);
  if (!status)
    status = gsl_matrix_transpose (x);
  return status ? status : map_rows (process, map, s, t, x);
}

// ## By the kernel
//
// From $\mathbf{x}_t = A\,\mathbf{x}_s + S\,\mathbf{z}$,
// $$ \mathbf{m}(t) = A\,\mathbf{m}(s), \qquad \Sigma(t) = A\,\Sigma(s)\,A^T + S S^T. $$
// For VP, where $A = e^{-B/2}\,\mathbf{I}$ and $S S^T = (1 - e^{-B})\,\mathbf{I}$, this is [scoresde.eq26]
// $$ \Sigma_{\text{VP}}(t) = \mathbf{I} + e^{-B}\,(\Sigma_{\text{VP}}(0) - \mathbf{I}), $$
// and for sub-VP, where $S S^T = (1 - e^{-B})^2\,\mathbf{I}$, [scoresde.eq28]
// $$ \Sigma_{\text{sub-VP}}(t) = \mathbf{I} + e^{-2B}\,\mathbf{I} + e^{-B}\,(\Sigma_{\text{sub-VP}}(0) - 2\,\mathbf{I}). $$

static int
transition (const sb_process *process, double s, double t, gsl_matrix *m, gsl_matrix *noise, gsl_matrix *covariance)
{
  gsl_matrix_set_identity (noise);
  int status = map_rows (process, SB_A, s, t, m);
  if (!status)
    status = map_both_sides (process, SB_A, s, t, covariance);
  if (!status)
    status = map_both_sides (process, SB_S, s, t, noise);
  return status ? status : gsl_matrix_add (covariance, noise);
}

int
sb_moments_transition (const sb_process *process, double s, double t, gsl_vector *mean, gsl_matrix *covariance)
{
  int status = check (process, mean, covariance);
  if (status)
    return status;
  gsl_matrix *m = gsl_matrix_alloc (1, process->dimension);
  gsl_matrix *noise = gsl_matrix_alloc (process->dimension, process->dimension);
  status = GSL_ENOMEM;
  if (m && noise)
    {
      gsl_matrix_set_row (m, 0, mean);
      status = transition (process, s, t, m, noise, covariance);
      gsl_matrix_get_row (mean, m, 0);
    }
  gsl_matrix_free (m);
  gsl_matrix_free (noise);
  return status;
}

// ## By the SDE
//
// For $d\mathbf{x} = F\mathbf{x}\,dt + G\,d\mathbf{w}$ the moments obey ordinary differential equations,
// [scoresde.txt-affine-gaussian]
// $$ \dot{\mathbf{m}} = F\,\mathbf{m}, \qquad \dot\Sigma = F\,\Sigma + \Sigma\,F^T + G\,G^T; $$
// for VP the second is $\dot\Sigma = \beta(t)\,(\mathbf{I} - \Sigma)$. [scoresde.txt-vp-var-ode] As a Gaussian law
// stays Gaussian, they determine $p_{0t}$. The unknowns are one array, the mean and then the rows of the covariance.

typedef struct
{
  const sb_process *process;
  double end;        // rounding may put a stage beyond it
  gsl_matrix *m;     // F m
  gsl_matrix *flow;  // Sigma F^T
  gsl_matrix *noise; // G G^T
} moment_equations;

static int
rates (double t, const double *moments, double *rate, void *params)
{
  const moment_equations *equations = params;
  const sb_process *process = equations->process;
  size_t d = process->dimension;
  gsl_vector_const_view mean = gsl_vector_const_view_array (moments, d);
  gsl_matrix_const_view covariance = gsl_matrix_const_view_array (moments + d, d, d);
  gsl_vector_view rate_of_mean = gsl_vector_view_array (rate, d);
  gsl_matrix_view rate_of_covariance = gsl_matrix_view_array (rate + d, d, d);

  t = GSL_MIN (t, equations->end);
  gsl_matrix_set_row (equations->m, 0, &mean.vector);
  gsl_matrix_memcpy (equations->flow, &covariance.matrix);
  gsl_matrix_set_identity (equations->noise);
  int status = map_rows (process, SB_F, t, t, equations->m);
  if (!status)
    status = map_rows (process, SB_F, t, t, equations->flow);
  if (!status)
    status = map_both_sides (process, SB_G, t, t, equations->noise);
  if (status)
    return status;

  gsl_matrix_get_row (&rate_of_mean.vector, equations->m, 0);
  gsl_matrix_transpose_memcpy (&rate_of_covariance.matrix, equations->flow);
  gsl_matrix_add (&rate_of_covariance.matrix, equations->flow);
  gsl_matrix_add (&rate_of_covariance.matrix, equations->noise);
  return GSL_SUCCESS;
}

// Both change smoothly, so that with equal steps of the Runge-Kutta method of Prince and Dormand, order 8, soon only
// rounding errors remain.

static int
integrate (moment_equations *equations, double s, double t, size_t steps, double *moments, double *error)
{
  size_t d = equations->process->dimension, unknowns = d + d * d;
  gsl_odeiv2_system system = { .function = rates, .dimension = unknowns, .params = equations };
  gsl_odeiv2_step *step = gsl_odeiv2_step_alloc (gsl_odeiv2_step_rk8pd, unknowns);
  if (!step)
    return GSL_ENOMEM;
  double h = (t - s) / (double)steps;
  int status = GSL_SUCCESS;
  for (size_t k = 0; k < steps && !status; k++)
    status = gsl_odeiv2_step_apply (step, s + (double)k * h, h, moments, error, NULL, NULL, &system);
  gsl_odeiv2_step_free (step);
  return status;
}

static int
solve (moment_equations *equations, double s, double t, size_t steps, gsl_vector *work, gsl_vector *mean,
       gsl_matrix *covariance)
{
  size_t d = equations->process->dimension;
  double *moments = work->data, *error = moments + d + d * d;
  gsl_vector_view m = gsl_vector_view_array (moments, d);
  gsl_matrix_view sigma = gsl_matrix_view_array (moments + d, d, d);
  gsl_vector_memcpy (&m.vector, mean);
  gsl_matrix_memcpy (&sigma.matrix, covariance);
  int status = integrate (equations, s, t, steps, moments, error);
  gsl_vector_memcpy (mean, &m.vector);
  gsl_matrix_memcpy (covariance, &sigma.matrix);
  return status;
}

int
sb_moments_solve (const sb_process *process, double s, double t, size_t steps, gsl_vector *mean, gsl_matrix *covariance)
{
  if (!(process->t_min <= s && s <= t && t <= process->t_max))
    SB_ERROR (NULL, GSL_EDOM, "from %g to %g: an SDE is solved between %g and %g", s, t, process->t_min,
              process->t_max);
  if (steps == 0)
    SB_ERROR (NULL, GSL_EINVAL, "an SDE is solved in at least one step");
  int status = check (process, mean, covariance);
  if (status)
    return status;

  size_t d = process->dimension;
  gsl_vector *work = gsl_vector_alloc (2 * (d + d * d));
  moment_equations equations = { .process = process,
                                 .end = t,
                                 .m = gsl_matrix_alloc (1, d),
                                 .flow = gsl_matrix_alloc (d, d),
                                 .noise = gsl_matrix_alloc (d, d) };
  status = GSL_ENOMEM;
  if (work && equations.m && equations.flow && equations.noise)
    status = solve (&equations, s, t, steps, work, mean, covariance);
  gsl_vector_free (work);
  gsl_matrix_free (equations.m);
  gsl_matrix_free (equations.flow);
  gsl_matrix_free (equations.noise);
  return status;
}
