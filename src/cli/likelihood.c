// # scorebook likelihood, encode, decode
//
// What the probability flow tells of points: how probable the model of a score finds them, and the codes that they come
// from.

#include <config.h>
#include "commands.h"
#include "engine.h"
#include "examples.h"
#include "guidance.h"
#include "named_law.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "setup.h"

#include <scorebook.h>

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ## The options

typedef struct
{
  const char *law, *model, *process, *data, *output;
  double range[2], t_min, relative, absolute; // NaN: not given
  int trace;
  uint64_t directions;
  uint64_t n, repeats, group, batch, class, resize;
  network_engine engine;
  common_options common;
} settings;

static const char *const trace_names[] = { "exact", "signs", "normal", NULL }; // in the order of sb_trace

static const char likelihood_details[]
    = "The density is that of the flow that starts from the process's prior and ends\n"
      "at --t-min. Bytes, as all files but NPY hold, are dequantised uniformly within\n"
      "their cells, anew for each repetition, and bits/dim are of the bytes. The\n"
      "numbers of NPY are used as they are, and only nats are reported. Directions of\n"
      "--trace are drawn anew for each repetition too. Points are solved in groups of\n"
      "--group, which share the steps: the result depends on that, not on --batch or\n"
      "--threads.\n\n"
      "FILE.csv has a line per point and repetition: log p, the contributions of the\n"
      "prior and the integral of the divergence, and bits/dim.\n\n"
      "Exit status: 0 on success, 1 on failure, 2 for an invalid command line.\n";
static const char codes_details[] = "Points are solved in groups of --group, which share the steps: the result\n"
                                    "depends on that, not on --batch or --threads. Bytes are mapped to the range,\n"
                                    "not dequantised.\n\n"
                                    "Exit status: 0 on success, 1 on failure, 2 for an invalid command line.\n";

static const help_family families[] = { { "PROCESS", sb_processes }, { NULL, NULL } };

typedef enum
{
  LIKELIHOOD,
  ENCODE,
  DECODE
} task;

static const struct
{
  const char *name, *synopsis, *summary, *details, *data, *output;
} tasks[]
    = { { "likelihood", "{--law=LAW | --model=FILE} --data=FILE [OPTION]...", LIKELIHOOD_SUMMARY, likelihood_details,
          "IDX, NPY, CIFAR-10 or a folder of PNG: the points (needed)", "a line per point and repetition: *.csv" },
        { "encode", "{--law=LAW | --model=FILE} -d FILE -o FILE [OPTION]...", ENCODE_SUMMARY, codes_details,
          "IDX, NPY, CIFAR-10 or a folder of PNG: the points (needed)", "the codes (needed): *.npy or *.csv" },
        { "decode", "{--law=LAW | --model=FILE} -d FILE -o FILE [OPTION]...", DECODE_SUMMARY, codes_details,
          "NPY: the codes (needed)", "the points (needed): *.npy, *.csv or *.png" } };

