// # scorebook sample
//
// A law known in closed form with its exact scores, or the scores that networks have learned, and a sampler that uses
// them to run the process backwards.

#include <config.h>
#include "commands.h"
#include "conditional.h"
#include "draw.h"
#include "engine.h"
#include "guidance.h"
#include "named_law.h"
#include "options.h"
#include "output.h"
#include "setup.h"
#include "stages.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ## The options

enum
{
  UNSET = -1
};

// A member of a family, as a line chose it.
typedef struct
{
  const sb_entry *entry; // NULL: not given
  double key[SB_KEYS_MOST];
} member;

typedef struct
{
  const char *law, *model, *stages, *condition, *rescale, *output;
  const char *process, *predictor, *alternate, *corrector, *grid; // lines of text; NULL: not given
  member step, second, correction, spacing;
  key_value churn;
  double range[2], t_min, start_time; // NaN: not given
  uint64_t steps;                     // 0: not given
  int order;                          // UNSET: not given
  uint64_t corrector_steps;
  double tolerance;
  bool flow, denoise, clip, frozen;
  uint64_t per_condition; // 0: not given
  uint64_t n, batch, states, columns;
  guidance_options asked;
  network_engine engine;
  common_options common;
} settings;

static const char *const order_names[] = { "predictor-first", "corrector-first", "always", NULL };

static const sb_key s_churn
    = { .name = "churn",
        .usual = 0,
        .high = HUGE_VAL,
        .help = "edm-heun: S_churn, its churn times the steps; makes it the default predictor" };

static const char details[] = "LAW is gmm3 (three Gaussians on a line), spec48 (a Gaussian in 48 dimensions\n"
                              "with variances c/k), or a file:\n"
                              "  *.json  a Gaussian or a mixture, such as {\"weights\": [0.3, 0.7],\n"
                              "          \"means\": [[0, 1], [2, 3]], \"sds\": [0.5, [0.1, 0.2]]}; or, in place of\n"
                              "          \"sds\", \"covariances\" with a matrix per component\n"
                              "  IDX or NPY (plain or gzip), a folder of PNG files, CIFAR-10 (*.bin): each of\n"
                              "  the points in it equally likely. Samples of such a law are points of the\n"
                              "  file, which are all that the exact score depends on.\n\n"
                              "FILE is written whole or not at all, in the format of its suffix: .npy (n x d\n"
                              "doubles; a trajectory n x K x d), .csv (a line per point, with a header), .png\n"
                              "(a grid of images, a trajectory in each row; for laws of images).\n\n"
                              "The same command gives the same bytes for any number of threads. The result is\n"
                              "the same for any --batch, too, except with --flow and with a Langevin corrector\n"
                              "whose norm is batch or root-d: these use the batch as a whole.\n\n"
                              "The sizes and the number of score evaluations are printed on standard output.\n"
                              "Ctrl-C stops the run; nothing is written then.\n\n"
                              "Exit status: 0 on success, 1 on failure, 2 for an invalid command line.\n";

static const help_family families[]
    = { { "PROCESS", sb_processes }, { "PREDICTOR", sb_steps },    { "CORRECTOR", sb_correctors },
        { "GRID", sb_grids },        { "OPERATOR", sb_operators }, { NULL, NULL } };

