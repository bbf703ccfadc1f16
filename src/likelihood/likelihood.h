#ifndef SCOREBOOK_LIKELIHOOD_LIKELIHOOD_H
#define SCOREBOOK_LIKELIHOOD_LIKELIHOOD_H

#include "trace.h"

SB_BEGIN_DECLS

typedef struct
{
  double t_min;              // the density is that of x at this time, in (0, t_max), whatever the process's own t_min
  double relative, absolute; // tolerances: none below 0, not both 0
  sb_trace trace;
  size_t group;      // rows that share a step size, as one system of equations; 1: each its own; 0: all
  size_t directions; // of an estimated trace, one after another; 1: one for a whole solve, as the paper has it
} sb_likelihood;

// The paper's: t_min = 1e-5, both tolerances 1e-5, an estimate by one direction of random signs; rows in groups of 8.
sb_likelihood sb_likelihood_default (void);

// What a log-likelihood is made of, row by row: log p = log_prior + integral. Vectors (n), the code (n x d); NULL: not
// wanted.
typedef struct
{
  gsl_vector *log_p, *log_prior, *integral;
  gsl_matrix *code;   // x_T, to which the flow takes x
  double evaluations; // of velocity and divergence, on each row; the mean over rows
} sb_likelihood_report;

// log p of the rows of x (n x d) under the model of a score: that of the flow which begins at the process's prior. y:
// the score's condition, NULL or n rows. Row i takes its direction from stream.index + i (the purpose is ignored).
// Groups are cut from the first row on and worked on in parallel: a batch cut at multiples of `group` gives what the
// whole gives, whatever the threads.
//
// GSL_EINVAL for invalid tolerances or no direction, GSL_EDOM for t_min out of range or an x that is not finite,
// GSL_EUNSUP for a chain or a score without the derivative, GSL_EBADFUNC where the score is not finite, GSL_ETOL as in
// integrate.h, GSL_EOVRFLW where a log density is not finite, GSL_EBADLEN, GSL_ENOMEM.
int sb_log_likelihood (const sb_likelihood *likelihood, const sb_score *score, const gsl_matrix *y, sb_stream stream,
                       const gsl_matrix *x, sb_likelihood_report *report);

SB_END_DECLS

#endif
