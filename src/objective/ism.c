// # Implicit score matching
//
// Expand the square of explicit score matching:
// $$ \tfrac12\|\mathbf s_\theta - \nabla\log p\|^2
//    = \tfrac12\|\mathbf s_\theta\|^2 - \langle\mathbf s_\theta, \nabla\log p\rangle + \tfrac12\|\nabla\log p\|^2. $$
// The last term does not depend on $\theta$, and in the middle one $p\,\nabla\log p = \nabla p$ can be integrated by
// parts: $-\mathbb E_p\langle\mathbf s_\theta, \nabla\log p\rangle = -\int\langle\mathbf s_\theta, \nabla p\rangle\,
// d\mathbf x = \mathbb E_p[\nabla\cdot\mathbf s_\theta]$, if $p\,\mathbf s_\theta$ vanishes at the edge of the support.
// What is left needs samples of the data only (Hyvärinen, 2005): [dsm2ddpm.txt-ISM]
// $$ J_{\mathrm{ISM}} = \mathbb E_{p_{\mathrm{data}}(\mathbf x)}\Bigl[\tfrac12\|\mathbf s_\theta(\mathbf x)\|^2
//    + \operatorname{tr}\bigl(\nabla_{\mathbf x}\mathbf s_\theta(\mathbf x)\bigr)\Bigr]
//    = J_{\mathrm{ESM}} - \tfrac12\,\mathbb E\,\|\nabla\log p_{\mathrm{data}}\|^2. $$
// Where the density jumps at the edge, as that of $\mathcal U[0, 1]$ does, the two differ by a term that depends on
// $\theta$, and this objective has another minimum. [dsm2ddpm.txt-ISM-limits]
//
// $\operatorname{tr}\mathbf J = \sum_k \mathbf e_k^\top\mathbf J\,\mathbf e_k$: one direction for every coordinate,
// which makes this objective expensive in many dimensions. [dsm2ddpm.txt-A1-divergence]

#include "objective.h"

static void
count_coordinates (const sb_objective *o, size_t *points, size_t *directions)
{
  (void)points;
  *directions = o->process->dimension;
}

static int
draw_units (sb_stream stream, sb_objective_batch *b)
{
  gsl_matrix_set_zero (&b->v);
  for (size_t k = 0; k < b->directions; k++)
    for (size_t i = 0; i < b->n; i++)
      gsl_matrix_set (&b->v, k * b->n + i, k, 1);
  return sb_objective_draw_points (stream, b);
}

static int
ism_loss (sb_objective_batch *b)
{
  const sb_slices slices = { &b->estimate, &b->Jv, &b->bar, &b->Jv_bar };
  return sb_objective_slices (1, false, &slices, b);
}

const sb_objective_type *sb_objective_ism
    = &(const sb_objective_type){ .entry = { .name = "ism", .help = "implicit score matching, using the exact trace" },
                                  .view = SB_SCORE,
                                  .weighting = &sb_weighting_unit,
                                  .derivatives = true,
                                  .count = count_coordinates,
                                  .draw = draw_units,
                                  .loss = ism_loss };
