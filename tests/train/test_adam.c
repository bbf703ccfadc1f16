// # What must be true of Adam

#include "train/adam.h"
#include "scope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ## Five steps by hand
//
// Adam with rate 0.1, moments 0.9 and 0.999, from $\theta = 1$ with gradients 0.5, -0.25, 1, 0, 2; worked in double
// from the published algorithm, moment by moment. [scoresde.set-optim]

Test (adam, five_steps_by_hand)
{
  const sb_adam adam = { .rate = 0.1, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8 };
  const float gradients[] = { 0.5F, -0.25F, 1, 0, 2 };
  float theta = 1, m = 0, v = 0, ema = 1;
  double x = 1, first = 0, second = 0;
  for (int k = 1; k <= 5; k++)
    {
      double g = (double)gradients[k - 1];
      first += (1 - 0.9) * (g - first);
      second += (1 - 0.999) * (g * g - second);
      x -= 0.1 * (first / (1 - pow (0.9, k))) / (sqrt (second / (1 - pow (0.999, k))) + 1e-8);
      double norm = sb_adam_step (&adam, (uint64_t)k, 1, NULL, &gradients[k - 1], &theta, &m, &v, &ema);
      cr_assert_float_eq (norm, fabs (g), 1e-12);
      cr_assert_float_eq ((double)theta, x, 1e-6, "step %d: %.9g by the program, %.9g by hand", k, (double)theta, x);
    }
}

// The report's: rate $2\cdot10^{-5}$, and of what it does not print neither warm-up nor clipping nor average. Down
// three parabolas $\frac h2(\theta - c)^2$ at once, against Kingma and Ba's Algorithm 1 in long double, which follows
// its own gradients. Two minima are passed on the way, so that the moments' memory shows; the third slope is as small
// as $\varepsilon$. Weights are floats, but start at zero and move by $10^{-4}$: five steps are right to a millionth of
// that. [dsm2ddpm.set-ncsn-train]

Test (adam, five_steps_down_three_parabolas)
{
  enum
  {
    N = 3
  };
  const sb_adam adam = { .rate = 2e-5, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8 };
  const long double h[N] = { 1, 40, 1e-8L }, c[N] = { 3e-5L, -5e-5L, 1 };
  long double x[N] = { 0 }, first[N] = { 0 }, second[N] = { 0 };
  float theta[N] = { 0 }, m[N] = { 0 }, v[N] = { 0 }, ema[N] = { 0 }, gradient[N];
  for (int k = 1; k <= 5; k++)
    {
      for (int j = 0; j < N; j++)
        {
          gradient[j] = (float)(h[j] * ((long double)theta[j] - c[j]));
          long double g = h[j] * (x[j] - c[j]);
          first[j] = 0.9L * first[j] + 0.1L * g;
          second[j] = 0.999L * second[j] + 0.001L * g * g;
          x[j] -= 2e-5L * first[j] / (1 - powl (0.9L, k)) / (sqrtl (second[j] / (1 - powl (0.999L, k))) + 1e-8L);
        }
      sb_adam_step (&adam, (uint64_t)k, N, NULL, gradient, theta, m, v, ema);
      for (int j = 0; j < N; j++)
        {
          cr_assert_float_eq ((double)theta[j], (double)x[j], 1e-10, "step %d, weight %d: %.9g, by hand %.9Lg", k, j,
                              (double)theta[j], x[j]);
          cr_assert_eq (ema[j], theta[j]);
        }
    }
  cr_assert (gradient[0] > 0 && gradient[1] < 0, "both minima were passed");
}

// The first step has the size of the rate, whatever the gradient's: both moments are unbiased from the start.

