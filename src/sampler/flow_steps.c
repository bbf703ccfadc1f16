// # Steps along the probability flow
//
// Runge and Kutta's methods on the flow's equation $d\mathbf x/dt = \mathbf v(\mathbf x, t)$ (`drift.c`), in steps that
// the grid chooses. Heun's and the classical method each evaluate the velocity at a point that depends only on the one
// before,
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

// At the step's end the velocity is the limit from above: where a schedule has a kink, it is evaluated just above.

static double
stage_time (double c, double s, double t)
{
  return c < 1 ? t + c * (s - t) : nextafter (s, t);
}

// ## By the velocity

static void
set_stage (double c, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x, const gsl_matrix *k, gsl_vector *at,
           gsl_matrix *point)
{
  for (size_t i = 0; i < x->size1; i++)
    {
      const double from = gsl_vector_get (t, i), to = gsl_vector_get (s, i), h = to - from;
      gsl_vector_set (at, i, stage_time (c, to, from));
      for (size_t j = 0; j < x->size2; j++)
        gsl_matrix_set (point, i, j, gsl_matrix_get (x, i, j) + (c > 0 ? c * h * gsl_matrix_get (k, i, j) : 0));
    }
}

static int
run_by_velocity (const tableau *method, sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s,
                 const gsl_vector *t, gsl_matrix *x)
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
      sb_work_add_slope (s, t, method->w[j], &k.matrix, &sum.matrix);
    }
  return status ? status : gsl_matrix_memcpy (x, &sum.matrix);
}

// ## By the numbers of the parts
//
// Where $\mathbf F$ and $\mathbf G$ are numbers, $\mathbf v = f\,\mathbf x - \frac12 g^2\,\mathbf s$ need not be
// stored: $w h\,\mathbf k_j$ is two more terms of a linear combination, made in one pass over memory.

typedef struct
{
  sb_sampler_work *work;
  const gsl_vector *s, *t, *at;
  size_t rows; // of coefficients: 1 where all rows have the same times
} stage;

static int
find_coefficients (const stage *g, double w, gsl_matrix *of_point, gsl_matrix *of_score)
{
  const sb_process *process = g->work->score->process;
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < g->rows && !status; i++)
    {
      const double at = gsl_vector_get (g->at, i), h = gsl_vector_get (g->s, i) - gsl_vector_get (g->t, i);
      double *F = gsl_matrix_ptr (of_point, i, 0), *G = gsl_matrix_ptr (of_score, i, 0);
      status = sb_work_check_sde (process, at);
      if (!status)
        status = sb_process_numbers (process, SB_F, 0, at, F);
      if (!status)
        status = sb_process_numbers (process, SB_G, 0, at, G);
      for (size_t k = 0; k < process->parts && !status; k++)
        {
          F[k] *= w * h;
          G[k] *= -0.5 * w * h * G[k];
        }
    }
  return status;
}

// out <- from + w h (f point - g^2 score / 2)

static int
add_velocity (const stage *g, double w, const gsl_matrix *from, const gsl_matrix *point, const gsl_matrix *score,
              gsl_matrix *out)
{
  const size_t parts = g->work->score->process->parts;
  gsl_matrix_view one = gsl_matrix_submatrix (g->work->c, 0, 0, 1, parts),
                  of_point = gsl_matrix_submatrix (g->work->c, 1, 0, g->rows, parts),
                  of_score = gsl_matrix_submatrix (g->work->c, 1 + g->rows, 0, g->rows, parts);
  gsl_matrix_set_all (&one.matrix, 1);
  const int status = find_coefficients (g, w, &of_point.matrix, &of_score.matrix);
  const sb_term term[] = { { &one.matrix, from }, { &of_point.matrix, point }, { &of_score.matrix, score } };
  return status ? status : sb_process_combine (g->work->score->process, 3, term, NULL, out);
}

static int
run_by_parts (const tableau *method, sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s,
              const gsl_vector *t, gsl_matrix *x)
{
  const size_t n = x->size1, d = x->size2;
  gsl_matrix_view score = sb_work_estimate_rows (work, n), further = gsl_matrix_submatrix (work->more, 0, 0, n, d),
                  sum = gsl_matrix_submatrix (work->more, n, 0, n, d);
  gsl_vector_view at = gsl_vector_subvector (work->t, 0, n);
  const stage g = { work, s, t, &at.vector, sb_same_times (s, t, 0) == n ? 1 : n };
  int status = GSL_SUCCESS;
  for (size_t j = 0; j < method->stages && !status; j++)
    {
      const gsl_matrix *point = j > 0 ? &further.matrix : x;
      const bool last = j + 1 == method->stages;
      for (size_t i = 0, same; i < n; i += same)
        {
          same = sb_same_times (s, t, i);
          gsl_vector_view run = gsl_vector_subvector (&at.vector, i, same);
          gsl_vector_set_all (&run.vector, stage_time (method->c[j], gsl_vector_get (s, i), gsl_vector_get (t, i)));
        }
      status = sb_work_estimate (work, SB_SCORE, y, &at.vector, point, &score.matrix);
      if (!status)
        status = add_velocity (&g, method->w[j], j > 0 ? &sum.matrix : x, point, &score.matrix, last ? x : &sum.matrix);
      if (!status && !last)
        status = add_velocity (&g, method->c[j + 1], x, point, &score.matrix, &further.matrix);
    }
  return status;
}

static int
run (const tableau *method, sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
     gsl_matrix *x)
{
  const sb_process *process = work->score->process;
  return (process->parts > 0 && !process->basis && !process->from_zero_only ? run_by_parts : run_by_velocity) (
      method, work, y, s, t, x);
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
