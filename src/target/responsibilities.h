#ifndef SCOREBOOK_TARGET_RESPONSIBILITIES_H
#define SCOREBOOK_TARGET_RESPONSIBILITIES_H

// Not installed.

#include "../base/elementary.h"

#include <stddef.h>

// The responsibility $r_k = P(k \mid \mathbf{x})$ is the component's share in the sum. Far from all components every
// density underflows, so the largest log density is subtracted first; `log_sum` is the logarithm of the sum.
//
// For n rows, the row fastest: r (K x n) holds log densities, weights included, and receives the responsibilities;
// log_sum and the workspace `sum` are n. To be inlined into a function marked SB_CLONES.

static inline __attribute__ ((always_inline)) void
target_responsibilities (size_t K, size_t n, double *restrict r, double *restrict log_sum, double *restrict sum)
{
#pragma omp simd
  for (size_t i = 0; i < n; i++)
    log_sum[i] = r[i];
  for (size_t k = 1; k < K; k++)
    {
#pragma omp simd
      for (size_t i = 0; i < n; i++)
        log_sum[i] = r[k * n + i] > log_sum[i] ? r[k * n + i] : log_sum[i];
    }
  for (size_t k = 0; k < K; k++)
    {
#pragma omp simd
      for (size_t i = 0; i < n; i++)
        {
          double share = sb_vexp (r[k * n + i] - log_sum[i]);
          r[k * n + i] = share;
          sum[i] = k == 0 ? share : sum[i] + share;
        }
    }
#pragma omp simd
  for (size_t i = 0; i < n; i++)
    {
      log_sum[i] += sb_vlog (sum[i]); // from 1 to K
      sum[i] = 1 / sum[i];
    }
  for (size_t k = 0; k < K; k++)
    {
#pragma omp simd
      for (size_t i = 0; i < n; i++)
        r[k * n + i] *= sum[i];
    }
}

#endif
