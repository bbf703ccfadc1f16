// # scorebook observe
//
// Observations of images: holes, fewer pixels, sketches, for a model to make images from.

#include <config.h>

#include "commands.h"
#include "options.h"
#include "output.h"
#include "point_files.h"
#include "setup.h"

#include <scorebook.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct
{
  const char *data, *task, *model, *output;
  uint64_t n, columns, resize;
  double range[2];
  bool show;
  common_options common;
} settings;

static const char details[] = "Randomness in the observation of image i is drawn from row i of the seed's\n"
                              "stream, so that the same command gives the same result. 'scorebook sample'\n"
                              "generates images from the observations written here.\n\n"
                              "Exit status: 0 on success, 1 on failure, 2 for an invalid command line.\n";

static const help_family families[] = { { "TASK", sb_observations }, { NULL, NULL } };

static int
parse (int argc, char **argv, settings *o)
{
  const option options[] = {
    { .kind = OPTION_HEADING, .help = "Options" },
    { "data", 'd', OPTION_TEXT, &o->data, "FILE", 0, 0, NULL,
      "images (needed): IDX or NPY (plain or gzip), PNG or a folder of such files, or CIFAR-10's (*.bin)" },
    { "points", 'n', OPTION_COUNT, &o->n, "N", 0, 1e9, NULL, "the first N of them (default: all)" },
    { "data-range", 0, OPTION_RANGE, o->range, "LOW,HIGH", 0, 0, NULL,
      "map the bytes 0 to 255 to these values (default: --model's, else 0,1)" },
    { "resize", 0, OPTION_COUNT, &o->resize, "H", 0, 65536, NULL,
      "resize the images to a height of H pixels, by area means (default: keep the size)" },
    { "task", 't', OPTION_TEXT, &o->task, "TASK", 0, 0, NULL,
      "the kind of observation, see below (needed, or --model)" },
    { "model", 0, OPTION_TEXT, &o->model, "FILE", 0, 0, NULL,
      "use the task and the data range of this network, trained by 'scorebook train --task'" },
    { "show", 0, OPTION_SET, &o->show, NULL, 0, 0, NULL,
      "write at the images' size, repeating pixels, as input to a network" },
    { "output", 'o', OPTION_TEXT, &o->output, "FILE", 0, 0, NULL, "output file (needed): *.npy, *.csv or *.png" },
    { "columns", 0, OPTION_COUNT, &o->columns, "N", 0, 1e4, NULL, "png: images per row (default: about square)" },
  };
  const command_line line = { "observe",
                              "-d FILE {-t TASK | --model=FILE} -o FILE [OPTION]...",
                              OBSERVE_SUMMARY,
                              details,
                              options,
                              sizeof options / sizeof *options,
                              0,
                              families };
  int first;
  return parse_options (&line, &o->common, argc, argv, &first);
}

static int
check (const settings *o)
{
  const char *missing = !o->data ? "data" : !o->task && !o->model ? "task" : !o->output ? "output" : NULL;
  if (missing)
    return usage_error ("--%s: needed; see 'scorebook observe --help'", missing);
  if (o->model && (o->task || !isnan (o->range[0])))
    return usage_error ("--%s: not with --model, which has its own", o->task ? "task" : "data-range");
  if (output_format (o->output) == OUTPUT_UNKNOWN)
    return usage_error ("--output: %s: the suffix is none of .npy, .csv, .png", o->output);
  return -1;
}

static int
see (const settings *o, const points *p, const sb_observation *seen)
{
  const size_t n = o->n && o->n < p->rows->size1 ? (size_t)o->n : p->rows->size1;
  const named_law look = { .height = o->show ? p->height : seen->seen[0],
                           .width = o->show ? p->width : seen->seen[1],
                           .channels = seen->seen[2],
                           .low = o->range[0],
                           .high = o->range[1] };
  int status = output_check (o->output, &look, n, 0, o->columns);
  if (status != EXIT_SUCCESS)
    return status;
  const gsl_matrix_const_view x = gsl_matrix_const_submatrix (p->rows, 0, 0, n, p->rows->size2);
  gsl_matrix *y = gsl_matrix_alloc (n, sb_observation_numbers (seen)),
             *shown = o->show ? gsl_matrix_alloc (n, sb_observation_shown (seen)) : NULL;
  status
      = y && (shown || !o->show) ? sb_observe (seen, (sb_stream){ .seed = o->common.seed }, &x.matrix, y) : GSL_ENOMEM;
  if (!status && o->show)
    status = sb_observation_show (seen, y, shown);
  status = status ? failure ("%s: %s", o->data, why (status))
                  : output_write (o->output, &look, &(drawn_samples){ .x = o->show ? shown : y }, o->columns);
  if (status == EXIT_SUCCESS)
    printf ("observations: %zu\nnumbers: %zu x %zu x %zu\noutput: %s\n", n, look.height, look.width, look.channels,
            o->output);
  gsl_matrix_free (y);
  gsl_matrix_free (shown);
  return status;
}

static int
observe_images (settings *o)
{
  points p;
  sb_error error = { 0 };
  int status = points_read (o->data, o->range, (size_t)o->resize, &p);
  if (status != EXIT_SUCCESS)
    return status;
  status = points_finite (o->data, &p);
  sb_observation *seen
      = status == EXIT_SUCCESS ? sb_observation_from_text (o->task, p.height, p.width, p.channels, &error) : NULL;
  if (status == EXIT_SUCCESS)
    status = seen ? see (o, &p, seen) : (error.code == GSL_ENOMEM ? failure : usage_error) ("--%s", error.message);
  sb_observation_free (seen);
  points_free (&p);
  return status;
}

static int
observe (settings *o)
{
  if (!o->model)
    {
      if (isnan (o->range[0]))
        o->range[0] = 0, o->range[1] = 1;
      return observe_images (o);
    }
  sb_error error = { 0 };
  sb_model *model = sb_model_read (o->model, &error);
  if (!model)
    return failure ("%s", error.message);
  o->task = model->task, o->range[0] = model->low, o->range[1] = model->high;
  int status = o->task ? observe_images (o) : usage_error ("--model: %s was trained on no --task", o->model);
  sb_model_free (model);
  return status;
}

int
command_observe (int argc, char **argv)
{
  settings o = { .range = { NAN, NAN } };
  int status = parse (argc, argv, &o);
  if (status < 0)
    status = check (&o);
  if (status >= 0)
    return status;
  begin_work (o.common.threads);
  return observe (&o);
}
