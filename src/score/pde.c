// # The Fokker-Planck equation, by the score
//
// Kolmogorov's forward equation [scoresde.eq35] is an equation of continuity for the velocity of the probability flow, [scoresde.eq37]
// $\partial_t p_t = -\nabla\cdot(\tilde{\mathbf f}\,p_t)$. Divided by $p_t$ it needs the score in the density's place:
// $$ \partial_t \log p_t(\mathbf x) = -\nabla\cdot\tilde{\mathbf f}(\mathbf x, t) - \tilde{\mathbf f}(\mathbf x, t)^\top\mathbf s(\mathbf x, t) . $$

#include "pde.h"

#include "../base/error.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>

static void
subtract_products (const gsl_matrix *a, const gsl_matrix *b, double weight, gsl_vector *rate)
{
  for (size_t i = 0; i < a->size1; i++)
    {
      double product;
      gsl_vector_const_view a_i = gsl_matrix_const_row (a, i), b_i = gsl_matrix_const_row (b, i);
      gsl_blas_ddot (&a_i.vector, &b_i.vector, &product);
      *gsl_vector_ptr (rate, i) -= weight * product;
    }
}

static int
check (const sb_score *score, const gsl_vector *t, const gsl_matrix *x, const gsl_vector *rate)
{
  const size_t n = x->size1, d = x->size2;
  if (d != score->process->dimension || t->size != n || rate->size != n)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, with %zu times and %zu rates; the score has dimension %zu", n, d,
              t->size, rate->size, score->process->dimension);
  return GSL_SUCCESS;
}

// ## A linear SDE
//
// With $\mathbf s_G = \mathbf G\mathbf G^\top\mathbf s$ it is $-\operatorname{tr}\mathbf F + \tfrac12\operatorname{tr}(\mathbf G\mathbf G^\top\mathbf J)
// - (\mathbf F\mathbf x - \tfrac12\mathbf s_G)^\top\mathbf s$, and the trace takes a product for each coordinate.

static int
map (const sb_score *score, sb_process_map which, CBLAS_TRANSPOSE_t transpose, const gsl_vector *t, gsl_matrix *x)
{
  return sb_process_apply (score->process, which, transpose, NULL, t, x);
}

static int
square_map (const sb_score *score, const gsl_vector *t, gsl_matrix *x)
{
  int status = map (score, SB_G, CblasTrans, t, x);
  return status ? status : map (score, SB_G, CblasNoTrans, t, x);
}

static int
add_trace (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x, gsl_matrix *axis,
           gsl_matrix *Je, gsl_vector *rate)
{
  int status = GSL_SUCCESS;
  for (size_t j = 0; j < x->size2 && !status; j++)
    {
      gsl_vector_view column = gsl_matrix_column (axis, j);
      gsl_matrix_set_zero (axis);
      gsl_vector_set_all (&column.vector, 1);
      status = sb_score_jvp (score, SB_SCORE, x, t, y, axis, Je);
      if (!status)
        status = square_map (score, t, axis);
      if (!status)
        subtract_products (axis, Je, -0.5, rate);
    }
  return status;
}

static int
linear_rate (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x, gsl_matrix *s,
             gsl_matrix *moved, gsl_matrix *Je, gsl_vector *rate)
{
  // Begin with minus the trace of F.
  int status = sb_process_trace (score->process, t, rate);
  gsl_vector_scale (rate, -1);
  if (!status)
    status = add_trace (score, y, t, x, moved, Je, rate);

  // Take off the velocity's product with the score.
  if (!status)
    status = sb_score_estimate (score, SB_SCORE, x, t, y, s);
  gsl_matrix_memcpy (moved, x);
  if (!status)
    status = map (score, SB_F, CblasNoTrans, t, moved);
  if (!status)
    subtract_products (moved, s, 1, rate);
  gsl_matrix_memcpy (moved, s);
  if (!status)
    status = square_map (score, t, moved);
  if (!status)
    subtract_products (moved, s, -0.5, rate);
  return status;
}

int
sb_fokker_planck (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                  gsl_vector *rate)
{
  const size_t n = x->size1, d = x->size2;
  int status = check (score, t, x, rate);
  if (status || n == 0)
    return status;
  gsl_matrix *s = gsl_matrix_alloc (n, d), *moved = gsl_matrix_alloc (n, d), *Je = gsl_matrix_alloc (n, d);
  status = s && moved && Je ? linear_rate (score, y, t, x, s, moved, Je, rate) : GSL_ENOMEM;
  gsl_matrix_free (s);
  gsl_matrix_free (moved);
  gsl_matrix_free (Je);
  return status;
}

// ## Any SDE
//
// Each coordinate of the velocity is differentiated along itself, $\partial_j\tilde f_j$, by four values on a scale of the coordinate.

typedef struct
{
  gsl_matrix *s, *at, *velocity;
} work;

static int
velocity_at (const sb_ito *ito, const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
             work *w)
{
  int status = sb_score_estimate (score, SB_SCORE, x, t, y, w->s);
  return status ? status : sb_ito_flow_velocity (ito, t, x, w->s, w->velocity);
}

static int
subtract_slope (const sb_ito *ito, const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                size_t j, work *w, gsl_vector *rate)
{
  static const double weight[] = { 1, -8, 8, -1 }, place[] = { -2, -1, 1, 2 };
  int status = GSL_SUCCESS;
  for (int k = 0; k < 4 && !status; k++)
    {
      gsl_matrix_memcpy (w->at, x);
      for (size_t i = 0; i < x->size1; i++)
        {
          const double x_ij = gsl_matrix_get (x, i, j);
          gsl_matrix_set (w->at, i, j, x_ij + place[k] * 1e-3 * GSL_MAX_DBL (fabs (x_ij), 1e-2));
        }
      status = velocity_at (ito, score, y, t, w->at, w);
      for (size_t i = 0; i < x->size1 && !status; i++)
        {
          const double h = 1e-3 * GSL_MAX_DBL (fabs (gsl_matrix_get (x, i, j)), 1e-2);
          *gsl_vector_ptr (rate, i) -= weight[k] / (12 * h) * gsl_matrix_get (w->velocity, i, j);
        }
    }
  return status;
}

static int
ito_rate (const sb_ito *ito, const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
          work *w, gsl_vector *rate)
{
  gsl_vector_set_zero (rate);
  int status = velocity_at (ito, score, y, t, x, w);
  if (!status)
    subtract_products (w->velocity, w->s, 1, rate);
  for (size_t j = 0; j < x->size2 && !status; j++)
    status = subtract_slope (ito, score, y, t, x, j, w, rate);
  return status;
}

int
sb_fokker_planck_ito (const sb_ito *ito, const sb_score *score, const gsl_matrix *y, const gsl_vector *t,
                      const gsl_matrix *x, gsl_vector *rate)
{
  const size_t n = x->size1, d = x->size2;
  int status = check (score, t, x, rate);
  if (status || n == 0)
    return status;
  work w = { gsl_matrix_alloc (n, d), gsl_matrix_alloc (n, d), gsl_matrix_alloc (n, d) };
  status = w.s && w.at && w.velocity ? ito_rate (ito, score, y, t, x, &w, rate) : GSL_ENOMEM;
  gsl_matrix_free (w.s);
  gsl_matrix_free (w.at);
  gsl_matrix_free (w.velocity);
  return status;
}
