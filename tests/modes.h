#ifndef SCOREBOOK_TESTS_MODES_H
#define SCOREBOOK_TESTS_MODES_H

#include "field.h"
#include "process/soft.h"
#include "sampler/sampler.h"
#include "target/target.h"

// Samplers of the fields of field.h, exactly: a group of modes is a coordinate, the score is the field's own, and every
// step is linear, so that variances are followed through the library's steps without Monte Carlo.

// The blur of the groups of modes, whose level is its standard deviation in pixels, as an operator in so many
// coordinates; NULL: no memory.
sb_operator *modes_blur_alloc (const field *f);

// The field as a law of so many coordinates; NULL: no memory.
sb_target *modes_law_alloc (const field *f);

// A corruption of two stages, its knots as many as in field.h. NULL as sb_soft_stages_alloc.
sb_process *modes_soft_alloc (const field *f, const double *knots, double sigma_max, bool joint);

typedef struct
{
  const field *f;
  const sb_process *process;
  const sb_step_type *step, *alternate; // alternate: every second step; NULL: none
} modes;

// W_2^2 per pixel between the field with the noise of the end and what `steps` even steps from the exact law at t = 1
// make: to t = 0, or, `keeping` the least noise, to just above. NaN where a step fails. v: NULL, or the variances of
// the groups at the end.
double modes_run (const modes *m, size_t steps, bool keeping, double *v);

// The same with a denoiser that is 1 + gain times the exact one.
double modes_run_imperfect (const modes *m, double gain, size_t steps, bool keeping, double *v);

#endif