static int
parse (int argc, char **argv, settings *o)
{
  const double size = 1e9;
  guidance_options *g = &o->asked;
  const option options[] = {
    { .kind = OPTION_HEADING, .help = "The law" },
    { "law", 'l', OPTION_TEXT, &o->law, "LAW", 0, 0, NULL, "what to sample: gmm3, spec48 or a file, see below" },
    { "data-range", 0, OPTION_RANGE, o->range, "LOW,HIGH", 0, 0, NULL,
      "map the bytes 0 to 255 of images to these values (default: 0,1 with ve, smld, soft and multispeed, else -1,1)" },

    { "model", 0, OPTION_TEXT, &o->model, "FILE", 0, 0, NULL,
      "sample from this network instead, under its own process (--law is not given then)" },
    { "stages", 0, OPTION_TEXT, &o->stages, "FILE,FILE,...", 0, 0, NULL,
      "sample scale by scale: the networks of a multi-scale model, one for each of its stages, in any order" },
    { "frozen", 0, OPTION_SET, &o->frozen, NULL, 0, 0, NULL,
      "--stages: keep a stage's result fixed, as a cascade does (default: it continues to change)" },
    { "condition", 0, OPTION_TEXT, &o->condition, "FILE", 0, 0, NULL,
      "IDX, NPY or PNG: observations, as written by 'scorebook observe', to sample images from, with a --model "
      "trained on a task" },
    { "per-condition", 0, OPTION_COUNT, &o->per_condition, "N", 0, 1e6, NULL,
      "samples for each observation, one after another (default: 1)" },
    ENGINE_OPTIONS (&o->engine),

    { .kind = OPTION_HEADING, .help = "The process" },
    { "process", 'p', OPTION_TEXT, &o->process, "PROCESS", 0, 0, NULL, "the forward process, see below (default: vp)" },
    { "rescale", 0, OPTION_TEXT, &o->rescale, "PROCESS", 0, 0, NULL,
      "--model: sample under this process instead of its own, evaluating the network at the same noise-to-signal "
      "ratio; for a chain at the nearest level" },
    { "t-min", 0, OPTION_REAL, &o->t_min, "T", 0, 0, NULL,
      "not of chains: time at which to stop (default: where the process begins: 1e-5 with ve, soft and multispeed, "
      "sigma_min with edm, epsilon with loglinear and the first stage of bands, else 1e-3)" },

    { .kind = OPTION_HEADING, .help = "The sampler" },
    { "predictor", 0, OPTION_TEXT, &o->predictor, "PREDICTOR", 0, 0, NULL,
      "the step from one time to the next, see below (default: euler-maruyama with vp, subvp, loglinear and bands, "
      "momentum with soft, flow-heun with edm, else reverse-diffusion)" },
    { "churn", 0, OPTION_KEY, &o->churn, "S", 0, 0, NULL, NULL },
    { "alternate", 0, OPTION_TEXT, &o->alternate, "PREDICTOR", 0, 0, NULL,
      "a different predictor for every second step (default: none)" },
    { "corrector", 0, OPTION_TEXT, &o->corrector, "CORRECTOR", 0, 0, NULL,
      "steps at each time towards the law at that time, Langevin's or hmc, see below; or none (the default)" },
    { "corrector-steps", 0, OPTION_COUNT, &o->corrector_steps, "M", 0, 1e6, NULL,
      "corrector steps at each time (default: 1)" },
    { "order", 0, OPTION_CHOICE, &o->order, "KIND", 0, 0, order_names,
      "predictor-first or corrector-first at each time, or always: a corrector at every time, including the last "
      "(default: predictor-first)" },
    { "steps", 0, OPTION_COUNT, &o->steps, "N", 0, 1e7, NULL,
      "number of steps (default: 1000; of a chain, one less than its levels; with the grid edm 18, the final denoising "
      "included); a chain spreads fewer over its levels, --stages divides them equally" },
    { "grid", 0, OPTION_TEXT, &o->grid, "GRID", 0, 0, NULL,
      "not of chains: how the times are spaced, see below (default: edm with edm, else linear)" },
    { "flow", 0, OPTION_SET, &o->flow, NULL, 0, 0, NULL,
      "not of chains: solve the probability flow ODE with adaptive steps instead" },
    { "tolerance", 0, OPTION_REAL, &o->tolerance, "X", 0, 1, NULL,
      "flow: tolerance of its steps, both relative and absolute (default: 1e-5)" },
    { "denoise", 0, OPTION_SET, &o->denoise, NULL, 0, 0, NULL,
      "end with the mean of x(0) given the last x, by Tweedie's formula (the default)" },
    { "no-denoise", 0, OPTION_CLEAR, &o->denoise, NULL, 0, 0, NULL, "end with the last x itself" },
    { "clip", 0, OPTION_SET, &o->clip, NULL, 0, 0, NULL,
      "--model: keep the network's estimates of x(0) within the range of its data, as Ho et al.'s code does" },

    { .kind = OPTION_HEADING, .help = "Conditions on the samples" },
    { "class", 0, OPTION_TEXT, &g->class_text, "K", 0, 0, NULL,
      "samples of this class only, or, with each, of the classes in turn: from a class-conditional --model, or with a "
      "--classifier (default: all classes)" },
    { "classifier", 0, OPTION_TEXT, &g->classifier, "FILE", 0, 0, NULL,
      "a time-conditioned classifier, whose gradient guides the samples to --class" },
    { "guidance", 0, OPTION_REAL, &g->weight, "W", 0, 0, NULL,
      "weight of the classifier's gradient: 1 is Bayes's rule, larger values favour samples of greater certainty "
      "(default: 1)" },
    { "known", 0, OPTION_TEXT, &g->known, "FILE", 0, 0, NULL,
      "IDX, NPY or PNG: points that fix some coordinates of the samples, one for each sample or one for all" },
    { "mask", 0, OPTION_TEXT, &g->mask, "FILE", 0, 0, NULL,
      "IDX, NPY or PNG: one point, 1 where a coordinate is known, else 0; in bytes, 255 also means 1 (with --known)" },
    { "grey", 0, OPTION_TEXT, &g->grey, "FILE", 0, 0, NULL,
      "IDX, NPY or PNG: grey images to colour, the means of red, green and blue; colour images are converted to it; "
      "one for each sample or one for all" },
    { "operator", 0, OPTION_TEXT, &g->operator, "OPERATOR", 0, 0, NULL,
      "the operator of the measurement, see below (with --measurement and --noise)" },
    { "matrix", 0, OPTION_TEXT, &g->matrix, "FILE", 0, 0, NULL,
      "IDX, NPY or PNG: the matrix elements of --operator=dense, a row for each number of the measurement; of "
      "diagonal, mask or select, one row" },
    { "measurement", 0, OPTION_TEXT, &g->measurement, "FILE", 0, 0, NULL,
      "IDX, NPY or PNG: the measurements, one for each sample or one for all" },
    { "noise", 0, OPTION_REAL, &g->noise, "S", 0, 0, NULL, "standard deviation of the measurement's noise" },
    { "one-path", 0, OPTION_SET, &g->one_path, NULL, 0, 0, NULL,
      "--known, --grey, --operator: draw the noise of what is known once for a sample (default: anew at each step)" },

    { "start", 0, OPTION_TEXT, &g->start, "FILE", 0, 0, NULL,
      "IDX, NPY or PNG: start from these points, taken as states at --start-time, not from draws of the prior; one "
      "for each sample or one for all" },
    { "start-time", 0, OPTION_REAL, &o->start_time, "T", 0, 0, NULL,
      "the time to start at (default: 1, sigma_max with edm)" },

    { .kind = OPTION_HEADING, .help = "The samples" },
    { "n", 'n', OPTION_COUNT, &o->n, "N", 0, size, NULL,
      "number of samples (default: 64; with --condition, the number of observations times --per-condition)" },
    { "batch", 0, OPTION_COUNT, &o->batch, "N", 0, size, NULL,
      "samples at a time; with a network, rounded up to a multiple of 8 (default: 1000)" },
    { "trajectory", 0, OPTION_COUNT, &o->states, "K", 1, 1e6, NULL,
      "keep K states of each sample, evenly spaced in time from noise to data" },
    { "output", 'o', OPTION_TEXT, &o->output, "FILE", 0, 0, NULL, "output file (needed): *.npy, *.csv or *.png" },
    { "columns", 0, OPTION_COUNT, &o->columns, "N", 0, 1e4, NULL, "png: images per row (default: about square)" },
  };
  const command_line line = { "sample",
                              "{--law=LAW | --model=FILE} --output=FILE [OPTION]...",
                              SAMPLE_SUMMARY,
                              details,
                              options,
                              sizeof options / sizeof *options,
                              0,
                              families };
  int first;
  return parse_options (&line, &o->common, argc, argv, &first);
}

