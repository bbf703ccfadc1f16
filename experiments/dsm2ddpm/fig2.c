// # Figure 2: sliced score matching on data that fill no space
//
// Images lie on a thin set: in most directions of pixel space nothing happens, a border pixel is black in every one of
// them. The loss $v^\top \nabla s_\theta\,v + \frac12\|s_\theta\|^2$ can then fall for ever, by a score that points at
// the set ever more steeply. A little noise on the data fills the space and puts a floor under the loss.
// [dsm2ddpm.fig2] [dsm2ddpm.txt-SSM-degenerate] [dsm2ddpm.set-ssm-mnist]

#include "../images.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

// ## Where everything is known
//
// Data of rank $k = 2$ in $d = 16$ dimensions, $\mathcal{N}(0, \mathrm{diag}(1, 1, 0, \dots))$, and a linear score
// $s(x) = -\mathrm{diag}(c)\,x$. With noise $\sigma$ a direction of variance $\lambda$ has the expected loss
// $-c + \frac12 c^2(\lambda + \sigma^2)$. Plain gradient descent from $c = 0$.

enum
{
  D = 16,
  RANK = 2,
  DESCENT = 40000 // steps
};

static const double eta = 0.05;

typedef struct
{
  double last, slope; // the loss at the end, and how much it falls a step over the last tenth
  double c[D];        // the score at the end
} descent;

static double
variance_of (size_t k, double sigma)
{
  return (k < RANK) + sigma * sigma;
}

static descent
descend (double sigma, FILE *curve)
{
  descent d = { .c = { 0 } };
  double before = 0;
  for (int step = 0; step <= DESCENT; step++)
    {
      for (size_t k = 0; k < D && step > 0; k++)
        d.c[k] -= eta * (-1 + d.c[k] * variance_of (k, sigma));
      d.last = 0;
      for (size_t k = 0; k < D; k++)
        d.last += -d.c[k] + d.c[k] * d.c[k] * variance_of (k, sigma) / 2;
      if (step == DESCENT * 9 / 10)
        before = d.last;
      if (step % 200 == 0)
        fprintf (curve, "%d %.8g\n", step, d.last);
    }
  fputs ("\n\n", curve);
  d.slope = (d.last - before) / (DESCENT / 10);
  return d;
}

// Sliced score matching itself, on draws and along random directions, has that loss in the mean.

static int
linear (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  const double *c = params;
  (void)t, (void)y;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < D; k++)
      gsl_matrix_set (out, i, k, -c[k] * gsl_matrix_get (x, i, k));
  return GSL_SUCCESS;
}

static int
linear_jvp (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
            void *params)
{
  (void)x;
  return linear (v, t, y, out, params);
}

// How many standard errors off it is.

static double
sliced (results *r, const char *row, double sigma, descent *d)
{
  size_t n = r->scale == SMOKE ? 1000 : 20000;
  sb_score_callback callback = { .view = SB_SCORE, .function = linear, .jvp = linear_jvp, .params = d->c };
  sb_process *process = require_pointer (sb_ve_alloc (D, 0.01, 10), "the process");
  sb_score *score = require_pointer (sb_score_callback_alloc (&callback, process), "the score");
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, D), "draws");
  gsl_vector *loss = require_pointer (gsl_vector_alloc (n), "losses");
  require (sb_stream_normals ((sb_stream){ r->seed, SB_FOR_DATA, 0 }, 0, x), "draws");
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < D; k++)
      *gsl_matrix_ptr (x, i, k) *= sqrt (variance_of (k, sigma));
  sb_objective ssm = sb_objective_of (sb_objective_ssm, process, 0);
  ssm.t_max = 0;
  require (sb_objective_loss (&ssm, score, x, NULL, (sb_stream){ r->seed, 0, 0 }, loss), "the sliced loss");
  double mean = gsl_stats_mean (loss->data, 1, n), se = gsl_stats_sd (loss->data, 1, n) / sqrt ((double)n);
  results_row (r, row, "the same by slices", "", mean, se, "", "of draws, along random directions");
  gsl_vector_free (loss);
  gsl_matrix_free (x);
  sb_score_free (score);
  sb_process_free (process);
  return fabs (mean - d->last) / se;
}

