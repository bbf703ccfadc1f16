#define SB_NET_DOUBLE
#include "log_class.h"
#include "net/passes.h"
#include "scope.h"

#include <math.h>

double
log_class (const char *configuration, const float *theta, const double *x, double label, int class)
{
  const size_t mark = scope_mark ();
  sb_net *net = scoped (sb_net_alloc (configuration, NULL));
  sb_net_work *work = scoped (sb_net_work_alloc (net, 1, 0));
  const size_t classes = sb_net_shape_size (sb_net_output (net));
  double *wide = scoped (malloc (net->parameters * sizeof *wide)), *out = scoped (malloc (classes * sizeof *out)),
         sum = 0;
  for (size_t k = 0; k < net->parameters; k++)
    wide[k] = (double)theta[k];
  ok (sb_net_forward (net, wide, 1, x, &label, NULL, work, out));
  for (size_t k = 0; k < classes; k++)
    sum += exp (out[k] - out[class]);
  scope_release (mark);
  return -log (sum);
}
