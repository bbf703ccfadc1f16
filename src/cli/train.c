// # scorebook train
//
// A network learns the score of a data set. The state is saved as it goes: Ctrl-C, a lost machine or a full disk cost
// at most the steps since the last save, and a resumed training does to the last bit what it would have done. It takes
// all that changes what is learned from the state, except paths: files are named on the command line alone.

#include "config.h"
#include "commands.h"
#include "output.h"
#include "progress.h"
#include "setup.h"
#include "training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ## The options

#define NOT_GIVEN UINT64_MAX

static const char details[] = "FILE.safetensors holds the whole state. It is written whole or not at all,\n"
                              "every --save-every steps, at the end and on Ctrl-C. --resume continues from it\n"
                              "with its original settings, except those given again. No file is read or\n"
                              "written that the command line does not name: --data must be given again and be\n"
                              "unchanged, except with --new-data. The result is, to the last bit, that of an\n"
                              "uninterrupted training, for any number of threads. A state does not record the\n"
                              "backend: it can be resumed with another, which changes the last bits.\n\n"
                              "Exit status: 0 on success, 1 on failure, 2 for an invalid command line.\n";

static const help_family families[] = { { "NETWORK", sb_net_architectures },
                                        { "PROCESS", sb_processes },
                                        { "PREDICTION", sb_predictions },
                                        { "LABEL", sb_labels },
                                        { "OBJECTIVE", sb_objectives },
                                        { "WEIGHTING", sb_weightings },
                                        { "LEVELS", sb_level_laws },
                                        { "TASK", sb_observations },
                                        { NULL, NULL } };

#define KEY(place, argument_name)                                                                                      \
  {                                                                                                                    \
    .name = training_keys[place].name, .kind = OPTION_KEY, .value = &s->number[place], .argument = argument_name       \
  }

