#ifndef SCOREBOOK_EXPERIMENTS_DRAWN_EDM_H
#define SCOREBOOK_EXPERIMENTS_DRAWN_EDM_H

#include "../soft/drawn.h"

// What the experiments of Consistent Diffusion Models share: samples by the sampler of their tables, Heun's method
// along the flow on EDM's grid of N levels, and a denoising, 2 N - 1 evaluations. [consistent.set-nfe]

// Of sample number `first` and on, from the prior of the seed: the same noise whatever the network. y: NULL or n
// classes. end: the level where the sampler stops and denoises; 0: the least one of the process.
gsl_matrix *edm_samples (results *r, const network *w, size_t levels, double end, uint64_t first, const gsl_matrix *y,
                         size_t n);

// Classes 0, 1, ..., 9, 0, ... (n x 1), where the network is told one; else NULL.
gsl_matrix *classes_for (const network *w, size_t n);

// A network that the experiment cannot do without.
network network_needed (const char *name);

#endif
