// # Processes that treat all coordinates alike
//
// VE, VP, sub-VP and their chains shrink every coordinate by the same number and add the same amount of noise to each:
// $$ A(s,t) = a(s,t)\,\mathbf{I}, \qquad S(s,t) = \sqrt{v(s,t)}\,\mathbf{I}, \qquad F(t) = f(t)\,\mathbf{I}, \qquad
//    G(t) = g(t)\,\mathbf{I}. $$
// What their pages say of numbers is carried here to batches of points, once for all of them.

#include "scalar.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct
{
  sb_process_type process_type; // the adaptor's functions, under the name of the process
  const sb_scalar_type *type;
  void *parameters;
  double dimension;
} scalar_state;

// ## The number of a map
//
// A drift or diffusion that is no number (VE has none at $t = 0$) and an inverse of zero are refused here.

static int
coefficient (const scalar_state *state, sb_process_map map, double s, double t, double *c)
{
  const sb_scalar_type *type = state->type;
  switch (map)
    {
    case SB_A:
      *c = type->mean (state->parameters, s, t);
      break;
    case SB_A_INVERSE:
      *c = 1 / type->mean (state->parameters, s, t);
      break;
    case SB_S:
      *c = sqrt (type->variance (state->parameters, s, t));
      break;
    case SB_S_INVERSE:
      *c = 1 / sqrt (type->variance (state->parameters, s, t));
      break;
    case SB_F:
      if (!type->drift)
        GSL_ERROR ("a chain has no drift", GSL_EUNSUP);
      *c = type->drift (state->parameters, t);
      break;
    case SB_G:
      if (!type->diffusion)
        GSL_ERROR ("a chain has no diffusion", GSL_EUNSUP);
      *c = type->diffusion (state->parameters, t);
      break;
    default:
      GSL_ERROR ("no such map", GSL_EINVAL);
    }
  if (gsl_isnan (*c))
    GSL_ERROR ("the process is undefined at this time", GSL_EDOM);
  if (gsl_isinf (*c))
    GSL_ERROR ("the map has no inverse: no time has passed, or nothing is left of x_s", GSL_ESING);
  return GSL_SUCCESS;
}

static double
start (const gsl_vector *s, size_t i)
{
  return s ? gsl_vector_get (s, i) : 0;
}

// Samplers ask for the same times in every row: a row that shares them with the row above shares its number.

static bool
repeats (const gsl_vector *s, const gsl_vector *t, size_t i)
{
  return i > 0 && start (s, i) == start (s, i - 1) && gsl_vector_get (t, i) == gsl_vector_get (t, i - 1);
}

// A multiple of the identity is its own transpose.

static int
scalar_apply (const void *scalar, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s,
              const gsl_vector *t, gsl_matrix *x)
{
  (void)transpose;
  double c = 0;
  for (size_t i = 0; i < x->size1; i++)
    {
      int status = repeats (s, t, i) ? GSL_SUCCESS : coefficient (scalar, map, start (s, i), gsl_vector_get (t, i), &c);
      if (status)
        return status;
      gsl_vector_view x_i = gsl_matrix_row (x, i);
      gsl_vector_scale (&x_i.vector, c);
    }
  return GSL_SUCCESS;
}

static int
scalar_scalars (const void *scalar, double s, double t, double *a, double *sd)
{
  int status = coefficient (scalar, SB_A, s, t, a);
  return status ? status : coefficient (scalar, SB_S, s, t, sd);
}

// ## Determinant and trace
//
// $\log|\det S| = d \log\sqrt{v}$, which has no value where $s = t$, and $\operatorname{tr} F = d f$.

static int
scalar_log_det (const void *scalar, const gsl_vector *s, const gsl_vector *t, gsl_vector *log_det)
{
  const scalar_state *state = scalar;
  for (size_t i = 0; i < t->size; i++)
    {
      double inverse;
      int status = coefficient (state, SB_S_INVERSE, start (s, i), gsl_vector_get (t, i), &inverse);
      if (status)
        return status;
      gsl_vector_set (log_det, i, -state->dimension * log (inverse));
    }
  return GSL_SUCCESS;
}

static int
scalar_trace (const void *scalar, const gsl_vector *t, gsl_vector *trace)
{
  const scalar_state *state = scalar;
  for (size_t i = 0; i < t->size; i++)
    {
      double f;
      int status = coefficient (state, SB_F, 0, gsl_vector_get (t, i), &f);
      if (status)
        return status;
      gsl_vector_set (trace, i, state->dimension * f);
    }
  return GSL_SUCCESS;
}

// ## The prior
//
// What is left of the data at $T$ is forgotten: $\mathbf{x}_T \sim \mathcal{N}(\mathbf{0}, \varsigma^2\mathbf{I})$, with
// log density $-\tfrac{d}{2}\log(2\pi\varsigma^2) - \|\mathbf{x}\|^2 / 2\varsigma^2$.

static int
scalar_prior (const void *scalar, sb_stream stream, gsl_matrix *x)
{
  const scalar_state *state = scalar;
  int status = sb_stream_normals (stream, 0, x);
  return status ? status : gsl_matrix_scale (x, state->type->prior_sd (state->parameters));
}

static int
scalar_prior_log_density (const void *scalar, const gsl_matrix *x, gsl_vector *log_prior)
{
  const scalar_state *state = scalar;
  double sd = state->type->prior_sd (state->parameters);
  double log_normaliser = -state->dimension * (0.5 * log (2 * M_PI) + log (sd));
  for (size_t i = 0; i < x->size1; i++)
    {
      gsl_vector_const_view x_i = gsl_matrix_const_row (x, i);
      double norm = gsl_blas_dnrm2 (&x_i.vector);
      gsl_vector_set (log_prior, i, log_normaliser - 0.5 * gsl_pow_2 (norm / sd));
    }
  return GSL_SUCCESS;
}

// ## Making one
//
// The functions are the same for all; the name is not, and a chain has no trace of a drift to give.

static void
scalar_free (void *scalar)
{
  scalar_state *state = scalar;
  free (state->parameters);
  free (state);
}

static sb_process_type
process_type (const sb_scalar_type *type)
{
  return (sb_process_type){ .name = type->name,
                            .apply = scalar_apply,
                            .scalars = scalar_scalars,
                            .log_det = scalar_log_det,
                            .trace = type->drift ? scalar_trace : NULL,
                            .prior = scalar_prior,
                            .prior_log_density = scalar_prior_log_density,
                            .free = scalar_free };
}

sb_process *
sb_scalar_alloc (const sb_scalar_type *type, void *parameters, size_t dimension, double t_min, double t_max,
                 size_t levels)
{
  scalar_state *state = malloc (sizeof *state);
  if (!state || !parameters)
    {
      free (state);
      free (parameters);
      GSL_ERROR_NULL ("no memory for a process", GSL_ENOMEM);
    }
  *state = (scalar_state){
    .process_type = process_type (type), .type = type, .parameters = parameters, .dimension = (double)dimension
  };
  return sb_process_alloc (&state->process_type, state, dimension, t_min, t_max, levels);
}

const void *
sb_scalar_parameters (const sb_process *process, const sb_scalar_type *type)
{
  if (process->type->apply != scalar_apply)
    return NULL;
  const scalar_state *state = process->state;
  return state->type == type ? state->parameters : NULL;
}
