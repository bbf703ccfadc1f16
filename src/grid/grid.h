#ifndef SCOREBOOK_GRID_GRID_H
#define SCOREBOOK_GRID_GRID_H

#include "../base/decls.h"
#include "../base/entry.h"

#include <gsl/gsl_vector.h>
#include <stdbool.h>

SB_BEGIN_DECLS

// Each fills a vector of the caller's, whose size is the number of values; both ends are exact.
// GSL_EBADLEN where the vector is too short to have two ends, GSL_EINVAL where a bound is out of range or not finite.

// n >= 2 values, evenly spaced, from first to last, up or down: times from epsilon to T and back.
int sb_grid_linear (double first, double last, gsl_vector *t);

// SMLD's noise scales sigma_1, ..., sigma_N, N >= 2, 0 < sigma_min < sigma_max.
int sb_grid_geometric (double sigma_min, double sigma_max, gsl_vector *sigma);

// DDPM's beta_1, ..., beta_N, N >= 2, 0 < beta_bar_min <= beta_bar_max < N.
int sb_grid_arithmetic (double beta_bar_min, double beta_bar_max, gsl_vector *beta);

// The noise levels of Karras et al. (2022), downwards: N >= 2 of them, and a last value of 0, so N + 1 in all.
// 0 < sigma_min < sigma_max, rho > 0 (theirs: 0.002, 80 and 7). A run over it ends at the data: SB_FINAL_SAMPLE.
int sb_grid_edm (double sigma_min, double sigma_max, double rho, gsl_vector *sigma);

// Time k of n, from first (k = 0) to last (k = n - 1), both exact: even in t^(1/rho), first, last >= 0, rho > 0.
double sb_grid_even_in_root (double first, double last, double rho, size_t k, size_t n);

// A grid that a line of text can choose (base/entry.h): "linear", "edm rho=7".
typedef struct
{
  sb_entry entry;
  bool by_levels; // its times are noise levels, and a denoising at the last of them counts as a step
  int (*fill) (double first, double last, const double *key,
               gsl_vector *t); // n >= 2 times, 0 <= last < first < infinity
} sb_grid_kind;

const sb_entry *sb_grids (size_t k); // the family; each is the first field of its sb_grid_kind

SB_END_DECLS

#endif
