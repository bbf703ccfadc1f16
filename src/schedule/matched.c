// # Levels that match a noise
//
// The schedule that the paper compares its own with: at each time the blur is such that images are as far from where
// they began, as a share of the way to the end, as under another diffusion $q'$, the VE SDE [soft.eq55],
// $$ \frac{E_{q_t}|x_0 - x_t|^2}{E_{q_1}|x_0 - x_1|^2} = \frac{E_{q'_t}|x_0 - x_t|^2}{E_{q'_1}|x_0 - x_1|^2}
//    = \frac{\sigma_t'^2}{\sigma_1'^2}, \qquad E_{q_t}|x_0 - x_t|^2 = E|(I - C_t)\,x_0|^2 + d\,\sigma_t^2 . $$
// It need not have a solution: where the noise alone, $d\,\sigma_t^2$, is more than the right side allows, even the
// least blur is too much, and we take that.

#include "matched.h"
#include "../base/error.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_roots.h>

int
sb_mean_displacement (const sb_operator *C, double level, const gsl_matrix *x, double *mean)
{
  const size_t n = x->size1;
  if (n == 0 || C->rows != x->size2)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu points of %zu numbers under a map to %zu", n, x->size2, C->rows);
  gsl_matrix *y = gsl_matrix_alloc (n, x->size2);
  gsl_vector *levels = gsl_vector_alloc (n);
  int status = GSL_ENOMEM;
  if (y && levels)
    {
      gsl_vector_set_all (levels, level);
      status = sb_operator_apply (C, CblasNoTrans, levels, x, y);
    }
  if (!status)
    {
      gsl_vector_const_view all = gsl_vector_const_view_array (y->data, n * x->size2);
      gsl_matrix_sub (y, x);
      gsl_blas_ddot (&all.vector, &all.vector, mean);
      *mean /= (double)n;
    }
  gsl_matrix_free (y);
  gsl_vector_free (levels);
  return status;
}

// ## The root
//
// Of the displacement less its target, by Brent's method; the displacement never falls.

typedef struct
{
  const gsl_function *displacement;
  double wanted;
} excess;

static double
find_excess (double level, void *params)
{
  const excess *e = params;
  return GSL_FN_EVAL (e->displacement, level) - e->wanted;
}

enum
{
  STEPS = 200
};

static const double PRECISION = 1e-14; // of the level

static int
find_root (gsl_root_fsolver *solver, gsl_function *f, double low, double high, double *level)
{
  int status = gsl_root_fsolver_set (solver, f, low, high), near = GSL_CONTINUE;
  for (int k = 0; k < STEPS && near == GSL_CONTINUE && !status; k++)
    {
      status = gsl_root_fsolver_iterate (solver);
      near
          = gsl_root_test_interval (gsl_root_fsolver_x_lower (solver), gsl_root_fsolver_x_upper (solver), 0, PRECISION);
    }
  *level = gsl_root_fsolver_root (solver);
  return status ? status : near == GSL_CONTINUE ? GSL_EMAXITER : GSL_SUCCESS;
}

int
sb_matched_level (const sb_matched *of, double sigma, double sigma_1, double share, double *level)
{
  if (!(of->low < of->high) || !(sigma >= 0) || !(sigma_1 >= 0) || !(share >= 0)
      || !gsl_finite (of->high - of->low + sigma + sigma_1 + share))
    SB_ERROR (NULL, GSL_EDOM,
              "not finite, negative or not rising: levels from %g to %g, sigma = %g, sigma_1 = %g, share = %g", of->low,
              of->high, sigma, sigma_1, share);

  // Divide the whole mean square between blur and noise.
  const double d = (double)of->dimension, least = GSL_FN_EVAL (&of->displacement, of->low),
               most = GSL_FN_EVAL (&of->displacement, of->high);
  excess e = { &of->displacement, share * (most + d * sigma_1 * sigma_1) - d * sigma * sigma };
  if (!gsl_finite (least) || !gsl_finite (most))
    SB_ERROR (NULL, GSL_EBADFUNC, "the displacement is %g at level %g and %g at level %g", least, of->low, most,
              of->high);

  *level = e.wanted <= least ? of->low : of->high;
  if (e.wanted <= least || e.wanted >= most)
    return GSL_SUCCESS;
  gsl_root_fsolver *solver = gsl_root_fsolver_alloc (gsl_root_fsolver_brent);
  if (!solver)
    return GSL_ENOMEM;
  int status = find_root (solver, &(gsl_function){ find_excess, &e }, of->low, of->high, level);
  gsl_root_fsolver_free (solver);
  return status;
}
