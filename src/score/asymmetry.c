// # Is it a gradient?
//
// The score of a law is a gradient, $\mathbf s = \nabla\log p$, so that its Jacobian is a Hessian and symmetric, and
// its integral around any closed path is 0. A network's output need not be a gradient: the paper requires this as a
// separate property. [consistent.prop2] Both can be measured. $\mathbf J$ of the denoiser is $\mathbf I +
// \sigma_t^2\mathbf J_s$, which is symmetric where that of the score is, and under $d\mathbf x = g\,d\mathbf
// w$ the asymmetry of a consistent score, $\mathbf J_s = \mathbf H + \mathbf
// A$, evolves as [consistent.txt-single-t-conservative]
// $$ \partial_v\mathbf A
//    = (\mathbf s\cdot\nabla)\mathbf A + \tfrac12\triangle\mathbf A + \mathbf H\mathbf A + \mathbf A\mathbf H , $$
// so that none at one time implies none later. Neither implies that there is a density: the score 0 is the gradient of
// a constant, which cannot be normalised.

#include "asymmetry.h"

#include "../base/checks.h"
#include "../base/error.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_math.h>
#include <math.h>

// ## The antisymmetric part
//
// $\lVert\mathbf M\rVert_F^2 = \sum_j\lVert\mathbf M\mathbf e_j\rVert^2 = \mathrm E\lVert\mathbf M\mathbf u\rVert^2$
// for directions $\mathbf u$ with $\mathrm E\,\mathbf u\mathbf u^\top = \mathbf I$. With $\mathbf M = \mathbf J$ and
// $\mathbf J - \mathbf J^\top$ each direction takes a product of either kind.

typedef struct
{
  gsl_matrix *u, *Ju, *transposed; // n x d
  gsl_vector *whole;               // n: the squared norm of J
} work;

static int
draw_direction (size_t k, size_t probes, sb_stream stream, gsl_matrix *u)
{
  if (probes)
    return sb_stream_normals (stream, k * u->size2, u);
  gsl_vector_view e_k = gsl_matrix_column (u, k);
  gsl_matrix_set_zero (u);
  gsl_vector_set_all (&e_k.vector, 1);
  return GSL_SUCCESS;
}

static void
add_square (const gsl_matrix *m, size_t i, gsl_vector *sum)
{
  gsl_vector_const_view m_i = gsl_matrix_const_row (m, i);
  *gsl_vector_ptr (sum, i) += gsl_pow_2 (gsl_blas_dnrm2 (&m_i.vector));
}

static int
add_squares (const sb_score *score, sb_view view, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
             work *w, gsl_vector *difference)
{
  int status = sb_score_jvp (score, view, x, t, y, w->u, w->Ju);
  if (!status)
    status = sb_score_vjp (score, view, x, t, y, w->u, w->transposed);
  for (size_t i = 0; i < x->size1 && !status; i++)
    add_square (w->Ju, i, w->whole);
  gsl_matrix_sub (w->Ju, w->transposed);
  for (size_t i = 0; i < x->size1 && !status; i++)
    add_square (w->Ju, i, difference);
  return status;
}

static int
find_ratios (const sb_score *score, sb_view view, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
             size_t probes, sb_stream stream, work *w, gsl_vector *ratio)
{
  int status = GSL_SUCCESS;
  gsl_vector_set_zero (w->whole);
  gsl_vector_set_zero (ratio);
  for (size_t k = 0; k < (probes ? probes : x->size2) && !status; k++)
    {
      status = draw_direction (k, probes, stream, w->u);
      if (!status)
        status = add_squares (score, view, y, t, x, w, ratio);
    }
  for (size_t i = 0; i < ratio->size && !status; i++)
    {
      const double whole = gsl_vector_get (w->whole, i);
      gsl_vector_set (ratio, i, whole == 0 ? 0 : sqrt (gsl_vector_get (ratio, i) / whole));
    }
  return status ? status : sb_check_finite_numbers ("an asymmetry", GSL_EBADFUNC, ratio->data, ratio->size);
}

