// # Sliced score matching
//
// Implicit score matching needs the trace of a $d \times d$ matrix, one product for each coordinate. A random direction
// $\mathbf v$ with $\mathbb E[\mathbf v\mathbf v^\top] = \mathbf I$ estimates it without bias by one product,
// $\mathbb E[\mathbf v^\top\mathbf J\,\mathbf v] = \operatorname{tr}\mathbf J$ (Hutchinson, 1989; Song et al., 2019):
// [dsm2ddpm.txt-SSM]
// $$ J_{\mathrm{SSM}} = \mathbb E_{p_{\mathbf v}}\,\mathbb E_{p_{\mathrm{data}}(\mathbf x)}\Bigl[
//    \mathbf v^\top\nabla_{\mathbf x}\mathbf s_\theta(\mathbf x)\,\mathbf v + \tfrac12\|\mathbf s_\theta(\mathbf x)\|^2
//    \Bigr] = J_{\mathrm{ISM}}. $$
// It is the variance-reduced form; the plain one projects everything and has $\tfrac12(\mathbf v^\top\mathbf
// s_\theta)^2$ in place of $\tfrac12\|\mathbf s_\theta\|^2$.
//
// For a matrix with the symmetric part $\mathbf H$ the variance of $\mathbf v^\top\mathbf J\,\mathbf v$ is
// $2\|\mathbf H\|_F^2$ with normals, and $2(\|\mathbf H\|_F^2 - \sum_i H_{ii}^2)$ with signs.
//
// Slicing saves products, but still assumes that the data fill their space. On a subspace the loss has no minimum:
// along each direction normal to it a score $-c\,x$ has the loss $-c$, and with a little noise $-c + c^2\sigma^2/2$,
// least at $c = 1/\sigma^2$. [dsm2ddpm.txt-SSM-degenerate]

#include "../base/rows.h"
#include "objective.h"

#include <gsl/gsl_errno.h>

// ## In time
//
// A diffusion's score is learned at all times at once, each with a weight: [scoresde.eq19]
// $$ \mathbb E_{t \sim \mathcal U(0, T)}\Bigl\{\lambda(t)\,\mathbb E_{\mathbf x(0)}\,\mathbb E_{\mathbf x(t)}\,\mathbb E_{\mathbf v}
//    \Bigl[\tfrac12\|\mathbf s_\theta(\mathbf x(t), t)\|^2
//    + \mathbf v^\top\nabla\mathbf s_\theta(\mathbf x(t), t)\,\mathbf v\Bigr]\Bigr\} . $$
// (Without the $\nabla$, as the paper prints it, $\mathbf v^\top\mathbf s_\theta\,\mathbf v$ is no number but in one
// dimension, and there $s = -1$ would be best for all data.) Nothing here needs the kernel: $\mathbf x(t)$ may be the
// end of a simulated path, of an SDE with an unknown transition density. [scoresde.txt-other-sm] Where $\lambda$ is a
// matrix that does not depend on $\mathbf x$, $\tfrac12\mathbf s^\top\lambda\,\mathbf s +
// \operatorname{tr}(\lambda\,\nabla\mathbf s)$ has the same minimum for the same reason, and $\mathbb E[\mathbf
// v^\top\lambda\,\nabla\mathbf s\,\mathbf v]$ is its trace.

// ## The loss
//
// One product with the Jacobian a direction [dsm2ddpm.txt-SSM-jvp]; the score itself is evaluated once for all of a
// row's. The gradient is $\lambda\mathbf v$ with respect to $\mathbf J\mathbf v$, and with respect to $\mathbf s$ it is
// $\lambda\mathbf s$, or, in the plain form, half of $(\mathbf v^\top\lambda\mathbf s)\,\mathbf v + (\mathbf
// v^\top\mathbf s)\,\lambda\mathbf v$.

int
sb_objective_slices (double weight, bool plain, const sb_slices *at, sb_objective_batch *b)
{
  const size_t d = b->x.size2;

  // Weigh the score and the directions.
  int status = sb_objective_weigh (at->s, b, at->s_bar);
  for (size_t m = 0; m < b->directions && !status; m++)
    {
      const gsl_matrix v = sb_batch_block (&b->v, b->n, m);
      gsl_matrix v_bar = sb_batch_block (at->Jv_bar, b->n, m);
      status = sb_objective_weigh (&v, b, &v_bar);
    }

  for (size_t i = 0; i < b->n && !status; i++)
    {
      // Begin with the score's size.
      const double *s = at->s->data + i * d;
      double *s_bar = at->s_bar->data + i * d, loss = plain ? 0 : sb_dot (d, s, s_bar) / 2;
      for (size_t j = 0; j < d && plain; j++)
        s_bar[j] = 0;

      // Add each direction's term.
      for (size_t m = 0; m < b->directions; m++)
        {
          const size_t row = (m * b->n + i) * d;
          const double *v = b->v.data + row, *Jv = at->Jv->data + row;
          double *v_bar = at->Jv_bar->data + row;
          const double v_s = plain ? sb_dot (d, v, s) : 0, v_s_bar = plain ? sb_dot (d, v_bar, s) : 0;
          loss += weight * (sb_dot (d, v_bar, Jv) + v_s * v_s_bar / 2);
          for (size_t j = 0; j < d; j++)
            {
              s_bar[j] += weight * (v_s_bar * v[j] + v_s * v_bar[j]) / 2;
              v_bar[j] *= weight;
            }
        }
      gsl_vector_set (&b->loss, i, loss);
    }
  return status;
}

// ## As an objective

enum
{
  FORM,
  LAW,
  DIRECTIONS,
  KEYS
};

static const sb_key keys[KEYS] = {
  [FORM] = { .name = "form", .words = (const char *const[]){ "reduced", "plain", NULL }, .help = "|s|^2 or (v^T s)^2" },
  [LAW] = { .name = "law",
            .words = (const char *const[]){ "normal", "signs", NULL },
            .help = "distribution of the directions" },
  [DIRECTIONS] = { .name = "directions", .usual = 1, .low = 1, .high = 1e6, .whole = true, .help = "per sample" }
};

static void
count_directions (const sb_objective *o, size_t *points, size_t *directions)
{
  (void)points;
  *directions = (size_t)o->key[DIRECTIONS];
}

static int
ssm_draw (sb_stream stream, sb_objective_batch *b)
{
  int status = sb_objective_draw_points (stream, b);
  return status ? status : sb_objective_draw_directions ((sb_projection)b->objective->key[LAW], stream, b);
}

static int
ssm_loss (sb_objective_batch *b)
{
  const sb_slices slices = { &b->estimate, &b->Jv, &b->bar, &b->Jv_bar };
  return sb_objective_slices (1 / (double)b->directions, b->objective->key[FORM] == 1, &slices, b);
}

const sb_objective_type *sb_objective_ssm = &(const sb_objective_type){
  .entry = { .name = "ssm", .help = "sliced score matching, with random directions", .keys = keys, .key_count = KEYS },
  .view = SB_SCORE,
  .weighting = &sb_weighting_unit,
  .derivatives = true,
  .count = count_directions,
  .draw = ssm_draw,
  .loss = ssm_loss
};