// ## Options that do not go together

static int
read_member (sb_family family, const char *what, const char *text, member *m)
{
  sb_error error = { 0 };
  m->entry = sb_entry_read (family, what, text, m->key, &error);
  return m->entry ? -1 : refused_line (&error);
}

static int
read_sampler (settings *o)
{
  int status = -1;
  if (o->predictor)
    status = read_member (sb_steps, "--predictor", o->predictor, &o->step);
  if (status < 0 && o->alternate)
    status = read_member (sb_steps, "--alternate", o->alternate, &o->second);
  if (status < 0 && o->corrector && strcmp (o->corrector, "none") != 0)
    status = read_member (sb_correctors, "--corrector", o->corrector, &o->correction);
  if (status < 0 && o->grid)
    status = read_member (sb_grids, "--grid", o->grid, &o->spacing);
  if (status < 0 && !isnan (o->churn.value) && !o->predictor)
    status = read_member (sb_steps, "--predictor", "edm-heun", &o->step);
  return status;
}

static int
check_sampler (const settings *o)
{
  if (o->flow && (o->step.entry || o->alternate || o->correction.entry))
    return usage_error ("--flow: takes the place of --predictor, --alternate and --corrector");
  if (!isnan (o->churn.value) && o->step.entry != &sb_step_edm_heun->entry)
    return usage_error ("--churn: only with --predictor=edm-heun");
  if (!isnan (o->start_time) && !o->asked.start)
    return usage_error ("--start-time: needs --start");
  if (!o->flow && !isnan (o->tolerance))
    return usage_error ("--tolerance: only with --flow");
  if (o->flow && o->steps)
    return usage_error ("--steps: not with --flow, which chooses its own");
  if (!o->correction.entry && (o->corrector_steps || o->order != UNSET))
    return usage_error ("--%s: no --corrector given", o->corrector_steps ? "corrector-steps" : "order");
  if (o->step.entry == &sb_step_none->entry && !o->correction.entry)
    return usage_error ("--predictor=none: needs a --corrector");
  return -1;
}

