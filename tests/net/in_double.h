#ifndef SCOREBOOK_TESTS_IN_DOUBLE_H
#define SCOREBOOK_TESTS_IN_DOUBLE_H

#include <stddef.h>

// A network evaluated in double, for a test that is compiled in float: forward, then the gradients for out_bar.
// theta, x, label, out_bar are converted; out, theta_bar and x_bar come back in double.
typedef struct
{
  double *out, *theta_bar, *x_bar;
} wide_answer;

wide_answer in_double (const char *configuration, size_t n, const float *theta, const float *x, const float *label,
                       const float *out_bar);

#endif
