// # Equations that a score solves
//
// Kolmogorov's forward equation gives the rate of a log density by the score alone: of a process with maps in
// likelihood/trace.c, here of any SDE. A score and a denoiser solve equations of their own.

#include "pde.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/rows.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

static int
check (const sb_score *score, const gsl_vector *t, const gsl_matrix *x, const gsl_vector *rate)
{
  const size_t n = x->size1, d = x->size2;
  if (d != score->process->dimension || t->size != n || rate->size != n)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, with %zu times and %zu rates; the score has dimension %zu", n, d,
              t->size, rate->size, score->process->dimension);
  return GSL_SUCCESS;
}

// ## Any SDE
//
// The coordinates of the velocity are differentiated, $\partial_j\tilde f_j$, by four values on the scale of $x_j$.

typedef struct
{
  gsl_matrix *s, *at, *velocity;
} work;

static int
velocity_at (const sb_ito *ito, const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
             work *w)
{
  int status = sb_score_estimate (score, SB_SCORE, x, t, y, w->s);
  return status ? status : sb_ito_flow_velocity (ito, t, x, w->s, w->velocity);
}

static double
spacing (double x)
{
  return 1e-3 * GSL_MAX_DBL (fabs (x), 1e-2);
}

static int
subtract_slope (const sb_ito *ito, const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                size_t j, work *w, gsl_vector *rate)
{
  static const double weight[] = { 1, -8, 8, -1 }, place[] = { -2, -1, 1, 2 };
  int status = GSL_SUCCESS;
  for (int k = 0; k < 4 && !status; k++)
    {
      gsl_matrix_memcpy (w->at, x);
      for (size_t i = 0; i < x->size1; i++)
        {
          const double x_ij = gsl_matrix_get (x, i, j);
          gsl_matrix_set (w->at, i, j, x_ij + place[k] * spacing (x_ij));
        }
      status = velocity_at (ito, score, y, t, w->at, w);
      for (size_t i = 0; i < x->size1 && !status; i++)
        {
          const double h = spacing (gsl_matrix_get (x, i, j));
          *gsl_vector_ptr (rate, i) -= weight[k] / (12 * h) * gsl_matrix_get (w->velocity, i, j);
        }
    }
  return status;
}

static int
ito_rate (const sb_ito *ito, const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
          work *w, gsl_vector *rate)
{
  gsl_vector_set_zero (rate);
  int status = velocity_at (ito, score, y, t, x, w);
  if (!status)
    sb_add_row_products (-1, w->velocity, w->s, rate);
  for (size_t j = 0; j < x->size2 && !status; j++)
    status = subtract_slope (ito, score, y, t, x, j, w, rate);
  return status;
}

int
sb_fokker_planck_ito (const sb_ito *ito, const sb_score *score, const gsl_matrix *y, const gsl_vector *t,
                      const gsl_matrix *x, gsl_vector *rate)
{
  const size_t n = x->size1, d = x->size2;
  int status = check (score, t, x, rate);
  if (status || n == 0)
    return status;
  work w = { gsl_matrix_alloc (n, d), gsl_matrix_alloc (n, d), gsl_matrix_alloc (n, d) };
  status = w.s && w.at && w.velocity ? ito_rate (ito, score, y, t, x, &w, rate) : GSL_ENOMEM;
  gsl_matrix_free (w.s);
  gsl_matrix_free (w.at);
  gsl_matrix_free (w.velocity);
  return status;
}

// ## How a field changes along paths
//
// By Itô's formula a field changes along $d\mathbf x = \boldsymbol\mu\,dt + \mathbf G\,d\mathbf w$ at the mean rate
// [consistent.lemA.2]
// $$ \partial_t\mathbf f + \mathbf J_f\boldsymbol\mu + \tfrac12\sum_k(\mathbf g_k\cdot\nabla)^2\,\mathbf f , $$
// $\mathbf g_k$ being the columns of $\mathbf G$; for $\mathbf G = g\mathbf I$ the sum is $g^2\triangle\mathbf f$,
// the Laplacian of each coordinate. [consistent.defA.1] With the noise of reverse time the last term has a minus,
// because it spreads points as $t$ falls. [consistent.eq12] $\mathbf f$ is a martingale in reverse time exactly if the
// rate is 0. [consistent.txt-martingale-pde]
//
// All derivatives but $\mathbf J_f$ are central differences, $\sum_k w_k\,(\phi(kh) - \phi(-kh))/h$. A step in time is
// a fraction of $t$, and one along $\mathbf g_k$ the same fraction of $\sqrt t\,\mathbf g_k$, the length of the noise
// that a point accumulates in a time $t$.

enum
{
  DIFFERENCES = 4
};
static const double WEIGHT[DIFFERENCES] = { 4. / 5, -1. / 5, 4. / 105, -1. / 280 }, STEP = 2e-3;

typedef struct
{
  const sb_score *field;
  sb_view view;
  const gsl_matrix *y, *x;
  const gsl_vector *t;
  gsl_matrix *rate;

  gsl_matrix *g, *at, *value; // n x d
  gsl_vector *then;           // n
} path_rate;

