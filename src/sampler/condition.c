// # A condition that diffuses
//
// [nonuniform.txt-cdiffe-sample] CDiffE and CMDE learn the score of $\mathbf x_t$ given $\mathbf y_t$ and sample by it,
// $$ d\mathbf x = [\mu(\mathbf x, t) - \sigma(t)^2\,\nabla_{\mathbf x}\ln p_{X_t \mid Y_t}(\mathbf x \mid \hat{\mathbf y}_t)]\,dt
//    + \sigma(t)\,d\tilde{\mathbf w}, \qquad \hat{\mathbf y}_t \sim p(\mathbf y_t \mid \mathbf y) \text{ "at each time step"} . $$
// Given the clean $\mathbf y$ it is [nonuniform.eq11] $d\mathbf x = [\mu(\mathbf x, t) - \sigma(t)^2\,\nabla_{\mathbf
// x}\ln p_{X_t}(\mathbf x \mid \mathbf y)]\,dt + \sigma(t)\,d\tilde{\mathbf w}$. In the limit of small steps only the
// mean of this score over $\hat{\mathbf y}_t$ counts, and that is not the score given $\mathbf y$: even with exact
// scores the samples are not those of $p(\mathbf x \mid \mathbf y)$. The slower $\mathbf y$ diffuses, the closer they
// come.

#include "condition.h"

#include "../base/error.h"
#include "../base/rows.h"
#include "../transition/posterior.h"

// Drawn anew, $\mathbf y_t$ comes from its kernel given $\mathbf y$.

static int
draw_anew (const sb_process *process, const gsl_vector *t, const gsl_matrix *z, const gsl_matrix *y, gsl_matrix *y_t)
{
  sb_copy_rows (y_t, y);
  return sb_process_transition (process, NULL, t, z, y_t);
}

// On one path, $\mathbf y_t$ is drawn given $\mathbf y$ and the path's point at the later time.

static int
go_back (const sb_process *process, double before, const gsl_vector *t, const gsl_matrix *z, const gsl_matrix *y,
         gsl_matrix *y_t)
{
  gsl_vector *later = gsl_vector_alloc (t->size);
  gsl_matrix *from = gsl_matrix_alloc (y_t->size1, y_t->size2);
  int status = later && from ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status)
    {
      gsl_vector_set_all (later, before);
      sb_copy_rows (from, y_t);
      status = sb_posterior_draw (process, t, later, from, y, z, y_t);
    }
  gsl_vector_free (later);
  gsl_matrix_free (from);
  return status;
}

int
sb_condition_draw (const sb_condition *condition, sb_stream stream, size_t count, double before, double t,
                   const gsl_matrix *y, gsl_matrix *y_t)
{
  const size_t n = y->size1, d = condition->process->dimension;
  if (y->size2 != d || y_t->size1 != n || y_t->size2 != d)
    SB_ERROR (NULL, GSL_EBADLEN, "conditions of %zu x %zu and %zu x %zu, under a process of %zu", n, y->size2,
              y_t->size1, y_t->size2, d);
  if (n == 0 || (condition->one_path && count > 0 && before == t))
    return GSL_SUCCESS;
  gsl_vector *times = gsl_vector_alloc (n);
  gsl_matrix *z = gsl_matrix_alloc (n, d);
  stream.purpose = SB_FOR_CONDITION;
  int status = times && z ? sb_stream_normals (stream, (uint64_t)count * d, z) : GSL_ENOMEM;
  if (!status)
    {
      gsl_vector_set_all (times, t);
      status = condition->one_path && count > 0 ? go_back (condition->process, before, times, z, y, y_t)
                                                : draw_anew (condition->process, times, z, y, y_t);
    }
  gsl_vector_free (times);
  gsl_matrix_free (z);
  return status;
}
