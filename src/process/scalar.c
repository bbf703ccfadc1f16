// # Processes of one part
//
// VE, VP, sub-VP and their chains shrink every coordinate by the same number and add the same amount of noise to each:
// $$ A(s,t) = a(s,t)\,\mathbf{I}, \qquad S(s,t) = \sqrt{v(s,t)}\,\mathbf{I}, \qquad F(t) = f(t)\,\mathbf{I}, \qquad
//    G(t) = g(t)\,\mathbf{I}. $$
// Their own files define $a$, $v$, $f$ and $g$; here these become a process.

#include "scalar.h"

#include "../base/error.h"

#include <math.h>
#include <stdlib.h>

typedef struct
{
  sb_process_type process_type; // the functions below, under the name of the process
  const sb_scalar_type *type;
  void *parameters;
} scalar_state;

// ## The number of a map
//
// The kernel's rates of change from 0 follow from $\dot a = f a$ and $\dot v = 2 f v + g^2$:
// $$ \frac{d}{dt}\,a(0,t) = f a, \qquad \frac{d}{dt}\sqrt{v(0,t)} = \frac{2 f v + g^2}{2\sqrt v}. $$

static double
mean (const scalar_state *p, double s, double t)
{
  return p->type->mean ? p->type->mean (p->parameters, s, t) : 1;
}

static int
scalar_numbers (const void *scalar, sb_process_map map, double s, double t, double *c)
{
  const scalar_state *p = scalar;
  const sb_scalar_type *type = p->type;
  if (map == SB_A || map == SB_S)
    {
      *c = map == SB_A ? mean (p, s, t) : sqrt (type->variance (p->parameters, s, t));
      return GSL_SUCCESS;
    }
  if (!type->diffusion)
    SB_ERROR (NULL, GSL_EUNSUP, "%s is a chain, and has neither drift nor diffusion", type->name);
  const double f = type->drift ? type->drift (p->parameters, t) : 0, g = type->diffusion (p->parameters, t);
  const double v = map == SB_S_RATE ? type->variance (p->parameters, 0, t) : 0;
  *c = map == SB_F ? f : map == SB_G ? g : map == SB_A_RATE ? f * mean (p, 0, t) : (2 * f * v + g * g) / (2 * sqrt (v));
  return GSL_SUCCESS;
}

static int
scalar_prior_sd (const void *scalar, double *sd)
{
  const scalar_state *state = scalar;
  *sd = state->type->prior_sd ? state->type->prior_sd (state->parameters) : 1;
  return GSL_SUCCESS;
}

// ## Making one

static void
scalar_free (void *scalar)
{
  scalar_state *state = scalar;
  free (state->parameters);
  free (state);
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
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for the process %s", type->name);
    }
  *state = (scalar_state){
    .process_type = { .name = type->name, .numbers = scalar_numbers, .prior_sd = scalar_prior_sd, .free = scalar_free },
    .type = type,
    .parameters = parameters
  };
  return sb_process_alloc (&state->process_type, state, dimension, t_min, t_max, levels);
}

const void *
sb_scalar_parameters (const sb_process *process, const sb_scalar_type *type)
{
  if (process->type->numbers != scalar_numbers)
    return NULL;
  const scalar_state *state = process->state;
  return state->type == type ? state->parameters : NULL;
}
