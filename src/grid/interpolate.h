#ifndef SCOREBOOK_GRID_INTERPOLATE_H
#define SCOREBOOK_GRID_INTERPOLATE_H

#include "../base/decls.h"

#include <stddef.h>

SB_BEGIN_DECLS

typedef enum
{
  SB_INTERPOLATE_LINEAR,  // i/2, for a network that accepts labels between its scales
  SB_INTERPOLATE_ROUNDING // i/2 rounded down, for one that cannot
} sb_interpolation;

// The label to give a network trained on N noise scales, labelled 0, ..., N-1, that is sampled on 2N, labelled i = 0,
// ..., 2N-1. GSL_EDOM and NaN where i >= 2N, GSL_EINVAL and NaN where there is no such interpolation.
double sb_interpolate_label (sb_interpolation how, size_t N, size_t i);

SB_END_DECLS

#endif
