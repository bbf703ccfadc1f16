// # Simulating the forward SDE
//
// The forward SDE $d\mathbf x = \mathbf F(t)\,\mathbf x\,dt + \mathbf G(t)\,d\mathbf w$ [scoresde.eq5] [soft.eq2], with
// drift and diffusion frozen over a step of $h = t - s$ at their values at its start: $\mathbf x \leftarrow \mathbf x +
// h\,\mathbf F(s)\,\mathbf x + \sqrt h\,\mathbf G(s)\,\mathbf z$.

#include "forward.h"

#include "../base/error.h"
#include "drift.h"
#include "work.h"

#include <math.h>

static int
check (const sb_process *process, double s, double t, const gsl_matrix *z, const gsl_matrix *x)
{
  if (x->size2 != process->dimension || (z && (z->size1 != x->size1 || z->size2 != x->size2)))
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, the process has dimension %zu, and z must be as large as x", x->size1,
              x->size2, process->dimension);
  if (!(s < t))
    SB_ERROR (NULL, GSL_EDOM, "a forward step goes up, not from %g to %g", s, t);
  int status = sb_work_check_sde (process, s);
  return status ? status : sb_work_check_sde (process, t);
}

// x <- x + scale M(s) v; `moved` is workspace.

static int
add_mapped (const sb_process *process, sb_process_map map, double s, double scale, const gsl_matrix *v,
            gsl_matrix *moved, gsl_matrix *x)
{
  gsl_vector *times = gsl_vector_alloc (x->size1);
  if (!times)
    return GSL_ENOMEM;
  gsl_vector_set_all (times, s);
  gsl_matrix_memcpy (moved, v);
  int status = sb_process_apply (process, map, CblasNoTrans, NULL, times, moved);
  if (!status)
    sb_work_add (x, scale, moved);
  gsl_vector_free (times);
  return status;
}

int
sb_forward_euler_maruyama (const sb_process *process, double s, double t, const gsl_matrix *z, gsl_matrix *x)
{
  const double h = t - s;
  int status = check (process, s, t, z, x);
  if (status || x->size1 == 0)
    return status;
  gsl_matrix *moved = gsl_matrix_alloc (x->size1, x->size2);
  status = moved ? add_mapped (process, SB_F, s, h, x, moved, x) : GSL_ENOMEM;
  if (!status && z)
    status = add_mapped (process, SB_G, s, sqrt (h), z, moved, x);
  gsl_matrix_free (moved);
  return status;
}

// ## By a score
//
// A corruption $\mathbf x_t = C_t\mathbf x_0 + \sigma_t\boldsymbol\eta$ has no $\mathbf F$; the SDE with its marginals
// is $d\mathbf x = \dot C_t\,\mathrm E[\mathbf x_0 \mid \mathbf x_t]\,dt + \sqrt{d\sigma_t^2/dt}\,d\mathbf w$.
// [soft.eq13]

static int
find_diffusion (const sb_process *process, double s, gsl_matrix *one, double *g)
{
  const gsl_vector_const_view at = gsl_vector_const_view_array (&s, 1);
  double sd;
  int status = sb_process_deviation (process, 0, s, &sd);
  gsl_matrix_set_all (one, 1);
  if (!status)
    status = sb_process_apply (process, SB_S_RATE, CblasNoTrans, NULL, &at.vector, one);
  *g = status ? 0 : sqrt (2 * sd * gsl_matrix_get (one, 0, 0));
  return status;
}

int
sb_forward_step (const sb_score *score, const gsl_matrix *y, double s, double t, const gsl_matrix *z, gsl_matrix *x)
{
  const sb_process *process = score->process;
  const double h = t - s;
  if (!process->from_zero_only)
    return sb_forward_euler_maruyama (process, s, t, z, x);
  int status = check (process, s, t, z, x);
  if (status || x->size1 == 0)
    return status;
  gsl_vector *times = gsl_vector_alloc (x->size1);
  gsl_matrix *drift = gsl_matrix_alloc (x->size1, x->size2), *one = gsl_matrix_alloc (1, x->size2);
  double g = 0;
  status = times && drift && one ? find_diffusion (process, s, one, &g) : GSL_ENOMEM;
  if (!status)
    {
      gsl_vector_set_all (times, s);
      status = sb_forward_drift (score, y, times, x, drift);
    }
  if (!status)
    sb_work_add (x, h, drift);
  if (!status && z)
    sb_work_add (x, g * sqrt (h), z);
  gsl_vector_free (times);
  gsl_matrix_free (drift);
  gsl_matrix_free (one);
  return status;
}
