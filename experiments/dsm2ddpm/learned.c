// # What a learned score knows
//
// The mixture of Figure 1(b) once more, with scores that are learned: a small network at one noise level, $\sigma =
// 0.1$, and one of the same kind at ten levels from 10 to 0.1, both by denoising score matching on fresh draws. The
// exact scores are known, so that every claim the report makes about learned ones can be looked at: that they are wrong
// where no data are, [dsm2ddpm.txt-manifold] the more so the smaller $\sigma$, [dsm2ddpm.txt-sigma-tradeoff] that one
// network holds all levels [dsm2ddpm.txt-sigma-conditioning] [dsm2ddpm.txt-NCSN-target] and that annealing leads past
// the gaps. [dsm2ddpm.txt-annealing] [dsm2ddpm.fig1b]

#include "two_gaussians.h"

#include <math.h>
#include <scorebook.h>
#include <stdlib.h>
#include <string.h>

enum
{
  D = 2,
  LEVELS = 10,
  GRID = 81, // points a side of [-8, 8]^2
  DRAWS = 4000
};
static const double sigma_1 = 10, sigma_L = 0.1, epsilon = 0.1;

// ## Training
//
// Two hidden layers of 64 units, told $\ln\sigma$; Adam at $10^{-3}$, then at $10^{-4}$; the weights themselves, not an
// average.

static int
draw (const void *law, sb_stream stream, gsl_matrix *x, gsl_matrix *y)
{
  (void)y;
  return sb_target_sample (law, stream, x);
}

typedef struct
{
  sb_net *net;
  sb_training *training;
  sb_network network;
  sb_score *score, *exact;
  sb_process *chain;
} learned;

static void
run_steps (const sb_recipe *recipe, sb_training *training, size_t steps)
{
  sb_error error = { 0 };
  double loss, norm;
  sb_trainer *trainer = require_pointer (sb_trainer_alloc (recipe, training), "the trainer");
  for (size_t k = 0; k < steps; k++)
    require (sb_trainer_step (trainer, &loss, &norm, &error), "a step");
  sb_trainer_free (trainer);
}

static learned *
train (const sb_target *law, sb_process *chain, uint64_t seed, size_t steps)
{
  learned *l = require_pointer (malloc (sizeof *l), "room");
  *l = (learned){ .chain = chain };
  l->net
      = require_pointer (sb_net_alloc ("mlp inputs=2 width=64 layers=2 time=positional features=16", NULL), "the net");
  require (sb_net_choose (l->net, NULL, SB_NET_FLOAT, NULL), "the fastest backend");
  l->training = require_pointer (sb_training_alloc (l->net, (sb_stream){ .seed = seed, .purpose = SB_FOR_USER }),
                                 "the weights");
  l->network = (sb_network){ .net = l->net,
                             .process = chain,
                             .theta = l->training->theta,
                             .prediction = SB_PREDICTS_EPSILON,
                             .label = SB_LABEL_LOG_NOISE,
                             .data_deviation = sqrt (1 + 9 * 4 * alpha * (1 - alpha)) };
  sb_score_matching matching = { .network = l->network,
                                 .objective = sb_objective_of (sb_objective_dsm, chain, 0),
                                 .per_dimension = true,
                                 .examples = { draw, law } };
  sb_recipe recipe = {
    .task = sb_score_matching_task (&matching), .adam = sb_adam_defaults, .batch = 128, .shard_rows = 128, .seed = seed
  };
  recipe.adam.rate = 1e-3, recipe.adam.warmup = 0, recipe.adam.ema = 0;
  run_steps (&recipe, l->training, steps * 3 / 4);
  recipe.adam.rate = 1e-4;
  run_steps (&recipe, l->training, steps - steps * 3 / 4);
  l->score = require_pointer (sb_score_network_alloc (&l->network), "the score");
  l->exact = require_pointer (sb_score_exact_alloc (law, chain), "the score");
  return l;
}

static void
learned_free (learned *l)
{
  sb_score_free (l->score);
  sb_score_free (l->exact);
  sb_training_free (l->training);
  sb_net_free (l->net);
  sb_process_free (l->chain);
  free (l);
}

// ## Errors
//
// The mean squared distance from the exact score at time t, of the score at time `told`, over the rows of x with $\log
// q$ in a band below its maximum.

