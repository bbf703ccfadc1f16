// # Any SDE
//
// The other processes here have a drift linear in $\mathbf x$ and noise that does not depend on it. In general,
// [scoresde.eq15]
// $$ d\mathbf x = \mathbf f(\mathbf x, t)\,dt + \mathbf G(\mathbf x, t)\,d\mathbf w , $$
// with $\mathbf G$ a matrix, in Itô's sense: in a step the coefficients are those at its beginning. (The paper prints
// $d\bar{\mathbf w}$ here, its notation for reversed time.) Such a process has no kernel in closed form, only a reverse
// SDE, a flow, and steps.

#include "ito.h"

#include "../base/checks.h"
#include "../base/error.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

// ## Workspace of a row

typedef struct
{
  const sb_ito *ito;
  gsl_vector *f, *divergence, *moved, *a, *b; // d
  gsl_matrix *G;                              // d x d
} work;

static void
work_free (work *w)
{
  gsl_vector_free (w->f);
  gsl_vector_free (w->divergence);
  gsl_vector_free (w->moved);
  gsl_vector_free (w->a);
  gsl_vector_free (w->b);
  gsl_matrix_free (w->G);
}

static int
work_alloc (const sb_ito *ito, work *w)
{
  const size_t d = ito->dimension;
  *w = (work){ ito,
               gsl_vector_alloc (d),
               gsl_vector_alloc (d),
               gsl_vector_alloc (d),
               gsl_vector_alloc (d),
               gsl_vector_alloc (d),
               gsl_matrix_alloc (d, d) };
  if (w->f && w->divergence && w->moved && w->a && w->b && w->G)
    return GSL_SUCCESS;
  work_free (w);
  SB_ERROR (NULL, GSL_ENOMEM, "no memory for an SDE in %zu dimensions", d);
}

// $\mathbf a \leftarrow \mathbf G\mathbf G^{\mathsf T}\mathbf v$ at $\mathbf x$.

static int
apply_square (work *w, double t, const gsl_vector *x, const gsl_vector *v, gsl_vector *a)
{
  int status = w->ito->diffusion (t, x, w->G, w->ito->params);
  if (status)
    return status;
  gsl_blas_dgemv (CblasTrans, 1, w->G, v, 0, w->b);
  gsl_blas_dgemv (CblasNoTrans, 1, w->G, w->b, 0, a);
  return GSL_SUCCESS;
}

// ## The divergence of a matrix field
//
// $\nabla\cdot\mathbf F = (\nabla\cdot\mathbf f^1, \dots, \nabla\cdot\mathbf f^d)^{\mathsf T}$ takes the divergence of
// each row: its $i$-th number is $\sum_j \partial F_{ij}/\partial x_j$. [scoresde.txt-matrix-div] Where it is not
// given, central differences of fourth order, of column $j$ of $\mathbf G\mathbf G^{\mathsf T}$ along $x_j$.

static int
add_difference (work *w, double t, const gsl_vector *x, size_t j)
{
  const double weight[] = { 1, -8, 8, -1 }, at[] = { -2, -1, 1, 2 }, x_j = gsl_vector_get (x, j),
               h = 1e-3 * GSL_MAX_DBL (fabs (x_j), 1e-3);
  int status = GSL_SUCCESS;
  for (int k = 0; k < 4 && !status; k++)
    {
      gsl_vector_memcpy (w->moved, x);
      gsl_vector_set (w->moved, j, x_j + at[k] * h);
      gsl_vector_set_basis (w->a, j);
      status = apply_square (w, t, w->moved, w->a, w->a);
      gsl_blas_daxpy (weight[k] / (12 * h), w->a, w->divergence);
    }
  return status;
}

static int
find_divergence (work *w, double t, const gsl_vector *x)
{
  const sb_ito *ito = w->ito;
  if (ito->divergence)
    return ito->divergence (t, x, w->divergence, ito->params);
  gsl_vector_set_zero (w->divergence);
  int status = GSL_SUCCESS;
  for (size_t j = 0; j < ito->dimension && !status; j++)
    status = add_difference (w, t, x, j);
  return status;
}

