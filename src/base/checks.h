#ifndef SCOREBOOK_BASE_CHECKS_H
#define SCOREBOOK_BASE_CHECKS_H

// Argument checks used in many places; not installed.

#include <gsl/gsl_matrix.h>

// Every length that a caller chooses is checked before it is multiplied: GSL_ENOMEM where a x b x c numbers are more
// than any memory holds, so that lengths which pass may still be multiplied by a few hundred.
int sb_check_lengths (const char *what, size_t a, size_t b, size_t c);

// GSL_EINVAL where the output `out` is the input x itself; x may be NULL.
int sb_check_apart (const char *what, const gsl_matrix *x, const gsl_matrix *out);

// `code` where a number is not finite, with its place in the message.
int sb_check_finite (const char *what, int code, const gsl_matrix *m);
int sb_check_finite_numbers (const char *what, int code, const double *v, size_t count);

#endif
