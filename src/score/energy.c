// # The score of an energy
//
// A law can be modelled by its energy, $p(\mathbf x, \theta) = e^{-E(\mathbf x, \theta)}/Z(\theta)$, where the integral
// $Z(\theta)$ is intractable in many dimensions. The score does not need it: [dsm2ddpm.txt-EBM]
// $$ \nabla_{\mathbf x}\log p(\mathbf x, \theta) = -\nabla_{\mathbf x}E(\mathbf x, \theta). $$
// Its Jacobian is minus the Hessian of $E$, and symmetric: a score that is a gradient has no curl. One that is a
// network's output need not be one. [dsm2ddpm.txt-A1-divergence]

#include "energy.h"

#include "../base/error.h"

#include <stdlib.h>

typedef struct
{
  sb_score_type type;
  sb_energy energy;
} energy_state;

static int
energy_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                 gsl_matrix *out)
{
  const sb_energy *energy = &((const energy_state *)state)->energy;
  (void)view, (void)y;
  int status = energy->gradient (x, t, out, energy->params);
  return status ? status : gsl_matrix_scale (out, -1);
}

static int
energy_jvp (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
            const gsl_matrix *v, gsl_matrix *out)
{
  const sb_energy *energy = &((const energy_state *)state)->energy;
  (void)view, (void)y;
  int status = energy->hessian (x, t, v, out, energy->params);
  return status ? status : gsl_matrix_scale (out, -1);
}

static int
energy_vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
            const gsl_matrix *v, gsl_matrix *out)
{
  return energy_jvp (state, view, x, t, y, v, out);
}

sb_score *
sb_score_energy_alloc (const sb_energy *energy, const sb_process *process)
{
  if (!energy->gradient)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "an energy needs its gradient");
  energy_state *state = malloc (sizeof *state);
  if (!state)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a score");
  state->energy = *energy;
  state->type = (sb_score_type){ .name = "energy",
                                 .views = SB_SCORE,
                                 .evaluate = energy_evaluate,
                                 .derivatives = SB_SCORE,
                                 .jvp = energy->hessian ? energy_jvp : NULL,
                                 .vjp = energy->hessian ? energy_vjp : NULL,
                                 .free = free };
  return sb_score_alloc (&state->type, state, process);
}
