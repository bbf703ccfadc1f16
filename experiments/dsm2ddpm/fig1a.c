// # Figure 1(a): a Langevin trajectory
//
// The report draws one, and gives none of its numbers. Ours: a target $\mathcal N(\mathbf 0, \mathbf I)$ in the plane,
// a start at $(10, 10)$, steps of $\varepsilon = 0.05$, 300 of them. [dsm2ddpm.fig1a] [dsm2ddpm.set-langevin-toy] The
// law of $\tilde{\mathbf x}_t$ is known exactly, a Gaussian with the mean $10\,(1 - \varepsilon/2)^t$ in each
// coordinate, and so is the step at which it is as good as there. [dsm2ddpm.txt-langevin-steps]

#include "../results.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <scorebook.h>
#include <stdlib.h>

enum
{
  STEPS = 300,
  LONG_RUN = 20000,
  D = 2
};
static const double epsilon = 0.05, start = 10;

typedef struct
{
  sb_target *target;
  sb_process *process; // at whose time 0 the score is the target's
  sb_score *score;
} law;

static law
law_alloc (void)
{
  double zero[D] = { 0 }, one[D * D] = { 1, 0, 0, 1 };
  gsl_vector_view mean = gsl_vector_view_array (zero, D);
  gsl_matrix_view covariance = gsl_matrix_view_array (one, D, D);
  law l;
  l.target = require_pointer (sb_target_gaussian_alloc (&mean.vector, &covariance.matrix), "the law");
  l.process = require_pointer (sb_ve_alloc (D, 0.01, 10), "the process");
  l.score = require_pointer (sb_score_exact_alloc (l.target, l.process), "the score");
  return l;
}

static void
law_free (law l)
{
  sb_score_free (l.score);
  sb_process_free (l.process);
  sb_target_free (l.target);
}

// ## The exact law
//
// Mean and variance of a coordinate after $t$ steps, and the divergence of both coordinates from the target.

typedef struct
{
  double mean, variance;
} moments;

static moments
moments_after (size_t t)
{
  moments m = { start, 0 };
  double k = 1 - epsilon / 2;
  for (size_t i = 0; i < t; i++)
    m = (moments){ k * m.mean, k * k * m.variance + epsilon };
  return m;
}

static double
divergence_after (size_t t)
{
  moments m = moments_after (t);
  return 0.5 * D * (m.variance + m.mean * m.mean - 1 - log (m.variance));
}

static size_t
arrival (void)
{
  size_t t = 1;
  while (divergence_after (t) >= 0.02)
    t++;
  return t;
}

// The share of trajectories in the circle that holds 99% of the target, $\|\mathbf x\|^2 < 9.2103$. Over the variance,
// $\|\tilde{\mathbf x}_t\|^2$ is a noncentral $\chi^2$ with two degrees of freedom, a mixture of central ones:
// $\chi^2_{2 + 2j}$ with the probability that a Poisson variable with the mean $\|\boldsymbol\mu_t\|^2/2v_t$ is $j$.

static const double circle = 9.2103;

static double
share_after (size_t t)
{
  moments m = moments_after (t);
  double rate = D * m.mean * m.mean / (2 * m.variance), weight = exp (-rate), sum = 0;
  for (int j = 0; j < 1000; weight *= rate / ++j)
    sum += weight * gsl_cdf_chisq_P (circle / m.variance, D + 2 * j);
  return sum;
}

// ## Many trajectories, looked at on the way

enum
{
  LOOKS = 6
};
static const size_t look_at[LOOKS] = { 25, 50, 100, 150, 200, 250 };

typedef struct
{
  FILE *file;
  double mean[LOOKS], inside[LOOKS]; // of 99% of the target
  double cross, square;              // of one trajectory: sums of products with the step before
  double before[D];
} watch;

static int
record (void *context, size_t done, size_t steps, double t, const gsl_matrix *x)
{
  watch *w = context;
  (void)steps, (void)t;
  if (done % 2 == 0 || done < 40)
    fprintf (w->file, "%zu %g %g\n", done, gsl_matrix_get (x, 0, 0), gsl_matrix_get (x, 0, 1));
  return GSL_SUCCESS;
}

static int
compare (void *context, size_t done, size_t steps, double t, const gsl_matrix *x)
{
  watch *w = context;
  (void)steps, (void)t;
  for (size_t k = 0; k < LOOKS; k++)
    if (done == look_at[k])
      for (size_t i = 0; i < x->size1; i++)
        {
          double a = gsl_matrix_get (x, i, 0), b = gsl_matrix_get (x, i, 1);
          w->mean[k] += (a + b) / 2 / (double)x->size1;
          w->inside[k] += (a * a + b * b < circle) / (double)x->size1;
        }
  return GSL_SUCCESS;
}

