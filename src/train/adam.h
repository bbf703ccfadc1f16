#ifndef SCOREBOOK_TRAIN_ADAM_H
#define SCOREBOOK_TRAIN_ADAM_H

#include "../base/decls.h"

#include <stddef.h>
#include <stdint.h>

SB_BEGIN_DECLS

// How the rate of the average is limited at first, so that the first weights fade from it.
typedef enum
{
  SB_EMA_NONE,  // the rate from the first step on
  SB_EMA_STEPS, // at step n at most (1 + n) / (10 + n), as the paper's code has it
  SB_EMA_IMAGES // half-life of at most 5 % of the images seen so far (Karras et al., 2022): at most 2^(-20 / n)
} sb_ema_warmup;

// Adam (Kingma and Ba, 2015) with linear warm-up, clipping of the gradient's norm, and the exponential moving average
// of the weights that sampling uses. [scoresde.set-optim] [scoresde.set-ema]
typedef struct
{
  double rate;         // learning rate after warm-up
  double beta1, beta2; // of the first and the second moment
  double epsilon;
  double warmup; // steps over which the rate rises from 0; 0: none
  double clip;   // largest global norm of a gradient; 0: none
  double ema;    // rate of the average; 0: the average is the weights
  sb_ema_warmup ema_warmup;

  // The same two by the images seen before a step, of which each takes `batch` (that of sb_recipe), as Karras et al.
  // (2022) have them. 0: as above.
  double ramp;      // images over which the rate rises from 0, where it is at the first step
  double half_life; // of the average, in images; at first at most 5 % of those seen
  double batch;
} sb_adam;

// The paper's (as its code has them): 2e-4, 0.9, 0.999, 1e-8, 5000 steps, 1, 0.9999, warm-up by steps.
extern const sb_adam sb_adam_defaults;

double sb_adam_rate (const sb_adam *adam, uint64_t step);     // at step 1, 2, ...
double sb_adam_ema_rate (const sb_adam *adam, uint64_t step); // likewise

// The share of the first weights in the average after so many steps: the product of these rates.
double sb_adam_first_share (const sb_adam *adam, uint64_t steps);

// One step, number `step` = 1, 2, ...: from the gradient, new weights theta, moments m and v and average ema, all of
// `count` numbers. `trained`, NULL or `count` flags: where 0, the weight stays. Returns the global norm of the
// gradient before clipping; where that is not finite nothing is changed.
double sb_adam_step (const sb_adam *adam, uint64_t step, size_t count, const unsigned char *trained,
                     const float *gradient, float *theta, float *m, float *v, float *ema);

SB_END_DECLS

#endif
