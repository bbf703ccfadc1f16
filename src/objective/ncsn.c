// # Noise conditional score networks
//
// One network $\mathbf s_\theta(\mathbf x, \sigma)$ is to be the score at every level of a ladder $\sigma_1 > \dots >
// \sigma_L$: [dsm2ddpm.txt-NCSN-target]
// $$ \mathbf s_\theta(\mathbf x, \sigma) \approx \nabla_{\mathbf x}\log q_\sigma(\mathbf x), \qquad
//    \sigma \in \{\sigma_1, \dots, \sigma_L\}. $$
// Its objective (Song and Ermon, 2019) is the mean over the levels, [dsm2ddpm.txt-NCSN-objective]
// $$ \mathcal L(\theta) = \frac1L\sum_{i=1}^L \lambda(\sigma_i)\,\ell(\theta; \sigma_i), $$
// with $\ell$ of `denoising.c`. A perfect network is the best at every level, so the weights $\lambda > 0$ do not
// move the minimum; they set which level's errors count most for a network that is not. The report does not give them.
// Song and Ermon's $\lambda(\sigma) = \sigma^2$ is usual; with it a network with the output $\mathbf s = \mathbf 0$ has
// the loss $d/2$ at every level. A training that draws one level a row has the same mean: `denoising`, with
// that weight.

#include "../base/error.h"
#include "objective.h"

#include <gsl/gsl_errno.h>
#include <string.h>

// ## A point for each level
//
// The first is the last of the chain, $\sigma_1$. Level $i$ takes numbers $(i-1)d, \dots, id - 1$ of each row's stream
// for its noise.

static void
count_levels (const sb_objective *o, size_t *points, size_t *directions)
{
  size_t last;
  (void)directions;
  *points = sb_objective_levels (o, &last);
}

static int
draw_levels (sb_stream stream, sb_objective_batch *b)
{
  const sb_process *process = b->objective->process;
  const size_t d = b->x.size2;
  size_t last;
  int status = GSL_SUCCESS;
  sb_objective_levels (b->objective, &last);

  // Set the times and draw the normals, level after level.
  stream.purpose = SB_FOR_FORWARD;
  for (size_t p = 0; p < b->points && !status; p++)
    {
      gsl_vector t = sb_batch_part (&b->t, b->n, p);
      gsl_matrix z = sb_batch_block (&b->z, b->n, p), x = sb_batch_block (&b->x, b->n, p);
      gsl_vector_set_all (&t, (double)(last - p) / (double)process->levels);
      memcpy (x.data, b->x_0.data, b->n * d * sizeof (double));
      status = sb_stream_normals (stream, (uint64_t)p * d, &z);
    }

  // Move the data, all levels at once.
  memcpy (b->difference.data, b->z.data, b->points * b->n * d * sizeof (double));
  return status ? status : sb_process_transition_in_place (process, NULL, &b->t, &b->difference, &b->x);
}

static int
check (const sb_objective *o)
{
  if (o->t_above > 0)
    SB_ERROR (NULL, GSL_EUNSUP, "ncsn: its target is used at all levels");
  return GSL_SUCCESS;
}

const sb_objective_type *sb_objective_ncsn
    = &(const sb_objective_type){ .entry = { .name = "ncsn", .help = "denoising, at every level of a chain" },
                                  .view = SB_SCORE,
                                  .weighting = &sb_weighting_variance,
                                  .count = count_levels,
                                  .draw = draw_levels,
                                  .noise = true,
                                  .check = check,
                                  .loss = sb_objective_denoising_loss };
