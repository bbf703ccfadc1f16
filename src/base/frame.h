#ifndef SCOREBOOK_BASE_FRAME_H
#define SCOREBOOK_BASE_FRAME_H

// A centre and scale for samples, relative to which sums of squares are taken; not installed.

#include <gsl/gsl_matrix.h>

// z = centre + 2^exponent u, with u between -1 and 1 for every point of the samples.
typedef struct
{
  gsl_vector *centre; // d
  int exponent;
} sb_frame;

// The frame of the rows of x (n x d) and y (m x d; NULL: x alone), to be freed unless this fails. GSL_EBADLEN where x
// or y has no points or they differ in d, or d is 0; GSL_EDOM where a number is not finite; GSL_ENOMEM.
int sb_frame_of (const gsl_matrix *x, const gsl_matrix *y, sb_frame *frame);
void sb_frame_free (sb_frame *frame);

// Rows first, first + 1, ... of z (n x d) in the frame, into u, as many as u has.
void sb_frame_rows (const sb_frame *frame, const gsl_matrix *z, size_t first, gsl_matrix *u);

// The rows of z (n x d) in the frame, projected onto those of directions (k x d): projections (n x k). GSL_ENOMEM.
int sb_frame_project (const sb_frame *frame, const gsl_matrix *z, const gsl_matrix *directions,
                      gsl_matrix *projections);

// 2^(power exponent): the factor that turns a length (power 1) or a square (2) in the frame into one of z. GSL_EOVRFLW,
// GSL_EUNDRFLW where no normal double is as large, or as small.
int sb_frame_unit (const sb_frame *frame, int power, double *unit);

// The least exponent with |x| < 2^exponent, limited so that 2^-exponent is a normal number too; 0 for zero.
int sb_frame_exponent (double x);

#endif
