// # Knots of blurs
//
// Figure 8: the shortest path from sharp images to blurred ones, for several kinds of data. [soft.fig8] Of 256 levels
// 32 are chosen by the coupled distance, which is W_2 where blurs commute, of Gaussian fields by their own; and by
// Sinkhorn's iteration between slices, as the paper does, few of fewer levels. [soft.set-schedule]
// [soft.txt-datasetspecific] [soft.txt-kwon]

#include "../../tests/field.h"
#include "../faces.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

enum
{
  MOST = 256
};

// How many levels, nodes and images, at a scale.
typedef struct
{
  size_t levels, nodes, images;        // of the coupled distance
  size_t few_levels, few_nodes, slice; // of Sinkhorn's
} counts;

static counts
counts_at (scale at)
{
  return at == SMOKE   ? (counts){ 52, 9, 50, 8, 3, 20 }
         : at == QUICK ? (counts){ 256, 32, 1000, 32, 8, 100 }
                       : (counts){ 256, 32, 10000, 32, 8, 1000 };
}

typedef struct
{
  const char *name;
  size_t side, channels, half;
  double widest;
  gsl_matrix *x;
} images;

typedef struct
{
  double level[MOST];
  size_t nodes;
  gsl_matrix *distance;
} schedule;

// ## Paths

static schedule
shortest_path (gsl_matrix *distance, size_t nodes, double widest)
{
  schedule s = { .nodes = nodes, .distance = distance };
  size_t node[MOST];
  double epsilon, cost;
  require (sb_schedule_search (distance, nodes, &epsilon, node, &cost), "the path");
  for (size_t k = 0; k < nodes; k++)
    s.level[k] = 0.01 + (widest - 0.01) * (double)node[k] / ((double)distance->size1 - 1);
  return s;
}

static schedule
of_field (double p, const counts *n)
{
  const field f = field_of (p);
  gsl_matrix *distance = require_pointer (gsl_matrix_alloc (n->levels, n->levels), "distances");
  field_distances (&f, 0.1, distance);
  return shortest_path (distance, n->nodes, 23);
}

static schedule
of_images (const results *r, const images *i, size_t first, size_t count, const char *metric, size_t levels,
           size_t nodes)
{
  sb_operator *blur
      = require_pointer (sb_operator_blur_alloc (i->side, i->side, i->channels, i->half, SB_BOUNDARY_ZERO), "the blur");
  gsl_matrix *distance = require_pointer (gsl_matrix_alloc (levels, levels), "distances");
  gsl_vector *level = require_pointer (gsl_vector_alloc (levels), "levels");
  count = GSL_MIN (count, i->x->size1 - first);
  const gsl_matrix_const_view x = gsl_matrix_const_submatrix (i->x, first, 0, count, i->x->size2);
  for (size_t k = 0; k < levels; k++)
    gsl_vector_set (level, k, 0.01 + (i->widest - 0.01) * (double)k / ((double)levels - 1));
  const sb_stream stream = { .seed = r->seed };
  require (sb_level_distances (metric, blur, level, &x.matrix, stream, distance, NULL), i->name);
  gsl_vector_free (level);
  sb_operator_free (blur);
  return shortest_path (distance, nodes, i->widest);
}

static double
largest_difference (const schedule *a, const schedule *b)
{
  double most = 0;
  for (size_t k = 0; k < a->nodes; k++)
    most = fmax (most, fabs (a->level[k] - b->level[k]));
  return most;
}

static void
put (results *r, const char *what, const char *column, const schedule *s)
{
  for (size_t k = 0; k < s->nodes; k++)
    {
      char row[64];
      snprintf (row, sizeof row, "%s %zu", what, k + 1);
      results_row (r, row, column, "", s->level[k], -1, "pixels", "");
    }
}

// ## Each kind of data

static void
draw (FILE *data, const char *name, const schedule *s)
{
  fprintf (data, "\"%s\"\n", name);
  for (size_t k = 0; k < s->nodes; k++)
    fprintf (data, "%g %g\n", 0.2 + 0.8 * (double)k / ((double)s->nodes - 1), s->level[k] / s->level[s->nodes - 1]);
  fprintf (data, "\n\n");
}

static void
claim_slices (results *r, const counts *n, const images *digits, size_t slice, double between, const char *claim)
{
  schedule one = of_images (r, digits, 0, slice, "coupled", n->levels, n->nodes),
           other = of_images (r, digits, slice, slice, "coupled", n->levels, n->nodes);
  const double within = largest_difference (&one, &other);
  results_claim (r, claim, between > within,
                 "digits and clothes: knots up to %.2f pixels apart; two slices of %zu digits: %.2f", between, slice,
                 within);
  gsl_matrix_free (one.distance);
  gsl_matrix_free (other.distance);
}

