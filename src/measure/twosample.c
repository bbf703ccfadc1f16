// # Are these from the same law?
//
// Two samples of numbers are compared through their distribution functions, $F_n(x)$ the part of the one and $G_m(x)$
// the part of the other that is at most $x$: by the largest difference (Kolmogorov and Smirnov) or by the area between
// them (the 1-Wasserstein distance).

#include "twosample.h"
#include "../base/checks.h"
#include "../base/error.h"
#include "../base/frame.h"
#include "../base/shard.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_sort_vector.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

// ## Sorted

static int
sort_copy (const gsl_vector *x, gsl_vector **sorted)
{
  *sorted = NULL;
  if (x->size == 0 || x->size > (size_t)1 << 31)
    SB_ERROR (NULL, GSL_EBADLEN, "a sample holds 1 to 2^31 numbers, not %zu", x->size);
  for (size_t i = 0; i < x->size; i++)
    if (!isfinite (gsl_vector_get (x, i)))
      SB_ERROR (NULL, GSL_EDOM, "number %zu of a sample is %g", i, gsl_vector_get (x, i));
  *sorted = gsl_vector_alloc (x->size);
  if (!*sorted)
    return GSL_ENOMEM;
  gsl_vector_memcpy (*sorted, x);
  gsl_sort_vector (*sorted);
  return GSL_SUCCESS;
}

static int
sort_both (const gsl_vector *x, const gsl_vector *y, gsl_vector **x_sorted, gsl_vector **y_sorted)
{
  *y_sorted = NULL;
  int status = sort_copy (x, x_sorted);
  return status ? status : sort_copy (y, y_sorted);
}

// ## One sample and a law
//
// $F_n$ jumps at every point of the sample, $F$ does not, so the largest difference is on one side of a jump. The
// Dvoretzky-Kiefer-Wolfowitz inequality with Massart's constant bounds its probability,
// $$ P\bigl(\sup|F_n - F| \ge D\bigr) \le 2 e^{-2 n D^2}, $$
// which is also the first term of Kolmogorov's series for $n \to \infty$.

int
sb_ks_one_sample (const gsl_vector *x, double (*cdf) (double x, void *params), void *params, double *D, double *p_value)
{
  gsl_vector *sorted;
  int status = sort_copy (x, &sorted);
  if (status)
    return status;
  double n = (double)x->size, largest = 0;
  for (size_t i = 0; i < x->size && !status; i++)
    {
      double F = cdf (gsl_vector_get (sorted, i), params);
      if (!(F >= 0 && F <= 1))
        status = GSL_EDOM;
      largest = fmax (largest, fmax (((double)i + 1) / n - F, F - (double)i / n));
    }
  gsl_vector_free (sorted);
  if (status)
    SB_ERROR (NULL, status, "a distribution function is not in [0, 1]");
  *D = largest;
  *p_value = fmin (1, 2 * exp (-2 * n * largest * largest));
  return GSL_SUCCESS;
}

// ## Two samples
//
// With $i$ points of the one and $j$ of the other at or below $x$, the difference is $|i/n - j/m| = |i m - j n| / (n
// m)$: a whole number $K$ over $n m$. Equal points are passed together.

typedef struct
{
  const gsl_vector *x, *y; // sorted
  size_t i, j;             // how many of each are at or below `at`
  double at;
} sweep;

static size_t
pass (const gsl_vector *sorted, size_t i, double at)
{
  while (i < sorted->size && gsl_vector_get (sorted, i) <= at)
    i++;
  return i;
}

static bool
next_point (sweep *s)
{
  bool x_left = s->i < s->x->size, y_left = s->j < s->y->size;
  if (!x_left && !y_left)
    return false;
  double x = x_left ? gsl_vector_get (s->x, s->i) : INFINITY, y = y_left ? gsl_vector_get (s->y, s->j) : INFINITY;
  s->at = fmin (x, y);
  s->i = pass (s->x, s->i, s->at);
  s->j = pass (s->y, s->j, s->at);
  return true;
}

static int64_t
difference (const sweep *s)
{
  return llabs ((int64_t)(s->i * s->y->size) - (int64_t)(s->j * s->x->size));
}

