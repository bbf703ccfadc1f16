// # scorebook train
//
// A network learns the score of a data set. The state is saved as it goes: Ctrl-C, a lost machine or a full disk cost
// at most the steps since the last save, and a training that goes on does to the last bit what it would have done.

#include "config.h"
#include "commands.h"
#include "engine.h"
#include "examples.h"
#include "options.h"
#include "progress.h"
#include "setup.h"

#include <scorebook.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ## The options

typedef struct
{
  const char *data, *labels, *net, *process, *prediction, *label, *objective, *weighting;
  const char *output, *resume, *export, *curve;
  double range[2], deviation, t_min; // NaN: not given
  uint64_t batch, shard, shift, steps, save_every;
  double rate, warmup, clip, ema, drop;
  network_engine engine;
  common_options common;
} settings;

static const char details[] = "FILE.safetensors holds the whole state. It is written whole or not at all,\n"
                              "every --save-every steps, at the end and on Ctrl-C. --resume goes on from it\n"
                              "with the options it was begun with; those given anew count more. The result\n"
                              "is, to the last bit, that of a training that never stopped, for any number of\n"
                              "threads. A state says nothing of the backend: it can be resumed by another,\n"
                              "whose last bits are others.\n\n"
                              "Exit status: 0, 1 where something failed, 2 where the command line is wrong.\n";

static const help_family families[] = { { "NETWORK", sb_net_architectures },
                                        { "PROCESS", sb_processes },
                                        { "PREDICTION", sb_predictions },
                                        { "LABEL", sb_labels },
                                        { "OBJECTIVE", sb_objectives },
                                        { "WEIGHTING", sb_weightings },
                                        { NULL, NULL } };

