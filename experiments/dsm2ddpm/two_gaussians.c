// # Two Gaussians in the plane

#include "two_gaussians.h"

sb_target *
two_gaussians (void)
{
  const double weights[] = { alpha, 1 - alpha };
  static const double means[] = { -3, -3, 3, 3 }, covariances[] = { 1, 0, 0, 1, 1, 0, 0, 1 };
  return mixture_of (2, 2, weights, means, covariances);
}
