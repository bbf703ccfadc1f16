// # scorebook measure
//
// How far two files of points are from being samples of one law.

#include <config.h>

#include "commands.h"
#include "options.h"
#include "points.h"
#include "setup.h"

#include <scorebook.h>

#include <gsl/gsl_statistics.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

// ## The options

typedef enum
{
  METRIC_ALL,
  METRIC_FRECHET,
  METRIC_ENERGY,
  METRIC_KS,
  METRIC_NEAREST
} metric;

static const char *const metric_names[] = { "all", "frechet", "energy", "ks", "nearest", NULL };
static const char *const format_names[] = { "plain", "json", NULL };

typedef struct
{
  int metric, format;
  uint64_t projections, permutations;
  double range[2];
  const char *classifier;
  common_options common;
} settings;

static const char details[] = "FILE1 and FILE2 are IDX (plain or gzip) or NPY, with points of one dimension.\n"
                              "  frechet  squared distance between the Gaussians with the points' means and\n"
                              "           covariances, as FID takes it of a network's features\n"
                              "  energy   2 E|X-Y| - E|X-X'| - E|Y-Y'|: up to chance, zero for one law\n"
                              "  ks       Kolmogorov and Smirnov's distance, the largest over random\n"
                              "           projections, with a bound on its probability under one law\n"
                              "  nearest  distance from a point of FILE1 to the nearest of FILE2: smallest,\n"
                              "           mean, largest\n"
                              "With --classifier a cnn that 'scorebook train' made with labels looks at the\n"
                              "images; its inception score is the number of classes at best, 1 at worst.\n\n"
                              "Exit status: 0, 1 where something failed, 2 where the command line is wrong.\n";

static int
parse (int argc, char **argv, settings *o, int *first)
{
  const option options[] = {
    { .kind = OPTION_HEADING, .help = "Options" },
    { "metric", 'm', OPTION_CHOICE, &o->metric, "NAME", 0, 0, metric_names,
      "all, frechet, energy, ks or nearest, see below (default: all)" },
    { "projections", 0, OPTION_COUNT, &o->projections, "N", 0, 1e6, NULL, "ks: random directions (default: 100)" },
    { "permutations", 0, OPTION_COUNT, &o->permutations, "N", 0, 1e6, NULL,
      "energy: find its probability under one law from N random divisions of the points (default: do not)" },
    { "data-range", 0, OPTION_RANGE, o->range, "LOW,HIGH", 0, 0, NULL,
      "map the bytes 0 to 255 of IDX files to these values; those of NPY files lie there (default: -1,1)" },
    { "classifier", 0, OPTION_TEXT, &o->classifier, "FILE", 0, 0, NULL,
      "compare the features this network sees, not pixels (nearest: pixels), and say which classes it sees in FILE1" },
    { "format", 0, OPTION_CHOICE, &o->format, "NAME", 0, 0, format_names, "plain lines or json (default: plain)" },
  };
  const command_line line = {
    "measure", "[OPTION]... FILE1 FILE2", MEASURE_SUMMARY, details, options, sizeof options / sizeof *options, 2
  };
  int status = parse_options (&line, &o->common, argc, argv, first);
  if (status < 0 && *first + 2 > argc)
    return usage_error ("measure: needs two files; see 'scorebook measure --help'");
  return status;
}

// ## The measures
//
// Each adds its numbers to the report.

static int
add (json_t *report, const char *key, double value)
{
  return json_object_set_new (report, key, json_real (value)) == 0 ? GSL_SUCCESS : GSL_ENOMEM;
}

static int
measure_frechet (const settings *o, const gsl_matrix *x, const gsl_matrix *y, json_t *report)
{
  (void)o;
  double distance;
  int status = sb_frechet (x, y, &distance);
  return status == GSL_SUCCESS ? add (report, "frechet", distance) : status;
}

static int
measure_energy (const settings *o, const gsl_matrix *x, const gsl_matrix *y, json_t *report)
{
  double distance, p_value;
  sb_stream stream = { .seed = o->common.seed, .purpose = SB_FOR_PROBE };
  int status = sb_energy_test (x, y, o->permutations, stream, &distance, o->permutations ? &p_value : NULL);
  if (status == GSL_SUCCESS)
    status = add (report, "energy", distance);
  return status == GSL_SUCCESS && o->permutations ? add (report, "energy probability", p_value) : status;
}

static int
measure_ks (const settings *o, const gsl_matrix *x, const gsl_matrix *y, json_t *report)
{
  double D, p_value;
  sb_stream stream = { .seed = o->common.seed, .purpose = SB_FOR_PROBE };
  int status = sb_ks_projections (x, y, o->projections, stream, &D, &p_value);
  if (status == GSL_SUCCESS)
    status = add (report, "ks", D);
  return status == GSL_SUCCESS ? add (report, "ks probability at most", p_value) : status;
}

static int
measure_nearest (const settings *o, const gsl_matrix *x, const gsl_matrix *y, json_t *report)
{
  (void)o;
  size_t *index = calloc (x->size1, sizeof *index);
  gsl_vector *distance = gsl_vector_alloc (x->size1);
  int status = index && distance ? sb_nearest (x, y, index, distance) : GSL_ENOMEM;
  if (status == GSL_SUCCESS)
    status = add (report, "nearest smallest", gsl_vector_min (distance));
  if (status == GSL_SUCCESS)
    status = add (report, "nearest mean", gsl_stats_mean (distance->data, distance->stride, distance->size));
  if (status == GSL_SUCCESS)
    status = add (report, "nearest largest", gsl_vector_max (distance));
  gsl_vector_free (distance);
  free (index);
  return status;
}

