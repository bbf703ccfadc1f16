#ifndef SCOREBOOK_PROCESS_BANDS_H
#define SCOREBOOK_PROCESS_BANDS_H

#include "../base/error.h"
#include "loglinear.h"
#include "process.h"

SB_BEGIN_DECLS

// A multi-scale model: the n + 1 bands a_n, d_n, ..., d_1 of Haar's transform of images (sb_operator_haar_alloc's
// order), each a loglinear process with an end of its own, and n + 1 stages, each with the bands that have not ended.
// Stage 1, the last of sampling, has all; stage n + 1, the first, a_n alone.
typedef struct
{
  size_t channels, height, width; // of the images
  size_t levels;                  // n
  size_t stage;                   // 1 .. n + 1
  double epsilon;                 // the time at which stage 1 begins and sampling ends
  double beta_min, beta_max;      // of the VP SDE with these ends of the signal-to-noise ratio, at epsilon and 1
} sb_bands;

// Band 0 is a_n, band k > 0 is d_{n - k + 1}; stage i has bands 0 .. n + 1 - i.
size_t sb_bands_count (const sb_bands *bands);                // bands of the stage
size_t sb_bands_size (const sb_bands *bands, size_t k);       // numbers of band k
size_t sb_bands_dimension (const sb_bands *bands);            // of all bands of the stage
sb_loglinear sb_bands_line (const sb_bands *bands, size_t k); // the signal-to-noise ratio of band k

// The stage as a process: a part for each of its bands, times from (i - 1)/(n + 1), for stage 1 epsilon, to i/(n + 1).
// NULL: GSL_EINVAL with a line in `error` where a side is no multiple of 2^n, there is no such stage, or epsilon is not
// before the first band's end; GSL_ENOMEM.
sb_process *sb_bands_alloc (const sb_bands *bands, sb_error *error);

const sb_bands *sb_bands_of (const sb_process *process); // NULL: it is none

// A stage's image is the input of its network: a_i, put together from the coarser bands, and after it d_i, both of
// height h / 2^i; for stage n + 1 it is a_n alone. The transform maps it to the stage's bands, and is orthonormal.
// NULL: as for sb_operator_haar_alloc.
sb_operator *sb_bands_transform_alloc (const sb_bands *bands);

SB_END_DECLS

#endif
