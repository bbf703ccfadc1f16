// # Likelihood and the error of the score
//
// The reverse SDE driven by a learned score ends in another law than the data's, [nonuniform.eq3]
// $$ d\mathbf x_t = [\mathbf f(\mathbf x_t, t) - \mathbf G\mathbf G^{\mathsf T}\mathbf s_\theta(\mathbf x_t, t)]\,dt + \mathbf G\,d\bar{\mathbf w}_t,
//    \qquad \mathbf x_T \sim \pi, $$
// in place of [nonuniform.eq2] Anderson's $[\mathbf f - \mathbf G\mathbf G^{\mathsf T}\nabla\ln p(\mathbf x_t)]\,dt +
// \mathbf G\,d\bar{\mathbf w}_t$ (where $\mathbf G$ depends on $\mathbf x$ both lack $-\nabla\cdot(\mathbf G\mathbf
// G^{\mathsf T})$). The score's error bounds the difference. For one SDE in all coordinates, [nonuniform.eq7]
// $$ D_{KL}(p(\mathbf x_0)\,\|\,p_\theta^{SDE}) \le T\,\mathcal L_{SM}(\theta, g^2) + D_{KL}(p(\mathbf x_T)\,\|\,\pi), $$
// and for an SDE in each, or any symmetric $\Sigma(t)$, with $\mathbf v = \nabla\ln p(\mathbf x_t) - \mathbf
// s_\theta(\mathbf x_t, t)$, [nonuniform.thm1] [nonuniform.thm6]
// $$ \mathrm{KL}(p(\mathbf x_0)\,|\,p_\theta(\mathbf x_0)) \le \mathrm{KL}(p(\mathbf x_T)\,|\,\pi) + \tfrac T2\,\mathbb E_{t \sim U(0,T),\,\mathbf x_t}[\mathbf v^{\mathsf T}\mathbf G(t)\mathbf G(t)^{\mathsf T}\mathbf v] . $$
// The paper prints all of these without the factor $T$: they then fail at $T = 4$. For a pair $\mathbf z = (\mathbf x,
// \mathbf y)$ at two speeds $\mathbf G\mathbf G^{\mathsf T} = \Lambda^{MLE}$ is $\sigma^x(t)^2$ on the first $n_x$
// coordinates and $\sigma^y(t)^2$ on those after them, coefficients of diffusion and not deviations of kernels,
// [nonuniform.thm3] [nonuniform.txt-nll]
// $$ -\mathbb E\,[\ln p_\theta(\mathbf x, \mathbf y)] \le T\,\mathcal L(\theta) + C . $$
//
// Where the data are Gaussian and the error is affine in $\mathbf x$, both sides follow from ordinary differential
// equations, solved here.

#include "bound.h"

#include "../base/error.h"
#include "../target/gaussian_kl.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <string.h>

// ## Moments
//
// A mean and a covariance, one after the other: those of $\mathbf x_t$ are stored at all half steps, where the model's
// score is evaluated.

typedef struct
{
  const sb_bound *of;
  size_t d, size;     // size: d + d^2
  gsl_matrix *nodes;  // (2 steps + 1) x size: the law of x_t at k T / (2 steps)
  gsl_matrix *slopes; // 5 x size: Runge and Kutta's, and the point they are evaluated at
  gsl_matrix *F, *GG, *drift, *S, *E, *unit, *Lambda;
  gsl_vector *e, *shift;
} work;

static void
work_free (work *w)
{
  gsl_matrix *const matrices[] = { w->nodes, w->slopes, w->F, w->GG, w->drift, w->S, w->E, w->unit, w->Lambda };
  for (size_t k = 0; k < sizeof matrices / sizeof *matrices; k++)
    gsl_matrix_free (matrices[k]);
  gsl_vector_free (w->e);
  gsl_vector_free (w->shift);
}

