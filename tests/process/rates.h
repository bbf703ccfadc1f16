#ifndef SCOREBOOK_TESTS_PROCESS_RATES_H
#define SCOREBOOK_TESTS_PROCESS_RATES_H

#include "process/vp.h"
#include "property.h"

// For the tests of VP and sub-VP: random rates, a decade either side of the paper's, at random times; and the paper's.
enum
{
  CASES = 200
};

static const property_parameter random_rates[] = { { "beta_min", PROPERTY_LOG, 0.01, 1, 0.1 },
                                                   { "beta_max - beta_min", PROPERTY_LOG, 0.1, 30, 19.9 },
                                                   { "t", PROPERTY_UNIFORM, 0.01, 0.99, 0.5 },
                                                   { "s/t", PROPERTY_UNIFORM, 0, 0.99, 0.5 } };

static const sb_vp paper = { .beta_min = SB_VP_BETA_MIN, .beta_max = SB_VP_BETA_MAX };

static inline sb_vp
vp_of (const double *v)
{
  return (sb_vp){ .beta_min = v[0], .beta_max = v[0] + v[1] };
}

#endif
