// # Centre and scale of samples
//
// A squared distance from the sum $|x|^2 + |y|^2 - 2\,x \cdot y$ has the rounding errors of its terms, which are large
// where the points are far from the origin; and squares overflow at $10^{154}$ and vanish at $10^{-162}$. Differences
// and moments do not depend on the origin, and only by a factor on the unit. So samples are first shifted by a centre
// of their own and divided by a power of two, neither of which costs digits:
// $$ z = c + 2^e u, \qquad |u| \le 1. $$

#include "frame.h"
#include "checks.h"
#include "error.h"

#include <float.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_sort.h>
#include <math.h>

enum
{
  ROWS = 9,       // at most, whose median is the centre
  BLOCK = 256,    // rows that are projected together
  EXPONENT = 1000 // at most, of either sign
};

int
sb_frame_exponent (double x)
{
  int exponent = 0;
  frexp (x, &exponent);
  return exponent < -EXPONENT ? -EXPONENT : exponent > EXPONENT ? EXPONENT : exponent;
}

// ## The centre
//
// The median of a few rows, in each coordinate: a value that some point has, or is close to, whatever a few outliers
// are. A mean would be far from all points where one of them is far from the others, and differences from it would
// lose digits.

static const double *
row_of_both (const gsl_matrix *x, const gsl_matrix *y, size_t i)
{
  return i < x->size1 ? gsl_matrix_const_ptr (x, i, 0) : gsl_matrix_const_ptr (y, i - x->size1, 0);
}

static void
find_centre (const gsl_matrix *x, const gsl_matrix *y, gsl_vector *centre)
{
  const size_t n = x->size1 + (y ? y->size1 : 0), rows = n < ROWS ? n : ROWS;
  for (size_t j = 0; j < centre->size; j++)
    {
      double some[ROWS];
      for (size_t k = 0; k < rows; k++)
        some[k] = row_of_both (x, y, k * (n - 1) / (rows > 1 ? rows - 1 : 1))[j];
      gsl_sort (some, 1, rows);
      gsl_vector_set (centre, j, some[(rows - 1) / 2]);
    }
}

// ## The spread
//
// In halves, so that a difference of two numbers never overflows.

static double
largest_half (const gsl_matrix *z, const gsl_vector *centre)
{
  double largest = 0;
  for (size_t i = 0; i < z->size1; i++)
    {
      const double *row = gsl_matrix_const_ptr (z, i, 0);
      for (size_t j = 0; j < z->size2; j++)
        {
          double half = fabs (0.5 * row[j] - 0.5 * centre->data[j]);
          largest = half > largest ? half : largest;
        }
    }
  return largest;
}

int
sb_frame_of (const gsl_matrix *x, const gsl_matrix *y, sb_frame *frame)
{
  const size_t d = x->size2;
  if (d == 0 || x->size1 == 0 || (y && (y->size2 != d || y->size1 == 0)))
    SB_ERROR (NULL, GSL_EBADLEN, "samples of %zu x %zu and %zu x %zu numbers", x->size1, d, y ? y->size1 : x->size1,
              y ? y->size2 : d);
  int status = sb_check_finite ("a sample", GSL_EDOM, x);
  if (!status && y)
    status = sb_check_finite ("a sample", GSL_EDOM, y);
  if (status)
    return status;
  gsl_vector *centre = gsl_vector_alloc (d);
  if (!centre)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for the centre of samples of %zu numbers", d);
  find_centre (x, y, centre);
  double half = fmax (largest_half (x, centre), y ? largest_half (y, centre) : 0);
  *frame = (sb_frame){ centre, half > 0 ? sb_frame_exponent (half) + 1 : 0 };
  return GSL_SUCCESS;
}

void
sb_frame_free (sb_frame *frame)
{
  gsl_vector_free (frame->centre);
}

// ## There and back
//
// Multiplying by a power of two rounds nothing; the difference is rounded once.

void
sb_frame_rows (const sb_frame *frame, const gsl_matrix *z, size_t first, gsl_matrix *u)
{
  const double scale = ldexp (1, -frame->exponent), *centre = frame->centre->data;
  for (size_t i = 0; i < u->size1; i++)
    {
      const double *row = gsl_matrix_const_ptr (z, first + i, 0);
      double *to = gsl_matrix_ptr (u, i, 0);
      for (size_t j = 0; j < u->size2; j++)
        to[j] = scale * row[j] - scale * centre[j];
    }
}

int
sb_frame_project (const sb_frame *frame, const gsl_matrix *z, const gsl_matrix *directions, gsl_matrix *projections)
{
  gsl_matrix *scratch = gsl_matrix_alloc (BLOCK, z->size2);
  for (size_t first = 0; first < z->size1 && scratch; first += BLOCK)
    {
      const size_t rows = GSL_MIN (BLOCK, z->size1 - first);
      gsl_matrix_view u = gsl_matrix_submatrix (scratch, 0, 0, rows, z->size2),
                      to = gsl_matrix_submatrix (projections, first, 0, rows, directions->size1);
      sb_frame_rows (frame, z, first, &u.matrix);
      gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, &u.matrix, directions, 0, &to.matrix);
    }
  gsl_matrix_free (scratch);
  return scratch ? GSL_SUCCESS : GSL_ENOMEM;
}

int
sb_frame_unit (const sb_frame *frame, int power, double *unit)
{
  const int exponent = power * frame->exponent;
  if (exponent >= DBL_MAX_EXP)
    SB_ERROR (NULL, GSL_EOVRFLW, "numbers of the order of 2^%d are too large for a double", exponent);
  if (exponent < DBL_MIN_EXP)
    SB_ERROR (NULL, GSL_EUNDRFLW, "numbers of the order of 2^%d are too small for a double", exponent);
  *unit = ldexp (1, exponent);
  return GSL_SUCCESS;
}
