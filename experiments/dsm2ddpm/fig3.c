// # Figure 3: Langevin dynamics at one noise level
//
// The report's figure is a sheet of what Langevin dynamics makes of MNIST at one noise level: no digits. It blames the
// score far from the data. Two experiments: one on points, where the score is known and can be made unreliable there
// and nowhere else; one with a network that has learned digits. [dsm2ddpm.fig3]

#include "../judge.h"
#include "ncsn.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

// ## Points, and a score that is known
//
// Eight corners of a cube in 16 dimensions, seen at $\sigma = 0.05$ or down the ladder from 1 to it. A start from
// $\mathcal N(0, \mathbf I)$ is some $\sqrt{2d} = 5.7$ from each of them, the noise at the last level reaches no
// farther than $\sigma\sqrt d = 0.2$.

enum
{
  D = 16,
  POINTS = 8,
  STEPS = 100 // of a level
};

static const double least = 0.05, most = 1, reach = 3;

static gsl_matrix *
corners (void)
{
  gsl_matrix *points = require_pointer (gsl_matrix_alloc (POINTS, D), "points");
  require (sb_stream_normals ((sb_stream){ 3, SB_FOR_DATA, 0 }, 0, points), "points");
  for (size_t k = 0; k < POINTS; k++)
    for (size_t j = 0; j < D; j++)
      gsl_matrix_set (points, k, j, gsl_matrix_get (points, k, j) < 0 ? -1 : 1);
  return points;
}

static gsl_vector *
distances (const gsl_matrix *x, const gsl_matrix *points)
{
  gsl_vector *distance = require_pointer (gsl_vector_alloc (x->size1), "distances");
  size_t *index = require_pointer (malloc (x->size1 * sizeof *index), "distances");
  require (sb_nearest (x, points, index, distance), "distances");
  free (index);
  return distance;
}

// A learned score has seen what noise leaves near the data, and nothing else. This one is exact there, and zero farther
// than $3\sigma\sqrt d$ from all data.

typedef struct
{
  const sb_score *exact;
  const gsl_matrix *points;
} known;

static int
cut (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  const known *k = params;
  int status = sb_score_evaluate (k->exact, SB_SCORE, x, t, y, out);
  gsl_vector *distance = distances (x, k->points);
  for (size_t i = 0; i < x->size1 && status == GSL_SUCCESS; i++)
    {
      double A, sigma;
      gsl_vector_view row = gsl_matrix_row (out, i);
      status = sb_process_scalars (k->exact->process, 0, gsl_vector_get (t, i), &A, &sigma);
      if (gsl_vector_get (distance, i) > reach * sigma * sqrt (D))
        gsl_vector_set_zero (&row.vector);
    }
  gsl_vector_free (distance);
  return status;
}

// The share of chains that end within $2\sigma\sqrt d$ of a point.

static double
share_arrived (results *r, const sb_score *score, const gsl_matrix *points, size_t n, bool annealed)
{
  const double alpha = 0.2; // over the level's variance
  const sb_pc langevin = sb_pc_langevin (alpha / 2 * least * least, STEPS * LEVELS);
  const sb_pc ladder = sb_pc_annealed (alpha / 2, STEPS);
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, D), "chains");
  gsl_vector *times = require_pointer (gsl_vector_alloc (LEVELS), "the levels");
  sb_stream stream = { .seed = r->seed };
  normal_starts (r->seed, 0, x);
  require (sb_grid_linear (1, 1. / LEVELS, times), "the levels");
  gsl_vector_view last = gsl_vector_subvector (times, LEVELS - 1, 1);
  require (sb_pc_sample (annealed ? &ladder : &langevin, score, NULL, annealed ? times : &last.vector, stream, x, NULL),
           "chains");
  gsl_vector *distance = distances (x, points);
  double arrived = 0;
  for (size_t i = 0; i < n; i++)
    arrived += gsl_vector_get (distance, i) < 2 * least * sqrt (D);
  r->evaluations += n * STEPS * LEVELS;
  gsl_vector_free (distance);
  gsl_vector_free (times);
  gsl_matrix_free (x);
  return arrived / (double)n;
}

