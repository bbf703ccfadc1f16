// # Exact likelihood
//
// The probability flow takes a point of the data to a code, $\mathbf x(T)$, whose density is the prior's. Along the way
// the log density changes by minus the divergence of the velocity, so that [scoresde.eq39]
// [scoresde.txt-exact-likelihood]
// $$ \log p_0(\mathbf x(0)) = \log p_T(\mathbf x(T)) + \int_0^T\nabla\cdot\tilde{\mathbf f}_\theta(\mathbf x(t), t)\,dt . $$
// Both are one system of equations, solved together. Two things differ from the formula. The integral begins at
// $\epsilon = 10^{-5}$, where there is a score: the result is $\log p_\epsilon$, of data with that much noise. And
// $p_T$ is not known where the score is learned: the prior replaces it.
//
// The paper's settings: the pair of Dormand and Prince with relative and absolute tolerances of $10^{-5}$, one
// direction for the whole of a solve. [scoresde.set-likelihood] The same direction at all times keeps the right side a
// smooth function, which an adaptive solver needs. Fresh directions leave less noise: with $K$ of them the interval is
// cut into $K$ parts, evenly in $\ln t$, and each is solved with its own.

#include "likelihood.h"

#include "down_to.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/integrate.h"
#include "../base/shard.h"
#include "../process/vp.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

sb_likelihood
sb_likelihood_default (void)
{
  return (sb_likelihood){ .t_min = SB_VP_EPSILON_TRAINING,
                          .relative = 1e-5,
                          .absolute = 1e-5,
                          .trace = SB_TRACE_SIGNS,
                          .group = 8,
                          .directions = 1 };
}

// ## A group
//
// The solver gets the states of its rows, one after the other, then the integrals.

typedef struct
{
  const sb_likelihood *likelihood;
  const sb_score *score;
  const gsl_matrix *x, *y;
  sb_stream stream;
  sb_likelihood_report *report;
  unsigned long *evaluations; // of each group
} batch;

typedef struct
{
  const batch *of;
  size_t n, d;
  gsl_matrix y;
  gsl_matrix *v; // n x d: directions; NULL: the exact trace
  gsl_vector *t; // n times, all the same
  double *state; // n d + n
} group;

static int
slope (double t, const double state[], double out[], void *params)
{
  const group *g = params;
  const gsl_matrix_const_view x = gsl_matrix_const_view_array (state, g->n, g->d);
  gsl_matrix_view velocity = gsl_matrix_view_array (out, g->n, g->d);
  gsl_vector_view divergence = gsl_vector_view_array (out + g->n * g->d, g->n);
  const gsl_matrix *y = g->of->y ? &g->y : NULL;
  gsl_vector_set_all (g->t, t);
  return sb_flow_velocity_and_divergence (g->of->score, y, g->t, &x.matrix, g->v, &velocity.matrix, &divergence.vector);
}

static void
group_free (group *g)
{
  gsl_matrix_free (g->v);
  gsl_vector_free (g->t);
  free (g->state);
}

static int
group_alloc (group *g, const batch *b, size_t first, size_t n)
{
  const sb_trace trace = b->likelihood->trace;
  const size_t d = b->x->size2;
  *g = (group){ .of = b, .n = n, .d = d };
  if (b->y)
    g->y = gsl_matrix_const_submatrix (b->y, first, 0, n, b->y->size2).matrix;
  g->v = trace == SB_TRACE_EXACT ? NULL : gsl_matrix_alloc (n, d);
  g->t = gsl_vector_alloc (n);
  g->state = calloc (n * (d + 1), sizeof *g->state);
  if (g->t && g->state && (g->v || trace == SB_TRACE_EXACT))
    return GSL_SUCCESS;
  group_free (g);
  SB_ERROR (NULL, GSL_ENOMEM, "no memory for the likelihood of %zu rows", n);
}

static int
integrate_parts (group *g, sb_stream stream, unsigned long *evaluations)
{
  const sb_likelihood *l = g->of->likelihood;
  const double t_max = g->of->score->process->t_max, ratio = t_max / l->t_min;
  const size_t parts = g->v ? l->directions : 1;
  gsl_odeiv2_system system = { slope, NULL, g->n * (g->d + 1), g };
  int status = GSL_SUCCESS;
  for (size_t k = 0; k < parts && !status; k++)
    {
      const double from = l->t_min * pow (ratio, (double)k / (double)parts),
                   to = k + 1 < parts ? l->t_min * pow (ratio, (double)(k + 1) / (double)parts) : t_max;
      sb_odeiv2_count count = { 0 };
      if (g->v)
        status = sb_trace_directions (l->trace, stream, k, g->v);
      if (!status)
        status = sb_odeiv2_integrate (&system, from, to, l->absolute, l->relative, g->state, NULL, NULL, &count);
      *evaluations += count.evaluations;
    }
  return status;
}

