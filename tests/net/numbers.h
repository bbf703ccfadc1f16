#ifndef SCOREBOOK_TESTS_NUMBERS_H
#define SCOREBOOK_TESTS_NUMBERS_H

// Numbers for a network, as gaussians in scope.h: zeros, and the product of two lists.

#include "scope.h"

static inline sb_real *
zeros (size_t count)
{
  return scoped ((sb_real *)calloc (count + 1, sizeof (sb_real)));
}

static inline double
dot (const sb_real *a, const sb_real *b, size_t count)
{
  double sum = 0;
  for (size_t k = 0; k < count; k++)
    sum += (double)a[k] * (double)b[k];
  return sum;
}

// x + h direction.
static inline sb_real *
moved (const sb_real *x, double h, const sb_real *direction, size_t count)
{
  sb_real *there = zeros (count);
  for (size_t k = 0; k < count; k++)
    there[k] = x[k] + (sb_real)h * direction[k];
  return there;
}

// A direction in which every trained parameter moves. (Fourier frequencies are not trained, and have no gradient.)
static inline sb_real *
trained_direction (const sb_net *net, gsl_rng *r, double deviation)
{
  sb_real *direction = gaussians (r, net->parameters, deviation);
  for (size_t k = 0; k < sb_net_tensors (net); k++)
    {
      sb_net_tensor tensor = sb_net_tensor_at (net, k);
      for (size_t j = 0; j < tensor.count && !tensor.trained; j++)
        direction[tensor.offset + j] = 0;
    }
  return direction;
}

#endif