static int64_t
largest_difference (const gsl_vector *x, const gsl_vector *y)
{
  sweep s = { .x = x, .y = y };
  int64_t K = 0;
  while (next_point (&s))
    K = GSL_MAX (K, difference (&s));
  return K;
}

// If both are from one continuous law, every order of the $n + m$ points is equally likely: a path from $(0, 0)$ to
// $(n, m)$ in unit steps. Let $h(i, j)$ be the part of the paths to $(i, j)$ that have been where the difference is $K$
// or more. There it is 1; elsewhere the last step came from $(i-1, j)$ with probability $i/(i+j)$, so that
// $$ h(i, j) = \frac{i}{i+j}\,h(i-1, j) + \frac{j}{i+j}\,h(i, j-1). $$
// The p-value is $h(n, m)$. Nothing is subtracted, so that it keeps its digits however small it is. Only the band
// $|i m - j n| < K$ is visited; `h` holds 1 on both sides of it.

static void
cross_band (int64_t n, int64_t m, int64_t K, double *h)
{
  for (int64_t j = 0; j <= m; j++)
    h[j] = 1;
  int64_t first = 0;
  for (int64_t i = 0; i <= n; i++)
    {
      for (; i * m - first * n >= K; first++)
        h[first] = 1;
      int64_t last = GSL_MIN (m, (i * m + K - 1) / n);
      for (int64_t j = first; j <= last; j++)
        {
          double steps = (double)(i + j), left = j > 0 ? h[j - 1] : 0;
          h[j] = steps > 0 ? ((double)i * h[j] + (double)j * left) / steps : 0;
        }
    }
}

static int
probability (int64_t n, int64_t m, int64_t K, double *p_value)
{
  *p_value = 1;
  if (K == 0)
    return GSL_SUCCESS;
  double *h = malloc ((size_t)(m + 1) * sizeof *h);
  if (!h)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for a p-value");
  cross_band (n, m, K, h);
  *p_value = h[m];
  free (h);
  return GSL_SUCCESS;
}

int
sb_ks_two_sample (const gsl_vector *x, const gsl_vector *y, double *D, double *p_value)
{
  gsl_vector *x_sorted, *y_sorted;
  int status = sort_both (x, y, &x_sorted, &y_sorted);
  if (!status)
    {
      int64_t n = (int64_t)x->size, m = (int64_t)y->size, K = largest_difference (x_sorted, y_sorted);
      *D = (double)K / ((double)n * (double)m);
      status = probability (n, m, K, p_value);
    }
  gsl_vector_free (x_sorted);
  gsl_vector_free (y_sorted);
  return status;
}

// ## Samples of points
//
// Two laws on $\mathbb{R}^d$ are equal when all their projections are (Cramér and Wold). Directions are normal
// vectors, whose length does not affect $D$. Each direction is a shard.

typedef struct
{
  const gsl_matrix *x, *y; // projected, a direction to a column
  double *D, *p_value;
} projected;

static int
test_direction (void *context, size_t shard, size_t first, size_t count)
{
  (void)shard;
  (void)count;
  projected *samples = context;
  gsl_vector_const_view x = gsl_matrix_const_column (samples->x, first);
  gsl_vector_const_view y = gsl_matrix_const_column (samples->y, first);
  return sb_ks_two_sample (&x.vector, &y.vector, &samples->D[first], &samples->p_value[first]);
}

// $D$ depends on neither shift nor unit: the points are projected about their common centre (base/frame.c), where the
// products keep their digits.

static int
test_directions (const gsl_matrix *x, const gsl_matrix *y, sb_stream stream, gsl_matrix *directions,
                 gsl_matrix *x_projected, gsl_matrix *y_projected, gsl_matrix *found)
{
  sb_frame frame;
  int status = sb_frame_of (x, y, &frame);
  if (status)
    return status;
  stream.purpose = SB_FOR_PROBE;
  status = sb_stream_normals (stream, 0, directions);
  if (!status)
    status = sb_frame_project (&frame, x, directions, x_projected);
  if (!status)
    status = sb_frame_project (&frame, y, directions, y_projected);
  sb_frame_free (&frame);
  projected samples = { x_projected, y_projected, gsl_matrix_ptr (found, 0, 0), gsl_matrix_ptr (found, 1, 0) };
  return status ? status : sb_shards (directions->size1, 1, test_direction, &samples);
}

