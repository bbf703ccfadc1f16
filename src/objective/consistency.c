// # Consistency
//
// A denoiser $\mathbf h$ drives a reverse SDE, and the SDE leads from $\mathbf x_t = \mathbf x$ to some $\mathbf x_0$.
// If $\mathbf h(\mathbf x, t)$ is the mean of these $\mathbf x_0$, for all $\mathbf x$ and $t$, then $\mathbf h$ is
// called consistent. [consistent.prop1] It is so if and only if it is a martingale along the SDE and the identity at
// the end, [consistent.lem3.1]
// $$ \mathbf h(\mathbf x, t) = \mathbb E_h\bigl[\mathbf h(\mathbf x_{t'}, t') \mid \mathbf x_t = \mathbf x\bigr],
//    \qquad \mathbf h(\mathbf x, 0) = \mathbf x , $$
// and how far it is from that is the loss of this page, [consistent.txt-L2]
// $$ L^2_{t,t',\mathbf x}(\theta) = \tfrac12\,\bigl\|\mathbb E_\theta[\mathbf h_\theta(\mathbf x_{t'}, t')
//    \mid \mathbf x_t = \mathbf x] - \mathbf h_\theta(\mathbf x, t)\bigr\|^2 . $$
// (Consistency models use the word for something else: along the probability flow $\mathbf h$ is no martingale.)

#include "consistency.h"
#include "objective.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/rows.h"
#include "../score/network.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

// ## Where a path begins and ends
//
// A row whose window has no length, or one below $10^{-9}\,t$, takes its steps between two other times, and their
// result is not used: so all rows of a batch take the same steps.

static bool
empty_window (double t, double s)
{
  return !(t - s > 1e-9 * t);
}

static void
set_ends (const sb_process *process, const gsl_vector *t, const gsl_vector *s, gsl_vector *from, gsl_vector *to)
{
  for (size_t i = 0; i < t->size; i++)
    {
      const bool empty = empty_window (gsl_vector_get (t, i), gsl_vector_get (s, i));
      gsl_vector_set (from, i, empty ? process->t_max : gsl_vector_get (t, i));
      gsl_vector_set (to, i, empty ? (process->t_min + process->t_max) / 2 : gsl_vector_get (s, i));
    }
}

static void
restore_empty (const gsl_vector *t, const gsl_vector *s, const gsl_matrix *x, gsl_matrix *x_s)
{
  for (size_t i = 0; i < t->size; i++)
    if (empty_window (gsl_vector_get (t, i), gsl_vector_get (s, i)))
      memcpy (gsl_matrix_ptr (x_s, i, 0), gsl_matrix_const_ptr (x, i, 0), x->size2 * sizeof (double));
}

// ## The loss
//
// A mean within a square cannot be estimated from one sample of it: the square of $\mathbf r = \mathbf h' - \mathbf h$
// is too large by the variance of $\mathbf h'$. The product of two independent ones is unbiased, whatever its sign:
// [consistent.txt-two-sample]
// $$ \mathbb E\,\tfrac12\,\mathbf r_1^{\mathsf T}\mathbf r_2 = L^2, \qquad
//    \mathbb E\,\tfrac12\,\|\mathbf r\|^2 = L^2 + \tfrac12\operatorname{tr}\operatorname{Var}\mathbf h' , $$
// and so is the mean over all pairs of $m$ paths.

typedef struct
{
  sb_path_work *paths;
  gsl_vector *from, *to;     // n
  gsl_matrix *h;             // n x d: h(x, t)
  gsl_matrix *x_s[2], *r[2]; // n x d: the end of a path, and h(x_s, s) - h(x, t)
} workspace;

static void
workspace_free (workspace *m)
{
  sb_path_work_free (m->paths);
  gsl_vector_free (m->from);
  gsl_vector_free (m->to);
  gsl_matrix_free (m->h);
  for (int p = 0; p < 2; p++)
    {
      gsl_matrix_free (m->x_s[p]);
      gsl_matrix_free (m->r[p]);
    }
}

