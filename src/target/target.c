// # Laws known in closed form
//
// An exact score needs a law of the data $p_0$ whose image $p_t$ under the forward process can be written down. Here is
// what all such laws have in common: the checks at the door, after which a law's own functions may take shapes for
// granted, and the few pieces that laws made of weighted components share.

#include "law.h"

#include <gsl/gsl_errno.h>
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
      GSL_ERROR_NULL ("no memory for a law", GSL_ENOMEM);
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

// ## At the door
//
// A batch is $n$ rows of the law's dimension with a time each, and the process moves points of that dimension. A batch
// of no rows is a batch, and its answer is at hand.

static int
check_batch (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t)
{
  if (process->dimension != target->dimension)
    GSL_ERROR ("the law and the process differ in dimension", GSL_EBADLEN);
  if (x->size2 != target->dimension)
    GSL_ERROR ("the points have not the dimension of the law", GSL_EBADLEN);
  if (t->size != x->size1)
    GSL_ERROR ("each row needs its time", GSL_EBADLEN);
  return GSL_SUCCESS;
}

static int
check_matrix (const gsl_matrix *x, const gsl_matrix *like)
{
  if (x->size1 != like->size1 || x->size2 != like->size2)
    GSL_ERROR ("the result, or the direction, has not the shape of the batch", GSL_EBADLEN);
  return GSL_SUCCESS;
}

static int
check_vector (const gsl_vector *v, size_t rows)
{
  if (v->size != rows)
    GSL_ERROR ("the result needs an element per row", GSL_EBADLEN);
  return GSL_SUCCESS;
}

int
sb_target_sample (const sb_target *target, sb_stream stream, gsl_matrix *x)
{
  if (x->size2 != target->dimension)
    GSL_ERROR ("the points have not the dimension of the law", GSL_EBADLEN);
  return x->size1 ? target->type->sample (target->state, stream, x) : GSL_SUCCESS;
}

int
sb_target_log_density (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
                       gsl_vector *log_p)
{
  int status = check_batch (target, process, x, t);
  if (!status)
    status = check_vector (log_p, x->size1);
  return status || x->size1 == 0 ? status : target->type->log_density (target->state, process, x, t, log_p);
}

int
sb_target_evaluate (const sb_target *target, const sb_process *process, sb_view view, const gsl_matrix *x,
                    const gsl_vector *t, gsl_matrix *out)
{
  if (view != SB_SCORE && view != SB_DENOISER && view != SB_EPSILON)
    GSL_ERROR ("a view is the score, the denoiser or epsilon", GSL_EINVAL);
  int status = check_batch (target, process, x, t);
  if (!status)
    status = check_matrix (out, x);
  return status || x->size1 == 0 ? status : target->type->evaluate (target->state, process, view, x, t, out);
}

int
sb_target_jvp (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
               const gsl_matrix *v, gsl_matrix *out)
{
  int status = check_batch (target, process, x, t);
  if (!status)
    status = check_matrix (v, x);
  if (!status)
    status = check_matrix (out, x);
  return status || x->size1 == 0 ? status : target->type->jvp (target->state, process, x, t, v, out);
}

int
sb_target_divergence (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
                      gsl_vector *divergence)
{
  int status = check_batch (target, process, x, t);
  if (!status)
    status = check_vector (divergence, x->size1);
  return status || x->size1 == 0 ? status : target->type->divergence (target->state, process, x, t, divergence);
}

int
sb_target_posterior_covariance (const sb_target *target, const sb_process *process, const gsl_vector *x, double t,
                                gsl_matrix *covariance)
{
  const size_t d = target->dimension;
  if (process->dimension != d)
    GSL_ERROR ("the law and the process differ in dimension", GSL_EBADLEN);
  if (x->size != d)
    GSL_ERROR ("the point has not the dimension of the law", GSL_EBADLEN);
  if (covariance->size1 != d || covariance->size2 != d)
    GSL_ERROR ("the covariance of a point of d coordinates is d x d", GSL_EBADLEN);
  return target->type->posterior_covariance (target->state, process, x, t, covariance);
}

int
sb_target_cdf (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
               gsl_vector *cdf)
{
  if (target->dimension != 1)
    GSL_ERROR ("a distribution function is of one dimension", GSL_EUNSUP);
  int status = check_batch (target, process, x, t);
  if (!status)
    status = check_vector (cdf, x->size1);
  return status || x->size1 == 0 ? status : target->type->cdf (target->state, process, x, t, cdf);
}

// ## The kernel of a row
//
// Under VE, VP, sub-VP and their chains, $\mathbf{x}_t$ given $\mathbf{x}_0$ is $\mathcal{N}(m\,\mathbf{x}_0,
// \varsigma^2\mathbf{I})$ with two numbers $m$ and $\varsigma$ that depend on time alone. They are asked for before
// any work is shared out among threads: a time outside the process is reported once. A row that shares its time with
// the row above shares its kernel.

int
target_kernels (const sb_process *process, const gsl_vector *t, target_kernel *kernel)
{
  const double *time = t->data;
  for (size_t i = 0; i < t->size; i++, time += t->stride)
    if (i > 0 && time[0] == *(time - t->stride))
      kernel[i] = kernel[i - 1];
    else
      {
        int status = sb_process_scalars (process, 0, time[0], &kernel[i].m, &kernel[i].sd);
        if (status)
          return status;
      }
  return GSL_SUCCESS;
}

int
target_copy (const gsl_matrix *from, gsl_matrix *to)
{
  for (size_t i = 0; i < from->size1; i++)
    for (size_t j = 0; j < from->size2; j++)
      if (!gsl_finite (gsl_matrix_get (from, i, j)))
        GSL_ERROR ("the points and means of a law are finite", GSL_EDOM);
  return gsl_matrix_memcpy (to, from);
}

// ## Weighted components
//
// A mixture is drawn from by first drawing the component: of the cumulative sums $W_1 \le \dots \le W_K = 1$ the first
// that exceeds $u$. A component of weight zero adds nothing to the sum before it and is never the first.

static int
check_weights (const gsl_vector *weights, size_t K)
{
  double total = 0;
  if (weights->size != K)
    GSL_ERROR ("each component needs its weight", GSL_EBADLEN);
  for (size_t k = 0; k < K; k++)
    {
      double w = gsl_vector_get (weights, k);
      if (!(w >= 0))
        GSL_ERROR ("a weight is not negative", GSL_EDOM);
      total += w;
    }
  if (total == 0 || !gsl_finite (total))
    GSL_ERROR ("the sum of the weights is positive and finite", GSL_EDOM);
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
