// # Tables 1 and 2: images scale by scale
//
// [nonuniform.tab1] [nonuniform.tab2] [nonuniform.txt-speedup] [nonuniform.set-vanilla] [nonuniform.set-multiscale]
// [nonuniform.set-mseval] [nonuniform.set-data] A multi-scale model beside the vanilla one of as many weights, by 256
// Euler-Maruyama steps without a denoising: time, and distance of the images. The argument says which: mnist or
// faces32.

#include "../faces.h"
#include "../soft/drawn.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum
{
  STAGES_MOST = 4,
  ROUNDS = 5,
  BATCH = 64 // of every training: lib.sh
};

// ## A model
//
// Of one network, or of one for each stage.

typedef struct
{
  size_t stages; // 0: uniform
  network of[STAGES_MOST];
  double steps[STAGES_MOST]; // of training
  sb_operator *haar;
  size_t weights;
} model;

static bool
add_network (model *m, size_t k, const char *name)
{
  m->of[k] = network_open (name);
  if (!m->of[k].model)
    return false;
  m->weights += m->of[k].model->net->parameters;
  m->steps[k] = network_steps (name);
  return true;
}

static bool
model_open (const char *name, size_t stages, model *m)
{
  *m = (model){ .stages = stages };
  bool there = stages > 0 || add_network (m, 0, name);
  for (size_t k = 0; k < stages && there; k++)
    {
      char file[64];
      snprintf (file, sizeof file, "%s%zu", name, stages - k); // the last stage is sampled first
      there = add_network (m, k, file);
    }
  if (there && stages > 0)
    {
      const sb_bands *b = sb_bands_of (m->of[0].model->process);
      m->haar = require_pointer (sb_operator_haar_alloc (b->height, b->width, b->channels, b->levels), "Haar");
    }
  return there;
}

static void
model_close (model *m)
{
  for (size_t k = 0; k < STAGES_MOST; k++)
    network_close (m->of[k]);
  sb_operator_free (m->haar);
}

// ## Samples
//
// Steps are even in time, of each stage as many.

static gsl_vector *
stage_times (const model *m, size_t k, size_t steps)
{
  const sb_process *process = m->of[k].model->process;
  gsl_vector *times = require_pointer (gsl_vector_alloc (steps + 1), "times");
  require (sb_grid_linear (process->t_max, process->t_min, times), "times");
  for (size_t i = 0; i <= steps && process->levels > 0; i++) // the nearest levels of a chain, the lowest of which is 1
    gsl_vector_set (times, i,
                    GSL_MAX (1, rint (gsl_vector_get (times, i) * (double)process->levels)) / (double)process->levels);
  if (k > 0)
    gsl_vector_set (times, 0, m->of[k - 1].model->process->t_min);
  return times;
}

static void
sample_scales (const results *r, const model *m, const sb_pc *pc, size_t steps, gsl_matrix *x)
{
  sb_stage stage[STAGES_MOST];
  gsl_vector *times[STAGES_MOST];
  const sb_multiscale how = { *pc, false };
  gsl_matrix *bands = require_pointer (gsl_matrix_alloc (x->size1, x->size2), "bands");
  for (size_t k = 0; k < m->stages; k++)
    {
      times[k] = stage_times (m, k, steps / m->stages);
      stage[k] = (sb_stage){ m->of[k].score, times[k] };
    }
  require (sb_multiscale_sample (&how, m->stages, stage, (sb_stream){ .seed = r->seed }, bands, NULL), "samples");
  require (sb_operator_apply (m->haar, CblasTrans, NULL, bands, x), "Haar");
  for (size_t k = 0; k < m->stages; k++)
    gsl_vector_free (times[k]);
  gsl_matrix_free (bands);
}

static void
sample (const results *r, const model *m, double eta, size_t steps, gsl_matrix *x)
{
  const sb_stream stream = { .seed = r->seed, .purpose = SB_FOR_PRIOR };
  const bool chain = m->of[0].model->process->levels > 0;
  const sb_pc pc = { .step = chain ? sb_step_reverse_diffusion : sb_step_euler_maruyama,
                     .key = chain ? NULL : &eta,
                     .final = SB_FINAL_SAMPLE };
  if (m->stages > 0)
    sample_scales (r, m, &pc, steps, x);
  else
    {
      gsl_vector *times = stage_times (m, 0, steps);
      require (sb_process_prior (m->of[0].model->process, stream, x), "the prior");
      require (sb_pc_sample (&pc, m->of[0].score, NULL, times, stream, x, NULL), "samples");
      gsl_vector_free (times);
    }
  clip_to (m->of[0].model, x);
}

