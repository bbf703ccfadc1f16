// # The exact score of a law
//
// A law in closed form has every function of a score; here it is given the score's interface, so that samplers run with
// an exact score as with a learned one, and all errors are the sampler's. On DDPM's chain it is the target of a
// network, $\mathbf{s}_\theta(\mathbf{x}_t, t) \approx \nabla_{\mathbf{x}_t}\log q(\mathbf{x}_t)$.
// [dsm2ddpm.txt-score-diffusion]

#include "exact.h"

#include "../base/error.h"

#include <stdlib.h>

typedef struct
{
  const sb_target *target;
  const sb_process *process;
} exact_state;

static int
exact_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                gsl_matrix *out)
{
  const exact_state *exact = state;
  (void)y;
  return sb_target_evaluate (exact->target, exact->process, view, x, t, out);
}

static int
exact_jvp (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
           const gsl_matrix *v, gsl_matrix *out)
{
  const exact_state *exact = state;
  (void)view, (void)y;
  return sb_target_jvp (exact->target, exact->process, x, t, v, out);
}

// The Jacobian of a score is a Hessian, $\mathbf{J} = \nabla\nabla^\top\log p_t$, and $\mathbf{J}^\top\mathbf{v} =
// \mathbf{J}\mathbf{v}$. There are no parameters to add a gradient to.

static int
exact_vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
           const gsl_matrix *v, gsl_matrix *out)
{
  return exact_jvp (state, view, x, t, y, v, out);
}

static int
exact_divergence (const void *state, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                  gsl_vector *divergence)
{
  const exact_state *exact = state;
  (void)y;
  return sb_target_divergence (exact->target, exact->process, x, t, divergence);
}

static int
exact_evaluate_divergence (const void *state, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                           gsl_matrix *estimate, gsl_vector *divergence)
{
  const exact_state *exact = state;
  (void)y;
  return sb_target_evaluate_divergence (exact->target, exact->process, x, t, estimate, divergence);
}

static const sb_score_type exact_type = { .name = "exact",
                                          .views = SB_SCORE | SB_DENOISER | SB_EPSILON,
                                          .evaluate = exact_evaluate,
                                          .derivatives = SB_SCORE,
                                          .jvp = exact_jvp,
                                          .vjp = exact_vjp,
                                          .divergence = exact_divergence,
                                          .evaluate_divergence = exact_evaluate_divergence,
                                          .free = free };

sb_score *
sb_score_exact_alloc (const sb_target *target, const sb_process *process)
{
  if (target->dimension != process->dimension)
    SB_ERROR_NULL (NULL, GSL_EBADLEN, "the law has %zu dimensions, the process %zu", target->dimension,
                   process->dimension);
  exact_state *state = malloc (sizeof *state);
  if (!state)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a score");
  *state = (exact_state){ .target = target, .process = process };
  return sb_score_alloc (&exact_type, state, process);
}
