// # Adam
//
// Each weight moves by about the learning rate, whatever the scale of its gradient $g$: the step is the gradient's
// recent mean over its recent root mean square (Kingma and Ba, 2015, Algorithm 1),
// $$ m \leftarrow \beta_1 m + (1-\beta_1) g, \quad v \leftarrow \beta_2 v + (1-\beta_2) g^2, \quad
//    \theta \leftarrow \theta - \eta\, \frac{m / (1-\beta_1^k)}{\sqrt{v / (1-\beta_2^k)} + \varepsilon}. $$
// The divisors $1 - \beta^k$ undo the start from zero.

#include "adam.h"

#include "../base/clones.h"
#include "../base/shard.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <math.h>

// The values are not printed in the paper; they are those of its authors' CIFAR-10 configuration. [scoresde.set-optim]
// Soft Diffusion prints them. [soft.set-optim]

const sb_adam sb_adam_defaults = { .rate = 2e-4,
                                   .beta1 = 0.9,
                                   .beta2 = 0.999,
                                   .epsilon = 1e-8,
                                   .warmup = 5000,
                                   .clip = 1,
                                   .ema = 0.9999,
                                   .ema_warmup = SB_EMA_STEPS };

// ## The update
//
// The average follows the weights: $\theta' \leftarrow \mu\,\theta' + (1-\mu)\,\theta$. [scoresde.set-ema] `all`, a
// constant where this is called: every weight is trained.

typedef struct
{
  float scale; // of the gradient, below 1 where it is clipped
  float beta1, beta2, one_minus_beta1, one_minus_beta2, epsilon;
  float rate;         // eta / (1 - beta1^k)
  float unbias;       // 1 / (1 - beta2^k)
  float one_minus_mu; // of the average
  const unsigned char *trained;
  const float *gradient;
  float *theta, *m, *v, *ema;
} update;

static inline __attribute__ ((always_inline)) void
update_weights (const update *shared, int all, size_t first, size_t end)
{
  const update u = *shared;
#pragma omp simd
  for (size_t j = first; j < end; j++)
    {
      // clip the gradient
      float g = u.scale * u.gradient[j];
      // update the first moment
      u.m[j] = u.beta1 * u.m[j] + u.one_minus_beta1 * g;
      // update the second moment
      u.v[j] = u.beta2 * u.v[j] + u.one_minus_beta2 * g * g;
      // move the weight, both moments' start from zero undone
      float step = u.rate * u.m[j] / (sqrtf (u.unbias * u.v[j]) + u.epsilon);
      u.theta[j] -= all || u.trained[j] ? step : 0;
      // let the average follow
      u.ema[j] += u.one_minus_mu * (u.theta[j] - u.ema[j]);
    }
}

// ## Warm-up
//
// The first estimates of $v$ rest on few gradients, so the rate rises linearly: $\eta_k = \eta\,\min(k/w, 1)$.
// [scoresde.set-optim] Karras et al. (2022) count the images seen before the step, $n = (k - 1)B$,
// [consistent.set-edm-lr]
// $\eta_k = \eta\,\min(n/10^7, 1)$, so that the first step only fills the moments.

static double
images_before (const sb_adam *adam, uint64_t step)
{
  return ((double)step - 1) * adam->batch;
}

double
sb_adam_rate (const sb_adam *adam, uint64_t step)
{
  if (adam->ramp > 0)
    return adam->rate * GSL_MIN_DBL (images_before (adam, step) / adam->ramp, 1);
  return (double)step < adam->warmup ? adam->rate * (double)step / adam->warmup : adam->rate;
}

// The average begins at the first weights, which at a rate of $\mu = 0.9999$ have half of it for 6931 steps. So the
// rate is less at first: $\mu_n = \min\bigl(\mu, \frac{1+n}{10+n}\bigr)$, which after $n$ steps leaves them about
// $10!\,n^{-9}$; or as Karras et al. (2022) have it, with a half-life of at most a twentieth of the images seen so far,
// however many a step takes: $\mu_n = \min(\mu, 2^{-20/n})$. [scoresde.set-ema] In images it is $\mu = 2^{-B/H}$ with
// $H = \min(H_0, n/20)$ and $n$ those before the step: after the first step the average is the weights.
// [consistent.set-edm-ema] The two count differently, as the former includes the step's own images: at step $k$ they
// count $k$ and $k - 1$ steps.

