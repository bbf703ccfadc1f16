#ifndef SCOREBOOK_MEASURE_FRAMED_H
#define SCOREBOOK_MEASURE_FRAMED_H

// Squared distances that keep their digits, between rows of points in one frame; not installed.

#include "../base/frame.h"

typedef struct
{
  const gsl_matrix *z; // n x d: the points as given
  double scale;        // 2^-exponent
  gsl_matrix *u;       // n x d: in the frame
  gsl_vector *square;  // n: |u|^2
} framed;

int framed_alloc (const sb_frame *frame, const gsl_matrix *z, framed *points); // to be freed even on failure
void framed_free (framed *points);

// squared(i, j) <- the squared distance, in units of the frame, from row first_x + i of x to row first_y + j of y.
void framed_squared (const framed *x, size_t first_x, const framed *y, size_t first_y, gsl_matrix *squared);

#endif
