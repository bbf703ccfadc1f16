#ifndef SCOREBOOK_NET_DUAL_H
#define SCOREBOOK_NET_DUAL_H

#include "passes.h"

SB_BEGIN_DECLS

// A network's output and its derivative along a direction, and the gradient of both: for objectives that contain the
// Jacobian J of a network, such as sliced score matching. Every number y of the network becomes a pair (y, y_dot).
// Computed by the reference's layers; for self-attention there is no such gradient here.
typedef struct sb_net_dual sb_net_dual;

// A workspace for up to `samples` samples. NULL: GSL_EUNSUP where the network has self-attention, GSL_ENOMEM.
sb_net_dual *sb_net_dual_alloc (const sb_net *net, size_t samples);
void sb_net_dual_free (sb_net_dual *dual); // NULL is allowed

// out = f(x, label, y; theta) and out_dot = J x_dot, shapes as for sb_net_forward. GSL_EINVAL: n > samples.
int sb_net_dual_forward (sb_net_dual *dual, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
                         const sb_net_condition *y, const sb_real *x_dot, sb_real *out, sb_real *out_dot);

// After it, with the same theta: given the gradients of some number with respect to out and out_dot, add its gradient
// with respect to theta to theta_bar. With out_bar = 0 and out_dot_bar = w that is the gradient of w^T J x_dot.
int sb_net_dual_backward (sb_net_dual *dual, const sb_real *theta, const sb_real *out_bar, const sb_real *out_dot_bar,
                          sb_real *theta_bar);

SB_END_DECLS

#endif
