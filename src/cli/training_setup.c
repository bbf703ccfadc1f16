// # What is trained
//
// The data and their labels, the network and its process, the objective, and the weights to start from: from the
// settings of `scorebook train` to a trainer. What does not go together is refused before anything is computed.

#include "guidance.h"
#include "point_files.h"
#include "setup.h"
#include "training.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

double
training_number (const training *t, size_t key)
{
  return t->o.training.number[key].value;
}

// ## The data

// The data's description follows their name, which may have changed.

static int
check_same_data (const training *t)
{
  const settings *o = &t->o;
  const char *before = t->state && !o->new_data ? sb_tensors_note_find (t->state, "data") : NULL;
  if (!before)
    return EXIT_SUCCESS;
  const char *was = strrchr (before, ':'), *is = strrchr (t->data.about, ':');
  if (!was || strcmp (was, is) != 0)
    return failure ("%s: its data were %.200s; these are %s: --new-data goes on with them", o->resume, before,
                    t->data.about);
  return EXIT_SUCCESS;
}

// The labels are part of the data.

static int
open_labels (training *t)
{
  sb_error error = { 0 };
  if (t->o.labels)
    t->labels = sb_idx_read (t->o.labels, &error);
  else
    {
      t->labels = t->data.labels;
      t->data.labels = NULL;
    }
  if (!t->labels)
    return t->o.labels ? failure ("%s", error.message) : EXIT_SUCCESS;
  const size_t count = sb_shape_count (&t->labels->shape, 0, SIZE_MAX - 1), length = strlen (t->data.about);
  char *about = realloc (t->data.about, length + 40);
  if (!about)
    return failure ("no memory");
  t->data.about = about;
  sprintf (about + length, ", labels CRC-32 %08lx", crc32_z (crc32 (0, NULL, 0), t->labels->data, count));
  return EXIT_SUCCESS;
}

// The kind of network determines what is learned: with labels a classifier, or a score whose network takes the class.

