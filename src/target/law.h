#ifndef SCOREBOOK_TARGET_LAW_H
#define SCOREBOOK_TARGET_LAW_H

// Shared by the laws in this folder; not installed.

#include "target.h"

// The kernel of one row and part: x_t given x_0 is N(m x_0, sd^2 I).
typedef struct
{
  double m, sd;
} target_kernel;

// Given its component of covariance lambda along an axis, x_t has the variance s = m^2 lambda + sd^2 there, and with
// delta = x_t - m mu
//     d/dx log p(x_t | k) = -delta / s,   E[x_0 | x_t, k] = mu + m lambda delta / s,   E[z | x_t, k] = sd delta / s.
// target_gain is what stands before delta / s.
static inline double
target_variance (target_kernel kernel, double lambda)
{
  return kernel.m * kernel.m * lambda + kernel.sd * kernel.sd;
}

static inline double
target_gain (target_kernel kernel, sb_view view, double lambda)
{
  return view == SB_DENOISER ? kernel.m * lambda : view == SB_EPSILON ? kernel.sd : -1;
}

// Block k, of so many rows, of matrices that stand below each other.
static inline gsl_matrix
target_block (const gsl_matrix *m, size_t k, size_t rows)
{
  return gsl_matrix_const_submatrix (m, k * rows, 0, rows, m->size2).matrix;
}

// The kernels of the times t: an array of t->size x parts, to be freed even on failure. GSL_EUNSUP where the process
// has no parts.
int target_kernels (const sb_process *process, const gsl_vector *t, target_kernel **kernel);

// A question restricted to some of its rows. It contains pointers to its own fields: not to be copied.
typedef struct
{
  sb_target_question question;
  gsl_matrix x, v, out;
  gsl_vector t, number;
} target_part;

void target_take_part (target_part *part, const sb_target_question *question, size_t first, size_t n);

// A law of this type. It takes ownership of the state, which is released on failure.
sb_target *target_alloc (const sb_target_type *type, void *state, size_t dimension);

// Copy means or points, GSL_EDOM where one is not finite.
int target_copy (const gsl_matrix *from, gsl_matrix *to);

// Weights of K components: their logarithms (-infinity for a weight of zero) and their cumulative sums, scaled to end
// in 1. `weights` NULL: all equal. GSL_EDOM where one is negative or not finite, or all are zero.
int target_weights (const gsl_vector *weights, size_t K, double *log_w, double *cumulative);

// The component that a uniform number u of (0, 1) falls into.
size_t target_pick (const double *cumulative, size_t K, double u);

// A component for every row, from number 0 of the rows' streams. A row's other draws start at TARGET_DRAWS, after the
// pair of numbers to which number 0 belongs.
enum
{
  TARGET_DRAWS = 2
};
int target_pick_rows (const double *cumulative, size_t K, sb_stream stream, size_t rows, size_t *component);

#endif
