#ifndef SCOREBOOK_EXPERIMENTS_ON_A_LINE_H
#define SCOREBOOK_EXPERIMENTS_ON_A_LINE_H

#include "../results.h"

#include <scorebook.h>

// What the experiments on a line share: three Gaussians, the paper's three SDEs, and how far particles are from where
// they should be.

enum
{
  GAUSSIANS = 3,
  SDES = 3
};

sb_target *three_gaussians (void); // .3 N(-1.5, .09) + .5 N(.3, .16) + .2 N(2, .04)

// One of them at time t.
typedef struct
{
  double weight, mean, sd;
} gaussian;

gaussian gaussian_at (const sb_process *process, size_t k, double t);

typedef struct
{
  const char *name, *file;
  sb_process *process;
  double reach;     // the picture shows |x| up to here
  double magnified; // x is drawn at asinh(magnified x), so that a law spread over decades stays visible; 0: at x
} sde;

void sdes_alloc (sde sdes[SDES]); // VE, VP, sub-VP
void sdes_free (sde sdes[SDES]);

// Particles of the three Gaussians (n x 1), and the same carried to time t by the kernel.
gsl_matrix *particles_at (const sb_process *process, double t, uint64_t seed, size_t n);

// The law's distribution function at time t, and the place where it has the value u.
double distribution_at (const sb_process *process, double t, double x);
double quantile_at (const sb_process *process, double t, double u);

// The Kolmogorov-Smirnov distance of particles from the law at time t, and the value that n particles of that law
// exceed with probability 1e-6 at most.
double distance_at (const sb_process *process, double t, const gsl_matrix *x);
double critical (size_t n);

// The density at time t as a part of its maximum then, over time and place, for gnuplot: $OUT-FILE-density.dat.
void draw_density (const sb_target *law, const sde *kind, results *r);

// A line of a file of paths: the time, and where each of the particles (n x 1) is.
void write_path (FILE *paths, double t, const gsl_matrix *x);

#endif
