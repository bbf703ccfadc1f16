// # Transport with an entropy
//
// To move weights $a_i$ at the points $x_i$ to weights $b_j$ at $y_j$ takes a plan $P$ with these marginals, and costs
// $\sum P_{ij} C_{ij}$; with $C_{ij} = |x_i - y_j|^2$ the least cost is $W_2^2$, the metric of the paper's schedules.
// It uses Cuturi's approximation (2013), whose plan is unique and smooth:
// $$ \min_P \sum_{ij} P_{ij} C_{ij} + \epsilon \sum_{ij} P_{ij}\ln\frac{P_{ij}}{a_i b_j}. $$
// Lagrange multipliers $\epsilon f_i$, $\epsilon g_j$ of the marginals give it the form
// $$ P_{ij} = a_i b_j\, e^{f_i + g_j - M_{ij}}, \qquad M = C/\epsilon. $$

#include "sinkhorn.h"
#include "../base/checks.h"
#include "../base/clones.h"
#include "../base/elementary.h"
#include "../base/error.h"
#include "../base/frame.h"
#include "pairwise.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <stdlib.h>

enum
{
  ROWS = 32 // of the kernel, which a processor's cache holds
};

// `row` and `column` are $f$ and $g$ in the log domain, else $u_i = a_i e^{f_i}$ and $v_j = b_j e^{g_j}$.
typedef struct
{
  const sb_sinkhorn *how;
  gsl_matrix *M, *K;        // n x m; K = e^-M, for products alone
  gsl_vector *a, *b;        // n, m: with sum 1
  gsl_vector *row, *column; // n, m
  gsl_vector *r, *s;        // n, m: the factors by which the plan's marginals differ from the weights
  double *E;                // m, or ROWS
  double omega;             // the factors' power
} problem;

// ## Sinkhorn's iteration
//
// Each row is divided by the factor $r_i$ by which its sum is too large, then each column by $s_j$. From then on the
// columns are right, and only rows have a residual. One pass over the matrix finds both factors: once the block of rows
// at hand has its $r_i$, it adds its part, divided by these, to the columns' sums. (Where both are divided by powers
// $r_i^\omega$, $s_j^\omega$, as below, columns are right again after a pass with $\omega = 1$.)
//
// *By products*: the sums of rows are $u \circ Kv$, those of columns with $u' = u/r^\omega$ are $v \circ K^T u'$.

static void
pass_by_products (const problem *p)
{
  const size_t n = p->M->size1;
  gsl_vector_set_zero (p->s);
  for (size_t i = 0; i < n; i += ROWS)
    {
      const size_t count = GSL_MIN (ROWS, n - i);
      gsl_matrix_const_view K = gsl_matrix_const_submatrix (p->K, i, 0, count, p->K->size2);
      gsl_vector_view Kv = gsl_vector_subvector (p->r, i, count), u = gsl_vector_view_array (p->E, count);
      gsl_blas_dgemv (CblasNoTrans, 1, &K.matrix, p->column, 0, &Kv.vector);
      for (size_t k = 0; k < count; k++)
        {
          const double u_k = gsl_vector_get (p->row, i + k),
                       r_k = u_k * gsl_vector_get (&Kv.vector, k) / gsl_vector_get (p->a, i + k);
          gsl_vector_set (&Kv.vector, k, r_k);
          gsl_vector_set (&u.vector, k, u_k / pow (r_k, p->omega));
        }
      gsl_blas_dgemv (CblasTrans, 1, &K.matrix, &u.vector, 1, p->s);
    }
  gsl_vector_mul (p->s, p->column);
  gsl_vector_div (p->s, p->b);
}

// *In the log domain*: the entries are computed anew, with the potentials inside the exponential. Then nothing is too
// small: where the columns' sums are right each column has an exponential of at least 1, and none above $1/a_i$.

SB_CLONES static double
row_of_plan (const double *restrict M, double f, const double *restrict g, const double *restrict b,
             double *restrict row, size_t m)
{
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t j = 0; j < m; j++)
    {
      row[j] = b[j] * sb_vexp (f + g[j] - M[j]);
      sum += row[j];
    }
  return sum;
}

static double
row_at (const problem *p, size_t i, double f, const gsl_vector *g)
{
  return row_of_plan (gsl_matrix_const_ptr (p->M, i, 0), f, g->data, p->b->data, p->E, p->M->size2);
}

