#ifndef SCOREBOOK_EXPERIMENTS_NCSN_H
#define SCOREBOOK_EXPERIMENTS_NCSN_H

#include "../images.h"

// The shipped noise conditional score network of MNIST, and the report's Algorithm 1 with it: pixels from 0 to 1, ten
// levels from sigma = 1 to 0.01.
enum
{
  LEVELS = 10
};

typedef struct
{
  sb_model *model;
  sb_score *score;
  gsl_vector *times; // of the levels, the largest sigma first
} ncsn;

// The model whose path is in the environment's MODEL. The program ends where it has other levels.
ncsn ncsn_open (void);
void ncsn_close (ncsn n);

double ncsn_sigma (const ncsn *n, size_t i); // of level i = 1, ..., LEVELS

// The numbers of Algorithm 1, beside those the report prints: `steps` a level, the step sizes as the sampler has them.
void ncsn_settings (results *r, const ncsn *n, size_t steps);

// Starts of a seed's chains, first to first + x->size1: from N(0, I), or uniform in [0, 1].
void normal_starts (uint64_t seed, uint64_t first, gsl_matrix *x);
void uniform_starts (uint64_t seed, uint64_t first, gsl_matrix *x);

// The chains of these starts through Algorithm 1, `steps` at a level, with epsilon = 2e-5; and as many steps in all of
// plain Langevin dynamics at the last level, with that step size. progress and context as in sb_pc.
void annealed_chains (results *r, const ncsn *n, uint64_t seed, uint64_t first, size_t steps, sb_progress progress,
                      void *context, gsl_matrix *x);
void plain_chains (results *r, const ncsn *n, uint64_t seed, uint64_t first, size_t steps, gsl_matrix *x);

#endif
