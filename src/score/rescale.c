// # A score under another process
//
// Up to its unit, $\mathbf x_t = a\,\mathbf x_0 + s\,\mathbf z$ is determined by the ratio $\sigma = s/a$ alone:
// divided by $a$ it is $\mathbf x_0 + \sigma\mathbf z$. So a score learned under one process can be used under any
// other at the same ratio of noise to signal. Karras et al. (2022, Section 3) so sample networks of VP and DDPM under
// their own process,
// $$ D(\mathbf x; \sigma) = \hat{\mathbf x}_0\bigl(a(t)\,\mathbf x,\; t\bigr) \quad\text{at the time where } s(t)/a(t) = \sigma , $$
// and between any two processes $\mathbf x$ is multiplied by $c$, the one's $a$ over the other's. The expected data and
// the expected noise are unchanged; by the chain rule the Jacobian of either has a factor $c$. The score of $\mathbf x$
// is $c\,\mathbf s(c\mathbf x)$, and its divergence $c^2$ times the other's.

#include "rescale.h"

#include "../base/error.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

typedef struct
{
  const sb_score *score;
  const sb_process *process;
  bool nearest;
} rescale;

// ## The time of a ratio
//
// The ratio rises with the time, which is found by bisection, to the last bit, or among the levels of a chain.

static int
ratio_at (const sb_process *process, double t, double *ratio, double *a)
{
  double s;
  const int status = sb_process_scalars (process, 0, t, a, &s);
  *ratio = status ? GSL_NAN : s / *a;
  return status;
}

static int
time_in_between (const sb_process *process, double ratio, double low, double high, double *t)
{
  double a, here;
  for (;;)
    {
      *t = low + (high - low) / 2;
      if (!(low < *t && *t < high))
        return GSL_SUCCESS;
      const int status = ratio_at (process, *t, &here, &a);
      if (status)
        return status;
      *(here < ratio ? &low : &high) = *t;
    }
}

static int
ratio_of_level (const sb_process *process, size_t i, double *t, double *ratio)
{
  double a;
  const int status = sb_process_time (process, i, t);
  return status ? status : ratio_at (process, *t, ratio, &a);
}

static int
time_of_level (const rescale *r, double ratio, double *t)
{
  const sb_process *process = r->score->process;
  size_t low = 1, high = process->levels;
  double below, above, t_above;
  int status = GSL_SUCCESS;
  while (high - low > 1 && !status)
    {
      const size_t i = low + (high - low) / 2;
      status = ratio_of_level (process, i, t, &below);
      *(below < ratio ? &low : &high) = i;
    }
  if (!status)
    status = ratio_of_level (process, low, t, &below);
  if (!status)
    status = ratio_of_level (process, high, &t_above, &above);
  if (status)
    return status;
  const bool upper = ratio - below > above - ratio;
  const double off = upper ? above - ratio : ratio - below;
  if (!r->nearest && fabs (off) > 1e-12 * ratio)
    SB_ERROR (NULL, GSL_EDOM, "%s has no level with the ratio %.15g of noise to signal", process->type->name, ratio);
  *t = upper ? t_above : *t;
  return GSL_SUCCESS;
}

// The ratio at the ends of the two processes may differ by rounding: a part in $10^{12}$ is allowed.

static int
time_of (const rescale *r, double ratio, double *t)
{
  const sb_process *process = r->score->process;
  double first, last, a;
  int status = ratio_at (process, process->t_min, &first, &a);
  if (!status)
    status = ratio_at (process, process->t_max, &last, &a);
  if (status)
    return status;
  if (!(first * (1 - 1e-12) <= ratio && ratio <= last * (1 + 1e-12)))
    SB_ERROR (NULL, GSL_EDOM, "a ratio of noise to signal of %g, and what was learned under %s goes from %g to %g",
              ratio, process->type->name, first, last);
  return process->levels ? time_of_level (r, ratio, t)
                         : time_in_between (process, ratio, process->t_min, process->t_max, t);
}

// ## The points at which the score is evaluated

typedef struct
{
  gsl_matrix *x; // c_i x_i
  gsl_vector *t, *c;
} asked;

static void
asked_free (asked *at)
{
  gsl_matrix_free (at->x);
  gsl_vector_free (at->t);
  gsl_vector_free (at->c);
}