static void
pass_in_logs (const problem *p)
{
  gsl_vector_const_view row = gsl_vector_const_view_array (p->E, p->M->size2);
  gsl_vector_set_zero (p->s);
  for (size_t i = 0; i < p->M->size1; i++)
    {
      const double r = row_at (p, i, gsl_vector_get (p->row, i), p->column);
      gsl_vector_set (p->r, i, r);
      gsl_blas_daxpy (gsl_vector_get (p->a, i) / pow (r, p->omega), &row.vector, p->s);
    }
  gsl_vector_div (p->s, p->b);
}

static void
divide (const problem *p, gsl_vector *scaling, const gsl_vector *factor)
{
  for (size_t k = 0; k < factor->size; k++)
    if (p->how->log_domain)
      *gsl_vector_ptr (scaling, k) -= p->omega * log (gsl_vector_get (factor, k));
    else
      *gsl_vector_ptr (scaling, k) /= pow (gsl_vector_get (factor, k), p->omega);
}

static double
residual_of (const problem *p)
{
  double sum = 0;
  for (size_t i = 0; i < p->r->size; i++)
    sum += gsl_vector_get (p->a, i) * fabs (gsl_vector_get (p->r, i) - 1);
  return sum;
}

static int
refuse_products (const problem *p)
{
  double low, high;
  gsl_matrix_minmax (p->M, &low, &high);
  SB_ERROR (NULL, GSL_EUNDRFLW,
            "a regularisation of %g is too small for products of e^%g to e^%g: the log domain has no such limit",
            p->how->regularisation, -high, -low);
}

static int
check_factors (const problem *p, const gsl_vector *factor)
{
  for (size_t k = 0; k < factor->size; k++)
    if (!(gsl_vector_get (factor, k) > 0 && gsl_finite (gsl_vector_get (factor, k))))
      return refuse_products (p);
  return GSL_SUCCESS;
}

// Where few points are near to each other the residual shrinks slowly, by a factor $\rho$ near 1 each time. Both steps
// then go too short a way in the same direction, as Gauss and Seidel's do for linear equations, and the remedy is
// theirs: with $\omega = 2/(1 + \sqrt{1 - \rho})$ the error after $k$ steps is about $k\,e^{-2k\sqrt{1 - \rho}}$ of
// what it was (Thibault et al., 2021). A few steps with $\omega = 1$ estimate $\rho$, then enough follow with that
// $\omega$ to leave some hundredths; and again, as the estimate of $\rho$ improves.

enum
{
  PLAIN_STEPS = 5
};

typedef struct
{
  double residual; // one iteration ago
  size_t left;     // iterations with the present omega
} relaxation;

static void
choose_omega (problem *p, double residual, bool near, relaxation *w)
{
  const double rho = residual / w->residual, root = sqrt (1 - rho);
  const bool turn = near || --w->left == 0, over = turn && !near && p->omega == 1 && 0.5 < rho && rho < 1;
  w->residual = residual;
  if (turn)
    {
      p->omega = over ? 2 / (1 + root) : 1;
      w->left = over ? (size_t)((5 - log (root)) / (2 * root)) + 1 : PLAIN_STEPS;
    }
}

static int
iterate (problem *p, double goal, sb_transport *found)
{
  relaxation w = { HUGE_VAL, PLAIN_STEPS };
  p->omega = 1;
  for (double before = 0;; found->iterations++)
    {
      (p->how->log_domain ? pass_in_logs : pass_by_products) (p);
      int status = check_factors (p, p->r);
      if (!status)
        status = check_factors (p, p->s);
      if (status)
        return status;
      found->residual = residual_of (p);
      if (before == 1 && found->residual <= goal) // 0: columns have not yet been divided
        return GSL_SUCCESS;
      if (found->iterations == p->how->iterations)
        SB_ERROR (NULL, GSL_EMAXITER,
                  "after %zu iterations the marginals still miss their weights by %g in all, not %g", found->iterations,
                  found->residual, p->how->residual);
      divide (p, p->row, p->r);
      divide (p, p->column, p->s);
      before = p->omega;
      choose_omega (p, found->residual, found->residual <= goal, &w);
    }
}

// ## Where to start
//
// The potentials are 0 for products. In the log domain $f_i = \min_j M_{ij}$ and $g_j = \min_i(M_{ij} - f_i)$ let every
// row and every column begin with a largest exponential of 1.