int
sb_score_asymmetry (const sb_score *score, sb_view view, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                    size_t probes, sb_stream stream, gsl_vector *ratio)
{
  const size_t n = x->size1, d = x->size2;
  if (ratio->size != n)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu rows have as many asymmetries, not %zu", n, ratio->size);
  if (n == 0)
    return GSL_SUCCESS;
  work w = { gsl_matrix_alloc (n, d), gsl_matrix_alloc (n, d), gsl_matrix_alloc (n, d), gsl_vector_alloc (n) };
  int status = w.u && w.Ju && w.transposed && w.whole ? find_ratios (score, view, y, t, x, probes, stream, &w, ratio)
                                                      : GSL_ENOMEM;
  gsl_matrix_free (w.u);
  gsl_matrix_free (w.Ju);
  gsl_matrix_free (w.transposed);
  gsl_vector_free (w.whole);
  return status;
}

// ## Around a polygon
//
// $\oint\mathbf f\cdot d\mathbf x$, edge by edge
// $\int_0^1 \mathbf f(\mathbf a + r(\mathbf b - \mathbf a))\cdot(\mathbf b - \mathbf a)\,dr$.

typedef struct
{
  gsl_integration_glfixed_table *rule;
  gsl_matrix *x, *f, *y; // a row per node; y of no columns: none
  gsl_vector *t, *edge;  // nodes, d
} tour;

static int
add_edge (const sb_score *score, sb_view view, const gsl_vector *a, const gsl_vector *b, tour *w, double *sum)
{
  const size_t nodes = w->t->size;
  double r, weight, along;
  gsl_vector_memcpy (w->edge, b);
  gsl_vector_sub (w->edge, a);
  for (size_t k = 0; k < nodes; k++)
    {
      gsl_vector_view x_k = gsl_matrix_row (w->x, k);
      gsl_integration_glfixed_point (0, 1, k, &r, &weight, w->rule);
      gsl_vector_memcpy (&x_k.vector, a);
      gsl_blas_daxpy (r, w->edge, &x_k.vector);
    }
  const int status = sb_score_estimate (score, view, w->x, w->t, w->y, w->f);
  for (size_t k = 0; k < nodes && !status; k++)
    {
      gsl_vector_const_view f_k = gsl_matrix_const_row (w->f, k);
      gsl_integration_glfixed_point (0, 1, k, &r, &weight, w->rule);
      gsl_blas_ddot (&f_k.vector, w->edge, &along);
      *sum += weight * along;
    }
  return status;
}

static int
add_edges (const sb_score *score, sb_view view, const gsl_vector *y, double t, const gsl_matrix *corners, tour *w,
           double *sum)
{
  int status = GSL_SUCCESS;
  gsl_vector_set_all (w->t, t);
  for (size_t k = 0; k < w->t->size && y; k++)
    gsl_matrix_set_row (w->y, k, y);
  *sum = 0;
  for (size_t k = 0; k < corners->size1 && !status; k++)
    {
      gsl_vector_const_view a = gsl_matrix_const_row (corners, k),
                            b = gsl_matrix_const_row (corners, (k + 1) % corners->size1);
      status = add_edge (score, view, &a.vector, &b.vector, w, sum);
    }
  return status;
}

int
sb_score_circulation (const sb_score *score, sb_view view, const gsl_vector *y, double t, const gsl_matrix *corners,
                      size_t nodes, double *circulation)
{
  const size_t d = corners->size2;
  if (nodes == 0)
    SB_ERROR (NULL, GSL_EINVAL, "an integral along an edge needs a node or more");
  if (d != score->process->dimension)
    SB_ERROR (NULL, GSL_EBADLEN, "corners in %zu dimensions, the score has %zu", d, score->process->dimension);
  tour w = { gsl_integration_glfixed_table_alloc (nodes),  gsl_matrix_alloc (nodes, d), gsl_matrix_alloc (nodes, d),
             y ? gsl_matrix_alloc (nodes, y->size) : NULL, gsl_vector_alloc (nodes),    gsl_vector_alloc (d) };
  const int status = w.rule && w.x && w.f && (w.y || !y) && w.t && w.edge
                         ? add_edges (score, view, y, t, corners, &w, circulation)
                         : GSL_ENOMEM;
  if (w.rule)
    gsl_integration_glfixed_table_free (w.rule);
  gsl_matrix_free (w.x);
  gsl_matrix_free (w.f);
  gsl_matrix_free (w.y);
  gsl_vector_free (w.t);
  gsl_vector_free (w.edge);
  return status;
}