static int
parse (task what, int argc, char **argv, settings *o)
{
  const option options[] = {
    { .kind = OPTION_HEADING, .help = "The model" },
    { "law", 'l', OPTION_TEXT, &o->law, "LAW", 0, 0, NULL, "a law with an exact score, as for 'scorebook sample'" },
    { "process", 'p', OPTION_TEXT, &o->process, "PROCESS", 0, 0, NULL,
      "--law: the forward process, see below (default: vp)" },
    { "model", 0, OPTION_TEXT, &o->model, "FILE", 0, 0, NULL,
      "a network trained by 'scorebook train', under its own process" },
    { "class", 0, OPTION_COUNT, &o->class, "K", -1, 65535, NULL,
      "--model: conditional on this class, for a class-conditional network (default: all classes)" },
    { "t-min", 0, OPTION_REAL, &o->t_min, "T", 0, 0.5, NULL,
      "the time of the data (default: 1e-5, or where the process begins, such as sigma_min with edm)" },
    ENGINE_OPTIONS (&o->engine),

    { .kind = OPTION_HEADING, .help = "The points" },
    { "data", 'd', OPTION_TEXT, &o->data, "FILE", 0, 0, NULL, tasks[what].data },
    { "data-range", 0, OPTION_RANGE, o->range, "LOW,HIGH", 0, 0, NULL,
      "--law: map the bytes 0 to 255 to these values (default: 0,1 with ve, soft and multispeed, else -1,1)" },
    { "resize", 0, OPTION_COUNT, &o->resize, "H", 0, 65536, NULL,
      "resize the images to a height of H pixels, by area means (default: keep the size)" },
    { "n", 'n', OPTION_COUNT, &o->n, "N", 0, 1e9, NULL, "only the first N points (default: all)" },
    { "output", 'o', OPTION_TEXT, &o->output, "FILE", 0, 0, NULL, tasks[what].output },

    { .kind = OPTION_HEADING, .help = "The solver" },
    { "relative", 0, OPTION_REAL, &o->relative, "X", -1, 1, NULL, "its relative tolerance (default: 1e-5)" },
    { "absolute", 0, OPTION_REAL, &o->absolute, "X", -1, 1e9, NULL, "its absolute tolerance (default: 1e-5)" },
    { "group", 0, OPTION_COUNT, &o->group, "N", 0, 1e6, NULL, "points that share the solver's steps (default: 8)" },
    { "batch", 0, OPTION_COUNT, &o->batch, "N", 0, 1e9, NULL,
      "points at a time, rounded up to whole groups; progress is shown after each batch (default: 64)" },
    { "trace", 0, OPTION_CHOICE, &o->trace, "KIND", 0, 0, trace_names,
      "the divergence: exact, or estimated along one random direction per solve, of signs or normal (default: exact "
      "with --law, else signs)" },
    { "directions", 0, OPTION_COUNT, &o->directions, "N", 0, 1e6, NULL,
      "of an estimated trace: N directions per solve, each for its part of the logarithm of time (default: 1)" },
    { "repeats", 0, OPTION_COUNT, &o->repeats, "N", 0, 1e6, NULL,
      "repetitions, with new dequantisation and directions (default: 5 for data in bytes, else 1)" },
  };
  const size_t count = sizeof options / sizeof *options - (what == LIKELIHOOD ? 0 : 3);
  const command_line line = {
    tasks[what].name, tasks[what].synopsis, tasks[what].summary, tasks[what].details, options, count, 0, families
  };
  int first;
  return parse_options (&line, &o->common, argc, argv, &first);
}

static int
check (task what, const settings *o)
{
  if (!o->law == !o->model)
    return usage_error ("--law: %s; see 'scorebook %s --help'", o->law ? "not with --model" : "needed, or --model",
                        tasks[what].name);
  if (!o->data)
    return usage_error ("--data: needed; see 'scorebook %s --help'", tasks[what].name);
  if (what != LIKELIHOOD && !o->output)
    return usage_error ("--output: needed; see 'scorebook %s --help'", tasks[what].name);
  const output_kind kind = o->output ? output_format (o->output) : OUTPUT_CSV;
  if (kind == OUTPUT_UNKNOWN || (what == LIKELIHOOD && kind != OUTPUT_CSV) || (what == ENCODE && kind == OUTPUT_PNG))
    return usage_error ("--output: %s: the suffix is not of %s", o->output, tasks[what].output);
  if (o->model && (o->process || !isnan (o->range[0])))
    return usage_error ("--%s: not with --model, which has its own", o->process ? "process" : "data-range");
  if (!o->model && (o->class != NO_CLASS || o->engine.backend >= 0 || o->engine.precision >= 0))
    return usage_error ("--class, --backend, --precision: only with --model");
  if (o->relative == 0 && o->absolute == 0)
    return usage_error ("--relative, --absolute: not both 0");
  return EXIT_SUCCESS;
}

// ## What the flow is of

typedef struct
{
  settings o;
  task what;
  named_law law; // of a model: what its points look like
  sb_model *model;
  sb_process *own; // of a law
  sb_process *process;
  sb_score *score;
  examples data;
  size_t n, rows;                           // points, and how many at a time
  drawn_samples out;                        // codes or points
  gsl_vector *log_p, *log_prior, *integral; // repeats n
  double evaluations;
} job;

static void
release (job *j)
{
  sb_score_free (j->score);
  sb_process_free (j->own);
  if (j->o.law)
    law_close (&j->law);
  sb_model_free (j->model);
  examples_close (&j->data);
  drawn_free (&j->out);
  gsl_vector_free (j->log_p);
  gsl_vector_free (j->log_prior);
  gsl_vector_free (j->integral);
}