typedef int (*measure) (const settings *o, const gsl_matrix *x, const gsl_matrix *y, json_t *report);

static const measure measures[] = { [METRIC_FRECHET] = measure_frechet,
                                    [METRIC_ENERGY] = measure_energy,
                                    [METRIC_KS] = measure_ks,
                                    [METRIC_NEAREST] = measure_nearest };

// ## The report

static void
print_report (const settings *o, json_t *report)
{
  if (o->format == 1)
    {
      json_dumpf (report, stdout, JSON_INDENT (2) | JSON_REAL_PRECISION (10));
      putchar ('\n');
      return;
    }
  const char *key;
  json_t *value;
  json_object_foreach (report, key, value) printf ("%s: %.10g\n", key, json_real_value (value));
}

static int
measure_pairs (const settings *o, const gsl_matrix *const *seen, const gsl_matrix *const *pixels, json_t *report)
{
  int status = GSL_SUCCESS;
  for (int k = METRIC_FRECHET; k <= METRIC_NEAREST && status == GSL_SUCCESS; k++)
    if (o->metric == METRIC_ALL || o->metric == k)
      {
        const gsl_matrix *const *pair = k == METRIC_NEAREST ? pixels : seen;
        status = measures[k](o, pair[0], pair[1], report);
        if (status != GSL_SUCCESS)
          failure ("%s: %s", metric_names[k], why (status));
      }
  return status;
}

// What a classifier says of the first file: how many of its points it is sure of, and the shares of the classes.

static int
report_classes (const gsl_matrix *probabilities, json_t *report)
{
  double score, n = (double)probabilities->size1;
  size_t sure, *counts = calloc (probabilities->size2, sizeof *counts);
  int status = counts ? sb_inception_score (probabilities, &score) : GSL_ENOMEM;
  if (status == GSL_SUCCESS)
    status = sb_class_histogram (probabilities, 0.9, counts, &sure);
  if (status == GSL_SUCCESS)
    status = add (report, "inception score", score);
  if (status == GSL_SUCCESS)
    status = add (report, "probability over 0.9", (double)sure / n);
  for (size_t k = 0; k < probabilities->size2 && status == GSL_SUCCESS; k++)
    {
      char key[32];
      snprintf (key, sizeof key, "class %zu", k);
      status = add (report, key, (double)counts[k] / n);
    }
  free (counts);
  return status;
}

static int
measure_features (const settings *o, const sb_classifier *c, const points *p, const points *q, json_t *report)
{
  gsl_matrix *of_p = gsl_matrix_alloc (p->rows->size1, c->features),
             *of_q = gsl_matrix_alloc (q->rows->size1, c->features),
             *probabilities = gsl_matrix_alloc (p->rows->size1, c->classes);
  int status = of_p && of_q && probabilities ? GSL_SUCCESS : GSL_ENOMEM;
  if (status == GSL_SUCCESS)
    status = sb_classifier_look (c, p->rows, o->range[0], o->range[1], probabilities, of_p);
  if (status == GSL_SUCCESS)
    status = sb_classifier_look (c, q->rows, o->range[0], o->range[1], NULL, of_q);
  if (status == GSL_SUCCESS)
    status = report_classes (probabilities, report);
  if (status != GSL_SUCCESS)
    failure ("%s: %s", o->classifier, why (status));
  else
    status
        = measure_pairs (o, (const gsl_matrix *[]){ of_p, of_q }, (const gsl_matrix *[]){ p->rows, q->rows }, report);
  gsl_matrix_free (of_p);
  gsl_matrix_free (of_q);
  gsl_matrix_free (probabilities);
  return status;
}

static int
measure_points (const settings *o, const points *p, const points *q)
{
  sb_error error = { 0 };
  sb_classifier *classifier = o->classifier ? sb_classifier_read (o->classifier, &error) : NULL;
  if (o->classifier && !classifier)
    return failure ("%s", error.message);
  const gsl_matrix *rows[] = { p->rows, q->rows };
  json_t *report = json_object ();
  int status = !report      ? failure ("no memory")
               : classifier ? measure_features (o, classifier, p, q, report)
                            : measure_pairs (o, rows, rows, report);
  if (status == GSL_SUCCESS)
    print_report (o, report);
  json_decref (report);
  sb_classifier_free (classifier);
  return status == GSL_SUCCESS ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
command_measure (int argc, char **argv)
{
  settings o = { .projections = 100, .range = { -1, 1 } };
  int first, status = parse (argc, argv, &o, &first);
  if (status >= 0)
    return status;
  set_threads (o.common.threads);
  points p, q;
  if (points_read (argv[first], o.range, &p) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  status = points_read (argv[first + 1], o.range, &q);
  if (status == EXIT_SUCCESS)
    {
      if (p.rows->size2 != q.rows->size2)
        status = failure ("%s: points of dimension %zu, but of %zu in %s", argv[first + 1], q.rows->size2,
                          p.rows->size2, argv[first]);
      else
        status = measure_points (&o, &p, &q);
      points_free (&q);
    }
  points_free (&p);
  return status;
}
