// # Corruptions, soft
//
// A picture fades: it is blurred more and more, or more and more of it is covered, and a little noise is added,
// [soft.eq4]
// $$ \mathbf{x}_t = C_t\,\mathbf{x}_0 + \sigma_t\,\boldsymbol\eta, \qquad \boldsymbol\eta \sim \mathcal{N}(\mathbf{0},
//    \mathbf{I}), $$
// with any linear $C_t$, which may be singular and need not commute with $C_s$. (The paper calls $\boldsymbol\eta_t$ a
// Wiener process, which would make the variance $s_t^2\,t$; its Eq. 7 and its Lemma A.2 have a normal vector.) The
// kernel from the data is $q_t(\mathbf{x}_t \mid \mathbf{x}_0) = \mathcal{N}(C_t\,\mathbf{x}_0,
// \sigma_t^2\,\mathbf{I})$ [soft.txt-condkernel]; the noise comes after the operator. [soft.txt-noiseop] With $C_t =
// \mathbf{I}$ this is VE's [soft.txt-vekernel]. There is no kernel between two positive times: the law of
// $\mathbf{x}_t$ given $\mathbf{x}_s$ is not specified.

#include "soft.h"

#include "../base/checks.h"
#include "../grid/piecewise.h"
#include "gaussian_prior.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct
{
  sb_operator *C;
  sb_soft_schedule schedule;
  void *params;
  size_t rank, channels; // of the prior to fit; channels 0: none
  bool has_prior;
  sb_gaussian_prior prior;
} soft;

// ## Level and noise
//
// At $t = 0$ are the data, $C_0 = \mathbf{I}$ and $\sigma_0 = 0$. [soft.txt-assumptions] Yet $\sigma(0^+) =
// \sigma_{\min}$: a geometric scale cannot begin at 0, and the paper's weights divide by $\sigma_t^2$. VE jumps too.

static int
find (const soft *p, bool rate, double t, double *level, double *sigma)
{
  *level = *sigma = 0;
  return t > 0 || rate ? p->schedule.at (p->params, rate, t, level, sigma) : GSL_SUCCESS;
}

// $\dot C_t = \dot\ell\,dC/d\ell$ by the chain rule.

static int
find_operator (const soft *p, bool rate, double t, double *level, double *factor)
{
  double sigma;
  *factor = 1;
  int status = find (p, false, t, level, &sigma);
  if (!status && rate)
    {
      double unused;
      status = find (p, true, t, factor, &unused);
    }
  return status;
}

// ## In a basis

static int
soft_numbers (const void *state, sb_process_map map, double s, double t, double *c)
{
  const soft *p = state;
  const size_t d = p->C->columns;
  double level, factor, sigma;
  (void)s;
  if (map == SB_F || map == SB_G)
    SB_ERROR (NULL, GSL_EUNSUP, "a soft corruption has no drift of its own");
  if (map == SB_S || map == SB_S_RATE)
    {
      int status = find (p, map == SB_S_RATE, t, &level, &sigma);
      for (size_t k = 0; k < d; k++)
        c[k] = sigma;
      return status;
    }
  for (size_t k = 0; k < d && t == 0; k++)
    c[k] = map == SB_A ? 1 : GSL_NAN;
  if (t == 0)
    return GSL_SUCCESS;
  int status = find_operator (p, map == SB_A_RATE, t, &level, &factor);
  if (!status && map == SB_A_RATE && factor == 0)
    {
      for (size_t k = 0; k < d; k++)
        c[k] = 0;
      return GSL_SUCCESS;
    }
  if (!status)
    status = p->C->type->values (p->C->state, map == SB_A_RATE, level, c);
  for (size_t k = 0; k < d && !status && map == SB_A_RATE; k++)
    c[k] *= factor;
  return status;
}

// ## By maps
//
// Rows at $t = 0$ are left unchanged; they have no rate.

typedef int (*how) (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                    gsl_matrix *out);