// A model brings its process and the range of its data with it.

static int
check_model (const settings *o)
{
  if (o->model && (o->process || !isnan (o->range[0])))
    return usage_error ("--%s: not with --model, which has its own", o->process ? "process" : "data-range");
  if (o->per_condition && !o->condition)
    return usage_error ("--per-condition: needs --condition");
  if (o->condition && !o->model)
    return usage_error ("--condition: needs --model");
  if (o->condition && (o->states || o->rescale || o->n || o->asked.class != NO_CLASS || o->asked.operator))
    return usage_error ("--condition: not with --%s", o->states          ? "trajectory"
                                                      : o->rescale       ? "rescale"
                                                      : o->n             ? "n"
                                                      : o->asked.operator? "operator"
                                                                         : "class");
  if (!o->model && o->clip)
    return usage_error ("--clip: only with --model");
  if (!o->model && o->rescale)
    return usage_error ("--rescale: only with --model");
  return -1;
}

// With stages only the sampler may be chosen.

static int
check_stages (const settings *o)
{
  const guidance_options *g = &o->asked;
  const char *other = o->law                                  ? "law"
                      : o->model                              ? "model"
                      : o->process                            ? "process"
                      : o->flow                               ? "flow"
                      : o->states                             ? "trajectory"
                      : o->grid                               ? "grid"
                      : o->clip                               ? "clip"
                      : !isnan (o->t_min)                     ? "t-min"
                      : !isnan (o->range[0])                  ? "data-range"
                      : g->class != NO_CLASS                  ? "class"
                      : g->known || g->grey || g->start       ? "known, --grey or --start"
                      : g->operator|| !isnan (o->churn.value) ? "operator or --churn"
                                                              : NULL;
  if (!o->stages && o->frozen)
    return usage_error ("--frozen: only with --stages");
  return o->stages && other ? usage_error ("--stages: not with --%s", other) : -1;
}

static int
check (settings *o)
{
  if (!o->model && !o->stages && !o->asked.classifier && (o->engine.backend != UNSET || o->engine.precision != UNSET))
    return usage_error ("--%s: only with --model, --stages or --classifier",
                        o->engine.backend != UNSET ? "backend" : "precision");
  if (!o->stages && !o->law == !o->model)
    return usage_error ("--law: %s; see 'scorebook sample --help'", o->law ? "not with --model" : "needed, or --model");
  if (!o->output)
    return usage_error ("--output: needed; see 'scorebook sample --help'");
  if (output_format (o->output) == OUTPUT_UNKNOWN)
    return usage_error ("--output: %s: the suffix is none of .npy, .csv, .png", o->output);
  if (o->columns && (output_format (o->output) != OUTPUT_PNG || o->states))
    return usage_error ("--columns: only for a .png of samples without --trajectory");
  int status = guidance_check (&o->asked, o->flow, o->model);
  if (status < 0)
    status = check_stages (o);
  if (status < 0)
    status = check_model (o);
  return status < 0 ? check_sampler (o) : status;
}

