#define SB_NET_DOUBLE
#include "in_double.h"
#include "numbers.h"

static double *
widen (const float *x, size_t count)
{
  double *wide = zeros (count);
  for (size_t k = 0; k < count; k++)
    wide[k] = (double)x[k];
  return wide;
}

wide_answer
in_double (const char *configuration, size_t n, const float *theta, const float *x, const float *label,
           const float *out_bar)
{
  sb_net *net = scoped (sb_net_alloc (configuration, NULL));
  size_t in = n * sb_net_shape_size (sb_net_input (net)), out = n * sb_net_shape_size (sb_net_output (net));
  sb_net_work *work = scoped (sb_net_work_alloc (net, n, 1));
  double *wide_theta = widen (theta, net->parameters);
  wide_answer wide = { zeros (out), zeros (net->parameters), zeros (in) };
  ok (sb_net_forward (net, wide_theta, n, widen (x, in), widen (label, n), NULL, work, wide.out));
  ok (sb_net_backward (net, wide_theta, work, widen (out_bar, out), wide.theta_bar, wide.x_bar));
  return wide;
}
