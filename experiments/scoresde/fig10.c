// # Figure 10: components of the architecture
//
// A factorial of three of Appendix H's components, rescaled skip connections, FIR filters and residual blocks of a
// level: small networks learn small digits, and each component is looked at while the others vary freely.
// [scoresde.fig10]

#include "../images.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

enum
{
  SMALL = SIDE / 2,
  D = SMALL * SMALL,
  HELD_OUT = 1000, // of the 10,000 images
  FACTORS = 3,
  CELLS = 1 << FACTORS,
  CHECKPOINTS = 4,
  BLOCK = SMALL / 7, // features are means of BLOCK x BLOCK pixels
  FEATURES = 49
};

static const char *const factor[FACTORS] = { "rescaled skips", "FIR filters", "two blocks of a level" };
static const char *const claimed[FACTORS]
    = { "Rescaled skip connections", "FIR filters", "Twice as many residual blocks" };

// How long a training is, and how much is drawn at each of its checkpoints.

typedef struct
{
  size_t training, samples, sampling, seeds;
} effort;

static const effort efforts[]
    = { [SMOKE] = { 4, 8, 2, 1 }, [QUICK] = { 240, 96, 25, 1 }, [FULL] = { 8000, 1000, 200, 3 } };

// ## Images
//
// Digits of half the size, by means of 2 x 2 pixels, in [0, 1]; and their features, by means once more.

static gsl_matrix *
means_of (const gsl_matrix *x, size_t side, size_t width)
{
  const size_t to = side / width;
  gsl_matrix *y = require_pointer (gsl_matrix_calloc (x->size1, to * to), "images");
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < side * side; k++)
      *gsl_matrix_ptr (y, i, k / side / width * to + k % side / width)
          += gsl_matrix_get (x, i, k) / (double)(width * width);
  return y;
}

typedef struct
{
  gsl_matrix *all, *features; // of the training images
  gsl_matrix_view training, held_out;
  double deviation;
} digits;

static void
read_digits (digits *d)
{
  gsl_matrix *x = test_digits (0, 0, 0, 1);
  d->all = means_of (x, SIDE, 2);
  const size_t n = d->all->size1 - HELD_OUT;
  d->training = gsl_matrix_submatrix (d->all, 0, 0, n, D);
  d->held_out = gsl_matrix_submatrix (d->all, n, 0, HELD_OUT, D);
  d->features = means_of (&d->training.matrix, SMALL, BLOCK);
  d->deviation = gsl_stats_sd (d->all->data, 1, n * D);
  gsl_matrix_free (x);
}

// ## One network
//
// VE with $\sigma_{\max} = 10$, above every distance of two of these images, told $\ln\sigma$.

typedef struct
{
  double loss, frechet[CHECKPOINTS];
} outcome;

static double
held_out_loss (const sb_score *score, const sb_objective *objective, const digits *d, uint64_t seed)
{
  gsl_vector *loss = require_pointer (gsl_vector_alloc (HELD_OUT), "losses");
  require (sb_objective_loss (objective, score, &d->held_out.matrix, NULL,
                              (sb_stream){ .seed = seed + 1, .purpose = SB_FOR_DATA }, loss),
           "the loss");
  const double mean = gsl_stats_mean (loss->data, loss->stride, HELD_OUT) / D;
  gsl_vector_free (loss);
  return mean;
}

// Reverse diffusion and one Langevin step of r = 0.16, as in Appendix H.1.

static double
distance_of_samples (const sb_score *score, const digits *d, const effort *e, results *r)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (e->samples, D), "samples");
  gsl_vector *times = require_pointer (gsl_vector_alloc (e->sampling + 1), "times");
  const sb_pc pc = sb_pc_default ();
  const sb_stream stream = { .seed = r->seed, .purpose = SB_FOR_PRIOR };
  const double t_min = score->process->t_min;
  size_t evaluations = 0;
  double distance;
  for (size_t i = 0; i <= e->sampling; i++)
    gsl_vector_set (times, i, 1 - (1 - t_min) * (double)i / (double)e->sampling);
  gsl_vector_set (times, e->sampling, t_min);
  require (sb_process_prior (score->process, stream, x), "the prior");
  require (sb_pc_sample (&pc, score, NULL, times, stream, x, &evaluations), "samples");
  r->evaluations += evaluations * e->samples;
  gsl_matrix *features = means_of (x, SMALL, BLOCK);
  require (sb_frechet (features, d->features, &distance), "the Frechet distance");
  gsl_matrix_free (features);
  gsl_vector_free (times);
  gsl_matrix_free (x);
  return distance;
}