static int
parse (int argc, char **argv, settings *o)
{
  const option options[] = {
    { .kind = OPTION_HEADING, .help = "The data" },
    { "data", 'd', OPTION_TEXT, &o->data, "FILE", 0, 0, NULL,
      "IDX or NPY, plain or gzip: the points to learn (needed)" },
    { "labels", 0, OPTION_TEXT, &o->labels, "FILE", 0, 0, NULL,
      "IDX: the classes of the points; with classes=N in NETWORK, the score is that of each class; with a cnn, a "
      "classifier of points in IDX is trained, not a score" },
    { "drop-labels", 0, OPTION_REAL, &o->drop, "P", -1, 1, NULL,
      "of a score: probability that a sample's class is withheld, as guidance needs it (default: 0)" },
    { "shift", 0, OPTION_COUNT, &o->shift, "N", -1, 1000, NULL,
      "of a classifier: move images by up to so many pixels, at random (default: 2)" },
    { "data-range", 0, OPTION_RANGE, o->range, "LOW,HIGH", 0, 0, NULL,
      "map the bytes 0 to 255 to these values (default: 0,1 with ve, smld and classifiers, else -1,1); the numbers of "
      "NPY are taken as they are, and these only drawn black and white (default: the least and the largest)" },
    { "data-deviation", 0, OPTION_REAL, &o->deviation, "S", 0, 0, NULL,
      "standard deviation of a coordinate (default: measured)" },

    { .kind = OPTION_HEADING, .help = "The model" },
    { "network", 0, OPTION_TEXT, &o->net, "NETWORK", 0, 0, NULL, "see below (needed)" },
    { "process", 'p', OPTION_TEXT, &o->process, "PROCESS", 0, 0, NULL, "see below (default: vp)" },
    { "prediction", 0, OPTION_TEXT, &o->prediction, "PREDICTION", 0, 0, NULL,
      "what the network's output means; see below (default: epsilon)" },
    { "label", 0, OPTION_TEXT, &o->label, "LABEL", 0, 0, NULL,
      "what the network is told of the time; see below (default: time)" },

    { .kind = OPTION_HEADING, .help = "The training" },
    { "objective", 0, OPTION_TEXT, &o->objective, "OBJECTIVE", 0, 0, NULL, "see below (default: dsm)" },
    { "weighting", 0, OPTION_TEXT, &o->weighting, "WEIGHTING", 0, 0, NULL,
      "see below (default: the objective's, of dsm variance)" },
    { "t-min", 0, OPTION_REAL, &o->t_min, "T", 0, 0.5, NULL, "smallest time of an SDE (default: 1e-5)" },
    { "steps", 0, OPTION_COUNT, &o->steps, "N", 0, 1e9, NULL, "until this many are done (default: 10000)" },
    { "batch", 0, OPTION_COUNT, &o->batch, "N", 0, 1e6, NULL, "samples a step (default: 64)" },
    { "shard", 0, OPTION_COUNT, &o->shard, "N", 0, 1e6, NULL, "samples that a thread takes at a time (default: 8)" },
    ENGINE_OPTIONS (&o->engine),
    { "rate", 0, OPTION_REAL, &o->rate, "X", 0, 1, NULL, "Adam's learning rate (default: 2e-4)" },
    { "warmup", 0, OPTION_REAL, &o->warmup, "N", -1, 0, NULL, "steps until it is reached (default: 5000)" },
    { "clip", 0, OPTION_REAL, &o->clip, "X", -1, 0, NULL, "largest norm of a gradient, 0: none (default: 1)" },
    { "ema", 0, OPTION_REAL, &o->ema, "X", -1, 1, NULL, "rate of the weights' average (default: 0.9999)" },

    { .kind = OPTION_HEADING, .help = "The files" },
    { "output", 'o', OPTION_TEXT, &o->output, "FILE", 0, 0, NULL,
      "the state, FILE.safetensors (needed, but with --resume)" },
    { "resume", 0, OPTION_TEXT, &o->resume, "FILE", 0, 0, NULL, "go on from this state, and save there" },
    { "save-every", 0, OPTION_COUNT, &o->save_every, "N", 0, 1e9, NULL, "steps between saves (default: 500)" },
    { "export", 0, OPTION_TEXT, &o->export, "FILE", 0, 0, NULL, "at the end, the average's weights alone, for use" },
    { "curve", 0, OPTION_TEXT, &o->curve, "FILE", 0, 0, NULL, "the loss, a line per 50 steps, as CSV" },
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
  return parse_options (&line, &o->common, argc, argv, &first);
}

static settings
defaults (void)
{
  return (settings){ .process = "vp",
                     .prediction = "epsilon",
                     .label = "time",
                     .objective = "dsm",
                     .range = { NAN, NAN },
                     .deviation = NAN,
                     .t_min = 1e-5,
                     .engine = { .backend = -1 },
                     .batch = 64,
                     .shift = 2,
                     .shard = 8,
                     .steps = 10000,
                     .save_every = 500,
                     .rate = sb_adam_defaults.rate,
                     .warmup = sb_adam_defaults.warmup,
                     .clip = sb_adam_defaults.clip,
                     .ema = sb_adam_defaults.ema };
}

// ## The command line as a recipe
//
// A state keeps the words it was begun with, a line each. Resuming reads them as if they stood before those given now.
// Of these, what changes the training joins the recipe, after a line @STEP that says from where on it held; what only
// says how long, where to and by which means does not.

static char *
recipe_of (int argc, char **argv)
{
  size_t length = 1;
  for (int k = 1; k < argc; k++)
    length += strlen (argv[k]) + 1;
  char *recipe = calloc (length, 1);
  for (int k = 1; k < argc && recipe; k++)
    {
      strcat (recipe, argv[k]);
      if (k + 1 < argc)
        strcat (recipe, "\n");
    }
  return recipe;
}

static bool
changes_nothing (const char *word)
{
  static const char *const means[] = { "--resume", "--steps", "--threads", "--quiet",      "-q",        "--output",
                                       "-o",       "--curve", "--export",  "--save-every", "--backend", NULL };
  for (size_t k = 0; means[k]; k++)
    {
      size_t length = strlen (means[k]);
      if (strncmp (word, means[k], length) == 0 && (word[length] == 0 || word[length] == '='))
        return true;
    }
  return false;
}

static char *
lengthen_recipe (const char *recipe, const char *step, int argc, char **argv)
{
  size_t length = strlen (recipe) + strlen (step) + 3;
  for (int k = 1; k < argc; k++)
    length += strlen (argv[k]) + 1;
  char *longer = malloc (length), *to = longer;
  bool begun = false, taken = false;
  if (!longer)
    return NULL;
  to += sprintf (to, "%s", recipe);
  for (int k = 1; k < argc; k++)
    {
      taken = argv[k][0] == '-' ? !changes_nothing (argv[k]) : taken; // a value follows its option
      if (taken && !begun)
        to += sprintf (to, "\n@%s", step);
      if (taken)
        to += sprintf (to, "\n%s", argv[k]);
      begun |= taken;
    }
  return longer;
}

static char **
words_before (char *recipe, int argc, char **argv, int *count)
{
  size_t lines = 1;
  for (const char *c = recipe; *c; c++)
    lines += *c == '\n';
  char **words = calloc (lines + (size_t)argc + 1, sizeof *words), *rest = NULL;
  if (!words)
    return NULL;
  *count = 0;
  words[(*count)++] = argv[0];
  for (char *word = strtok_r (recipe, "\n", &rest); word; word = strtok_r (NULL, "\n", &rest))
    if (word[0] != '@')
      words[(*count)++] = word;
  for (int k = 1; k < argc; k++)
    words[(*count)++] = argv[k];
  return words;
}

// ## What a training holds

typedef struct
{
  settings o;
  char *recipe, *command, *curve;
  size_t curve_length;
  examples data;
  sb_bytes *labels;
  bool classifies;
  sb_model *model;
  sb_training *training;
  sb_trainer *trainer;
  sb_score_matching matching;
  sb_classifying classifying;
  sb_labelled_examples labelled;
  sb_recipe train;
  sb_provenance provenance;
} training;

static void
release (training *t)
{
  sb_trainer_free (t->trainer);
  sb_training_free (t->training);
  sb_model_free (t->model);
  examples_close (&t->data);
  sb_bytes_free (t->labels);
  free (t->recipe);
  free (t->command);
  free (t->curve);
}

// The kind of network says what is learned: with labels a classifier, or a score whose network is told the class.

static int
open_data (training *t)
{
  settings *o = &t->o;
  sb_error error = { 0 };
  double key[SB_KEYS_MOST];
  const sb_entry *net = sb_entry_read (sb_net_architectures, "--network", o->net, key, &error);
  if (!net)
    return usage_error ("%s", error.message);
  const double *classes = sb_entry_value (net, key, "classes");
  t->classifies = o->labels && !(classes && *classes > 0);
  const sb_process_kind *kind = sb_process_kind_read ("--process", o->process, key, &error);
  if (!kind)
    return usage_error ("%s", error.message);
  const double usual[] = { t->classifies ? 0 : kind->low, kind->high };
  int status = examples_open (o->data, o->range, usual, &t->data);
  if (status != EXIT_SUCCESS)
    return status;
  memcpy (o->range, t->data.range, sizeof o->range);
  if (isnan (o->deviation))
    o->deviation = t->data.deviation;
  if (t->classifies && !t->data.bytes)
    return usage_error ("--labels: --data=%s is NPY; a classifier learns from IDX", o->data);
  if (o->labels && !(t->labels = sb_idx_read (o->labels, &error)))
    return failure ("%s", error.message);
  return EXIT_SUCCESS;
}

// Images must be the network's: with their axes in another order it would learn, but from scrambled pixels.

static int
check_images (const char *path, const sb_shape *shape, sb_net_shape in)
{
  size_t d = sb_shape_count (shape, 1, SIZE_MAX - 1), channels = shape->rank == 4 ? shape->length[3] : 1;
  if (d != sb_net_shape_size (in))
    return failure ("%s: a point has %zu numbers, the network's input %zu", path, d, sb_net_shape_size (in));
  if (sb_net_shape_pixels (in) == 1 || (shape->rank != 3 && shape->rank != 4))
    return EXIT_SUCCESS;
  if (channels != in.channels || shape->length[1] != in.height || shape->length[2] != in.width)
    return failure ("%s: its images are image=%zux%zux%zu, the network's image=%zux%zux%zu", path, channels,
                    shape->length[1], shape->length[2], in.channels, in.height, in.width);
  return EXIT_SUCCESS;
}

// The objective, and its weighting. Some are of some processes only.

static int
choose_weighting (const char *line, const sb_process *process, sb_objective *objective)
{
  sb_error error = { 0 };
  double key[SB_KEYS_MOST];
  const sb_entry *entry = line ? sb_entry_read (sb_weightings, "--weighting", line, key, &error) : NULL;
  if (!entry)
    return line ? usage_error ("%s", error.message) : EXIT_SUCCESS;
  const sb_weighting_type *type = (const sb_weighting_type *)entry;
  const char *name = entry->name;
  if (!objective->type->weighting)
    return usage_error ("--weighting=%s: --objective=%s takes none", name, objective->type->entry.name);
  if ((type == sb_weighting_bound || type == sb_weighting_bound_tilde) && strcmp (process->type->name, "ddpm") != 0)
    return usage_error ("--weighting=%s: only with --process=ddpm", name);
  if (type == sb_weighting_likelihood && process->levels > 0)
    return usage_error ("--weighting=%s: --process=%s is a chain, and has no diffusion", name, process->type->name);
  objective->weighting.type = type;
  return EXIT_SUCCESS;
}

static int
choose_objective (const settings *o, const sb_process *process, sb_objective *objective)
{
  sb_error error = { 0 };
  double key[SB_KEYS_MOST] = { 0 };
  const sb_entry *entry = sb_entry_read (sb_objectives, "--objective", o->objective, key, &error);
  if (!entry)
    return usage_error ("%s", error.message);
  *objective = sb_objective_of ((const sb_objective_type *)entry, process, process->levels > 0 ? 0 : o->t_min);
  memcpy (objective->key, key, sizeof key);
  if (objective->type == sb_objective_esm)
    return usage_error ("--objective=esm: the score of the data is not known");
  if (objective->type == sb_objective_ncsn && process->levels == 0)
    return usage_error ("--objective=ncsn: --process=%s has no levels", process->type->name);
  return choose_weighting (o->weighting, process, objective);
}

// A network that is told the class learns from points with labels.

static int
open_condition (training *t)
{
  const settings *o = &t->o;
  const sb_net *net = t->model->net;
  t->labelled = (sb_labelled_examples){ examples_source (&t->data), t->labels, o->drop };
  t->matching.examples = t->labelled.points;
  if (net->picture_input)
    return usage_error ("--network: condition=%zu: there are no pictures to give it", sb_net_picture (net).channels);
  if (!net->classes)
    return EXIT_SUCCESS;
  if (!o->labels)
    return usage_error ("--labels: needed, with classes=%zu in --network", net->classes);
  int status = sb_labels_check (t->labels, t->data.shape.length[0], net->classes);
  if (status)
    return failure ("%s: %s", o->labels, why (status));
  t->matching.examples = sb_examples_with_labels (&t->labelled);
  return EXIT_SUCCESS;
}

// What is minimised: the score's error, or the classifier's.

static int
open_score (training *t)
{
  const settings *o = &t->o;
  sb_error error = { 0 };
  t->model
      = sb_model_alloc (o->net, o->process, o->prediction, o->label, o->deviation, o->range[0], o->range[1], &error);
  if (!t->model)
    return failure ("%s", error.message);
  sb_net_shape in = sb_net_input (t->model->net);
  int status = choose_objective (o, t->model->process, &t->matching.objective);
  if (status == EXIT_SUCCESS)
    status = check_images (o->data, &t->data.shape, in);
  if (status != EXIT_SUCCESS)
    return status;
  if (sb_net_shape_size (sb_net_output (t->model->net)) != sb_net_shape_size (in))
    return failure ("network: its output is not of its input's size");
  t->matching.network = t->model->network;
  t->matching.per_dimension = true;
  t->train.task = sb_score_matching_task (&t->matching);
  return open_condition (t);
}

static int
open_classifier (training *t)
{
  const settings *o = &t->o;
  sb_error error = { 0 };
  t->model = sb_model_classifier_alloc (o->net, o->range[0], o->range[1], &error);
  if (!t->model)
    return failure ("%s", error.message);
  t->classifying = (sb_classifying){ .net = t->model->net,
                                     .images = t->data.bytes,
                                     .labels = t->labels,
                                     .low = o->range[0],
                                     .high = o->range[1],
                                     .shift = o->shift };
  int status = sb_classifying_check (&t->classifying);
  if (status)
    return failure ("%s: %s", o->labels, why (status));
  t->train.task = sb_classifying_task (&t->classifying);
  return EXIT_SUCCESS;
}

static int
open_training (training *t)
{
  const settings *o = &t->o;
  sb_error error = { 0 };
  int status = t->classifies ? open_classifier (t) : open_score (t);
  if (status == EXIT_SUCCESS)
    status = set_engine (t->model->net, &o->engine);
  if (status != EXIT_SUCCESS)
    return status;
  t->training = sb_training_alloc (t->model->net, (sb_stream){ o->common.seed, SB_FOR_USER, 0 });
  if (!t->training)
    return failure ("no memory for a training of %s", o->net);
  if (o->resume && sb_checkpoint_read (o->resume, t->model->net, t->training, NULL, &error))
    return failure ("%s", error.message);

  t->matching.network.theta = t->classifying.theta = t->training->theta;
  t->train.adam = (sb_adam){
    o->rate, sb_adam_defaults.beta1, sb_adam_defaults.beta2, sb_adam_defaults.epsilon, o->warmup, o->clip, o->ema
  };
  t->train.batch = o->batch;
  t->train.shard_rows = o->shard < o->batch ? o->shard : o->batch;
  t->train.seed = o->common.seed;
  t->trainer = sb_trainer_alloc (&t->train, t->training);
  if (!t->trainer)
    return failure ("no memory for a training of %s", o->net);
  t->provenance
      = (sb_provenance){ t->classifies ? NULL : o->process, t->recipe, t->command, t->data.about, o->common.seed };
  return EXIT_SUCCESS;
}

// ## Saving

static int
write_curve (const training *t)
{
  sb_error error = { 0 };
  sb_file *file = sb_file_create (t->o.curve, &error);
  if (!file)
    return failure ("%s", error.message);
  fputs ("step,loss,norm\n", file->stream);
  if (t->curve_length > 0) // before the first line there is no memory for it either
    fwrite (t->curve, 1, t->curve_length, file->stream);
  return sb_file_commit (file, &error) ? failure ("%s", error.message) : EXIT_SUCCESS;
}

static int
save (const training *t)
{
  sb_error error = { 0 };
  if (sb_checkpoint_write (t->o.output, t->model, t->training, &t->provenance, &error))
    return failure ("%s", error.message);
  return t->o.curve ? write_curve (t) : EXIT_SUCCESS;
}

// A resumed training keeps the curve up to where it goes on. A line that is no line of a curve ends what is kept.

static int
read_curve (training *t)
{
  FILE *file = fopen (t->o.curve, "r");
  char line[256];
  unsigned long long step;
  double loss;
  while (file && fgets (line, sizeof line, file))
    {
      if (sscanf (line, "%llu,%lf", &step, &loss) != 2 || step > t->training->step)
        continue;
      char *more = realloc (t->curve, t->curve_length + strlen (line) + 1);
      if (!more)
        {
          fclose (file);
          return failure ("no memory for %s", t->o.curve);
        }
      t->curve = more;
      strcpy (t->curve + t->curve_length, line);
      t->curve_length += strlen (line);
    }
  if (file)
    fclose (file);
  return EXIT_SUCCESS;
}

static int
add_to_curve (training *t, double loss, double norm)
{
  char line[96];
  int length = snprintf (line, sizeof line, "%llu,%.6g,%.6g\n", (unsigned long long)t->training->step, loss, norm);
  char *more = realloc (t->curve, t->curve_length + (size_t)length + 1);
  if (!more)
    return failure ("no memory for %s", t->o.curve);
  t->curve = more;
  memcpy (t->curve + t->curve_length, line, (size_t)length + 1);
  t->curve_length += (size_t)length;
  return EXIT_SUCCESS;
}

// ## The loop

enum
{
  CURVE_STEPS = 50 // that a line of the curve is the mean of
};

static int
run (training *t)
{
  const settings *o = &t->o;
  double loss, norm, losses = 0, norms = 0;
  uint64_t since = 0;
  sb_error error = { 0 };
  int status = EXIT_SUCCESS;
  uint64_t begun = t->training->step;
  if (begun >= o->steps)
    return EXIT_SUCCESS;

  progress_bar bar = progress_start ("train", "steps", o->steps - begun, o->common.quiet);
  catch_interrupts ();
  while (t->training->step < o->steps && !interrupted () && status == EXIT_SUCCESS)
    {
      if (sb_trainer_step (t->trainer, &loss, &norm, &error))
        return failure ("%s; the last save is %s", error.message, o->output);
      losses += loss;
      norms += norm;
      since++;
      uint64_t step = t->training->step;
      if (step % CURVE_STEPS == 0)
        {
          status = add_to_curve (t, losses / (double)since, norms / (double)since);
          losses = norms = 0;
          since = 0;
        }
      if (step % o->save_every == 0 && step < o->steps && status == EXIT_SUCCESS)
        status = save (t);
      progress_show (&bar, step - begun);
    }
  progress_end (&bar, t->training->step - begun);
  if (status == EXIT_SUCCESS)
    status = save (t);
  return status;
}

static int
finish (training *t)
{
  sb_error error = { 0 };
  int status = run (t);
  if (status != EXIT_SUCCESS)
    return status;
  char left[1024];
  snprintf (left, sizeof left, "step %llu is saved; go on with: scorebook train --resume=%s",
            (unsigned long long)t->training->step, t->o.output);
  die_if_interrupted (left);
  if (t->o.export && sb_checkpoint_export (t->o.export, t->model, t->training, &t->provenance, &error))
    return failure ("%s", error.message);
  printf ("steps: %llu\nparameters: %zu\noutput: %s\n", (unsigned long long)t->training->step,
          t->model->net->parameters, t->o.output);
  return EXIT_SUCCESS;
}

// ## Beginning, or going on

static int
check (const settings *o)
{
  if (!o->data)
    return usage_error ("--data: needed; see 'scorebook train --help'");
  if (!o->net)
    return usage_error ("--network: needed; see 'scorebook train --help'");
  if (!o->output)
    return usage_error ("--output: needed; see 'scorebook train --help'");
  return -1;
}

// The recipe as a command for a shell: words with blanks are quoted. What was changed on the way stands behind it.

static char *
command_of (const char *recipe)
{
  char *line = malloc (20 * strlen (recipe) + 32), *to = line; // "; from step  on:" for an @ is the longest
  if (!line)
    return NULL;
  to += sprintf (to, "scorebook train");
  for (const char *word = recipe; *word;)
    {
      size_t length = strcspn (word, "\n");
      const char *quote = memchr (word, ' ', length) ? "'" : "";
      if (word[0] == '@')
        to += sprintf (to, "; from step %.*s on:", (int)length - 1, word + 1);
      else
        to += sprintf (to, " %s%.*s%s", quote, (int)length, word, quote);
      word += length + (word[length] == '\n');
    }
  return line;
}

// The recipe of a state that is resumed, and the step it has reached.

static int
resume_words (const char *path, char **recipe, char **step)
{
  sb_error error = { 0 };
  sb_tensors *tensors = sb_safetensors_read (path, &error);
  if (!tensors)
    return failure ("%s", error.message);
  const char *said = sb_tensors_note_find (tensors, "recipe");
  const char *done = sb_tensors_note_find (tensors, "step");
  *recipe = said ? strdup (said) : NULL;
  *step = strdup (done ? done : "0");
  sb_tensors_free (tensors);
  if (!said)
    return failure ("%s: it holds no training (an exported model cannot be resumed)", path);
  return *recipe && *step ? -1 : failure ("no memory");
}

static int
begin (training *t, int argc, char **argv)
{
  int status = check (&t->o);
  if (status >= 0)
    return status;
  begin_work (t->o.common.threads);
  if (!t->recipe)
    t->recipe = recipe_of (argc, argv);
  t->command = t->recipe ? command_of (t->recipe) : NULL;
  if (!t->command)
    return failure ("no memory");

  status = open_data (t);
  if (status == EXIT_SUCCESS)
    status = open_training (t);
  if (status == EXIT_SUCCESS && t->o.resume && t->o.curve)
    status = read_curve (t);
  return status == EXIT_SUCCESS ? finish (t) : status;
}

int
command_train (int argc, char **argv)
{
  training t = { .o = defaults () };
  char *recipe = NULL, *step = NULL, **words = NULL;
  int status = parse (argc, argv, &t.o), count = 0;
  if (status < 0 && t.o.resume)
    {
      const char *from = t.o.resume, *to = t.o.output ? t.o.output : t.o.resume;
      status = resume_words (from, &recipe, &step);
      t.recipe = recipe && step ? lengthen_recipe (recipe, step, argc, argv) : NULL;
      words = recipe ? words_before (recipe, argc, argv, &count) : NULL;
      if (status < 0 && (!words || !t.recipe))
        status = failure ("no memory");
      t.o = defaults ();
      if (status < 0)
        status = parse (count, words, &t.o);
      t.o.output = to;
    }
  if (status < 0)
    status = begin (&t, argc, argv);
  release (&t);
  free (words);
  free (step);
  free (recipe);
  return status;
}
