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

// ## In pieces
//
// Weights are taken in pieces, which threads share. How large these are depends on how many weights there are, and on nothing
// else: few weights are one piece.

enum
{
  PIECES = 64, // at most
  LEAST = 16384
};

static size_t
piece_size (size_t count)
{
  size_t size = (count + PIECES - 1) / PIECES;
  return size < LEAST ? LEAST : size;
}

// ## Clipping
//
// A gradient longer than `clip` is shortened to it, over all weights together. The norm is summed in double, the pieces' sums in
// their order; the pragma lets the compiler keep several partial sums, in an order that is fixed for a given program.

typedef struct
{
  const float *gradient;
  double squares[PIECES];
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
  sb_shards (count, piece_size (count), square_piece, &s);
  for (size_t k = 0; k < PIECES; k++)
    square += s.squares[k];
  return sqrt (square);
}

// ## The step
//
// The average follows the weights: $\theta' \leftarrow \mu\,\theta' + (1-\mu)\,\theta$. [scoresde.set-ema]

typedef struct
{
  float scale, beta1, beta2, rest1, rest2, epsilon, rate, unbias, follow;
  const unsigned char *trained;
  const float *gradient;
  float *theta, *m, *v, *ema;
} update;

// `some`: not all weights are trained; a constant where this is called. (What is left in the way of vectors is errno, which
// C's sqrtf sets.)

static inline __attribute__ ((always_inline)) void
move_these (const update *u, int some, size_t first, size_t end)
{
  const update a = *u;
  const unsigned char *trained = u->trained;
  const float *gradient = u->gradient;
  float *theta = u->theta, *m = u->m, *v = u->v, *ema = u->ema;
#pragma omp simd
  for (size_t j = first; j < end; j++)
    {
      float g = a.scale * gradient[j];
      m[j] = a.beta1 * m[j] + a.rest1 * g;
      v[j] = a.beta2 * v[j] + a.rest2 * g * g;
      float step = a.rate * m[j] / (sqrtf (a.unbias * v[j]) + a.epsilon);
      theta[j] -= some && !trained[j] ? 0 : step;
      ema[j] += a.follow * (theta[j] - ema[j]);
    }
}

SB_CLONES static void
move (const update *u, size_t first, size_t end)
{
  if (u->trained)
    move_these (u, 1, first, end);
  else
    move_these (u, 0, first, end);
}

static int
move_piece (void *context, size_t piece, size_t first, size_t count)
{
  (void)piece;
  move (context, first, first + count);
  return GSL_SUCCESS;
}

double
sb_adam_step (const sb_adam *adam, uint64_t step, size_t count, const unsigned char *trained, const float *gradient,
              float *theta, float *m, float *v, float *ema)
{
  double norm = global_norm (count, gradient), k = (double)step;
  if (!gsl_finite (norm))
    return norm;
  update u = { .scale = (float)(adam->clip > 0 && norm > adam->clip ? adam->clip / norm : 1),
               .beta1 = (float)adam->beta1,
               .beta2 = (float)adam->beta2,
               .rest1 = (float)(1 - adam->beta1),
               .rest2 = (float)(1 - adam->beta2), // 1 - beta2 in float would lose four digits
               .epsilon = (float)adam->epsilon,
               .rate = (float)(sb_adam_rate (adam, step) / (1 - pow (adam->beta1, k))),
               .unbias = (float)(1 / (1 - pow (adam->beta2, k))),
               .follow = (float)(1 - adam->ema),
               .trained = trained,
               .gradient = gradient,
               .theta = theta,
               .m = m,
               .v = v,
               .ema = ema };
  sb_shards (count, piece_size (count), move_piece, &u);
  return norm;
}
