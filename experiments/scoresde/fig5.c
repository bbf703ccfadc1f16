// # Figure 5: discrete chains and their limits
//
// The chains of SMLD and DDPM with $N$ levels, and the SDEs they become, have Gaussian kernels
// $\mathcal{N}(a\,x_0, v\,I)$. This driver lays their $a$ and $v$ side by side at $t = i/N$ and looks for the largest
// gaps: nothing here is random. [scoresde.fig5]

#include "../results.h"

#include <scorebook.h>

#include <math.h>
#include <stdlib.h>

// The constants of the paper's Appendix C; sigma_max is the released code's for CIFAR-10.

static const double sigma_min = 0.01, sigma_max = 50, beta_min = 0.1, beta_max = 20;

typedef struct
{
  double a, v;
} kernel;

static kernel
kernel_at (const sb_process *process, double t)
{
  kernel k;
  require (sb_process_scalars (process, 0, t, &k.a, &k.v), "kernel");
  k.v *= k.v;
  return k;
}

// ## The largest gaps
//
// For SMLD the ratio of variances, in logarithm; for DDPM differences.

typedef struct
{
  double smld_variance, ddpm_mean, ddpm_variance; // largest gaps
  size_t smld_at;                                 // the level of the first
} gaps;

typedef struct
{
  sb_process *smld, *ve, *ddpm, *vp;
} processes;

static processes
processes_alloc (size_t N)
{
  return (processes){ require_pointer (sb_smld_alloc (1, N, sigma_min, sigma_max), "SMLD"),
                      require_pointer (sb_ve_alloc (1, sigma_min, sigma_max), "VE"),
                      require_pointer (sb_ddpm_alloc (1, N, beta_min, beta_max), "DDPM"),
                      require_pointer (sb_vp_alloc (1, beta_min, beta_max), "VP") };
}

static void
processes_free (processes p)
{
  sb_process_free (p.smld);
  sb_process_free (p.ve);
  sb_process_free (p.ddpm);
  sb_process_free (p.vp);
}

static gaps
largest_gaps (size_t N)
{
  processes p = processes_alloc (N);
  gaps g = { 0 };
  for (size_t i = 1; i <= N; i++)
    {
      double t = (double)i / (double)N;
      kernel ddpm = kernel_at (p.ddpm, t), vp = kernel_at (p.vp, t);
      double smld_gap = fabs (log (kernel_at (p.smld, t).v / kernel_at (p.ve, t).v));
      if (smld_gap > g.smld_variance)
        {
          g.smld_variance = smld_gap;
          g.smld_at = i;
        }
      g.ddpm_mean = fmax (g.ddpm_mean, fabs (ddpm.a - vp.a));
      g.ddpm_variance = fmax (g.ddpm_variance, fabs (ddpm.v - vp.v));
    }
  processes_free (p);
  return g;
}

// ## The curves
//
// Every level is a row of the CSV, and of the file that gnuplot draws.

static void
write_curves (results *r, size_t N)
{
  processes p = processes_alloc (N);
  FILE *data = results_data (r, "curves.dat");
  fputs ("# t, variance SMLD, VE; mean DDPM, VP; variance DDPM, VP\n", data);
  for (size_t i = 1; i <= N; i++)
    {
      double t = (double)i / (double)N;
      kernel smld = kernel_at (p.smld, t), ve = kernel_at (p.ve, t);
      kernel ddpm = kernel_at (p.ddpm, t), vp = kernel_at (p.vp, t);
      char row[32];
      snprintf (row, sizeof row, "%.4f", t);
      results_row (r, row, "(a) variance / SMLD", "", smld.v, -1, "", "");
      results_row (r, row, "(a) variance / VE SDE", "", ve.v, -1, "", "");
      results_row (r, row, "(b) mean / DDPM", "", ddpm.a, -1, "", "");
      results_row (r, row, "(b) mean / VP SDE", "", vp.a, -1, "", "");
      results_row (r, row, "(c) variance / DDPM", "", ddpm.v, -1, "", "");
      results_row (r, row, "(c) variance / VP SDE", "", vp.v, -1, "", "");
      fprintf (data, "%g %.10g %.10g %.10g %.10g %.10g %.10g\n", t, smld.v, ve.v, ddpm.a, vp.a, ddpm.v, vp.v);
    }
  require (fclose (data) ? GSL_EFAILED : GSL_SUCCESS, "writing the curves");
  processes_free (p);
}

// ## The claims
//
// That the curves coincide "almost exactly" is meant by eye: we ask that no gap be wider than a pixel of a plot 1000
// pixels high (on (a)'s logarithmic axis, of the decades it spans). What matters to samplers is the relative gap near
// $t = 0$, which is not small at all.

static bool
halves (double coarse, double fine)
{
  return coarse / fine > 1.9 && coarse / fine < 2.1;
}

static void
write_claims (results *r, size_t N)
{
  gaps g = largest_gaps (N), half = largest_gaps (2 * N);
  double pixel_a = 2 * log (sigma_max / sigma_min) / 1000, pixel = 1. / 1000;
  results_claim (r, "(a) SMLD's variances coincide with the VE SDE's", g.smld_variance < 1.001 * pixel_a,
                 "largest |ln(v_SMLD / v_VE)| = %.5f, at i = %zu; 2 ln(sigma_max / sigma_min) / N = %.5f",
                 g.smld_variance, g.smld_at, 2 * log (sigma_max / sigma_min) / (double)N);
  results_claim (r, "(b) DDPM's mean scaling coincides with the VP SDE's", g.ddpm_mean < pixel,
                 "largest difference %.4e", g.ddpm_mean);
  results_claim (r, "(c) DDPM's variances coincide with the VP SDE's", g.ddpm_variance < pixel,
                 "largest difference %.4e", g.ddpm_variance);
  results_claim (r, "Each gap halves when N doubles",
                 halves (g.smld_variance, half.smld_variance) && halves (g.ddpm_mean, half.ddpm_mean)
                     && halves (g.ddpm_variance, half.ddpm_variance),
                 "ratios %.3f (a), %.3f (b), %.3f (c)", g.smld_variance / half.smld_variance,
                 g.ddpm_mean / half.ddpm_mean, g.ddpm_variance / half.ddpm_variance);

  processes p = processes_alloc (N);
  double ratio[3];
  const double level[3] = { 1, 10, 100 };
  for (size_t k = 0; k < 3; k++)
    ratio[k] = kernel_at (p.ddpm, level[k] / (double)N).v / kernel_at (p.vp, level[k] / (double)N).v;
  processes_free (p);
  results_claim (
      r, "(c) holds in relative terms, down to t = 0", ratio[0] > 0.99,
      "v_DDPM / v_VP = %.4f at i = 1, %.3f at i = 10, %.3f at i = 100: the mismatch that Appendix H.2 blames "
      "for bad FIDs as t goes to 0",
      ratio[0], ratio[1], ratio[2]);
}

int
main (void)
{
  results r = results_open ();
  size_t N = 1000;
  write_curves (&r, N);
  write_claims (&r, N);
  results_close (&r);
  return EXIT_SUCCESS;
}