static int
open_model (job *j)
{
  sb_error error = { 0 };
  j->model = sb_model_read (j->o.model, &error);
  if (!j->model)
    return failure ("%s", error.message);
  if (set_engine (j->model->net, &j->o.engine) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  if (j->model->net->picture_input)
    return usage_error ("--model: %s takes an image as its condition, which cannot be given here", j->o.model);
  if (sb_bands_of (j->model->process))
    return usage_error ("--model: %s is a stage of a multi-scale model, which has no likelihood or codes of its own",
                        j->o.model);
  if (j->o.class != NO_CLASS && j->o.class >= j->model->net->classes)
    return usage_error ("--class: --model=%s knows %zu classes", j->o.model, j->model->net->classes);
  j->law = look_of (j->model, sb_net_input (j->model->net));
  j->o.range[0] = j->model->low;
  j->o.range[1] = j->model->high;
  j->process = j->model->process;
  j->score = sb_score_network_alloc (&j->model->network);
  return j->score ? EXIT_SUCCESS : failure ("the score: %s", why (GSL_FAILURE));
}

static int
open_law (job *j)
{
  sb_error error = { 0 };
  double key[SB_KEYS_MOST];
  settings *o = &j->o;
  o->process = o->process ? o->process : "vp";
  const sb_process_kind *kind = sb_process_kind_read ("--process", o->process, key, &error);
  if (!kind)
    return refused_line (&error);
  const double usual[] = { kind->low, kind->high };
  int status = law_open (o->law, o->range, usual, &j->law);
  if (status != EXIT_SUCCESS)
    return status;
  if (isnan (o->range[0]))
    memcpy (o->range, usual, sizeof usual);
  j->process = j->own = sb_process_from_text (o->process, j->law.target->dimension, &error);
  if (!j->process)
    return (error.code == GSL_ENOMEM ? failure : usage_error) ("--process=%s: %s", o->process, why (GSL_FAILURE));
  j->score = sb_score_exact_alloc (j->law.target, j->process);
  return j->score ? EXIT_SUCCESS : failure ("the exact score: %s", why (GSL_FAILURE));
}

// Where a process begins at a noise of its own, a network has seen nothing below it.

static double
usual_t_min (const sb_process *process)
{
  const sb_process_kind *kind = sb_process_kind_of (process);
  const double usual = sb_likelihood_default ().t_min;
  return kind->from_t_min ? GSL_MAX (usual, process->t_min) : usual;
}

static int
open_points (job *j)
{
  settings *o = &j->o;
  if (j->process->levels > 0)
    return usage_error ("--%s: its process is a chain, and has no flow", o->model ? "model" : "process");
  if (j->process->from_zero_only && j->what == LIKELIHOOD)
    return usage_error ("--%s: the process has no SDE, and so no likelihood (but codes: encode)",
                        o->model ? "model" : "process");
  if (isnan (o->t_min))
    o->t_min = usual_t_min (j->process);
  int status = examples_open (o->data, o->range, o->range, (size_t)o->resize, &j->data);
  if (status != EXIT_SUCCESS)
    return status;
  const size_t points = j->data.shape.length[0], d = sb_shape_count (&j->data.shape, 1, SIZE_MAX - 1);
  if (d != j->process->dimension)
    return failure ("%s: a point has %zu numbers, the model's %zu", o->data, d, j->process->dimension);
  j->n = o->n && o->n < points ? (size_t)o->n : points;
  j->rows = (size_t)((o->batch + o->group - 1) / o->group * o->group);
  if (!o->repeats)
    o->repeats = j->data.bytes ? 5 : 1;
  if (j->what != LIKELIHOOD)
    o->repeats = 1;
  if (o->trace < 0)
    o->trace = o->law ? SB_TRACE_EXACT : SB_TRACE_SIGNS;
  if (o->trace == SB_TRACE_EXACT && o->directions > 1)
    return usage_error ("--directions: not with --trace=exact, which has none");
  if (!o->output)
    return EXIT_SUCCESS;
  return j->what == DECODE ? output_check (o->output, &j->law, j->n, 0, 0) : output_try (o->output);
}

static int
open_results (job *j)
{
  const size_t count = (size_t)j->o.repeats * j->n;
  if (j->what != LIKELIHOOD)
    j->out.x = gsl_matrix_alloc (j->n, j->process->dimension);
  else
    {
      j->log_p = gsl_vector_alloc (count);
      j->log_prior = gsl_vector_alloc (count);
      j->integral = gsl_vector_alloc (count);
    }
  const bool there = j->what != LIKELIHOOD ? j->out.x != NULL : j->log_p && j->log_prior && j->integral;
  return there ? EXIT_SUCCESS : failure ("no memory for the results of %zu points", count);
}

// ## The work
//
// Some rows at a time. Row i of repetition r uses the numbers r of its own streams.

static int
take_points (const job *j, size_t repeat, size_t first, gsl_matrix *x)
{
  const double *range = j->o.range;
  const sb_quantisation q = { 256, range[0], range[1] };
  if (j->data.bytes && j->what == LIKELIHOOD)
    return sb_dequantise (&q, j->data.bytes, first, (sb_stream){ .seed = j->o.common.seed, .index = first }, repeat, x);
  if (j->data.bytes)
    return sb_bytes_rows (j->data.bytes, first, range[0], range[1], x);
  gsl_matrix_const_view rows = gsl_matrix_const_submatrix (j->data.rows, first, 0, x->size1, x->size2);
  return gsl_matrix_memcpy (x, &rows.matrix);
}

static int
weigh (job *j, const gsl_matrix *y, const gsl_matrix *x, size_t at, double *evaluations)
{
  const settings *o = &j->o;
  const sb_likelihood l
      = { o->t_min, o->relative, o->absolute, (sb_trace)o->trace, (size_t)o->group, (size_t)o->directions };
  gsl_vector_view log_p = gsl_vector_subvector (j->log_p, at, x->size1),
                  prior = gsl_vector_subvector (j->log_prior, at, x->size1),
                  integral = gsl_vector_subvector (j->integral, at, x->size1);
  sb_likelihood_report r = { &log_p.vector, &prior.vector, &integral.vector, NULL, 0 };
  int status = sb_log_likelihood (&l, j->score, y, (sb_stream){ .seed = o->common.seed, .index = at }, x, &r);
  *evaluations = r.evaluations;
  return status;
}

static int
integrate (job *j, const gsl_matrix *y, gsl_matrix *x, size_t first, double *evaluations)
{
  const settings *o = &j->o;
  const sb_flow flow = { .relative = o->relative, .absolute = o->absolute, .final = SB_FINAL_SAMPLE };
  gsl_matrix_view to = gsl_matrix_submatrix (j->out.x, first, 0, x->size1, x->size2);
  int status
      = (j->what == ENCODE ? sb_encode : sb_decode) (&flow, j->score, y, o->t_min, (size_t)o->group, x, evaluations);
  gsl_matrix_memcpy (&to.matrix, x);
  return status;
}

static int
work_on (job *j, size_t repeat, size_t first, size_t rows)
{
  double evaluations = 0;
  gsl_matrix *x = gsl_matrix_alloc (rows, j->process->dimension), *y = NULL;
  if (j->o.class != NO_CLASS && (y = gsl_matrix_alloc (rows, 1)))
    gsl_matrix_set_all (y, (double)j->o.class);
  int status = x && (y || j->o.class == NO_CLASS) ? take_points (j, repeat, first, x) : GSL_ENOMEM;
  if (!status)
    status = j->what == LIKELIHOOD ? weigh (j, y, x, repeat * j->n + first, &evaluations)
                                   : integrate (j, y, x, first, &evaluations);
  j->evaluations += evaluations * (double)rows / (double)j->n / (double)j->o.repeats;
  gsl_matrix_free (x);
  gsl_matrix_free (y);
  return status;
}

static int
run (job *j)
{
  const size_t repeats = (size_t)j->o.repeats, total = repeats * j->n;
  progress_bar bar = progress_start (tasks[j->what].name, "points", total, j->o.common.quiet);
  int status = GSL_SUCCESS;
  catch_interrupts ();
  for (size_t r = 0; r < repeats && !status; r++)
    for (size_t first = 0; first < j->n && !status; first += j->rows)
      {
        status = work_on (j, r, first, GSL_MIN (j->rows, j->n - first));
        die_if_interrupted ("nothing was written");
        progress_show (&bar, r * j->n + GSL_MIN (first + j->rows, j->n));
      }
  if (status)
    return failure ("%s: %s", tasks[j->what].name, why (status));
  progress_end (&bar, total);
  return EXIT_SUCCESS;
}

// ## The results

static double
bits_of (const job *j, double log_p)
{
  const sb_quantisation q = { 256, j->o.range[0], j->o.range[1] };
  return sb_bits_per_dimension (&q, j->process->dimension, log_p);
}

static int
write_lines (const job *j)
{
  sb_error error = { 0 };
  sb_file *file = sb_file_create (j->o.output, &error);
  if (!file)
    return failure ("%s", error.message);
  fprintf (file->stream, "point,repeat,log_p,log_prior,integral%s\n", j->data.bytes ? ",bits" : "");
  for (size_t k = 0; k < j->log_p->size; k++)
    {
      fprintf (file->stream, "%zu,%zu,%.17g,%.17g,%.17g", k % j->n, k / j->n, gsl_vector_get (j->log_p, k),
               gsl_vector_get (j->log_prior, k), gsl_vector_get (j->integral, k));
      if (j->data.bytes)
        fprintf (file->stream, ",%.17g", bits_of (j, gsl_vector_get (j->log_p, k)));
      fputc ('\n', file->stream);
    }
  return sb_file_commit (file, &error) ? failure ("%s", error.message) : EXIT_SUCCESS;
}

// The mean over points of the mean over repetitions, and its standard error from point to point.

static void
print_mean (const job *j)
{
  double mean = 0, square = 0;
  const size_t n = j->n, repeats = (size_t)j->o.repeats;
  for (size_t i = 0; i < n; i++)
    {
      double of_point = 0;
      for (size_t r = 0; r < repeats; r++)
        of_point += gsl_vector_get (j->log_p, r * n + i) / (double)repeats;
      const double before = of_point - mean;
      mean += before / (double)(i + 1);
      square += before * (of_point - mean);
    }
  const double se = n > 1 ? sqrt (square / (double)(n - 1) / (double)n) : NAN;
  printf ("log p: %.10g\nstandard error: %.4g\n", mean, se);
  if (j->data.bytes)
    printf ("bits/dim: %.8g\nstandard error of bits/dim: %.4g\n", bits_of (j, mean),
            se / (double)j->process->dimension / M_LN2);
}

static int
finish (job *j)
{
  const settings *o = &j->o;
  int status = EXIT_SUCCESS;
  if (j->what != LIKELIHOOD)
    {
      const named_law plain = { .height = j->law.height, .width = j->law.width, .channels = j->law.channels };
      status = output_write (o->output, j->what == DECODE ? &j->law : &plain, &j->out, 0);
    }
  else if (o->output)
    status = write_lines (j);
  if (status != EXIT_SUCCESS)
    return status;
  printf ("points: %zu\ndimension: %zu\n", j->n, j->process->dimension);
  if (j->what == LIKELIHOOD)
    {
      printf ("repeats: %llu\n", (unsigned long long)o->repeats);
      print_mean (j);
    }
  printf ("function evaluations: %.1f per point\n", j->evaluations);
  if (o->output)
    printf ("output: %s\n", o->output);
  return EXIT_SUCCESS;
}

static int
do_task (job *j)
{
  int (*const steps[]) (job *) = { open_points, open_results, run, finish };
  int status = check (j->what, &j->o);
  if (status == EXIT_SUCCESS)
    {
      begin_work (j->o.common.threads);
      status = j->o.model ? open_model (j) : open_law (j);
    }
  for (size_t k = 0; k < sizeof steps / sizeof *steps && status == EXIT_SUCCESS; k++)
    status = steps[k](j);
  return status;
}

static int
command_of (task what, int argc, char **argv)
{
  job j = { .o = { .range = { NAN, NAN },
                   .t_min = NAN,
                   .relative = 1e-5,
                   .absolute = 1e-5,
                   .trace = -1,
                   .directions = 1,
                   .group = 8,
                   .batch = 64,
                   .class = NO_CLASS,
                   .engine = { -1, -1 } },
            .what = what };
  int status = parse (what, argc, argv, &j.o);
  if (status < 0)
    status = do_task (&j);
  release (&j);
  return status;
}

int
command_likelihood (int argc, char **argv)
{
  return command_of (LIKELIHOOD, argc, argv);
}

int
command_encode (int argc, char **argv)
{
  return command_of (ENCODE, argc, argv);
}

int
command_decode (int argc, char **argv)
{
  return command_of (DECODE, argc, argv);
}