static void
start_in_logs (const problem *p)
{
  gsl_vector_set_all (p->column, HUGE_VAL);
  for (size_t i = 0; i < p->M->size1; i++)
    {
      gsl_vector_const_view M = gsl_matrix_const_row (p->M, i);
      const double f = gsl_vector_min (&M.vector);
      gsl_vector_set (p->row, i, f);
      for (size_t j = 0; j < p->M->size2; j++)
        gsl_vector_set (p->column, j, fmin (gsl_vector_get (p->column, j), gsl_vector_get (&M.vector, j) - f));
    }
}

SB_CLONES static void
exponentials (const double *restrict M, double *restrict K, size_t count)
{
#pragma omp simd
  for (size_t k = 0; k < count; k++)
    K[k] = sb_vexp (-M[k]);
}

static void
start_by_products (const problem *p)
{
  exponentials (p->M->data, p->K->data, p->M->size1 * p->M->size2);
  gsl_vector_memcpy (p->row, p->a);
  gsl_vector_memcpy (p->column, p->b);
}

// ## From large to small
//
// Where $\epsilon$ is small an iteration changes little, and a start far from the end takes millions of them. The log
// domain begins with an $\epsilon$ as large as the costs and halves it, each time once the residual is the square root
// of its target: $\epsilon f$ and $\epsilon g$ hardly change between, and a rate $1 - \delta$ becomes about $1 -
// \delta^2$.

static int
halvings_of (const gsl_matrix *M)
{
  double low, high;
  int halvings;
  gsl_matrix_minmax (M, &low, &high);
  frexp (high - low, &halvings);
  return GSL_MAX (halvings, 0);
}

static int
solve_in_logs (problem *p, sb_transport *found)
{
  int halvings = halvings_of (p->M), status = GSL_SUCCESS;
  gsl_matrix_scale (p->M, ldexp (1, -halvings));
  start_in_logs (p);
  for (; halvings > 0 && !status; halvings--)
    {
      status = iterate (p, sqrt (p->how->residual), found);
      gsl_matrix_scale (p->M, 2);
      gsl_vector_scale (p->row, 2);
      gsl_vector_scale (p->column, 2);
    }
  return status ? status : iterate (p, p->how->residual, found);
}

static int
solve (problem *p, sb_transport *found)
{
  if (p->how->log_domain)
    return solve_in_logs (p, found);
  start_by_products (p);
  return iterate (p, p->how->residual, found);
}

// ## What it costs
//
// The minimum is also the dual problem's maximum $\epsilon(\sum a_i f_i + \sum b_j g_j)$, which the small error that is
// left of $f$ and $g$ changes to second order only.

static void
to_potentials (gsl_vector *scaling, const gsl_vector *weights)
{
  for (size_t k = 0; k < weights->size; k++)
    gsl_vector_set (scaling, k, log (gsl_vector_get (scaling, k) / gsl_vector_get (weights, k)));
}

static void
evaluate (const problem *p, sb_transport *found)
{
  double transport = 0, f = 0, g = 0;
  gsl_vector_const_view row = gsl_vector_const_view_array (p->E, p->M->size2);
  if (!p->how->log_domain)
    {
      to_potentials (p->row, p->a);
      to_potentials (p->column, p->b);
    }
  for (size_t i = 0; i < p->M->size1; i++)
    {
      double of_row;
      gsl_vector_const_view M = gsl_matrix_const_row (p->M, i);
      row_at (p, i, gsl_vector_get (p->row, i), p->column);
      gsl_blas_ddot (&row.vector, &M.vector, &of_row);
      transport += gsl_vector_get (p->a, i) * of_row;
    }
  gsl_blas_ddot (p->a, p->row, &f);
  gsl_blas_ddot (p->b, p->column, &g);
  found->transport = p->how->regularisation * transport;
  found->entropic = p->how->regularisation * (f + g);
}

// ## The problem

static int
set_weights (const char *name, const gsl_vector *given, gsl_vector *weights)
{
  double sum = 0, largest = given ? gsl_vector_max (given) : 1;
  for (size_t k = 0; k < weights->size; k++)
    {
      const double w = given ? gsl_vector_get (given, k) : 1;
      if (!(w > 0 && gsl_finite (w)))
        SB_ERROR (NULL, GSL_EDOM, "weight %zu of %s is %g: it must be positive", k, name, w);
      gsl_vector_set (weights, k, w / largest);
      sum += w / largest;
    }
  gsl_vector_scale (weights, 1 / sum);
  return GSL_SUCCESS;
}