static int
work_open (const sb_bound *of, work *w)
{
  const size_t d = of->mean->size, size = d + d * d;
  *w = (work){ .of = of,
               .d = d,
               .size = size,
               .nodes = gsl_matrix_alloc (2 * of->steps + 1, size),
               .slopes = gsl_matrix_alloc (5, size),
               .F = gsl_matrix_alloc (d, d),
               .GG = gsl_matrix_alloc (d, d),
               .drift = gsl_matrix_alloc (d, d),
               .S = gsl_matrix_alloc (d, d),
               .E = gsl_matrix_alloc (d, d),
               .unit = gsl_matrix_alloc (d, d),
               .Lambda = gsl_matrix_alloc (d, d),
               .e = gsl_vector_alloc (d),
               .shift = gsl_vector_alloc (d) };
  return w->nodes && w->slopes && w->F && w->GG && w->drift && w->S && w->E && w->unit && w->Lambda && w->e && w->shift
             ? GSL_SUCCESS
             : GSL_ENOMEM;
}

static gsl_vector
mean_in (double *moments, size_t d)
{
  return gsl_vector_view_array (moments, d).vector;
}

static gsl_matrix
covariance_in (double *moments, size_t d)
{
  return gsl_matrix_view_array (moments + d, d, d).matrix;
}

static void
law_at (const work *w, size_t node, gsl_vector *m, gsl_matrix *S)
{
  double *law = gsl_matrix_ptr (w->nodes, node, 0);
  *m = mean_in (law, w->d);
  *S = covariance_in (law, w->d);
}

// F and G G^T at t: a map applied to unit vectors gives its transpose, row by row.

static int
find_matrices (work *w, double t)
{
  const sb_process *process = w->of->process;
  gsl_vector_set_all (w->shift, t);
  gsl_matrix_set_identity (w->unit);
  int status = sb_process_apply (process, SB_F, CblasNoTrans, NULL, w->shift, w->unit);
  if (!status)
    status = gsl_matrix_transpose_memcpy (w->F, w->unit);
  gsl_matrix_set_identity (w->unit);
  if (!status)
    status = sb_process_apply (process, SB_G, CblasNoTrans, NULL, w->shift, w->unit);
  return status ? status : gsl_blas_dgemm (CblasTrans, CblasNoTrans, 1, w->unit, w->unit, 0, w->GG);
}

// $\dot m = Dm + c$ and $\dot P = DP + PD^{\mathsf T} + \mathbf G\mathbf G^{\mathsf T}$, for a drift $D\mathbf x + c$.

static int
linear_slope (work *w, const gsl_matrix *D, const gsl_vector *c, double *at, double *slope)
{
  gsl_vector m = mean_in (at, w->d), m_slope = mean_in (slope, w->d);
  gsl_matrix P = covariance_in (at, w->d), P_slope = covariance_in (slope, w->d);
  gsl_vector_set_zero (&m_slope);
  if (c)
    gsl_vector_memcpy (&m_slope, c);
  gsl_blas_dgemv (CblasNoTrans, 1, D, &m, 1, &m_slope);
  gsl_matrix_memcpy (&P_slope, w->GG);
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, D, &P, 1, &P_slope);
  return gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, &P, D, 1, &P_slope);
}

// Forward, [nonuniform.txt-a3-sde] $d\mathbf x = \mathbf F\mathbf x\,dt + \Sigma(t)\,d\mathbf w$.

static int
forward_slope (work *w, double t, size_t node, double *at, double *slope)
{
  (void)node;
  int status = find_matrices (w, t);
  return status ? status : linear_slope (w, w->F, NULL, at, slope);
}

// The error at a node, and the true score's $-S^{-1}(\mathbf x - m)$ there.

static int
find_error (work *w, double t, size_t node)
{
  gsl_vector m;
  gsl_matrix S;
  law_at (w, node, &m, &S);
  gsl_matrix_set_zero (w->E);
  gsl_vector_set_zero (w->e);
  return w->of->error ? w->of->error (w->of->params, t, &m, &S, w->E, w->e) : GSL_SUCCESS;
}

// Backward in time, [nonuniform.eq16] $d\mathbf x = \tilde\mu_\theta\,dt + \Sigma\,d\bar{\mathbf w}$ with
// $\tilde\mu_\theta = \mu - \Sigma^2\mathbf s_\theta$; [nonuniform.eq15] without an error it is $\tilde\mu = \mu -
// \Sigma^2\nabla\ln p$, which returns to the data. With $\mathbf s_\theta = -S^{-1}(\mathbf x - m) - \mathbf E\mathbf
// x - \mathbf e$ the drift in reversed time is $D\mathbf x + c$, $D = -\mathbf F - \mathbf G\mathbf G^{\mathsf
// T}(S^{-1} + \mathbf E)$, $c = \mathbf G\mathbf G^{\mathsf T}(S^{-1}m - \mathbf e)$.