static int
apply_operator (const soft *p, how function, bool rate, CBLAS_TRANSPOSE_t transpose, const gsl_vector *t, gsl_matrix *x)
{
  gsl_matrix *out = gsl_matrix_alloc (x->size1, x->size2);
  gsl_vector *level = gsl_vector_alloc (x->size1), *factor = gsl_vector_alloc (x->size1);
  int status = out && level && factor ? GSL_SUCCESS : GSL_ENOMEM;
  for (size_t i = 0; i < x->size1 && !status; i++)
    status = find_operator (p, rate, gsl_vector_get (t, i), gsl_vector_ptr (level, i), gsl_vector_ptr (factor, i));
  const bool constant = !status && rate && gsl_vector_isnull (factor); // and need have no rate
  if (!status && !constant)
    status = function (p->C, transpose, level, x, out);
  for (size_t i = 0; i < x->size1 && !status; i++)
    {
      gsl_vector_view row = gsl_matrix_row (x, i), result = gsl_matrix_row (out, i);
      if (gsl_vector_get (t, i) == 0 && rate)
        gsl_vector_set_all (&row.vector, GSL_NAN);
      else if (constant)
        gsl_vector_set_zero (&row.vector);
      else if (gsl_vector_get (t, i) > 0)
        {
          gsl_vector_scale (&result.vector, gsl_vector_get (factor, i));
          gsl_vector_memcpy (&row.vector, &result.vector);
        }
    }
  gsl_matrix_free (out);
  gsl_vector_free (level);
  gsl_vector_free (factor);
  return status;
}

static int
scale_noise (const soft *p, sb_process_map map, const gsl_vector *t, gsl_matrix *x)
{
  int status = GSL_SUCCESS;
  double level, sigma;
  for (size_t i = 0; i < x->size1 && !status; i++)
    {
      gsl_vector_view row = gsl_matrix_row (x, i);
      status = find (p, map == SB_S_RATE, gsl_vector_get (t, i), &level, &sigma);
      if (!status && map == SB_S_INVERSE && !gsl_finite (1 / sigma))
        SB_ERROR (NULL, GSL_ESING, "there is no noise at t = %g", gsl_vector_get (t, i));
      gsl_vector_scale (&row.vector, map == SB_S_INVERSE ? 1 / sigma : sigma);
    }
  return status;
}

static int
soft_apply (const void *state, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s,
            const gsl_vector *t, gsl_matrix *x)
{
  const soft *p = state;
  (void)s;
  switch (map)
    {
    case SB_A:
      return apply_operator (p, sb_operator_apply, false, transpose, t, x);
    case SB_A_INVERSE:
      return apply_operator (p, sb_operator_inverse, false, transpose, t, x);
    case SB_A_RATE:
      return apply_operator (p, sb_operator_rate, true, transpose, t, x);
    case SB_S:
    case SB_S_INVERSE:
    case SB_S_RATE:
      return scale_noise (p, map, t, x);
    default:
      SB_ERROR (NULL, GSL_EUNSUP, "a soft corruption has no drift of its own");
    }
}

static int
soft_deviation (const void *state, double s, double t, double *sd)
{
  double level;
  (void)s;
  return find (state, false, t, &level, sd);
}

static int
soft_log_det (const void *state, const gsl_vector *s, const gsl_vector *t, gsl_vector *log_det)
{
  const soft *p = state;
  double level, sigma;
  int status = GSL_SUCCESS;
  (void)s;
  for (size_t i = 0; i < t->size && !status; i++)
    {
      status = find (p, false, gsl_vector_get (t, i), &level, &sigma);
      if (!status && !(sigma > 0))
        SB_ERROR (NULL, GSL_ESING, "there is no noise at t = %g", gsl_vector_get (t, i));
      gsl_vector_set (log_det, i, (double)p->C->columns * log (sigma));
    }
  return status;
}

// ## The prior
//
// A Gaussian fitted to the data (`gaussian_prior.c`), and the noise of $t = 1$ around it.

static int
check_prior (const soft *p, double *sigma)
{
  double level;
  if (!p->has_prior)
    SB_ERROR (NULL, GSL_EUNSUP, "the prior of the soft process has not been fitted to data yet");
  return find (p, false, 1, &level, sigma);
}