double
sb_adam_ema_rate (const sb_adam *adam, uint64_t step)
{
  const double n = (double)step;
  if (adam->half_life > 0)
    return exp2 (-adam->batch / GSL_MIN_DBL (adam->half_life, images_before (adam, step) / 20));
  switch (adam->ema_warmup)
    {
    case SB_EMA_STEPS:
      return GSL_MIN_DBL (adam->ema, (1 + n) / (10 + n));
    case SB_EMA_IMAGES:
      return GSL_MIN_DBL (adam->ema, exp2 (-20 / n));
    default:
      return adam->ema;
    }
}

double
sb_adam_first_share (const sb_adam *adam, uint64_t steps)
{
  double share = 1;
  for (uint64_t n = 1; n <= steps && share > GSL_DBL_EPSILON; n++)
    share *= sb_adam_ema_rate (adam, n);
  return share;
}

// ## Clipping
//
// A gradient longer than `clip` is shortened to it, over all weights together. The norm is summed in double, the
// pieces' sums in their order; the pragma lets the compiler keep several partial sums, in an order that is fixed for a
// given program.

typedef struct
{
  const float *gradient;
  double squares[SB_PIECES];
} squared;

SB_CLONES static double
sum_of_squares (size_t count, const float *gradient)
{
  double square = 0;
#pragma omp simd reduction(+ : square)
  for (size_t k = 0; k < count; k++)
    square += (double)gradient[k] * (double)gradient[k];
  return square;
}

static int
square_piece (void *context, size_t piece, size_t first, size_t count)
{
  squared *s = context;
  s->squares[piece] = sum_of_squares (count, s->gradient + first);
  return GSL_SUCCESS;
}

static double
global_norm (size_t count, const float *gradient)
{
  squared s = { .gradient = gradient };
  double square = 0;
  sb_pieces (count, square_piece, &s);
  for (size_t k = 0; k < SB_PIECES; k++)
    square += s.squares[k];
  return sqrt (square);
}

// ## A step
//
// Weights are updated in pieces, which threads share.

SB_CLONES static void
update_range (const update *u, size_t first, size_t end)
{
  if (u->trained)
    update_weights (u, 0, first, end);
  else
    update_weights (u, 1, first, end);
}

static int
update_piece (void *context, size_t piece, size_t first, size_t count)
{
  (void)piece;
  update_range (context, first, first + count);
  return GSL_SUCCESS;
}

double
sb_adam_step (const sb_adam *adam, uint64_t step, size_t count, const unsigned char *trained, const float *gradient,
              float *theta, float *m, float *v, float *ema)
{
  // measure the gradient; where that is not finite, leave everything as it is
  double norm = global_norm (count, gradient), k = (double)step;
  if (!gsl_finite (norm))
    return norm;

  // make the numbers that all weights share
  update u = { .scale = (float)(adam->clip > 0 && norm > adam->clip ? adam->clip / norm : 1),
               .beta1 = (float)adam->beta1,
               .beta2 = (float)adam->beta2,
               .one_minus_beta1 = (float)(1 - adam->beta1),
               .one_minus_beta2 = (float)(1 - adam->beta2), // a difference in float would lose four digits
               .epsilon = (float)adam->epsilon,
               .rate = (float)(sb_adam_rate (adam, step) / (1 - pow (adam->beta1, k))),
               .unbias = (float)(1 / (1 - pow (adam->beta2, k))),
               .one_minus_mu = (float)(1 - sb_adam_ema_rate (adam, step)),
               .trained = trained,
               .gradient = gradient,
               .theta = theta,
               .m = m,
               .v = v,
               .ema = ema };

  // update the weights
  sb_pieces (count, update_piece, &u);
  return norm;
}
