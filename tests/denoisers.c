// # Laws and denoisers of which all is known

#include "denoisers.h"
#include "scope.h"

#include <complex.h>
#include <gsl/gsl_math.h>
#include <math.h>

// ## On a line

const line LINE_G = { 1, { 1 }, { 0 }, { .25 } }, LINE_M1 = { 2, { .3, .7 }, { -1, 1.5 }, { .16, .0625 } };

sb_target *
line_target (const line *law)
{
  gsl_matrix *mean = scope_matrix (law->K, 1, law->K, law->mean);
  return scoped (
      sb_target_mixture_alloc (scope_vector (law->K, law->w), mean, scope_matrix (law->K, 1, law->K, law->variance)));
}

static double
component_density (const line *law, size_t k, double x)
{
  return law->w[k] * gsl_ran_gaussian_pdf (x - law->mean[k], sqrt (law->variance[k]));
}

double
line_density (const line *law, double x)
{
  double sum = 0;
  for (size_t k = 0; k < law->K; k++)
    sum += component_density (law, k, x);
  return sum;
}

// Given $x_t = x$, component $k$ has its responsibility at time $t$, and $x_s$ is what two Gaussians say of it.

line
line_given (const line *law, double v_s, double v_t, double x)
{
  line at_t = *law, given = { .K = law->K };
  for (size_t k = 0; k < law->K; k++)
    at_t.variance[k] += v_t;
  for (size_t k = 0; k < law->K; k++)
    {
      const double u_s = law->variance[k] + v_s, u_t = at_t.variance[k];
      given.w[k] = component_density (&at_t, k, x) / line_density (&at_t, x);
      given.mean[k] = (law->mean[k] * (v_t - v_s) + u_s * x) / u_t;
      given.variance[k] = (v_t - v_s) * u_s / u_t;
    }
  return given;
}

gsl_matrix *
line_nodes (const line *law, gsl_vector *weight)
{
  gsl_matrix *x = matrix (LINE_NODES * law->K, 1);
  for (size_t k = 0, i = 0; k < law->K; k++)
    for (int j = 0; j < LINE_NODES; j++, i++)
      {
        const double step = 16. / (LINE_NODES - 1), z = j * step - 8;
        gsl_matrix_set (x, i, 0, law->mean[k] + sqrt (law->variance[k]) * z);
        gsl_vector_set (weight, i, law->w[k] * step * gsl_ran_ugaussian_pdf (z));
      }
  return x;
}

// ## In the plane, and points

sb_target *
denoisers_m2 (void)
{
  return scoped (sb_target_mixture_alloc (vector_of (.35, .65), matrix_of (2, 2, -1, .5, 1, -.3),
                                          matrix_of (4, 2, .5, .2, .2, .3, .2, -.1, -.1, .4)));
}

sb_target *
denoisers_two_points (double a)
{
  return scoped (sb_target_points_alloc (matrix_of (2, 1, -a, a), NULL));
}

sb_target *
denoisers_twenty_points (size_t d)
{
  return scoped (sb_target_points_alloc (normals (20, d, 20), NULL));
}

// ## Linear denoisers
//
// $h(x, t) = A(v)\,x + c$. The matrices here are all
// $a\mathbf I + b\bigl(\begin{smallmatrix}0&1\\-1&0\end{smallmatrix}\bigr)$, which multiply as the complex numbers
// $a + b\mathrm i$ do; the transposed is the conjugate.

typedef struct
{
  const sb_process *process;
  double complex (*gain) (double delta, double v);
  double delta, c;
} linear_denoiser;

static int
multiply (const linear_denoiser *h, bool transposed, double c, const gsl_matrix *x, const gsl_vector *t,
          gsl_matrix *out)
{
  for (size_t i = 0; i < x->size1; i++)
    {
      double a, sd;
      const int status = sb_process_scalars (h->process, 0, gsl_vector_get (t, i), &a, &sd);
      if (status)
        return status;
      const double complex gain = h->gain (h->delta, sd * sd);
      for (size_t j = 0; j < x->size2; j++)
        {
          const double across = cimag (gain) != 0 ? cimag (gain) * gsl_matrix_get (x, i, 1 - j) : 0;
          gsl_matrix_set (out, i, j,
                          c + creal (gain) * gsl_matrix_get (x, i, j) + ((j == 0) == transposed ? -1 : 1) * across);
        }
    }
  return GSL_SUCCESS;
}

static int
linear_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                 gsl_matrix *out)
{
  (void)view, (void)y;
  const linear_denoiser *h = state;
  return multiply (h, false, h->c, x, t, out);
}

static int
linear_jvp (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
            const gsl_matrix *v, gsl_matrix *out)
{
  (void)view, (void)x, (void)y;
  return multiply (state, false, 0, v, t, out);
}

