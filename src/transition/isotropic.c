// # Isotropic Gaussians
//
// Every step of DDPM, forward or back, is a Gaussian $\mathcal{N}(\mathbf{m}, v\,\mathbf{I})$, and the variational
// bound is a sum of their densities and divergences.

#include "isotropic.h"

#include "../base/error.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_sf_log.h>
#include <math.h>
#include <stdlib.h>

double
sb_isotropic_log_density (size_t d, double squared, double v)
{
  if (!(v > 0))
    SB_ERROR_VALUE (NULL, GSL_EDOM, GSL_NAN, "a density needs a variance above 0, not %g", v);
  return -0.5 * (squared / v + (double)d * log (2 * M_PI * v));
}

// ## The divergence
//
// $$ D_{\mathrm{KL}}\bigl(\mathcal{N}(\mathbf{m}_1, v_1\mathbf{I}) \,\|\, \mathcal{N}(\mathbf{m}_2,
//    v_2\mathbf{I})\bigr)
//    = \frac{d}{2}\Bigl[\ln\frac{v_2}{v_1} + \frac{v_1}{v_2} - 1\Bigr] + \frac{\|\mathbf{m}_1 - \mathbf{m}_2\|^2}{2
//    v_2}. $$
// With equal variances $\tilde\beta_t$ the bracket vanishes, and what is left is line 4 of the report's Appendix A.4,
// $\|\tilde\mu - \mu_\theta\|^2 / 2\tilde\beta_t$ (printed over $2\tilde\beta_t^2$). [dsm2ddpm.txt-VLB-KL] With
// $r = v_1/v_2 - 1$ the bracket is $r - \ln(1 + r)$, which nearly cancels for the variances of successive levels; GSL
// computes it without loss.

static double
bracket (double r)
{
  return r == -1 ? GSL_POSINF : -gsl_sf_log_1plusx_mx (r);
}

double
sb_isotropic_kl (size_t d, double squared, double v_1, double v_2)
{
  if (!(v_1 >= 0 && v_2 >= 0))
    SB_ERROR_VALUE (NULL, GSL_EDOM, GSL_NAN, "variances %g and %g: none may be below 0", v_1, v_2);
  if (v_2 == 0)
    return v_1 == 0 && squared == 0 ? 0 : GSL_POSINF;
  return 0.5 * (double)d * bracket ((v_1 - v_2) / v_2) + squared / (2 * v_2);
}

// ## By parts
//
// Coordinates of different parts are independent, so log densities and divergences of the parts add up. A row needs the
// dimension of each part and its squared distance, both in the basis of the process.

static int
check_shapes (const sb_process *process, const gsl_matrix *delta, const gsl_matrix *v, const gsl_vector *sum)
{
  if (delta->size2 != process->dimension || v->size1 != delta->size1 || v->size2 != process->parts
      || sum->size != delta->size1)
    SB_ERROR (NULL, GSL_EBADLEN,
              "%zu x %zu differences, %zu x %zu variances and %zu sums do not fit a process of %zu "
              "parts",
              delta->size1, delta->size2, v->size1, v->size2, sum->size, process->parts);
  return GSL_SUCCESS;
}

static void
square_parts (const sb_process *process, const gsl_matrix *y, size_t i, size_t *d, double *squared)
{
  for (size_t k = 0; k < process->parts; k++)
    squared[k] = (double)(d[k] = 0);
  for (size_t j = 0; j < process->dimension; j++)
    {
      const size_t k = sb_process_part (process, j);
      d[k]++;
      squared[k] += gsl_pow_2 (gsl_matrix_get (y, i, j));
    }
}

// v_2 NULL: the log density.

static int
sum_parts (const sb_process *process, const gsl_matrix *y, const gsl_matrix *v_1, const gsl_matrix *v_2,
           gsl_vector *sum)
{
  size_t *d = malloc (process->parts * sizeof *d);
  double *squared = malloc (process->parts * sizeof *squared);
  int status = d && squared ? GSL_SUCCESS : GSL_ENOMEM;
  for (size_t i = 0; i < y->size1 && !status; i++)
    {
      double total = 0;
      square_parts (process, y, i, d, squared);
      for (size_t k = 0; k < process->parts; k++)
        total += v_2 ? sb_isotropic_kl (d[k], squared[k], gsl_matrix_get (v_1, i, k), gsl_matrix_get (v_2, i, k))
                     : sb_isotropic_log_density (d[k], squared[k], gsl_matrix_get (v_1, i, k));
      gsl_vector_set (sum, i, total);
      status = gsl_isnan (total) ? GSL_EDOM : GSL_SUCCESS;
    }
  free (d);
  free (squared);
  return status;
}

static int
sum_in_basis (const sb_process *process, const gsl_matrix *delta, const gsl_matrix *v_1, const gsl_matrix *v_2,
              gsl_vector *sum)
{
  if (!process->basis)
    return sum_parts (process, delta, v_1, v_2, sum);
  gsl_matrix *y = delta->size1 ? gsl_matrix_alloc (delta->size1, delta->size2) : NULL;
  int status = y ? sb_operator_apply (process->basis, CblasNoTrans, NULL, delta, y) : GSL_ENOMEM;
  if (!status)
    status = sum_parts (process, y, v_1, v_2, sum);
  gsl_matrix_free (y);
  return delta->size1 ? status : GSL_SUCCESS;
}

int
sb_parts_log_density (const sb_process *process, const gsl_matrix *delta, const gsl_matrix *v, gsl_vector *log_p)
{
  int status = check_shapes (process, delta, v, log_p);
  return status ? status : sum_in_basis (process, delta, v, NULL, log_p);
}

int
sb_parts_kl (const sb_process *process, const gsl_matrix *delta, const gsl_matrix *v_1, const gsl_matrix *v_2,
             gsl_vector *kl)
{
  int status = check_shapes (process, delta, v_1, kl);
  if (!status)
    status = check_shapes (process, delta, v_2, kl);
  return status ? status : sum_in_basis (process, delta, v_1, v_2, kl);
}
