#ifndef SCOREBOOK_PROCESS_VIEW_H
#define SCOREBOOK_PROCESS_VIEW_H

#include "../base/decls.h"

SB_BEGIN_DECLS

// One estimate, three views of it. Where x_t = A x_0 + S z (A = A(0,t), S = S(0,t)):
typedef enum
{
  SB_SCORE = 1,    // s(x, t), the gradient of log p_t(x)
  SB_DENOISER = 2, // x_hat0(x, t) = E[x_0 | x_t = x]
  SB_EPSILON = 4   // eps(x, t) = E[z | x_t = x]
} sb_view;

// GSL_EINVAL unless it is one of these.
int sb_check_view (sb_view view);

SB_END_DECLS

#endif
