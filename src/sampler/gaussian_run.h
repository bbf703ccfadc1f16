#ifndef SCOREBOOK_SAMPLER_GAUSSIAN_RUN_H
#define SCOREBOOK_SAMPLER_GAUSSIAN_RUN_H

#include "../base/decls.h"
#include "pc.h"

SB_BEGIN_DECLS

// What a sampler makes of a Gaussian, exactly. Where the score is affine in x (and in y_t, where the condition diffuses),
// as those of Gaussian data are, every step is affine too, and what comes out is a Gaussian: its mean (d) and covariance
// (d x d) at the grid's first time, on entry, become those at its last, or after denoising. y: the condition (m numbers),
// NULL: none; the mean is that given y, of which the covariance does not depend.
//
// Of the sampler step, key, alternate, final and condition are looked at, one path excepted: GSL_EUNSUP, as where there
// are correctors, whose steps may depend on the samples. GSL_EBADLEN, GSL_EDOM of a grid as of sb_pc_sample, GSL_ENOMEM,
// and what the steps report. That the score is affine is taken for granted.
int sb_gaussian_run (const sb_pc *pc, const sb_score *score, const gsl_vector *y, const gsl_vector *times,
                     gsl_vector *mean, gsl_matrix *covariance);

SB_END_DECLS

#endif
