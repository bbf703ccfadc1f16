// # Steps along the probability flow
//
// Runge and Kutta's methods on the flow's equation $d\mathbf x/dt = \mathbf v(\mathbf x, t)$ (`drift.c`), in steps that the grid
// chooses. Heun's and the classical method each ask for the velocity at a point that depends on the one before alone,
// $$ \mathbf k_j = \mathbf v(\mathbf x + c_j h\,\mathbf k_{j-1},\; t + c_j h), \qquad
//    \mathbf x_s = \mathbf x_t + h\sum_j w_j\,\mathbf k_j, \qquad h = s - t < 0 . $$

#include "drift.h"
#include "work.h"

#include <math.h>

typedef struct
{
  size_t stages;
  double c[4], w[4];
} tableau;

static const tableau of_heun = { 2, { 0, 1 }, { 1. / 2, 1. / 2 } },
                     of_rk4 = { 4, { 0, 1. / 2, 1. / 2, 1 }, { 1. / 6, 1. / 3, 1. / 3, 1. / 6 } };

// At the step's end the velocity is that of the interval which ends there: where a schedule has a kink, it is asked for just
// above.

static void
set_stage (double c, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x, const gsl_matrix *k, gsl_vector *at,
           gsl_matrix *point)
{
  for (size_t i = 0; i < x->size1; i++)
    {
      const double from = gsl_vector_get (t, i), to = gsl_vector_get (s, i), h = to - from;
      gsl_vector_set (at, i, c < 1 ? from + c * h : nextafter (to, from));
      for (size_t j = 0; j < x->size2; j++)
        gsl_matrix_set (point, i, j, gsl_matrix_get (x, i, j) + (c > 0 ? c * h * gsl_matrix_get (k, i, j) : 0));
    }
}

static void
add_stage (double w, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *k, gsl_matrix *sum)
{
  for (size_t i = 0; i < sum->size1; i++)
    for (size_t j = 0; j < sum->size2; j++)
      *gsl_matrix_ptr (sum, i, j) += w * (gsl_vector_get (s, i) - gsl_vector_get (t, i)) * gsl_matrix_get (k, i, j);
}

static int
run (const tableau *method, sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
     gsl_matrix *x)
{
  const size_t n = x->size1, d = x->size2;
  gsl_matrix_view k = sb_work_estimate_rows (work, n), point = gsl_matrix_submatrix (work->more, 0, 0, n, d),
                  sum = gsl_matrix_submatrix (work->more, n, 0, n, d);
  gsl_vector_view at = gsl_vector_subvector (work->t, 0, n);
  int status = gsl_matrix_memcpy (&sum.matrix, x);
  for (size_t j = 0; j < method->stages && !status; j++)
    {
      set_stage (method->c[j], s, t, x, &k.matrix, &at.vector, &point.matrix);
      work->evaluations++;
      status = sb_flow_velocity (work->score, y, &at.vector, &point.matrix, &k.matrix);
      add_stage (method->w[j], s, t, &k.matrix, &sum.matrix);
    }
  return status ? status : gsl_matrix_memcpy (x, &sum.matrix);
}

static int
take_heun (sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z,
           gsl_matrix *x)
{
  (void)z;
  return run (&of_heun, work, y, s, t, x);
}

static int
take_rk4 (sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z,
          gsl_matrix *x)
{
  (void)z;
  return run (&of_rk4, work, y, s, t, x);
}

static const sb_step_type flow_heun
    = { .entry = { .name = "flow-heun", .help = "the flow, Heun's method: 2 evaluations" },
        .needs = SB_NEEDS_NO_NOISE,
        .take = take_heun },
    flow_rk4 = { .entry = { .name = "flow-rk4", .help = "the flow, Runge-Kutta: 4 evaluations" },
                 .needs = SB_NEEDS_NO_NOISE,
                 .take = take_rk4 };
const sb_step_type *sb_step_flow_heun = &flow_heun, *sb_step_flow_rk4 = &flow_rk4;
