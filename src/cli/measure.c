// # scorebook measure
//
// How far two files of points, or one and the moments of another, are from being samples of one law.

#include <config.h>

#include "commands.h"
#include "engine.h"
#include "options.h"
#include "output.h"
#include "point_files.h"
#include "setup.h"

#include <scorebook.h>

#include <gsl/gsl_statistics.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

// ## The options

typedef enum
{
  METRIC_ALL,
  METRIC_FRECHET,
  METRIC_ENERGY,
  METRIC_KS,
  METRIC_NEAREST,
  METRIC_SINKHORN // not one of all: it keeps a matrix of all pairs and may take long to converge
} metric;

static const char *const metric_names[] = { "all", "frechet", "energy", "ks", "nearest", "sinkhorn", NULL };
static const char *const format_names[] = { "plain", "json", NULL };

typedef struct
{
  int metric, format;
  uint64_t projections, permutations, resize;
  double range[2], regularisation;
  const char *classifier, *moments, *save_moments;
  network_engine engine;
  common_options common;
} settings;

static const char details[] = "FILE1 and FILE2 are IDX or NPY (plain or gzip), folders of PNG files, or binary\n"
                              "files of CIFAR-10 (*.bin), with points of one dimension.\n"
                              "  frechet  squared distance between the Gaussians with the points' means and\n"
                              "           covariances, as FID takes it of a network's features\n"
                              "  energy   2 E|X-Y| - E|X-X'| - E|Y-Y'|: up to chance, zero for one law\n"
                              "  ks       Kolmogorov and Smirnov's distance, the largest over random\n"
                              "           projections, with a bound on its probability under one law\n"
                              "  nearest  distance from a point of FILE1 to the nearest of FILE2: smallest,\n"
                              "           mean, largest\n"
                              "  sinkhorn squared 2-Wasserstein distance between the points, regularised by an\n"
                              "           entropy whose bias is taken off, and its root; not one of all\n"
                              "With --classifier a cnn that 'scorebook train' made with labels looks at the\n"
                              "images; its inception score is the number of classes at best, 1 at worst.\n\n"
                              "The moments of a large FILE1 (mean and covariance of pixels or features) can be\n"
                              "kept by --save-moments and stand in for FILE2 later: --moments, frechet only.\n\n"
                              "Exit status: 0, 1 where something failed, 2 where the command line is wrong.\n";

// Two files, but one where moments take the place of the second, or are all that is wanted.

static int
check_files (const settings *o, int files)
{
  if (o->moments && o->save_moments)
    return usage_error ("--moments: not with --save-moments");
  if (!o->moments && !o->save_moments)
    return files == 2 ? -1 : usage_error ("measure: needs two files; see 'scorebook measure --help'");
  if (files != 1)
    return usage_error ("--%smoments: takes one file of points", o->moments ? "" : "save-");
  if (o->moments && o->metric != METRIC_ALL && o->metric != METRIC_FRECHET)
    return usage_error ("--moments: --metric=%s needs the points themselves", metric_names[o->metric]);
  return -1;
}

static int
parse (int argc, char **argv, settings *o, int *first)
{
  const option options[] = {
    { .kind = OPTION_HEADING, .help = "Options" },
    { "metric", 'm', OPTION_CHOICE, &o->metric, "NAME", 0, 0, metric_names,
      "all, frechet, energy, ks, nearest or sinkhorn, see below (default: all)" },
    { "projections", 0, OPTION_COUNT, &o->projections, "N", 0, 1e6, NULL, "ks: random directions (default: 100)" },
    { "permutations", 0, OPTION_COUNT, &o->permutations, "N", 0, 1e6, NULL,
      "energy: find its probability under one law from N random divisions of the points (default: do not)" },
    { "regularisation", 0, OPTION_REAL, &o->regularisation, "R", 0, 0, NULL,
      "sinkhorn: in units of the mean squared distance between points (default: 0.05)" },
    { "data-range", 0, OPTION_RANGE, o->range, "LOW,HIGH", 0, 0, NULL,
      "map the bytes 0 to 255 of IDX files to these values; those of NPY files lie there (default: -1,1)" },
    { "resize", 0, OPTION_COUNT, &o->resize, "H", 0, 65536, NULL,
      "make the images of both files H pixels high, by means over areas (default: leave them)" },
    { "classifier", 0, OPTION_TEXT, &o->classifier, "FILE", 0, 0, NULL,
      "compare the features this network sees, not pixels (nearest: pixels), and say which classes it sees in FILE1" },
    { "moments", 0, OPTION_TEXT, &o->moments, "FILE", 0, 0, NULL,
      "compare FILE1 with the points whose moments these are; there is no FILE2 then" },
    { "save-moments", 0, OPTION_TEXT, &o->save_moments, "FILE", 0, 0, NULL,
      "measure nothing: write the moments of FILE1, *.safetensors" },
    ENGINE_OPTIONS (&o->engine),
    { "format", 0, OPTION_CHOICE, &o->format, "NAME", 0, 0, format_names, "plain lines or json (default: plain)" },
  };
  const command_line line = {
    "measure", "[OPTION]... FILE1 [FILE2]", MEASURE_SUMMARY, details, options, sizeof options / sizeof *options, 2, NULL
  };
  int status = parse_options (&line, &o->common, argc, argv, first);
  return status < 0 ? check_files (o, argc - *first) : status;
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
  sb_stream stream = { .seed = o->common.seed };
  int status = sb_energy_test (x, y, o->permutations, stream, &distance, o->permutations ? &p_value : NULL);
  if (!status)
    status = add (report, "energy", distance);
  return !status && o->permutations ? add (report, "energy probability", p_value) : status;
}