static int
check (const sb_sinkhorn *how, const gsl_matrix *cost, const gsl_vector *a, const gsl_vector *b)
{
  const size_t n = cost->size1, m = cost->size2;
  if (n == 0 || m == 0 || (a && a->size != n) || (b && b->size != m))
    SB_ERROR (NULL, GSL_EBADLEN, "costs of %zu x %zu points, weights of %zu and %zu", n, m, a ? a->size : n,
              b ? b->size : m);
  if (!(how->regularisation > 0 && gsl_finite (how->regularisation)) || !(how->residual > 0))
    SB_ERROR (NULL, GSL_EDOM, "a regularisation of %g and a residual of %g: both must be positive", how->regularisation,
              how->residual);
  int status = sb_check_finite ("costs", GSL_EDOM, cost);
  if (status)
    return status;
  double low, high;
  gsl_matrix_minmax (cost, &low, &high);
  if (!gsl_finite (high / how->regularisation - low / how->regularisation))
    SB_ERROR (NULL, GSL_EDOM, "costs up to %g over a regularisation of %g are too large for a double",
              fmax (high, -low), how->regularisation);
  return GSL_SUCCESS;
}

static int
problem_alloc (const sb_sinkhorn *how, size_t n, size_t m, problem *p)
{
  *p = (problem){ how,
                  gsl_matrix_alloc (n, m),
                  how->log_domain ? NULL : gsl_matrix_alloc (n, m),
                  gsl_vector_alloc (n),
                  gsl_vector_alloc (m),
                  gsl_vector_alloc (n),
                  gsl_vector_alloc (m),
                  gsl_vector_alloc (n),
                  gsl_vector_alloc (m),
                  malloc (GSL_MAX (m, ROWS) * sizeof *p->E),
                  1 };
  if (!p->M || (!how->log_domain && !p->K) || !p->a || !p->b || !p->row || !p->column || !p->r || !p->s || !p->E)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for a transport between %zu and %zu points", n, m);
  return GSL_SUCCESS;
}

static void
problem_free (problem *p)
{
  gsl_matrix_free (p->M);
  gsl_matrix_free (p->K);
  gsl_vector_free (p->a);
  gsl_vector_free (p->b);
  gsl_vector_free (p->row);
  gsl_vector_free (p->column);
  gsl_vector_free (p->r);
  gsl_vector_free (p->s);
  free (p->E);
}

static const sb_transport NOT_YET = { .transport = GSL_NAN, .entropic = GSL_NAN };

int
sb_sinkhorn_cost (const sb_sinkhorn *how, const gsl_matrix *cost, const gsl_vector *a, const gsl_vector *b,
                  sb_transport *found)
{
  problem p;
  *found = NOT_YET;
  int status = check (how, cost, a, b);
  if (status)
    return status;
  status = problem_alloc (how, cost->size1, cost->size2, &p);
  if (!status)
    status = set_weights ("the first set", a, p.a);
  if (!status)
    status = set_weights ("the second set", b, p.b);
  if (!status)
    {
      gsl_matrix_memcpy (p.M, cost);
      gsl_matrix_scale (p.M, 1 / how->regularisation);
      status = solve (&p, found);
    }
  if (!status)
    evaluate (&p, found);
  problem_free (&p);
  return status;
}

// ## Between points

int
sb_sinkhorn_points (const sb_sinkhorn *how, const gsl_matrix *x, const gsl_vector *a, const gsl_matrix *y,
                    const gsl_vector *b, sb_transport *found)
{
  *found = NOT_YET;
  if (x->size1 == 0 || y->size1 == 0 || x->size2 != y->size2)
    SB_ERROR (NULL, GSL_EBADLEN, "a transport from %zu x %zu to %zu x %zu numbers", x->size1, x->size2, y->size1,
              y->size2);
  if (sb_check_lengths ("distances of points", x->size1, y->size1, 1))
    return GSL_ENOMEM;
  gsl_matrix *cost = gsl_matrix_alloc (x->size1, y->size1);
  int status = cost ? sb_squared_distances (x, y, cost) : GSL_ENOMEM;
  if (!status)
    status = sb_sinkhorn_cost (how, cost, a, b, found);
  gsl_matrix_free (cost);
  return status;
}

