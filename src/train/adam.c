// # Adam
//
// Each weight moves by about the learning rate, whatever the scale of its gradient $g$: the step is the gradient's
// recent mean over its recent root mean square (Kingma and Ba, 2015, Algorithm 1),
// $$ m \leftarrow \beta_1 m + (1-\beta_1) g, \quad v \leftarrow \beta_2 v + (1-\beta_2) g^2, \quad
//    \theta \leftarrow \theta - \eta\, \frac{m / (1-\beta_1^k)}{\sqrt{v / (1-\beta_2^k)} + \varepsilon}. $$
// The divisors $1 - \beta^k$ undo the start from zero.

#include "adam.h"

#include "../base/clones.h"

#include <gsl/gsl_math.h>
#include <math.h>

// The values are not printed in the paper; they are those of its authors' CIFAR-10 configuration. [scoresde.set-optim]

const sb_adam sb_adam_defaults
    = { .rate = 2e-4, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .warmup = 5000, .clip = 1, .ema = 0.9999 };

// ## Warm-up
//
// The first estimates of $v$ rest on few gradients, so the rate rises linearly: $\eta_k = \eta\,\min(k/w, 1)$.
// [scoresde.set-optim]

double
sb_adam_rate (const sb_adam *adam, uint64_t step)
{
  return (double)step < adam->warmup ? adam->rate * (double)step / adam->warmup : adam->rate;
}

// ## Clipping
//
// A gradient longer than `clip` is shortened to it, over all weights together. The norm is summed in double; the
// pragma lets the compiler keep several partial sums, in an order that is fixed for a given program.

SB_CLONES static double
global_norm (size_t count, const float *gradient)
{
  double square = 0;
#pragma omp simd reduction(+ : square)
  for (size_t k = 0; k < count; k++)
    square += (double)gradient[k] * (double)gradient[k];
  return sqrt (square);
}

// ## The step

SB_CLONES double
sb_adam_step (const sb_adam *adam, uint64_t step, size_t count, const unsigned char *trained, const float *gradient,
              float *theta, float *m, float *v, float *ema)
{
  double norm = global_norm (count, gradient);
  if (!gsl_finite (norm))
    return norm;

  double k = (double)step;
  float scale = (float)(adam->clip > 0 && norm > adam->clip ? adam->clip / norm : 1);
  float beta1 = (float)adam->beta1, beta2 = (float)adam->beta2, epsilon = (float)adam->epsilon;
  float rest1 = (float)(1 - adam->beta1), rest2 = (float)(1 - adam->beta2); // 1 - beta2 in float would lose four digits
  float rate = (float)(sb_adam_rate (adam, step) / (1 - pow (adam->beta1, k)));
  float unbias = (float)(1 / (1 - pow (adam->beta2, k)));

  // The average follows the weights: $\theta' \leftarrow \mu\,\theta' + (1-\mu)\,\theta$. [scoresde.set-ema]
  float follow = (float)(1 - adam->ema);
#pragma omp simd
  for (size_t j = 0; j < count; j++)
    {
      float g = scale * gradient[j];
      m[j] = beta1 * m[j] + rest1 * g;
      v[j] = beta2 * v[j] + rest2 * g * g;
      float move = rate * m[j] / (sqrtf (unbias * v[j]) + epsilon);
      theta[j] -= trained && !trained[j] ? 0 : move;
      ema[j] += follow * (theta[j] - ema[j]);
    }
  return norm;
}
