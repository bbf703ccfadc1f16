#ifndef SCOREBOOK_OBJECTIVE_LEVELS_H
#define SCOREBOOK_OBJECTIVE_LEVELS_H

#include "../base/decls.h"
#include "../base/entry.h"

#include <stdbool.h>

SB_BEGIN_DECLS

// The law of the times at which a loss is evaluated, by its quantiles.
typedef struct
{
  sb_entry entry;
  bool of_noise; // the law is one of noise levels: of processes whose time is the noise level (process/edm.h)

  // The time below which a share u in (0, 1) of the draws lie. key: the values of the entry's keys.
  double (*quantile) (const double *key, double t_min, double t_max, double u);
} sb_level_law;

// uniform: on [t_min, t_max]; of a chain, on its levels there. lognormal: ln sigma is normal, with a mean and a
// deviation, whatever t_min and t_max are.
extern const sb_level_law *sb_levels_uniform, *sb_levels_lognormal;

const sb_entry *sb_level_laws (size_t k); // the family; each is the first field of its sb_level_law

SB_END_DECLS

#endif