static int
soft_prior (const void *state, sb_stream stream, gsl_matrix *x)
{
  const soft *p = state;
  double sigma;
  int status = check_prior (p, &sigma);
  return status ? status : sb_gaussian_prior_draw (&p->prior, sigma, stream, x);
}

static int
soft_prior_log_density (const void *state, const gsl_matrix *x, gsl_vector *log_prior)
{
  const soft *p = state;
  double sigma;
  int status = check_prior (p, &sigma);
  return status ? status : sb_gaussian_prior_log_density (&p->prior, sigma, x, log_prior);
}

// ## As a process

static void
soft_free (void *state)
{
  soft *p = state;
  sb_operator_free (p->C);
  if (p->schedule.free)
    p->schedule.free (p->params);
  sb_gaussian_prior_free (&p->prior);
  free (p);
}

static const sb_process_type in_basis = { .name = "soft",
                                          .numbers = soft_numbers,
                                          .deviation = soft_deviation,
                                          .prior = soft_prior,
                                          .prior_log_density = soft_prior_log_density,
                                          .free = soft_free },
                             by_maps = { .name = "soft",
                                         .apply = soft_apply,
                                         .deviation = soft_deviation,
                                         .log_det = soft_log_det,
                                         .prior = soft_prior,
                                         .prior_log_density = soft_prior_log_density,
                                         .free = soft_free };

static const soft *
state_of (const sb_process *process)
{
  return process->type == &in_basis || process->type == &by_maps ? process->state : NULL;
}

sb_process *
sb_soft_alloc (sb_operator *C, const sb_soft_schedule *schedule, void *params)
{
  const bool fits = C && C->type->has_level && C->rows == C->columns;
  soft *p = fits ? malloc (sizeof *p) : NULL;
  if (!p)
    {
      sb_operator_free (C);
      if (schedule->free)
        schedule->free (params);
      if (C && !fits)
        SB_ERROR_NULL (NULL, GSL_EINVAL, "a soft corruption is made of a square operator with levels");
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a soft corruption");
    }
  *p = (soft){ .C = C, .schedule = *schedule, .params = params };
  const bool diagonal = C->type->values != NULL;
  sb_process *process = sb_process_alloc (diagonal ? &in_basis : &by_maps, p, C->rows, SB_SOFT_EPSILON, 1, 0);
  if (!process)
    return NULL;
  process->from_zero_only = true;
  process->breaks = schedule->breaks;
  process->break_count = schedule->break_count;
  if (diagonal)
    {
      process->parts = C->rows;
      process->basis = C->type->basis ? C->type->basis (C->state) : NULL;
    }
  return process;
}

int
sb_soft_at (const sb_process *process, double t, double *level, double *sigma)
{
  const soft *p = state_of (process);
  if (!p)
    SB_ERROR (NULL, GSL_EUNSUP, "%s is no soft corruption", process->type->name);
  if (!(0 <= t && t <= process->t_limit))
    SB_ERROR (NULL, GSL_EDOM, "t = %g is outside the process, which ends at %g", t, process->t_limit);
  return find (p, false, t, level, sigma);
}

const sb_operator *
sb_soft_operator (const sb_process *process)
{
  const soft *p = state_of (process);
  return p ? p->C : NULL;
}

// ## The pairs of other processes
//
// VE is $C_t = \mathbf{I}$; VP has $C_t = \sqrt{\bar\alpha_t}\,\mathbf{I}$ and $\sigma_t^2 = 1 - \bar\alpha_t$, sub-VP
// the square of that. [soft.txt-specialcases] The marginals are theirs; the SDE of Eq. 13 for the pair is not, except
// for VE: its $g^2 = d\sigma_t^2/dt$ is $\beta_t\bar\alpha_t$ for VP's pair, and VP's own is $\beta_t$.

