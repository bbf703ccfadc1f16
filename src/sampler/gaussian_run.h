#ifndef SCOREBOOK_SAMPLER_GAUSSIAN_RUN_H
#define SCOREBOOK_SAMPLER_GAUSSIAN_RUN_H

#include "../base/decls.h"
#include "pc.h"

SB_BEGIN_DECLS

// The exact law of a sampler's output. Where the score is affine in x (and in y_t, where the condition diffuses), as
// that of Gaussian data is, every step is affine too, and a Gaussian stays one: its mean (d) and covariance (d x d) at
// the grid's first time, on entry, become those at its last, or after denoising. y: the condition (m numbers), NULL:
// none; the mean is conditional on y, and the covariance does not depend on it.
//
// Of the sampler, only step, key, alternate, final and condition are used. GSL_EUNSUP for a condition on one path, and
// for correctors, whose steps may depend on the samples; GSL_EBADLEN, GSL_EDOM for a grid as in sb_pc_sample,
// GSL_ENOMEM, and what the steps report. That the score is affine is assumed, not checked.
int sb_gaussian_run (const sb_pc *pc, const sb_score *score, const gsl_vector *y, const gsl_vector *times,
                     gsl_vector *mean, gsl_matrix *covariance);

SB_END_DECLS

#endif
