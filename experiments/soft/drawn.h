#ifndef SCOREBOOK_EXPERIMENTS_DRAWN_H
#define SCOREBOOK_EXPERIMENTS_DRAWN_H

#include "../judge.h"

// What the experiments of Soft Diffusion share: samples of a network by a sampler and so many evaluations, and their
// distance to the data.

typedef struct
{
  sb_model *model; // NULL: there is no such network
  sb_score *score;
} network;

// "mnist-soft-found" of the data's models, or, at scale full, of the folder that the variable MODELS names.
network network_open (const char *name);
void network_close (network w);

// How many steps it was trained for, as its file notes; NaN: it does not.
double network_steps (const char *name);

// How to go from t = 1 to the end of the process: steps evenly in time, every second one by another, and the denoised
// point at the end.
typedef struct
{
  const char *name;
  const sb_step_type *const *step, *const *second; // second NULL: none
} way;

// n samples by `evaluations` evaluations each, from the prior; evaluations are counted in the results.
gsl_matrix *drawn (results *r, const network *w, const way *by, size_t evaluations, size_t n);

// Whatever a picture can show: in place, [low, high] of the model.
void clip_to (const sb_model *model, gsl_matrix *x);

// The Frechet distance of images, black at low and white at high, with its standard error; a row of the results.
typedef struct
{
  double distance, se;
} found;
found put_distance (results *r, const judge *j, const gsl_matrix *x, double low, double high, const char *row,
                    const char *column, const char *paper, const char *note);

// A claim that the first distance is below `factor` times the second: untested at scale smoke, and where the two are
// within two standard errors of their difference.
void claim_below (results *r, const char *claim, found a, double factor, found b);

#endif