static int
workspace_alloc (const sb_score *score, size_t n, size_t d, workspace *m)
{
  *m = (workspace){ .paths = sb_path_work_alloc (score, n),
                    .from = gsl_vector_alloc (n),
                    .to = gsl_vector_alloc (n),
                    .h = gsl_matrix_alloc (n, d),
                    .x_s = { gsl_matrix_alloc (n, d), gsl_matrix_alloc (n, d) },
                    .r = { gsl_matrix_alloc (n, d), gsl_matrix_calloc (n, d) } };
  if (m->paths && m->from && m->to && m->h && m->x_s[0] && m->x_s[1] && m->r[0] && m->r[1])
    return GSL_SUCCESS;
  workspace_free (m);
  SB_ERROR (NULL, GSL_ENOMEM, "no memory for the consistency of %zu rows", n);
}

// The arguments, for all rows.

typedef struct
{
  const sb_score *score;
  const sb_partial_path *path;
  const gsl_matrix *y;
  const gsl_vector *t, *s;
  const gsl_matrix *x;
  sb_stream stream;
} arguments;

static int
check (const arguments *q, const gsl_vector *loss)
{
  const size_t n = q->x->size1;
  if (q->score->process->levels > 0)
    SB_ERROR (NULL, GSL_EUNSUP, "consistency is that of a reverse SDE, and %s is a chain",
              q->score->process->type->name);
  if (q->x->size2 != q->score->process->dimension || q->t->size != n || q->s->size != n || loss->size != n)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, with %zu and %zu times and %zu losses", n, q->x->size2, q->t->size,
              q->s->size, loss->size);
  for (size_t i = 0; i < n; i++)
    if (!(0 <= gsl_vector_get (q->s, i) && gsl_vector_get (q->s, i) <= gsl_vector_get (q->t, i)))
      SB_ERROR (NULL, GSL_EDOM, "row %zu: from time %g to %g, which is not below", i, gsl_vector_get (q->t, i),
                gsl_vector_get (q->s, i));
  return GSL_SUCCESS;
}

// The end of path p and its residual r; the first step shares h(x, t) with it.

static int
find_residual (const arguments *q, size_t p, const workspace *m, sb_path_record *record, gsl_matrix *x_s, gsl_matrix *r)
{
  sb_stream stream = q->stream;
  stream.purpose = SB_FOR_PATH;
  gsl_matrix_memcpy (x_s, q->x);
  int status = sb_partial_path_take (q->path, m->paths, q->y, m->from, m->to, stream, p, m->h, record, x_s);
  if (status)
    return status;
  restore_empty (q->t, q->s, q->x, x_s);
  status = sb_score_estimate (q->score, SB_DENOISER, x_s, q->s, q->y, r);
  for (size_t i = 0; i < r->size1 && !status; i++)
    for (size_t j = 0; j < r->size2; j++)
      *gsl_matrix_ptr (r, i, j) = empty_window (gsl_vector_get (q->t, i), gsl_vector_get (q->s, i))
                                      ? 0
                                      : gsl_matrix_get (r, i, j) - gsl_matrix_get (m->h, i, j);
  return status;
}

static int
begin (const arguments *q, workspace *m)
{
  set_ends (q->score->process, q->t, q->s, m->from, m->to);
  return sb_score_estimate (q->score, SB_DENOISER, q->x, q->t, q->y, m->h);
}

// r[0] is that of the path at hand, r[1] the sum over all; `all` (paths n x d; NULL: not wanted) keeps them.

static int
sum_residuals (const arguments *q, size_t paths, workspace *m, gsl_vector *squares, gsl_matrix *all)
{
  const size_t n = q->x->size1, d = q->x->size2;
  int status = begin (q, m);
  gsl_vector_set_zero (squares);
  for (size_t p = 0; p < paths && !status; p++)
    {
      status = find_residual (q, p, m, NULL, m->x_s[0], m->r[0]);
      for (size_t i = 0; i < n && !status; i++)
        *gsl_vector_ptr (squares, i) += sb_dot (d, gsl_matrix_ptr (m->r[0], i, 0), gsl_matrix_ptr (m->r[0], i, 0));
      gsl_matrix_add (m->r[1], m->r[0]);
      if (all)
        memcpy (gsl_matrix_ptr (all, p * n, 0), m->r[0]->data, n * d * sizeof (double));
    }
  return status;
}

