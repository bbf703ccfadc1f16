// # A forward process, whatever its maps
//
// A process solves an SDE $d\mathbf{x} = \mathbf{f}(\mathbf{x}, t)\,dt + g(t)\,d\mathbf{w}$ on $[0, T]$ from data to a prior,
// [scoresde.eq5] with $\mathbf{f} = F(t)\,\mathbf{x}$ here, or is a chain of which such an SDE is the limit. Each knows its maps.
// What all have in common stands here: that a batch fits, that its times are times of the process, and that a map that does
// not exist is refused rather than invented. The functions of a type may then take all of this for granted.

#include "process.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

// ## Making and releasing
//
// The state changes hands at the call, so that a caller has nothing to release on any path after it.

static void
release_state (const sb_process_type *type, void *state)
{
  if (type->free)
    type->free (state);
}

static int
times_make_sense (double t_min, double t_max)
{
  return 0 <= t_min && t_min <= t_max && 0 < t_max && gsl_finite (t_max);
}

sb_process *
sb_process_alloc (const sb_process_type *type, void *state, size_t dimension, double t_min, double t_max, size_t levels)
{
  if (dimension == 0 || !times_make_sense (t_min, t_max))
    {
      release_state (type, state);
      GSL_ERROR_NULL ("a process needs a dimension, and times 0 <= t_min <= t_max", GSL_EINVAL);
    }
  sb_process *process = malloc (sizeof *process);
  if (!process)
    {
      release_state (type, state);
      GSL_ERROR_NULL ("no memory for a process", GSL_ENOMEM);
    }
  *process = (sb_process){
    .type = type, .state = state, .dimension = dimension, .t_min = t_min, .t_max = t_max, .levels = levels
  };
  return process;
}

void
sb_process_free (sb_process *process)
{
  if (!process)
    return;
  release_state (process->type, process->state);
  free (process);
}

// ## Times
//
// A process in continuous time may be asked about any $t \in [0, T]$. A chain of $N$ steps lives at $t = i/N$ only.
// The quotient $i/N$ is rarely a double, and a caller may have reached it by adding steps of $1/N$, so $tN$ need be a
// whole number to a millionth of a level only.

static int
is_level (const sb_process *process, double t)
{
  double i = t * (double)process->levels;
  return fabs (i - rint (i)) < 1e-6;
}

static int
is_time (const sb_process *process, double t)
{
  return 0 <= t && t <= process->t_max && (process->levels == 0 || is_level (process, t));
}

int
sb_process_level (const sb_process *process, double t, size_t *i)
{
  if (process->levels == 0)
    GSL_ERROR ("a process in continuous time has no levels", GSL_EUNSUP);
  if (!is_time (process, t))
    GSL_ERROR ("the time is no level of the chain", GSL_EDOM);
  *i = (size_t)rint (t * (double)process->levels);
  return GSL_SUCCESS;
}

static int
check_pair (const sb_process *process, double s, double t)
{
  if (!is_time (process, s) || !is_time (process, t))
    GSL_ERROR ("a time lies outside the process, or between the levels of a chain", GSL_EDOM);
  if (s > t)
    GSL_ERROR ("a process runs from s to t, and s is later than t", GSL_EDOM);
  return GSL_SUCCESS;
}

static int
check_pairs (const sb_process *process, const gsl_vector *s, const gsl_vector *t, size_t rows)
{
  if (t->size != rows || (s && s->size != rows))
    GSL_ERROR ("each row needs its time", GSL_EBADLEN);
  for (size_t i = 0; i < rows; i++)
    {
      int status = check_pair (process, s ? gsl_vector_get (s, i) : 0, gsl_vector_get (t, i));
      if (status)
        return status;
    }
  return GSL_SUCCESS;
}

static int
check_points (const sb_process *process, const gsl_matrix *x)
{
  if (x->size2 != process->dimension)
    GSL_ERROR ("the points have not the dimension of the process", GSL_EBADLEN);
  return GSL_SUCCESS;
}

// ## The maps
//
// The drift's and the diffusion's matrices are of one time: where they are asked for, $s$ is not looked at.

