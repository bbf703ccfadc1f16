// # scorebook schedule
//
// Levels of a corruption for a process of the kind soft: the shortest path from the lowest to the highest, for the data
// at hand. [soft.set-schedule]

#include <config.h>

#include "commands.h"
#include "options.h"
#include "point_files.h"
#include "setup.h"

#include <scorebook.h>

#include <gsl/gsl_math.h>
#include <stdlib.h>
#include <string.h>

// ## The options

typedef struct
{
  const char *data, *operator, * metric;
  uint64_t points, levels, nodes, resize;
  double range[2], data_range[2], epsilon;
  common_options common;
} settings;

static const char details[] = "Levels are spaced evenly over the range. The graph has an edge between any two\n"
                              "whose distance is at most a bound. The levels of its shortest path are printed\n"
                              "as a process takes them, in 'soft image=1x28x28 knots=...'. The bound is given,\n"
                              "or the smallest that gives a path of --nodes levels, and printed on standard\n"
                              "error, with the cost of the path.\n\n"
                              "Exit status: 0 on success, 1 on failure, 2 for an invalid command line.\n";

static const help_family families[]
    = { { "OPERATOR", sb_corruptions }, { "METRIC", sb_level_metrics }, { NULL, NULL } };

enum
{
  NODES = 32
};

static int
check (settings *o)
{
  double key[SB_KEYS_MOST];
  sb_error error = { 0 };
  if (!o->data)
    return usage_error ("schedule: needs --data; see 'scorebook schedule --help'");
  if (o->epsilon > 0 && o->nodes > 0)
    return usage_error ("--epsilon: not with --nodes");
  o->nodes = o->nodes > 0 || o->epsilon > 0 ? o->nodes : NODES;
  if (o->nodes > o->levels)
    return usage_error ("--nodes: %zu nodes among %zu levels", (size_t)o->nodes, (size_t)o->levels);
  if (!sb_entry_read (sb_level_metrics, "metric", o->metric, key, &error)
      || !sb_entry_read (sb_corruptions, "operator", o->operator, key, &error))
    return refused_line (&error);
  return -1;
}

static int
parse (int argc, char **argv, settings *o)
{
  const option options[] = {
    { .kind = OPTION_HEADING, .help = "The data" },
    { "data", 'd', OPTION_TEXT, &o->data, "FILE", 0, 0, NULL,
      "images (needed): IDX or NPY (plain or gzip), a folder of PNG files, or CIFAR-10's (*.bin)" },
    { "points", 'n', OPTION_COUNT, &o->points, "N", 0, 1e9, NULL,
      "the first N of them (default: 1000, or all if fewer)" },
    { "data-range", 0, OPTION_RANGE, o->data_range, "LOW,HIGH", 0, 0, NULL,
      "map the bytes 0 to 255 to these values (default: 0,1)" },
    { "resize", 0, OPTION_COUNT, &o->resize, "H", 0, 65536, NULL,
      "resize the images to a height of H pixels, by area means (default: keep the size)" },

    { .kind = OPTION_HEADING, .help = "The levels" },
    { "operator", 0, OPTION_TEXT, &o->operator, "OPERATOR", 0, 0, NULL,
      "the corruption of the images, see below (default: blur)" },
    { "range", 0, OPTION_RANGE, o->range, "LOW,HIGH", 0, 0, NULL,
      "the lowest and the highest level (default: for a blur 0.01 to 23/64 of the longer side, for windows 0,1)" },
    { "levels", 0, OPTION_COUNT, &o->levels, "N", 1, 4096, NULL, "number of candidate levels (default: 256)" },

    { .kind = OPTION_HEADING, .help = "The path" },
    { "metric", 'm', OPTION_TEXT, &o->metric, "METRIC", 0, 0, NULL,
      "the distance between two levels, see below (default: coupled)" },
    { "nodes", 0, OPTION_COUNT, &o->nodes, "N", 1, 4096, NULL, "number of levels on it (default: 32)" },
    { "epsilon", 0, OPTION_REAL, &o->epsilon, "E", 0, 0, NULL, "the bound on edges, in place of --nodes" },
  };
  const command_line line = {
    "schedule", "--data=FILE [OPTION]...", SCHEDULE_SUMMARY, details, options, sizeof options / sizeof *options, 0,
    families
  };
  int first, status = parse_options (&line, &o->common, argc, argv, &first);
  return status < 0 ? check (o) : status;
}

// ## The path

static void
print_knots (const gsl_vector *level, const size_t *node, size_t count)
{
  for (size_t k = 0; k < count; k++)
    printf ("%s%.6g", k ? "," : "", gsl_vector_get (level, node[k]));
  putchar ('\n');
}

static int
find_path (const settings *o, const gsl_vector *level, const gsl_matrix *distance, size_t *node)
{
  double epsilon = o->epsilon, cost;
  size_t count = o->nodes;
  int status = epsilon > 0 ? sb_schedule_path (distance, epsilon, node, &count, &cost)
                           : sb_schedule_search (distance, count, &epsilon, node, &cost);
  if (status)
    return failure ("schedule: %s", why (status));
  print_knots (level, node, count);
  if (!o->common.quiet)
    fprintf (stderr, "bound: %.17g\ncost: %.6g\n", epsilon, cost);
  return EXIT_SUCCESS;
}

// ## The levels, and how far they are from each other

static int
set_levels (const settings *o, const points *p, gsl_vector *level)
{
  const double side = (double)GSL_MAX (p->height, p->width);
  const bool blurs = strncmp (o->operator, "blur", 4) == 0, given = o->range[0] < o->range[1];
  const double low = given ? o->range[0] : blurs ? 0.01 : 0, high = given ? o->range[1] : blurs ? 23 * side / 64 : 1;
  return sb_grid_linear (low, high, level);
}

static int
schedule_of (const settings *o, const points *p, const sb_operator *C)
{
  const size_t N = o->levels, all = p->rows->size1, n = o->points < all ? o->points : all;
  const gsl_matrix_const_view x = gsl_matrix_const_submatrix (p->rows, 0, 0, n, p->rows->size2);
  const sb_stream stream = { .seed = o->common.seed };
  gsl_vector *level = gsl_vector_alloc (N);
  gsl_matrix *distance = gsl_matrix_alloc (N, N);
  size_t *node = calloc (N, sizeof *node);
  sb_error error = { 0 };
  int status = level && distance && node ? EXIT_SUCCESS : failure ("no memory for %zu levels", N);
  if (!status)
    {
      int measured = set_levels (o, p, level);
      measured = measured ? measured : sb_level_distances (o->metric, C, level, &x.matrix, stream, distance, &error);
      status = !measured ? find_path (o, level, distance, node) : failure ("%s: %s", o->data, why (measured));
    }
  gsl_vector_free (level);
  gsl_matrix_free (distance);
  free (node);
  return status;
}

int
command_schedule (int argc, char **argv)
{
  settings o = { .operator= "blur", .metric = "coupled", .points = 1000, .levels = 256, .data_range = { 0, 1 } };
  int status = parse (argc, argv, &o);
  if (status >= 0)
    return status;
  begin_work (o.common.threads);
  points p;
  sb_error error = { 0 };
  if (points_read (o.data, o.data_range, o.resize, &p) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  const sb_operator_setting of = { p.rows->size2, p.height, p.width, p.channels, NULL };
  sb_operator *C = sb_corruption_from_text (o.operator, & of, &error);
  status = C ? schedule_of (&o, &p, C) : failure ("%s: %s", o.data, error.message);
  sb_operator_free (C);
  points_free (&p);
  return status;
}