static void
on_points (results *r, size_t n)
{
  static const char *const rows[]
      = { "points, score zero far from them, Langevin", "points, score zero far from them, Algorithm 1",
          "points, exact score, Langevin", "points, exact score, Algorithm 1" };
  gsl_matrix *points = corners ();
  sb_target *law = require_pointer (sb_target_points_alloc (points, NULL), "the points' law");
  sb_process *chain = require_pointer (sb_smld_alloc (D, LEVELS, least, most), "the ladder");
  sb_score *exact = require_pointer (sb_score_exact_alloc (law, chain), "the score");
  known params = { exact, points };
  sb_score_callback callback = { .view = SB_SCORE, .function = cut, .params = &params };
  sb_score *near = require_pointer (sb_score_callback_alloc (&callback, chain), "the score");
  double share[4];
  for (int k = 0; k < 4; k++)
    {
      share[k] = share_arrived (r, k < 2 ? near : exact, points, n, k % 2);
      results_row (r, rows[k], "corners of a cube / share that reaches one", "", share[k], -1, "", "");
    }
  results_claim (r, "A score that is right only near the data does not lead Langevin dynamics there", share[0] < 0.01,
                 "%.3f of %zu chains arrive", share[0], n);
  results_claim (r, "... but leads annealed Langevin dynamics there", share[1] > 0.99,
                 "%.3f of %zu chains arrive, with the score cut off at the same multiple of each level's noise",
                 share[1], n);
  results_claim (r, "With the exact score everywhere both arrive", share[2] > 0.99 && share[3] > 0.99,
                 "%.3f and %.3f: it is the score that fails, not the start in an empty region", share[2], share[3]);
  sb_score_free (near);
  sb_score_free (exact);
  sb_process_free (chain);
  sb_target_free (law);
  gsl_matrix_free (points);
}

// ## Digits, and a score that is learned
//
// One network for both samplers. Chain i of the one and of the other starts at the same point and takes as many steps.

static void
put (results *r, const char *row, size_t n, const verdict *v)
{
  char note[32];
  snprintf (note, sizeof note, "n = %zu", n);
  results_row (r, row, "Frechet distance", "", v->frechet, -1, "", note);
  results_row (r, row, "mean confidence", "", v->confidence, -1, "", "");
  results_row (r, row, "probability over 0.9", "", v->sure, sqrt (v->sure * (1 - v->sure) / (double)n), "", "");
}

static gsl_matrix *
batch (size_t n)
{
  return require_pointer (gsl_matrix_alloc (n, PIXELS), "images");
}

// Chains are independent, so that a third of them is a repetition of the experiment.

enum
{
  THIRDS = 3
};

typedef struct
{
  double factor, margin; // of the Frechet distances, Langevin's over Algorithm 1's; between the confidences: the least
} comparison;

static comparison
compare (results *r, const judge *j, const gsl_matrix *plain, const gsl_matrix *annealed)
{
  size_t rows = plain->size1 / THIRDS;
  comparison worst = { INFINITY, INFINITY };
  for (size_t k = 0; k < THIRDS; k++)
    {
      char row[64];
      gsl_matrix_const_view some_plain = gsl_matrix_const_submatrix (plain, k * rows, 0, rows, PIXELS),
                            some_annealed = gsl_matrix_const_submatrix (annealed, k * rows, 0, rows, PIXELS);
      verdict of_plain = judged (j, &some_plain.matrix, 0, 1), of_annealed = judged (j, &some_annealed.matrix, 0, 1);
      snprintf (row, sizeof row, "third %zu, Langevin at σ = 0.01", k + 1);
      put (r, row, rows, &of_plain);
      snprintf (row, sizeof row, "third %zu, Algorithm 1", k + 1);
      put (r, row, rows, &of_annealed);
      worst.factor = fmin (worst.factor, of_plain.frechet / of_annealed.frechet);
      worst.margin = fmin (worst.margin, of_annealed.confidence - of_plain.confidence);
    }
  return worst;
}

static void
put_together (results *r, const judge *j, const gsl_matrix *plain, const gsl_matrix *annealed)
{
  size_t n = plain->size1;
  gsl_matrix *digits = test_digits (0, n, 0, 1), *noise = batch (n);
  normal_starts (r->seed, 0, noise);
  const gsl_matrix *const x[] = { plain, annealed, digits, noise };
  static const char *const rows[] = { "all, Langevin at σ = 0.01", "all, Algorithm 1", "as many test images", "noise" };
  for (int k = 0; k < 4; k++)
    {
      verdict v = judged (j, x[k], 0, 1);
      put (r, rows[k], n, &v);
    }
  gsl_matrix_free (noise);
  gsl_matrix_free (digits);
}

// ## What the network says at the start
//
// The noise it finds there, $-\sigma\,\mathbf s_\theta$, beside what the exact score of test images finds: root mean
// square of a coordinate, and the cosine between the two.