// The average's weights are those that are looked at, a rate of 0.98 for so short a training.

static outcome
train (unsigned cell, const digits *d, const effort *e, uint64_t seed, results *r)
{
  char line[256];
  sb_error error = { 0 };
  outcome o;
  snprintf (line, sizeof line,
            "unet image=1x%dx%d channels=8 multipliers=1,2 groups=4 features=16 skip=%s resample=%s blocks=%d", SMALL,
            SMALL, cell & 1 ? "rescaled" : "sum", cell & 2 ? "fir" : "plain", cell & 4 ? 2 : 1);
  sb_process *process = require_pointer (sb_ve_alloc (D, 0.01, 10), "the process");
  sb_net *net = require_pointer (sb_net_alloc (line, &error), error.message);
  require (sb_net_choose (net, NULL, SB_NET_FLOAT, NULL), "the fastest backend");
  sb_training *training
      = require_pointer (sb_training_alloc (net, (sb_stream){ .seed = seed, .purpose = SB_FOR_USER }), "the weights");
  sb_network network = { .net = net,
                         .process = process,
                         .theta = training->theta,
                         .prediction = SB_PREDICTS_MIXED,
                         .label = SB_LABEL_LOG_NOISE,
                         .data_deviation = d->deviation };
  const sb_score_matching matching = { .network = network,
                                       .objective = sb_objective_of (sb_objective_dsm, process, 1e-5),
                                       .per_dimension = true,
                                       .examples = sb_examples_of_rows (&d->training.matrix) };
  sb_recipe recipe = {
    .task = sb_score_matching_task (&matching), .adam = sb_adam_defaults, .batch = 32, .shard_rows = 8, .seed = seed
  };
  recipe.adam.rate = 3e-3, recipe.adam.warmup = 20, recipe.adam.ema = 0.98;
  sb_trainer *trainer = require_pointer (sb_trainer_alloc (&recipe, training), "the trainer");
  network.theta = training->ema;
  sb_score *score = require_pointer (sb_score_network_alloc (&network), "the score");
  for (size_t k = 0; k < CHECKPOINTS; k++)
    {
      double loss, norm;
      for (size_t step = 0; step < e->training / CHECKPOINTS; step++)
        require (sb_trainer_step (trainer, &loss, &norm, &error), "a step");
      o.frechet[k] = distance_of_samples (score, d, e, r);
    }
  o.loss = held_out_loss (score, &matching.objective, d, r->seed);
  sb_score_free (score);
  sb_trainer_free (trainer);
  sb_training_free (training);
  sb_net_free (net);
  sb_process_free (process);
  return o;
}

// ## What is made of it
//
// As in Appendix H.1, a training's distance is the mean over the checkpoints of its second half.
// [scoresde.set-arch-explore]

static double
later_mean (const outcome *o)
{
  return gsl_stats_mean (o->frechet + CHECKPOINTS / 2, 1, CHECKPOINTS / 2);
}

typedef struct
{
  double loss[CELLS], frechet[CELLS];
} factorial;

static void
put_cells (results *r, const factorial *f, const effort *e)
{
  for (unsigned cell = 0; cell < CELLS; cell++)
    {
      char row[96], note[96];
      snprintf (row, sizeof row, "%s, %s, %s", cell & 1 ? "rescaled" : "sum", cell & 2 ? "FIR" : "plain",
                cell & 4 ? "two blocks" : "one block");
      snprintf (note, sizeof note, "%zu training steps, %zu samples; the paper shows box plots, no numbers",
                e->training, e->samples);
      results_row (r, row, "networks / held-out loss / d", "", f->loss[cell], -1, "", note);
      results_row (r, row, "networks / Frechet distance", "", f->frechet[cell], -1, "", note);
    }
}