Test (adam, first_step_has_the_size_of_the_rate)
{
  const sb_adam adam = { .rate = 0.01, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-12 };
  for (float g = 1e-3F; g < 1e4F; g *= 10)
    {
      float theta = 0, m = 0, v = 0, ema = 0;
      sb_adam_step (&adam, 1, 1, NULL, &g, &theta, &m, &v, &ema);
      cr_assert_float_eq ((double)theta, -0.01, 1e-6, "gradient %g: %g", (double)g, (double)theta);
    }
}

// ## Warm-up
//
// $\eta\,\min(k/w, 1)$, in the defaults 2e-4 after 5000 steps. [scoresde.set-optim] [soft.set-optim]

Test (adam, rate_rises_linearly)
{
  cr_assert_float_eq (sb_adam_rate (&sb_adam_defaults, 1), 4e-8, 1e-20);
  cr_assert_float_eq (sb_adam_rate (&sb_adam_defaults, 2500), 1e-4, 1e-16);
  cr_assert_float_eq (sb_adam_rate (&sb_adam_defaults, 5000), 2e-4, 1e-16);
  cr_assert_float_eq (sb_adam_rate (&sb_adam_defaults, 1000000), 2e-4, 1e-16);
  cr_assert_eq (sb_adam_defaults.beta1, 0.9);
  cr_assert_eq (sb_adam_defaults.beta2, 0.999);
  cr_assert_eq (sb_adam_defaults.ema, 0.9999);
  cr_assert_eq (sb_adam_defaults.epsilon, 1e-8);
  cr_assert_eq (sb_adam_defaults.clip, 1);
  cr_assert_eq (sb_adam_defaults.ema_warmup, SB_EMA_STEPS);
  sb_adam cold = sb_adam_defaults;
  cold.warmup = 0;
  cr_assert_eq (sb_adam_rate (&cold, 1), 2e-4);
}

// A step is as long: of a constant gradient each moves by the rate, here a quarter, a half and three quarters of .01
// and then three times all of it. [scoresde.set-optim] [soft.set-optim]

Test (adam, steps_are_as_long_as_the_rate)
{
  const sb_adam warm = { .rate = 0.01, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-12, .warmup = 4 };
  const double rates[] = { 0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01 };
  const float g = 3;
  float theta = 0, m = 0, v = 0, ema = 0;
  double x = 0;
  for (uint64_t k = 1; k <= 6; k++)
    {
      sb_adam_step (&warm, k, 1, NULL, &g, &theta, &m, &v, &ema);
      x -= rates[k - 1];
      cr_assert_float_eq ((double)theta, x, 1e-7, "step %d: %g, not %g", (int)k, (double)theta, x);
    }
}

// ## Clipping
//
// A gradient of norm 50 and the same gradient shortened to norm 1 by hand move the moments alike; one of norm 0.5 is
// left alone. The norm returned is the one before. [scoresde.set-optim] [soft.set-optim]

Test (adam, gradients_are_clipped_to_their_global_norm)
{
  const sb_adam clips = { .rate = 0.1, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 1 };
  const float lengths[] = { 50, 0.5F };
  for (int k = 0; k < 2; k++)
    {
      float g[2] = { 0.6F * lengths[k], -0.8F * lengths[k] }, theta[2] = { 0 }, m[2] = { 0 }, v[2] = { 0 },
            ema[2] = { 0 };
      double norm = sb_adam_step (&clips, 1, 2, NULL, g, theta, m, v, ema), kept = k == 0 ? 1 : 0.5;
      cr_assert_float_eq (norm, (double)lengths[k], 1e-5);
      cr_assert_float_eq ((double)m[0], 0.1 * 0.6 * kept, 1e-7);
      cr_assert_float_eq ((double)m[1], -0.1 * 0.8 * kept, 1e-7);
      cr_assert_float_eq ((double)v[1], 0.001 * 0.64 * kept * kept, 1e-9);
    }
}

// ## The average of the weights
//
// Towards weights that stand still at 1 it goes from 0 as $1 - \mu^k$: half way after $\ln 2/(1-\mu)$ steps, 693 at
// 0.999 and 6931 at 0.9999. [scoresde.set-ema]

