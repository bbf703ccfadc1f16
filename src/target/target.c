// # Laws known in closed form
//
// An exact score needs a law of the data $p_0$ whose image $p_t$ under the forward process has a closed form. All such
// laws share what is here: the checks of arguments, after which a law's own functions may rely on their shapes, and a
// few functions for laws made of weighted components.

#include "law.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../operator/symmetric.h"

#include <float.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

// ## Making and releasing

sb_target *
target_alloc (const sb_target_type *type, void *state, size_t dimension)
{
  sb_target *target = malloc (sizeof *target);
  if (!target)
    {
      type->free (state);
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a law");
    }
  *target = (sb_target){ .type = type, .state = state, .dimension = dimension };
  return target;
}

void
sb_target_free (sb_target *target)
{
  if (!target)
    return;
  target->type->free (target->state);
  free (target);
}

// ## Checks of arguments
//
// A batch is $n$ rows of the law's dimension with a time each, and the process is of that dimension. A batch may have
// no rows: then there is nothing to compute.

static int
check_batch (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t)
{
  if (process->dimension != target->dimension)
    SB_ERROR (NULL, GSL_EBADLEN, "the law has %zu dimensions, the process %zu", target->dimension, process->dimension);
  if (x->size2 != target->dimension)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, the law has %zu dimensions", x->size1, x->size2, target->dimension);
  if (t->size != x->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu rows need as many times, not %zu", x->size1, t->size);
  return GSL_SUCCESS;
}

static int
check_matrix (const gsl_matrix *m, size_t rows, size_t columns)
{
  if (m && (m->size1 != rows || m->size2 != columns))
    SB_ERROR (NULL, GSL_EBADLEN, "a result or direction is %zu x %zu, and should be %zu x %zu", m->size1, m->size2,
              rows, columns);
  return GSL_SUCCESS;
}

static int
check_vector (const gsl_vector *v, size_t rows)
{
  if (v && v->size != rows)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu rows have as many results, not %zu", rows, v->size);
  return GSL_SUCCESS;
}

static int
ask (const sb_target *target, const sb_process *process, const sb_target_question *q)
{
  const size_t n = q->x->size1, d = target->dimension;
  int status = check_batch (target, process, q->x, q->t);
  if (!status)
    status = check_matrix (q->v, n, d);
  if (!status)
    status = check_matrix (q->out, q->asked == SB_TARGET_COVARIANCE ? d : n, d);
  if (!status)
    status = check_vector (q->number, n);
  if (!status)
    status = sb_check_apart ("a law", q->x, q->out);
  if (!status)
    status = sb_check_apart ("a law", q->v, q->out);
  return status || n == 0 ? status : target->type->answer (target->state, process, q);
}

int
sb_target_sample (const sb_target *target, sb_stream stream, gsl_matrix *x)
{
  if (x->size2 != target->dimension)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, the law has %zu dimensions", x->size1, x->size2, target->dimension);
  return x->size1 ? target->type->sample (target->state, stream, x) : GSL_SUCCESS;
}

int
sb_target_log_density (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
                       gsl_vector *log_p)
{
  return ask (target, process, &(sb_target_question){ SB_TARGET_LOG_DENSITY, .x = x, .t = t, .number = log_p });
}

int
sb_target_evaluate (const sb_target *target, const sb_process *process, sb_view view, const gsl_matrix *x,
                    const gsl_vector *t, gsl_matrix *out)
{
  const int status = sb_check_view (view);
  return status ? status
                : ask (target, process, &(sb_target_question){ SB_TARGET_VIEW, view, .x = x, .t = t, .out = out });
}

int
sb_target_jvp (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
               const gsl_matrix *v, gsl_matrix *out)
{
  return ask (target, process, &(sb_target_question){ SB_TARGET_JVP, .x = x, .t = t, .v = v, .out = out });
}

int
sb_target_divergence (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
                      gsl_vector *divergence)
{
  return ask (target, process, &(sb_target_question){ SB_TARGET_DIVERGENCE, .x = x, .t = t, .number = divergence });
}

int
sb_target_evaluate_divergence (const sb_target *target, const sb_process *process, const gsl_matrix *x,
                               const gsl_vector *t, gsl_matrix *score, gsl_vector *divergence)
{
  return ask (
      target, process,
      &(sb_target_question){ SB_TARGET_DIVERGENCE, SB_SCORE, .x = x, .t = t, .out = score, .number = divergence });
}

int
sb_target_posterior_covariance (const sb_target *target, const sb_process *process, const gsl_vector *x, double t,
                                gsl_matrix *covariance)
{
  const gsl_vector_const_view time = gsl_vector_const_view_array (&t, 1);
  gsl_matrix *point = gsl_matrix_alloc (1, x->size);
  if (!point)
    return GSL_ENOMEM;
  gsl_matrix_set_row (point, 0, x);
  int status = ask (target, process,
                    &(sb_target_question){ SB_TARGET_COVARIANCE, .x = point, .t = &time.vector, .out = covariance });
  gsl_matrix_free (point);
  if (!status)
    sb_symmetric_mirror (covariance);
  return status;
}

int
sb_target_cdf (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
               gsl_vector *cdf)
{
  if (target->dimension != 1)
    SB_ERROR (NULL, GSL_EUNSUP, "a distribution function is of one dimension, the law of %zu", target->dimension);
  if (process->parts != 1)
    SB_ERROR (NULL, GSL_EUNSUP, "the process %s has no numbers", process->type->name);
  return ask (target, process, &(sb_target_question){ SB_TARGET_CDF, .x = x, .t = t, .number = cdf });
}

// ## Part of a batch
//
// A law processes some rows at a time. A covariance is of one point and is not divided.

void
target_take_part (target_part *part, const sb_target_question *q, size_t first, size_t n)
{
  const size_t d = q->x->size2;
  part->x = gsl_matrix_const_submatrix (q->x, first, 0, n, d).matrix;
  part->t = gsl_vector_const_subvector (q->t, first, n).vector;
  part->question = (sb_target_question){ q->asked, q->view, .x = &part->x, .t = &part->t };
  if (q->v)
    {
      part->v = gsl_matrix_const_submatrix (q->v, first, 0, n, d).matrix;
      part->question.v = &part->v;
    }
  if (q->out)
    {
      part->out = q->asked == SB_TARGET_COVARIANCE ? *q->out : gsl_matrix_submatrix (q->out, first, 0, n, d).matrix;
      part->question.out = &part->out;
    }
  if (q->number)
    {
      part->number = gsl_vector_subvector (q->number, first, n).vector;
      part->question.number = &part->number;
    }
}

// ## The kernel of a row
//
// Part $k$ of $\mathbf{x}_t$ given $\mathbf{x}_0$ is $\mathcal{N}(m_k\,\mathbf{x}_0, \varsigma_k^2\mathbf{I})$ with two
// numbers that depend on time alone. They are computed before any work is divided among threads: a time outside the
// process is reported once. A row with the time of the row above reuses its kernel.

static int
kernels_at (const sb_process *process, double t, double *numbers, target_kernel *kernel)
{
  int status = sb_process_numbers (process, SB_A, 0, t, numbers);
  for (size_t k = 0; k < process->parts && !status; k++)
    kernel[k].m = numbers[k];
  if (!status)
    status = sb_process_numbers (process, SB_S, 0, t, numbers);
  for (size_t k = 0; k < process->parts && !status; k++)
    {
      kernel[k].sd = numbers[k];
      if (kernel[k].sd * kernel[k].sd > DBL_MAX)
        SB_ERROR (NULL, GSL_EOVRFLW, "part %zu has noise of deviation %g at t = %g, whose square overflows or vanishes",
                  k, kernel[k].sd, t);
    }
  return status;
}

int
target_kernels (const sb_process *process, const gsl_vector *t, target_kernel **kernel)
{
  const size_t parts = process->parts;
  double *numbers = malloc ((parts + 1) * sizeof *numbers);
  *kernel = malloc ((t->size * parts + 1) * sizeof **kernel);
  int status = parts == 0 ? GSL_EUNSUP : GSL_SUCCESS;
  if (!numbers || !*kernel)
    status = sb_error_report (NULL, __FILE__, __LINE__, GSL_ENOMEM, "no memory for the kernels of %zu times", t->size);
  for (size_t i = 0, same; i < t->size && !status; i += same)
    {
      target_kernel *first = *kernel + i * parts;
      same = sb_same_times (NULL, t, i);
      status = kernels_at (process, gsl_vector_get (t, i), numbers, first);
      for (size_t k = parts; k < same * parts; k++)
        first[k] = first[k - parts];
    }
  free (numbers);
  return status;
}

int
target_copy (const gsl_matrix *from, gsl_matrix *to)
{
  int status = sb_check_finite ("the points or means of a law", GSL_EDOM, from);
  return status ? status : gsl_matrix_memcpy (to, from);
}

// ## Weighted components
//
// To sample from a mixture, draw the component first: of the cumulative sums $W_1 \le \dots \le W_K = 1$ the first that
// exceeds $u$. A component of weight zero adds nothing to the sum before it and is never the first.

static int
check_weights (const gsl_vector *weights, size_t K)
{
  double total = 0;
  if (weights->size != K)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu components have as many weights, not %zu", K, weights->size);
  for (size_t k = 0; k < K; k++)
    {
      double w = gsl_vector_get (weights, k);
      if (!(w >= 0))
        SB_ERROR (NULL, GSL_EDOM, "weight %zu is %g, and should not be negative", k, w);
      total += w;
    }
  if (total == 0 || !gsl_finite (total))
    SB_ERROR (NULL, GSL_EDOM, "the sum of the weights is %g, and should be positive and finite", total);
  return GSL_SUCCESS;
}

int
target_weights (const gsl_vector *weights, size_t K, double *log_w, double *cumulative)
{
  int status = weights ? check_weights (weights, K) : GSL_SUCCESS;
  if (status)
    return status;
  double total = 0;
  for (size_t k = 0; k < K; k++)
    cumulative[k] = total += weights ? gsl_vector_get (weights, k) : 1;
  for (size_t k = 0; k < K; k++)
    {
      log_w[k] = log ((weights ? gsl_vector_get (weights, k) : 1) / total);
      cumulative[k] /= total;
    }
  return GSL_SUCCESS;
}

size_t
target_pick (const double *cumulative, size_t K, double u)
{
  size_t low = 0, high = K - 1; // the component is one of these
  while (low < high)
    {
      size_t middle = (low + high) / 2;
      if (cumulative[middle] > u)
        high = middle;
      else
        low = middle + 1;
    }
  return low;
}

int
target_pick_rows (const double *cumulative, size_t K, sb_stream stream, size_t rows, size_t *component)
{
  gsl_matrix *u = gsl_matrix_alloc (rows, 1);
  if (!u)
    return GSL_ENOMEM;
  int status = sb_stream_uniforms (stream, 0, u);
  for (size_t i = 0; i < rows && !status; i++)
    component[i] = target_pick (cumulative, K, gsl_matrix_get (u, i, 0));
  gsl_matrix_free (u);
  return status;
}
