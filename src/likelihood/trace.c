// # The divergence of the probability flow
//
// Along the flow the density changes by the divergence of the velocity $\tilde{\mathbf f}_\theta = \mathbf F\mathbf x -
// \frac12\mathbf G\mathbf G^{\mathsf T}\mathbf s_\theta$, which is the trace of its Jacobian,
// $$ \nabla\cdot\tilde{\mathbf f}_\theta = \operatorname{tr}\mathbf F
//    - \tfrac12\operatorname{tr}\bigl(\mathbf G\mathbf G^{\mathsf T}\,\partial\mathbf s_\theta/\partial\mathbf x\bigr). $$
// The trace of a $d \times d$ matrix that is known by its products alone takes $d$ of them. Skilling and Hutchinson's
// estimate takes one: for any $\boldsymbol\epsilon$ with mean 0 and covariance $\mathbf I$, [scoresde.eq40]
// $$ \nabla\cdot\tilde{\mathbf f}_\theta = \mathbb E\bigl[\boldsymbol\epsilon^{\mathsf T}\,\nabla\tilde{\mathbf f}_\theta\,
//    \boldsymbol\epsilon\bigr]. $$
// Its variance, with $\mathbf S$ the Jacobian's symmetric part, is $2\sum_{i \ne j}S_{ij}^2$ for signs and $2\|\mathbf
// S\|_F^2$ for normals: signs are better, and exact where the Jacobian is diagonal.

#include "trace.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/rows.h"
#include "../sampler/drift.h"

#include <gsl/gsl_math.h>
#include <stdbool.h>

int
sb_trace_directions (sb_trace trace, sb_stream stream, size_t count, gsl_matrix *v)
{
  if (trace != SB_TRACE_SIGNS && trace != SB_TRACE_NORMAL)
    SB_ERROR (NULL, GSL_EINVAL, "a trace of kind %d has no directions", (int)trace);
  stream.purpose = SB_FOR_PROBE;
  int status = sb_stream_normals (stream, (uint64_t)count * v->size2, v);
  for (size_t i = 0; i < v->size1 && !status && trace == SB_TRACE_SIGNS; i++)
    for (size_t j = 0; j < v->size2; j++)
      gsl_matrix_set (v, i, j, GSL_SIGN (gsl_matrix_get (v, i, j)));
  return status;
}

// ## One direction
//
// $\boldsymbol\epsilon^{\mathsf T}\mathbf F\boldsymbol\epsilon - \frac12(\mathbf G\mathbf G^{\mathsf
// T}\boldsymbol\epsilon)^{\mathsf T} \mathbf J\boldsymbol\epsilon$, added to what is there. The second number is
// $\boldsymbol\epsilon^{\mathsf T}\mathbf J^{\mathsf T} (\mathbf G\mathbf G^{\mathsf T}\boldsymbol\epsilon)$ too, and
// for a network the product with $\mathbf J^{\mathsf T}$, one backward pass, is the cheaper one: "the vector-Jacobian
// product". [scoresde.txt-vjp]

// s: the score at x too, where a product with $\mathbf J^{\mathsf T}$ is taken; NULL: not wanted.

static int
add_along (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x, const gsl_matrix *v,
           gsl_matrix *mapped, gsl_matrix *Jv, gsl_matrix *s, gsl_vector *sum)
{
  const sb_process *process = score->process;
  gsl_matrix_memcpy (mapped, v);
  int status = sb_process_apply (process, SB_F, CblasNoTrans, NULL, t, mapped);
  if (!status)
    sb_add_row_products (1, v, mapped, sum);
  gsl_matrix_memcpy (mapped, v);
  if (!status)
    status = sb_process_apply_square (process, SB_G, NULL, t, mapped);
  const bool back = score->type->backward_first;
  if (!status)
    status = s      ? sb_score_evaluate_vjp (score, SB_SCORE, x, t, y, mapped, s, Jv)
             : back ? sb_score_vjp (score, SB_SCORE, x, t, y, mapped, Jv)
                    : sb_score_jvp (score, SB_SCORE, x, t, y, v, Jv);
  if (!status)
    sb_add_row_products (-0.5, back ? v : mapped, Jv, sum);
  return status;
}

