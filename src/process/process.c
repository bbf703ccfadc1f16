// # A forward process, whatever its maps
//
// A process solves an SDE $d\mathbf{x} = \mathbf{f}(\mathbf{x}, t)\,dt + g(t)\,d\mathbf{w}$ on $[0, T]$ from data to a
// prior, [scoresde.eq5] with $\mathbf{f} = F(t)\,\mathbf{x}$ here, or is a chain of which such an SDE is the limit.
// Each type has its own maps. The checks that all share are here: that a batch has the right shape, that its times are
// times of the process, and that the map exists. The functions of a type may rely on them.

#include "process.h"
#include "view.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/rows.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// ## Making and releasing
//
// The call takes ownership of the state, so that a caller has nothing to release on any path after it.

static void
release_state (const sb_process_type *type, void *state)
{
  if (type->free)
    type->free (state);
}

static bool
times_make_sense (double t_min, double t_max)
{
  return 0 <= t_min && t_min <= t_max && 0 < t_max && gsl_finite (t_max);
}

sb_process *
sb_process_alloc (const sb_process_type *type, void *state, size_t dimension, double t_min, double t_max, size_t levels)
{
  const bool valid = dimension > 0 && times_make_sense (t_min, t_max),
             fits = !sb_check_lengths ("coordinates", dimension, 1, 1);
  sb_process *process = valid && fits ? malloc (sizeof *process) : NULL;
  if (process)
    {
      *process = (sb_process){ .type = type,
                               .state = state,
                               .dimension = dimension,
                               .t_min = t_min,
                               .t_max = t_max,
                               .t_limit = t_max,
                               .levels = levels,
                               .parts = type->numbers ? 1 : 0 };
      return process;
    }
  release_state (type, state);
  if (valid)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a process");
  SB_ERROR_NULL (NULL, GSL_EINVAL, "a process needs a dimension, not %zu, and times 0 <= t_min <= t_max, not %g and %g",
                 dimension, t_min, t_max);
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
// A process in continuous time is defined at any $t \in [0, T]$, and some beyond. A chain of $N$ steps is defined at
// $t = i/N$ only. The quotient $i/N$ is rarely a double, and a caller may have computed it by adding steps of $1/N$, so
// $tN$ need only be an integer to a millionth.

static bool
is_level (const sb_process *process, double t)
{
  double i = t * (double)process->levels;
  return fabs (i - rint (i)) < 1e-6;
}

static bool
is_time (const sb_process *process, double t)
{
  return 0 <= t && t <= process->t_limit && (process->levels == 0 || is_level (process, t));
}

int
sb_process_check_chain (const sb_process *process)
{
  if (process->levels == 0)
    SB_ERROR (NULL, GSL_EUNSUP, "%s is a process in continuous time and has no levels", process->type->name);
  return GSL_SUCCESS;
}

int
sb_process_level (const sb_process *process, double t, size_t *i)
{
  int status = sb_process_check_chain (process);
  if (status)
    return status;
  if (!is_time (process, t))
    SB_ERROR (NULL, GSL_EDOM, "t = %g is no level of a chain of %zu", t, process->levels);
  *i = (size_t)rint (t * (double)process->levels);
  return GSL_SUCCESS;
}

int
sb_process_time (const sb_process *process, size_t i, double *t)
{
  int status = sb_process_check_chain (process);
  if (status)
    return status;
  if (i > process->levels)
    SB_ERROR (NULL, GSL_EDOM, "a chain of %zu levels has no level %zu", process->levels, i);
  *t = (double)i / (double)process->levels;
  return GSL_SUCCESS;
}

static int
check_pair (const sb_process *process, double s, double t)
{
  if (!is_time (process, s) || !is_time (process, t))
    SB_ERROR (NULL, GSL_EDOM, "s = %g, t = %g: outside the process, which ends at %g, or between the levels of a chain",
              s, t, process->t_limit);
  if (s > t)
    SB_ERROR (NULL, GSL_EDOM, "a process runs from s to t, and s = %g is later than t = %g", s, t);
  if (s > 0 && process->from_zero_only)
    SB_ERROR (NULL, GSL_EUNSUP, "the process %s has no kernel from s = %g, only from 0", process->type->name, s);
  return GSL_SUCCESS;
}

static double
start (const gsl_vector *s, size_t i)
{
  return s ? gsl_vector_get (s, i) : 0;
}

static int
check_pairs (const sb_process *process, const gsl_vector *s, const gsl_vector *t, size_t rows)
{
  if (t->size != rows || (s && s->size != rows))
    SB_ERROR (NULL, GSL_EBADLEN, "%zu rows need as many times, not %zu and %zu", rows, t->size, s ? s->size : rows);
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < rows && !status; i += sb_same_times (s, t, i))
    status = check_pair (process, start (s, i), gsl_vector_get (t, i));
  return status;
}