// ## The times
//
// Defaults are the paper's (Appendix C), the step count that of its tables.

static double
or_default (double value, double otherwise)
{
  return isnan (value) ? otherwise : value;
}

// An SDE is solved on a grid from $T$ to $\epsilon$. A chain goes down its $N$ levels; with fewer steps, by those
// nearest to an even grid. With denoising it ends at level 1, from where Tweedie's formula takes it to level 0.

static const sb_grid_kind *
grid_of (const settings *o, const sb_process *process)
{
  return (const sb_grid_kind *)(o->spacing.entry ? o->spacing.entry
                                                 : sb_entry_find (sb_grids, sb_process_kind_of (process)->grid));
}

// Karras et al. count the denoising among the steps: $N$ levels are $N$ steps. In their own sampler, which may add
// noise before it, it is a step.

static bool
in_levels (const settings *o, const sb_process *process)
{
  return grid_of (o, process)->by_levels && !o->flow;
}

static bool
ends_by_itself (const settings *o)
{
  return o->step.entry == &sb_step_edm_heun->entry && o->denoise && !o->correction.entry && !o->alternate;
}

static size_t
steps_of (const settings *o, const sb_process *process)
{
  if (o->flow)
    return o->states ? o->states - 1 : 1;
  if (o->steps)
    return o->steps;
  return process->levels ? process->levels - (o->denoise ? 1 : 0) : in_levels (o, process) ? 18 : 1000;
}

// Of the grid, without a last 0.

static size_t
times_of (const settings *o, const sb_process *process)
{
  return steps_of (o, process) + (in_levels (o, process) && o->denoise ? 0 : 1);
}

static gsl_vector *
grid_times (const settings *o, const sb_process *process)
{
  const size_t levels = process->levels, N = times_of (o, process);
  gsl_vector *times = gsl_vector_calloc (N + (ends_by_itself (o) ? 1 : 0));
  if (!times)
    return NULL;
  double key[SB_KEYS_MOST], last = !levels      ? or_default (o->t_min, process->t_min)
                                   : o->denoise ? 1 / (double)levels
                                                : 0;
  const sb_grid_kind *grid = grid_of (o, process);
  sb_entry_usual (&grid->entry, key);
  gsl_vector_view positive = gsl_vector_subvector (times, 0, N);
  grid->fill (or_default (o->start_time, process->t_max), last, o->spacing.entry ? o->spacing.key : key,
              &positive.vector);
  for (size_t k = 0; levels && k < N; k++)
    gsl_vector_set (times, k, rint (gsl_vector_get (times, k) * (double)levels) / (double)levels);
  return times;
}

static int
check_times (const settings *o, const sb_process *process)
{
  size_t most = process->levels - (o->denoise ? 1 : 0);
  if (process->levels && !isnan (o->t_min))
    return usage_error ("--t-min: --process=%s ends at its first level", process->type->name);
  if (process->levels && !isnan (o->start_time))
    return usage_error ("--start-time: --process=%s is a chain, and begins at its last level", process->type->name);
  if (!isnan (o->start_time) && !(o->start_time > or_default (o->t_min, process->t_min)))
    return usage_error ("--start-time: %g is not above the last time, %g", o->start_time,
                        or_default (o->t_min, process->t_min));
  if (!(or_default (o->t_min, process->t_min) <= 0.5 * process->t_max))
    return isnan (o->t_min) ? usage_error ("--process: %s begins at %g, which is not at most %g", process->type->name,
                                           process->t_min, 0.5 * process->t_max)
                            : usage_error ("--t-min: %g is not at most %g", o->t_min, 0.5 * process->t_max);
  if (!(or_default (o->start_time, process->t_max) <= process->t_max))
    return usage_error ("--start-time: %g is not at most %g", o->start_time, process->t_max);
  if (process->levels && o->grid)
    return usage_error ("--grid: --process=%s is a chain, and goes by its levels", process->type->name);
  if (in_levels (o, process) && o->denoise && o->steps == 1)
    return usage_error ("--steps: the grid %s needs 2 or more, with the final denoising",
                        grid_of (o, process)->entry.name);
  if (process->levels && o->flow)
    return usage_error ("--flow: --process=%s is a chain and has no ODE", process->type->name);
  if (o->step.entry == &sb_step_edm_heun->entry && (o->churn.value > 0 || o->step.key[0] > 0)
      && !sb_process_time_is_noise (process))
    return usage_error ("--churn: the time of --process=%s is not its noise level", process->type->name);
  if (process->levels && o->steps > most)
    return usage_error ("--steps: %llu are more than the %zu that %zu levels give", (unsigned long long)o->steps, most,
                        process->levels);
  return EXIT_SUCCESS;
}

