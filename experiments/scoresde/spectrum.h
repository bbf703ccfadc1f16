#ifndef SCOREBOOK_EXPERIMENTS_SPECTRUM_H
#define SCOREBOOK_EXPERIMENTS_SPECTRUM_H

// What the tables of samplers on Gaussian data share: one run of a sampler, without chance, and the best r for it.

#include "../../tests/recursion.h"
#include "../results.h"

#include <scorebook.h>

enum
{
  N = 1000,    // noise levels
  R_MOST = 39, // the paper's grid for r, 0.01 apart: R_MOST values
};

typedef enum
{
  VE,
  VP
} sde_kind;

enum
{
  ANCESTRAL,
  REVERSE_DIFFUSION,
  PROBABILITY_FLOW,
  PREDICTORS,
  NONE = PREDICTORS
};

extern const char *const sde_name[];       // of an sde_kind
extern const char *const predictor_name[]; // of a predictor, or none

typedef struct
{
  sde_kind sde;
  int predictor;
  size_t levels, M; // M corrector steps at each
  double r;         // of the corrector
  double factor;    // the score is so many times the exact one

  // The score is that of half as many levels, asked between them. NULL: of these levels.
  const sb_interpolation *interpolation;
} sampler;

// The Frechet distance between what it draws and the data. Evaluations are added to those of `out`.
double sampler_distance (const sampler *s, results *out);

// The best of the paper's grid (every sixth of it at scale smoke), and its distance. All values go to the curve, where
// there is one.
typedef struct
{
  double distance, r;
} best;
best sampler_best_r (sampler s, results *out, FILE *curve);

#endif