// ## Backwards in time, and without noise
//
// Anderson's reverse-time SDE has the drift [scoresde.eq16]
// $$ \mathbf f - \nabla\cdot[\mathbf G\mathbf G^{\mathsf T}] - \mathbf G\mathbf G^{\mathsf T}\nabla_{\mathbf x}\log p_t(\mathbf x) , $$
// and given $\mathbf y$, with $\nabla_{\mathbf x}\log p_t(\mathbf x) + \nabla_{\mathbf x}\log p_t(\mathbf y \mid
// \mathbf x)$ in place of the score. [scoresde.eq18] Half of both terms is the velocity of the probability flow,
// [scoresde.eq17] [scoresde.txt-ftilde]
// $$ \tilde{\mathbf f} = \mathbf f - \tfrac12\nabla\cdot[\mathbf G\mathbf G^{\mathsf T}]
//    - \tfrac12\mathbf G\mathbf G^{\mathsf T}\nabla_{\mathbf x}\log p_t(\mathbf x) , $$
// and with a model's score $\tilde{\mathbf f}_\theta$. [scoresde.eq38]

static int
row_drift (work *w, double t, const gsl_vector *x, const gsl_vector *score, double weight, gsl_vector *out)
{
  int status = w->ito->drift (t, x, out, w->ito->params);
  if (weight == 0 || status)
    return status;
  status = find_divergence (w, t, x);
  if (!status)
    status = apply_square (w, t, x, score, w->a);
  gsl_blas_daxpy (-weight, w->divergence, out);
  gsl_blas_daxpy (-weight, w->a, out);
  return status;
}

static int
check (const sb_ito *ito, const gsl_vector *t, const gsl_matrix *x, const gsl_matrix *other)
{
  const size_t n = x->size1, d = ito->dimension;
  if (!ito->drift || !ito->diffusion || d == 0)
    SB_ERROR (NULL, GSL_EINVAL, "an SDE needs a dimension, a drift and a diffusion");
  if (x->size2 != d || t->size != n || (other && (other->size1 != n || other->size2 != d)))
    SB_ERROR (NULL, GSL_EBADLEN,
              "x is %zu x %zu, with %zu times; the SDE has %zu dimensions, and what goes with x its shape", n, x->size2,
              t->size, d);
  return GSL_SUCCESS;
}

static int
drift (const sb_ito *ito, const gsl_vector *t, const gsl_matrix *x, const gsl_matrix *score, double weight,
       gsl_matrix *out)
{
  work w;
  int status = check (ito, t, x, score);
  if (!status)
    status = check (ito, t, x, out);
  if (!status)
    status = sb_check_apart ("a drift", x, out);
  if (!status)
    status = sb_check_apart ("a drift", score, out);
  if (!status)
    status = work_alloc (ito, &w);
  if (status)
    return status;
  for (size_t i = 0; i < x->size1 && !status; i++)
    {
      gsl_vector_const_view x_i = gsl_matrix_const_row (x, i), s_i = gsl_matrix_const_row (score, i);
      gsl_vector_view out_i = gsl_matrix_row (out, i);
      status = row_drift (&w, gsl_vector_get (t, i), &x_i.vector, &s_i.vector, weight, &out_i.vector);
    }
  work_free (&w);
  return status ? status : sb_check_finite ("a drift", GSL_EBADFUNC, out);
}

int
sb_ito_reverse_drift (const sb_ito *ito, const gsl_vector *t, const gsl_matrix *x, const gsl_matrix *score,
                      gsl_matrix *out)
{
  return drift (ito, t, x, score, 1, out);
}

int
sb_ito_flow_velocity (const sb_ito *ito, const gsl_vector *t, const gsl_matrix *x, const gsl_matrix *score,
                      gsl_matrix *out)
{
  return drift (ito, t, x, score, 0.5, out);
}

int
sb_ito_divergence (const sb_ito *ito, const gsl_vector *t, const gsl_matrix *x, gsl_matrix *out)
{
  work w;
  int status = check (ito, t, x, out);
  if (!status)
    status = sb_check_apart ("a divergence", x, out);
  if (!status)
    status = work_alloc (ito, &w);
  if (status)
    return status;
  for (size_t i = 0; i < x->size1 && !status; i++)
    {
      gsl_vector_const_view x_i = gsl_matrix_const_row (x, i);
      status = find_divergence (&w, gsl_vector_get (t, i), &x_i.vector);
      gsl_matrix_set_row (out, i, w.divergence);
    }
  work_free (&w);
  return status ? status : sb_check_finite ("a divergence", GSL_EBADFUNC, out);
}

