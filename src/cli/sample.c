// # scorebook sample
//
// A law known in closed form, a process that turns it into noise, the exact score of every law on the way, and a
// sampler that uses it to run the process backwards.

#include <config.h>
#include "commands.h"
#include "draw.h"
#include "law.h"
#include "engine.h"
#include "options.h"
#include "output.h"
#include "setup.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ## The options

typedef enum
{
  PROCESS_VE,
  PROCESS_VP,
  PROCESS_SUBVP,
  PROCESS_SMLD,
  PROCESS_DDPM
} process_kind;

enum
{
  UNSET = -1
};

typedef struct
{
  const char *law, *model, *output;
  double range[2]; // NaN: not given
  int process;
  double sigma_min, sigma_max, beta_min, beta_max, t_min; // NaN: not given
  uint64_t levels, steps;                                 // 0: not given
  int predictor, corrector, norm, alpha, order;           // UNSET: not given
  uint64_t corrector_steps;
  double snr, step_size, tolerance;
  bool flow, denoise, clip;
  uint64_t n, batch, states, columns;
  network_engine engine;
  common_options common;
} settings;

static const char *const process_names[] = { "ve", "vp", "subvp", "smld", "ddpm", NULL };
static const char *const predictor_names[] = { "none",
                                               "euler-maruyama",
                                               "heun",
                                               "reverse-diffusion",
                                               "ancestral",
                                               "ancestral-upper",
                                               "ancestral-lower",
                                               "probability-flow",
                                               NULL };
static const char *const corrector_names[] = { "none", "langevin", "fixed", NULL };
static const char *const norm_names[] = { "batch", "row", "root-d", NULL };
static const char *const alpha_names[] = { "step", "cumulative", NULL };
static const char *const order_names[] = { "predictor-first", "corrector-first", NULL };

static const char details[] = "LAW is gmm3 (three Gaussians on a line), spec48 (a Gaussian in 48 dimensions\n"
                              "with variances c/k), or a file:\n"
                              "  *.json  a Gaussian or a mixture, such as {\"weights\": [0.3, 0.7],\n"
                              "          \"means\": [[0, 1], [2, 3]], \"sds\": [0.5, [0.1, 0.2]]}; or, in place of\n"
                              "          \"sds\", \"covariances\" with a matrix per component\n"
                              "  IDX (plain or gzip) or NPY: each of the points in it equally likely. Samples\n"
                              "  of such a law are points of the file: the exact score knows nothing else.\n\n"
                              "FILE is written whole or not at all, as its suffix says: .npy (n x d doubles; a\n"
                              "trajectory n x K x d), .csv (a line per point, with a header), .png (a grid of\n"
                              "images, a trajectory in each row; for laws of images).\n\n"
                              "The same command gives the same bytes for any number of threads. It does so\n"
                              "for any --batch, too, except with --flow and with a Langevin corrector whose\n"
                              "--norm is batch or root-d: these look at the batch as a whole.\n\n"
                              "Standard output gets the sizes and the number of score evaluations. Ctrl-C\n"
                              "stops the run; nothing is written then.\n\n"
                              "Exit status: 0, 1 where something failed, 2 where the command line is wrong.\n";

