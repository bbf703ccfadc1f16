// # scorebook measure
//
// How far two files of points, or one and the moments of another, are from being samples of one law; and how near
// reconstructions are to the truth, row by row.

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
  METRIC_SINKHORN, // not one of all: it keeps a matrix of all pairs and may take long to converge
  METRIC_PSNR,     // these, of rows in order, are not either
  METRIC_SSIM,
  METRIC_PERCEPTUAL,
  METRIC_DIVERSITY,
  METRIC_CONSISTENCY,
  METRIC_JOINT,
  METRICS
} metric;

static const char *const metric_names[]
    = { "all",  "frechet",    "energy",    "ks",          "nearest", "sinkhorn", "psnr",
        "ssim", "perceptual", "diversity", "consistency", "joint",   NULL };
static const char *const format_names[] = { "plain", "json", NULL };

typedef struct
{
  int metric, format;
  uint64_t projections, permutations, resize, per_condition;
  double range[2], regularisation;
  const char *classifier, *moments, *save_moments, *conditions, *task;
  network_engine engine;
  common_options common;
} settings;

static const char details[] = "FILE1 and FILE2 are IDX or NPY (plain or gzip), folders of PNG files, or binary\n"
                              "files of CIFAR-10 (*.bin), with points of one dimension.\n"
                              "  frechet  squared distance between the Gaussians with the points' means and\n"
                              "           covariances, as in FID for a network's features\n"
                              "  energy   2 E|X-Y| - E|X-X'| - E|Y-Y'|: up to chance, zero for one law\n"
                              "  ks       Kolmogorov-Smirnov distance, the largest over random projections,\n"
                              "           with a bound on its p-value\n"
                              "  nearest  distance from a point of FILE1 to the nearest of FILE2: smallest,\n"
                              "           mean, largest\n"
                              "  sinkhorn squared 2-Wasserstein distance between the points, entropy-\n"
                              "           regularised and debiased, and its root; not part of all\n"
                              "Reconstructions, FILE1, against the truths, row by row in FILE2; not in all:\n"
                              "  psnr     peak signal-to-noise ratio in decibels, the mean over FILE1; inf (in\n"
                              "           JSON: null) where images are equal\n"
                              "  ssim     structural similarity, the mean likewise; 1 for equal images\n"
                              "  perceptual  distance between features in the classifier's layers, likewise\n"
                              "  diversity   standard deviation of each pixel over the N reconstructions of a\n"
                              "           condition (divisor N - 1), averaged over all; there is no FILE2\n"
                              "  consistency  psnr of the observations of FILE1 to those in FILE2, which\n"
                              "           'scorebook observe' has written of the truths, with the same --task\n"
                              "           and --seed\n"
                              "  joint    squared Frechet distance as above, but between pairs of points and\n"
                              "           their conditions\n"
                              "With --classifier, a cnn trained by 'scorebook train' with labels is applied to\n"
                              "the images; its inception score is at best the number of classes, at worst 1.\n\n"
                              "The moments of a large FILE1 (mean and covariance of pixels or features) can be\n"
                              "saved by --save-moments and replace FILE2 later: --moments, frechet only.\n\n"
                              "Exit status: 0 on success, 1 on failure, 2 for an invalid command line.\n";

// Two files, or one where moments replace the second, or are all that is wanted.

static int
check_files (const settings *o, int files)
{
  if (o->moments && o->save_moments)
    return usage_error ("--moments: not with --save-moments");
  if (!o->moments && !o->save_moments && o->metric == METRIC_DIVERSITY)
    return files == 1 ? -1 : usage_error ("--metric=diversity: takes one file of points");
  if (!o->moments && !o->save_moments)
    return files == 2 ? -1 : usage_error ("measure: needs two files; see 'scorebook measure --help'");
  if (files != 1)
    return usage_error ("--%smoments: takes one file of points", o->moments ? "" : "save-");
  if (o->metric != METRIC_ALL && o->metric != METRIC_FRECHET)
    return usage_error ("--%smoments: --metric=%s needs the points themselves", o->moments ? "" : "save-",
                        metric_names[o->metric]);
  return -1;
}