static int
path_rate_alloc (path_rate *p, const sb_score *field, sb_view view, const gsl_matrix *y, const gsl_vector *t,
                 const gsl_matrix *x, gsl_matrix *rate)
{
  const size_t n = x->size1, d = x->size2;
  if (d != field->process->dimension || t->size != n || rate->size1 != n || rate->size2 != d)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, with %zu times and %zu x %zu rates; the score has dimension %zu", n,
              d, t->size, rate->size1, rate->size2, field->process->dimension);
  for (size_t i = 0; i < n; i++)
    if (!(gsl_vector_get (t, i) > 0))
      SB_ERROR (NULL, GSL_EDOM, "row %zu: a rate at t = %g", i, gsl_vector_get (t, i));
  const int status = sb_check_apart ("a rate", x, rate);
  if (status)
    return status;
  *p = (path_rate){ field, view, y, x, t, rate, NULL, NULL, NULL, NULL };
  if (n == 0)
    return GSL_SUCCESS;
  p->g = gsl_matrix_alloc (n, d);
  p->at = gsl_matrix_alloc (n, d);
  p->value = gsl_matrix_alloc (n, d);
  p->then = gsl_vector_alloc (n);
  return p->g && p->at && p->value && p->then ? GSL_SUCCESS : GSL_ENOMEM;
}

static void
path_rate_free (path_rate *p)
{
  gsl_matrix_free (p->g);
  gsl_matrix_free (p->at);
  gsl_matrix_free (p->value);
  gsl_vector_free (p->then);
}

static void
add_rows (path_rate *p, double c, double power)
{
  for (size_t i = 0; i < p->x->size1; i++)
    {
      gsl_vector_const_view value = gsl_matrix_const_row (p->value, i);
      gsl_vector_view rate = gsl_matrix_row (p->rate, i);
      gsl_blas_daxpy (c * pow (gsl_vector_get (p->t, i), power), &value.vector, &rate.vector);
    }
}

static int
add_time_derivative (path_rate *p)
{
  int status = GSL_SUCCESS;
  for (int k = -DIFFERENCES; k <= DIFFERENCES && !status; k++)
    if (k)
      {
        gsl_vector_memcpy (p->then, p->t);
        gsl_vector_scale (p->then, 1 + k * STEP);
        status = sb_score_estimate (p->field, p->view, p->x, p->then, p->y, p->value);
        add_rows (p, GSL_SIGN (k) * WEIGHT[abs (k) - 1] / STEP, -1);
      }
  return status;
}

// $\mathbf J_f\boldsymbol\mu$, $\boldsymbol\mu$ being in `g`.

static int
add_drift (path_rate *p)
{
  const int status = sb_score_jvp (p->field, p->view, p->x, p->t, p->y, p->g, p->value);
  return status ? status : gsl_matrix_add (p->rate, p->value);
}

// $c\,(\mathbf g\cdot\nabla)^2\,\mathbf f$: the derivative along $\mathbf g$ of $\mathbf J_f\,\mathbf g$.

static int
add_second_derivative (path_rate *p, double c)
{
  int status = GSL_SUCCESS;
  for (int k = -DIFFERENCES; k <= DIFFERENCES && !status; k++)
    if (k)
      {
        gsl_matrix_memcpy (p->at, p->x);
        for (size_t i = 0; i < p->x->size1; i++)
          {
            gsl_vector_const_view g = gsl_matrix_const_row (p->g, i);
            gsl_vector_view at = gsl_matrix_row (p->at, i);
            gsl_blas_daxpy (k * STEP * sqrt (gsl_vector_get (p->t, i)), &g.vector, &at.vector);
          }
        status = sb_score_jvp (p->field, p->view, p->at, p->t, p->y, p->g, p->value);
        add_rows (p, c * GSL_SIGN (k) * WEIGHT[abs (k) - 1] / STEP, -0.5);
      }
  return status;
}

// For any SDE, row by row: column `column` of $\mathbf G$ or, if that is $d$, the drift.

static int
take_coefficients (const sb_ito *ito, size_t column, gsl_matrix *G, path_rate *p)
{
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < p->x->size1 && !status; i++)
    {
      const double t = gsl_vector_get (p->t, i);
      gsl_vector_const_view x = gsl_matrix_const_row (p->x, i), G_k = gsl_matrix_const_column (G, column % G->size2);
      gsl_vector_view g = gsl_matrix_row (p->g, i);
      if (column == ito->dimension)
        {
          status = ito->drift (t, &x.vector, &g.vector, ito->params);
          continue;
        }
      status = ito->diffusion (t, &x.vector, G, ito->params);
      gsl_vector_memcpy (&g.vector, &G_k.vector);
    }
  return status;
}

static int
add_paths (const sb_ito *ito, double sign, gsl_matrix *G, path_rate *p)
{
  int status = take_coefficients (ito, ito->dimension, G, p);
  if (!status)
    status = add_drift (p);
  for (size_t k = 0; k < ito->dimension && !status; k++)
    {
      status = take_coefficients (ito, k, G, p);
      if (!status)
        status = add_second_derivative (p, sign / 2);
    }
  return status;
}