static int
correlate (void *context, size_t done, size_t steps, double t, const gsl_matrix *x)
{
  watch *w = context;
  (void)steps, (void)t;
  for (size_t j = 0; j < D; j++)
    {
      double now = gsl_matrix_get (x, 0, j);
      if (done > 200)
        {
          w->cross += now * w->before[j];
          w->square += w->before[j] * w->before[j];
        }
      w->before[j] = now;
    }
  return GSL_SUCCESS;
}

static void
run (results *r, const law *l, size_t n, size_t steps, uint64_t index, sb_progress look, watch *w)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, D), "points");
  gsl_matrix_set_all (x, start);
  sb_pc langevin = sb_pc_langevin (epsilon / 2, steps);
  langevin.each_corrector = true;
  langevin.progress = look;
  langevin.context = w;
  gsl_vector *data = require_pointer (gsl_vector_calloc (1), "the data's time");
  require (sb_pc_sample (&langevin, l->score, NULL, data, (sb_stream){ r->seed, 0, index }, x, NULL),
           "Langevin dynamics");
  gsl_vector_free (data);
  r->evaluations += n * steps;
  gsl_matrix_free (x);
}

static void
draw_one (results *r, const law *l)
{
  watch w = { .file = results_data (r, "trajectory.dat") };
  run (r, l, 1, STEPS, 0, record, &w);
  require (fclose (w.file) ? GSL_EFAILED : GSL_SUCCESS, "writing the trajectory");
}

static void
compare_many (results *r, const law *l)
{
  size_t n = r->scale == FULL ? 200000 : 2000;
  watch w = { .file = NULL };
  double worst = 0, worst_share = 0;
  run (r, l, n, STEPS, 1000, compare, &w);
  for (size_t k = 0; k < LOOKS; k++)
    {
      char row[32], note[96];
      moments m = moments_after (look_at[k]);
      double error = sqrt (m.variance / (2 * (double)n));
      snprintf (row, sizeof row, "t = %zu", look_at[k]);
      snprintf (note, sizeof note, "exactly %.4f", m.mean);
      results_row (r, row, "mean coordinate", "", w.mean[k], error, "", note);
      double share = share_after (look_at[k]), deviation = sqrt (share * (1 - share) / (double)n);
      snprintf (note, sizeof note, "exactly %.4f", share);
      results_row (r, row, "within 99% of the target", "", w.inside[k], deviation, "", note);
      worst_share = fmax (worst_share, (fabs (w.inside[k] - share) - 1 / (double)n) / deviation);
      results_row (r, row, "divergence from the target", "", divergence_after (look_at[k]), -1, "nats", "exact");
      worst = fmax (worst, fabs (w.mean[k] - m.mean) / error);
    }
  results_claim (r, "The mean goes to the target's as (1 - ε/2)^t", worst < 5,
                 "%zu trajectories: at most %.1f standard errors from 10 (1 - ε/2)^t", n, worst);
  results_claim (
      r, "At step 250 the trajectories are where the target is",
      worst_share < 5 && fabs (share_after (250) - 0.99) < 0.0099,
      "of the exact law %.4f are within 99%% of the target at step 250, %.3f at 50, %.1g at 25; what is found "
      "is at most %.1f standard errors from that",
      share_after (250), share_after (50), share_after (25), fmax (0, worst_share));
  results_claim (r, "150 to 250 steps are needed", arrival () >= 150 && arrival () <= 250,
                 "the divergence of both coordinates from N(0, I) passes 0.02 at step %zu (ε = %g, start (10, 10)), "
                 "where the report does not say from where it starts; at step 25 %.4f of the trajectories, at 50 %.3f, "
                 "at 250 %.4f are within 99%% of the target",
                 arrival (), epsilon, w.inside[0], w.inside[1], w.inside[LOOKS - 1]);
}

// A long run, after its arrival, wanders: neighbours are correlated by $1 - \varepsilon/2$.

static void
wander (results *r, const law *l)
{
  watch w = { .file = NULL };
  run (r, l, 1, LONG_RUN, 7, correlate, &w);
  double rho = w.cross / w.square;
  results_row (r, "after step 200", "correlation of neighbours", "", rho, -1, "", "exactly 0.975");
  results_claim (r, "Then it wanders about the target", fabs (rho - (1 - epsilon / 2)) < 0.01,
                 "one run of %d steps: correlation of neighbours %.4f, exactly %.4f", LONG_RUN, rho, 1 - epsilon / 2);
}

int
main (void)
{
  results r = results_open ();
  law l = law_alloc ();
  results_row (&r, "settings of ours", "ε", "", epsilon, -1, "", "the report gives none");
  results_row (&r, "settings of ours", "T", "", STEPS, -1, "", "start (10, 10), target N(0, I)");
  draw_one (&r, &l);
  compare_many (&r, &l);
  wander (&r, &l);
  law_free (l);
  results_close (&r);
  return EXIT_SUCCESS;
}