static int
check_options (const settings *o, int files)
{
  if (o->metric == METRIC_PERCEPTUAL && !o->classifier)
    return usage_error ("--metric=perceptual: needs a --classifier");
  if (o->metric == METRIC_JOINT && !o->conditions)
    return usage_error ("--metric=joint: needs --conditions");
  if (o->metric != METRIC_JOINT && o->conditions)
    return usage_error ("--conditions: goes with --metric=joint, not %s", metric_names[o->metric]);
  if (o->metric == METRIC_CONSISTENCY && !o->task)
    return usage_error ("--metric=consistency: needs a --task");
  if (o->metric != METRIC_CONSISTENCY && o->task)
    return usage_error ("--task: goes with --metric=consistency, not %s", metric_names[o->metric]);
  if (o->task && (o->classifier || o->resize))
    return usage_error ("--%s: not with --metric=consistency", o->classifier ? "classifier" : "resize");
  if (o->metric < METRIC_PSNR && o->per_condition)
    return usage_error ("--per-condition: not with --metric=%s", metric_names[o->metric]);
  if (o->metric == METRIC_DIVERSITY && o->per_condition == 1)
    return usage_error ("--per-condition: one reconstruction of each condition has no diversity");
  return check_files (o, files);
}

static int
parse (int argc, char **argv, settings *o, int *first)
{
  const option options[] = {
    { .kind = OPTION_HEADING, .help = "Options" },
    { "metric", 'm', OPTION_CHOICE, &o->metric, "NAME", 0, 0, metric_names,
      "all, frechet, energy, ks, nearest, sinkhorn, psnr, ssim, perceptual, diversity, consistency or joint, see "
      "below (default: all)" },
    { "projections", 0, OPTION_COUNT, &o->projections, "N", 0, 1e6, NULL, "ks: random directions (default: 100)" },
    { "permutations", 0, OPTION_COUNT, &o->permutations, "N", 0, 1e6, NULL,
      "energy: estimate its p-value from N random permutations of the points (default: do not)" },
    { "regularisation", 0, OPTION_REAL, &o->regularisation, "R", 0, 0, NULL,
      "sinkhorn: in units of the mean squared distance between points (default: 0.05)" },
    { "per-condition", 0, OPTION_COUNT, &o->per_condition, "N", 0, 1e9, NULL,
      "psnr, ssim, perceptual, consistency, joint: FILE1 has N consecutive rows for each of FILE2 (default: 1); "
      "diversity: for each condition (default: 5)" },
    { "conditions", 0, OPTION_TEXT, &o->conditions, "FILE", 0, 0, NULL,
      "joint: the conditions, one for each row of FILE2" },
    { "task", 0, OPTION_TEXT, &o->task, "TASK", 0, 0, NULL,
      "consistency: the kind of observation, as for 'scorebook observe'" },
    { "data-range", 0, OPTION_RANGE, o->range, "LOW,HIGH", 0, 0, NULL,
      "map the bytes 0 to 255 of images to these values; the numbers of NPY files are taken to lie in this range "
      "(default: -1,1; consistency: 0,1)" },
    { "resize", 0, OPTION_COUNT, &o->resize, "H", 0, 65536, NULL,
      "resize the images of both files to a height of H pixels, by area means (default: keep the size)" },
    { "classifier", 0, OPTION_TEXT, &o->classifier, "FILE", 0, 0, NULL,
      "compare this network's features, not pixels (nearest, psnr, ssim, diversity: pixels), and report the classes it "
      "predicts for FILE1" },
    { "moments", 0, OPTION_TEXT, &o->moments, "FILE", 0, 0, NULL,
      "compare FILE1 with these saved moments; there is no FILE2 then" },
    { "save-moments", 0, OPTION_TEXT, &o->save_moments, "FILE", 0, 0, NULL,
      "measure nothing: write the moments of FILE1, *.safetensors" },
    ENGINE_OPTIONS (&o->engine),
    { "format", 0, OPTION_CHOICE, &o->format, "NAME", 0, 0, format_names, "plain lines or json (default: plain)" },
  };
  const command_line line = {
    "measure", "[OPTION]... FILE1 [FILE2]", MEASURE_SUMMARY, details, options, sizeof options / sizeof *options, 2, NULL
  };
  int status = parse_options (&line, &o->common, argc, argv, first);
  return status < 0 ? check_options (o, argc - *first) : status;
}

