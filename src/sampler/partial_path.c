// # A short path backwards
//
// A model draws $\mathbf x_{t'}$ given $\mathbf x_t = \mathbf x$ by a path of its own reverse SDE from $t$ down to
// $t'$, [consistent.txt-reverse-steps] here of a few steps, each row from its own $t$ to its own $t'$. Two solvers
// are usual, with $v = \sigma_t^2$. Euler and Maruyama's in $t$ (`euler_maruyama.c`) and the one in $v$
// (`reverse_diffusion.c`),
// $$ \mathbf x_{i+1} = \mathbf x_i - g(t_i)^2\,\mathbf s_\theta\,(t_{i+1} - t_i)
//    + g(t_i)\sqrt{t_i - t_{i+1}}\,\boldsymbol\xi_i, \qquad
//    \mathbf x_{i+1} = \mathbf x_i + (v_i - v_{i+1})\,\mathbf s_\theta + \sqrt{v_i - v_{i+1}}\,\boldsymbol\xi_i . $$
// Both are exact in the limit only, except that the second has the exact mean where the data are Gaussian.

#include "partial_path.h"

#include "../base/error.h"
#include "../grid/grid.h"

#include <stdlib.h>

// ## Memory

sb_path_work *
sb_path_work_alloc (const sb_score *score, size_t rows)
{
  const size_t capacity = rows > 0 ? rows : 1;
  sb_path_work *w = calloc (1, sizeof *w);
  if (!w)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for paths of %zu rows", rows);
  w->work = sb_sampler_work_alloc (score, rows);
  w->z = w->work ? gsl_matrix_alloc (capacity, score->process->dimension) : NULL;
  w->t = gsl_vector_alloc (capacity);
  w->s = gsl_vector_alloc (capacity);
  if (w->z && w->t && w->s)
    return w;
  sb_path_work_free (w);
  SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for paths of %zu rows", rows);
}

void
sb_path_work_free (sb_path_work *w)
{
  if (!w)
    return;
  sb_sampler_work_free (w->work);
  gsl_matrix_free (w->z);
  gsl_vector_free (w->t);
  gsl_vector_free (w->s);
  free (w);
}

// ## The grid
//
// $$ t_j = \Bigl[t^{1/\rho} + \tfrac jk\bigl(t'^{1/\rho} - t^{1/\rho}\bigr)\Bigr]^\rho, \qquad j = 0, \dots, k. $$

static void
set_times (const sb_partial_path *p, const gsl_vector *t, const gsl_vector *s, size_t j, gsl_vector *at)
{
  for (size_t i = 0; i < t->size; i++)
    gsl_vector_set (at, i,
                    sb_grid_even_in_root (gsl_vector_get (t, i), gsl_vector_get (s, i), p->rho, j, p->steps + 1));
}

// ## The steps

static void
save (sb_path_record *r, size_t j, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z, const gsl_matrix *x)
{
  const size_t n = x->size1, d = x->size2;
  gsl_matrix_view x_j = gsl_matrix_submatrix (r->x, j * n, 0, n, d), z_j = gsl_matrix_submatrix (r->z, j * n, 0, n, d);
  gsl_vector_view s_j = gsl_vector_subvector (r->s, j * n, n), t_j = gsl_vector_subvector (r->t, j * n, n);
  gsl_matrix_memcpy (&x_j.matrix, x);
  gsl_matrix_memcpy (&z_j.matrix, z);
  gsl_vector_memcpy (&s_j.vector, s);
  gsl_vector_memcpy (&t_j.vector, t);
}

static int
draw (const size_t *row, sb_stream stream, uint64_t first, gsl_matrix *z)
{
  int status = row ? GSL_SUCCESS : sb_stream_normals (stream, first, z);
  for (size_t i = 0; i < z->size1 && row && !status; i++)
    {
      gsl_matrix_view z_i = gsl_matrix_submatrix (z, i, 0, 1, z->size2);
      status = sb_stream_normals (sb_stream_skip (stream, row[i]), first, &z_i.matrix);
    }
  return status;
}

static int
check (const sb_partial_path *p, const sb_path_work *w, const gsl_vector *t, const gsl_vector *s,
       const gsl_matrix *x_hat0, const sb_path_record *r, const gsl_matrix *x)
{
  const size_t n = x->size1, d = x->size2;
  if (!p->step)
    SB_ERROR (NULL, GSL_EINVAL, "a path needs a type of step");
  if (p->steps == 0 || !(p->rho > 0))
    SB_ERROR (NULL, GSL_EINVAL, "a path has steps, and a positive rho, not %zu and %g", p->steps, p->rho);
  if (n > w->t->size || t->size != n || s->size != n || (x_hat0 && (x_hat0->size1 != n || x_hat0->size2 != d)))
    SB_ERROR (NULL, GSL_EBADLEN, "%zu rows, with %zu and %zu times, and memory for %zu", n, t->size, s->size,
              w->t->size);
  if (r
      && (r->x->size1 != p->steps * n || r->z->size1 != p->steps * n || r->x->size2 != d || r->z->size2 != d
          || r->s->size != p->steps * n || r->t->size != p->steps * n))
    SB_ERROR (NULL, GSL_EBADLEN, "a path of %zu steps of %zu rows of %zu does not fit where it is to be kept", p->steps,
              n, d);
  for (size_t i = 0; i < n; i++)
    if (!(0 <= gsl_vector_get (s, i) && gsl_vector_get (s, i) < gsl_vector_get (t, i)))
      SB_ERROR (NULL, GSL_EDOM, "row %zu: a path goes from t down to s >= 0, not from %g to %g", i,
                gsl_vector_get (t, i), gsl_vector_get (s, i));
  return GSL_SUCCESS;
}

int
sb_partial_path_take (const sb_partial_path *p, sb_path_work *w, const gsl_matrix *y, const gsl_vector *t,
                      const gsl_vector *s, sb_stream stream, size_t path, const gsl_matrix *x_hat0,
                      sb_path_record *record, gsl_matrix *x)
{
  const size_t n = x->size1, d = x->size2;
  int status = check (p, w, t, s, x_hat0, record, x);
  if (status || n == 0)
    return status;
  gsl_matrix_view z = gsl_matrix_submatrix (w->z, 0, 0, n, d);
  gsl_vector_view from = gsl_vector_subvector (w->t, 0, n), to = gsl_vector_subvector (w->s, 0, n);
  w->work->steps = p->steps;
  for (size_t j = 0; j < p->steps && !status; j++)
    {
      w->work->x_hat0 = j == 0 && !p->step->t_hat ? x_hat0 : NULL;
      w->work->step = j + 1;
      set_times (p, t, s, j, &from.vector);
      set_times (p, t, s, j + 1, &to.vector);
      status = draw (w->row, stream, ((uint64_t)path * p->steps + j) * d, &z.matrix);
      if (!status && record)
        save (record, j, &to.vector, &from.vector, &z.matrix, x);
      if (!status)
        status = sb_step_apply (p->step, p->key, w->work, y, &to.vector, &from.vector, &z.matrix, x);
    }
  w->work->x_hat0 = NULL;
  w->work->step = 0;
  return status;
}