static int
backward_slope (work *w, double t, size_t node, double *at, double *slope)
{
  gsl_vector m;
  gsl_matrix S;
  law_at (w, node, &m, &S);
  int status = find_error (w, t, node);
  if (!status)
    status = find_matrices (w, t);
  if (status)
    return status;
  gsl_matrix_memcpy (w->S, &S);
  if (gsl_linalg_cholesky_decomp1 (w->S) || gsl_linalg_cholesky_invert (w->S))
    SB_ERROR (NULL, GSL_EDOM, "the covariance of x_t is not positive definite at t = %g", t);
  gsl_blas_dgemv (CblasNoTrans, 1, w->S, &m, -1, w->e);
  gsl_blas_dgemv (CblasNoTrans, 1, w->GG, w->e, 0, w->shift);
  gsl_matrix_add (w->S, w->E);
  gsl_matrix_memcpy (w->drift, w->F);
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, -1, w->GG, w->S, -1, w->drift);
  return linear_slope (w, w->drift, w->shift, at, slope);
}

// ## Runge and Kutta
//
// From node `from` by `by` half steps, which may be negative: moments (size), in place.

static int
runge_kutta (work *w, int (*slope) (work *, double, size_t, double *, double *), size_t from, long by, bool laws,
             double *moments)
{
  static const double c[] = { 0, 0.5, 0.5, 1 }, weight[] = { 1. / 6, 1. / 3, 1. / 3, 1. / 6 };
  const double half = w->of->T / (2 * (double)w->of->steps), h = half * fabs ((double)by);
  double *point = gsl_matrix_ptr (w->slopes, 4, 0);
  int status = GSL_SUCCESS;
  for (size_t j = 0; j < 4 && !status; j++)
    {
      const double share = c[j] * (double)by, t = GSL_MIN_DBL (half * ((double)from + share), w->of->T);
      const size_t node = laws ? (size_t)((long)from + (long)share) : 0;
      memcpy (point, moments, w->size * sizeof *point);
      for (size_t i = 0; i < w->size && j > 0; i++)
        point[i] += c[j] * h * gsl_matrix_get (w->slopes, j - 1, i);
      status = slope (w, t, node, point, gsl_matrix_ptr (w->slopes, j, 0));
    }
  for (size_t j = 0; j < 4 && !status; j++)
    for (size_t i = 0; i < w->size; i++)
      moments[i] += weight[j] * h * gsl_matrix_get (w->slopes, j, i);
  return status;
}

static int
find_laws (work *w)
{
  gsl_vector m;
  gsl_matrix S;
  law_at (w, 0, &m, &S);
  gsl_vector_memcpy (&m, w->of->mean);
  gsl_matrix_memcpy (&S, w->of->covariance);
  int status = GSL_SUCCESS;
  for (size_t k = 0; k + 1 < w->nodes->size1 && !status; k++)
    {
      double *next = gsl_matrix_ptr (w->nodes, k + 1, 0);
      memcpy (next, gsl_matrix_ptr (w->nodes, k, 0), w->size * sizeof *next);
      status = runge_kutta (w, forward_slope, k, 1, false, next);
    }
  return status;
}

// ## The integral
//
// $\mathbb E[\mathbf v^{\mathsf T}\Lambda\mathbf v] = \operatorname{tr}\Lambda\,\mathbf E S\mathbf E^{\mathsf T} +
// u^{\mathsf T}\Lambda u$ with $u = \mathbf E m + \mathbf e$, by Simpson's rule.