static int
parse (int argc, char **argv, settings *o)
{
  training_settings *s = &o->training;
  const option options[] = {
    { .kind = OPTION_HEADING, .help = "The data" },
    { "data", 'd', OPTION_TEXT, &o->data, "FILE", 0, 0, NULL,
      "IDX or NPY, plain or gzip, a folder of PNG files, or CIFAR-10's binary files (*.bin): the training points "
      "(needed)" },
    { "resize", 0, OPTION_COUNT, &o->resize, "H", 0, 65536, NULL,
      "resize the images to a height of H pixels, by area means (default: keep the size)" },
    { "flip", 0, OPTION_SET, &o->flip, NULL, 0, 0, NULL, "flip each image horizontally at random" },
    { "labels", 0, OPTION_TEXT, &o->labels, "FILE", 0, 0, NULL,
      "IDX: the classes of the points (default: CIFAR-10's own); with classes=N in NETWORK, the score of each class is "
      "learned; with a cnn, a classifier is trained, not a score: on the points as they are, or, where its time is not "
      "none, as perturbed by PROCESS at any time, to guide 'sample'" },
    KEY (DROP_LABELS, "P"),
    KEY (SHIFT, "N"),
    { "data-range", 0, OPTION_RANGE, s->range, "LOW,HIGH", 0, 0, NULL,
      "map the bytes 0 to 255 to these values (default: 0,1 with ve, smld, soft, multispeed and classifiers without a "
      "time, else -1,1); NPY data are not mapped; these are then shown as black and white (default: the smallest and "
      "the largest)" },
    { "data-deviation", 0, OPTION_REAL, &s->deviation, "S", 0, 0, NULL,
      "standard deviation of a coordinate (default: measured)" },

    { .kind = OPTION_HEADING, .help = "The model" },
    { "network", 0, OPTION_TEXT, &o->net, "NETWORK", 0, 0, NULL, "the network's architecture, see below (needed)" },
    { "process", 'p', OPTION_TEXT, &s->process, "PROCESS", 0, 0, NULL, "the forward process, see below (default: vp)" },
    { "prediction", 0, OPTION_TEXT, &s->prediction, "PREDICTION", 0, 0, NULL,
      "what the network predicts; see below (default: epsilon)" },
    { "task", 0, OPTION_TEXT, &s->task, "TASK", 0, 0, NULL,
      "learn images given observations of them: with condition=C in NETWORK as they are, under --process=multispeed "
      "diffused; see below" },
    { "label", 0, OPTION_TEXT, &s->label, "LABEL", 0, 0, NULL, "the network's time input; see below (default: time)" },

    { .kind = OPTION_HEADING, .help = "The training" },
    { "objective", 0, OPTION_TEXT, &s->objective, "OBJECTIVE", 0, 0, NULL,
      "the loss that is minimised, see below (default: dsm)" },
    { "weighting", 0, OPTION_TEXT, &s->weighting, "WEIGHTING", 0, 0, NULL,
      "the weight of each time in the loss, see below (default: the objective's own, for dsm variance)" },
    { "levels", 0, OPTION_TEXT, &s->levels, "LEVELS", 0, 0, NULL,
      "the distribution of training times; see below (default: uniform)" },
    KEY (T_MIN, "T"),
    KEY (DSM_ABOVE, "T"),
    { "steps", 0, OPTION_COUNT, &o->steps, "N", 0, STEPS_MOST, NULL, "total number of steps (default: 10000)" },
    KEY (BATCH, "N"),
    KEY (SHARD, "N"),
    ENGINE_OPTIONS (&o->engine),
    KEY (RATE, "X"),
    KEY (WARMUP, "N"),
    KEY (CLIP, "X"),
    KEY (EMA, "X"),
    KEY (EMA_WARMUP, "KIND"),
    KEY (RAMP, "N"),
    KEY (HALF_LIFE, "N"),
    KEY (CLEAN, "ANSWER"),
    KEY (GUARD, "X"),

    { .kind = OPTION_HEADING, .help = "The files" },
    { "output", 'o', OPTION_TEXT, &o->output, "FILE", 0, 0, NULL,
      "the state, FILE.safetensors (needed, except with --resume)" },
    { "resume", 0, OPTION_TEXT, &o->resume, "FILE", 0, 0, NULL,
      "continue from this state, and save to it unless --output is given" },
    { "init", 0, OPTION_TEXT, &o->init, "FILE", 0, 0, NULL,
      "start from the weights of this model, or the averaged weights of a state" },
    { "new-data", 0, OPTION_SET, &o->new_data, NULL, 0, 0, NULL,
      "--resume: accept different data; the range and deviation remain those of the state" },
    { "save-every", 0, OPTION_COUNT, &o->save_every, "N", 0, STEPS_MOST, NULL, "steps between saves (default: 500)" },
    { "export", 0, OPTION_TEXT, &o->export, "FILE", 0, 0, NULL,
      "at the end, write only the averaged weights, for use" },
    { "export-dtype", 0, OPTION_CHOICE, &o->dtype, "NAME", 0, 0, dtype_names,
      "f32, f16 or bf16: the format of its numbers (default: f32)" },
    { "curve", 0, OPTION_TEXT, &o->curve, "FILE", 0, 0, NULL,
      "the loss and the gradient's norm as CSV, a line per 50 steps" },
  };
  const command_line line = { "train",
                              "--data=FILE --network=NETWORK --output=FILE [OPTION]...",
                              TRAIN_SUMMARY,
                              details,
                              options,
                              sizeof options / sizeof *options,
                              0,
                              families };
  int first;
  o->common.seed = NOT_GIVEN;
  int status = parse_options (&line, &o->common, argc, argv, &first);
  s->seeded = o->common.seed != NOT_GIVEN;
  s->seed = s->seeded ? o->common.seed : 0;
  if (o->flip)
    s->number[FLIP].value = 1;
  return status;
}

// ## What a training holds

static void
release (training *t)
{
  sb_trainer_free (t->trainer);
  sb_training_free (t->training);
  sb_model_free (t->model);
  sb_operator_free (t->haar);
  examples_close (&t->data);
  sb_bytes_free (t->labels);
  sb_tensors_free (t->state);
  free (t->recipe);
  free (t->taken);
  free (t->given.text);
  free (t->command.text);
  free (t->report.lines);
}

// ## The command
//
// A state says how to make it, as a line for a shell: the options that change what is learned, by their whole names, as
// they were given; what only sets how long, where to and by which means is left out. Where a resumed training is given
// others, the line is extended by them.

static void
note_option (void *context, const char *name, const char *argument)
{
  static const char *const means[] = { "steps",      "threads", "quiet",  "curve",  "export", "export-dtype",
                                       "save-every", "backend", "output", "resume", NULL };
  training *t = context;
  for (size_t k = 0; means[k]; k++)
    if (strcmp (name, means[k]) == 0)
      return;
  shell_option (&t->given, name, argument);
}