// ## The debiased cost
//
// The entropy prefers plans that spread, so even staying put costs something. Feydy et al. (2019) subtract that,
// $$ S(x, y) = \mathrm{OT}(x, y) - \tfrac12\mathrm{OT}(x, x) - \tfrac12\mathrm{OT}(y, y), $$
// and prove that with the entropy this is positive unless the sets are equal.

static int
take_half (const sb_sinkhorn *how, const gsl_matrix *x, const gsl_vector *a, sb_transport *from)
{
  sb_transport self;
  int status = sb_sinkhorn_points (how, x, a, x, a, &self);
  from->transport -= 0.5 * self.transport;
  from->entropic -= 0.5 * self.entropic;
  from->residual = fmax (from->residual, self.residual);
  from->iterations += self.iterations;
  return status;
}

int
sb_sinkhorn_divergence (const sb_sinkhorn *how, const gsl_matrix *x, const gsl_vector *a, const gsl_matrix *y,
                        const gsl_vector *b, sb_transport *found)
{
  int status = sb_sinkhorn_points (how, x, a, y, b, found);
  if (!status)
    status = take_half (how, x, a, found);
  return status ? status : take_half (how, y, b, found);
}

// ## A unit for the regularisation
//
// In a frame about any centre, $\overline{|x_i - y_j|^2} = \overline{|x_i|^2} + \overline{|y_j|^2} - 2\,\bar x\cdot\bar
// y$.

static int
mean_and_square (const sb_frame *frame, const gsl_matrix *x, gsl_vector *mean, double *square)
{
  gsl_matrix *u = gsl_matrix_alloc (1, x->size2);
  if (!u)
    return GSL_ENOMEM;
  gsl_vector_const_view row = gsl_matrix_const_row (u, 0);
  const double share = 1 / (double)x->size1;
  *square = 0;
  gsl_vector_set_zero (mean);
  for (size_t i = 0; i < x->size1; i++)
    {
      double u2;
      sb_frame_rows (frame, x, i, u);
      gsl_blas_daxpy (share, &row.vector, mean);
      gsl_blas_ddot (&row.vector, &row.vector, &u2);
      *square += share * u2;
    }
  gsl_matrix_free (u);
  return GSL_SUCCESS;
}

static int
mean_in_frame (const sb_frame *frame, const gsl_matrix *x, const gsl_matrix *y, double *mean)
{
  double x_square, y_square, product;
  gsl_vector *x_mean = gsl_vector_alloc (x->size2), *y_mean = gsl_vector_alloc (x->size2);
  int status = x_mean && y_mean ? mean_and_square (frame, x, x_mean, &x_square) : GSL_ENOMEM;
  if (!status)
    status = mean_and_square (frame, y, y_mean, &y_square);
  if (!status)
    {
      gsl_blas_ddot (x_mean, y_mean, &product);
      *mean = fmax (x_square + y_square - 2 * product, 0);
    }
  gsl_vector_free (x_mean);
  gsl_vector_free (y_mean);
  return status;
}

int
sb_mean_squared_distance (const gsl_matrix *x, const gsl_matrix *y, double *mean)
{
  sb_frame frame;
  double unit, found;
  int status = sb_frame_of (x, y, &frame);
  if (status)
    return status;
  status = sb_frame_unit (&frame, 2, &unit);
  if (!status)
    status = mean_in_frame (&frame, x, y, &found);
  sb_frame_free (&frame);
  if (!status && !gsl_finite (unit * found))
    SB_ERROR (NULL, GSL_EOVRFLW, "a mean squared distance is too large for a double");
  *mean = status ? *mean : unit * found;
  return status;
}

enum
{
  ITERATIONS = 100000
};

int
sb_sinkhorn_squared_distance (double relative, double residual, const gsl_matrix *x, const gsl_matrix *y,
                              double *squared)
{
  sb_sinkhorn how = { .log_domain = true, .residual = residual, .iterations = ITERATIONS };
  sb_transport found = { 0 };
  double mean = 0;
  int status = sb_mean_squared_distance (x, y, &mean);
  how.regularisation = mean > 0 ? relative * mean : 1;
  if (!status)
    status = sb_sinkhorn_divergence (&how, x, NULL, y, NULL, &found);
  *squared = status ? *squared : fmax (found.entropic, 0);
  return status;
}