static int
pair_at (const void *params, bool rate, double t, double *level, double *sigma)
{
  const sb_process *of = params;
  int status = sb_process_numbers (of, rate ? SB_A_RATE : SB_A, 0, t, level);
  return status ? status : sb_process_numbers (of, rate ? SB_S_RATE : SB_S, 0, t, sigma);
}

sb_process *
sb_soft_pair_alloc (const sb_process *of)
{
  if (of->parts != 1)
    SB_ERROR_NULL (NULL, GSL_EUNSUP, "%s is no process of one part", of->type->name);
  const sb_soft_schedule schedule = { .at = pair_at };
  sb_operator *C = sb_operator_multiple_alloc (of->dimension);
  sb_process *process = C ? sb_soft_alloc (C, &schedule, (void *)of) : NULL;
  if (process && sb_soft_set_prior (process, NULL, NULL))
    {
      sb_process_free (process);
      return NULL;
    }
  return process;
}

// ## Two stages
//
// In the first a little noise is added, geometrically, and nothing is blurred; in the second the noise is constant and
// the level follows its knots. [soft.set-schedule] A blur can only be learned if the noise stays small; the paper's
// first stage takes less than 20 % of the time, and its ablation runs both together [soft.set-joint] (printed "from 0.1
// to 0.01", the order of sampling: $\sigma_t$ must not fall).

typedef struct
{
  double sigma_min, sigma_max, end; // the noise grows until `end`
  sb_piecewise *level;
  double breaks[1];
} stages;

static int
stages_at (const void *params, bool rate, double t, double *level, double *sigma)
{
  const stages *p = params;
  const double ratio = p->sigma_max / p->sigma_min;
  if (rate)
    {
      *level = sb_piecewise_slope (p->level, t);
      *sigma = t <= p->end ? p->sigma_min * pow (ratio, t / p->end) * log (ratio) / p->end : 0;
      return GSL_SUCCESS;
    }
  *level = sb_piecewise_value (p->level, t);
  *sigma = t < p->end ? p->sigma_min * pow (ratio, t / p->end) : p->sigma_max;
  return GSL_SUCCESS;
}

static void
stages_free (void *params)
{
  stages *p = params;
  sb_piecewise_free (p->level);
  free (p);
}

static int
check_stages (const sb_soft_stages *s)
{
  if (!s->levels || s->levels->size < 2)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu levels: a corruption goes from one to another", s->levels ? s->levels->size : 0);
  if (!(0 < s->sigma_min && s->sigma_min <= s->sigma_max && gsl_finite (s->sigma_max)))
    SB_ERROR (NULL, GSL_EDOM, "sigma goes from %g to %g: 0 < sigma_min <= sigma_max", s->sigma_min, s->sigma_max);
  if (!s->joint && !(0 < s->noise && s->noise < 1))
    SB_ERROR (NULL, GSL_EDOM, "the stage of noise ends at %g, not within (0, 1)", s->noise);
  for (size_t k = 0; k < s->levels->size; k++)
    if (!(gsl_vector_get (s->levels, k) >= (k ? gsl_vector_get (s->levels, k - 1) : 0)))
      SB_ERROR (NULL, GSL_EDOM, "knot %zu is at level %g: levels are not negative and do not fall", k,
                gsl_vector_get (s->levels, k));
  return GSL_SUCCESS;
}

// Knot $k$ of $K$ at $t_n + (1 - t_n)\,k/(K-1)$: the slope jumps at $t_n$ and at the inner knots.

static stages *
make_stages (const sb_soft_stages *s)
{
  const size_t K = s->levels->size;
  const double begin = s->joint ? 0 : s->noise;
  gsl_vector *t = gsl_vector_alloc (K);
  stages *p = t ? malloc (sizeof *p + K * sizeof *p->breaks) : NULL;
  if (!p)
    {
      gsl_vector_free (t);
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for %zu knots", K);
    }
  *p = (stages){ .sigma_min = s->sigma_min, .sigma_max = s->sigma_max, .end = s->joint ? 1 : s->noise };
  for (size_t k = 0; k < K; k++)
    gsl_vector_set (t, k, p->breaks[k] = k + 1 < K ? begin + (1 - begin) * (double)k / (double)(K - 1) : 1);
  p->level = sb_piecewise_alloc (t, s->levels);
  gsl_vector_free (t);
  if (!p->level)
    {
      free (p);
      return NULL;
    }
  return p;
}