static int
weighted_error (work *w, size_t node, double *value)
{
  const double t = GSL_MIN_DBL (w->of->T * (double)node / (2 * (double)w->of->steps), w->of->T);
  gsl_vector m;
  gsl_matrix S;
  law_at (w, node, &m, &S);
  int status = find_error (w, t, node);
  if (!status)
    status = find_matrices (w, t);
  gsl_matrix_set_zero (w->Lambda);
  if (!status)
    status = w->of->weight ? w->of->weight (w->of->params, t, w->Lambda) : gsl_matrix_memcpy (w->Lambda, w->GG);
  if (status)
    return status;
  gsl_blas_dgemv (CblasNoTrans, 1, w->E, &m, 1, w->e);
  gsl_blas_dgemv (CblasNoTrans, 1, w->Lambda, w->e, 0, w->shift);
  gsl_blas_ddot (w->e, w->shift, value);
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, w->E, &S, 0, w->S);
  gsl_blas_dgemm (CblasTrans, CblasNoTrans, 1, w->E, w->Lambda, 0, w->drift);
  for (size_t i = 0; i < w->d; i++)
    for (size_t j = 0; j < w->d; j++)
      *value += gsl_matrix_get (w->drift, i, j) * gsl_matrix_get (w->S, j, i);
  return GSL_SUCCESS;
}

static int
integrate_error (work *w, double *integral)
{
  const size_t last = 2 * w->of->steps;
  double value;
  int status = GSL_SUCCESS;
  *integral = 0;
  for (size_t k = 0; k <= last && !status; k++)
    {
      status = weighted_error (w, k, &value);
      *integral += (k == 0 || k == last ? 1 : k % 2 ? 4 : 2) * value;
    }
  *integral *= w->of->T / (double)last / 3 / 2;
  return status;
}

// ## Both sides

static int
check (const sb_bound *of)
{
  const size_t d = of->mean->size;
  if (of->process->dimension != d || of->covariance->size1 != d || of->covariance->size2 != d
      || !of->prior_mean != !of->prior_covariance
      || (of->prior_mean
          && (of->prior_mean->size != d || of->prior_covariance->size1 != d || of->prior_covariance->size2 != d)))
    SB_ERROR (NULL, GSL_EBADLEN, "moments of %zu and %zu x %zu, for a process of %zu", d, of->covariance->size1,
              of->covariance->size2, of->process->dimension);
  if (!(of->T > 0 && of->T <= of->process->t_limit))
    SB_ERROR (NULL, GSL_EDOM, "T = %g is not between 0 and %g", of->T, of->process->t_limit);
  if (of->steps == 0)
    SB_ERROR (NULL, GSL_EINVAL, "a bound takes a step or more");
  return GSL_SUCCESS;
}

// From the prior at T down to 0, and compare.

static int
find_sides (work *w, double *moments, sb_bound_sides *sides)
{
  const sb_bound *of = w->of;
  const size_t last = 2 * of->steps;
  gsl_vector m = mean_in (moments, w->d), m_T;
  gsl_matrix P = covariance_in (moments, w->d), S_T;
  law_at (w, last, &m_T, &S_T);
  gsl_vector_memcpy (&m, of->prior_mean ? of->prior_mean : &m_T);
  gsl_matrix_memcpy (&P, of->prior_mean ? of->prior_covariance : &S_T);
  int status = sb_gaussian_kl (&m_T, &S_T, &m, &P, &sides->prior);
  for (size_t k = last; k > 0 && !status; k -= 2)
    status = runge_kutta (w, backward_slope, k, -2, true, moments);
  if (!status)
    status = sb_gaussian_kl (of->mean, of->covariance, &m, &P, &sides->kl);
  return status ? status : integrate_error (w, &sides->integral);
}

int
sb_bound_find (const sb_bound *bound, sb_bound_sides *sides, gsl_vector *mean, gsl_matrix *covariance)
{
  work w;
  int status = check (bound);
  if (status)
    return status;
  status = work_open (bound, &w);
  gsl_vector *moments = status ? NULL : gsl_vector_alloc (w.size);
  status = moments ? find_laws (&w) : GSL_ENOMEM;
  if (!status)
    status = find_sides (&w, moments->data, sides);
  if (!status)
    {
      const gsl_vector m = mean_in (moments->data, w.d);
      const gsl_matrix P = covariance_in (moments->data, w.d);
      if (mean)
        gsl_vector_memcpy (mean, &m);
      if (covariance)
        gsl_matrix_memcpy (covariance, &P);
    }
  gsl_vector_free (moments);
  work_free (&w);
  return status;
}