static int
linear_vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
            const gsl_matrix *v, gsl_matrix *out)
{
  (void)view, (void)x, (void)y;
  return multiply (state, true, 0, v, t, out);
}

static sb_score *
linear_alloc (const sb_process *process, double complex (*gain) (double delta, double v), double delta, double c)
{
  static const sb_score_type type = { .name = "linear denoiser",
                                      .views = SB_DENOISER,
                                      .evaluate = linear_evaluate,
                                      .derivatives = SB_DENOISER,
                                      .jvp = linear_jvp,
                                      .vjp = linear_vjp,
                                      .free = free };
  linear_denoiser *h = malloc (sizeof *h);
  cr_assert (h);
  *h = (linear_denoiser){ process, gain, delta, c };
  return scoped (sb_score_alloc (&type, h, process));
}

static double complex
gain_same (double delta, double v)
{
  return (void)v, delta;
}

static double complex
gain_n2 (double delta, double v)
{
  return (1 + delta * I) / (1 + v + delta * I);
}

static double complex
gain_d (double delta, double v)
{
  return (.25 + delta * v) / (.25 + v);
}

static double complex
gain_s (double delta, double v)
{
  return (1 + delta) * .25 / (.25 + v);
}

sb_score *
denoiser_multiple (const sb_process *process, double a)
{
  return linear_alloc (process, gain_same, a, 0);
}

sb_score *
denoiser_identity (const sb_process *process)
{
  return denoiser_multiple (process, 1);
}

sb_score *
denoiser_constant (const sb_process *process, double c)
{
  return linear_alloc (process, gain_same, 0, c);
}

sb_score *
denoiser_n2 (const sb_process *process)
{
  return linear_alloc (process, gain_n2, .5, 0);
}

sb_score *
denoiser_d (const sb_process *process, double delta)
{
  return linear_alloc (process, gain_d, delta, 0);
}

sb_score *
denoiser_s (const sb_process *process, double delta)
{
  return linear_alloc (process, gain_s, delta, 0);
}

// ## One that is neither consistent nor conservative
//
// $h_1 = x_1/(1 + v) + .3\sin(x_1 + 2x_2)$, $h_2 = x_2/(1 + v) + .2\cos(3x_1 - x_2 + v)$.

static int
bent (const void *state, const gsl_matrix *x, const gsl_vector *t, double *h, double *J, size_t i)
{
  double a, sd;
  const int status = sb_process_scalars (state, 0, gsl_vector_get (t, i), &a, &sd);
  const double v = sd * sd, x_1 = gsl_matrix_get (x, i, 0), x_2 = gsl_matrix_get (x, i, 1), p = x_1 + 2 * x_2,
               q = 3 * x_1 - x_2 + v;
  h[0] = x_1 / (1 + v) + .3 * sin (p);
  h[1] = x_2 / (1 + v) + .2 * cos (q);
  J[0] = 1 / (1 + v) + .3 * cos (p);
  J[1] = .6 * cos (p);
  J[2] = -.6 * sin (q);
  J[3] = 1 / (1 + v) + .2 * sin (q);
  return status;
}

static int
bent_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
               gsl_matrix *out)
{
  (void)view, (void)y;
  double J[4];
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < x->size1 && !status; i++)
    status = bent (state, x, t, gsl_matrix_ptr (out, i, 0), J, i);
  return status;
}

static int
bent_product (const void *state, bool transposed, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *v,
              gsl_matrix *out)
{
  double h[2], J[4];
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < x->size1 && !status; i++)
    {
      status = bent (state, x, t, h, J, i);
      const double v_1 = gsl_matrix_get (v, i, 0), v_2 = gsl_matrix_get (v, i, 1);
      gsl_matrix_set (out, i, 0, J[0] * v_1 + J[transposed ? 2 : 1] * v_2);
      gsl_matrix_set (out, i, 1, J[transposed ? 1 : 2] * v_1 + J[3] * v_2);
    }
  return status;
}

static int
bent_jvp (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          const gsl_matrix *v, gsl_matrix *out)
{
  (void)view, (void)y;
  return bent_product (state, false, x, t, v, out);
}

static int
bent_vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v,
          gsl_matrix *out)
{
  (void)view, (void)y;
  return bent_product (state, true, x, t, v, out);
}

sb_score *
denoiser_bent (const sb_process *process)
{
  static const sb_score_type type = { .name = "bent denoiser",
                                      .views = SB_DENOISER,
                                      .evaluate = bent_evaluate,
                                      .derivatives = SB_DENOISER,
                                      .jvp = bent_jvp,
                                      .vjp = bent_vjp };
  return scoped (sb_score_alloc (&type, (void *)process, process));
}
