#ifndef SCOREBOOK_SAMPLER_FLOW_H
#define SCOREBOOK_SAMPLER_FLOW_H

#include "../base/decls.h"
#include "sampler.h"

SB_BEGIN_DECLS

#define SB_FLOW_TOLERANCE 1e-5 // the paper's rtol and atol

typedef struct
{
  double relative, absolute; // tolerances: none below 0, not both 0
  sb_final final;            // SB_FINAL_DENOISE on the way down only
  sb_progress progress;      // after each accepted step; NULL: none
  void *context;             // handed to progress
} sb_flow;

sb_flow sb_flow_default (void); // the paper's tolerances, and no denoising

// Carry x (n x d) along the probability flow from one time to another: downwards to sample, upwards to encode. Both
// times in [t_min, t_limit] (GSL_EDOM). The rows are one system of n d equations with one step size, as in the paper;
// split a batch and its steps differ. y: the score's condition, NULL or n rows; evaluations (of the score, on every row)
// may be NULL.
//
// Returns what the score or progress returned where that ended the run, GSL_EINVAL for tolerances that are none, a
// denoised end on the way up or an x that is y, GSL_EUNSUP for a chain, GSL_EBADFUNC where the score is not finite, GSL_ETOL where no step is
// short enough, GSL_EBADLEN, GSL_ENOMEM. After a failure x is unspecified.
int sb_flow_run (const sb_flow *flow, const sb_score *score, const gsl_matrix *y, double from, double to, gsl_matrix *x,
                 size_t *evaluations);

SB_END_DECLS

#endif