static int
parse (int argc, char **argv, settings *o)
{
  const double size = 1e9;
  const option options[] = {
    { .kind = OPTION_HEADING, .help = "The law" },
    { "law", 'l', OPTION_TEXT, &o->law, "LAW", 0, 0, NULL, "what to sample: gmm3, spec48 or a file, see below" },
    { "data-range", 0, OPTION_RANGE, o->range, "LOW,HIGH", 0, 0, NULL,
      "map the bytes 0 to 255 of images to these values (default: 0,1 with ve and smld, else -1,1)" },

    { "model", 0, OPTION_TEXT, &o->model, "FILE", 0, 0, NULL,
      "sample what this network has learned instead, under its own process (--law is not given then)" },
    { "backend", 0, OPTION_CHOICE, &o->engine.backend, "NAME", 0, 0, backend_names,
      "who computes the network: openblas, the reference; winograd; or onednn, where it is built in (default: the "
      "fastest)" },
    { "precision", 0, OPTION_CHOICE, &o->engine.precision, "NAME", 0, 0, precision_names,
      "float, or bf16: half the bits and, where the processor has it, faster still (default: float)" },

    { .kind = OPTION_HEADING, .help = "The process" },
    { "process", 'p', OPTION_CHOICE, &o->process, "NAME", 0, 0, process_names,
      "the SDEs ve, vp and subvp, or the chains smld and ddpm (default: vp)" },
    { "sigma-min", 0, OPTION_REAL, &o->sigma_min, "X", 0, 0, NULL, "ve, smld: smallest noise (default: 0.01)" },
    { "sigma-max", 0, OPTION_REAL, &o->sigma_max, "X", 0, 0, NULL, "ve, smld: largest noise (default: 50)" },
    { "beta-min", 0, OPTION_REAL, &o->beta_min, "X", 0, 0, NULL, "vp, subvp, ddpm: first rate (default: 0.1)" },
    { "beta-max", 0, OPTION_REAL, &o->beta_max, "X", 0, 0, NULL, "vp, subvp, ddpm: last rate (default: 20)" },
    { "levels", 0, OPTION_COUNT, &o->levels, "N", 1, 1e6, NULL, "smld, ddpm: noise levels (default: 1000)" },
    { "t-min", 0, OPTION_REAL, &o->t_min, "T", 0, 0.5, NULL,
      "ve, vp, subvp: time at which to stop (default: 1e-5 with ve, else 1e-3)" },

    { .kind = OPTION_HEADING, .help = "The sampler" },
    { "predictor", 0, OPTION_CHOICE, &o->predictor, "NAME", 0, 0, predictor_names,
      "none, euler-maruyama, heun, reverse-diffusion, ancestral (-upper and -lower: its two variances) or "
      "probability-flow (default: euler-maruyama with vp and subvp, else reverse-diffusion)" },
    { "corrector", 0, OPTION_CHOICE, &o->corrector, "NAME", 0, 0, corrector_names,
      "none, langevin or fixed (default: none)" },
    { "corrector-steps", 0, OPTION_COUNT, &o->corrector_steps, "M", 0, 1e6, NULL, "steps at each time (default: 1)" },
    { "snr", 0, OPTION_REAL, &o->snr, "R", 0, 0, NULL, "langevin: signal-to-noise ratio r (default: 0.16)" },
    { "step-size", 0, OPTION_REAL, &o->step_size, "E", 0, 0, NULL,
      "fixed: step size, in units of the noise's variance (default: 0.05)" },
    { "norm", 0, OPTION_CHOICE, &o->norm, "KIND", 0, 0, norm_names,
      "langevin: norms averaged over the batch, of each row, or root-d for the noise's (default: batch)" },
    { "alpha", 0, OPTION_CHOICE, &o->alpha, "KIND", 0, 0, alpha_names,
      "langevin: alpha_i is that of the step or cumulative (default: step)" },
    { "order", 0, OPTION_CHOICE, &o->order, "KIND", 0, 0, order_names,
      "predictor-first or corrector-first at each time (default: predictor-first)" },
    { "steps", 0, OPTION_COUNT, &o->steps, "N", 0, 1e7, NULL,
      "steps from t = 1 down; a chain takes them among its levels (default: 1000, or the levels)" },
    { "flow", 0, OPTION_SET, &o->flow, NULL, 0, 0, NULL,
      "ve, vp, subvp: solve the probability flow ODE with adaptive steps instead" },
    { "tolerance", 0, OPTION_REAL, &o->tolerance, "X", 0, 1, NULL,
      "flow: tolerance of its steps, both relative and absolute (default: 1e-5)" },
    { "denoise", 0, OPTION_SET, &o->denoise, NULL, 0, 0, NULL,
      "end with the mean of x(0) given the last x, by Tweedie's formula (the default)" },
    { "no-denoise", 0, OPTION_CLEAR, &o->denoise, NULL, 0, 0, NULL, "do not" },
    { "clip", 0, OPTION_SET, &o->clip, NULL, 0, 0, NULL,
      "--model: keep the network's estimates of x(0) within the range of its data, as Ho et al.'s code does" },

    { .kind = OPTION_HEADING, .help = "The samples" },
    { "n", 'n', OPTION_COUNT, &o->n, "N", 0, size, NULL, "how many (default: 64)" },
    { "batch", 0, OPTION_COUNT, &o->batch, "N", 0, size, NULL,
      "how many at a time; with --model, a multiple of 8 (default: 1000)" },
    { "trajectory", 0, OPTION_COUNT, &o->states, "K", 1, 1e6, NULL,
      "keep K states of each sample, evenly spaced in time from noise to data" },
    { "output", 'o', OPTION_TEXT, &o->output, "FILE", 0, 0, NULL, "where to (needed): *.npy, *.csv or *.png" },
    { "columns", 0, OPTION_COUNT, &o->columns, "N", 0, 1e4, NULL, "png: images in a row (default: about square)" },
  };
  const command_line line = { "sample",
                              "{--law=LAW | --model=FILE} --output=FILE [OPTION]...",
                              SAMPLE_SUMMARY,
                              details,
                              options,
                              sizeof options / sizeof *options,
                              0 };
  int first;
  return parse_options (&line, &o->common, argc, argv, &first);
}

