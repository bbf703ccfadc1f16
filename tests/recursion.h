#ifndef SCOREBOOK_TESTS_RECURSION_H
#define SCOREBOOK_TESTS_RECURSION_H

#include "sampler/pc.h"

// What a sampler does to Gaussian data, exactly: no Monte Carlo. The data are N(0, diag(lambda)), the score is that of
// their perturbed law times `factor` (1: exact), so every step is linear in x and in its normals, coordinate by
// coordinate. The library's own driver runs a batch of two rows whose mean squares are the variances; after each
// step the batch is set to two such rows of the new variances. All rows have the same norms, so that every variant
// of the Langevin corrector takes the step size that belongs to the variances.
typedef struct
{
  const sb_process *process;
  const gsl_vector *lambda; // d variances
  double factor;

  // The kernel N(a x_0, sd^2 I) that the score takes for that at time t, as a network asked between its levels does.
  // NULL: the process's.
  int (*kernel) (const void *params, double t, double *a, double *sd);
  const void *params;
} recursion;

// v: on entry the variances at times[0], on exit those of the result. pc is the sampler: its progress is not called.
// Returns what sb_pc_sample returns.
int recursion_run (const recursion *data, const sb_pc *pc, const gsl_vector *times, gsl_vector *v, size_t *evaluations);

// The linear score on its own: state is a recursion. It has the view SB_SCORE.
extern const sb_score_type recursion_score_type;

// The variance of coordinate k under p_t.
double recursion_variance (const recursion *data, size_t k, double t);

// The Frechet distance between N(0, diag v) and the data: the sum over k of (sqrt v_k - sqrt lambda_k)^2.
double recursion_frechet (const recursion *data, const gsl_vector *v);

#endif
