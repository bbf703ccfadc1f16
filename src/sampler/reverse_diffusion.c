// # Reverse diffusion
//
// Let one step of the forward process, from $s$ up to $t$, be
// $\mathbf x_t = \mathbf x_s + \mathbf f(\mathbf x_s) + \mathbf G\,\mathbf z$. Discretise the reverse SDE in the same
// way and the step turns round: [scoresde.eq46]
// $$ \mathbf x_s = \mathbf x_t - \mathbf f(\mathbf x_t)
//    + \mathbf G\mathbf G^{\mathsf T}\,\mathbf s(\mathbf x_t, t) + \mathbf G\,\mathbf z. $$
// $\mathbf f$ and $\mathbf G$ belong to the step between $s$ and $t$; state and score are those at $t$. (The paper
// prints them with the index of the step after, which its own Algorithms 2 and 3 contradict.) The process knows its
// steps exactly: $\mathbf f(\mathbf x) = \mathbf A(s,t)\,\mathbf x - \mathbf x$ and $\mathbf G = \mathbf S(s,t)$,
// which for a chain are the paper's $\sqrt{1-\beta_i} - 1$ and $\sqrt{\beta_i}$, or 0 and
// $\sqrt{\sigma_i^2 - \sigma_{i-1}^2}$. Algorithms 2 and 3 have this predictor in their lines 3 to 5. [scoresde.alg2]
// [scoresde.alg3]
//
// For small $\beta_i$ it is ancestral sampling: the coefficients of $\mathbf x$ and of the score differ by
// $\beta_i^2/4$ and $\beta_i^2/2$. [scoresde.txt-rd-anc-equiv] The paper finds it slightly better. With the exact
// scores of a Gaussian spectrum that is so for SMLD, and the other way round for DDPM. [scoresde.txt-rd-beats-anc]

#include "step.h"

// Where the maps are numbers, as for every process of the paper, the step is
// $\mathbf x_s = (2 - A)\,\mathbf x_t + S^2\,\mathbf s + S\,\mathbf z$, once through the batch. The probability flow's
// discretisation, on the next page, is this step with half of the score and no noise; hence `weight`.

static int
by_numbers (const sb_process *process, double s, double t, double weight, const gsl_matrix *g, const gsl_matrix *z,
            gsl_matrix *x)
{
  double A, S;
  int status = sb_process_scalars (process, s, t, &A, &S);
  if (status == GSL_SUCCESS)
    sb_step_move (2 - A, x, weight * S * S, g, S, z);
  return status;
}

static int
by_maps (const sb_process *process, double s, double t, double weight, gsl_matrix *g, const gsl_matrix *z,
         gsl_matrix *x)
{
  gsl_matrix *Ax = gsl_matrix_alloc (x->size1, x->size2);
  int status = Ax != NULL ? sb_step_apply (process, SB_S, CblasTrans, s, t, g) : GSL_ENOMEM;
  if (status == GSL_SUCCESS)
    status = sb_step_apply (process, SB_S, CblasNoTrans, s, t, g);
  if (status == GSL_SUCCESS)
    {
      gsl_matrix_memcpy (Ax, x);
      status = sb_step_apply (process, SB_A, CblasNoTrans, s, t, Ax);
    }
  if (status == GSL_SUCCESS)
    {
      sb_step_move (2, x, -1, Ax, 0, NULL); // x - f(x) = 2 x - A x
      sb_step_add (x, weight, g);
      status = sb_step_add_noise (process, SB_S, s, t, 1, z, x);
    }
  gsl_matrix_free (Ax);
  return status;
}

int
sb_step_reversed (const sb_score *score, const gsl_matrix *y, double s, double t, double weight, const gsl_matrix *z,
                  gsl_matrix *x)
{
  int status = sb_step_check (score, s, t, z, x);
  if (status != GSL_SUCCESS)
    return status;

  gsl_matrix *g = gsl_matrix_alloc (x->size1, x->size2);
  status = g != NULL ? sb_step_evaluate (score, SB_SCORE, y, t, x, g) : GSL_ENOMEM;
  if (status == GSL_SUCCESS)
    status = (score->process->parts == 1 ? by_numbers (score->process, s, t, weight, g, z, x)
                                                    : by_maps (score->process, s, t, weight, g, z, x));
  gsl_matrix_free (g);
  return status;
}

static int
step (const sb_score *score, const gsl_matrix *y, double s, double t, const gsl_matrix *z, gsl_matrix *x)
{
  return sb_step_reversed (score, y, s, t, 1, z, x);
}

static const sb_predictor_type reverse_diffusion
    = { .name = "reverse-diffusion", .evaluations = 1, .noisy = true, .step = step };

const sb_predictor_type *sb_predictor_reverse_diffusion = &reverse_diffusion;