// ## The sampler
//
// The predictor by default is that of the process's authors (process/kinds.c). The settings outlive what is returned.

static sb_pc
sampler (settings *o, const sb_process *process)
{
  sb_pc pc = sb_pc_default ();
  if (!isnan (o->churn.value))
    o->step.key[0] = o->churn.value / (double)times_of (o, process);
  if (o->step.entry)
    {
      pc.step = (const sb_step_type *)o->step.entry;
      pc.key = o->step.key;
    }
  else
    pc.step = (const sb_step_type *)sb_entry_find (sb_steps, sb_process_kind_of (process)->step);
  pc.alternate = (const sb_step_type *)o->second.entry;
  pc.alternate_key = o->second.key;
  pc.corrector_steps = 0;
  if (o->correction.entry)
    {
      pc.corrector.type = (const sb_corrector_type *)o->correction.entry;
      pc.corrector.type->set (o->correction.key, &pc.corrector);
      pc.corrector_steps = o->corrector_steps ? o->corrector_steps : 1;
    }
  if (o->order != UNSET)
    pc.order = (sb_pc_order)o->order;
  pc.final = o->denoise && !ends_by_itself (o) ? SB_FINAL_DENOISE : SB_FINAL_SAMPLE;
  return pc;
}

// ## Running

// A network's last bits depend on which rows it evaluates together: these must not depend on the batch.

static size_t
rows_at_a_time (const settings *o)
{
  return o->model || o->stages || o->asked.classifier
             ? (o->batch + SB_NETWORK_ROWS - 1) / SB_NETWORK_ROWS * SB_NETWORK_ROWS
             : o->batch;
}

// Steps that are too long for a measurement of the stated noise overshoot, and the overshoot grows.

static void
warn_of_overshoot (const guidance *g, const gsl_vector *times)
{
  double a, s, largest;
  if (g->H && !sb_process_scalars (g->inverse.process, 0, gsl_vector_get (times, 0), &a, &s) && a == 1
      && !sb_inverse_overshoot (&g->inverse, times, 0, &largest) && largest >= 2)
    warning ("--noise=%g: the longest step overshoots what was measured %.3g times: take more --steps", g->inverse.tau,
             largest);
}

static void
print_samples (const settings *o, size_t dimension, size_t evaluations)
{
  printf ("samples: %llu\ndimension: %zu\nfunction evaluations: %zu per sample\noutput: %s\n", (unsigned long long)o->n,
          dimension, evaluations, o->output);
}

static int
draw_and_write (settings *o, const named_law *law, const sb_process *process, const sb_score *score,
                const conditional *given)
{
  guidance g;
  int status = guidance_open (&o->asked, &o->engine, law, score, o->n, &g);
  if (status != EXIT_SUCCESS)
    return status;
  gsl_vector *times = grid_times (o, process);
  if (!times)
    {
      guidance_close (&g);
      return failure ("no memory for the grid of times");
    }
  if (!o->flow)
    warn_of_overshoot (&g, times);
  sb_pc pc = sampler (o, process);
  pc.condition = given && given->diffused.process ? &given->diffused : NULL;
  const drawing d = { .score = g.score,
                      .pc = pc,
                      .flow = o->flow,
                      .tolerance = or_default (o->tolerance, SB_FLOW_TOLERANCE),
                      .start = g.start,
                      .times = times,
                      .condition = given ? given->condition : g.condition,
                      .known = &g.known,
                      .inverse = &g.inverse,
                      .seed = o->common.seed,
                      .batch = rows_at_a_time (o),
                      .states = o->states,
                      .quiet = o->common.quiet };
  drawn_samples drawn;
  status = draw_samples (&d, o->n, &drawn);
  if (status == EXIT_SUCCESS)
    {
      status = output_write (o->output, law, &drawn, o->columns);
      if (status == EXIT_SUCCESS)
        print_samples (o, process->dimension, drawn.evaluations);
      drawn_free (&drawn);
    }
  gsl_vector_free (times);
  guidance_close (&g);
  return status;
}