Test (adam, average_approaches_what_stands_still)
{
  const double rates[] = { 0.999, 0.9999 };
  const int halves[] = { 693, 6931 };
  for (int r = 0; r < 2; r++)
    {
      const sb_adam still = { .rate = 0, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .ema = rates[r] };
      float g = 0, theta = 1, m = 0, v = 0, ema = 0;
      for (int k = 1; k <= halves[r]; k++)
        {
          sb_adam_step (&still, (uint64_t)k, 1, NULL, &g, &theta, &m, &v, &ema);
          if (k % 231 == 0)
            cr_assert_float_eq ((double)ema, 1 - pow (rates[r], k), 2e-5, "rate %g, step %d: %g", rates[r], k,
                                (double)ema);
        }
      cr_assert_float_eq ((double)ema, 0.5, 1e-3);
    }
}

// Its rate rises: at step n it is at most (1 + n) / (10 + n), whose product over N steps is 10! (N + 1)! / (N + 10)!;
// or the half-life in steps is n / 20. What is left of the first weights in the average is that product.
// [scoresde.set-ema]

Test (adam, the_average_forgets_the_first_weights)
{
  const sb_ema_warmup kinds[] = { SB_EMA_NONE, SB_EMA_STEPS, SB_EMA_IMAGES };
  const uint64_t steps[] = { 1, 2, 40, 300 };
  for (int k = 0; k < 3; k++)
    {
      sb_adam still = sb_adam_defaults;
      still.rate = 0;
      still.ema_warmup = kinds[k];
      for (int j = 0; j < 4; j++)
        {
          const double N = (double)steps[j];
          float g = 0, theta = 0, m = 0, v = 0, ema = 1;
          for (uint64_t n = 1; n <= steps[j]; n++)
            sb_adam_step (&still, n, 1, NULL, &g, &theta, &m, &v, &ema);
          double harmonic = 0;
          for (uint64_t n = 1; n <= steps[j]; n++)
            harmonic += 1 / (double)n;
          const double expected[]
              = { pow (0.9999, N), exp (lgamma (N + 2) + lgamma (11) - lgamma (N + 11)), exp2 (-20 * harmonic) };
          cr_assert_float_eq (sb_adam_first_share (&still, steps[j]), expected[k], 1e-12, "kind %d, %g steps", k, N);
          cr_assert_float_eq ((double)ema, expected[k], 1e-5 * expected[k] + 1e-30, "kind %d, %g steps: %g", k, N,
                              (double)ema);
        }
    }
  cr_assert_eq (sb_adam_ema_rate (&sb_adam_defaults, 1), 2. / 11);
  cr_assert_eq (sb_adam_ema_rate (&sb_adam_defaults, 1000000), 0.9999);
  cr_assert_eq (sb_adam_first_share (&sb_adam_defaults, 0), 1);
}

// ## By images
//
// Karras et al. count images: the rate is 0 at first, half at half of the ramp and whole from there on;
// [consistent.set-edm-lr] the average's half-life is at most a twentieth of the images seen, so that after the first
// step it is the weights. In H images it loses half of what it was, however many a step takes. [consistent.set-edm-ema]

