#ifndef SCOREBOOK_SAMPLER_MULTISCALE_H
#define SCOREBOOK_SAMPLER_MULTISCALE_H

#include "../base/decls.h"
#include "pc.h"

SB_BEGIN_DECLS

// A stage of a multi-scale model: the score of its bands, and its grid of times, strictly decreasing.
typedef struct
{
  const sb_score *score;
  const gsl_vector *times;
} sb_stage;

typedef struct
{
  sb_pc pc;    // how each stage is run: its final is the last stage's, and `taken` accumulates from stage to stage
  bool frozen; // a cascade: a stage's output is final, and is noised for the later stages; false: it evolves further
} sb_multiscale;

// Sample x (n x d, of the last stage) stage by stage. Each starts from the columns of the one before it followed by a
// draw of its own process's prior. Row i draws its noise from stream.index + i. evaluations (NULL is
// allowed): of all stages' scores, on every row.
//
// GSL_EINVAL for no stage, one of fewer than two times, stages that do not widen, or one whose times do not begin where
// those before it end; GSL_EBADLEN, GSL_ENOMEM, and those of sb_process_prior and sb_pc_sample. After a failure x is
// unspecified.
int sb_multiscale_sample (const sb_multiscale *multiscale, size_t stages, const sb_stage *stage, sb_stream stream,
                          gsl_matrix *x, size_t *evaluations);

SB_END_DECLS

#endif