static void
known (results *r)
{
  const double sigma = 0.1;
  FILE *curve = results_data (r, "known.dat");
  descent raw = descend (0, curve), noised = descend (sigma, curve);
  require (fclose (curve) ? GSL_EFAILED : GSL_SUCCESS, "writing the curves");
  double floor = -RANK / (2 * (1 + sigma * sigma)) - (D - RANK) / (2 * sigma * sigma);
  results_row (r, "known law, raw", "loss at the end", "", raw.last, -1, "", "rank 2 in 16 dimensions, linear score");
  results_row (r, "known law, raw", "fall a step", "", -raw.slope, -1, "", "");
  results_row (r, "known law, noised", "loss at the end", "", noised.last, -1, "", "");
  results_row (r, "known law, noised", "fall a step", "", -noised.slope, -1, "", "");
  results_claim (r, "On data of lower rank the loss falls without bound",
                 fabs (raw.slope / (-eta * (D - RANK)) - 1) < 0.01, "by %.4g a step; eta (d - k) = %.4g", -raw.slope,
                 eta * (D - RANK));
  results_claim (r, "With noise it settles at its floor", fabs (noised.last / floor - 1) < 1e-6, "at %.6f; floor %.6f",
                 noised.last, floor);
  double off = sliced (r, "known law, raw", 0, &raw);
  off = fmax (off, sliced (r, "known law, noised", sigma, &noised));
  results_claim (r, "Random slices have that loss in the mean", off < 5, "at most %.1f standard errors from it", off);
}

// ## Images
//
// A small U-Net without time, told nothing but the images: its output is the score.

typedef struct
{
  size_t steps, batch, seeds;
} effort;

static const double sigma_images = 0.3; // of pixels from 0 to 1

static const char network[] = "unet image=1x28x28 channels=8 multipliers=1,2 groups=4 time=none attention=0";

static void
train (const sb_bytes *images, double sigma, uint64_t seed, effort work, double *losses)
{
  sb_error error = { 0 };
  sb_net *net = require_pointer (sb_net_alloc (network, &error), network);
  require (sb_net_choose (net, NULL, SB_NET_FLOAT, NULL), "the fastest backend");
  sb_training *training = require_pointer (sb_training_alloc (net, (sb_stream){ seed, SB_FOR_USER, 0 }), "training");
  sb_byte_examples bytes = { .bytes = images, .low = 0, .high = 1 };
  const double some = sigma > 0 ? sigma : 1;
  gsl_vector_const_view level = gsl_vector_const_view_array (&some, 1);
  sb_process *process
      = require_pointer (sb_smld_sigmas_alloc (sb_net_shape_size (sb_net_input (net)), &level.vector), "the process");
  sb_score_matching matching
      = { .network = { net, process, training->theta, SB_PREDICTS_SCORE, SB_LABEL_TIME, 1, NULL },
          .objective = sb_objective_of (sb_objective_ssm, process, 0),
          .examples = sb_examples_of_bytes (&bytes) };
  if (sigma == 0)
    matching.objective.t_max = 0;
  sb_recipe recipe = { .task = sb_score_matching_task (&matching),
                       .adam = sb_adam_defaults,
                       .batch = work.batch,
                       .shard_rows = 8,
                       .seed = seed };
  recipe.adam.rate = 1e-3;
  recipe.adam.warmup = 0;
  recipe.adam.clip = 0;
  sb_trainer *trainer = require_pointer (sb_trainer_alloc (&recipe, training), "training");
  double norm;
  for (size_t k = 0; k < work.steps; k++)
    if (sb_trainer_step (trainer, &losses[k], &norm, &error))
      {
        fprintf (stderr, "%s\n", error.message);
        exit (EXIT_FAILURE);
      }
  sb_trainer_free (trainer);
  sb_training_free (training);
  sb_process_free (process);
  sb_net_free (net);
}