static int
report_group (const group *g, size_t first)
{
  const sb_likelihood_report *r = g->of->report;
  const gsl_matrix_const_view code = gsl_matrix_const_view_array (g->state, g->n, g->d);
  int status = sb_process_prior_log_density (g->of->score->process, &code.matrix, g->t);
  for (size_t i = 0; i < g->n && !status; i++)
    {
      const double prior = gsl_vector_get (g->t, i), integral = g->state[g->n * g->d + i];
      const gsl_vector_const_view row = gsl_matrix_const_row (&code.matrix, i);
      if (!gsl_finite (prior + integral))
        SB_ERROR (NULL, GSL_EOVRFLW, "row %zu is so far out that its log density overflows", first + i);
      if (r->log_p)
        gsl_vector_set (r->log_p, first + i, prior + integral);
      if (r->log_prior)
        gsl_vector_set (r->log_prior, first + i, prior);
      if (r->integral)
        gsl_vector_set (r->integral, first + i, integral);
      if (r->code)
        gsl_matrix_set_row (r->code, first + i, &row.vector);
    }
  return status;
}

static int
solve_group (void *context, size_t number, size_t first, size_t n)
{
  const batch *b = context;
  group g;
  int status = group_alloc (&g, b, first, n);
  if (status)
    return status;
  gsl_matrix_view x = gsl_matrix_view_array (g.state, n, g.d);
  const gsl_matrix_const_view rows = gsl_matrix_const_submatrix (b->x, first, 0, n, g.d);
  gsl_matrix_memcpy (&x.matrix, &rows.matrix);
  status = integrate_parts (&g, sb_stream_skip (b->stream, first), &b->evaluations[number]);
  if (!status)
    status = report_group (&g, first);
  group_free (&g);
  return status;
}

// ## The batch

static int
check (const sb_likelihood *l, const sb_score *score, const gsl_matrix *y, const gsl_matrix *x,
       const sb_likelihood_report *r)
{
  const sb_process *process = score->process;
  const size_t n = x->size1, d = x->size2;
  const gsl_vector *const vectors[] = { r->log_p, r->log_prior, r->integral };
  if (process->levels > 0)
    SB_ERROR (NULL, GSL_EUNSUP, "%s is a chain, which has no flow; there is a bound instead", process->type->name);
  if (d != process->dimension || (y && y->size1 != n) || (r->code && (r->code->size1 != n || r->code->size2 != d)))
    SB_ERROR (NULL, GSL_EBADLEN,
              "x is %zu x %zu, the process has dimension %zu; conditions and codes have as many rows", n, d,
              process->dimension);
  for (int k = 0; k < 3; k++)
    if (vectors[k] && vectors[k]->size != n)
      SB_ERROR (NULL, GSL_EBADLEN, "%zu rows have as many results, not %zu", n, vectors[k]->size);
  if (!(l->t_min > 0 && l->t_min < process->t_max))
    SB_ERROR (NULL, GSL_EDOM, "t_min is %g, not between 0 and %g", l->t_min, process->t_max);
  if (l->directions == 0)
    SB_ERROR (NULL, GSL_EINVAL, "no direction for the trace: one is the least");
  return sb_check_finite ("x", GSL_EDOM, x);
}

int
sb_log_likelihood (const sb_likelihood *likelihood, const sb_score *score, const gsl_matrix *y, sb_stream stream,
                   const gsl_matrix *x, sb_likelihood_report *report)
{
  int status = check (likelihood, score, y, x, report);
  report->evaluations = 0;
  if (status || x->size1 == 0)
    return status;
  const size_t rows = likelihood->group ? likelihood->group : x->size1, groups = sb_shard_count (x->size1, rows);
  sb_down_to down;
  batch b = { likelihood,
              sb_score_down_to (score, likelihood->t_min, &down),
              x,
              y,
              stream,
              report,
              calloc (groups, sizeof *b.evaluations) };
  if (!b.evaluations)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for the likelihood of %zu rows", x->size1);
  status = sb_shards (x->size1, rows, solve_group, &b);
  for (size_t k = 0; k < groups && !status; k++)
    report->evaluations += (double)b.evaluations[k] * (double)GSL_MIN (rows, x->size1 - k * rows) / (double)x->size1;
  free (b.evaluations);
  return status;
}