static void
look_at_start (results *r, const ncsn *n, const gsl_matrix *x)
{
  gsl_matrix *images = test_digits (0, 0, 0, 1), *learned = batch (x->size1), *exact = batch (x->size1);
  gsl_vector *t = require_pointer (gsl_vector_alloc (x->size1), "times");
  sb_target *law = require_pointer (sb_target_points_alloc (images, NULL), "the images' law");
  gsl_vector_set_all (t, 1. / LEVELS);
  require (sb_score_evaluate (n->score, SB_EPSILON, x, t, NULL, learned), "the learned score");
  require (sb_target_evaluate (law, n->model->process, SB_EPSILON, x, t, exact), "the exact score");
  double a = 0, b = 0, ab = 0;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < PIXELS; k++)
      {
        double l = gsl_matrix_get (learned, i, k), e = gsl_matrix_get (exact, i, k);
        a += l * l, b += e * e, ab += l * e;
      }
  double numbers = (double)(x->size1 * PIXELS), sigma = ncsn_sigma (n, LEVELS);
  r->evaluations += x->size1;
  results_row (r, "σ = 0.01", "at the start / σ × score, the network's", "", sqrt (a / numbers), -1, "",
               "a coordinate");
  results_row (r, "σ = 0.01", "at the start / σ × score, test images'", "", sqrt (b / numbers), -1, "", "exact");
  results_row (r, "σ = 0.01", "at the start / cosine between them", "", ab / sqrt (a * b), -1, "", "");
  if (r->scale != SMOKE)
    results_claim (r, "Far from the data the learned score is arbitrarily wrong", a < b / 100,
                   "at the starts the network says %.2f times σ a coordinate are noise, the exact score of the test "
                   "images, %.2f away, says %.0f times",
                   sqrt (a / numbers), sigma * sqrt (b / numbers), sqrt (b / numbers));
  sb_target_free (law);
  gsl_vector_free (t);
  gsl_matrix_free (exact);
  gsl_matrix_free (learned);
  gsl_matrix_free (images);
}

static void
show (const results *r, const char *name, const gsl_matrix *x)
{
  enum
  {
    SHOWN = 30,
    COLUMNS = 15
  };
  gsl_matrix_const_view some = gsl_matrix_const_submatrix (x, 0, 0, GSL_MIN (x->size1, SHOWN), PIXELS);
  picture (r, name, &some.matrix, GSL_MIN (x->size1, COLUMNS), 0, 1);
}

static void
claim_failure (results *r, const comparison *worst, size_t n)
{
  if (r->scale == SMOKE)
    {
      fputs ("Langevin dynamics at one noise level draws no digits,untested,ten steps say nothing\n", r->claims);
      return;
    }
  results_claim (r, "Langevin dynamics at one noise level draws no digits", worst->factor >= 2,
                 "its Frechet distance is at least %.1f times that of Algorithm 1, in each of three times %zu chains",
                 worst->factor, n / THIRDS);
  results_claim (r, "A classifier is surer of Algorithm 1's samples", worst->margin > 0,
                 "mean of its largest probability, Algorithm 1's less Langevin's: %.3f or more in each third",
                 worst->margin);
}

// The other start in use: uniform pixels in [0, 1].

static void
other_start (results *r, const ncsn *n, const judge *j, size_t rows, size_t steps)
{
  gsl_matrix *x = batch (rows);
  uniform_starts (r->seed, 0, x);
  annealed_chains (r, n, r->seed, 0, steps, NULL, NULL, x);
  verdict v = judged (j, x, 0, 1);
  put (r, "all, Algorithm 1 from uniform pixels", rows, &v);
  gsl_matrix_free (x);
}

static void
on_digits (results *r, size_t rows, size_t steps)
{
  ncsn n = ncsn_open ();
  judge j = judge_open ("mnist");
  gsl_matrix *plain = batch (rows), *annealed = batch (rows);
  normal_starts (r->seed, 0, plain);
  gsl_matrix_memcpy (annealed, plain);
  look_at_start (r, &n, plain);
  plain_chains (r, &n, r->seed, 0, steps, plain);
  annealed_chains (r, &n, r->seed, 0, steps, NULL, NULL, annealed);
  comparison worst = compare (r, &j, plain, annealed);
  put_together (r, &j, plain, annealed);
  if (r->scale != QUICK)
    other_start (r, &n, &j, rows, steps);
  claim_failure (r, &worst, rows);
  show (r, "langevin", plain);
  show (r, "annealed", annealed);
  gsl_matrix_free (annealed);
  gsl_matrix_free (plain);
  judge_close (j);
  ncsn_close (n);
}

int
main (void)
{
  results r = results_open ();
  static const size_t chains[] = { [SMOKE] = 100, [QUICK] = 1000, [FULL] = 10000 },
                      rows[] = { [SMOKE] = 2 * THIRDS, [QUICK] = 20 * THIRDS, [FULL] = 200 * THIRDS },
                      steps[] = { [SMOKE] = 1, [QUICK] = STEPS, [FULL] = STEPS };
  on_points (&r, chains[r.scale]);
  on_digits (&r, rows[r.scale], steps[r.scale]);
  results_close (&r);
  return EXIT_SUCCESS;
}