// ## Options that do not go together

static bool
is_chain (const settings *o)
{
  return o->process == PROCESS_SMLD || o->process == PROCESS_DDPM;
}

static bool
is_exploding (const settings *o)
{
  return o->process == PROCESS_VE || o->process == PROCESS_SMLD;
}

// A model brings its process and the range of its data with it.

static int
check_model (const settings *o)
{
  if (o->process != UNSET || o->levels
      || !(isnan (o->sigma_min) && isnan (o->sigma_max) && isnan (o->beta_min) && isnan (o->beta_max)))
    return usage_error ("--model: has its process with it; leave out --process and what belongs to it");
  if (!isnan (o->range[0]))
    return usage_error ("--model: has its --data-range with it");
  return -1;
}

static int
check_process (const settings *o)
{
  const char *name = process_names[o->process];
  if (is_exploding (o) && !(isnan (o->beta_min) && isnan (o->beta_max)))
    return usage_error ("--beta-%s: --process=%s has no such rate", isnan (o->beta_min) ? "max" : "min", name);
  if (!is_exploding (o) && !(isnan (o->sigma_min) && isnan (o->sigma_max)))
    return usage_error ("--sigma-%s: --process=%s has no such noise scale", isnan (o->sigma_min) ? "max" : "min", name);
  if (!is_chain (o) && o->levels)
    return usage_error ("--levels: --process=%s runs in continuous time", name);
  if (is_chain (o) && !isnan (o->t_min))
    return usage_error ("--t-min: --process=%s ends at its first level", name);
  return -1;
}

static int
check_sampler (const settings *o)
{
  if (o->flow && is_chain (o))
    return usage_error ("--flow: --process=%s is a chain and has no ODE", process_names[o->process]);
  if (o->flow && (o->predictor != UNSET || o->corrector > 0))
    return usage_error ("--flow: takes the place of --predictor and --corrector");
  if (!o->flow && !isnan (o->tolerance))
    return usage_error ("--tolerance: only with --flow");
  if (o->flow && o->steps)
    return usage_error ("--steps: not with --flow, which chooses its own");
  if (o->corrector <= 0 && o->corrector_steps)
    return usage_error ("--corrector-steps: no --corrector given");
  if (o->corrector != 1 && !(isnan (o->snr) && o->norm == UNSET && o->alpha == UNSET))
    return usage_error ("--%s: only with --corrector=langevin", !isnan (o->snr)    ? "snr"
                                                                : o->norm != UNSET ? "norm"
                                                                                   : "alpha");
  if (o->corrector != 2 && !isnan (o->step_size))
    return usage_error ("--step-size: only with --corrector=fixed");
  if (o->predictor == 0 && o->corrector <= 0)
    return usage_error ("--predictor=none: needs a --corrector");
  return -1;
}

static int
check (const settings *o)
{
  if (!o->model && (o->engine.backend != UNSET || o->engine.precision != UNSET))
    return usage_error ("--%s: only with --model", o->engine.backend != UNSET ? "backend" : "precision");
  if (!o->law == !o->model)
    return usage_error ("--law: %s; see 'scorebook sample --help'", o->law ? "not with --model" : "needed, or --model");
  if (!o->output)
    return usage_error ("--output: needed; see 'scorebook sample --help'");
  if (output_format (o->output) == OUTPUT_UNKNOWN)
    return usage_error ("--output: %s: the suffix is none of .npy, .csv, .png", o->output);
  if (o->columns && (output_format (o->output) != OUTPUT_PNG || o->states))
    return usage_error ("--columns: only for a .png of samples without --trajectory");
  return -1;
}

// ## The process and its times
//
// Defaults are the paper's (Appendix C), the step count that of its tables.

static double
or_default (double value, double otherwise)
{
  return isnan (value) ? otherwise : value;
}

static sb_process *
open_process (const settings *o, size_t d)
{
  double sigma_min = or_default (o->sigma_min, SB_VE_SIGMA_MIN), sigma_max = or_default (o->sigma_max, SB_VE_SIGMA_MAX);
  double beta_min = or_default (o->beta_min, SB_VP_BETA_MIN), beta_max = or_default (o->beta_max, SB_VP_BETA_MAX);
  size_t levels = o->levels ? o->levels : o->process == PROCESS_SMLD ? SB_SMLD_LEVELS : SB_DDPM_LEVELS;
  switch (o->process)
    {
    case PROCESS_VE:
      return sb_ve_alloc (d, sigma_min, sigma_max);
    case PROCESS_VP:
      return sb_vp_alloc (d, beta_min, beta_max);
    case PROCESS_SUBVP:
      return sb_subvp_alloc (d, beta_min, beta_max);
    case PROCESS_SMLD:
      return sb_smld_alloc (d, levels, sigma_min, sigma_max);
    default:
      return sb_ddpm_alloc (d, levels, beta_min, beta_max);
    }
}