static int
make_command (training *t)
{
  const settings *o = &t->o;
  const char *before = t->state ? sb_tensors_note_find (t->state, "command") : NULL;
  const bool changed = !before || strcmp (sb_tensors_note_find (t->state, "recipe"), t->recipe) != 0 || o->new_data;
  if (before)
    shell_text (&t->command, before);
  if (before && changed)
    shell_text (&t->command, " && ");
  if (changed)
    shell_text (&t->command, "scorebook train");
  if (before && changed)
    shell_option (&t->command, "resume", o->resume);
  if (changed)
    {
      shell_text (&t->command, t->given.text ? t->given.text : "");
      shell_option (&t->command, "output", o->output);
    }
  return t->command.failed || t->given.failed ? failure ("no memory for the command") : EXIT_SUCCESS;
}

// A state's command ends with the steps done, a number that changes as the training goes on.

static char *
command_until_now (const training *t)
{
  const char *text = t->command.text, *last = strrchr (text, ' ');
  const size_t length = last && strncmp (last, " --steps=", 9) == 0 ? (size_t)(last - text) : t->command.length;
  char *line = malloc (length + 40);
  if (line)
    sprintf (line, "%.*s --steps=%llu", (int)length, text, (unsigned long long)t->training->step);
  return line;
}

// ## The state that is resumed

static int
open_state (training *t)
{
  settings *o = &t->o;
  const training_settings *s = &o->training;
  sb_error error = { 0 };
  t->of_score = s->objective                          ? "objective"
                : s->levels                           ? "levels"
                : !isnan (s->number[DSM_ABOVE].value) ? "dsm-above"
                                                      : NULL;
  if (!o->resume)
    {
      training_settings_fill (&o->training);
      return EXIT_SUCCESS;
    }
  t->state = sb_safetensors_read (o->resume, &error);
  if (!t->state)
    return failure ("%s", error.message);
  const char *recipe = sb_tensors_note_find (t->state, "recipe"), *net = sb_tensors_note_find (t->state, "network");
  if (!recipe || !net)
    return failure ("%s: it holds no training (an exported model cannot be resumed)", o->resume);
  t->taken = strdup (recipe);
  if (!t->taken)
    return failure ("no memory");
  o->net = o->net ? o->net : net;
  o->output = o->output ? o->output : o->resume;
  return training_settings_from (t->taken, o->resume, &o->training);
}

// The steps done before the last change of the recipe, from the end of the command before the last one. The data's loss
// up to there belongs to another recipe.

static uint64_t
step_of_change (const training *t)
{
  const char *text = t->command.text, *last = NULL;
  for (const char *at = text; (at = strstr (at, " && scorebook train")); at++)
    last = at;
  while (last && last > text && last[-1] != '=')
    last--;
  return last ? strtoull (last, NULL, 10) : 0;
}

// What the state records of itself, including the reports so far.

static int
open_record (training *t)
{
  const char *report = t->state ? sb_tensors_note_find (t->state, "report") : NULL;
  t->recipe = training_recipe (&t->o.training);
  if (!t->recipe)
    return failure ("no memory for the recipe");
  const bool consistent = t->matching.objective.type == sb_objective_consistency;
  t->report.numbers = consistent ? CURVE_NUMBERS : 2;
  int status = make_command (t);
  if (status == EXIT_SUCCESS && report)
    status = training_report_read (report, t->training->step, t->o.resume, &t->report);
  if (status != EXIT_SUCCESS)
    return status;
  t->report.from = step_of_change (t);
  return consistent ? training_report_widen (&t->report) : EXIT_SUCCESS;
}

// ## Saving
//
// An output that something else has written since, perhaps another training, must not be overwritten.

static void
look_at_output (training *t)
{
  if (stat (t->o.output, &t->saved))
    t->saved = (struct stat){ 0 };
}

static bool
is_as_left (const training *t)
{
  struct stat now = { 0 };
  const struct stat *then = &t->saved;
  if (stat (t->o.output, &now) == 0 && !S_ISREG (now.st_mode))
    return true;
  return now.st_dev == then->st_dev && now.st_ino == then->st_ino && now.st_size == then->st_size
         && now.st_mtim.tv_sec == then->st_mtim.tv_sec && now.st_mtim.tv_nsec == then->st_mtim.tv_nsec;
}

