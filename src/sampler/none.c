// # The identity
//
// It leaves $\mathbf x$ where it is. With a Langevin corrector at every level, that is the sampler of SMLD: annealed
// Langevin dynamics. [scoresde.txt-pc-unify]

#include "sampler.h"

static const sb_step_type none = { .entry = { .name = "none", .help = "leaves x unchanged: correctors only" },
                                   .needs = SB_NEEDS_NO_ESTIMATE | SB_NEEDS_NO_NOISE };

const sb_step_type *sb_step_none = &none;