// ## Steps
//
// Forwards $\Delta\mathbf x = \mathbf f\,\Delta t + \mathbf G\sqrt{\Delta t}\,\mathbf z$; backwards the same with the
// reverse drift, where $\Delta t$ is negative and the noise has $\sqrt{|\Delta t|}$.

static int
row_step (work *w, double s, double t, const gsl_vector *score, const gsl_vector *z, gsl_vector *x)
{
  int status = row_drift (w, t, x, score, s < t, w->f);
  if (!status && z)
    status = w->ito->diffusion (t, x, w->G, w->ito->params);
  if (status)
    return status;
  gsl_blas_daxpy (s - t, w->f, x);
  if (z)
    gsl_blas_dgemv (CblasNoTrans, sqrt (fabs (s - t)), w->G, z, 1, x);
  return GSL_SUCCESS;
}

int
sb_ito_step (const sb_ito *ito, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *score, const gsl_matrix *z,
             gsl_matrix *x)
{
  work w;
  int status = check (ito, t, x, score);
  if (!status)
    status = check (ito, s, x, z);
  for (size_t i = 0; i < x->size1 && !status; i++)
    if (!score && gsl_vector_get (s, i) < gsl_vector_get (t, i))
      SB_ERROR (NULL, GSL_EINVAL, "row %zu goes back from t = %g to %g, and there is no score", i,
                gsl_vector_get (t, i), gsl_vector_get (s, i));
  if (!status)
    status = work_alloc (ito, &w);
  if (status)
    return status;
  for (size_t i = 0; i < x->size1 && !status; i++)
    {
      gsl_vector_view x_i = gsl_matrix_row (x, i);
      gsl_vector_const_view s_i = gsl_matrix_const_row (score ? score : x, i),
                            z_i = gsl_matrix_const_row (z ? z : x, i);
      status = row_step (&w, gsl_vector_get (s, i), gsl_vector_get (t, i), &s_i.vector, z ? &z_i.vector : NULL,
                         &x_i.vector);
    }
  work_free (&w);
  return status ? status : sb_check_finite ("x after a step", GSL_EBADFUNC, x);
}

// ## Paths
//
// The law of such a process at time $t$ is known only through simulated paths. [scoresde.txt-other-sm] Row $i$ takes
// steps of its own length, $t_i/N$.

static int
simulate (const sb_ito *ito, size_t steps, sb_stream stream, const gsl_vector *t, gsl_vector *from, gsl_vector *to,
          gsl_matrix *z, gsl_matrix *x)
{
  int status = GSL_SUCCESS;
  for (size_t k = 0; k < steps && !status; k++)
    {
      for (size_t i = 0; i < t->size; i++)
        {
          gsl_vector_set (from, i, gsl_vector_get (t, i) * (double)k / (double)steps);
          gsl_vector_set (to, i, gsl_vector_get (t, i) * (double)(k + 1) / (double)steps);
        }
      status = sb_stream_normals (stream, k * ito->dimension, z);
      if (!status)
        status = sb_ito_step (ito, to, from, NULL, z, x);
    }
  return status;
}

int
sb_ito_simulate (const sb_ito *ito, size_t steps, sb_stream stream, const gsl_vector *t, gsl_matrix *x)
{
  int status = check (ito, t, x, NULL);
  if (!status && steps == 0)
    SB_ERROR (NULL, GSL_EINVAL, "a path needs a step or more");
  for (size_t i = 0; i < t->size && !status; i++)
    if (!(gsl_vector_get (t, i) >= 0 && gsl_finite (gsl_vector_get (t, i))))
      SB_ERROR (NULL, GSL_EDOM, "row %zu: a path from 0 to t = %g", i, gsl_vector_get (t, i));
  if (status || x->size1 == 0)
    return status;
  gsl_vector *from = gsl_vector_alloc (t->size), *to = gsl_vector_alloc (t->size);
  gsl_matrix *z = gsl_matrix_alloc (x->size1, x->size2);
  if (from && to && z)
    status = simulate (ito, steps, stream, t, from, to, z, x);
  else
    status = GSL_ENOMEM;
  gsl_vector_free (from);
  gsl_vector_free (to);
  gsl_matrix_free (z);
  return status;
}