static void
compare_data (results *r, const counts *n, const images *digits, const images *clothes, const images *faces)
{
  const images *sets[] = { digits, clothes, faces };
  FILE *data = results_data (r, "knots.dat");
  schedule s[5];
  for (size_t k = 0; k < 3; k++)
    {
      s[k] = of_images (r, sets[k], 0, k ? n->images : sets[k]->x->size1 / 2, "coupled", n->levels, n->nodes);
      put (r, "knot", sets[k]->name, &s[k]);
      draw (data, sets[k]->name, &s[k]);
    }
  for (size_t k = 3; k < 5; k++)
    {
      const char *name = k == 3 ? "FIELD(1)" : "FIELD(3)";
      s[k] = of_field (k == 3 ? 1 : 3, n);
      put (r, "knot", name, &s[k]);
      draw (data, name, &s[k]);
    }
  require (fclose (data) ? GSL_EFAILED : GSL_SUCCESS, "the figure's data");

  // Two slices of one set beside two sets: large ones, and half as large.
  const size_t slice = digits->x->size1 / 2;
  const double between = largest_difference (&s[0], &s[1]);
  claim_slices (r, n, digits, slice, between,
                "The schedule depends on the data: two sets differ more than two slices of one");
  claim_slices (r, n, digits, slice / 2, between, "... than two slices half as large");
  const size_t middle = n->nodes / 2;
  results_claim (r, "... smooth fields are blurred faster than natural ones",
                 s[4].level[middle] > 2 * s[3].level[middle], "knot %zu: %.2f for FIELD(1), %.2f for FIELD(3)",
                 middle + 1, s[3].level[middle], s[4].level[middle]);
  for (size_t k = 0; k < 5; k++)
    gsl_matrix_free (s[k].distance);
}

// ## Slices
//
// By how much slices overestimate, and whether they do so evenly: the ratio of Sinkhorn's distance between slices to
// W_2 of all, pair by pair.

static double
variation_of_ratio (const gsl_matrix *slice, const gsl_matrix *all, double *mean)
{
  double ratio[MOST * MOST];
  size_t count = 0;
  for (size_t a = 0; a < all->size1; a++)
    for (size_t b = a + 1; b < all->size2; b++)
      ratio[count++] = gsl_matrix_get (slice, a, b) / gsl_matrix_get (all, a, b);
  *mean = gsl_stats_mean (ratio, 1, count);
  return gsl_stats_sd (ratio, 1, count) / *mean;
}

static void
compare_slices (results *r, const counts *n, const images *digits, const images *clothes)
{
  const char *const sinkhorn = "sinkhorn";
  schedule all = of_images (r, digits, 0, n->images, "coupled", n->few_levels, n->few_nodes),
           one = of_images (r, digits, 0, n->slice, sinkhorn, n->few_levels, n->few_nodes),
           other = of_images (r, digits, n->slice, n->slice, sinkhorn, n->few_levels, n->few_nodes),
           of_clothes = of_images (r, clothes, 0, n->slice, sinkhorn, n->few_levels, n->few_nodes);
  double mean;
  const double variation = variation_of_ratio (one.distance, all.distance, &mean),
               step = 15.74 / ((double)n->few_levels - 1), within = largest_difference (&one, &other),
               from_all = largest_difference (&one, &all), between = largest_difference (&one, &of_clothes);
  put (r, "few", "MNIST, all, coupled", &all);
  put (r, "few", "MNIST, a slice, Sinkhorn", &one);
  put (r, "few", "MNIST, another slice, Sinkhorn", &other);
  put (r, "few", "Fashion-MNIST, a slice, Sinkhorn", &of_clothes);
  results_row (r, "slice over all", "mean of ratios", "", mean, -1, "",
               "Sinkhorn's distance over W_2, pairs of levels");
  results_row (r, "slice over all", "their variation", "", variation, -1, "", "standard deviation over mean");
  results_claim (r, "Slices are off by nearly the same factor for all pairs", variation < 0.1,
                 "%.2f on average, varying by %.0f %%", mean, 100 * variation);
  results_claim (r, "Slices change the schedule little", fmax (within, from_all) <= 1.01 * step,
                 "two slices of %zu: knots up to %.2f pixels apart, from that of all %.2f; levels are %.2f apart",
                 n->slice, within, from_all, step);
  results_claim (r, "Two slices differ less than two sets of data", within < between, "%.2f against %.2f pixels",
                 within, between);
  gsl_matrix_free (all.distance);
  gsl_matrix_free (one.distance);
  gsl_matrix_free (other.distance);
  gsl_matrix_free (of_clothes.distance);
}

int
main (void)
{
  results r = results_open ();
  const counts n = counts_at (r.scale);
  images digits = { "MNIST", SIDE, 1, 28, 15.75, test_digits (0, GSL_MIN (2 * n.images, 10000), 0, 1) },
         clothes = { "Fashion-MNIST", SIDE, 1, 28, 15.75, test_clothes (0, 0, 0, 1) },
         faces = { "Faces, 32 x 32", 32, CHANNELS, 40, 11.5, test_faces (32, r.scale == SMOKE ? 20 : TEST_FACES) };
  gsl_matrix_add_constant (faces.x, 1);
  gsl_matrix_scale (faces.x, 0.5);
  compare_data (&r, &n, &digits, &clothes, &faces);
  compare_slices (&r, &n, &digits, &clothes);
  gsl_matrix_free (digits.x);
  gsl_matrix_free (clothes.x);
  gsl_matrix_free (faces.x);
  results_close (&r);
  return EXIT_SUCCESS;
}