// An SDE is solved on an even grid from $T$ to $\epsilon$. A chain goes down its $N$ levels; with fewer steps, by
// those nearest to an even grid. With denoising it ends at level 1, from where Tweedie's formula takes it to level 0.

static gsl_vector *
grid_times (const settings *o, const sb_process *process)
{
  size_t levels = process->levels, steps = o->steps;
  if (o->flow)
    steps = o->states ? o->states - 1 : 1;
  else if (!steps)
    steps = levels ? levels - (o->denoise ? 1 : 0) : 1000;
  gsl_vector *times = gsl_vector_alloc (steps + 1);
  if (!times)
    return NULL;
  double last = !levels ? or_default (o->t_min, process->t_min) : o->denoise ? 1 / (double)levels : 0;
  sb_grid_linear (process->t_max, last, times);
  for (size_t k = 0; levels && k <= steps; k++)
    gsl_vector_set (times, k, rint (gsl_vector_get (times, k) * (double)levels) / (double)levels);
  return times;
}

static int
check_steps (const settings *o, const sb_process *process)
{
  size_t most = process->levels - (o->denoise ? 1 : 0);
  if (process->levels && o->steps > most)
    return usage_error ("--steps: %llu are more than the %zu that %zu levels give", (unsigned long long)o->steps, most,
                        process->levels);
  return EXIT_SUCCESS;
}

// ## The sampler
//
// The predictor by default is the authors' choice: reverse diffusion, but for the VP and sub-VP SDEs in continuous
// time.

static sb_pc
sampler (const settings *o)
{
  const sb_predictor_type *const predictors[] = { sb_predictor_none,
                                                  sb_predictor_euler_maruyama,
                                                  sb_predictor_heun,
                                                  sb_predictor_reverse_diffusion,
                                                  sb_predictor_ancestral,
                                                  sb_predictor_ancestral_upper,
                                                  sb_predictor_ancestral_lower,
                                                  sb_predictor_probability_flow };
  sb_pc pc = sb_pc_default ();
  if (o->predictor != UNSET)
    pc.predictor = predictors[o->predictor];
  else if (o->process == PROCESS_VP || o->process == PROCESS_SUBVP)
    pc.predictor = sb_predictor_euler_maruyama;
  pc.corrector_steps = o->corrector <= 0 ? 0 : o->corrector_steps ? o->corrector_steps : 1;
  pc.corrector.type = o->corrector == 2 ? sb_corrector_fixed : sb_corrector_langevin;
  pc.corrector.snr = or_default (o->snr, pc.corrector.snr);
  pc.corrector.epsilon = or_default (o->step_size, 0.05);
  if (o->norm != UNSET)
    pc.corrector.norm = (sb_norm)o->norm;
  if (o->alpha != UNSET)
    pc.corrector.alpha = (sb_alpha)o->alpha;
  if (o->order != UNSET)
    pc.order = (sb_pc_order)o->order;
  pc.final = o->denoise ? SB_FINAL_DENOISE : SB_FINAL_SAMPLE;
  return pc;
}

// ## Running

// A network's last bits depend on which rows it evaluates together: these must not depend on the batch.

static size_t
rows_at_a_time (const settings *o)
{
  return o->model ? (o->batch + SB_NETWORK_ROWS - 1) / SB_NETWORK_ROWS * SB_NETWORK_ROWS : o->batch;
}

static int
draw_and_write (const settings *o, const named_law *law, const sb_process *process, const sb_score *score)
{
  gsl_vector *times = grid_times (o, process);
  if (!times)
    return failure ("no memory for the grid of times");
  const drawing d = { .score = score,
                      .pc = sampler (o),
                      .flow = o->flow,
                      .tolerance = or_default (o->tolerance, SB_FLOW_TOLERANCE),
                      .times = times,
                      .seed = o->common.seed,
                      .batch = rows_at_a_time (o),
                      .states = o->states,
                      .quiet = o->common.quiet };
  drawn_samples drawn;
  int status = draw_samples (&d, o->n, &drawn);
  if (status == EXIT_SUCCESS)
    {
      status = output_write (o->output, law, &drawn, o->columns);
      if (status == EXIT_SUCCESS)
        printf ("samples: %llu\ndimension: %zu\nfunction evaluations: %zu per sample\noutput: %s\n",
                (unsigned long long)o->n, process->dimension, drawn.evaluations, o->output);
      drawn_free (&drawn);
    }
  gsl_vector_free (times);
  return status;
}