typedef struct
{
  double low, high;
} band;

static double
squared_error (const learned *l, const sb_target *law, double t, double told, const gsl_matrix *x, band within)
{
  size_t n = x->size1, count = 0;
  gsl_matrix *s = require_pointer (gsl_matrix_alloc (n, D), "scores");
  gsl_matrix *right = require_pointer (gsl_matrix_alloc (n, D), "scores");
  gsl_vector *times = require_pointer (gsl_vector_alloc (n), "times");
  gsl_vector *log_q = require_pointer (gsl_vector_alloc (n), "densities");
  gsl_vector_set_all (times, told);
  require (sb_score_evaluate (l->score, SB_SCORE, x, times, NULL, s), "the learned score");
  gsl_vector_set_all (times, t);
  require (sb_score_evaluate (l->exact, SB_SCORE, x, times, NULL, right), "the exact score");
  require (sb_target_log_density (law, l->chain, x, times, log_q), "densities");
  double sum = 0, top = gsl_vector_max (log_q);
  gsl_matrix_sub (s, right);
  for (size_t i = 0; i < n; i++)
    if (gsl_vector_get (log_q, i) >= top + within.low && gsl_vector_get (log_q, i) <= top + within.high)
      {
        count++;
        for (size_t j = 0; j < D; j++)
          sum += pow (gsl_matrix_get (s, i, j), 2);
      }
  gsl_vector_free (log_q);
  gsl_vector_free (times);
  gsl_matrix_free (right);
  gsl_matrix_free (s);
  return sum / (double)count;
}

static const band anywhere = { -INFINITY, INFINITY }, empty = { -INFINITY, -9 }, full = { -4, INFINITY };

static gsl_matrix *
grid_points (void)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (GRID * GRID, D), "a grid");
  for (size_t i = 0; i < GRID * GRID; i++)
    {
      gsl_matrix_set (x, i, 0, -8 + 16. * (double)(i % GRID) / (GRID - 1));
      gsl_matrix_set (x, i, 1, -8 + 16. * (double)(i / GRID) / (GRID - 1));
    }
  return x;
}

// Draws of the law at a level.

static gsl_matrix *
level_points (const sb_target *law, const sb_process *chain, double t)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (DRAWS, D), "draws");
  gsl_matrix *z = require_pointer (gsl_matrix_alloc (DRAWS, D), "normals");
  gsl_vector *times = require_pointer (gsl_vector_alloc (DRAWS), "times");
  gsl_vector_set_all (times, t);
  require (sb_target_sample (law, (sb_stream){ 77, SB_FOR_DATA, 0 }, x), "draws");
  require (sb_stream_normals ((sb_stream){ 77, SB_FOR_FORWARD, 0 }, 0, z), "normals");
  require (sb_process_transition (chain, NULL, times, z, x), "draws");
  gsl_vector_free (times);
  gsl_matrix_free (z);
  return x;
}

// ## One training of each
//
// What is kept of it: the numbers the claims are about.

typedef struct
{
  double holes;                // one level: error where log q < max - 9, over that where log q > max - 4
  double empty[LEVELS];        // ten levels, downwards: error in the empty part, times nothing
  double inside[LEVELS];       // sigma^2 times the error over the level's own law
  double wrong[LEVELS];        // the smaller of the same, told a level three above or below, over it
  double share[2], outside[2]; // Langevin, annealed: of the lower left; of samples with log q < max - 9
  double likelihood[2];        // mean log density of the last level
  size_t parameters[2];        // of the networks for one and for ten levels
} findings;

static void
look_at_levels (const learned *l, const sb_target *law, const gsl_matrix *grid, findings *f)
{
  for (size_t i = 0; i < LEVELS; i++)
    {
      double t = (double)(LEVELS - i) / LEVELS, sigma = sb_smld_sigma (l->chain, LEVELS - i);
      gsl_matrix *x = level_points (law, l->chain, t);
      f->empty[i] = squared_error (l, law, t, t, grid, empty);
      f->inside[i] = sigma * sigma * squared_error (l, law, t, t, x, anywhere);
      f->wrong[i] = INFINITY;
      for (int off = -3; off <= 3; off += 6)
        if ((int)i + off >= 0 && (int)i + off < LEVELS)
          {
            double error = squared_error (l, law, t, (double)(LEVELS - (int)i - off) / LEVELS, x, anywhere);
            f->wrong[i] = fmin (f->wrong[i], sigma * sigma * error / f->inside[i]);
          }
      gsl_matrix_free (x);
    }
}