static int
write_curve (const training *t)
{
  sb_error error = { 0 };
  sb_file *file = sb_file_create (t->o.curve, &error);
  if (!file)
    return failure ("%s", error.message);
  fprintf (file->stream, "%s\n%s", training_report_header (&t->report), t->report.lines ? t->report.lines : "");
  return sb_file_commit (file, &error) ? failure ("%s", error.message) : EXIT_SUCCESS;
}

static int
write_model (training *t, const char *path,
             int (*write) (const char *, const sb_model *, const sb_training *, const sb_provenance *, sb_error *))
{
  sb_error error = { 0 };
  const training_settings *s = &t->o.training;
  char *line = command_until_now (t), *report = training_report_write (&t->report);
  const sb_provenance provenance
      = { t->timed ? s->process : NULL, t->recipe, line, t->data.about, s->seed, report, file_dtypes[t->o.dtype] };
  int status = !line || !report                                           ? failure ("no memory")
               : write (path, t->model, t->training, &provenance, &error) ? failure ("%s", error.message)
                                                                          : EXIT_SUCCESS;
  free (line);
  free (report);
  return status;
}

static int
save (training *t)
{
  if (!is_as_left (t))
    return failure ("%s: changed by another program since it was %s here: not saved", t->o.output,
                    t->saves ? "saved" : "looked at");
  int status = write_model (t, t->o.output, sb_checkpoint_write);
  if (status != EXIT_SUCCESS)
    return status;
  look_at_output (t);
  t->saves = true;
  return t->o.curve ? write_curve (t) : EXIT_SUCCESS;
}

// An average in which the first weights still have a share makes samples like theirs.

static int
export_average (training *t)
{
  const double share = sb_adam_first_share (&t->train.adam, t->training->step);
  if (!t->o.export)
    return EXIT_SUCCESS;
  if (share > 0.01)
    warning ("%s: %.2g%% of the average are the first weights: --ema-warmup, a lower --ema or more --steps",
             t->o.export, 100 * share);
  return write_model (t, t->o.export, sb_checkpoint_export);
}

// ## The loop

// Consistency learns from the model's own samples, and where that goes wrong it diverges, long before a number
// overflows, and raises the loss of the data too: so it is compared with the least that the data's loss was.

static int
check_guard (const training *t)
{
  const double *mean = t->report.last, guard = training_number (t, GUARD), of_data = training_report_least (&t->report);
  if (t->report.numbers < CURVE_NUMBERS || guard == 0 || mean[2] <= guard * of_data)
    return EXIT_SUCCESS;
  return failure ("training: step %llu: it diverges: the consistency loss, a mean over %d steps, is %g, and the least "
                  "loss of the data so far was %g; %s%s (--guard=0 disables this check)",
                  (unsigned long long)t->training->step, CURVE_STEPS, mean[2], of_data,
                  t->saves ? "the last save is " : "nothing was saved", t->saves ? t->o.output : "");
}

// A task's message does not hold all that is known of its failure.

static int
step_failed (const training *t, const sb_error *error)
{
  const char *reason = why (error->code), *more = strstr (error->message, gsl_strerror (error->code)) ? reason : "";
  return failure ("%s%s%s%s; %s%s", error->message, *more ? " (" : "", more, *more ? ")" : "",
                  t->saves ? "the last save is " : "nothing was saved", t->saves ? t->o.output : "");
}

static int
take_steps (training *t)
{
  const settings *o = &t->o;
  const uint64_t begun = t->training->step;
  double loss, norm;
  sb_error error = { 0 };
  int status = EXIT_SUCCESS;
  progress_bar bar = progress_start ("train", "steps", o->steps - begun, o->common.quiet);
  while (t->training->step < o->steps && !interrupted () && status == EXIT_SUCCESS)
    {
      if (sb_trainer_step (t->trainer, &loss, &norm, &error))
        return step_failed (t, &error);
      const uint64_t step = t->training->step;
      t->unseen += sb_trainer_unseen (t->trainer);
      const double consistency = sb_trainer_regulariser (t->trainer);
      status = training_report_add (&t->report, step, (double[]){ loss, norm, consistency, loss - consistency });
      if (status == EXIT_SUCCESS && step % CURVE_STEPS == 0)
        status = check_guard (t);
      if (step % o->save_every == 0 && step < o->steps && status == EXIT_SUCCESS)
        status = save (t);
      progress_show (&bar, step - begun);
    }
  progress_end (&bar, t->training->step - begun);
  return status;
}

// The command that resumes the training, for a shell.