static int
check_points (const sb_process *process, const gsl_matrix *x)
{
  if (x->size2 != process->dimension)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, the process has %zu coordinates", x->size1, x->size2,
              process->dimension);
  return GSL_SUCCESS;
}

// ## The numbers of the parts
//
// An inverse is that of a number, and 0 has none: where no time has passed, where a part has no noise, or where nothing
// is left of $\mathbf{x}_s$. Drift, diffusion and rates depend on one time: for them, $s$ is ignored.

static bool
of_one_time (sb_process_map map)
{
  return map == SB_F || map == SB_G || map == SB_A_RATE || map == SB_S_RATE;
}

static int
check_map (sb_process_map map)
{
  if ((int)map < SB_A || map > SB_S_RATE)
    SB_ERROR (NULL, GSL_EINVAL, "a process has no map %d", (int)map);
  return GSL_SUCCESS;
}

int
sb_process_check_parts (const sb_process *process, const char *what)
{
  if (process->parts == 0)
    SB_ERROR (NULL, GSL_EUNSUP, "%s: the maps of the process %s are not diagonal in a known basis", what,
              process->type->name);
  return GSL_SUCCESS;
}

int
sb_process_numbers (const sb_process *process, sb_process_map map, double s, double t, double *c)
{
  const sb_process_map inverted = map == SB_A_INVERSE ? SB_A : map == SB_S_INVERSE ? SB_S : map;
  s = of_one_time (map) ? 0 : s;
  int status = sb_process_check_parts (process, "a map's numbers");
  if (!status)
    status = check_map (map);
  if (!status)
    status = check_pair (process, s, t);
  if (!status)
    status = process->type->numbers (process->state, inverted, s, t, c);
  for (size_t k = 0; k < process->parts && !status; k++)
    {
      if (inverted != map && (c[k] == 0 || !gsl_finite (1 / c[k])))
        SB_ERROR (NULL, GSL_ESING,
                  "part %zu of %s has no inverse from s = %g to t = %g: s = t, the part is constant, or A(s,t) = 0", k,
                  process->type->name, s, t);
      if (!gsl_finite (c[k]))
        SB_ERROR (NULL, GSL_EDOM, "part %zu of the process %s is undefined at t = %g", k, process->type->name, t);
      c[k] = inverted != map ? 1 / c[k] : c[k];
    }
  return status;
}

int
sb_process_scalars (const sb_process *process, double s, double t, double *a, double *sd)
{
  if (process->parts != 1)
    SB_ERROR (NULL, GSL_EUNSUP, "the maps of the process %s are no multiples of the identity", process->type->name);
  int status = sb_process_numbers (process, SB_A, s, t, a);
  return status ? status : sb_process_numbers (process, SB_S, s, t, sd);
}

// At three times: a geometric noise scale may agree with a linear one at two.

bool
sb_process_time_is_noise (const sb_process *process)
{
  bool is = process->levels == 0 && process->parts == 1;
  for (int k = 0; k < 3 && is; k++)
    {
      const double t = ldexp (process->t_max, -k);
      double a, sd;
      is = !sb_process_scalars (process, 0, t, &a, &sd) && a == 1 && sd == t;
    }
  return is;
}

