#ifndef SCOREBOOK_TARGET_IMAGE_LAW_H
#define SCOREBOOK_TARGET_IMAGE_LAW_H

#include "../operator/operator.h"
#include "target.h"

SB_BEGIN_DECLS

// The law of Hx, for x of a Gaussian or a mixture and an operator without a level; of a selection of coordinates, their
// marginal. In more dimensions than x it is singular. NULL with GSL_EBADLEN where the operator's columns are not the
// law's dimension; GSL_EUNSUP for other laws; GSL_EINVAL for an operator with a level; GSL_ENOMEM; and what
// sb_target_mixture_alloc and the operator report.
sb_target *sb_target_image_alloc (const sb_target *target, const sb_operator *H);

SB_END_DECLS

#endif