// ## The measures
//
// Each adds its numbers to the report, of what was read. JSON has no number for an infinite ratio.

enum
{
  FILE_1,
  FILE_2,
  CONDITIONS,
  FILES
};

// What is compared of a file: its pixels, or the classifier's features of them.
typedef struct
{
  const gsl_matrix *pixels, *seen;
  gsl_matrix *features, *classes; // NULL without a classifier; classes: probabilities
} view;

typedef struct
{
  const char *name[FILES]; // NULL: there is none
  points points[FILES];
  view view[FILES];
  sb_classifier *classifier;   // NULL: none
  sb_observation *observation; // NULL: none
} inputs;

static int
add (json_t *report, const char *key, double value)
{
  json_t *number = isfinite (value) ? json_real (value) : json_null ();
  return json_object_set_new (report, key, number) == 0 ? GSL_SUCCESS : GSL_ENOMEM;
}

static int
measure_frechet (const settings *o, const inputs *in, json_t *report)
{
  (void)o;
  double distance;
  int status = sb_frechet (in->view[FILE_1].seen, in->view[FILE_2].seen, &distance);
  return status == GSL_SUCCESS ? add (report, "frechet", distance) : status;
}

static int
measure_energy (const settings *o, const inputs *in, json_t *report)
{
  const gsl_matrix *x = in->view[FILE_1].seen, *y = in->view[FILE_2].seen;
  double distance, p_value;
  sb_stream stream = { .seed = o->common.seed };
  int status = sb_energy_test (x, y, o->permutations, stream, &distance, o->permutations ? &p_value : NULL);
  if (!status)
    status = add (report, "energy", distance);
  return !status && o->permutations ? add (report, "energy probability", p_value) : status;
}

static int
measure_ks (const settings *o, const inputs *in, json_t *report)
{
  const gsl_matrix *x = in->view[FILE_1].seen, *y = in->view[FILE_2].seen;
  double D, p_value;
  sb_stream stream = { .seed = o->common.seed };
  int status = sb_ks_projections (x, y, o->projections, stream, &D, &p_value);
  if (!status)
    status = add (report, "ks", D);
  return status == GSL_SUCCESS ? add (report, "ks probability at most", p_value) : status;
}