// ## Time
//
// A few images in a few steps, the models in turn; medians. What a step costs does not depend on how many there are.

static double
seconds (void)
{
  struct timespec now;
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double
median (double *v)
{
  gsl_sort (v, 1, ROUNDS);
  return v[ROUNDS / 2];
}

static void
time_models (const results *r, const model *m, size_t count, size_t d, double *per_image)
{
  const size_t steps = r->scale == SMOKE ? 12 : 24, n = 16;
  double took[4][ROUNDS];
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, d), "images");
  for (size_t round = 0; round < ROUNDS; round++)
    for (size_t k = 0; k < count; k++)
      {
        const double from = seconds ();
        sample (r, &m[k], 1, steps, x);
        took[k][round] = seconds () - from;
      }
  for (size_t k = 0; k < count; k++)
    per_image[k] = median (took[k]) * 256 / (double)steps / (double)n;
  gsl_matrix_free (x);
}

// ## What is compared

typedef struct
{
  const char *row, *name;
  size_t stages;
  bool flow;                                                   // Euler's steps of it are looked at: not of a chain
  const char *iterations, *parameters, *hours, *seconds, *fid; // as published
} entry;

static const entry of_digits[] = { { "Vanilla", "mnist-vp", 0, true, "1M", "100M", "191.0", "53.5", "79.21" },
                                   { "Multiscale", "mnist-bands", 3, true, "2M", "100M", "136.6", "12.1", "70.87" },
                                   { "Multiscale+", "mnist-plus", 3, false, "2M", "200M", "151.0", "18.7", "65.50" },
                                   { "uniform, log-linear", "mnist-loglinear", 0, false, "", "", "", "", "" } },
                   of_faces[] = { { "Vanilla", "faces32-ddpm", 0, false, "0.67M", "100M", "128", "53.5", "54.3" },
                                  { "Multiscale", "faces32-bands", 4, true, "2.54M", "100M", "128", "12.1", "31.8" } };

enum
{
  VANILLA,
  SCALES,
  PLUS,
  LINE,
  MOST
};

typedef struct
{
  bool digits;
  size_t side, d;
  judge j;                   // of digits
  sb_moments_file *training; // of faces
} referee;

// Of faces the standard error is the jackknife's, by groups.

static found
distance_of_faces (const referee *of, const gsl_matrix *x)
{
  double left_out[GROUPS];
  found f = { frechet_to (of->training, BY_MEANS, x, of->side), -1 };
  if (x->size1 < 2 * GROUPS)
    return f;
  for (size_t g = 0; g < GROUPS; g++)
    {
      gsl_matrix *rest = without_group (x, g);
      left_out[g] = frechet_to (of->training, BY_MEANS, rest, of->side);
      gsl_matrix_free (rest);
    }
  f.se = jackknife (left_out);
  return f;
}

static found
distance_to (results *r, const referee *of, const gsl_matrix *x, const char *row, const char *column, const char *paper)
{
  if (of->digits)
    return put_distance (r, &of->j, x, -1, 1, row, column, paper, "of a classifier's features; published: FID");
  const found f = distance_of_faces (of, x);
  results_row (r, row, column, paper, f.distance, f.se, "", "of the means of blocks; published: FID");
  return f;
}

// A Frechet distance is the larger the fewer images there are: those of the flow, which are fewer than the SDE's, stand
// beside that of as many of these. The floor is what test images have.

typedef struct
{
  found all, few, flow;
} distances;

static size_t
images_of (const results *r, const referee *of)
{
  return r->scale == SMOKE ? 8 : r->scale == FULL ? 10000 : of->digits ? 200 : 96;
}

static size_t
few_of (const results *r, const gsl_matrix *x)
{
  return r->scale == FULL ? x->size1 / 2 : GSL_MIN (x->size1 / 2, 64);
}

static distances
put_distances (results *r, const referee *of, const char *row, const char *paper, gsl_matrix *x)
{
  const gsl_matrix_view few = gsl_matrix_submatrix (x, 0, 0, few_of (r, x), of->d);
  char column[32];
  snprintf (column, sizeof column, "FID of %zu images", few.matrix.size1);
  distances apart = { .all = distance_to (r, of, x, row, "FID", paper) };
  apart.few = distance_to (r, of, &few.matrix, row, column, "");
  return apart;
}