// A corruption's prior is fitted to what it leaves of points of the law, always the same ones.

static int
fit_prior (const named_law *law, sb_process *process)
{
  gsl_matrix *x = gsl_matrix_alloc (PRIOR_ROWS, process->dimension);
  int status = x ? sb_target_sample (law->target, (sb_stream){ .purpose = SB_FOR_DATA }, x) : GSL_ENOMEM;
  if (!status)
    status = sb_soft_fit (process, x);
  gsl_matrix_free (x);
  return status ? failure ("the prior: %s", why (status)) : EXIT_SUCCESS;
}

static int
run_process (settings *o, const named_law *law)
{
  sb_error error = { 0 };
  sb_process *process = sb_process_from_text (o->process, law->target->dimension, &error);
  if (!process)
    return (error.code == GSL_ENOMEM ? failure : usage_error) ("--process=%s: %s", o->process, why (GSL_FAILURE));
  int status = check_times (o, process);
  if (status == EXIT_SUCCESS && sb_soft_operator (process))
    status = fit_prior (law, process);
  if (status == EXIT_SUCCESS)
    {
      sb_score *score = sb_score_exact_alloc (law->target, process);
      status
          = score ? draw_and_write (o, law, process, score, NULL) : failure ("the exact score: %s", why (GSL_FAILURE));
      sb_score_free (score);
    }
  sb_process_free (process);
  return status;
}

static int
run_law (settings *o)
{
  sb_error error = { 0 };
  double key[SB_KEYS_MOST];
  if (!o->process)
    o->process = "vp";
  const sb_process_kind *kind = sb_process_kind_read ("--process", o->process, key, &error);
  if (!kind)
    return refused_line (&error);
  named_law law;
  int status = law_open (o->law, o->range, (double[]){ kind->low, kind->high }, &law);
  if (status != EXIT_SUCCESS)
    return status;
  if (output_format (o->output) == OUTPUT_PNG && !law.height)
    status = usage_error ("--output: %s: the points of --law=%s are no images", o->output, o->law);
  else
    status = output_check (o->output, &law, o->n, o->states, o->columns);
  if (status == EXIT_SUCCESS)
    status = run_process (o, &law);
  law_close (&law);
  return status;
}

// Images from observations, as many of each as asked.

static int
run_conditional (settings *o, const sb_model *model, const named_law *look)
{
  if (!o->condition)
    return usage_error ("--condition: needed: --model=%s makes images from observations (%s)", o->model, model->task);
  conditional given;
  int status = conditional_open (model, o->condition, o->per_condition ? o->per_condition : 1, &given);
  if (status != EXIT_SUCCESS)
    return status;
  o->n = given.condition->size1;
  status = output_check (o->output, look, (size_t)o->n, 0, o->columns);
  sb_score *clipped = o->clip ? sb_score_clip_alloc (given.score, model->low, model->high) : NULL;
  if (status == EXIT_SUCCESS && o->clip && !clipped)
    status = failure ("the score: %s", why (GSL_FAILURE));
  if (status == EXIT_SUCCESS)
    status = draw_and_write (o, look, given.process, clipped ? clipped : given.score, &given);
  sb_score_free (clipped);
  conditional_close (&given);
  return status;
}