Test (adam, schedules_by_images)
{
  sb_adam edm = sb_adam_defaults;
  edm.rate = 1e-3;
  edm.ramp = 1e7;
  edm.half_life = 5e5;
  edm.batch = 512;
  cr_assert_eq (sb_adam_rate (&edm, 1), 0);
  cr_assert_float_eq (sb_adam_rate (&edm, 1 + 9766), 5e-4, 2e-8); // 5 million images and 192 more
  cr_assert (sb_adam_rate (&edm, 19533) == 1e-3 && sb_adam_rate (&edm, 390625) == 1e-3);
  cr_assert_float_eq (sb_adam_ema_rate (&edm, 100000), .99929047, 5e-9);
  cr_assert_eq (sb_adam_ema_rate (&edm, 1), 0);
  cr_assert_float_eq (sb_adam_ema_rate (&edm, 11), exp2 (-2), 1e-15); // 10 steps seen: a half-life of half a step
  edm.batch = 256;
  cr_assert_float_eq (sb_adam_ema_rate (&edm, 100000), .99964517, 5e-9);
  for (double batch = 1000; batch < 3e5; batch *= 5)
    {
      float g = 0, theta = 0, m = 0, v = 0, ema = 1;
      const uint64_t first = 20000000 / (uint64_t)batch, steps = 500000 / (uint64_t)batch;
      edm.batch = batch;
      edm.rate = 0;
      for (uint64_t k = 0; k < steps; k++)
        sb_adam_step (&edm, first + k, 1, NULL, &g, &theta, &m, &v, &ema);
      cr_assert_float_eq ((double)ema, .5, 1e-5, "%g images a step: %g", batch, (double)ema);
      cr_assert_float_eq (pow (sb_adam_ema_rate (&edm, first), (double)steps), .5, 1e-12, "%g images a step", batch);
    }
}

// ## What is not trained stays
//
// while its neighbours move, and a gradient that is not finite changes nothing at all.

Test (adam, frozen_weights_stay)
{
  const unsigned char trained[] = { 1, 0 };
  float g[] = { 1, 1 }, theta[] = { 0, 0 }, m[2] = { 0 }, v[2] = { 0 }, ema[2] = { 0 };
  sb_adam_step (&sb_adam_defaults, 1, 2, trained, g, theta, m, v, ema);
  cr_assert_neq (theta[0], 0);
  cr_assert_eq (theta[1], 0);
}

Test (adam, a_gradient_that_is_not_finite_changes_nothing)
{
  const float bad[] = { NAN, INFINITY };
  for (int k = 0; k < 2; k++)
    {
      float g[] = { 1, bad[k] }, theta[] = { 1, 2 }, m[] = { 3, 4 }, v[] = { 5, 6 }, ema[] = { 7, 8 };
      double norm = sb_adam_step (&sb_adam_defaults, 3, 2, NULL, g, theta, m, v, ema);
      cr_assert_not (isfinite (norm));
      cr_assert (theta[0] == 1 && theta[1] == 2 && m[0] == 3 && m[1] == 4 && v[0] == 5 && v[1] == 6 && ema[0] == 7
                 && ema[1] == 8);
    }
}

// ## All weights belong to a piece
//
// Weights are worked on in at most 64 pieces of 16384 or more. Of numbers of weights around the one where all 64 are
// full, the first and the last weight have the gradients 3 and 4: the norm is 5, and both move by the rate, with the
// gradient's sign.

static void
first_and_last (size_t count)
{
  const sb_adam plain = { .rate = 0.25, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .ema = 0 };
  float *of[5]; // gradient, theta, m, v, ema
  for (int k = 0; k < 5; k++)
    cr_assert (of[k] = scoped (calloc (count, sizeof **of)));
  of[0][0] = 3;
  of[0][count - 1] = 4;
  double norm = sb_adam_step (&plain, 1, count, NULL, of[0], of[1], of[2], of[3], of[4]);
  cr_assert_float_eq (norm, 5, 1e-12, "%zu weights: %.17g", count, norm);
  for (size_t k = 0; k < count; k++)
    {
      double moved = k == 0 || k == count - 1 ? -0.25 : 0;
      cr_assert_float_eq ((double)of[1][k], moved, 1e-6, "weight %zu of %zu", k, count);
    }
}

Test (adam, first_and_last_of_many_weights)
{
  const size_t full = 64 * 16384,
               counts[] = { 2, 16384, 16385, full - 1, full, full + 1, full + 63, full + 65, 2 * full + 1 };
  for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
    first_and_last (counts[k]);
}