int
training_open_data (training *t)
{
  settings *o = &t->o;
  training_settings *s = &o->training;
  sb_error error = { 0 };
  double key[SB_KEYS_MOST];
  const sb_entry *net = sb_entry_read (sb_net_architectures, "--network", o->net, key, &error);
  if (!net)
    return refused_line (&error);
  const double *classes = sb_entry_value (net, key, "classes"), *time = sb_entry_value (net, key, "time");
  file_format format;
  if (find_format (o->data, &format) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  t->classifies = strcmp (net->name, "cnn") == 0;
  if (t->classifies && !o->labels && format != FORMAT_CIFAR)
    return usage_error ("--labels: needed, with a classifier (cnn) in --network");
  if (t->classifies && t->of_score)
    return usage_error ("--%s: not with a classifier (cnn) in --network", t->of_score);
  if (o->labels && !t->classifies && !(classes && *classes > 0))
    return usage_error ("--labels: --network=%s takes no classes (classes=N) and is no classifier (cnn)", net->name);
  t->timed = !t->classifies || *time > 0; // "none" is the first word
  const sb_process_kind *kind = sb_process_kind_read ("--process", s->process, key, &error);
  if (!kind)
    return refused_line (&error);
  const double usual[] = { t->timed ? kind->low : 0, kind->high };
  int status = examples_open (o->data, s->range, usual, (size_t)o->resize, &t->data);
  if (status != EXIT_SUCCESS)
    return status;
  memcpy (s->range, t->data.range, sizeof s->range);
  t->of_data = isnan (s->deviation);
  if (t->of_data)
    s->deviation = t->data.deviation;
  const sb_shape *shape = &t->data.shape;
  if (training_number (t, FLIP) > 0 && (!t->data.bytes || (shape->rank != 3 && shape->rank != 4)))
    return usage_error ("--flip: the points of --data=%s are no images in bytes", o->data);
  if (!t->timed && !t->data.bytes)
    return usage_error ("--labels: --data=%s is NPY; a classifier without a time learns from images in bytes", o->data);
  status = open_labels (t);
  if (status == EXIT_SUCCESS)
    status = check_same_data (t);
  if (status == EXIT_SUCCESS && t->of_data && t->timed && !(s->deviation > 0))
    status = failure ("%s: all numbers are the same, so that their deviation is 0: give --data-deviation", o->data);
  return status;
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
  if (channels != in.channels || shape->length[1] != in.height)
    return failure ("%s: its images are image=%zux%zux%zu, the network's image=%zux%zux%zu", path, channels,
                    shape->length[1], shape->length[2], in.channels, in.height, in.width);
  return EXIT_SUCCESS;
}

// ## The objective
//
// With its weighting. Some are of some processes only.

static int
choose_weighting (training *t, const sb_process *process, sb_objective *objective)
{
  const char *line = t->o.training.weighting;
  sb_error error = { 0 };
  double key[SB_KEYS_MOST];
  const sb_entry *entry = line ? sb_entry_read (sb_weightings, "--weighting", line, key, &error) : NULL;
  if (!entry)
    return line ? refused_line (&error) : EXIT_SUCCESS;
  const sb_weighting_type *type = (const sb_weighting_type *)entry;
  const char *name = entry->name;
  if ((type == sb_weighting_bound || type == sb_weighting_bound_tilde) && process->levels == 0)
    return usage_error ("--weighting=%s: --process=%s is no chain, and has no such bound", name, process->type->name);
  if (type == sb_weighting_likelihood && process->levels > 0)
    return usage_error ("--weighting=%s: --process=%s is a chain, and has no diffusion", name, process->type->name);
  objective->weighting.type = type;
  if (type == sb_weighting_edm)
    objective->weighting.params = &t->o.training.deviation;
  return EXIT_SUCCESS;
}

// The law of its times. Noise levels are times where the process's time is its noise level; they begin where its SDE
// does.

static int
choose_levels (const training_settings *s, const sb_process *process, sb_objective *objective)
{
  sb_error error = { 0 };
  double key[SB_KEYS_MOST] = { 0 };
  const sb_entry *entry = sb_entry_read (sb_level_laws, "--levels", s->levels, key, &error);
  if (!entry)
    return refused_line (&error);
  objective->levels = (const sb_level_law *)entry;
  memcpy (objective->levels_key, key, sizeof objective->levels_key);
  if (objective->levels->of_noise && !sb_process_time_is_noise (process))
    return usage_error ("--levels=%s: the time of --process=%s is not its noise level", entry->name,
                        process->type->name);
  if (objective->levels == sb_levels_uniform)
    objective->levels = NULL;
  if (sb_process_kind_of (process)->from_t_min && objective->t_min < process->t_min)
    objective->t_min = process->t_min;
  objective->t_above = s->number[DSM_ABOVE].value;
  if (objective->t_above > 0 && !(objective->t_above > process->t_min && objective->t_above < process->t_max))
    return usage_error ("--dsm-above=%g: --process=%s has times from %g to %g", objective->t_above, process->type->name,
                        process->t_min, process->t_max);
  return EXIT_SUCCESS;
}

static int
choose_objective (training *t, const sb_process *process, sb_objective *objective)
{
  const training_settings *s = &t->o.training;
  sb_error error = { 0 };
  double key[SB_KEYS_MOST] = { 0 };
  const sb_entry *entry = sb_entry_read (sb_objectives, "--objective", s->objective, key, &error);
  if (!entry)
    return refused_line (&error);
  *objective
      = sb_objective_of ((const sb_objective_type *)entry, process, process->levels > 0 ? 0 : s->number[T_MIN].value);
  memcpy (objective->key, key, sizeof key);
  if (objective->type == sb_objective_esm)
    return usage_error ("--objective=esm: the score of the data is not known");
  if (objective->type == sb_objective_ncsn && process->levels == 0)
    return usage_error ("--objective=ncsn: --process=%s has no levels", process->type->name);
  if (objective->type == sb_objective_consistency && (process->levels > 0 || process->from_zero_only))
    return usage_error ("--objective=consistency: its paths are of an SDE, and --process=%s is %s", process->type->name,
                        process->levels > 0 ? "a chain" : "a corruption");
  if (s->number[DSM_ABOVE].value > 0 && (objective->type == sb_objective_ncsn || objective->type->derivatives))
    return usage_error ("--dsm-above: not with --objective=%s, which uses its target at all times", entry->name);
  int status = choose_levels (s, process, objective);
  return status == EXIT_SUCCESS ? choose_weighting (t, process, objective) : status;
}

// ## The examples
//
// Images with their observations, and the bands of a stage.

static int
open_observed (training *t)
{
  sb_error error = { 0 };
  if (sb_model_set_task (t->model, t->o.training.task, &error))
    return (error.code == GSL_ENOMEM ? failure : usage_error) ("--%s", error.message);
  t->observed
      = (sb_observed_examples){ t->labelled.points, t->model->observation, sb_multispeed_x (t->model->process) > 0 };
  t->matching.examples = sb_examples_observed (&t->observed);
  return EXIT_SUCCESS;
}

static int
open_bands (training *t, const sb_bands *bands)
{
  t->haar = sb_operator_haar_alloc (bands->height, bands->width, bands->channels, bands->levels);
  if (!t->haar)
    return failure ("no memory for Haar's transform");
  t->bands = (sb_band_examples){ t->labelled.points, t->haar };
  t->matching.examples = sb_examples_of_bands (&t->bands);
  return EXIT_SUCCESS;
}

// A network that takes the class learns from points with labels.

static int
open_condition (training *t)
{
  const settings *o = &t->o;
  const sb_net *net = t->model->net;
  const sb_bands *bands = sb_bands_of (t->model->process);
  t->labelled = (sb_labelled_examples){ examples_source (&t->data, 0, training_number (t, FLIP) > 0), t->labels,
                                        training_number (t, DROP_LABELS) };
  t->matching.examples = t->labelled.points;
  const bool pairs = sb_multispeed_x (t->model->process) > 0;
  if (o->training.task && net->classes)
    return usage_error ("--task: not with classes=%zu in --network", net->classes);
  if (o->training.task)
    return open_observed (t);
  if (net->picture_input)
    return usage_error ("--network: condition=%zu: there are no pictures to give it: --task",
                        sb_net_picture (net).channels);
  if (pairs)
    return usage_error ("--task: needed, under --process=multispeed");
  if (bands && net->classes)
    return usage_error ("--network: classes=%zu: the stages of --process=bands take none", net->classes);
  if (bands)
    return open_bands (t, bands);
  if (!net->classes)
    return EXIT_SUCCESS;
  if (!t->labels)
    return usage_error ("--labels: needed, with classes=%zu in --network", net->classes);
  int status = sb_labels_check (t->labels, t->data.shape.length[0], net->classes);
  if (status)
    return failure ("%s: %s", o->labels ? o->labels : o->data, why (status));
  t->matching.examples = sb_examples_with_labels (&t->labelled);
  return EXIT_SUCCESS;
}

// A corruption's prior is fitted to what it leaves of some of the data, always the same ones.

static int
fit_prior (training *t)
{
  if (!sb_soft_operator (t->model->process))
    return EXIT_SUCCESS;
  const sb_examples source = examples_source (&t->data, 0, false);
  gsl_matrix *x = gsl_matrix_alloc (PRIOR_ROWS, t->model->process->dimension);
  int status = x ? source.draw (source.state, (sb_stream){ .purpose = SB_FOR_PRIOR }, x, NULL) : GSL_ENOMEM;
  if (!status)
    status = sb_model_fit_prior (t->model, x);
  gsl_matrix_free (x);
  return status ? failure ("process: its prior: %s", why (status)) : EXIT_SUCCESS;
}

// Under a corruption the noise does not determine the clean point where that is lost, and it may be constant while the
// blur changes.

static int
check_corruption (const sb_model *model)
{
  const sb_process *process = model->process;
  if (!sb_soft_operator (process))
    return EXIT_SUCCESS;
  if (model->network.prediction != SB_PREDICTS_RESIDUAL)
    return usage_error ("--prediction: under --process=%s it must be residual", process->type->name);
  if (model->network.label != SB_LABEL_TIME)
    return usage_error ("--label=%s: under --process=%s, whose noise may be constant, the label is time",
                        sb_labels (model->network.label)->name, process->type->name);
  return EXIT_SUCCESS;
}

// Of bands and of pairs each part has a deviation: that of the state, where a training is resumed, else measured, where
// none was given.

static int
find_deviations (const training *t, size_t parts, double *deviations, bool *found)
{
  const char *before = t->state ? sb_tensors_note_find (t->state, "data_deviation") : NULL;
  const size_t count = before ? sb_numbers_read (before, parts, deviations) : 0;
  *found = count == parts || (!before && t->of_data);
  if (before)
    return count == parts || count == 1 ? GSL_SUCCESS : GSL_EINVAL;
  return t->of_data ? sb_examples_deviations (&t->matching.examples, t->model->process, PRIOR_ROWS,
                                              (sb_stream){ .purpose = SB_FOR_PRIOR }, deviations)
                    : GSL_SUCCESS;
}

static int
set_deviations (training *t)
{
  const sb_process *process = t->model->process;
  if (!sb_bands_of (process) && sb_multispeed_x (process) == 0)
    return EXIT_SUCCESS;
  bool found = false;
  double *deviations = malloc (process->parts * sizeof *deviations);
  int status = deviations ? find_deviations (t, process->parts, deviations, &found) : GSL_ENOMEM;
  if (!status && found)
    status = sb_model_set_deviations (t->model, process->parts, deviations, NULL);
  free (deviations);
  t->matching.network = t->model->network;
  return status ? failure ("data_deviation: %s", why (status)) : EXIT_SUCCESS;
}

// ## What is minimised: the score's error, or the classifier's

// That a process cannot be made is not why.

static int
no_model (const sb_error *error)
{
  const char *reason = why (GSL_FAILURE);
  return strcmp (reason, error->message) == 0 ? failure ("%s", error->message)
                                              : failure ("%s: %s", error->message, reason);
}

static int
open_score (training *t)
{
  const settings *o = &t->o;
  const training_settings *s = &o->training;
  sb_error error = { 0 };
  t->model
      = sb_model_alloc (o->net, s->process, s->prediction, s->label, s->deviation, s->range[0], s->range[1], &error);
  if (!t->model)
    return no_model (&error);
  sb_net_shape in = sb_net_input (t->model->net);
  int status = check_corruption (t->model);
  if (status == EXIT_SUCCESS)
    status = choose_objective (t, t->model->process, &t->matching.objective);
  if (status == EXIT_SUCCESS)
    status = check_images (o->data, &t->data.shape, sb_model_image (t->model));
  if (status == EXIT_SUCCESS)
    status = fit_prior (t);
  if (status != EXIT_SUCCESS)
    return status;
  if (sb_net_shape_size (sb_net_output (t->model->net)) != sb_net_shape_size (in))
    return failure ("network: its output is not of its input's size");
  t->matching.network = t->model->network;
  t->matching.per_dimension = true;
  t->train.task = sb_score_matching_task (&t->matching);
  status = open_condition (t);
  return status == EXIT_SUCCESS ? set_deviations (t) : status;
}

static int
open_classifier (training *t)
{
  const settings *o = &t->o;
  const training_settings *s = &o->training;
  sb_error error = { 0 };
  t->model = t->timed ? sb_model_alloc (o->net, s->process, "epsilon", s->label, s->deviation, s->range[0], s->range[1],
                                        &error)
                      : sb_model_classifier_alloc (o->net, s->range[0], s->range[1], &error);
  if (!t->model)
    return no_model (&error);
  const sb_net *net = t->model->net;
  if (t->timed && sb_soft_operator (t->model->process))
    return usage_error ("--process=%s: a classifier is trained under noise alone", t->model->process->type->name);
  int status = check_images (o->data, &t->data.shape, sb_net_input (net));
  if (status != EXIT_SUCCESS)
    return status;
  status = sb_labels_check (t->labels, t->data.shape.length[0], sb_net_shape_size (sb_net_output (net)));
  if (status)
    return failure ("%s: %s", o->labels ? o->labels : o->data, why (status));
  t->labelled = (sb_labelled_examples){
    examples_source (&t->data, (size_t)training_number (t, SHIFT), training_number (t, FLIP) > 0), t->labels, 0
  };
  t->classifying = (sb_classifying){ { .net = net }, sb_examples_with_labels (&t->labelled), 0 };
  if (t->timed)
    {
      t->classifying.network = t->model->network;
      t->classifying.t_min = t->model->process->levels > 0 ? 0 : training_number (t, T_MIN);
    }
  t->train.task = sb_classifying_task (&t->classifying);
  return EXIT_SUCCESS;
}

// ## The first weights

static double
deviation_of (const sb_model *model, size_t part)
{
  return model->deviations ? model->deviations[part] : model->network.data_deviation;
}

// A training may start from another's weights: of the same network with the same output, for data in the same range
// under the same process. NULL, or what differs.

static const char *
difference (const sb_model *a, const sb_model *b)
{
  bool same = sb_net_tensors (a->net) == sb_net_tensors (b->net) && a->network.prediction == b->network.prediction
              && a->network.label == b->network.label;
  for (size_t k = 0; same && k < sb_net_tensors (a->net); k++)
    {
      const sb_net_tensor in_a = sb_net_tensor_at (a->net, k), in_b = sb_net_tensor_at (b->net, k);
      same = in_a.count == in_b.count && strcmp (in_a.name, in_b.name) == 0;
    }
  if (!same)
    return "network, --prediction or --label is";
  const sb_process *p = a->process, *q = b->process;
  if (p->t_min != q->t_min || p->t_max != q->t_max || !same_process (p, q))
    return "--process is";
  for (size_t k = 0; k < GSL_MAX (p->parts, 1); k++)
    if (deviation_of (a, k) != deviation_of (b, k))
      return "--data-deviation is";
  return a->low == b->low && a->high == b->high ? NULL : "--data-range is";
}

static int
take_first_weights (training *t)
{
  const char *path = t->o.init;
  sb_error error = { 0 };
  if (!path)
    return EXIT_SUCCESS;
  sb_model *first = sb_model_read (path, &error);
  if (!first)
    return failure ("%s", error.message);
  const char *other = difference (first, t->model);
  if (!other)
    {
      memcpy (t->training->theta, first->theta, t->training->count * sizeof (float));
      memcpy (t->training->ema, first->theta, t->training->count * sizeof (float));
    }
  sb_model_free (first);
  return other ? failure ("%s: its %s not that of this training", path, other) : EXIT_SUCCESS;
}

int
training_open (training *t)
{
  const settings *o = &t->o;
  sb_error error = { 0 };
  int status = t->classifies ? open_classifier (t) : open_score (t);
  if (status == EXIT_SUCCESS)
    status = set_engine (t->model->net, &o->engine);
  if (status != EXIT_SUCCESS)
    return status;
  t->training = sb_training_alloc (t->model->net, (sb_stream){ o->training.seed, SB_FOR_USER, 0 });
  if (!t->training)
    return failure ("no memory for a training of %s", o->net);
  if (take_first_weights (t) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  if (t->state && sb_checkpoint_take (t->state, o->resume, t->model->net, t->training, &error))
    return failure ("%s", error.message);
  if (t->training->step > STEPS_MOST)
    return failure ("%s: step: %llu is over %g", o->resume, (unsigned long long)t->training->step, STEPS_MOST);

  const size_t batch = (size_t)training_number (t, BATCH), shard = (size_t)training_number (t, SHARD);
  t->matching.network.theta = t->classifying.network.theta = t->training->theta;
  t->train.adam = sb_adam_defaults;
  t->train.adam.rate = training_number (t, RATE);
  t->train.adam.warmup = training_number (t, WARMUP);
  t->train.adam.clip = training_number (t, CLIP);
  t->train.adam.ema = training_number (t, EMA);
  t->train.adam.ema_warmup = (sb_ema_warmup)training_number (t, EMA_WARMUP);
  t->train.adam.ramp = training_number (t, RAMP);
  t->train.adam.half_life = training_number (t, HALF_LIFE);
  t->train.adam.batch = (double)batch;
  t->train.clean = training_number (t, CLEAN) > 0;
  t->train.batch = batch;
  t->train.shard_rows = shard < batch ? shard : batch;
  t->train.seed = o->training.seed;
  t->trainer = sb_trainer_alloc (&t->train, t->training);
  return t->trainer ? EXIT_SUCCESS : failure ("no memory for a training of %s", o->net);
}
