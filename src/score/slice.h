#ifndef SCOREBOOK_SCORE_SLICE_H
#define SCOREBOOK_SCORE_SLICE_H

#include "score.h"

SB_BEGIN_DECLS

// The score of x_t given y_t, from a joint one of z_t = (x_t, y_t): x are the first numbers of z, as many as of_x has,
// and the condition, n rows, is the rest of it, at the time of x_t. (If that is empty, there is no condition: NULL.)
// Its views and derivatives are the joint score's; parameters' gradients are passed on. of_x is the process of x_t
// alone, which has to be x's block of the joint one. Epsilon is taken from the joint score only where the joint process
// has parts and no basis: elsewhere the noises of x and y may be mixed.
//
// A missing condition or one of another shape is GSL_EBADLEN, a number of x or of the condition that is not finite
// GSL_EDOM, and so is a time that one of the two processes does not have. The divergence is that of x, by as many
// products as it has numbers: it does not follow from that of z.
//
// `joint` and of_x are not copied and have to outlive it. NULL with GSL_EBADLEN where of_x has more numbers than z,
// with GSL_EUNSUP where no view is left, with GSL_ENOMEM.
sb_score *sb_score_slice_alloc (const sb_score *joint, const sb_process *of_x);

SB_END_DECLS

#endif
