// # Three Gaussians on a line

#include "on_a_line.h"

#include "../mixture.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <math.h>

static const double weight[GAUSSIANS] = { 0.3, 0.5, 0.2 }, mean[GAUSSIANS] = { -1.5, 0.3, 2 },
                    sd[GAUSSIANS] = { 0.3, 0.4, 0.2 };

sb_target *
three_gaussians (void)
{
  double variance[GAUSSIANS];
  for (size_t k = 0; k < GAUSSIANS; k++)
    variance[k] = sd[k] * sd[k];
  return mixture_of (GAUSSIANS, 1, weight, mean, variance);
}

void
sdes_alloc (sde sdes[SDES])
{
  sdes[0] = (sde){ "VE", "ve", sb_ve_alloc (1, 0.01, 20), 60, 1 };
  sdes[1] = (sde){ "VP", "vp", sb_vp_alloc (1, 0.1, 20), 3.2, 0 };
  sdes[2] = (sde){ "sub-VP", "subvp", sb_subvp_alloc (1, 0.1, 20), 3.2, 0 };
  for (size_t k = 0; k < SDES; k++)
    require_pointer (sdes[k].process, sdes[k].name);
}

void
sdes_free (sde sdes[SDES])
{
  for (size_t k = 0; k < SDES; k++)
    sb_process_free (sdes[k].process);
}

gsl_matrix *
particles_at (const sb_process *process, double t, uint64_t seed, size_t n)
{
  sb_target *law = three_gaussians ();
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, 1), "particles"),
             *z = require_pointer (gsl_matrix_alloc (n, 1), "normals");
  gsl_vector *times = require_pointer (gsl_vector_alloc (n), "times");
  gsl_vector_set_all (times, t);
  require (sb_target_sample (law, (sb_stream){ .seed = seed, .purpose = SB_FOR_DATA }, x), "data");
  require (sb_stream_normals ((sb_stream){ .seed = seed, .purpose = SB_FOR_FORWARD }, 0, z), "normals");
  if (t > 0)
    require (sb_process_transition (process, NULL, times, z, x), "the kernel");
  gsl_vector_free (times);
  gsl_matrix_free (z);
  sb_target_free (law);
  return x;
}

// ## Truth
//
// Under a process with kernel $\mathcal N(a x_0, s^2)$ the law at time $t$ is again three Gaussians, with means
// $a\mu_k$ and variances $a^2\sigma_k^2 + s^2$.

gaussian
gaussian_at (const sb_process *process, size_t k, double t)
{
  double a, s;
  require (sb_process_scalars (process, 0, t, &a, &s), "kernel");
  return (gaussian){ weight[k], a * mean[k], hypot (a * sd[k], s) };
}

typedef struct
{
  const sb_process *process;
  double t;
} law_at;

static double
cdf (double x, void *params)
{
  const law_at *p = params;
  double sum = 0;
  for (size_t k = 0; k < GAUSSIANS; k++)
    {
      const gaussian g = gaussian_at (p->process, k, p->t);
      sum += g.weight * gsl_cdf_gaussian_P (x - g.mean, g.sd);
    }
  return sum;
}

// The Kolmogorov-Smirnov distance of particles from it, and the value that particles of that law exceed with
// probability $10^{-6}$ at most.

double
distance_at (const sb_process *process, double t, const gsl_matrix *x)
{
  double D, p_value;
  law_at p = { process, t };
  gsl_vector_const_view particles = gsl_matrix_const_column (x, 0);
  require (sb_ks_one_sample (&particles.vector, cdf, &p, &D, &p_value), "the distance");
  return D;
}

double
critical (size_t n)
{
  return sqrt (log (2e6) / (2 * (double)n));
}

double
distribution_at (const sb_process *process, double t, double x)
{
  law_at p = { process, t };
  return cdf (x, &p);
}

// By bisection, to the last bit but a few.

double
quantile_at (const sb_process *process, double t, double u)
{
  double low = -1, high = 1;
  while (distribution_at (process, t, low) > u)
    low *= 2;
  while (distribution_at (process, t, high) < u)
    high *= 2;
  for (int k = 0; k < 100; k++)
    {
      const double middle = (low + high) / 2;
      *(distribution_at (process, t, middle) < u ? &low : &high) = middle;
    }
  return (low + high) / 2;
}

// ## The picture
//
// At each time the density as a part of its maximum there.

static double
place (const sde *kind, double u)
{
  return kind->magnified > 0 ? sinh (u) / kind->magnified : u;
}

void
draw_density (const sb_target *law, const sde *kind, results *r)
{
  enum
  {
    COLUMNS = 240,
    ROWS = 241
  };
  double edge = kind->magnified > 0 ? asinh (kind->magnified * kind->reach) : kind->reach;
  char name[64];
  snprintf (name, sizeof name, "%s-density.dat", kind->file);
  FILE *file = results_data (r, name);
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (ROWS, 1), "places");
  gsl_vector *t = require_pointer (gsl_vector_alloc (ROWS), "times");
  gsl_vector *log_p = require_pointer (gsl_vector_alloc (ROWS), "densities");
  for (size_t row = 0; row < ROWS; row++)
    gsl_matrix_set (x, row, 0, place (kind, edge * (2. * (double)row / (ROWS - 1) - 1)));
  for (size_t column = 0; column < COLUMNS; column++)
    {
      double time = fmax ((double)column / (COLUMNS - 1), kind->process->t_min);
      gsl_vector_set_all (t, time);
      require (sb_target_log_density (law, kind->process, x, t, log_p), "density");
      double top = gsl_vector_max (log_p);
      for (size_t row = 0; row < ROWS; row++)
        fprintf (file, "%g %g %.4f\n", (double)column / (COLUMNS - 1), edge * (2. * (double)row / (ROWS - 1) - 1),
                 exp (gsl_vector_get (log_p, row) - top));
      fputc ('\n', file);
    }
  gsl_vector_free (log_p);
  gsl_vector_free (t);
  gsl_matrix_free (x);
  require (fclose (file) ? GSL_EFAILED : GSL_SUCCESS, "writing the density");
}

void
write_path (FILE *paths, double t, const gsl_matrix *x)
{
  fprintf (paths, "%g", t);
  for (size_t i = 0; i < x->size1; i++)
    fprintf (paths, " %g", gsl_matrix_get (x, i, 0));
  fputc ('\n', paths);
}