// ## The trace
//
// Where $\mathbf G = g\,\mathbf I$ it is the score's own divergence; else the sum over the coordinates' directions.

// divergence, of the score, <- that of the flow.

static int
to_flow (const sb_process *process, const gsl_vector *t, gsl_vector *divergence)
{
  gsl_vector *trace = gsl_vector_alloc (t->size);
  int status = trace ? sb_process_trace (process, t, trace) : GSL_ENOMEM;
  for (size_t i = 0; i < t->size && !status; i++)
    {
      double g;
      status = sb_process_numbers (process, SB_G, 0, gsl_vector_get (t, i), &g);
      gsl_vector_set (divergence, i, gsl_vector_get (trace, i) - 0.5 * g * g * gsl_vector_get (divergence, i));
    }
  gsl_vector_free (trace);
  return status;
}

static int
add_all (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x, gsl_matrix *mapped,
         gsl_matrix *Jv, gsl_vector *sum)
{
  gsl_matrix *axis = gsl_matrix_calloc (x->size1, x->size2);
  int status = axis ? GSL_SUCCESS : GSL_ENOMEM;
  for (size_t j = 0; j < x->size2 && !status; j++)
    {
      gsl_vector_view column = gsl_matrix_column (axis, j);
      gsl_vector_set_all (&column.vector, 1);
      status = add_along (score, y, t, x, axis, mapped, Jv, NULL, sum);
      gsl_vector_set_zero (&column.vector);
    }
  gsl_matrix_free (axis);
  return status;
}

static int
check (const sb_score *score, const gsl_vector *t, const gsl_matrix *x, const gsl_matrix *v,
       const gsl_vector *divergence)
{
  const sb_process *process = score->process;
  if (x->size2 != process->dimension || t->size != x->size1 || divergence->size != x->size1
      || (v && (v->size1 != x->size1 || v->size2 != x->size2)))
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, with %zu times and %zu divergences; the process has dimension %zu",
              x->size1, x->size2, t->size, divergence->size, process->dimension);
  if (process->levels > 0)
    SB_ERROR (NULL, GSL_EUNSUP, "%s is a chain, and has no flow", process->type->name);
  for (size_t i = 0; i < t->size; i++)
    if (!(gsl_vector_get (t, i) >= process->t_min && gsl_vector_get (t, i) <= process->t_limit))
      SB_ERROR (NULL, GSL_EDOM, "time %zu is %g, not from %g to %g", i, gsl_vector_get (t, i), process->t_min,
                process->t_limit);
  return GSL_SUCCESS;
}

int
sb_flow_divergence (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                    const gsl_matrix *v, gsl_vector *divergence)
{
  int status = check (score, t, x, v, divergence);
  if (status || x->size1 == 0)
    return status;
  if (!v && score->process->parts == 1)
    {
      status = sb_score_divergence (score, x, t, y, divergence);
      return status ? status : to_flow (score->process, t, divergence);
    }
  gsl_matrix *mapped = gsl_matrix_alloc (x->size1, x->size2), *Jv = gsl_matrix_alloc (x->size1, x->size2);
  gsl_vector_set_zero (divergence);
  status = !mapped || !Jv ? GSL_ENOMEM
           : v            ? add_along (score, y, t, x, v, mapped, Jv, NULL, divergence)
                          : add_all (score, y, t, x, mapped, Jv, divergence);
  gsl_matrix_free (mapped);
  gsl_matrix_free (Jv);
  return status;
}

// ## With the velocity
//
// One evaluation serves both where the score can: a forward pass with a product, or a law with its divergence.

static bool
at_once (const sb_score *score, const gsl_matrix *v)
{
  const sb_process *process = score->process;
  return !process->from_zero_only && (v ? score->type->backward_first : process->parts == 1);
}

