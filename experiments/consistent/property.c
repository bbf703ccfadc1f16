// # How consistent two networks are
//
// [consistent.fig1a] [consistent.fig1b] [consistent.fig4] [consistent.fig5] [consistent.fig6] [consistent.fig7]
// [consistent.txt-more-consistent] [consistent.txt-limitations] [consistent.set-ffhq-finetune] The loss L^2 of test
// images under noise, by paths of the network's own reverse SDE: from t down to the end, against t, and from the
// highest level down to t', against t'; with and without consistency in training, on the same noise.
// [consistent.set-consistency-test]

#include "../faces.h"
#include "drawn_edm.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum
{
  EDM,
  CDM,
  MODELS,
  LEVELS = 6,
  WINDOWS = 3
};
static const double levels[LEVELS] = { .1, .3, 1, 3, 10, 80 }, window_levels[WINDOWS] = { .1, .3, 1 }, window = .05;

typedef struct
{
  network of[MODELS];
  gsl_matrix *x_0, *y; // y: NULL where the networks are told no class
  size_t paths, steps;
} pair;

// ## The points
//
// Test images, which no network has learned, and of digits their classes.

static gsl_matrix *
test_classes (size_t n)
{
  char path[4096];
  sb_error error = { 0 };
  data_path ("t10k-labels-idx1-ubyte.gz", path, sizeof path);
  sb_bytes *labels = require_pointer (sb_idx_read (path, &error), error.message);
  gsl_matrix *y = require_pointer (gsl_matrix_alloc (n, 1), "classes");
  for (size_t i = 0; i < n; i++)
    gsl_matrix_set (y, i, 0, labels->data[i]);
  sb_bytes_free (labels);
  return y;
}

static pair
open_pair (const results *r, const char *name, size_t n)
{
  char edm[64], cdm[64];
  snprintf (edm, sizeof edm, "%s-edm", name);
  snprintf (cdm, sizeof cdm, "%s-cdm", name);
  const bool faces = strncmp (name, "faces", 5) == 0;
  return (pair){ .of = { network_needed (edm), network_needed (cdm) },
                 .x_0 = faces ? test_faces (strstr (name, "64") ? 64 : 32, n) : test_digits (0, n, -1, 1),
                 .y = faces ? NULL : test_classes (n),
                 .paths = r->scale == SMOKE ? 2 : 8,
                 .steps = r->scale == SMOKE   ? 2
                          : r->scale == QUICK ? 16
                                              : 300 };
}

static gsl_matrix *
noised (const results *r, const pair *p, double t)
{
  const size_t n = p->x_0->size1, d = p->x_0->size2;
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, d), "images"),
             *z = require_pointer (gsl_matrix_alloc (n, d), "normals");
  require (sb_stream_normals ((sb_stream){ r->seed, SB_FOR_FORWARD, 0 }, 0, z), "normals");
  gsl_matrix_memcpy (x, p->x_0);
  gsl_matrix_scale (z, t);
  gsl_matrix_add (x, z);
  gsl_matrix_free (z);
  return x;
}

// ## The loss of both, row by row

typedef struct
{
  gsl_vector *loss[MODELS]; // n
} losses;

static losses
look_at (const results *r, const pair *p, double t, double s, size_t steps, size_t paths)
{
  const size_t n = p->x_0->size1;
  const sb_partial_path path = { sb_step_reverse_diffusion, NULL, steps, 7 };
  gsl_matrix *x = noised (r, p, t);
  gsl_vector *from = require_pointer (gsl_vector_alloc (n), "times"),
             *to = require_pointer (gsl_vector_alloc (n), "times");
  losses l;
  gsl_vector_set_all (from, t);
  gsl_vector_set_all (to, s);
  for (int m = 0; m < MODELS; m++)
    {
      l.loss[m] = require_pointer (gsl_vector_alloc (n), "losses");
      require (sb_consistency_loss (p->of[m].score, &path, paths, p->y, from, to, x, (sb_stream){ r->seed, 0, 0 },
                                    l.loss[m], NULL),
               "the consistency loss");
    }
  gsl_matrix_free (x);
  gsl_vector_free (from);
  gsl_vector_free (to);
  return l;
}

static void
losses_free (losses l)
{
  for (int m = 0; m < MODELS; m++)
    gsl_vector_free (l.loss[m]);
}

static double
mean_of (const gsl_vector *v, double *error)
{
  *error = gsl_stats_sd (v->data, 1, v->size) / sqrt ((double)v->size);
  return gsl_stats_mean (v->data, 1, v->size);
}

// What EDM's is above CDM's, row by row, as a share of their mean, is added up over the levels of a test: the rows are
// the images, and these are independent. In standard errors of the mean over images.

static double
z_of (const gsl_vector *apart)
{
  double error;
  const double mean = mean_of (apart, &error);
  return mean / error;
}

static void
add_differences (const losses *l, gsl_vector *sum, gsl_vector *here)
{
  double error;
  const double size = fabs (mean_of (l->loss[EDM], &error)) + fabs (mean_of (l->loss[CDM], &error));
  gsl_vector_memcpy (here, l->loss[EDM]);
  gsl_vector_sub (here, l->loss[CDM]);
  gsl_vector_scale (here, 2 / size);
  gsl_vector_add (sum, here);
}

// The rows of one test, and a data file for its picture: a time, then each model's loss and its standard error.

typedef struct
{
  const char *row;
  FILE *data;
  gsl_vector *sum; // of the differences
} curve;

static curve
open_curve (results *r, const char *row, const char *file, size_t n)
{
  return (curve){ row, results_data (r, file), require_pointer (gsl_vector_calloc (n), "differences") };
}

static void
close_curve (curve c)
{
  require (fclose (c.data) ? GSL_EFAILED : GSL_SUCCESS, "writing a curve");
  gsl_vector_free (c.sum);
}

