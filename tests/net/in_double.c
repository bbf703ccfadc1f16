#define SB_NET_DOUBLE
#include "in_double.h"
#include "net/passes.h"
#include "scope.h"

#include <stdlib.h>

static double *
widen (const float *x, size_t count)
{
  double *wide = scoped (malloc ((count + 1) * sizeof *wide));
  for (size_t k = 0; k < count && wide; k++)
    wide[k] = (double)x[k];
  return wide;
}

int
in_double (const char *configuration, size_t n, const float *theta, const float *x, const float *label,
           const float *out_bar, double *out, double *theta_bar, double *x_bar)
{
  sb_net *net = scoped (sb_net_alloc (configuration, NULL));
  size_t in = sb_net_shape_size (sb_net_input (net)), outs = sb_net_shape_size (sb_net_output (net));
  sb_net_work *work = scoped (sb_net_work_alloc (net, n, 1));
  double *wide_theta = widen (theta, net->parameters), *wide_x = widen (x, n * in), *wide_label = widen (label, n),
         *wide_bar = widen (out_bar, n * outs);
  for (size_t k = 0; k < net->parameters; k++)
    theta_bar[k] = 0;
  int status = sb_net_forward (net, wide_theta, n, wide_x, wide_label, NULL, work, out);
  if (!status)
    status = sb_net_backward (net, wide_theta, work, wide_bar, theta_bar, x_bar);
  return status;
}