static void
put_floor (results *r, const referee *of)
{
  const size_t n = images_of (r, of);
  gsl_matrix *x = of->digits ? test_digits (0, n, -1, 1) : test_faces (of->side, GSL_MIN (n, (size_t)TEST_FACES));
  put_distances (r, of, "test images", "", x);
  gsl_matrix_free (x);
}

static distances
put_entry (results *r, const referee *of, const entry *e, const model *m, double seconds_each)
{
  const size_t stages = m->stages > 0 ? m->stages : 1, steps = r->scale == SMOKE ? 12 : 256 / stages * stages,
               n = images_of (r, of);
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, of->d), "images");
  results_row (r, e->row, "Parameters", e->parameters, (double)m->weights, -1, "", "");
  results_row (r, e->row, "Sampling (secs)", e->seconds, seconds_each, -1, "s",
               "processor time of an image, 256 steps, median of 5; published: not said of how many images");
  sample (r, m, 1, steps, x);
  distances apart = put_distances (r, of, e->row, e->fid, x);
  if (of->digits)
    picture (r, e->name, x, 16, -1, 1);
  else
    picture_faces (r, e->name, x, of->side, 16);
  if (e->flow)
    {
      gsl_matrix_view few = gsl_matrix_submatrix (x, 0, 0, few_of (r, x), of->d);
      sample (r, m, 0, steps, &few.matrix);
      apart.flow = distance_to (r, of, &few.matrix, e->row, "FID by Euler's flow", "");
    }
  gsl_matrix_free (x);
  return apart;
}

// ## The networks alone
//
// Forward and backward, as a step of training does, and forward: of 8 samples, on one thread.

static double
pass_seconds (const network *w, bool back)
{
  const size_t rows = SB_NETWORK_ROWS, d = w->model->process->dimension;
  sb_network_pass *pass = require_pointer (sb_network_pass_alloc (&w->model->network, rows, back), "a pass");
  gsl_matrix *x = require_pointer (gsl_matrix_calloc (rows, d), "x"),
             *out = require_pointer (gsl_matrix_alloc (rows, d), "out");
  gsl_vector *t = require_pointer (gsl_vector_alloc (rows), "t");
  float *gradient = require_pointer (calloc (w->model->net->parameters, sizeof *gradient), "a gradient");
  double took[ROUNDS];
  gsl_vector_set_all (t, w->model->process->t_max);
  for (int round = 0; round < ROUNDS; round++)
    {
      const double from = seconds ();
      for (int k = 0; k < 4; k++)
        {
          require (sb_network_forward (&w->model->network, pass, x, t, NULL, out), "forward");
          if (back)
            require (sb_network_backward (&w->model->network, pass, t, out, gradient, NULL), "backward");
        }
      took[round] = (seconds () - from) / 4 / (double)rows;
    }
  free (gradient);
  gsl_vector_free (t);
  gsl_matrix_free (x);
  gsl_matrix_free (out);
  sb_network_pass_free (pass);
  return median (took);
}

// Hours are those of one processor: every step's batch, forward and back.

static void
put_passes (results *r, const entry *e, const model *m, double *forward, double *training)
{
  const size_t count = m->stages > 0 ? m->stages : 1;
  double steps = 0, hours = 0;
  *forward = *training = 0;
  for (size_t k = 0; k < count; k++)
    {
      const double back = pass_seconds (&m->of[k], true);
      *forward += pass_seconds (&m->of[k], false) / (double)count;
      *training += back / (double)count;
      steps += m->steps[k];
      hours += m->steps[k] * BATCH * back / 3600;
    }
  results_row (r, e->row, "Iterations", e->iterations, steps, -1, "", "of all networks");
  results_row (r, e->row, "Training (hours)", e->hours, hours, -1, "h",
               "iterations of 64 images, forward and back, on one processor");
  results_row (r, e->row, "a pass", "", 1e3 * *forward, -1, "ms", "an image through a network, the mean over stages");
  results_row (r, e->row, "forward and back", "", 1e3 * *training, -1, "ms", "likewise, as in a step of training");
}

// ## Claims

