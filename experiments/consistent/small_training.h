#ifndef SCOREBOOK_EXPERIMENTS_SMALL_TRAINING_H
#define SCOREBOOK_EXPERIMENTS_SMALL_TRAINING_H

#include "../mixture.h"

// Trainings of seconds that experiments share: small networks on a mixture in the plane, M2, whose denoiser is known.

enum
{
  PLANE = 2 // dimensions
};

typedef struct
{
  sb_target *law;
  sb_process *edm;
  gsl_matrix *data; // 2000 points of the law
  sb_score *exact;
  double deviation; // of the data's numbers
} world;

world world_open (void);
void world_close (world w);

// What differs from training to training: lambda 0 is denoising alone, `above` the level below which no data are seen.
typedef struct
{
  double rate, above, lambda, window;
} setting;

// A network that was trained, by the average of its weights.
typedef struct
{
  sb_net *net;
  sb_training *training;
  sb_score_matching matching;
  sb_score *score;
  bool diverged;
} learned;

// Trainings of one seed have the same first weights, data and noise. `to` has to stay where it is until it is
// forgotten.
void learn (const world *w, const setting *s, uint64_t seed, size_t steps, learned *to);
void forget (learned *l);

// The mean over rows of |h - h*|^2 of a score's denoiser at points x (n x 2) of the level sigma.
double error_of_denoiser (const world *w, const sb_score *score, double sigma, const gsl_matrix *x);

#endif
