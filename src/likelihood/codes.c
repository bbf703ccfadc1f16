// # Latent codes
//
// The flow is a map with an inverse. Upwards it encodes a point as $\mathbf x(T)$, downwards it decodes; between the
// two, codes may be changed: interpolated, or multiplied by a temperature below 1, which makes samples more probable
// and less diverse. [scoresde.txt-latent-manip]

#include "codes.h"

#include "../base/error.h"
#include "../base/shard.h"
#include "down_to.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

typedef struct
{
  const sb_flow *flow;
  const sb_score *score;
  const gsl_matrix *y;
  double from, to;
  gsl_matrix *x;
  size_t *evaluations; // of each group
} job;

static int
integrate_group (void *context, size_t number, size_t first, size_t n)
{
  const job *j = context;
  gsl_matrix_view x = gsl_matrix_submatrix (j->x, first, 0, n, j->x->size2);
  gsl_matrix y;
  if (j->y)
    y = gsl_matrix_const_submatrix (j->y, first, 0, n, j->y->size2).matrix;
  return sb_flow_run (j->flow, j->score, j->y ? &y : NULL, j->from, j->to, &x.matrix, &j->evaluations[number]);
}

static int
integrate (job j, size_t group, double *evaluations)
{
  const size_t n = j.x->size1, rows = group ? group : GSL_MAX (n, (size_t)1), groups = sb_shard_count (n, rows);
  const double t_min = GSL_MIN (j.from, j.to);
  sb_flow quiet = *j.flow;
  sb_down_to down;
  if (!(t_min > 0))
    SB_ERROR (NULL, GSL_EDOM, "t_min is %g, not above 0", t_min);
  if (j.y && j.y->size1 != n)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu rows have as many conditions, not %zu", n, j.y->size1);
  quiet.progress = NULL;
  j.flow = &quiet;
  j.score = sb_score_down_to (j.score, t_min, &down);
  j.evaluations = calloc (groups + 1, sizeof *j.evaluations);
  if (!j.evaluations)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for the codes of %zu rows", n);
  int status = sb_shards (n, rows, integrate_group, &j);
  double sum = 0;
  for (size_t k = 0; k < groups; k++)
    sum += (double)j.evaluations[k] * (double)GSL_MIN (rows, n - k * rows) / (double)n;
  if (evaluations)
    *evaluations = sum;
  free (j.evaluations);
  return status;
}

int
sb_encode (const sb_flow *flow, const sb_score *score, const gsl_matrix *y, double t_min, size_t group, gsl_matrix *x,
           double *evaluations)
{
  return integrate ((job){ flow, score, y, t_min, score->process->t_max, x, NULL }, group, evaluations);
}

int
sb_decode (const sb_flow *flow, const sb_score *score, const gsl_matrix *y, double t_min, size_t group, gsl_matrix *x,
           double *evaluations)
{
  return integrate ((job){ flow, score, y, score->process->t_max, t_min, x, NULL }, group, evaluations);
}

// ## Along the sphere
//
// In many dimensions normal codes lie close to a sphere of radius $\sqrt d\,\sigma$, and the line between two of them
// leads through the inside, where there are none. The arc does not.

int
sb_code_between (const gsl_vector *a, const gsl_vector *b, double u, gsl_vector *out)
{
  if (a->size != b->size || out->size != a->size)
    SB_ERROR (NULL, GSL_EBADLEN, "codes of %zu and %zu numbers, a result of %zu", a->size, b->size, out->size);
  const double norm_a = gsl_blas_dnrm2 (a), norm_b = gsl_blas_dnrm2 (b);
  double product;
  gsl_blas_ddot (a, b, &product);
  const double cosine = product / norm_a / norm_b, theta = acos (GSL_MAX_DBL (-1, GSL_MIN_DBL (1, cosine)));
  if (!(norm_a > 0 && norm_b > 0) || theta > M_PI - 1e-7)
    SB_ERROR (NULL, GSL_EDOM, "there is no arc between codes of norms %g and %g at an angle of %g", norm_a, norm_b,
              theta);
  const double of_a = theta < 1e-7 ? 1 - u : sin ((1 - u) * theta) / sin (theta),
               of_b = theta < 1e-7 ? u : sin (u * theta) / sin (theta);
  for (size_t j = 0; j < a->size; j++)
    gsl_vector_set (out, j, of_a * gsl_vector_get (a, j) + of_b * gsl_vector_get (b, j));
  return GSL_SUCCESS;
}