int
sb_process_apply (const sb_process *process, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s,
                  const gsl_vector *t, gsl_matrix *x)
{
  if (!process->type->apply)
    GSL_ERROR ("the process has no linear maps", GSL_EUNSUP);
  if (transpose != CblasNoTrans && transpose != CblasTrans)
    GSL_ERROR ("a map is applied as it is or transposed", GSL_EINVAL);
  const gsl_vector *from = map == SB_F || map == SB_G ? NULL : s;
  int status = check_points (process, x);
  if (!status)
    status = check_pairs (process, from, t, x->size1);
  return status ? status : process->type->apply (process->state, map, transpose, from, t, x);
}

int
sb_process_scalars (const sb_process *process, double s, double t, double *a, double *sd)
{
  if (!process->type->scalars)
    GSL_ERROR ("the maps of the process are no multiples of the identity", GSL_EUNSUP);
  int status = check_pair (process, s, t);
  return status ? status : process->type->scalars (process->state, s, t, a, sd);
}

int
sb_process_log_det (const sb_process *process, const gsl_vector *s, const gsl_vector *t, gsl_vector *log_det)
{
  if (!process->type->log_det)
    GSL_ERROR ("the process has no determinant", GSL_EUNSUP);
  int status = check_pairs (process, s, t, log_det->size);
  return status ? status : process->type->log_det (process->state, s, t, log_det);
}

int
sb_process_trace (const sb_process *process, const gsl_vector *t, gsl_vector *trace)
{
  if (!process->type->trace)
    GSL_ERROR ("the process has no drift", GSL_EUNSUP);
  int status = check_pairs (process, NULL, t, trace->size);
  return status ? status : process->type->trace (process->state, t, trace);
}

// ## The prior

int
sb_process_prior (const sb_process *process, sb_stream stream, gsl_matrix *x)
{
  if (!process->type->prior)
    GSL_ERROR ("the process has no prior", GSL_EUNSUP);
  int status = check_points (process, x);
  return status ? status : process->type->prior (process->state, stream, x);
}

int
sb_process_prior_log_density (const sb_process *process, const gsl_matrix *x, gsl_vector *log_prior)
{
  if (!process->type->prior_log_density)
    GSL_ERROR ("the process has no density of its prior", GSL_EUNSUP);
  if (log_prior->size != x->size1)
    GSL_ERROR ("each point needs room for its density", GSL_EBADLEN);
  int status = check_points (process, x);
  return status ? status : process->type->prior_log_density (process->state, x, log_prior);
}

// ## A transition
//
// Given $\mathbf{x}_s$, a draw of $\mathbf{x}_t$ is $A\,\mathbf{x}_s + S\,\mathbf{z}$. Between neighbouring levels of a chain this is the
// paper's forward step [scoresde.eq41]
// $$ \mathbf{x}_{i+1} = \mathbf{x}_i + \mathbf{f}_i(\mathbf{x}_i) + \mathbf{G}_i \mathbf{z}_i, \qquad
//    \mathbf{f}_i(\mathbf{x}) = (A - \mathbf{I})\,\mathbf{x}, \quad \mathbf{G}_i = S. $$
// Where the normals stay as they are, $S\,\mathbf{z}$ is formed beside them.

int
sb_process_transition_in_place (const sb_process *process, const gsl_vector *s, const gsl_vector *t, gsl_matrix *noise,
                                gsl_matrix *x)
{
  if (noise->size1 != x->size1 || noise->size2 != x->size2)
    GSL_ERROR ("each point needs its normals", GSL_EBADLEN);
  if (x->size1 == 0)
    return GSL_SUCCESS;
  int status = sb_process_apply (process, SB_S, CblasNoTrans, s, t, noise);
  if (!status)
    status = sb_process_apply (process, SB_A, CblasNoTrans, s, t, x);
  return status ? status : gsl_matrix_add (x, noise);
}

int
sb_process_transition (const sb_process *process, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z,
                       gsl_matrix *x)
{
  if (!z || x->size1 == 0)
    return sb_process_apply (process, SB_A, CblasNoTrans, s, t, x);
  if (z->size1 != x->size1 || z->size2 != x->size2)
    GSL_ERROR ("each point needs its normals", GSL_EBADLEN);
  gsl_matrix *noise = gsl_matrix_alloc (z->size1, z->size2);
  if (!noise)
    GSL_ERROR ("no memory for the noise of a transition", GSL_ENOMEM);
  gsl_matrix_memcpy (noise, z);
  int status = sb_process_transition_in_place (process, s, t, noise, x);
  gsl_matrix_free (noise);
  return status;
}