static void
put (results *r, const curve *c, double at, const losses *l)
{
  static const char *const names[MODELS] = { "without consistency", "with consistency" };
  char row[64];
  snprintf (row, sizeof row, "%s = %g", c->row, at);
  fprintf (c->data, "%g", at);
  for (int m = 0; m < MODELS; m++)
    {
      double error;
      const double mean = mean_of (l->loss[m], &error);
      results_row (r, row, names[m], "", mean, error, "", "summed over pixels, mean over images");
      fprintf (c->data, " %.6g %.6g", mean, error);
    }
  fputc ('\n', c->data);
  gsl_vector *here = require_pointer (gsl_vector_alloc (c->sum->size), "differences");
  add_differences (l, c->sum, here);
  results_row (r, row, "paired z", "", z_of (here), -1, "",
               "of the difference, positive where consistency lowers the loss");
  gsl_vector_free (here);
}

// ## Tests and claims

static void
claim_lower (results *r, const char *claim, double z)
{
  if (r->scale == SMOKE || !(fabs (z) >= 3))
    untested (r, claim, r->scale == SMOKE ? "a few paths say nothing" : "the error bar is wider than the effect");
  else
    results_claim (r, claim, z > 0, "z = %.1f, one training each", z);
}

// The same from t = 3 with twice the steps, for how much of it is the solver's.

static void
put_solver (results *r, const pair *p, double end)
{
  double error;
  losses l = look_at (r, p, 3, end, 2 * p->steps, p->paths);
  const double mean = mean_of (l.loss[EDM], &error);
  results_row (r, "t' = 0: t = 3", "without consistency, twice the steps", "", mean, error, "",
               "summed over pixels, mean over images");
  losses_free (l);
}

static void
run_tests (results *r, const pair *p)
{
  const double end = p->of[EDM].model->process->t_min;
  const size_t n = p->x_0->size1;
  const curve from = open_curve (r, "t' = 0: t", "from.dat", n), to = open_curve (r, "t = 80: t'", "to.dat", n),
              within = open_curve (r, "a window of 0.05: t", "window.dat", n);
  for (int k = 0; k < LEVELS; k++)
    {
      losses l = look_at (r, p, levels[k], end, p->steps, p->paths);
      put (r, &from, levels[k], &l);
      losses_free (l);
    }
  put_solver (r, p, end);
  for (int k = LEVELS - 2; k >= 0; k--)
    {
      losses l = look_at (r, p, levels[LEVELS - 1], levels[k], p->steps, p->paths);
      put (r, &to, levels[k], &l);
      losses_free (l);
    }
  for (int k = 0; k < WINDOWS; k++)
    {
      losses l = look_at (r, p, window_levels[k], window_levels[k] - window, r->scale == SMOKE ? 2 : 6, 2 * p->paths);
      put (r, &within, window_levels[k], &l);
      losses_free (l);
    }
  claim_lower (r, "training with consistency lowers L2 from t down to 0, over all t", z_of (from.sum));
  claim_lower (r, "... from t = 80 down to t', over all t'", z_of (to.sum));
  claim_lower (r, "... within the window that was trained", z_of (within.sum));
  close_curve (from);
  close_curve (to);
  close_curve (within);
}

// ## Are they gradients?
//
// Neither asked for it. The relative asymmetry of the denoiser's Jacobian, by random directions.

static void
put_asymmetry (results *r, const pair *p)
{
  const size_t n = r->scale == SMOKE ? 1 : 4, probes = r->scale == SMOKE ? 1 : 4;
  gsl_vector *t = require_pointer (gsl_vector_alloc (n), "times"),
             *ratio = require_pointer (gsl_vector_alloc (n), "ratios");
  for (int k = 0; k < LEVELS - 1; k++)
    {
      gsl_matrix *all = noised (r, p, levels[k]);
      gsl_matrix_view x = gsl_matrix_submatrix (all, 0, 0, n, all->size2);
      gsl_matrix_view y = p->y ? gsl_matrix_submatrix (p->y, 0, 0, n, 1) : x;
      char row[64];
      gsl_vector_set_all (t, levels[k]);
      snprintf (row, sizeof row, "asymmetry at t = %g", levels[k]);
      for (int m = 0; m < MODELS; m++)
        {
          double error;
          require (sb_score_asymmetry (p->of[m].score, SB_DENOISER, p->y ? &y.matrix : NULL, t, &x.matrix, probes,
                                       (sb_stream){ r->seed, SB_FOR_PROBE, 0 }, ratio),
                   "the asymmetry");
          const double mean = n > 1 ? mean_of (ratio, &error) : gsl_vector_get (ratio, 0);
          results_row (r, row, m == EDM ? "without consistency" : "with consistency", "", mean, n > 1 ? error : -1, "",
                       "|J - J^T| / |J| of the denoiser");
        }
      gsl_matrix_free (all);
    }
  gsl_vector_free (t);
  gsl_vector_free (ratio);
}

int
main (int argc, char **argv)
{
  results r = results_open ();
  require (argc == 2 ? GSL_SUCCESS : GSL_EINVAL, "the name of a pair of networks");
  const size_t quick = strstr (argv[1], "64") ? 8 : 24;
  pair p = open_pair (&r, argv[1], r.scale == SMOKE ? 2 : r.scale == QUICK ? quick : 200);
  run_tests (&r, &p);
  if (!strcmp (argv[1], "mnist"))
    put_asymmetry (&r, &p);
  for (int m = 0; m < MODELS; m++)
    network_close (p.of[m]);
  gsl_matrix_free (p.x_0);
  gsl_matrix_free (p.y);
  results_close (&r);
  return EXIT_SUCCESS;
}
