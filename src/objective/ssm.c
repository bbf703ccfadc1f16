// # Sliced score matching
//
// Implicit score matching wants the trace of a $d \times d$ matrix, one product for each coordinate. A random direction
// $\mathbf v$ with $\mathbb E[\mathbf v\mathbf v^\top] = \mathbf I$ sees as much in the mean with one product,
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
// Slicing saves products, not the assumption that data fill their space. On a subspace the loss has no minimum: along
// each direction normal to it a score $-c\,x$ has the loss $-c$, and with a little noise $-c + c^2\sigma^2/2$, least at
// $c = 1/\sigma^2$. [dsm2ddpm.txt-SSM-degenerate]

#include "objective.h"

#include <gsl/gsl_errno.h>

// ## The loss
//
// One product with the Jacobian a direction [dsm2ddpm.txt-SSM-jvp]; the score itself is asked once for all of a row's.
// The gradient is $\mathbf v$ with respect to $\mathbf J\mathbf v$, and $\mathbf s$ or
// $(\mathbf v^\top\mathbf s)\,\mathbf v$ with respect to $\mathbf s$.

static double
dot (size_t d, const double *a, const double *b)
{
  double sum = 0;
  for (size_t j = 0; j < d; j++)
    sum += a[j] * b[j];
  return sum;
}

int
sb_objective_slices (double share, bool plain, sb_objective_batch *b)
{
  const size_t d = b->x.size2;
  for (size_t i = 0; i < b->n; i++)
    {
      // Begin with the score's size.
      const double *s = b->estimate.data + i * d;
      double *s_bar = b->bar.data + i * d, loss = plain ? 0 : dot (d, s, s) / 2;
      for (size_t j = 0; j < d; j++)
        s_bar[j] = plain ? 0 : s[j];

      // Add what each direction says.
      for (size_t m = 0; m < b->directions; m++)
        {
          const double *v = b->v.data + (m * b->n + i) * d, along = plain ? dot (d, v, s) : 0;
          loss += share * (dot (d, v, b->along.data + (m * b->n + i) * d) + along * along / 2);
          for (size_t j = 0; j < d; j++)
            {
              s_bar[j] += share * along * v[j];
              b->along_bar.data[(m * b->n + i) * d + j] = share * v[j];
            }
        }
      gsl_vector_set (&b->loss, i, loss);
    }
  return GSL_SUCCESS;
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
  [LAW] = { .name = "law", .words = (const char *const[]){ "normal", "signs", NULL }, .help = "of the directions" },
  [DIRECTIONS] = { .name = "directions", .usual = 1, .low = 1, .high = 1e6, .whole = true, .help = "of a sample" }
};

static void
count_directions (const sb_objective *o, size_t *points, size_t *directions)
{
  (void)points;
  *directions = (size_t)o->key[DIRECTIONS];
}

static int
ssm_draw (const sb_score *score, sb_stream stream, sb_objective_batch *b)
{
  (void)score;
  int status = sb_objective_draw_points (stream, b);
  return status ? status : sb_objective_draw_directions ((sb_projection)b->objective->key[LAW], stream, b);
}

static int
ssm_loss (sb_objective_batch *b)
{
  return sb_objective_slices (1 / (double)b->directions, b->objective->key[FORM] == 1, b);
}

const sb_objective_type *sb_objective_ssm = &(const sb_objective_type){
  .entry = { .name = "ssm", .help = "sliced score matching, by random directions", .keys = keys, .key_count = KEYS },
  .view = SB_SCORE,
  .derivatives = true,
  .count = count_directions,
  .draw = ssm_draw,
  .loss = ssm_loss
};
