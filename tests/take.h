#ifndef SCOREBOOK_TESTS_TAKE_H
#define SCOREBOOK_TESTS_TAKE_H

// One step, one correction, one chain, with memory of their own.

#include "sampler/pc.h"

// The library's step with the same times for all rows, and its corrector.
int take_step (const sb_step_type *type, const sb_score *score, const gsl_matrix *y, double s, double t,
               const gsl_matrix *z, gsl_matrix *x);
int take_correction (const sb_corrector *corrector, const sb_score *score, const gsl_matrix *y, double s, double t,
                     const gsl_matrix *z, gsl_matrix *x);

// Langevin dynamics in the report's letters: x + (epsilon / 2) s + sqrt (epsilon) z, twice the library's epsilon.
typedef struct
{
  double epsilon; // of annealed dynamics: at the last level
  size_t steps;   // T, at each time
  bool noiseless;
  size_t taken;         // steps taken before
  sb_progress progress; // of a chain at one time: after each step; annealed: after each level
  void *context;
} langevin_run;

int langevin_step (const sb_score *score, const gsl_matrix *y, double t, double epsilon, const gsl_matrix *z,
                   gsl_matrix *x);
int langevin_sample (const langevin_run *l, const sb_score *score, const gsl_matrix *y, double t, sb_stream stream,
                     gsl_matrix *x);
int annealed_sample (const langevin_run *l, const sb_score *score, const gsl_matrix *y, const gsl_vector *times,
                     sb_stream stream, gsl_matrix *x);

// alpha_i at level i = 1, ..., L of the times, read off a step.
int annealed_step_size (const langevin_run *l, const sb_process *process, const gsl_vector *times, size_t i,
                        double *alpha);

#endif
