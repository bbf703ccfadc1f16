// # At which noise levels a loss is drawn
//
// The papers draw $t$ uniformly. Karras et al. (2022, Table 1) draw the level itself, [consistent.set-edm-noisedist]
// $$ \ln\sigma \sim \mathcal N(P_{\text{mean}}, P_{\text{std}}^2), \qquad P_{\text{mean}} = -1.2, \quad P_{\text{std}} = 1.2 , $$
// so that most draws fall where there is something to learn: far below, the noise cannot be seen, far above, neither
// can the data.

#include "levels.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

static double
uniform (const double *key, double t_min, double t_max, double u)
{
  (void)key;
  return t_min + u * (t_max - t_min);
}

static double
lognormal (const double *key, double t_min, double t_max, double u)
{
  (void)t_min, (void)t_max;
  return exp (key[0] + key[1] * gsl_cdf_ugaussian_Pinv (u));
}

static const sb_key of_lognormal[]
    = { { .name = "mean", .usual = -1.2, .low = -20, .high = 20, .help = "of the log noise level" },
        { .name = "sd", .usual = 1.2, .high = 20, .above = true, .help = "its standard deviation" } };

const sb_level_law *sb_levels_uniform
    = &(const sb_level_law){ { .name = "uniform", .help = "over all times" }, false, uniform },
    *sb_levels_lognormal
    = &(const sb_level_law){ { "lognormal", "of the noise level, as in EDM; for processes whose time is the level",
                               of_lognormal, 2 },
                             true,
                             lognormal };

const sb_entry *
sb_level_laws (size_t k)
{
  const sb_level_law *const table[] = { sb_levels_uniform, sb_levels_lognormal };
  return k < sizeof table / sizeof *table ? &table[k]->entry : NULL;
}