// The standard error is the jackknife's. With $a_p = \mathbf r_p^{\mathsf T}\sum_{q\ne p}\mathbf r_q$ the estimate is
// the mean of $a_p/2(m - 1)$, and without path $p$ it is $(\sum_q a_q - 2a_p)/2(m - 1)(m - 2)$, so that
// $$ \text{error}^2 = \frac{\sum_p (a_p - \bar a)^2}{m(m - 1)(m - 2)^2} . $$
// On a line, of residuals with mean $b$ and variance $\tau^2$, its mean is $b^2\tau^2/m + \tau^4/m(m - 2)$, and the
// estimate's variance $b^2\tau^2/m + \tau^4/2m(m - 1)$: it is on the safe side where $\mathbf h$ is consistent.

static double
jackknife (const gsl_matrix *all, size_t paths, size_t n, size_t i, const double *sum)
{
  const size_t d = all->size2;
  const double m = (double)paths;
  double mean = 0, squares = 0;
  for (size_t p = 0; p < paths; p++)
    {
      const double *r = gsl_matrix_const_ptr (all, p * n + i, 0), a = sb_dot (d, r, sum) - sb_dot (d, r, r),
                   off = a - mean;
      mean += off / (double)(p + 1);
      squares += off * (a - mean);
    }
  return sqrt (squares / (m * (m - 1))) / (m - 2);
}

static int
estimate (const arguments *q, size_t paths, gsl_vector *loss, gsl_vector *of_one, gsl_matrix *all, gsl_vector *error)
{
  const size_t n = q->x->size1, d = q->x->size2;
  const double count = (double)paths;
  workspace m;
  int status = workspace_alloc (q->score, n, d, &m);
  if (status)
    return status;
  status = sum_residuals (q, paths, &m, loss, all);
  for (size_t i = 0; i < n && !status; i++)
    {
      const double squares = gsl_vector_get (loss, i), *sum = gsl_matrix_ptr (m.r[1], i, 0);
      gsl_vector_set (loss, i, (sb_dot (d, sum, sum) - squares) / (2 * count * (count - 1)));
      if (of_one)
        gsl_vector_set (of_one, i, squares / (2 * count));
      if (error)
        gsl_vector_set (error, i, jackknife (all, paths, n, i, sum));
    }
  workspace_free (&m);
  return status;
}