int
sb_process_deviation (const sb_process *process, double s, double t, double *sd)
{
  int status = check_pair (process, s, t);
  if (status)
    return status;
  if (process->parts == 1)
    return sb_process_numbers (process, SB_S, s, t, sd);
  if (!process->type->deviation)
    SB_ERROR (NULL, GSL_EUNSUP, "the noise of the process %s is not the same in all directions", process->type->name);
  return process->type->deviation (process->state, s, t, sd);
}

// ## The maps
//
// Samplers pass the same times in every row: rows at the same times share their numbers.

static int
scale_rows (const sb_process *process, sb_process_map map, const gsl_vector *s, const gsl_vector *t, gsl_matrix *x)
{
  int status = GSL_SUCCESS;
  for (size_t i = 0, same; i < x->size1 && !status; i += same)
    {
      double c;
      same = sb_same_times (s, t, i);
      gsl_matrix_view rows = gsl_matrix_submatrix (x, i, 0, same, x->size2);
      status = sb_process_numbers (process, map, start (s, i), gsl_vector_get (t, i), &c);
      if (!status)
        gsl_matrix_scale (&rows.matrix, c);
    }
  return status;
}

static int
scale_parts (const sb_process *process, sb_process_map map, const gsl_vector *s, const gsl_vector *t, gsl_matrix *x)
{
  gsl_matrix *c = gsl_matrix_alloc (x->size1, process->parts);
  int status = c ? GSL_SUCCESS : GSL_ENOMEM;
  for (size_t i = 0, same; i < x->size1 && !status; i += same)
    {
      double *c_i = gsl_matrix_ptr (c, i, 0);
      same = sb_same_times (s, t, i);
      status = sb_process_numbers (process, map, start (s, i), gsl_vector_get (t, i), c_i);
      for (size_t k = 1; k < same; k++)
        memcpy (c_i + k * c->tda, c_i, process->parts * sizeof *c_i);
    }
  if (!status)
    status = sb_process_combine (process, 1, &(sb_term){ c, x }, NULL, x);
  gsl_matrix_free (c);
  return status;
}

// A diagonal matrix is its own transpose, in any orthonormal basis.

int
sb_check_view (sb_view view)
{
  if (view != SB_SCORE && view != SB_DENOISER && view != SB_EPSILON)
    SB_ERROR (NULL, GSL_EINVAL, "a view is the score, the denoiser or epsilon, not %d", (int)view);
  return GSL_SUCCESS;
}

int
sb_process_apply (const sb_process *process, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s,
                  const gsl_vector *t, gsl_matrix *x)
{
  if (process->parts == 0 && !process->type->apply)
    SB_ERROR (NULL, GSL_EUNSUP, "the process %s has no linear maps", process->type->name);
  if (transpose != CblasNoTrans && transpose != CblasTrans)
    SB_ERROR (NULL, GSL_EINVAL, "a map is applied as it is or transposed");
  const gsl_vector *from = of_one_time (map) ? NULL : s;
  int status = check_points (process, x);
  if (!status)
    status = check_pairs (process, from, t, x->size1);
  if (!status)
    status = check_map (map);
  if (status || x->size1 == 0)
    return status;
  return process->parts == 0   ? process->type->apply (process->state, map, transpose, from, t, x)
         : process->parts == 1 ? scale_rows (process, map, from, t, x)
                               : scale_parts (process, map, from, t, x);
}

int
sb_process_apply_square (const sb_process *process, sb_process_map map, const gsl_vector *s, const gsl_vector *t,
                         gsl_matrix *x)
{
  int status = sb_process_apply (process, map, CblasTrans, s, t, x);
  return status ? status : sb_process_apply (process, map, CblasNoTrans, s, t, x);
}

// ## Determinant and trace
//
// Sums over coordinates of $\log\varsigma$, which has no value where $s = t$, and of $f$; an orthonormal basis changes
// neither.

