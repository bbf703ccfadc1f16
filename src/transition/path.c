// # Paths of a chain
//
// DDPM's forward process is a chain: the law of all its states is the product of its steps,
// [dsm2ddpm.txt-DDPM-forward-joint]
// $$ q(\mathbf{x}_{1:T} \mid \mathbf{x}_0) = \prod_{t=1}^{T} q(\mathbf{x}_t \mid \mathbf{x}_{t-1}). $$

#include "path.h"

#include "../base/error.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

// ## One step
//
// With $\mathbf{u} = \mathbf{S}^{-1}(\mathbf{x}_t - \mathbf{A}\mathbf{x}_s)$ a step has the log density
// $-\tfrac12\|\mathbf{u}\|^2 - \log|\det\mathbf{S}| - \tfrac{d}{2}\log 2\pi$; for DDPM that of
// $\mathcal{N}(\mathbf{x}_t;\, \sqrt{1 - \beta_t}\,\mathbf{x}_{t-1},\, \beta_t\mathbf{I})$. [dsm2ddpm.txt-DDPM-forward]

static int
standardise (const sb_process *process, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x_s,
             const gsl_matrix *x_t, gsl_matrix *u)
{
  gsl_matrix_memcpy (u, x_s);
  int status = sb_process_apply (process, SB_A, CblasNoTrans, s, t, u);
  if (status)
    return status;
  gsl_matrix_sub (u, x_t);
  return sb_process_apply (process, SB_S_INVERSE, CblasNoTrans, s, t, u);
}

int
sb_kernel_log_density (const sb_process *process, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x_s,
                       const gsl_matrix *x_t, gsl_vector *log_q)
{
  if (x_s->size1 != x_t->size1 || x_s->size2 != x_t->size2 || log_q->size != x_t->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "x_s is %zu x %zu, x_t is %zu x %zu, and there are %zu densities", x_s->size1,
              x_s->size2, x_t->size1, x_t->size2, log_q->size);
  gsl_matrix *u = gsl_matrix_alloc (x_s->size1, x_s->size2);
  int status = u ? standardise (process, s, t, x_s, x_t, u) : GSL_ENOMEM;
  if (!status)
    status = sb_process_log_det (process, s, t, log_q);
  for (size_t i = 0; i < log_q->size && !status; i++)
    {
      gsl_vector_const_view u_i = gsl_matrix_const_row (u, i);
      double norm = gsl_blas_dnrm2 (&u_i.vector), half_d = 0.5 * (double)u->size2;
      gsl_vector_set (log_q, i, -0.5 * norm * norm - gsl_vector_get (log_q, i) - half_d * log (2 * M_PI));
    }
  gsl_matrix_free (u);
  return status;
}

// ## All steps
//
// Step $i$ leads from row $i - 1$ to row $i$, and from time $(i-1)/N$ to $i/N$.

static int
check (const sb_process *chain, size_t steps)
{
  if (sb_process_check_chain (chain))
    return GSL_EUNSUP;
  if (steps != chain->levels)
    SB_ERROR (NULL, GSL_EBADLEN, "a chain of %zu steps has as many times, not %zu, and a path one row more",
              chain->levels, steps);
  return GSL_SUCCESS;
}

int
sb_path_times (const sb_process *chain, gsl_vector *s, gsl_vector *t)
{
  int status = check (chain, s->size);
  if (!status)
    status = check (chain, t->size);
  for (size_t i = 0; i < s->size && !status; i++)
    {
      gsl_vector_set (s, i, (double)i / (double)chain->levels);
      gsl_vector_set (t, i, (double)(i + 1) / (double)chain->levels);
    }
  return status;
}

int
sb_path_draw (const sb_process *chain, const gsl_matrix *z, gsl_matrix *path)
{
  int status = check (chain, path->size1 - 1);
  if (!status)
    status = check (chain, z->size1);
  if (!status && (z->size2 != path->size2 || path->size2 != chain->dimension))
    SB_ERROR (NULL, GSL_EBADLEN, "the path has %zu columns, its normals %zu, the chain %zu", path->size2, z->size2,
              chain->dimension);
  for (size_t i = 1; i < path->size1 && !status; i++)
    {
      double from = (double)(i - 1) / (double)chain->levels, to = (double)i / (double)chain->levels;
      gsl_vector_view s = gsl_vector_view_array (&from, 1), t = gsl_vector_view_array (&to, 1);
      gsl_matrix_const_view z_i = gsl_matrix_const_submatrix (z, i - 1, 0, 1, z->size2);
      gsl_matrix_view x = gsl_matrix_submatrix (path, i, 0, 1, path->size2);
      gsl_vector_const_view before = gsl_matrix_const_row (path, i - 1);
      gsl_matrix_set_row (&x.matrix, 0, &before.vector);
      status = sb_process_transition (chain, &s.vector, &t.vector, &z_i.matrix, &x.matrix);
    }
  return status;
}

static int
add_steps (const sb_process *chain, const gsl_matrix *path, gsl_vector *s, gsl_vector *t, gsl_vector *log_step,
           double *log_q)
{
  const size_t N = chain->levels;
  gsl_matrix_const_view from = gsl_matrix_const_submatrix (path, 0, 0, N, path->size2);
  gsl_matrix_const_view to = gsl_matrix_const_submatrix (path, 1, 0, N, path->size2);
  int status = sb_path_times (chain, s, t);
  if (!status)
    status = sb_kernel_log_density (chain, s, t, &from.matrix, &to.matrix, log_step);
  *log_q = 0;
  for (size_t i = 0; i < N && !status; i++)
    *log_q += gsl_vector_get (log_step, i);
  return status;
}

int
sb_path_log_density (const sb_process *chain, const gsl_matrix *path, double *log_q)
{
  int status = check (chain, path->size1 - 1);
  if (status)
    return status;
  gsl_vector *s = gsl_vector_alloc (chain->levels), *t = gsl_vector_alloc (chain->levels);
  gsl_vector *log_step = gsl_vector_alloc (chain->levels);
  status = s && t && log_step ? add_steps (chain, path, s, t, log_step, log_q) : GSL_ENOMEM;
  gsl_vector_free (s);
  gsl_vector_free (t);
  gsl_vector_free (log_step);
  return status;
}
