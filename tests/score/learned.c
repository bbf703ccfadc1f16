#define SB_NET_DOUBLE
#include "learned.h"
#include "net/passes.h"
#include "scope.h"

#include <math.h>
#include <stdlib.h>

// In $\mathbf x/a$ and $\sigma = \varsigma/a$, as Karras et al. have them: the network sees $\mathbf x/a$ divided by
// its deviation, and what it says is a denoiser $\hat{\mathbf x}_0$, of which the score is $(a\hat{\mathbf x}_0 -
// \mathbf x)/\varsigma^2$, or the noise.

static double
deviation_at (const learned *l, size_t i)
{
  return hypot (l->sd[i] / l->a[i], l->deviation);
}

void
learned_score (const learned *l, const double *theta, const double *x, double *s)
{
  const size_t C = l->channels, P = l->pixels, d = C * P;
  sb_net *net = scoped (sb_net_alloc (l->configuration, NULL));
  sb_net_work *work = scoped (sb_net_work_alloc (net, l->n, 0));
  double *seen = scoped (malloc (l->n * d * sizeof *seen)), *F = scoped (malloc (l->n * d * sizeof *F)),
         *label = scoped (malloc (l->n * sizeof *label));
  for (size_t i = 0; i < l->n; i++)
    {
      label[i] = (double)(float)(l->log_noise ? log (l->sd[i] / l->a[i]) : 1000 * l->t[i]);
      for (size_t c = 0; c < C; c++)
        for (size_t p = 0; p < P; p++)
          seen[i * d + c * P + p] = x[i * d + p * C + c] / l->a[i] / deviation_at (l, i);
    }
  cr_assert_eq (sb_net_forward (net, theta, l->n, seen, label, NULL, work, F), 0);
  for (size_t i = 0; i < l->n; i++)
    for (size_t c = 0; c < C; c++)
      for (size_t p = 0; p < P; p++)
        {
          double a = l->a[i], sd = l->sd[i], total = deviation_at (l, i), x_i = x[i * d + p * C + c],
                 f = F[i * d + c * P + p], share = l->deviation / total,
                 x_hat0 = share * share * x_i / a + share * sd / a * f;
          s[i * d + p * C + c] = l->mixed ? (a * x_hat0 - x_i) / (sd * sd) : -f / sd;
        }
}