static int
measure_nearest (const settings *o, const inputs *in, json_t *report)
{
  const gsl_matrix *x = in->view[FILE_1].pixels, *y = in->view[FILE_2].pixels;
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
measure_sinkhorn (const settings *o, const inputs *in, json_t *report)
{
  const gsl_matrix *x = in->view[FILE_1].seen, *y = in->view[FILE_2].seen;
  double squared;
  int status = sb_sinkhorn_squared_distance (o->regularisation, 1e-6, x, y, &squared);
  if (!status)
    status = add (report, "sinkhorn", squared);
  return status ? status : add (report, "sinkhorn length", sqrt (squared));
}

// ## Measures of rows in order
//
// Row i of reconstructions belongs to row i / N of the truths, or of the conditions. The files have been checked for
// it.

static uint64_t
per_condition (const settings *o)
{
  return o->per_condition ? o->per_condition : o->metric == METRIC_DIVERSITY ? SB_DIVERSITY_ROWS : 1;
}

// Each row so many times, one after the other.

static gsl_matrix *
repeated (const gsl_matrix *rows, size_t times)
{
  gsl_matrix *all = gsl_matrix_alloc (times * rows->size1, rows->size2);
  for (size_t i = 0; all && i < all->size1; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (rows, i / times);
      gsl_matrix_set_row (all, i, &row.vector);
    }
  return all;
}

static int
measure_rows (const settings *o, const inputs *in, json_t *report)
{
  const gsl_matrix *x = in->view[FILE_1].pixels;
  const points *shape = &in->points[FILE_1];
  const double low = o->range[0], high = o->range[1];
  double mean;
  gsl_matrix *y = repeated (in->view[FILE_2].pixels, per_condition (o));
  int status = !y                         ? GSL_ENOMEM
               : o->metric == METRIC_PSNR ? sb_psnr (x, y, high - low, NULL, &mean)
               : o->metric == METRIC_SSIM
                   ? sb_ssim (x, y, shape->height, shape->width, shape->channels, high - low, NULL, &mean)
                   : sb_perceptual (in->classifier, 0, NULL, x, y, low, high, NULL, &mean);
  gsl_matrix_free (y);
  return status ? status : add (report, metric_names[o->metric], mean);
}

static int
measure_diversity (const settings *o, const inputs *in, json_t *report)
{
  double mean;
  int status = sb_diversity (in->view[FILE_1].pixels, per_condition (o), NULL, &mean);
  return status ? status : add (report, "diversity", mean);
}

// Rows i, i + N, ... are reconstructions of conditions 0, 1, ..., and are observed as the truths of these were: A is
// drawn from the number of the condition.

static int
observe_again (const sb_observation *observation, sb_stream stream, size_t times, const gsl_matrix *x, gsl_matrix *y)
{
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < times && !status; i++)
    {
      const gsl_matrix_const_view x_i = gsl_matrix_const_view_array_with_tda (
          gsl_matrix_const_ptr (x, i, 0), x->size1 / times, x->size2, times * x->tda);
      gsl_matrix_view y_i
          = gsl_matrix_view_array_with_tda (gsl_matrix_ptr (y, i, 0), y->size1 / times, y->size2, times * y->tda);
      status = sb_observe (observation, stream, &x_i.matrix, &y_i.matrix);
    }
  return status;
}

static int
measure_consistency (const settings *o, const inputs *in, json_t *report)
{
  const gsl_matrix *x = in->view[FILE_1].pixels;
  double mean;
  gsl_matrix *y = repeated (in->view[FILE_2].pixels, per_condition (o)),
             *again = gsl_matrix_alloc (x->size1, sb_observation_numbers (in->observation));
  int status = y && again
                   ? observe_again (in->observation, (sb_stream){ .seed = o->common.seed }, per_condition (o), x, again)
                   : GSL_ENOMEM;
  if (!status)
    status = sb_psnr (again, y, o->range[1] - o->range[0], NULL, &mean);
  gsl_matrix_free (y);
  gsl_matrix_free (again);
  return status ? status : add (report, "consistency", mean);
}

static int
measure_joint (const settings *o, const inputs *in, json_t *report)
{
  const gsl_matrix *conditions = in->view[CONDITIONS].seen;
  double distance;
  gsl_matrix *all = repeated (conditions, per_condition (o));
  int status
      = all ? sb_frechet_joint (in->view[FILE_1].seen, all, in->view[FILE_2].seen, conditions, &distance) : GSL_ENOMEM;
  gsl_matrix_free (all);
  return status ? status : add (report, "joint", distance);
}

// As many rows as there are conditions, and images where a measure needs images.

static int
check_images (const inputs *in)
{
  const points *p = &in->points[FILE_1], *q = &in->points[FILE_2];
  for (size_t k = FILE_1; k <= FILE_2; k++)
    if (in->points[k].channels == 0)
      return failure ("%s: holds no images", in->name[k]);
  if (p->height != q->height || p->width != q->width)
    return failure ("%s: images of %zu x %zu x %zu, but of %zu x %zu x %zu in %s", in->name[FILE_2], q->height,
                    q->width, q->channels, p->height, p->width, p->channels, in->name[FILE_1]);
  return EXIT_SUCCESS;
}

