// # Simulating the forward SDE
//
// The forward SDE $d\mathbf x = \mathbf F(t)\,\mathbf x\,dt + \mathbf G(t)\,d\mathbf w$ [scoresde.eq5], its
// increments frozen over a step of $h = t - s$ at what they are at the step's start:
// $\mathbf x \leftarrow \mathbf x + h\,\mathbf F(s)\,\mathbf x + \sqrt h\,\mathbf G(s)\,\mathbf z$.

#include "forward.h"

#include "../base/error.h"
#include "step.h"

#include <math.h>

static int
check (const sb_process *process, double s, double t, const gsl_matrix *z, const gsl_matrix *x)
{
  if (x->size2 != process->dimension || (z != NULL && (z->size1 != x->size1 || z->size2 != x->size2)))
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, the process has dimension %zu, and z must be as large as x", x->size1,
              x->size2, process->dimension);
  if (!(s < t))
    SB_ERROR (NULL, GSL_EDOM, "a forward step goes up, not from %g to %g", s, t);
  int status = sb_step_check_time (process, s);
  return status == GSL_SUCCESS ? sb_step_check_time (process, t) : status;
}

int
sb_forward_euler_maruyama (const sb_process *process, double s, double t, const gsl_matrix *z, gsl_matrix *x)
{
  int status = check (process, s, t, z, x);
  if (status != GSL_SUCCESS)
    return status;

  double h = t - s;
  gsl_matrix *f = gsl_matrix_alloc (x->size1, x->size2);
  status = f != NULL ? gsl_matrix_memcpy (f, x) : GSL_ENOMEM;
  if (status == GSL_SUCCESS)
    status = sb_step_apply (process, SB_F, CblasNoTrans, s, s, f);
  if (status == GSL_SUCCESS)
    sb_step_add (x, h, f);
  if (status == GSL_SUCCESS)
    status = sb_step_add_noise (process, SB_G, s, s, sqrt (h), z, x);
  gsl_matrix_free (f);
  return status;
}