sb_process *
sb_soft_stages_alloc (sb_operator *C, const sb_soft_stages *s)
{
  stages *p = !check_stages (s) ? make_stages (s) : NULL;
  if (!p || !C)
    {
      sb_operator_free (C);
      if (p)
        stages_free (p);
      return NULL;
    }
  const size_t first = s->joint ? 1 : 0;
  const sb_soft_schedule schedule = { stages_at, stages_free, s->levels->size - 1 - first, p->breaks + first };
  sb_process *process = sb_soft_alloc (C, &schedule, p);
  if (process)
    {
      soft *state = process->state;
      state->rank = s->rank;
      state->channels = s->channels;
    }
  return process;
}

// ## Setting the prior

static void
keep_prior (soft *p, sb_gaussian_prior prior)
{
  sb_gaussian_prior_free (&p->prior);
  p->prior = prior;
  p->has_prior = true;
}

static int
find_soft (const sb_process *process, soft **p)
{
  *p = (soft *)state_of (process);
  if (!*p)
    SB_ERROR (NULL, GSL_EUNSUP, "%s is no soft corruption", process->type->name);
  return GSL_SUCCESS;
}

int
sb_soft_set_prior (sb_process *process, const gsl_vector *mean, const gsl_matrix *U)
{
  soft *p;
  sb_gaussian_prior prior;
  int status = find_soft (process, &p);
  if (!status)
    status = sb_gaussian_prior_copy (process->dimension, mean, U, &prior);
  if (!status)
    keep_prior (p, prior);
  return status;
}

bool
sb_soft_prior (const sb_process *process, const gsl_vector **mean, const gsl_matrix **U)
{
  const soft *p = state_of (process);
  *mean = p ? p->prior.mean : NULL;
  *U = p ? p->prior.U : NULL;
  return p && p->has_prior;
}

static int
begin_fit (const sb_process *process, const gsl_matrix *x, soft **p)
{
  int status = find_soft (process, p);
  if (status)
    return status;
  if (x->size2 != process->dimension || x->size1 < 2)
    SB_ERROR (NULL, GSL_EBADLEN, "a prior is fitted to two points or more of %zu numbers, not to %zu x %zu",
              process->dimension, x->size1, x->size2);
  return sb_check_finite ("the data of a prior", GSL_EDOM, x);
}

int
sb_soft_fit_colours (sb_process *process, size_t channels, const gsl_matrix *x)
{
  soft *p;
  sb_gaussian_prior prior;
  int status = begin_fit (process, x, &p);
  if (!status)
    status = sb_gaussian_prior_of_colours (channels, x, &prior);
  if (!status)
    keep_prior (p, prior);
  return status;
}

int
sb_soft_fit_prior (sb_process *process, size_t rank, const gsl_matrix *x)
{
  soft *p;
  sb_gaussian_prior prior;
  int status = begin_fit (process, x, &p);
  gsl_matrix *C_x = !status ? gsl_matrix_alloc (x->size1, x->size2) : NULL;
  gsl_vector *one = !status ? gsl_vector_alloc (x->size1) : NULL;
  if (!status)
    status = C_x && one ? gsl_matrix_memcpy (C_x, x) : GSL_ENOMEM;
  if (!status)
    {
      gsl_vector_set_all (one, 1);
      status = sb_process_apply (process, SB_A, CblasNoTrans, NULL, one, C_x);
    }
  if (!status)
    status = sb_gaussian_prior_fit (rank, C_x, &prior);
  if (!status)
    keep_prior (p, prior);
  gsl_matrix_free (C_x);
  gsl_vector_free (one);
  return status;
}