static int
check_rows (const settings *o, const inputs *in)
{
  if (o->metric < METRIC_PSNR)
    return EXIT_SUCCESS;
  const size_t rows = in->points[FILE_1].rows->size1, times = per_condition (o);
  if (o->metric == METRIC_DIVERSITY)
    return rows % times == 0 ? EXIT_SUCCESS
                             : failure ("%s: %zu points are not %zu for each condition", in->name[FILE_1], rows, times);
  const size_t truths = in->points[FILE_2].rows->size1;
  if (rows % times != 0 || rows / times != truths)
    return failure ("%s: %zu points are not %zu for each of %zu in %s", in->name[FILE_1], rows, times, truths,
                    in->name[FILE_2]);
  if (o->metric == METRIC_JOINT && in->points[CONDITIONS].rows->size1 != truths)
    return failure ("%s: %zu conditions, but %zu points in %s", in->name[CONDITIONS],
                    in->points[CONDITIONS].rows->size1, truths, in->name[FILE_2]);
  return o->metric == METRIC_SSIM ? check_images (in) : EXIT_SUCCESS;
}

// ## Moments
//
// Which numbers moments are of: those of different networks, or of features and pixels, must not be compared.

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
    status = failure ("%s: holds moments of %s, not of %s", o->moments, kept->of, what);
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

typedef int (*measure) (const settings *o, const inputs *in, json_t *report);

static const measure measures[] = { [METRIC_FRECHET] = measure_frechet,
                                    [METRIC_ENERGY] = measure_energy,
                                    [METRIC_KS] = measure_ks,
                                    [METRIC_NEAREST] = measure_nearest,
                                    [METRIC_SINKHORN] = measure_sinkhorn,
                                    [METRIC_PSNR] = measure_rows,
                                    [METRIC_SSIM] = measure_rows,
                                    [METRIC_PERCEPTUAL] = measure_rows,
                                    [METRIC_DIVERSITY] = measure_diversity,
                                    [METRIC_CONSISTENCY] = measure_consistency,
                                    [METRIC_JOINT] = measure_joint };

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
  json_object_foreach (report, key, value)
      printf ("%s: %.10g\n", key, json_is_null (value) ? INFINITY : json_real_value (value));
}

static int
measure_all (const settings *o, const inputs *in, json_t *report)
{
  int status = check_rows (o, in);
  for (int k = METRIC_FRECHET; k < METRICS && !status; k++)
    if (o->metric == k || (o->metric == METRIC_ALL && k < METRIC_SINKHORN))
      {
        status = measures[k](o, in, report);
        if (status)
          failure ("%s: %s", metric_names[k], why (status));
      }
  return status;
}

// A classifier's result for the first file: how many of its points it is sure of, and the shares of the classes.

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

// ## What is compared

static int
look (const settings *o, const sb_classifier *c, const points *p, view *v)
{
  *v = (view){ .pixels = p->rows, .seen = p->rows };
  if (!c)
    return EXIT_SUCCESS;
  v->seen = v->features = gsl_matrix_alloc (p->rows->size1, c->features);
  v->classes = gsl_matrix_alloc (p->rows->size1, c->classes);
  int status = v->features && v->classes
                   ? sb_classifier_look (c, p->rows, o->range[0], o->range[1], v->classes, v->features)
                   : GSL_ENOMEM;
  return status == GSL_SUCCESS ? EXIT_SUCCESS : failure ("%s: %s", o->classifier, why (status));
}

// ## One file or more