int
sb_ks_projections (const gsl_matrix *x, const gsl_matrix *y, size_t count, sb_stream stream, double *D, double *p_value)
{
  if (x->size2 != y->size2 || x->size2 == 0 || count == 0 || x->size1 == 0 || y->size1 == 0)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, y %zu x %zu, on %zu directions", x->size1, x->size2, y->size1,
              y->size2, count);
  if (sb_check_lengths ("projections of points", count, GSL_MAX (x->size1, y->size1), 1)
      || sb_check_lengths ("directions", count, x->size2, 1))
    return GSL_ENOMEM;
  gsl_matrix *directions = gsl_matrix_alloc (count, x->size2), *found = gsl_matrix_alloc (2, count);
  gsl_matrix *x_projected = gsl_matrix_alloc (x->size1, count), *y_projected = gsl_matrix_alloc (y->size1, count);
  int status = GSL_ENOMEM;
  if (directions && found && x_projected && y_projected)
    status = test_directions (x, y, stream, directions, x_projected, y_projected, found);
  if (!status)
    {
      gsl_vector_view Ds = gsl_matrix_row (found, 0), p_values = gsl_matrix_row (found, 1);
      *D = gsl_vector_max (&Ds.vector);
      *p_value = fmin (1, (double)count * gsl_vector_min (&p_values.vector));
    }
  gsl_matrix_free (directions);
  gsl_matrix_free (found);
  gsl_matrix_free (x_projected);
  gsl_matrix_free (y_projected);
  return status;
}

// ## The area between
//
// Between one point and the next both functions are constant. For samples of equal size this is the mean of
// $|x_{(i)} - y_{(i)}|$ over the sorted points, the least that it takes to move the one sample to the other.

int
sb_wasserstein_1 (const gsl_vector *x, const gsl_vector *y, double *distance)
{
  gsl_vector *x_sorted, *y_sorted;
  int status = sort_both (x, y, &x_sorted, &y_sorted);
  if (!status)
    {
      sweep s = { .x = x_sorted, .y = y_sorted };
      double area = 0;
      next_point (&s);
      for (double before = s.at, height = (double)difference (&s); next_point (&s);
           before = s.at, height = (double)difference (&s))
        area += height / ((double)x->size * (double)y->size) * (s.at - before);
      if (gsl_finite (area))
        *distance = area;
      else
        status = sb_error_report (NULL, __FILE__, __LINE__, GSL_EOVRFLW, "an area is too large for a double");
    }
  gsl_vector_free (x_sorted);
  gsl_vector_free (y_sorted);
  return status;
}

// ## The least mean square
//
// On a line the plan of least cost keeps the order (for $W_1$ too). With $n$ points against $m$, each of the first has
// $m$ shares of $1/nm$ to give and each of the second takes $n$: the shares are matched in order, as many at a time as
// both points at hand have left.

int
sb_wasserstein_2 (const gsl_vector *x, const gsl_vector *y, double *distance)
{
  gsl_vector *x_sorted, *y_sorted;
  int status = sort_both (x, y, &x_sorted, &y_sorted);
  const size_t n = x->size, m = y->size;
  double root = 0;
  for (size_t i = 0, j = 0, done = 0; !status && i < n;)
    {
      const size_t next = GSL_MIN ((i + 1) * m, (j + 1) * n);
      const double share = (double)(next - done) / ((double)n * (double)m);
      root = hypot (root, sqrt (share) * (gsl_vector_get (x_sorted, i) - gsl_vector_get (y_sorted, j)));
      i += next == (i + 1) * m;
      j += next == (j + 1) * n;
      done = next;
    }
  if (!status && !gsl_finite (root))
    status = sb_error_report (NULL, __FILE__, __LINE__, GSL_EOVRFLW, "a distance is too large for a double");
  *distance = status ? *distance : root;
  gsl_vector_free (x_sorted);
  gsl_vector_free (y_sorted);
  return status;
}