static int
measure_ks (const settings *o, const gsl_matrix *x, const gsl_matrix *y, json_t *report)
{
  double D, p_value;
  sb_stream stream = { .seed = o->common.seed };
  int status = sb_ks_projections (x, y, o->projections, stream, &D, &p_value);
  if (!status)
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
  if (!status)
    status = add (report, "nearest smallest", gsl_vector_min (distance));
  if (!status)
    status = add (report, "nearest mean", gsl_stats_mean (distance->data, distance->stride, distance->size));
  if (!status)
    status = add (report, "nearest largest", gsl_vector_max (distance));
  gsl_vector_free (distance);
  free (index);
  return status;
}

static int
measure_sinkhorn (const settings *o, const gsl_matrix *x, const gsl_matrix *y, json_t *report)
{
  double squared;
  int status = sb_sinkhorn_squared_distance (o->regularisation, 1e-6, x, y, &squared);
  if (!status)
    status = add (report, "sinkhorn", squared);
  return status ? status : add (report, "sinkhorn length", sqrt (squared));
}

// What numbers moments are of: those of different networks, or of features and pixels, must not be compared.

static void
say_what (const sb_classifier *c, char *what, size_t size)
{
  if (c)
    snprintf (what, size, "features of the classifier with weights of CRC-32 %08lx",
              crc32_z (crc32_z (0, NULL, 0), (const Bytef *)c->theta, c->net->parameters * sizeof *c->theta));
  else
    snprintf (what, size, "pixels");
}

static int
measure_moments (const settings *o, const sb_classifier *c, const gsl_matrix *x, json_t *report)
{
  sb_error error = { 0 };
  char what[80];
  double distance;
  say_what (c, what, sizeof what);
  sb_moments_file *of_x = sb_moments_file_of (x, what), *kept = sb_moments_file_read (o->moments, &error);
  int status = kept ? GSL_SUCCESS : failure ("%s", error.message);
  if (!status && strcmp (kept->of, what) != 0)
    status = failure ("%s: moments of %s; here they are wanted of %s", o->moments, kept->of, what);
  if (!status)
    {
      status = of_x ? sb_frechet_gaussians (of_x->mean, of_x->covariance, kept->mean, kept->covariance, &distance)
                    : GSL_FAILURE;
      status = status ? failure ("frechet: %s", why (status)) : add (report, "frechet", distance);
    }
  sb_moments_file_free (of_x);
  sb_moments_file_free (kept);
  return status;
}

typedef int (*measure) (const settings *o, const gsl_matrix *x, const gsl_matrix *y, json_t *report);

static const measure measures[] = { [METRIC_FRECHET] = measure_frechet,
                                    [METRIC_ENERGY] = measure_energy,
                                    [METRIC_KS] = measure_ks,
                                    [METRIC_NEAREST] = measure_nearest,
                                    [METRIC_SINKHORN] = measure_sinkhorn };

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
  for (int k = METRIC_FRECHET; k <= METRIC_SINKHORN && !status; k++)
    if (o->metric == k || (o->metric == METRIC_ALL && k != METRIC_SINKHORN))
      {
        const gsl_matrix *const *pair = k == METRIC_NEAREST ? pixels : seen;
        status = measures[k](o, pair[0], pair[1], report);
        if (status)
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
  if (!status)
    status = sb_class_histogram (probabilities, 0.9, counts, &sure);
  if (!status)
    status = add (report, "inception score", score);
  if (!status)
    status = add (report, "probability over 0.9", (double)sure / n);
  for (size_t k = 0; k < probabilities->size2 && !status; k++)
    {
      char key[32];
      snprintf (key, sizeof key, "class %zu", k);
      status = add (report, key, (double)counts[k] / n);
    }
  free (counts);
  return status;
}