static int
check_more (const arguments *q, size_t paths, size_t least, const gsl_vector *loss, const gsl_vector *other)
{
  const int status = check (q, loss);
  if (!status && paths < least)
    SB_ERROR (NULL, GSL_EINVAL, "this estimate takes %zu paths or more, not %zu", least, paths);
  if (!status && other && other->size != q->x->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu numbers for %zu rows", other->size, q->x->size1);
  return status;
}

int
sb_consistency_loss (const sb_score *score, const sb_partial_path *path, size_t paths, const gsl_matrix *y,
                     const gsl_vector *t, const gsl_vector *s, const gsl_matrix *x, sb_stream stream, gsl_vector *loss,
                     gsl_vector *of_one)
{
  const arguments q = { score, path, y, t, s, x, stream };
  const int status = check_more (&q, paths, 2, loss, of_one);
  return status || x->size1 == 0 ? status : estimate (&q, paths, loss, of_one, NULL, NULL);
}

int
sb_consistency_loss_with_error (const sb_score *score, const sb_partial_path *path, size_t paths, const gsl_matrix *y,
                                const gsl_vector *t, const gsl_vector *s, const gsl_matrix *x, sb_stream stream,
                                gsl_vector *loss, gsl_vector *error)
{
  const arguments q = { score, path, y, t, s, x, stream };
  int status = check_more (&q, paths, 3, loss, error);
  if (status || x->size1 == 0)
    return status;
  if (sb_check_lengths ("paths", paths, x->size1, x->size2))
    return GSL_ENOMEM;
  gsl_matrix *all = gsl_matrix_alloc (paths * x->size1, x->size2);
  status = all ? estimate (&q, paths, loss, NULL, all, error) : GSL_ENOMEM;
  gsl_matrix_free (all);
  return status;
}

// ## Its gradient
//
// A path's points are drawn by the model, and so the gradient has one more term, with $p_\theta$ the density of the
// path: [consistent.txt-gradL2] [consistent.txt-B1-scorefn]
// $$ \nabla_\theta L^2 = \mathbb E_\theta[\mathbf h' - \mathbf h]^{\mathsf T}\;\mathbb E_\theta\bigl[
//    \nabla_\theta\mathbf h' - \nabla_\theta\mathbf h + \mathbf h'\,(\nabla_\theta\log p_\theta)^{\mathsf T}\bigr] . $$
// Training takes the first two terms alone: no gradient goes through the sampler. [consistent.txt-stopgrad] They vanish
// where the loss does, and elsewhere too. With the residuals of two independent paths, one for each expectation, every
// product is unbiased.

static int
backward (const arguments *q, sb_view view, const gsl_matrix *x, const gsl_vector *t, gsl_matrix *v)
{
  gsl_matrix *x_bar = gsl_matrix_alloc (x->size1, x->size2);
  int status = x_bar ? sb_score_vjp (q->score, view, x, t, q->y, v, x_bar) : GSL_ENOMEM;
  gsl_matrix_free (x_bar);
  return status;
}

// $\tfrac12\mathbf r_1^{\mathsf T}\mathbf r_2$ has the gradients $\tfrac12\mathbf r_2$ and $\tfrac12\mathbf r_1$ with
// respect to $\mathbf h$ at the paths' ends, and $-\tfrac12(\mathbf r_1 + \mathbf r_2)$ with respect to $\mathbf h$ at
// their start.

static int
truncated_gradient (const arguments *q, double weight, const workspace *m)
{
  gsl_matrix *v = gsl_matrix_alloc (q->x->size1, q->x->size2);
  const struct
  {
    const gsl_matrix *x, *r, *more;
    const gsl_vector *t;
    double sign;
  } terms[] = { { m->x_s[0], m->r[1], NULL, q->s, 1 },
                { m->x_s[1], m->r[0], NULL, q->s, 1 },
                { q->x, m->r[0], m->r[1], q->t, -1 } };
  int status = v ? GSL_SUCCESS : GSL_ENOMEM;
  for (size_t k = 0; k < 3 && !status; k++)
    {
      gsl_matrix_memcpy (v, terms[k].r);
      if (terms[k].more)
        gsl_matrix_add (v, terms[k].more);
      gsl_matrix_scale (v, terms[k].sign * weight / 2);
      status = backward (q, SB_DENOISER, terms[k].x, terms[k].t, v);
    }
  gsl_matrix_free (v);
  return status;
}

// A path is a product of normal steps,
// $\mathbf x_{t_i} \sim \mathcal N(\mathbf x_{t_{i-1}} + \boldsymbol\mu_{\theta,i}, g_i^2\mathbf I)$ with
// $\boldsymbol\mu_{\theta,i} = g_i^2\,\mathbf s_\theta(\mathbf x_{t_{i-1}}, t_{i-1})$, where $g_i^2$ is the variance of
// the step, [consistent.txt-B1-path] and so, [consistent.txt-B1-logpath]
// $$ \nabla_\theta\log p_\theta = \sum_{i=1}^k\frac{
//    (\mathbf x_{t_i} - \mathbf x_{t_{i-1}} - \boldsymbol\mu_{\theta,i})^{\mathsf T}
//    \nabla_\theta\boldsymbol\mu_{\theta,i}}{g_i^2}
//    = \sum_{i=1}^k g_i\,\boldsymbol\xi_i^{\mathsf T}\,\nabla_\theta\mathbf s_\theta . $$
// Its mean is 0, and subtracting $\mathbf h$ from $\mathbf h'$ reduces the variance to a third.

static int
scale_noise (const arguments *q, sb_path_record *r)
{
  const bool in_t = q->path->step == sb_step_euler_maruyama;
  for (size_t i = 0; i < r->z->size1 && in_t; i++)
    {
      gsl_vector_view z = gsl_matrix_row (r->z, i);
      gsl_vector_scale (&z.vector, sqrt (gsl_vector_get (r->t, i) - gsl_vector_get (r->s, i)));
    }
  return sb_process_apply (q->score->process, in_t ? SB_G : SB_S, CblasNoTrans, in_t ? NULL : r->s, r->t, r->z);
}

static int
path_gradient (const arguments *q, double weight, const gsl_vector *loss, sb_path_record *r)
{
  const size_t n = q->x->size1, d = q->x->size2;
  int status = scale_noise (q, r);
  for (size_t j = 0; j < q->path->steps && !status; j++)
    {
      gsl_matrix_view x = gsl_matrix_submatrix (r->x, j * n, 0, n, d), z = gsl_matrix_submatrix (r->z, j * n, 0, n, d);
      gsl_vector_view t = gsl_vector_subvector (r->t, j * n, n);
      for (size_t i = 0; i < n; i++)
        {
          gsl_vector_view row = gsl_matrix_row (&z.matrix, i);
          gsl_vector_scale (&row.vector, weight * gsl_vector_get (loss, i));
        }
      status = backward (q, SB_SCORE, &x.matrix, &t.vector, &z.matrix);
    }
  return status;
}

static void
record_free (sb_path_record *r)
{
  gsl_matrix_free (r->x);
  gsl_matrix_free (r->z);
  gsl_vector_free (r->s);
  gsl_vector_free (r->t);
}

static int
record_alloc (size_t steps, size_t rows, size_t d, sb_path_record *r)
{
  if (sb_check_lengths ("steps of a path", steps, rows, d))
    return GSL_ENOMEM;
  rows *= steps;
  *r = (sb_path_record){ gsl_matrix_alloc (rows, d), gsl_matrix_alloc (rows, d), gsl_vector_alloc (rows),
                         gsl_vector_alloc (rows) };
  return r->x && r->z && r->s && r->t ? GSL_SUCCESS : GSL_ENOMEM;
}

static int
find_gradient (const arguments *q, unsigned of, double weight, workspace *m, sb_path_record *r, gsl_vector *loss)
{
  // Simulate the two paths.
  sb_path_record *const kept[] = { of & SB_CONSISTENCY_PATH ? &r[0] : NULL, of & SB_CONSISTENCY_PATH ? &r[1] : NULL };
  int status = begin (q, m);
  for (size_t p = 0; p < 2 && !status; p++)
    status = find_residual (q, p, m, kept[p], m->x_s[p], m->r[p]);
  for (size_t i = 0; i < q->x->size1 && !status; i++)
    gsl_vector_set (loss, i, sb_dot (q->x->size2, gsl_matrix_ptr (m->r[0], i, 0), gsl_matrix_ptr (m->r[1], i, 0)) / 2);

  // Propagate both parts back.
  if (!status && (of & SB_CONSISTENCY_TRUNCATED))
    status = truncated_gradient (q, weight, m);
  for (size_t p = 0; p < 2 && !status && (of & SB_CONSISTENCY_PATH); p++)
    status = path_gradient (q, weight, loss, kept[p]);
  return status;
}

int
sb_consistency_gradient (const sb_score *score, const sb_partial_path *path, unsigned of, const gsl_matrix *y,
                         const gsl_vector *t, const gsl_vector *s, const gsl_matrix *x, sb_stream stream, double weight,
                         gsl_vector *loss)
{
  const arguments q = { score, path, y, t, s, x, stream };
  sb_path_record r[2] = { 0 };
  workspace m;
  int status = check (&q, loss);
  const bool reverse = path->step == sb_step_reverse_diffusion
                       || (path->step == sb_step_euler_maruyama && (!path->key || path->key[0] == 1));
  if (!status && (of & SB_CONSISTENCY_PATH) && !reverse)
    SB_ERROR (NULL, GSL_EUNSUP, "the density of a path of the step %s is not known here", path->step->entry.name);
  if (status || x->size1 == 0)
    return status;
  status = workspace_alloc (score, x->size1, x->size2, &m);
  if (status)
    return status;
  for (size_t p = 0; p < 2 && !status && (of & SB_CONSISTENCY_PATH) && path->steps > 0; p++)
    status = record_alloc (path->steps, x->size1, x->size2, &r[p]);
  if (!status)
    status = find_gradient (&q, of, weight, &m, r, loss);
  record_free (&r[0]);
  record_free (&r[1]);
  workspace_free (&m);
  return status;
}

// ## As an objective
//
// Every law's denoiser is consistent, so the paper adds consistency to denoising score matching:
// [consistent.txt-objective]
// $$ L_\lambda(\theta) = \mathbb E_t\Bigl[\mathbb E\,\|\mathbf h_\theta(\mathbf x_t, t) - \mathbf x_0\|^2
//    + \lambda\,\mathbb E_{\mathbf x_t}\,\mathbb E_{t' \sim \mathcal U[t - \epsilon, t]}\,
//    L^2_{t,t',\mathbf x_t}(\theta)\Bigr], $$
// the first term with its weighting [consistent.txt-dsm]. The paper prints neither $\lambda$ nor $\epsilon$; the
// released code has $\epsilon = 0.05$ and, of a product without the $\tfrac12$, 10, which is $\lambda = 20$ here.
// [consistent.set-lambda-eps] A step is: [consistent.txt-cdm-train] the network at $\mathbf x_t$; from there, without
// gradient, two paths of $k = 6$ steps [consistent.set-window-steps]; the network at their ends; three backward passes.
// [consistent.txt-cost]

enum
{
  LAMBDA,
  WINDOW,
  STEPS,
  ROWS,
  SOLVER,
  RHO,
  KEYS
};

static const sb_key keys[KEYS] = {
  [LAMBDA] = { .name = "lambda", .usual = 20, .high = HUGE_VAL, .help = "weight of consistency, as in the paper" },
  [WINDOW]
  = { .name = "window", .usual = 0.05, .high = HUGE_VAL, .above = true, .help = "maximum length of a path, in time" },
  [STEPS] = { .name = "steps", .usual = 6, .low = 1, .high = 1e6, .whole = true, .help = "of a path" },
  [ROWS] = { .name = "rows", .usual = 1, .high = 1, .above = true, .help = "fraction of the samples that have paths" },
  [SOLVER] = { .name = "solver",
               .words = (const char *const[]){ "time", "variance", NULL },
               .help = "Euler-Maruyama in the time, or in the variance" },
  [RHO]
  = { .name = "rho", .usual = 7, .high = 1e3, .above = true, .help = "a path's times are evenly spaced in t^(1/rho)" }
};

static int
check_process (const sb_objective *o)
{
  if (o->process->levels > 0 || o->process->from_zero_only)
    SB_ERROR (NULL, GSL_EUNSUP, "consistency: its paths need an SDE, which %s does not have", o->process->type->name);
  return GSL_SUCCESS;
}

static void
count_points (const sb_objective *o, size_t *points, size_t *directions)
{
  (void)o, (void)directions;
  *points = 3;
}

// Which samples have paths depends on their number alone, not on their batch. A network evaluates fewer rows at the
// cost of SB_NETWORK_ROWS, so samples are chosen in groups of that many.

static int
draw (sb_stream stream, sb_objective_batch *b)
{
  const double share = b->objective->key[LAMBDA] > 0 ? b->objective->key[ROWS] : 0;
  size_t more = 0;
  for (size_t i = 0; i < b->n; i++)
    {
      const double group = (double)((stream.index + i) / SB_NETWORK_ROWS % (1ULL << 40));
      if (floor ((group + 1) * share) > floor (group * share))
        b->row[more++] = i;
    }
  sb_objective_keep_points (b, more);
  return sb_objective_draw_points (stream, b);
}

// It suffices that $t'$ be near $t$, [consistent.txt-window] within $[\max(t_{\min}, t - \epsilon), t]$, as
// $t - \epsilon$ may be below all times. t (more), which holds uniforms, becomes $t'$.

static void
set_windows (const sb_objective *o, const gsl_vector *from, gsl_vector *t)
{
  for (size_t q = 0; q < t->size; q++)
    {
      const double at = gsl_vector_get (from, q), low = GSL_MAX_DBL (o->process->t_min, at - o->key[WINDOW]);
      gsl_vector_set (t, q, low < at ? at - gsl_vector_get (t, q) * (at - low) : at);
    }
}

static void
gather (const sb_objective_batch *b, const gsl_matrix *from, gsl_matrix *to)
{
  for (size_t q = 0; q < to->size1; q++)
    memcpy (gsl_matrix_ptr (to, q, 0), gsl_matrix_const_ptr (from, b->row[q], 0), to->size2 * sizeof (double));
}

// Until the loss is found, its matrices and vectors hold what a path begins with.

static int
draw_windows (sb_objective_batch *b, gsl_vector *t, gsl_vector *s)
{
  gsl_matrix u = { b->n, 1, 1, b->loss.data, NULL, 0 };
  sb_stream stream = b->stream;
  stream.purpose = SB_FOR_WINDOW;
  int status = sb_stream_uniforms (stream, 0, &u);
  for (size_t q = 0; q < b->more; q++)
    {
      gsl_vector_set (t, q, b->t.data[b->row[q]]);
      gsl_vector_set (s, q, b->loss.data[b->row[q]]);
    }
  set_windows (b->objective, t, s);
  memcpy (s->data + b->more, s->data, b->more * sizeof (double));
  return status;
}

static int
draw_paths (const sb_score *score, sb_objective_batch *b)
{
  const sb_objective *o = b->objective;
  const size_t n = b->n, m = b->more, d = b->x.size2;
  if (m == 0)
    return GSL_SUCCESS;
  int status = sb_objective_prepare (score, b);
  if (status)
    return status;
  b->paths->work->score = score;
  b->paths->row = b->row;

  // Draw t', which are the times of the further points.
  gsl_vector t = { m, 1, b->regulariser.data, NULL, 0 }, s = { m, 1, b->t.data + n, NULL, 0 },
             from = { m, 1, b->loss.data, NULL, 0 }, to = { m, 1, b->bar.data, NULL, 0 };
  status = draw_windows (b, &t, &s);
  set_ends (o->process, &t, &s, &from, &to);

  // Simulate two paths from the same points, where the estimate is known.
  const sb_partial_path path = { o->key[SOLVER] == 0 ? sb_step_euler_maruyama : sb_step_reverse_diffusion, NULL,
                                 (size_t)o->key[STEPS], o->key[RHO] };
  gsl_matrix x = { m, d, d, b->difference.data, NULL, 0 }, h = { m, d, d, b->estimate.data + n * d, NULL, 0 };
  gather (b, &b->x, &x);
  gather (b, &b->estimate, &h);
  sb_stream stream = b->stream;
  stream.purpose = SB_FOR_PATH;
  for (size_t p = 0; p < 2 && !status; p++)
    {
      gsl_matrix end = { m, d, d, b->x.data + (n + p * m) * d, NULL, 0 };
      gsl_matrix_memcpy (&end, &x);
      status = sb_partial_path_take (&path, b->paths, b->y_more, &from, &to, stream, p, &h, NULL, &end);
      restore_empty (&t, &s, &x, &end);
    }
  return status;
}

// The first term is soft score matching's, which under noise alone is denoising score matching by the denoiser.
// [consistent.txt-dsm-equiv]

static int
denoising_term (sb_objective_batch *b)
{
  sb_objective_batch first = *b;
  first.points = 1;
  sb_objective_keep_points (&first, b->n);
  sb_objective_subtract (&b->x_0, &first);
  const int status = sb_objective_square (1, &first);
  if (!status)
    sb_objective_mask_low_times (&first);
  b->below = first.below;
  return status;
}

static int
consistency_loss (sb_objective_batch *b)
{
  const size_t n = b->n, m = b->more, d = b->x.size2;
  const double weight = b->objective->key[LAMBDA] / b->objective->key[ROWS] / 2;
  int status = denoising_term (b);
  for (size_t q = 0; q < m && !status; q++)
    {
      const size_t i = b->row[q];
      const bool empty = empty_window (b->t.data[i], b->t.data[n + q]);
      const double *h = b->estimate.data + i * d, *h_1 = b->estimate.data + (n + q) * d, *h_2 = h_1 + m * d;
      double *bar = b->bar.data + i * d, *bar_1 = b->bar.data + (n + q) * d, *bar_2 = bar_1 + m * d, product = 0;
      for (size_t j = 0; j < d; j++)
        {
          const double r_1 = empty ? 0 : h_1[j] - h[j], r_2 = empty ? 0 : h_2[j] - h[j];
          product += r_1 * r_2;
          bar_1[j] = weight * r_2;
          bar_2[j] = weight * r_1;
          bar[j] -= weight * (r_1 + r_2);
        }
      b->regulariser.data[i] = weight * product;
      b->loss.data[i] += weight * product;
    }
  return status;
}

const sb_objective_type *sb_objective_consistency = &(const sb_objective_type){
  .entry = { "consistency", "denoising in terms of the denoiser, with consistency along short paths", keys, KEYS },
  .view = SB_DENOISER,
  .weighting = &sb_weighting_variance,
  .noise = true,
  .check = check_process,
  .count = count_points,
  .draw = draw,
  .draw_more = draw_paths,
  .loss = consistency_loss
};