// Both samplers start from a square around the modes; the law that samples are held to is that of the last level.

static void
look_at_samples (const learned *l, const sb_target *law, const gsl_matrix *x, int which, findings *f)
{
  gsl_vector *times = require_pointer (gsl_vector_alloc (x->size1), "times");
  gsl_vector *log_q = require_pointer (gsl_vector_alloc (x->size1), "densities");
  gsl_vector_set_all (times, 1. / (double)l->chain->levels);
  require (sb_target_log_density (law, l->chain, x, times, log_q), "densities");
  double n = (double)x->size1, top = log (0.8 / (2 * M_PI * (1 + sigma_L * sigma_L)));
  f->share[which] = f->outside[which] = f->likelihood[which] = 0;
  for (size_t i = 0; i < x->size1; i++)
    {
      f->share[which] += (gsl_matrix_get (x, i, 0) + gsl_matrix_get (x, i, 1) < 0) / n;
      f->outside[which] += (gsl_vector_get (log_q, i) < top - 9) / n;
      f->likelihood[which] += gsl_vector_get (log_q, i) / n;
    }
  gsl_vector_free (log_q);
  gsl_vector_free (times);
}

static void
square (uint64_t seed, gsl_matrix *x)
{
  require (sb_stream_uniforms ((sb_stream){ seed, SB_FOR_PRIOR, 0 }, 0, x), "a start");
  gsl_matrix_scale (x, 16);
  gsl_matrix_add_constant (x, -8);
}

static void
sample_both (results *r, const learned *one, const learned *ten, const sb_target *law, uint64_t seed, size_t n,
             findings *f)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, D), "samples");
  gsl_vector *times = require_pointer (gsl_vector_alloc (LEVELS), "levels");
  const sb_pc langevin = sb_pc_langevin (epsilon / 2, 1000), annealed = sb_pc_annealed (0.2 / 2, 100);
  gsl_vector_view last = gsl_vector_subvector (times, 0, 1);
  square (seed, x);
  gsl_vector_set (times, 0, 1);
  require (sb_pc_sample (&langevin, one->score, NULL, &last.vector, (sb_stream){ seed, 0, 0 }, x, NULL),
           "Langevin dynamics");
  look_at_samples (one, law, x, 0, f);
  square (seed, x);
  require (sb_grid_linear (1, 1. / LEVELS, times), "levels");
  require (sb_pc_sample (&annealed, ten->score, NULL, times, (sb_stream){ seed, 0, 0 }, x, NULL), "annealed Langevin");
  look_at_samples (ten, law, x, 1, f);
  r->evaluations += 2000 * n;
  gsl_vector_free (times);
  gsl_matrix_free (x);
}

static findings
find (results *r, const sb_target *law, uint64_t seed, size_t steps, size_t n)
{
  double sigma = sigma_L;
  gsl_vector_view ladder = gsl_vector_view_array (&sigma, 1);
  findings f;
  gsl_matrix *grid = grid_points ();
  learned *one = train (law, require_pointer (sb_smld_sigmas_alloc (D, &ladder.vector), "a level"), seed, steps);
  learned *ten = train (law, require_pointer (sb_smld_alloc (D, LEVELS, sigma_L, sigma_1), "levels"), seed, steps);
  f.holes = squared_error (one, law, 1, 1, grid, empty) / squared_error (one, law, 1, 1, grid, full);
  look_at_levels (ten, law, grid, &f);
  sample_both (r, one, ten, law, seed, n, &f);
  f.parameters[0] = one->training->count, f.parameters[1] = ten->training->count;
  gsl_matrix_free (grid);
  learned_free (one);
  learned_free (ten);
  return f;
}

// ## The numbers