// Means over the last tenth of a training and the tenth before it.

typedef struct
{
  double last, before, se; // se: of `last`
} ending;

static ending
ending_of (const double *losses, size_t steps)
{
  size_t tenth = GSL_MAX (steps / 10, (size_t)1);
  const double *last = losses + steps - tenth, *before = last - GSL_MIN (tenth, steps - tenth);
  ending e = { gsl_stats_mean (last, 1, tenth), gsl_stats_mean (before, 1, tenth), 0 };
  e.se = tenth > 1 ? gsl_stats_sd (last, 1, tenth) / sqrt ((double)tenth) : 0;
  return e;
}

static void
write_curves (results *r, size_t steps, const double *raw, const double *noised)
{
  FILE *curve = results_data (r, "images.dat");
  for (size_t k = 0; k < steps; k++)
    fprintf (curve, "%zu %.6g %.6g\n", k + 1, raw[k], noised[k]);
  require (fclose (curve) ? GSL_EFAILED : GSL_SUCCESS, "writing the curves");
}

static void
put (results *r, uint64_t seed, const char *which, ending e)
{
  char row[64];
  snprintf (row, sizeof row, "MNIST, %s, seed %llu", which, (unsigned long long)seed);
  results_row (r, row, "loss at the end", "", e.last, e.se, "", "mean over the last tenth of the training");
  results_row (r, row, "fall over the last tenth", "", (e.before - e.last) / fabs (e.before), -1, "", "relative");
}

static void
images (results *r)
{
  const effort work = r->scale == SMOKE   ? (effort){ 4, 8, 1 }
                      : r->scale == QUICK ? (effort){ 300, 32, 3 }
                                          : (effort){ 2000, 128, 3 };
  char path[4096];
  sb_error error = { 0 };
  data_path ("t10k-images-idx3-ubyte.gz", path, sizeof path);
  sb_bytes *digits = require_pointer (sb_idx_read (path, &error), path);
  double *raw = require_pointer (calloc (work.steps, sizeof *raw), "losses"),
         *noised = require_pointer (calloc (work.steps, sizeof *noised), "losses");
  double floor = -PIXELS / (2 * sigma_images * sigma_images), least_fall = INFINITY, most_change = 0, lowest = 0;
  size_t below = 0;
  for (uint64_t seed = r->seed; seed < r->seed + work.seeds; seed++)
    {
      train (digits, 0, seed, work, raw);
      train (digits, sigma_images, seed, work, noised);
      if (seed == r->seed)
        write_curves (r, work.steps, raw, noised);
      ending e = ending_of (raw, work.steps), f = ending_of (noised, work.steps);
      put (r, seed, "raw", e);
      put (r, seed, "noised", f);
      least_fall = GSL_MIN_DBL (least_fall, (e.before - e.last) / fabs (e.before));
      most_change = GSL_MAX_DBL (most_change, fabs (f.before - f.last) / fabs (f.before));
      lowest = GSL_MIN_DBL (lowest, e.last);
      below += f.last < floor - 5 * f.se;
    }
  if (r->scale != SMOKE)
    {
      results_claim (r, "On MNIST as it is the loss does not converge", least_fall > 0.05 || lowest < floor,
                     "it falls by %.0f%% over the last tenth of the training, to %.4g", 100 * least_fall, lowest);
      results_claim (r, "On MNIST with noise it converges", most_change < 0.02 && below == 0,
                     "it changes by %.1f%% over the last tenth, and stays above %.4g, the floor for any model",
                     100 * most_change, floor);
    }
  free (noised);
  free (raw);
  sb_bytes_free (digits);
}

int
main (void)
{
  results r = results_open ();
  known (&r);
  images (&r);
  results_close (&r);
  return EXIT_SUCCESS;
}
