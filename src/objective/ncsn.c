// # Noise conditional score networks
//
// One network $\mathbf s_\theta(\mathbf x, \sigma)$ is to be the score at every level of a ladder $\sigma_1 > \dots >
// \sigma_L$: [dsm2ddpm.txt-NCSN-target]
// $$ \mathbf s_\theta(\mathbf x, \sigma) \approx \nabla_{\mathbf x}\log q_\sigma(\mathbf x), \qquad
//    \sigma \in \{\sigma_1, \dots, \sigma_L\}. $$
// Its objective (Song and Ermon, 2019) is the mean over the levels, [dsm2ddpm.txt-NCSN-objective]
// $$ \mathcal L(\theta) = \frac1L\sum_{i=1}^L \lambda(\sigma_i)\,\ell(\theta; \sigma_i), $$
// with $\ell$ of the page before. A perfect network is the best at every level, so the weights $\lambda > 0$ do not
// move the minimum; they say which level's errors matter to a network that is not. The report does not give them. The
// default is Song and Ermon's $\lambda(\sigma) = \sigma^2$, under which a network that says nothing ($\mathbf s =
// \mathbf 0$) loses $d/2$ at every level.

#include "ncsn.h"
#include "denoising.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>

// ## Weights

static int
weight_of (const sb_ncsn *ncsn, const sb_process *process, double t, double *weight)
{
  double a, sigma;
  int status = sb_process_scalars (process, 0, t, &a, &sigma);
  if (status)
    return status;
  *weight = ncsn->lambda ? ncsn->lambda (sigma, ncsn->params) : gsl_pow_2 (sigma);
  if (!(*weight >= 0 && gsl_finite (*weight)))
    GSL_ERROR ("a level's weight must be finite and not negative", GSL_EDOM);
  return GSL_SUCCESS;
}

int
sb_ncsn_weigh (const sb_ncsn *ncsn, const sb_process *process, const gsl_vector *t, gsl_vector *loss, gsl_matrix *s_bar)
{
  if (t->size != loss->size || (s_bar && s_bar->size1 != loss->size))
    GSL_ERROR ("the losses, their times and gradients do not fit together", GSL_EBADLEN);
  for (size_t i = 0; i < loss->size; i++)
    {
      double weight;
      int status = weight_of (ncsn, process, gsl_vector_get (t, i), &weight);
      if (status)
        return status;
      *gsl_vector_ptr (loss, i) *= weight;
      if (s_bar)
        {
          gsl_vector_view s_bar_i = gsl_matrix_row (s_bar, i);
          gsl_vector_scale (&s_bar_i.vector, weight);
        }
    }
  return GSL_SUCCESS;
}

// ## The mean over the levels
//
// Level $i$ takes numbers $(i-1)d, \dots, id - 1$ of each row's stream for its noise.

typedef struct
{
  gsl_matrix *x_tilde, *s_bar;
  gsl_vector *t, *part;
} room;

static int
level_loss (const sb_ncsn *ncsn, const sb_score *score, const gsl_matrix *x, const gsl_matrix *y, double t,
            sb_stream stream, size_t i, const room *w)
{
  gsl_matrix *z = w->s_bar;
  gsl_vector_set_all (w->t, t);
  gsl_matrix_memcpy (w->x_tilde, x);
  int status = sb_stream_normals (stream, (uint64_t)i * x->size2, z);
  if (!status)
    status = sb_process_transition (score->process, NULL, w->t, z, w->x_tilde);
  if (!status)
    status = sb_denoising_loss (score, x, w->x_tilde, w->t, y, w->part, w->s_bar);
  return status ? status : sb_ncsn_weigh (ncsn, score->process, w->t, w->part, NULL);
}

static int
mean_loss (const sb_ncsn *ncsn, const sb_score *score, const gsl_matrix *x, const gsl_matrix *y,
           const gsl_vector *times, sb_stream stream, const room *w, gsl_vector *loss)
{
  int status = GSL_SUCCESS;
  stream.purpose = SB_FOR_FORWARD;
  gsl_vector_set_zero (loss);
  for (size_t i = 0; i < times->size && !status; i++)
    {
      status = level_loss (ncsn, score, x, y, gsl_vector_get (times, i), stream, i, w);
      if (!status)
        status = gsl_vector_add (loss, w->part);
    }
  return status ? status : gsl_vector_scale (loss, 1 / (double)times->size);
}

int
sb_ncsn_objective (const sb_ncsn *ncsn, const sb_score *score, const gsl_matrix *x, const gsl_matrix *y,
                   const gsl_vector *times, sb_stream stream, gsl_vector *loss)
{
  if (loss->size != x->size1 || times->size == 0)
    GSL_ERROR ("the objective needs an element per row and at least one level", GSL_EBADLEN);
  const size_t n = x->size1, d = x->size2;
  room w = { gsl_matrix_alloc (n, d), gsl_matrix_alloc (n, d), gsl_vector_alloc (n), gsl_vector_alloc (n) };
  int status
      = w.x_tilde && w.s_bar && w.t && w.part ? mean_loss (ncsn, score, x, y, times, stream, &w, loss) : GSL_ENOMEM;
  gsl_matrix_free (w.x_tilde);
  gsl_matrix_free (w.s_bar);
  gsl_vector_free (w.t);
  gsl_vector_free (w.part);
  return status;
}
