// # A chain's law by quadrature
//
// A Langevin step takes a density $p$ to $p'(u') = \int p(u)\,\mathcal N\bigl(u';\, u + \tfrac\varepsilon2 s(u),\,
// \varepsilon\bigr)\,du$. The integrand is smooth on the scale of $\sqrt\varepsilon$, so that the trapezoidal rule with
// points $0.7\sqrt\varepsilon$ apart is exact to more digits than are wanted, and $p'$ may be asked for on another grid
// than $p$.

#include "line.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

static const double mode = 3 * M_SQRT2;

// ## The mixture

double
pair_score (double alpha, double sigma, double u)
{
  double v = 1 + sigma * sigma;
  double r = 1 / (1 + exp (log ((1 - alpha) / alpha) + 2 * mode * u / v)); // of the component at -mode
  return -(u - mode * (1 - 2 * r)) / v;
}

double
pair_log_density (double alpha, double sigma, double u)
{
  double v = 1 + sigma * sigma, a = log (alpha) - gsl_pow_2 (u + mode) / (2 * v),
         b = log (1 - alpha) - gsl_pow_2 (u - mode) / (2 * v), top = GSL_MAX (a, b);
  return top + log (exp (a - top) + exp (b - top)) - 0.5 * log (2 * M_PI * v);
}

static int
evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          gsl_matrix *out)
{
  const pair *law = state;
  double a, sigma = NAN, at = NAN;
  (void)view, (void)y;
  for (size_t i = 0; i < x->size1; i++)
    {
      if (gsl_vector_get (t, i) != at)
        {
          at = gsl_vector_get (t, i);
          int status = sb_process_scalars (law->process, 0, at, &a, &sigma);
          if (status != GSL_SUCCESS)
            return status;
        }
      double x1 = gsl_matrix_get (x, i, 0), x2 = gsl_matrix_get (x, i, 1);
      double along = pair_score (law->alpha, sigma, (x1 + x2) / M_SQRT2) / M_SQRT2;
      double across = -(x1 - x2) / 2 / (1 + sigma * sigma);
      gsl_matrix_set (out, i, 0, along + across);
      gsl_matrix_set (out, i, 1, along - across);
    }
  return GSL_SUCCESS;
}

const sb_score_type pair_score_type = { .name = "pair", .views = SB_SCORE, .evaluate = evaluate };

// ## The starts

line
line_alloc (line_start start)
{
  line law = { .n = 4001 };
  law.h = start == LINE_BROAD ? 0.05 : 8 * M_SQRT2 / 1600; // the corners of the square's law are points of the grid
  law.p = scoped (calloc (law.n, sizeof *law.p));
  for (size_t i = 0; i < law.n; i++)
    {
      double u = law.h * ((double)i - (double)(law.n / 2));
      if (start == LINE_SQUARE)
        law.p[i] = GSL_MAX (0, 1 - fabs (u) / (8 * M_SQRT2)) / (8 * M_SQRT2);
      else if (start != LINE_POINT)
        {
          double sd = start == LINE_BROAD ? 10 : 1;
          law.p[i] = exp (-0.5 * gsl_pow_2 (u / sd)) / (sd * sqrt (2 * M_PI));
        }
    }
  if (start == LINE_POINT)
    law.p[law.n / 2 + 600] = 1 / law.h; // 600 of 1600 / 8
  return law;
}

void
line_points (line_start start, sb_stream stream, gsl_matrix *x)
{
  ok ((start == LINE_SQUARE ? sb_stream_uniforms : sb_stream_normals) (stream, 0, x));
  if (start == LINE_SQUARE)
    {
      gsl_matrix_scale (x, 16);
      gsl_matrix_add_constant (x, -8);
    }
  else if (start == LINE_BROAD)
    gsl_matrix_scale (x, 10);
  else if (start == LINE_POINT)
    gsl_matrix_set_all (x, 3);
}

// ## Steps

static void
step (line *law, double alpha, double sigma, double epsilon, size_t n, double h)
{
  double *p = scoped (calloc (n, sizeof *p)), sd = sqrt (epsilon), square = exp (-gsl_pow_2 (h / sd));
  for (size_t i = 0; i < law->n; i++)
    {
      double u = law->h * ((double)i - (double)(law->n / 2));
      double weight = law->h * law->p[i] / (sd * sqrt (2 * M_PI));
      if (weight < 1e-18)
        continue;
      double centre = (u + epsilon / 2 * pair_score (alpha, sigma, u)) / h + (double)(n / 2), reach = 6.5 * sd / h;
      size_t first = (size_t)GSL_MAX (0, ceil (centre - reach)),
             last = (size_t)GSL_MAX (0, GSL_MIN ((double)(n - 1), floor (centre + reach)));
      // Along the grid a Gaussian is a product whose factors are a product.
      double share = weight * exp (-0.5 * gsl_pow_2 (((double)first - centre) * h / sd));
      double factor = exp (-((double)first - centre + 0.5) * gsl_pow_2 (h / sd));
      for (size_t k = first; k <= last; k++, share *= factor, factor *= square)
        p[k] += share;
    }
  free (unscoped (law->p));
  *law = (line){ .n = n, .h = h, .p = p };
}

void
line_run (line *law, double alpha, double sigma, double epsilon, size_t steps)
{
  double h = 0.7 * sqrt (epsilon), edge = 12 + 9 * sqrt (1 + sigma * sigma);
  double widest = law->h * (double)(law->n / 2);
  size_t half = (size_t)ceil (GSL_MAX (edge, GSL_MIN (widest, 60)) / h);
  for (size_t k = 0; k < steps; k++)
    {
      if (k == 20) // what came from further out is in by then
        half = (size_t)ceil (edge / h);
      step (law, alpha, sigma, epsilon, 2 * half + 1, h);
    }
}

double
line_below (const line *law)
{
  double sum = law->p[law->n / 2] / 2;
  for (size_t i = 0; i < law->n / 2; i++)
    sum += law->p[i];
  return sum * law->h;
}

double
line_mean (const line *law, double (*f) (double u, void *context), void *context)
{
  double sum = 0;
  for (size_t i = 0; i < law->n; i++)
    sum += law->p[i] * f (law->h * ((double)i - (double)(law->n / 2)), context);
  return sum * law->h;
}

sb_target *
crooked (void)
{
  gsl_matrix *covariances = matrix_of (4, 2, 1, 0.3, 0.3, 0.5, 0.7, -0.2, -0.2, 1.2);
  return scoped (sb_target_mixture_alloc (vector_of (0.4, 0.6), matrix_of (2, 2, -1, 0.5, 2, 1), covariances));
}