static int
find_both (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x, const gsl_matrix *v,
           gsl_matrix *velocity, gsl_vector *divergence)
{
  const size_t n = x->size1, d = x->size2;
  gsl_matrix *memory = gsl_matrix_alloc (v ? 3 * n : n, d);
  if (!memory)
    return GSL_ENOMEM;
  gsl_matrix s = gsl_matrix_submatrix (memory, 0, 0, n, d).matrix;
  int status;
  if (v)
    {
      gsl_matrix mapped = gsl_matrix_submatrix (memory, n, 0, n, d).matrix,
                 Jv = gsl_matrix_submatrix (memory, 2 * n, 0, n, d).matrix;
      gsl_vector_set_zero (divergence);
      status = add_along (score, y, t, x, v, &mapped, &Jv, &s, divergence);
    }
  else
    {
      status = sb_score_evaluate_divergence (score, x, t, y, &s, divergence);
      if (!status)
        status = to_flow (score->process, t, divergence);
    }
  if (!status)
    status = sb_score_check_finite (score, t, &s, "");
  if (!status)
    status = sb_flow_velocity_given (score->process, t, x, &s, velocity);
  gsl_matrix_free (memory);
  return status;
}

int
sb_flow_velocity_and_divergence (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                                 const gsl_matrix *v, gsl_matrix *velocity, gsl_vector *divergence)
{
  if (x->size1 == 0 || !at_once (score, v))
    {
      int status = sb_flow_velocity (score, y, t, x, velocity);
      return status ? status : sb_flow_divergence (score, y, t, x, v, divergence);
    }
  int status = check (score, t, x, v, divergence);
  if (!status && (velocity->size1 != x->size1 || velocity->size2 != x->size2))
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, the velocity %zu x %zu", x->size1, x->size2, velocity->size1,
              velocity->size2);
  if (!status)
    status = sb_check_apart ("a velocity", x, velocity);
  return status ? status : find_both (score, y, t, x, v, velocity, divergence);
}

// ## The Fokker-Planck equation
//
// Kolmogorov's forward equation [scoresde.eq35] is an equation of continuity for the velocity of the probability flow,
// [scoresde.eq37] $\partial_t p_t = -\nabla\cdot(\tilde{\mathbf f}\,p_t)$. Divided by $p_t$ it involves only the score:
// $$ \partial_t \log p_t(\mathbf x) = -\nabla\cdot\tilde{\mathbf f}(\mathbf x, t)
//    - \tilde{\mathbf f}(\mathbf x, t)^\top\mathbf s(\mathbf x, t) . $$

static int
subtract_advection (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                    gsl_matrix *memory, gsl_vector *rate)
{
  const size_t n = x->size1, d = x->size2;
  gsl_matrix_view s = gsl_matrix_submatrix (memory, 0, 0, n, d), velocity = gsl_matrix_submatrix (memory, n, 0, n, d),
                  used = gsl_matrix_submatrix (memory, 2 * n, 0, n, d);
  int status = sb_score_estimate (score, SB_SCORE, x, t, y, &s.matrix);
  gsl_matrix_memcpy (&used.matrix, &s.matrix);
  if (!status)
    status = sb_flow_velocity_given (score->process, t, x, &used.matrix, &velocity.matrix);
  if (!status)
    sb_add_row_products (-1, &velocity.matrix, &s.matrix, rate);
  return status;
}

int
sb_fokker_planck (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                  gsl_vector *rate)
{
  int status = sb_flow_divergence (score, y, t, x, NULL, rate);
  if (status || x->size1 == 0)
    return status;
  gsl_vector_scale (rate, -1);
  gsl_matrix *memory = gsl_matrix_alloc (3 * x->size1, x->size2);
  status = memory ? subtract_advection (score, y, t, x, memory, rate) : GSL_ENOMEM;
  gsl_matrix_free (memory);
  return status;
}
