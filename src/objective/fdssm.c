// # Sliced score matching by differences
//
// A product with the Jacobian, and more so its gradient, needs more of a network than values and a backward pass. A
// difference does not (after Pang et al., 2020): with $\mathbf s_\pm = \mathbf s_\theta(\mathbf x \pm h\mathbf v)$,
// $$ \frac{\mathbf v^\top(\mathbf s_+ - \mathbf s_-)}{2h} = \mathbf v^\top\nabla_{\mathbf x}\mathbf s_\theta\,\mathbf v
//    + O(h^2), \qquad \mathbf m = \frac{\mathbf s_+ + \mathbf s_-}{2} = \mathbf s_\theta(\mathbf x) + O(h^2), $$
// so that the loss $\mathbf v^\top(\mathbf s_+ - \mathbf s_-)/2h + \tfrac12\|\mathbf m\|^2$ is that of sliced score
// matching to the second order in $h$, at the cost of two evaluations.

#include "objective.h"

#include <gsl/gsl_math.h>

enum
{
  H,
  FORM,
  LAW,
  KEYS
};

static const sb_key keys[KEYS]
    = { [H] = { .name = "h", .usual = 0.1, .low = 0, .high = 1e6, .above = true, .help = "half of the interval" },
        [FORM]
        = { .name = "form", .words = (const char *const[]){ "reduced", "plain", NULL }, .help = "|s|^2 or (v^T s)^2" },
        [LAW] = { .name = "law",
                  .words = (const char *const[]){ "normal", "signs", NULL },
                  .help = "distribution of the directions" } };

static void
count_both_sides (const sb_objective *o, size_t *points, size_t *directions)
{
  (void)o;
  *points = 2;
  *directions = 1;
}

static int
fdssm_draw (sb_stream stream, sb_objective_batch *b)
{
  const size_t half = b->n * b->x.size2;
  const double h = b->objective->key[H];

  // Draw points and directions.
  int status = sb_objective_draw_points (stream, b);
  if (!status)
    status = sb_objective_draw_directions ((sb_projection)b->objective->key[LAW], stream, b);

  // Move the points to both sides.
  for (size_t i = 0; i < b->n; i++)
    b->t.data[b->n + i] = b->t.data[i];
  for (size_t k = 0; k < half; k++)
    {
      const double x = b->x.data[k];
      b->x.data[k] = x + h * b->v.data[k];
      b->x.data[half + k] = x - h * b->v.data[k];
    }
  return status;
}

// The mean $\mathbf m$ of both sides is in the place of the score, their slope $(\mathbf s_+ - \mathbf s_-)/2h$ in that
// of $\mathbf J\mathbf v$. The gradients $\bar{\mathbf m}$ and $\bar{\mathbf J}$ with respect to these make
// $\bar{\mathbf m}/2 \pm \bar{\mathbf J}/2h$ with respect to $\mathbf s_\pm$, and a backward pass at each of the two
// points takes that to the parameters.

static int
fdssm_loss (sb_objective_batch *b)
{
  const size_t half = b->n * b->x.size2;
  const double h = b->objective->key[H];
  gsl_matrix m = sb_batch_block (&b->difference, b->n, 0), slope = sb_batch_block (&b->difference, b->n, 1),
             m_bar = sb_batch_block (&b->bar, b->n, 0), slope_bar = sb_batch_block (&b->bar, b->n, 1);
  const sb_slices slices = { &m, &slope, &m_bar, &slope_bar };

  // Find the mean and the slope.
  for (size_t k = 0; k < half; k++)
    {
      const double up = b->estimate.data[k], down = b->estimate.data[half + k];
      m.data[k] = (up + down) / 2;
      slope.data[k] = (up - down) / (2 * h);
    }

  // Propagate the gradients to both sides.
  int status = sb_objective_slices (1, b->objective->key[FORM] == 1, &slices, b);
  for (size_t k = 0; k < half && !status; k++)
    {
      const double mean = m_bar.data[k] / 2, difference = slope_bar.data[k] / (2 * h);
      m_bar.data[k] = mean + difference;
      slope_bar.data[k] = mean - difference;
    }
  return status;
}

const sb_objective_type *sb_objective_fdssm = &(const sb_objective_type){
  .entry = { .name = "fdssm", .help = "sliced score matching, by finite differences", .keys = keys, .key_count = KEYS },
  .view = SB_SCORE,
  .weighting = &sb_weighting_unit,
  .count = count_both_sides,
  .draw = fdssm_draw,
  .loss = fdssm_loss
};