static int
sum_numbers (const sb_process *process, sb_process_map map, double (*of) (double), const gsl_vector *s,
             const gsl_vector *t, gsl_vector *sum)
{
  double *c = malloc (process->parts * sizeof *c);
  int status = c ? GSL_SUCCESS : GSL_ENOMEM;
  for (size_t i = 0; i < t->size && !status; i++)
    {
      status = sb_process_numbers (process, map, start (s, i), gsl_vector_get (t, i), c);
      double total = !status && process->parts == 1 ? (double)process->dimension * of (c[0]) : 0;
      for (size_t j = 0; j < process->dimension && !status && process->parts > 1; j++)
        total += of (c[sb_process_part (process, j)]);
      if (!status)
        gsl_vector_set (sum, i, total);
    }
  free (c);
  return status;
}

static double
minus_log (double c)
{
  return -log (c);
}

static double
itself (double c)
{
  return c;
}

int
sb_process_log_det (const sb_process *process, const gsl_vector *s, const gsl_vector *t, gsl_vector *log_det)
{
  int status = check_pairs (process, s, t, log_det->size);
  if (status || process->parts > 0)
    return status ? status : sum_numbers (process, SB_S_INVERSE, minus_log, s, t, log_det);
  if (!process->type->log_det)
    SB_ERROR (NULL, GSL_EUNSUP, "the process %s has no determinant", process->type->name);
  return process->type->log_det (process->state, s, t, log_det);
}

int
sb_process_trace (const sb_process *process, const gsl_vector *t, gsl_vector *trace)
{
  int status = check_pairs (process, NULL, t, trace->size);
  if (status || process->parts > 0)
    return status ? status : sum_numbers (process, SB_F, itself, NULL, t, trace);
  if (!process->type->trace)
    SB_ERROR (NULL, GSL_EUNSUP, "the process %s has no drift", process->type->name);
  return process->type->trace (process->state, t, trace);
}

// ## The prior
//
// What is left of the data at $T$ is neglected: part $k$ of $\mathbf{x}_T$ is $\mathcal{N}(\mathbf{0},
// \varsigma_k^2\,\mathbf{I})$. A part without a prior (the condition of a conditional model, say) is set by the caller.

static int
draw_parts (const sb_process *process, const gsl_matrix *sd, sb_stream stream, gsl_matrix *x)
{
  gsl_matrix *z = gsl_matrix_alloc (x->size1, x->size2), *kept = gsl_matrix_alloc (1, process->parts);
  int status = z && kept ? sb_stream_normals (stream, 0, z) : GSL_ENOMEM;
  if (!status)
    {
      for (size_t k = 0; k < process->parts; k++)
        gsl_matrix_set (kept, 0, k, gsl_matrix_get (sd, 0, k) == 0);
      status = sb_process_combine (process, 2, (sb_term[]){ { sd, z }, { kept, x } }, NULL, x);
    }
  gsl_matrix_free (z);
  gsl_matrix_free (kept);
  return status;
}

// Its log density is a sum over the coordinates $y$ of the parts that have one, $-\tfrac12\log 2\pi\varsigma_k^2 -
// y^2/2\varsigma_k^2$.

static int
sum_log_densities (const sb_process *process, const gsl_matrix *sd, const gsl_matrix *y, gsl_vector *log_prior)
{
  for (size_t i = 0; i < y->size1; i++)
    {
      double sum = 0;
      for (size_t j = 0; j < y->size2; j++)
        {
          double sd_j = gsl_matrix_get (sd, 0, sb_process_part (process, j));
          if (sd_j > 0)
            sum += 0.5 * log (2 * M_PI) + log (sd_j) + 0.5 * gsl_pow_2 (gsl_matrix_get (y, i, j) / sd_j);
        }
      gsl_vector_set (log_prior, i, -sum);
    }
  return GSL_SUCCESS;
}