static void
claim_time (results *r, const char *claim, const double *each, int slow, int fast, double factor)
{
  results_claim (r, claim, each[slow] > factor * each[fast], "%.3g s and %.3g s an image: %.3g times", each[slow],
                 each[fast], each[slow] / each[fast]);
}

static void
put_claims (results *r, const model *m, size_t count, const double *each, const double *forward, const double *training,
            const distances *d)
{
  size_t shown = 0;
  for (size_t k = 0; k < m[SCALES].stages; k++)
    shown += m[SCALES].of[k].model->process->dimension;
  const double all_fine = pass_seconds (&m[SCALES].of[m[SCALES].stages - 1], false);
  results_row (r, "Multiscale", "numbers shown", "",
               (double)(m[SCALES].stages * m[SCALES].haar->columns) / (double)shown, -1, "times",
               "fewer than a uniform model's");
  results_row (r, "Multiscale", "speed of networks", "", forward[VANILLA] / forward[SCALES], -1, "times",
               "the vanilla model's");
  results_row (r, "Multiscale", "of it by scales", "", all_fine / forward[SCALES], -1, "times",
               "than if all steps were the finest stage's, whose network sees half the height too");
  claim_time (r, "multi-scale samples are faster than the vanilla model's (published: 4.4 times)", each, VANILLA,
              SCALES, m[SCALES].stages > 3 ? 2 : 1.5);
  if (count > PLUS)
    claim_time (r, "... and with twice the weights still", each, VANILLA, PLUS, 1);
  if (count > PLUS)
    claim_time (r, "... but slower than with as many", each, PLUS, SCALES, 1);
  results_claim (r, "a step of training is faster too", training[SCALES] < training[VANILLA],
                 "%.3g and %.3g hours for a million steps of 64 images; published: 68.3 (Table 2: 50.4) and 191",
                 1e6 * BATCH * training[SCALES] / 3600, 1e6 * BATCH * training[VANILLA] / 3600);
  claim_below (r, "multi-scale images are nearer to the data than the vanilla model's", d[SCALES].all, 1,
               d[VANILLA].all);
  if (count > PLUS)
    claim_below (r, "... with twice the weights", d[PLUS].all, 1, d[VANILLA].all);
  if (count > LINE)
    claim_below (r, "... and nearer than those of a uniform model with their schedule", d[SCALES].all, 1, d[LINE].all);
  if (count > LINE)
    claim_below (r, "the straight line alone, without scales, is nearer than the vanilla model", d[LINE].all, 1,
                 d[VANILLA].all);
  claim_below (r, "the flow is better for multi-scale", d[SCALES].flow, 1, d[SCALES].few);
  if (count <= PLUS)
    return; // the vanilla model is a chain
  claim_below (r, "... and for the vanilla model", d[VANILLA].flow, 1, d[VANILLA].few);
  claim_below (r, "by Euler's flow the order is the same", d[SCALES].flow, 1, d[VANILLA].flow);
}

int
main (int argc, char **argv)
{
  const bool digits = argc < 2 || strcmp (argv[1], "mnist") == 0;
  const entry *entries = digits ? of_digits : of_faces;
  const size_t count = digits ? sizeof of_digits / sizeof *of_digits : sizeof of_faces / sizeof *of_faces;
  results r = results_open ();
  referee of = { digits, digits ? SIDE : 32, digits ? PIXELS : face_size (32), { 0 }, NULL };
  model m[MOST];
  double each[MOST], forward[MOST], training[MOST];
  distances d[MOST];
  if (digits)
    of.j = judge_open ("mnist");
  else
    of.training = training_moments (BY_MEANS, 32);
  for (size_t k = 0; k < count; k++)
    require (model_open (entries[k].name, entries[k].stages, &m[k]) ? GSL_SUCCESS : GSL_EINVAL, entries[k].name);
  time_models (&r, m, count, of.d, each);
  for (size_t k = 0; k < count; k++)
    {
      d[k] = put_entry (&r, &of, &entries[k], &m[k], each[k]);
      put_passes (&r, &entries[k], &m[k], &forward[k], &training[k]);
    }
  put_floor (&r, &of);
  put_claims (&r, m, count, each, forward, training, d);
  for (size_t k = 0; k < count; k++)
    model_close (&m[k]);
  if (digits)
    judge_close (of.j);
  else
    sb_moments_file_free (of.training);
  results_close (&r);
  return EXIT_SUCCESS;
}