int
sb_soft_fit (sb_process *process, const gsl_matrix *x)
{
  soft *p;
  int status = find_soft (process, &p);
  if (!status && p->rank == 0 && p->channels == 0)
    SB_ERROR (NULL, GSL_EUNSUP, "the soft process has no prior to fit: rank and channels are 0");
  return status        ? status
         : p->rank > 0 ? sb_soft_fit_prior (process, GSL_MIN (p->rank, x->size1 > 1 ? x->size1 - 1 : 1), x)
                       : sb_soft_fit_colours (process, p->channels, x);
}

// ## What the paper assumes
//
// Data of variance $P$ in a direction that is multiplied by $c$ have the posterior variance $P\sigma^2/(c^2P +
// \sigma^2)$, which grows with $t$ for every $P$ exactly where $c/\sigma$ falls. With a basis that is checked for every
// direction, without for a few.

enum
{
  DIRECTIONS = 8
};

// A truncated kernel has modes that grow again a little, where nothing of the data is left; the heat equation's, of the
// paper's first width of .01, shrinks the finest by 5e-4.
#define SLACK 1e-3

static int
find_shrinkage (const sb_process *process, double t, double *c, size_t count)
{
  if (process->parts > 0)
    {
      int status = sb_process_numbers (process, SB_A, 0, t, c);
      for (size_t k = 0; k < count && !status; k++)
        c[k] = fabs (c[k]);
      return status;
    }
  gsl_matrix *v = gsl_matrix_alloc (count, process->dimension);
  gsl_vector *times = gsl_vector_alloc (count);
  int status = v && times ? sb_stream_normals ((sb_stream){ .purpose = SB_FOR_PROBE }, 0, v) : GSL_ENOMEM;
  if (!status)
    {
      gsl_vector_set_all (times, t);
      status = sb_process_apply (process, SB_A, CblasNoTrans, NULL, times, v);
    }
  for (size_t k = 0; k < count && !status; k++)
    c[k] = cblas_dnrm2 ((int)v->size2, gsl_matrix_const_ptr (v, k, 0), 1);
  gsl_matrix_free (v);
  gsl_vector_free (times);
  return status;
}

static int
check_step (size_t count, double t, const double *c, double sigma, const double *c_before, double sigma_before,
            sb_error *error)
{
  if (!(sigma >= sigma_before))
    SB_ERROR (error, GSL_EINVAL, "the noise falls to %g before t = %g", sigma, t);
  for (size_t k = 0; k < count; k++)
    if (!(c[k] * sigma_before <= (c_before[k] * (1 + 1e-9) + SLACK) * sigma))
      SB_ERROR (error, GSL_EINVAL, "the ratio of signal to noise rises before t = %g: in direction %zu to %g, from %g",
                t, k, c[k] / sigma, c_before[k] / sigma_before);
  return GSL_SUCCESS;
}

static int
check_start (size_t count, const double *c, const double *c_0, sb_error *error)
{
  for (size_t k = 0; k < count; k++)
    if (!(fabs (c[k] - c_0[k]) <= SLACK * c_0[k]))
      SB_ERROR (error, GSL_EINVAL, "at t = 0+ C is not the identity: %g becomes %g in direction %zu", c_0[k], c[k], k);
  return GSL_SUCCESS;
}

int
sb_soft_check (const sb_process *process, size_t count, sb_error *error)
{
  const size_t directions = process->parts > 0 ? process->parts : DIRECTIONS;
  double level, sigma, sigma_before = 0, *c = malloc (2 * directions * sizeof *c), *before = c ? c + directions : NULL;
  int status = c ? find_shrinkage (process, 0, before, directions) : GSL_ENOMEM;
  for (size_t i = 0; i <= count && !status; i++)
    {
      const double t = i ? (double)i / (double)count : 1e-12;
      status = find_shrinkage (process, t, c, directions);
      if (!status)
        status = sb_soft_at (process, t, &level, &sigma);
      if (!status)
        status = i ? check_step (directions, t, c, sigma, before, sigma_before, error)
                   : check_start (directions, c, before, error);
      memcpy (before, c, directions * sizeof *c);
      sigma_before = sigma;
    }
  free (c);
  return status;
}