static int
report_points (const settings *o, const inputs *in)
{
  const gsl_matrix *classes = in->view[FILE_1].classes;
  json_t *report = json_object ();
  int status = report ? GSL_SUCCESS : failure ("no memory");
  if (!status && classes && (status = report_classes (classes, report)))
    failure ("%s: %s", o->classifier, why (status));
  if (!status)
    status
        = o->moments ? measure_moments (o, in->classifier, in->view[FILE_1].seen, report) : measure_all (o, in, report);
  if (!status)
    print_report (o, report);
  json_decref (report);
  return status ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int
save_moments (const settings *o, const inputs *in)
{
  sb_error error = { 0 };
  char what[80];
  say_what (in->classifier, what, sizeof what);
  sb_moments_file *moments = sb_moments_file_of (in->view[FILE_1].seen, what);
  int status = !moments                                                   ? failure ("moments: %s", why (GSL_FAILURE))
               : sb_moments_file_write (moments, o->save_moments, &error) ? failure ("%s", error.message)
                                                                          : EXIT_SUCCESS;
  if (status == EXIT_SUCCESS)
    printf ("points: %zu\nmoments of: %s\noutput: %s\n", moments->count, moments->of, o->save_moments);
  sb_moments_file_free (moments);
  return status;
}

static int
read_task (const settings *o, inputs *in)
{
  sb_error error = { 0 };
  const points *p = &in->points[FILE_1];
  if (p->channels == 0)
    return failure ("%s: holds no images", in->name[FILE_1]);
  in->observation = sb_observation_from_text (o->task, p->height, p->width, p->channels, &error);
  if (!in->observation)
    return (error.code == GSL_ENOMEM ? failure : usage_error) ("--%s", error.message);
  const size_t numbers = sb_observation_numbers (in->observation), found = in->points[FILE_2].rows->size2;
  return numbers == found ? EXIT_SUCCESS
                          : failure ("%s: observations of %zu numbers, but those of %s have %zu", in->name[FILE_2],
                                     found, in->name[FILE_1], numbers);
}

static int
read_files (const settings *o, inputs *in)
{
  for (size_t k = 0; k < FILES; k++)
    if (in->name[k]
        && (points_read (in->name[k], o->range, o->resize, &in->points[k]) != EXIT_SUCCESS
            || points_finite (in->name[k], &in->points[k]) != EXIT_SUCCESS))
      return EXIT_FAILURE;
  const gsl_matrix *x = in->points[FILE_1].rows, *y = in->points[FILE_2].rows;
  if (o->task)
    return read_task (o, in);
  return !y || x->size2 == y->size2 ? EXIT_SUCCESS
                                    : failure ("%s: points of dimension %zu, but of %zu in %s", in->name[FILE_2],
                                               y->size2, x->size2, in->name[FILE_1]);
}

static int
read_classifier (const settings *o, inputs *in)
{
  sb_error error = { 0 };
  if (!o->classifier)
    return EXIT_SUCCESS;
  in->classifier = sb_classifier_read (o->classifier, &error);
  return in->classifier ? set_engine (in->classifier->net, &o->engine) : failure ("%s", error.message);
}

static void
inputs_free (inputs *in)
{
  for (size_t k = 0; k < FILES; k++)
    {
      gsl_matrix_free (in->view[k].features);
      gsl_matrix_free (in->view[k].classes);
      points_free (&in->points[k]);
    }
  sb_classifier_free (in->classifier);
  sb_observation_free (in->observation);
}

int
command_measure (int argc, char **argv)
{
  settings o = { .projections = 100, .regularisation = 0.05, .range = { NAN, 1 }, .engine = { .backend = -1 } };
  int first, status = parse (argc, argv, &o, &first);
  if (status >= 0)
    return status;
  if (isnan (o.range[0]))
    o.range[0] = o.metric == METRIC_CONSISTENCY ? 0 : -1;
  begin_work (o.common.threads);
  if (o.save_moments && output_try (o.save_moments) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  inputs in = { .name = { argv[first], first + 1 < argc ? argv[first + 1] : NULL, o.conditions } };
  status = read_files (&o, &in);
  if (status == EXIT_SUCCESS)
    status = read_classifier (&o, &in);
  for (size_t k = 0; k < FILES && status == EXIT_SUCCESS; k++)
    if (in.name[k])
      status = look (&o, in.classifier, &in.points[k], &in.view[k]);
  if (status == EXIT_SUCCESS)
    status = o.save_moments ? save_moments (&o, &in) : report_points (&o, &in);
  inputs_free (&in);
  return status;
}
