#ifndef SCOREBOOK_SAMPLER_FLOW_H
#define SCOREBOOK_SAMPLER_FLOW_H

#include "../base/decls.h"
#include "condition.h"
#include "sampler.h"

SB_BEGIN_DECLS

#define SB_FLOW_TOLERANCE 1e-5 // the paper's rtol and atol

typedef struct
{
  double relative, absolute;     // tolerances: none below 0, not both 0
  sb_final final;                // SB_FINAL_DENOISE downwards only
  sb_progress progress;          // after each accepted step; NULL: none
  void *context;                 // handed to progress
  const sb_condition *condition; // y_t in place of y; NULL: y as given
  sb_stream stream;              // its noise; where there is a condition
} sb_flow;

sb_flow sb_flow_default (void); // the paper's tolerances, and no denoising

// Integrate the probability flow of x (n x d), in place, from one time to another: downwards to sample, upwards to
// encode. Both times in [t_min, t_limit] (GSL_EDOM). The rows are one system of n d equations with one step size, as in
// the paper; split a batch and its steps differ. y: the score's condition, NULL or n rows; evaluations (of the score,
// on every row) may be NULL. A condition that diffuses is y_t = A y + S z with one z for each row (numbers 0, ... of
// stream.index + i, purpose SB_FOR_CONDITION): the velocity must be smooth in t, so that GSL_EUNSUP is returned for a
// condition on one path.
//
// Returns what the score or progress returned where that ended the run, GSL_EINVAL for invalid tolerances,
// SB_FINAL_DENOISE upwards or an x that is y, GSL_EUNSUP for a chain, GSL_EBADFUNC where the score is not finite,
// GSL_ETOL as in integrate.h, GSL_EBADLEN, GSL_ENOMEM. After a failure x is unspecified.
int sb_flow_run (const sb_flow *flow, const sb_score *score, const gsl_matrix *y, double from, double to, gsl_matrix *x,
                 size_t *evaluations);

SB_END_DECLS

#endif