static char *
line_to_go_on (const training *t)
{
  const settings *o = &t->o;
  shell_words line = { 0 };
  char steps[32];
  snprintf (steps, sizeof steps, "%llu", (unsigned long long)o->steps);
  shell_text (&line, "scorebook train");
  shell_option (&line, "resume", o->output);
  shell_option (&line, "data", o->data);
  if (o->labels)
    shell_option (&line, "labels", o->labels);
  if (o->resize)
    {
      char height[32];
      snprintf (height, sizeof height, "%llu", (unsigned long long)o->resize);
      shell_option (&line, "resize", height);
    }
  shell_option (&line, "steps", steps);
  return line.text;
}

static int
run (training *t)
{
  const settings *o = &t->o;
  catch_interrupts ();
  int status = t->training->step < o->steps ? take_steps (t) : EXIT_SUCCESS;
  if (status == EXIT_SUCCESS)
    status = save (t);
  if (status != EXIT_SUCCESS)
    return status;
  if (interrupted ())
    {
      char *line = line_to_go_on (t), left[2048];
      snprintf (left, sizeof left, "step %llu is saved; go on with: %s", (unsigned long long)t->training->step,
                line ? line : "--resume");
      die_if_interrupted (left);
    }
  status = export_average (t);
  if (status == EXIT_SUCCESS)
    printf ("steps: %llu\nparameters: %zu\noutput: %s\n", (unsigned long long)t->training->step,
            t->model->net->parameters, o->output);
  if (status == EXIT_SUCCESS && t->unseen > 0)
    printf ("samples without their data's loss (--dsm-above): %llu\n", (unsigned long long)t->unseen);
  return status;
}

// ## From the command line to the end
//
// All that can be refused is, before the first step: what is missing, what does not fit, what cannot be written.

static int
check (const settings *o)
{
  if (!o->data)
    return usage_error ("--data: needed%s; see 'scorebook train --help'", o->resume ? ", with --resume too" : "");
  if (!o->net && !o->resume)
    return usage_error ("--network: needed; see 'scorebook train --help'");
  if (!o->output && !o->resume)
    return usage_error ("--output: needed; see 'scorebook train --help'");
  if (o->dtype && !o->export)
    return usage_error ("--export-dtype: needs --export");
  if (o->init && o->resume)
    return usage_error ("--init: not with --resume, whose state has weights");
  if (o->new_data && !o->resume)
    return usage_error ("--new-data: only with --resume");
  return EXIT_SUCCESS;
}

// One file is not two: what is written last would be all that is left, of a state or of the data.

static bool
same_file (const char *a, const char *b)
{
  struct stat of_a, of_b;
  if (stat (a, &of_a) != 0 || stat (b, &of_b) != 0)
    return strcmp (a, b) == 0;
  return S_ISREG (of_a.st_mode) && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

static int
try_outputs (training *t)
{
  const char *const paths[] = { t->o.output, t->o.export, t->o.curve, t->o.data, t->o.labels };
  static const char *const names[] = { "output", "export", "curve", "data", "labels" };
  int status = EXIT_SUCCESS;
  for (size_t k = 0; k < 3; k++)
    for (size_t other = k + 1; other < sizeof paths / sizeof *paths && paths[k]; other++)
      if (paths[other] && same_file (paths[k], paths[other]))
        return usage_error ("--%s: %s is that of --%s", names[k], paths[k], names[other]);
  for (size_t k = 0; k < 3 && status == EXIT_SUCCESS; k++)
    if (paths[k])
      status = output_try (paths[k]);
  look_at_output (t);
  return status;
}

static int
train (training *t)
{
  int (*const steps[]) (training *) = { open_state, try_outputs, training_open_data, training_open, open_record, run };
  int status = check (&t->o);
  if (status == EXIT_SUCCESS)
    begin_work (t->o.common.threads);
  for (size_t k = 0; k < sizeof steps / sizeof *steps && status == EXIT_SUCCESS; k++)
    status = steps[k](t);
  return status;
}

int
command_train (int argc, char **argv)
{
  training t
      = { .o
          = { .training = training_settings_none (), .engine = { .backend = -1 }, .steps = 10000, .save_every = 500 } };
  t.o.common.given = note_option;
  t.o.common.context = &t;
  int status = parse (argc, argv, &t.o);
  if (status < 0)
    status = train (&t);
  release (&t);
  return status;
}
