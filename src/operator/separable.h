#ifndef SCOREBOOK_OPERATOR_SEPARABLE_H
#define SCOREBOOK_OPERATOR_SEPARABLE_H

// Operators of images that act separately along columns and along rows; not installed.

#include "operator.h"

// GSL_EINVAL where a size is 0 or a side is above 2^16; GSL_ENOMEM where an image exceeds any memory.
int sb_separable_check (const char *name, size_t height, size_t width, size_t channels);

// Each channel X (height x width) becomes down X across^T. The matrices belong to the operator from here on, and are
// released where this fails. NULL with GSL_ENOMEM, also where one of them is NULL. The type has the two functions
// below.
sb_operator *sb_separable_alloc (const sb_operator_type *type, gsl_matrix *down, gsl_matrix *across, size_t channels);

int sb_separable_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                        gsl_matrix *out);
void sb_separable_free (void *state);

#endif
