#ifndef SCOREBOOK_PROCESS_VIEW_H
#define SCOREBOOK_PROCESS_VIEW_H

// One estimate, three views of it. Where x_t = A x_0 + S z (A = A(0,t), S = S(0,t)):
typedef enum
{
  SB_SCORE = 1,    // s(x, t), the gradient of log p_t(x)
  SB_DENOISER = 2, // x_hat0(x, t) = E[x_0 | x_t = x]
  SB_EPSILON = 4   // eps(x, t) = E[z | x_t = x]
} sb_view;

#endif