// ## What is looked at
//
// Pixels, or what the classifier sees in them.

typedef struct
{
  const sb_classifier *classifier; // NULL: none
  const gsl_matrix *pixels, *seen; // seen: the pixels, or the features
  gsl_matrix *features, *classes;  // NULL without a classifier; classes: probabilities
} view;

static void
view_free (view *v)
{
  gsl_matrix_free (v->features);
  gsl_matrix_free (v->classes);
}

static int
look (const settings *o, const sb_classifier *c, const points *p, view *v)
{
  *v = (view){ .classifier = c, .pixels = p->rows, .seen = p->rows };
  if (!c)
    return EXIT_SUCCESS;
  v->seen = v->features = gsl_matrix_alloc (p->rows->size1, c->features);
  v->classes = gsl_matrix_alloc (p->rows->size1, c->classes);
  int status = v->features && v->classes
                   ? sb_classifier_look (c, p->rows, o->range[0], o->range[1], v->classes, v->features)
                   : GSL_ENOMEM;
  return status == GSL_SUCCESS ? EXIT_SUCCESS : failure ("%s: %s", o->classifier, why (status));
}

// ## One file or two

static int
report_points (const settings *o, const view *x, const view *y)
{
  json_t *report = json_object ();
  int status = report ? GSL_SUCCESS : failure ("no memory");
  if (!status && x->classes && (status = report_classes (x->classes, report)))
    failure ("%s: %s", o->classifier, why (status));
  if (!status)
    status = o->moments ? measure_moments (o, x->classifier, x->seen, report)
                        : measure_pairs (o, (const gsl_matrix *[]){ x->seen, y->seen },
                                         (const gsl_matrix *[]){ x->pixels, y->pixels }, report);
  if (!status)
    print_report (o, report);
  json_decref (report);
  return status ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int
save_moments (const settings *o, const view *x)
{
  sb_error error = { 0 };
  char what[80];
  say_what (x->classifier, what, sizeof what);
  sb_moments_file *moments = sb_moments_file_of (x->seen, what);
  int status = !moments                                                   ? failure ("moments: %s", why (GSL_FAILURE))
               : sb_moments_file_write (moments, o->save_moments, &error) ? failure ("%s", error.message)
                                                                          : EXIT_SUCCESS;
  if (status == EXIT_SUCCESS)
    printf ("points: %zu\nmoments of: %s\noutput: %s\n", moments->count, moments->of, o->save_moments);
  sb_moments_file_free (moments);
  return status;
}

static int
measure_points (const settings *o, const points *p, const points *q)
{
  sb_error error = { 0 };
  sb_classifier *classifier = o->classifier ? sb_classifier_read (o->classifier, &error) : NULL;
  if (o->classifier && !classifier)
    return failure ("%s", error.message);
  if (classifier && set_engine (classifier->net, &o->engine) != EXIT_SUCCESS)
    {
      sb_classifier_free (classifier);
      return EXIT_FAILURE;
    }
  view x = { 0 }, y = { 0 };
  int status = look (o, classifier, p, &x);
  if (status == EXIT_SUCCESS && q)
    status = look (o, classifier, q, &y);
  if (status == EXIT_SUCCESS)
    status = o->save_moments ? save_moments (o, &x) : report_points (o, &x, &y);
  view_free (&x);
  view_free (&y);
  sb_classifier_free (classifier);
  return status;
}

static int
measure_second (const settings *o, const points *p, const char *first, const char *second)
{
  points q;
  if (points_read (second, o->range, o->resize, &q) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  int status = p->rows->size2 == q.rows->size2 ? measure_points (o, p, &q)
                                               : failure ("%s: points of dimension %zu, but of %zu in %s", second,
                                                          q.rows->size2, p->rows->size2, first);
  points_free (&q);
  return status;
}

int
command_measure (int argc, char **argv)
{
  settings o = { .projections = 100, .regularisation = 0.05, .range = { -1, 1 }, .engine = { .backend = -1 } };
  int first, status = parse (argc, argv, &o, &first);
  if (status >= 0)
    return status;
  begin_work (o.common.threads);
  if (o.save_moments && output_try (o.save_moments) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  points p;
  if (points_read (argv[first], o.range, o.resize, &p) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  status = first + 1 < argc ? measure_second (&o, &p, argv[first], argv[first + 1]) : measure_points (&o, &p, NULL);
  points_free (&p);
  return status;
}
