// # Slices
//
// The plan of least cost between samples is a sort on a line and an expensive linear program elsewhere. Projected on a
// direction $\theta$ they are on a line, and the mean over the sphere,
// $$ \mathrm{SW}_2^2 = \mathrm E_\theta\,W_2^2(\theta^{\mathsf T}x,\ \theta^{\mathsf T}y), $$
// is a distance between laws that is 0 only where they are equal (Rabin et al., 2011). Of a shift by $\mathbf m$ its
// square is $\lVert\mathbf m\rVert^2/d$.

#include "sliced.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/frame.h"
#include "../base/shard.h"
#include "twosample.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

typedef struct
{
  const gsl_matrix *x, *y; // projected, a direction to a column
  gsl_vector *squared;
} slices;

static int
cut (void *context, size_t shard, size_t first, size_t count)
{
  (void)shard, (void)count;
  const slices *s = context;
  gsl_vector_const_view x = gsl_matrix_const_column (s->x, first), y = gsl_matrix_const_column (s->y, first);
  double W = 0;
  const int status = sb_wasserstein_2 (&x.vector, &y.vector, &W);
  gsl_vector_set (s->squared, first, W * W);
  return status;
}

static int
fill_directions (sb_stream stream, gsl_matrix *directions)
{
  stream.purpose = SB_FOR_PROBE;
  const int status = sb_stream_normals (stream, 0, directions);
  for (size_t k = 0; k < directions->size1 && !status; k++)
    {
      gsl_vector_view row = gsl_matrix_row (directions, k);
      gsl_vector_scale (&row.vector, 1 / gsl_blas_dnrm2 (&row.vector));
    }
  return status;
}

static int
conclude (const gsl_vector *squared, double unit, double *distance, double *error)
{
  const size_t n = squared->size;
  const double mean = gsl_stats_mean (squared->data, squared->stride, n), root = sqrt (mean);
  if (!gsl_finite (unit * root))
    SB_ERROR (NULL, GSL_EOVRFLW, "a distance is too large for a double");
  *distance = unit * root;
  if (!error)
    return GSL_SUCCESS;
  *error = n > 1 && mean > 0 ? gsl_stats_sd_m (squared->data, squared->stride, n, mean) / sqrt ((double)n) : 0;
  *error *= mean > 0 ? unit / (2 * root) : 0;
  return GSL_SUCCESS;
}

static int
slice (const gsl_matrix *x, const gsl_matrix *y, sb_stream stream, gsl_matrix *directions, gsl_matrix *x_projected,
       gsl_matrix *y_projected, gsl_vector *squared, double *distance, double *error)
{
  sb_frame frame;
  int status = sb_frame_of (x, y, &frame);
  if (status)
    return status;
  const double unit = ldexp (1, frame.exponent);
  status = fill_directions (stream, directions);
  if (!status)
    status = sb_frame_project (&frame, x, directions, x_projected);
  if (!status)
    status = sb_frame_project (&frame, y, directions, y_projected);
  sb_frame_free (&frame);
  slices all = { x_projected, y_projected, squared };
  if (!status)
    status = sb_shards (directions->size1, 1, cut, &all);
  return status ? status : conclude (squared, unit, distance, error);
}

int
sb_sliced_wasserstein_2 (const gsl_matrix *x, const gsl_matrix *y, size_t count, sb_stream stream, double *distance,
                         double *error)
{
  if (x->size2 != y->size2 || x->size2 == 0 || count == 0 || x->size1 == 0 || y->size1 == 0)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, y %zu x %zu, on %zu directions", x->size1, x->size2, y->size1,
              y->size2, count);
  if (sb_check_lengths ("projections of points", count, GSL_MAX (x->size1, y->size1), 1)
      || sb_check_lengths ("directions", count, x->size2, 1))
    return GSL_ENOMEM;
  gsl_matrix *directions = gsl_matrix_alloc (count, x->size2), *of_x = gsl_matrix_alloc (x->size1, count),
             *of_y = gsl_matrix_alloc (y->size1, count);
  gsl_vector *squared = gsl_vector_alloc (count);
  const int status = directions && of_x && of_y && squared
                         ? slice (x, y, stream, directions, of_x, of_y, squared, distance, error)
                         : GSL_ENOMEM;
  gsl_matrix_free (directions);
  gsl_matrix_free (of_x);
  gsl_matrix_free (of_y);
  gsl_vector_free (squared);
  return status;
}