static void
scale_rows (const gsl_vector *c, gsl_matrix *x)
{
  for (size_t i = 0; i < x->size1; i++)
    {
      gsl_vector_view row = gsl_matrix_row (x, i);
      gsl_vector_scale (&row.vector, gsl_vector_get (c, i));
    }
}

static int
find_times (const rescale *r, const gsl_vector *t, asked *at)
{
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < t->size && !status; i++)
    {
      double ratio, a, other, there = 0, c = 0;
      if (i > 0 && gsl_vector_get (t, i) == gsl_vector_get (t, i - 1))
        {
          gsl_vector_set (at->t, i, gsl_vector_get (at->t, i - 1));
          gsl_vector_set (at->c, i, gsl_vector_get (at->c, i - 1));
          continue;
        }
      status = ratio_at (r->process, gsl_vector_get (t, i), &ratio, &a);
      if (!status)
        status = time_of (r, ratio, &there);
      if (!status)
        status = ratio_at (r->score->process, there, &other, &c);
      gsl_vector_set (at->t, i, there);
      gsl_vector_set (at->c, i, c / a);
    }
  return status;
}

static int
ask (const rescale *r, const gsl_matrix *x, const gsl_vector *t, asked *at)
{
  *at = (asked){ gsl_matrix_alloc (x->size1, x->size2), gsl_vector_alloc (x->size1), gsl_vector_alloc (x->size1) };
  if (!at->x || !at->t || !at->c)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for %zu points", x->size1);
  const int status = find_times (r, t, at);
  if (status)
    return status;
  gsl_matrix_memcpy (at->x, x);
  scale_rows (at->c, at->x);
  return GSL_SUCCESS;
}

static int
evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          gsl_matrix *out)
{
  const rescale *r = state;
  asked at;
  int status = ask (r, x, t, &at);
  if (!status)
    status = sb_score_evaluate (r->score, view, at.x, at.t, y, out);
  asked_free (&at);
  return status;
}

static int
jvp (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
     const gsl_matrix *v, gsl_matrix *out)
{
  const rescale *r = state;
  asked at;
  int status = ask (r, x, t, &at);
  if (!status)
    status = sb_score_jvp (r->score, view, at.x, at.t, y, v, out);
  if (!status)
    scale_rows (at.c, out);
  asked_free (&at);
  return status;
}

static int
vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v,
     gsl_matrix *out)
{
  const rescale *r = state;
  asked at;
  int status = ask (r, x, t, &at);
  if (!status)
    status = sb_score_vjp (r->score, view, at.x, at.t, y, v, out);
  if (!status)
    scale_rows (at.c, out);
  asked_free (&at);
  return status;
}

static int
divergence (const void *state, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_vector *out)
{
  const rescale *r = state;
  asked at;
  int status = ask (r, x, t, &at);
  if (!status)
    status = sb_score_divergence (r->score, at.x, at.t, y, out);
  for (size_t i = 0; i < x->size1 && !status; i++)
    gsl_vector_set (out, i, gsl_pow_2 (gsl_vector_get (at.c, i)) * gsl_vector_get (out, i));
  asked_free (&at);
  return status;
}

static const sb_score_type rescale_type = { .name = "rescale",
                                            .views = SB_DENOISER | SB_EPSILON,
                                            .evaluate = evaluate,
                                            .derivatives = SB_DENOISER | SB_EPSILON,
                                            .jvp = jvp,
                                            .vjp = vjp,
                                            .divergence = divergence,
                                            .free = free };

sb_score *
sb_score_rescale_alloc (const sb_score *score, const sb_process *process, bool nearest)
{
  const sb_process *own = score->process;
  if (own->parts != 1 || process->parts != 1)
    SB_ERROR_NULL (NULL, GSL_EUNSUP, "from %s to %s: a ratio of noise to signal is of a process of one part",
                   own->type->name, process->type->name);
  if (own->dimension != process->dimension)
    SB_ERROR_NULL (NULL, GSL_EBADLEN, "a score of %zu coordinates under a process of %zu", own->dimension,
                   process->dimension);
  rescale *state = malloc (sizeof *state);
  if (!state)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a score");
  *state = (rescale){ score, process, nearest };
  return sb_score_alloc (&rescale_type, state, process);
}