// With and without a component: means over the cells, which differ in the others; and the mean of the differences
// between cells that differ in nothing else, with its standard error.

static void
put_component (results *r, unsigned k, const char *measure, const double *value)
{
  double side[2] = { 0 }, difference[CELLS / 2];
  char row[96], claim[128], column[64];
  size_t pairs = 0;
  for (unsigned cell = 0; cell < CELLS; cell++)
    {
      side[cell >> k & 1] += value[cell] / (CELLS / 2);
      if (cell >> k & 1)
        difference[pairs++] = value[cell] - value[cell ^ 1u << k];
    }
  const double change = gsl_stats_mean (difference, 1, pairs),
               se = gsl_stats_sd (difference, 1, pairs) / sqrt ((double)pairs);
  snprintf (row, sizeof row, "%s", factor[k]);
  snprintf (column, sizeof column, "components / %s, without", measure);
  results_row (r, row, column, "", side[0], -1, "", "mean of four networks");
  snprintf (column, sizeof column, "components / %s, with", measure);
  results_row (r, row, column, "", side[1], -1, "", "mean of four networks");
  snprintf (column, sizeof column, "components / %s, change", measure);
  results_row (r, row, column, "", change, se, "", "mean of four pairs");
  snprintf (claim, sizeof claim, "%s: the %s is smaller on average", claimed[k], measure);
  if (r->scale == SMOKE)
    fprintf (r->claims, "\"%s\",untested,four training steps say nothing\n", claim);
  else
    results_claim (r, claim, change < 0, "%.3g without, %.3g with: %+.2g, standard error %.2g", side[0], side[1],
                   change, se);
}

static void
write_boxes (results *r, const factorial *f)
{
  FILE *boxes = results_data (r, "boxes.dat");
  for (unsigned k = 0; k < FACTORS; k++)
    for (unsigned with = 0; with < 2; with++)
      {
        for (unsigned cell = 0; cell < CELLS; cell++)
          if ((cell >> k & 1) == with)
            fprintf (boxes, "%g %g\n", f->frechet[cell], f->loss[cell]);
        fputs ("\n\n", boxes);
      }
  require (fclose (boxes) ? GSL_EFAILED : GSL_SUCCESS, "writing the boxes");
}

int
main (void)
{
  results r = results_open ();
  const effort *e = &efforts[r.scale];
  factorial f = { { 0 }, { 0 } };
  digits d;
  double best = 0, last = 0;
  read_digits (&d);
  for (unsigned cell = 0; cell < CELLS; cell++)
    for (size_t s = 0; s < e->seeds; s++)
      {
        const outcome o = train (cell, &d, e, r.seed + 1000 * s, &r);
        f.loss[cell] += o.loss / (double)e->seeds;
        f.frechet[cell] += later_mean (&o) / (double)e->seeds;
        best += gsl_stats_min (o.frechet, 1, CHECKPOINTS) / (double)(CELLS * e->seeds);
        last += o.frechet[CHECKPOINTS - 1] / (double)(CELLS * e->seeds);
      }
  put_cells (&r, &f, e);
  for (unsigned k = 0; k < FACTORS; k++)
    {
      put_component (&r, k, "held-out loss / d", f.loss);
      put_component (&r, k, "Frechet distance", f.frechet);
    }
  // Table 3 takes the best checkpoint, Table 2 the last. [scoresde.txt-tab2-tab3-protocol]
  results_row (&r, "the best of four", "checkpoints / Frechet distance", "", best, -1, "", "mean of all networks");
  results_row (&r, "the last", "checkpoints / Frechet distance", "", last, -1, "", "mean of all networks");
  write_boxes (&r, &f);
  gsl_matrix_free (d.features);
  gsl_matrix_free (d.all);
  results_close (&r);
  return EXIT_SUCCESS;
}