static int
run_score (settings *o, const sb_model *model, const sb_process *process, const named_law *look)
{
  bool drawable = look->height && (look->channels == 1 || look->channels == 3);
  if (output_format (o->output) == OUTPUT_PNG && !drawable)
    return usage_error ("--output: %s: the points of --model=%s are no images", o->output, o->model);
  const size_t classes = o->asked.classes = model->net->classes;
  if (o->asked.class != NO_CLASS && !o->asked.classifier
      && (o->asked.class == EACH_CLASS ? classes == 0 : o->asked.class >= classes))
    return usage_error ("--class: --model=%s knows %zu classes", o->model, classes);
  if (sb_bands_of (process))
    return usage_error ("--model: %s is a stage of a multi-scale model: give all of its stages by --stages", o->model);
  if (model->observation)
    return run_conditional (o, model, look);
  if (model->net->picture_input || sb_multispeed_x (process) > 0)
    return usage_error ("--model: %s takes an image as its condition, but records no --task", o->model);
  if (o->condition)
    return usage_error ("--condition: --model=%s takes none", o->model);
  int status = output_check (o->output, look, o->n, o->states, o->columns);
  if (status != EXIT_SUCCESS)
    return status;
  sb_score *score = sb_score_network_alloc (&model->network),
           *clipped = score && o->clip ? sb_score_clip_alloc (score, model->low, model->high) : NULL,
           *own = o->clip ? clipped : score,
           *rescaled = own && o->rescale ? sb_score_rescale_alloc (own, process, true) : NULL;
  const sb_score *asked = o->rescale ? rescaled : own;
  status = asked ? draw_and_write (o, look, process, asked, NULL) : failure ("the score: %s", why (GSL_FAILURE));
  sb_score_free (rescaled);
  sb_score_free (clipped);
  sb_score_free (score);
  return status;
}

static int
run_model (settings *o)
{
  sb_error error = { 0 };
  sb_model *model = sb_model_read (o->model, &error);
  if (!model)
    return failure ("%s", error.message);
  if (set_engine (model->net, &o->engine) != EXIT_SUCCESS)
    {
      sb_model_free (model);
      return EXIT_FAILURE;
    }
  const named_law look = look_of (model, sb_model_image (model));
  sb_process *other = o->rescale ? sb_process_from_text (o->rescale, model->process->dimension, &error) : NULL;
  int status = EXIT_SUCCESS;
  if (o->rescale && !other)
    status = (error.code == GSL_ENOMEM ? failure : usage_error) ("--rescale=%s: %s", o->rescale, why (GSL_FAILURE));
  if (status == EXIT_SUCCESS)
    status = check_times (o, other ? other : model->process);
  if (status == EXIT_SUCCESS)
    status = run_score (o, model, other ? other : model->process, &look);
  sb_process_free (other);
  sb_model_free (model);
  return status;
}

// ## Scale by scale

static int
draw_stages (settings *o, staged *s)
{
  const sb_bands *b = sb_bands_of (s->model[0]->process);
  const named_law look = { NULL, b->height, b->width, b->channels, s->model[0]->low, s->model[0]->high };
  int status = output_check (o->output, &look, (size_t)o->n, 0, o->columns);
  if (status == EXIT_SUCCESS)
    status = stages_divide (s, o->steps ? o->steps : 1000);
  if (status != EXIT_SUCCESS)
    return status;
  gsl_matrix *images = gsl_matrix_alloc ((size_t)o->n, s->haar->columns);
  if (!images)
    return failure ("no memory for %llu images", (unsigned long long)o->n);
  const staged_drawing d = { .pc = sampler (o, s->model[0]->process),
                             .frozen = o->frozen,
                             .quiet = o->common.quiet,
                             .seed = o->common.seed,
                             .batch = rows_at_a_time (o) };
  size_t evaluations = 0;
  status = stages_draw (s, &d, images, &evaluations);
  if (status == EXIT_SUCCESS)
    status = output_write (o->output, &look, &(drawn_samples){ .x = images }, o->columns);
  if (status == EXIT_SUCCESS)
    print_samples (o, images->size2, evaluations);
  gsl_matrix_free (images);
  return status;
}

static int
run_stages (settings *o)
{
  staged s;
  int status = stages_open (o->stages, &o->engine, &s);
  if (status == EXIT_SUCCESS)
    status = draw_stages (o, &s);
  stages_close (&s);
  return status;
}

int
command_sample (int argc, char **argv)
{
  settings o = { .range = { NAN, NAN },
                 .engine = { UNSET, UNSET },
                 .t_min = NAN,
                 .start_time = NAN,
                 .churn = { &s_churn, NAN },
                 .order = UNSET,
                 .tolerance = NAN,
                 .denoise = true,
                 .asked = guidance_options_none (),
                 .batch = 1000 };
  int status = parse (argc, argv, &o);
  if (status < 0)
    status = read_sampler (&o);
  if (status < 0)
    status = check (&o);
  if (status >= 0)
    return status;
  o.n = o.n ? o.n : 64;
  begin_work (o.common.threads);
  return o.stages ? run_stages (&o) : o.model ? run_model (&o) : run_law (&o);
}