static int
log_density_of_parts (const sb_process *process, const gsl_matrix *sd, const gsl_matrix *x, gsl_vector *log_prior)
{
  if (!process->basis)
    return sum_log_densities (process, sd, x, log_prior);
  gsl_matrix *y = gsl_matrix_alloc (x->size1, x->size2);
  int status = y ? sb_operator_apply (process->basis, CblasNoTrans, NULL, x, y) : GSL_ENOMEM;
  if (!status)
    status = sum_log_densities (process, sd, y, log_prior);
  gsl_matrix_free (y);
  return status;
}

static int
prior_deviations (const sb_process *process, gsl_matrix **sd)
{
  *sd = gsl_matrix_alloc (1, process->parts);
  return *sd ? process->type->prior_sd (process->state, (*sd)->data) : GSL_ENOMEM;
}

int
sb_process_prior (const sb_process *process, sb_stream stream, gsl_matrix *x)
{
  const sb_process_type *type = process->type;
  if (!type->prior_sd && !type->prior)
    SB_ERROR (NULL, GSL_EUNSUP, "the process %s has no prior", type->name);
  int status = check_points (process, x);
  if (status || x->size1 == 0)
    return status;
  if (!type->prior_sd)
    return type->prior (process->state, stream, x);
  gsl_matrix *sd;
  status = prior_deviations (process, &sd);
  if (!status)
    status = process->parts > 1 ? draw_parts (process, sd, stream, x) : sb_stream_normals (stream, 0, x);
  if (!status && process->parts == 1)
    gsl_matrix_scale (x, sd->data[0]);
  gsl_matrix_free (sd);
  return status;
}

int
sb_process_prior_log_density (const sb_process *process, const gsl_matrix *x, gsl_vector *log_prior)
{
  const sb_process_type *type = process->type;
  if (!type->prior_sd && !type->prior_log_density)
    SB_ERROR (NULL, GSL_EUNSUP, "the process %s has no density of its prior", type->name);
  if (log_prior->size != x->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu points have as many densities, not %zu", x->size1, log_prior->size);
  int status = check_points (process, x);
  if (status || x->size1 == 0)
    return status;
  if (!type->prior_sd)
    return type->prior_log_density (process->state, x, log_prior);
  gsl_matrix *sd;
  status = prior_deviations (process, &sd);
  if (!status)
    status = log_density_of_parts (process, sd, x, log_prior);
  gsl_matrix_free (sd);
  return status;
}

// ## A transition
//
// Given $\mathbf{x}_s$, a draw of $\mathbf{x}_t$ is $A\,\mathbf{x}_s + S\,\mathbf{z}$. Between neighbouring levels of a
// chain this is the paper's forward step [scoresde.eq41]
// $$ \mathbf{x}_{i+1} = \mathbf{x}_i + \mathbf{f}_i(\mathbf{x}_i) + \mathbf{G}_i \mathbf{z}_i, \qquad
//    \mathbf{f}_i(\mathbf{x}) = (A - \mathbf{I})\,\mathbf{x}, \quad \mathbf{G}_i = S. $$
// Where the normals must be preserved, $S\,\mathbf{z}$ is formed in separate memory.

int
sb_process_transition_in_place (const sb_process *process, const gsl_vector *s, const gsl_vector *t, gsl_matrix *noise,
                                gsl_matrix *x)
{
  if (noise->size1 != x->size1 || noise->size2 != x->size2)
    SB_ERROR (NULL, GSL_EBADLEN, "the normals are %zu x %zu, x is %zu x %zu", noise->size1, noise->size2, x->size1,
              x->size2);
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
    SB_ERROR (NULL, GSL_EBADLEN, "z is %zu x %zu, x is %zu x %zu", z->size1, z->size2, x->size1, x->size2);
  gsl_matrix *noise = gsl_matrix_alloc (z->size1, z->size2);
  if (!noise)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for the noise of a transition");
  sb_copy_rows (noise, z);
  int status = sb_process_transition_in_place (process, s, t, noise, x);
  gsl_matrix_free (noise);
  return status;
}