static void
write_findings (results *r, uint64_t seed, const findings *f)
{
  char row[48];
  snprintf (row, sizeof row, "training %llu, one level", (unsigned long long)seed);
  results_row (r, row, "error in the empty part, over that in the full part", "", f->holes, -1, "", "");
  results_row (r, row, "share of (−3, −3), Langevin", "", f->share[0], -1, "", "0.2 in the law");
  results_row (r, row, "samples where nothing is", "", f->outside[0], -1, "", "log q < max − 9");
  results_row (r, row, "mean log density", "", f->likelihood[0], -1, "nats", "");
  snprintf (row, sizeof row, "training %llu, ten levels", (unsigned long long)seed);
  results_row (r, row, "share of (−3, −3), annealed", "", f->share[1], -1, "", "0.2 in the law");
  results_row (r, row, "samples where nothing is", "", f->outside[1], -1, "", "log q < max − 9");
  results_row (r, row, "mean log density", "", f->likelihood[1], -1, "nats", "");
  for (size_t i = 0; i < LEVELS; i++)
    {
      snprintf (row, sizeof row, "training %llu, σ = %.3g", (unsigned long long)seed,
                sigma_1 * pow (sigma_L / sigma_1, (double)i / (LEVELS - 1)));
      results_row (r, row, "σ² × error, over its law", "", f->inside[i], -1, "", "");
      results_row (r, row, "times as much three levels off", "", f->wrong[i], -1, "", "");
      if (isfinite (f->empty[i]))
        results_row (r, row, "error in the empty part", "", f->empty[i], -1, "", "");
    }
}

typedef struct
{
  double holes, inside, wrong, margin; // the worst of all trainings
  size_t parameters;
  bool same_size, rising, shares, outside, likelihood;
} verdict;

static void
weigh (verdict *v, const findings *f)
{
  v->holes = fmin (v->holes, f->holes);
  v->parameters = f->parameters[1];
  v->same_size = v->same_size && f->parameters[0] == f->parameters[1];
  for (size_t i = 0; i < LEVELS; i++)
    {
      v->inside = fmax (v->inside, f->inside[i]);
      if (i < 8)
        v->wrong = fmin (v->wrong, f->wrong[i]);
      if (i > 0 && isfinite (f->empty[i - 1]))
        v->rising = v->rising && f->empty[i] > f->empty[i - 1];
    }
  v->margin = fmax (v->margin, fabs (f->share[1] - alpha));
  v->shares = v->shares && fabs (f->share[1] - alpha) < fabs (f->share[0] - alpha);
  v->outside = v->outside && f->outside[1] <= f->outside[0];
  v->likelihood = v->likelihood && f->likelihood[1] > f->likelihood[0];
}

int
main (void)
{
  results r = results_open ();
  size_t trainings = r.scale == SMOKE ? 1 : 3, steps = r.scale == SMOKE ? 60 : r.scale == QUICK ? 8000 : 40000;
  size_t n = r.scale == SMOKE ? 50 : 2000;
  sb_target *law = two_gaussians ();
  verdict v = { .holes = INFINITY,
                .wrong = INFINITY,
                .same_size = true,
                .rising = true,
                .shares = true,
                .outside = true,
                .likelihood = true };
  for (uint64_t k = 0; k < trainings; k++)
    {
      findings f = find (&r, law, r.seed + k, steps, n);
      write_findings (&r, r.seed + k, &f);
      weigh (&v, &f);
    }
  results_claim (&r, "A score learned at a small σ is wrong where no data are", v.holes >= 5,
                 "squared error where log q < max − 9 over that where log q > max − 4: at least %.0f in %zu trainings",
                 v.holes, trainings);
  results_claim (
      &r, "... the more so the smaller σ", v.rising,
      "error of the ten-level network in the empty part of [−8, 8]², level by level, rising in every training");
  results_claim (
      &r, "One network is the score at every level", v.inside < 0.05 && v.same_size,
      "σ² times the squared error, over the level's own law: at most %.4f; %zu parameters, as many as for one level",
      v.inside, v.parameters);
  results_claim (&r, "... and uses the level it is told", v.wrong >= 5,
                 "told a level three off, at the eight upper levels: at least %.1f times the error", v.wrong);
  results_claim (&r, "Annealing brings the learned scores' proportions nearer to the law's", v.shares,
                 "in every training; at most %.3f from 0.2", v.margin);
  results_claim (&r, "Annealed samples leave the data less often", v.outside,
                 "the share of samples with log q < max − 9 is not larger than Langevin's in any training");
  results_claim (&r, "Annealed samples have the higher likelihood", v.likelihood,
                 "the mean log density, in every training");
  sb_target_free (law);
  results_close (&r);
  return EXIT_SUCCESS;
}