static int
run_process (const settings *o, const named_law *law)
{
  sb_process *process = open_process (o, law->target->dimension);
  if (!process)
    return usage_error ("--process=%s: %s", process_names[o->process], why (GSL_FAILURE));
  int status = check_steps (o, process);
  if (status == EXIT_SUCCESS)
    {
      sb_score *score = sb_score_exact_alloc (law->target, process);
      status = score ? draw_and_write (o, law, process, score) : failure ("the exact score: %s", why (GSL_FAILURE));
      sb_score_free (score);
    }
  sb_process_free (process);
  return status;
}

static int
run_law (settings *o)
{
  if (o->process == UNSET)
    o->process = PROCESS_VP;
  if (o->clip)
    return usage_error ("--clip: only with --model");
  int status = check_process (o);
  if (status < 0)
    status = check_sampler (o);
  if (status >= 0)
    return status;
  if (isnan (o->range[0]))
    {
      o->range[0] = is_exploding (o) ? 0 : -1;
      o->range[1] = 1;
    }

  named_law law;
  status = law_open (o->law, o->range, &law);
  if (status != EXIT_SUCCESS)
    return status;
  if (output_format (o->output) == OUTPUT_PNG && !law.height)
    status = usage_error ("--output: %s: the points of --law=%s are no images", o->output, o->law);
  else
    status = output_try (o->output);
  if (status == EXIT_SUCCESS)
    status = run_process (o, &law);
  law_close (&law);
  return status;
}

// A model's points are what its network's input is: images, or points where they are one pixel large.

static int
run_score (const settings *o, const sb_model *model, const named_law *points)
{
  bool drawable = points->height && (points->channels == 1 || points->channels == 3);
  if (output_format (o->output) == OUTPUT_PNG && !drawable)
    return usage_error ("--output: %s: the points of --model=%s are no images", o->output, o->model);
  int status = output_try (o->output);
  if (status != EXIT_SUCCESS)
    return status;
  sb_score *score = sb_score_network_alloc (&model->network),
           *clipped = score && o->clip ? sb_score_clip_alloc (score, model->low, model->high) : NULL;
  status = score && (clipped || !o->clip) ? draw_and_write (o, points, model->process, o->clip ? clipped : score)
                                          : failure ("the score: %s", why (GSL_FAILURE));
  sb_score_free (clipped);
  sb_score_free (score);
  return status;
}

static int
run_model (settings *o)
{
  sb_error error = { 0 };
  int status = check_model (o);
  if (status >= 0)
    return status;
  sb_model *model = sb_model_read (o->model, &error);
  if (!model)
    return failure ("%s", error.message);
  for (int k = 0; process_names[k]; k++)
    if (strcmp (process_names[k], model->process->type->name) == 0)
      o->process = k;
  if (set_engine (model->net, &o->engine) != EXIT_SUCCESS)
    {
      sb_model_free (model);
      return EXIT_FAILURE;
    }
  sb_net_shape shape = sb_net_input (model->net);
  named_law points = { .low = model->low, .high = model->high };
  if (sb_net_shape_pixels (shape) > 1)
    {
      points.height = shape.height;
      points.width = shape.width;
      points.channels = shape.channels;
    }
  status = check_sampler (o);
  if (status < 0)
    status = check_steps (o, model->process);
  if (status == EXIT_SUCCESS)
    status = run_score (o, model, &points);
  sb_model_free (model);
  return status;
}

int
command_sample (int argc, char **argv)
{
  settings o = { .range = { NAN, NAN },
                 .engine = { UNSET, UNSET },
                 .process = UNSET,
                 .sigma_min = NAN,
                 .sigma_max = NAN,
                 .beta_min = NAN,
                 .beta_max = NAN,
                 .t_min = NAN,
                 .predictor = UNSET,
                 .corrector = UNSET,
                 .norm = UNSET,
                 .alpha = UNSET,
                 .order = UNSET,
                 .snr = NAN,
                 .step_size = NAN,
                 .tolerance = NAN,
                 .denoise = true,
                 .n = 64,
                 .batch = 1000 };
  int status = parse (argc, argv, &o);
  if (status < 0)
    status = check (&o);
  if (status >= 0)
    return status;
  set_threads (o.common.threads);
  return o.model ? run_model (&o) : run_law (&o);
}