int
sb_ito_rate (const sb_ito *ito, bool reversed, const sb_score *field, sb_view view, const gsl_matrix *y,
             const gsl_vector *t, const gsl_matrix *x, gsl_matrix *rate)
{
  path_rate p = { 0 };
  if (ito->dimension != field->process->dimension)
    SB_ERROR (NULL, GSL_EBADLEN, "the SDE has dimension %zu, the field %zu", ito->dimension, field->process->dimension);
  if (!ito->drift || !ito->diffusion)
    SB_ERROR (NULL, GSL_EINVAL, "an SDE needs a drift and a diffusion");
  gsl_matrix *G = gsl_matrix_alloc (ito->dimension, ito->dimension);
  int status = G ? path_rate_alloc (&p, field, view, y, t, x, rate) : GSL_ENOMEM;
  if (!status && x->size1)
    {
      gsl_matrix_set_zero (rate);
      status = add_time_derivative (&p);
      if (!status)
        status = add_paths (ito, reversed ? -1 : 1, G, &p);
    }
  path_rate_free (&p);
  gsl_matrix_free (G);
  return status ? status : sb_check_finite ("a rate", GSL_EBADFUNC, rate);
}

// ## The score's own equation
//
// The reverse process of a score $\mathbf s$ has [consistent.eq7] [consistent.eq11]
// $$ d\mathbf x = -g^2\mathbf s\,dt + g\,d\bar{\mathbf w} $$
// (the paper prints $g^2$ with the noise). A denoiser $\mathbf h$ is consistent if it is the mean of that process's end
// point, [consistent.prop1] [consistent.eq8] that is if $\mathbf h(\mathbf x, 0) = \mathbf x$ and $\mathbf h$ is a
// martingale along it: [consistent.lem3.1] [consistent.eq16]
// $$ \partial_t\mathbf h - g^2\mathbf J_h\mathbf s - \tfrac12 g^2\triangle\mathbf h = 0 . $$
// With $\mathbf h = \mathbf x + \sigma_t^2\mathbf s$ and $d\sigma_t^2/dt = g^2$ the left side is $\sigma_t^2$ times
// that of the score's own equation, [consistent.eq10]
// $$ \partial_t\mathbf s - g^2\bigl(\mathbf J_s\mathbf s + \tfrac12\triangle\mathbf s\bigr) = 0 , $$
// which the score of every law solves. It is $\mathbf J_s\mathbf s$, not $\mathbf J_s^\top\mathbf s$; they agree where
// $\mathbf s$ is a gradient, and then both are $\tfrac12\nabla\lVert\mathbf s\rVert^2$. [consistent.eq21] What the
// densities themselves solve is `sb_fokker_planck_ito` above. [consistent.eq13] [consistent.lemA.3]
// [consistent.lemA.12]

static int
find_g (const sb_process *process, double t, double *g)
{
  double f = 1;
  const int status = process->parts == 1 ? sb_process_numbers (process, SB_F, t, t, &f) : GSL_SUCCESS;
  if (status)
    return status;
  if (f != 0)
    SB_ERROR (NULL, GSL_EUNSUP, "%s: the score's equation is of dx = g dw, with one g for all coordinates",
              process->type->name);
  return sb_process_numbers (process, SB_G, t, t, g);
}

static int
take_own_drift (path_rate *p, const gsl_vector *g)
{
  const int status = sb_score_estimate (p->field, SB_SCORE, p->x, p->t, p->y, p->g);
  for (size_t i = 0; i < p->x->size1 && !status; i++)
    {
      gsl_vector_view mu = gsl_matrix_row (p->g, i);
      gsl_vector_scale (&mu.vector, -gsl_pow_2 (gsl_vector_get (g, i)));
    }
  return status;
}

static int
own_rate (path_rate *p, gsl_vector *g)
{
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < p->x->size1 && !status; i++)
    status = find_g (p->field->process, gsl_vector_get (p->t, i), gsl_vector_ptr (g, i));
  gsl_matrix_set_zero (p->rate);
  if (!status)
    status = add_time_derivative (p);
  if (!status)
    status = take_own_drift (p, g);
  if (!status)
    status = add_drift (p);
  for (size_t j = 0; j < p->x->size2 && !status; j++)
    {
      gsl_matrix_set_zero (p->g);
      gsl_matrix_set_col (p->g, j, g);
      status = add_second_derivative (p, -0.5);
    }
  return status;
}

int
sb_score_pde (const sb_score *score, sb_view view, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
              gsl_matrix *rate)
{
  path_rate p = { 0 };
  int status = path_rate_alloc (&p, score, view, y, t, x, rate);
  gsl_vector *g = !status && x->size1 ? gsl_vector_alloc (x->size1) : NULL;
  if (!status && x->size1)
    status = g ? own_rate (&p, g) : GSL_ENOMEM;
  gsl_vector_free (g);
  path_rate_free (&p);
  return status ? status : sb_check_finite ("a rate", GSL_EBADFUNC, rate);
}
