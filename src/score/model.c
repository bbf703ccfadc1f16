// # A model: a network and everything needed to use it
//
// Weights alone are not enough: under which process were they trained, how was the time encoded, what is the output,
// which number is black? A checkpoint that leaves this to a separate file will be used wrongly one day. Here the
// answers are notes in the checkpoint itself, and a model cannot be made without them.

#include "model.h"

#include "../base/number.h"
#include "../engine/choose.h"
#include "../process/bands.h"
#include "../process/kinds.h"
#include "../process/multispeed.h"
#include "../process/soft.h"

#include <gsl/gsl_math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ## Making

void
sb_model_free (sb_model *model)
{
  if (!model)
    return;
  sb_net_free (model->net);
  sb_process_free (model->process);
  free (model->theta);
  free (model->deviations);
  free (model->prior);
  sb_operator_free (model->transform);
  sb_observation_free (model->observation);
  free (model->task);
  free (model);
}

static int
check_range (double low, double high, sb_error *error)
{
  if (!(low < high) || !gsl_finite (low) || !gsl_finite (high))
    SB_ERROR (error, GSL_EINVAL, "model: data_range is two numbers, the lower first");
  return GSL_SUCCESS;
}

// The place of a member in its family.

static int
choose (sb_family family, const char *what, const char *line, size_t *place, sb_error *error)
{
  double value[SB_KEYS_MOST];
  const sb_entry *entry = sb_entry_read (family, what, line, value, error);
  for (*place = 0; entry && family (*place) != entry;)
    ++*place;
  return entry ? GSL_SUCCESS : GSL_EINVAL;
}

static int
add_weights (sb_model *model, const char *net, sb_error *error)
{
  model->net = sb_net_alloc (net, error);
  if (!model->net)
    return GSL_EINVAL;
  sb_net_choose (model->net, NULL, SB_NET_FLOAT, NULL); // the fastest: there is always one
  model->theta = calloc (model->net->parameters + 1, sizeof *model->theta);
  if (!model->theta)
    SB_ERROR (error, GSL_ENOMEM, "model: no memory for %s", net);
  return GSL_SUCCESS;
}

sb_model *
sb_model_classifier_alloc (const char *net, double low, double high, sb_error *error)
{
  if (check_range (low, high, error))
    return NULL;
  sb_model *model = calloc (1, sizeof *model);
  if (!model)
    SB_ERROR_NULL (error, GSL_ENOMEM, "model: no memory");
  model->low = low;
  model->high = high;
  if (add_weights (model, net, error))
    {
      sb_model_free (model);
      return NULL;
    }
  return model;
}

// ## Two images
//
// Under two of the processes the network's input is concatenated from the blocks of a row: $a_i$ and the three details
// of $d_i$, of the same size, or a point and its condition. [nonuniform.set-concat]

static int
show_bands (sb_model *model, const sb_bands *bands, sb_error *error)
{
  const sb_net_shape in = sb_net_input (model->net);
  const bool alone = bands->stage > bands->levels;
  const size_t level = alone ? bands->levels : bands->stage, channels = (alone ? 1 : 4) * bands->channels,
               height = bands->height >> level, width = bands->width >> level;
  if (in.channels != channels || in.height != height || in.width != width)
    SB_ERROR (error, GSL_EINVAL, "network: image=%zux%zux%zu: stage %zu of the bands is image=%zux%zux%zu", in.channels,
              in.height, in.width, bands->stage, channels, height, width);
  model->transform = sb_bands_transform_alloc (bands);
  if (!model->transform)
    SB_ERROR (error, GSL_ENOMEM, "model: no memory for a transform");
  model->network.transform = model->transform;
  model->network.first_channels = alone ? 0 : bands->channels;
  return GSL_SUCCESS;
}

static int
show_pair (sb_model *model, size_t x, sb_error *error)
{
  const sb_net_shape in = sb_net_input (model->net);
  const size_t pixels = sb_net_shape_pixels (in);
  if (x % pixels)
    SB_ERROR (error, GSL_EINVAL, "process: x=%zu is no image of the network's %zux%zu pixels", x, in.height, in.width);
  model->network.first_channels = x / pixels;
  return GSL_SUCCESS;
}

static int
show_images (sb_model *model, sb_error *error)
{
  const sb_bands *bands = sb_bands_of (model->process);
  const size_t x = sb_multispeed_x (model->process);
  return bands ? show_bands (model, bands, error) : x > 0 ? show_pair (model, x, error) : GSL_SUCCESS;
}

sb_net_shape
sb_model_image (const sb_model *model)
{
  sb_net_shape image = sb_net_input (model->net);
  const sb_bands *bands = model->process ? sb_bands_of (model->process) : NULL;
  if (bands)
    return (sb_net_shape){ bands->channels, bands->height, bands->width };
  if (model->process && sb_multispeed_x (model->process) > 0)
    image.channels = model->network.first_channels;
  return image;
}

int
sb_model_set_task (sb_model *model, const char *task, sb_error *error)
{
  const sb_net_shape image = sb_model_image (model), in = sb_net_input (model->net);
  const size_t pair = in.channels - image.channels, given = pair > 0 ? pair : sb_net_picture (model->net).channels;
  if (model->process && sb_bands_of (model->process))
    SB_ERROR (error, GSL_EINVAL, "task: the bands of images have none");
  sb_observation *observation = sb_observation_from_text (task, image.height, image.width, image.channels, error);
  if (!observation)
    return GSL_EINVAL;
  if (given != observation->seen[2])
    {
      const size_t wanted = observation->seen[2];
      sb_observation_free (observation);
      SB_ERROR (error, GSL_EINVAL, "task: '%s' shows %zu channels, the network is given %zu (condition=)", task, wanted,
                given);
    }
  char *copy = strdup (task);
  if (!copy)
    {
      sb_observation_free (observation);
      SB_ERROR (error, GSL_ENOMEM, "task: no memory");
    }
  model->observation = observation;
  model->task = copy;
  return GSL_SUCCESS;
}

sb_model *
sb_model_alloc (const char *net, const char *process, const char *prediction, const char *label, double data_deviation,
                double low, double high, sb_error *error)
{
  size_t predicts, label_place;
  if (choose (sb_predictions, "prediction", prediction, &predicts, error)
      || choose (sb_labels, "label", label, &label_place, error))
    return NULL;
  if (!(data_deviation > 0) || !gsl_finite (data_deviation))
    SB_ERROR_NULL (error, GSL_EINVAL, "model: data_deviation is %g, not a positive number", data_deviation);
  sb_model *model = sb_model_classifier_alloc (net, low, high, error);
  if (!model)
    return NULL;
  model->process = sb_process_from_text (process, sb_net_shape_size (sb_net_input (model->net)), error);
  if (!model->process)
    {
      sb_model_free (model);
      return NULL;
    }
  model->network = (sb_network){ .net = model->net,
                                 .process = model->process,
                                 .theta = model->theta,
                                 .prediction = (sb_prediction)predicts,
                                 .label = (sb_label)label_place,
                                 .data_deviation = data_deviation };
  if (show_images (model, error))
    {
      sb_model_free (model);
      return NULL;
    }
  return model;
}

int
sb_model_set_deviations (sb_model *model, size_t count, const double *deviations, sb_error *error)
{
  if (count != model->process->parts)
    SB_ERROR (error, GSL_EINVAL, "model: %zu numbers in data_deviation; the process has %zu parts", count,
              model->process->parts);
  for (size_t k = 0; k < count; k++)
    if (!(deviations[k] > 0) || !gsl_finite (deviations[k]))
      SB_ERROR (error, GSL_EINVAL, "model: data_deviation %zu is %g, not a positive number", k, deviations[k]);
  double *copy = malloc (count * sizeof *copy);
  if (!copy)
    SB_ERROR (error, GSL_ENOMEM, "model: no memory for %zu deviations", count);
  memcpy (copy, deviations, count * sizeof *copy);
  free (model->deviations);
  model->network.part_deviations = model->deviations = copy;
  return GSL_SUCCESS;
}

// ## A prior that was fitted
//
// It is stored in single precision, the mean and then the directions: rank + 1 rows, of which the model takes
// ownership. NULL: their allocation failed.

static int
keep_prior (sb_model *model, float *prior, size_t rank)
{
  const size_t d = model->process->dimension;
  gsl_matrix *rows = prior ? gsl_matrix_alloc (rank + 1, d) : NULL;
  free (model->prior);
  model->prior = prior;
  if (!rows)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for a prior");
  for (size_t k = 0; k < (rank + 1) * d; k++)
    rows->data[k] = (double)prior[k];
  gsl_vector_const_view mean = gsl_matrix_const_row (rows, 0);
  gsl_matrix_const_view U = gsl_matrix_const_submatrix (rows, 1, 0, rank, d);
  int status = sb_soft_set_prior (model->process, &mean.vector, &U.matrix);
  gsl_matrix_free (rows);
  return status;
}

static bool
needs_prior (const sb_model *model)
{
  return model->process && sb_soft_operator (model->process) && !sb_model_classifies (model);
}

int
sb_model_fit_prior (sb_model *model, const gsl_matrix *x)
{
  const gsl_vector *mean;
  const gsl_matrix *U;
  if (!needs_prior (model))
    return GSL_SUCCESS;
  int status = sb_soft_fit (model->process, x);
  if (status)
    return status;
  sb_soft_prior (model->process, &mean, &U);
  const size_t d = mean->size, rank = U->size1;
  float *prior = malloc ((rank + 1) * d * sizeof *prior);
  for (size_t k = 0; k < (rank + 1) * d && prior; k++)
    prior[k] = (float)(k < d ? mean->data[k] : U->data[k - d]);
  return keep_prior (model, prior, rank);
}

int
sb_model_put_prior (const sb_model *model, sb_tensors *tensors)
{
  const gsl_vector *mean;
  const gsl_matrix *U;
  if (!needs_prior (model))
    return GSL_SUCCESS;
  if (!model->prior || !sb_soft_prior (model->process, &mean, &U))
    SB_ERROR (NULL, GSL_EINVAL, "the prior of the process has not been fitted");
  int status = sb_tensors_add (tensors, "prior.mean", 1, (size_t[]){ mean->size }, model->prior);
  return status ? status
                : sb_tensors_add (tensors, "prior.directions", 2, (size_t[]){ U->size1, U->size2 },
                                  model->prior + mean->size);
}

int
sb_model_get_prior (sb_model *model, const sb_tensors *tensors, const char *path, sb_error *error)
{
  if (!needs_prior (model))
    return GSL_SUCCESS;
  const size_t d = model->process->dimension;
  const sb_tensor *mean = sb_tensors_find (tensors, "prior.mean"), *U = sb_tensors_find (tensors, "prior.directions");
  if (!mean || !U || mean->count != d || U->rank != 2 || U->size[1] != d || U->size[0] == 0)
    SB_ERROR (error, GSL_EINVAL, "%s: its process has a prior that was fitted, and there is none of %zu numbers", path,
              d);
  float *prior = malloc ((mean->count + U->count) * sizeof *prior);
  if (prior)
    {
      memcpy (prior, mean->data, mean->count * sizeof *prior);
      memcpy (prior + d, U->data, U->count * sizeof *prior);
    }
  int status = keep_prior (model, prior, U->size[0]);
  if (status)
    SB_ERROR (error, status, "%s: its prior: %s", path, gsl_strerror (status));
  return GSL_SUCCESS;
}

bool
sb_model_classifies (const sb_model *model)
{
  return strcmp (model->net->architecture->name, "cnn") == 0;
}

// ## Notes

enum
{
  NUMBER = 26,   // characters of a number, at most, with a blank
  PREDICTION = 3 // place of that note, which a classifier has not
};

static char *
write_deviations (const sb_model *model)
{
  const double *numbers = model->deviations ? model->deviations : &model->network.data_deviation;
  size_t count = model->deviations ? model->process->parts : 1, length = 0;
  char *text = malloc (count * NUMBER);
  for (size_t k = 0; k < count && text; k++)
    {
      if (k > 0)
        text[length++] = ' ';
      length += (size_t)sb_number_write (text + length, NUMBER, numbers[k]);
    }
  return text;
}

int
sb_model_note (const sb_model *model, const char *process, sb_tensors *tensors)
{
  char range[2 * NUMBER], *deviation = write_deviations (model);
  if (!deviation)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for the notes of a model");
  const int low = sb_number_write (range, NUMBER, model->low);
  range[low] = ' ';
  sb_number_write (range + low + 1, NUMBER, model->high);
  const char *const notes[][2] = { { "network", model->net->configuration },
                                   { "data_range", range },
                                   { "process", process },
                                   { "prediction", sb_predictions (model->network.prediction)->name },
                                   { "label", sb_labels (model->network.label)->name },
                                   { "data_deviation", deviation } };
  int status = GSL_SUCCESS;
  for (size_t k = 0; k < (model->process ? 6 : 2) && !status; k++)
    if (k != PREDICTION || !sb_model_classifies (model))
      status = sb_tensors_note_add (tensors, notes[k][0], notes[k][1]);
  if (model->task && !status)
    status = sb_tensors_note_add (tensors, "task", model->task);
  free (deviation);
  return status;
}

// Weights are allocated for the network that the file describes, which is not trusted: first check that the file has as
// many numbers.

static int
check_numbers (const sb_tensors *tensors, const char *configuration, sb_error *error)
{
  sb_net *net = sb_net_alloc (configuration, error);
  if (!net)
    return GSL_EINVAL;
  size_t wanted = net->parameters;
  sb_net_free (net);
  if (wanted > sb_tensors_numbers (tensors))
    SB_ERROR (error, GSL_EINVAL, "its network has %zu parameters, and the file fewer numbers", wanted);
  return GSL_SUCCESS;
}

sb_model *
sb_model_from_notes (const sb_tensors *tensors, const char *path, sb_error *error)
{
  static const char *const keys[] = { "network", "process", "label", "data_deviation", "data_range", "prediction" };
  const char *note[6];
  double range[2];
  for (size_t k = 0; k < 6; k++)
    if (!(note[k] = sb_tensors_note_find (tensors, keys[k])) && (k < 5 || strncmp (note[0], "cnn ", 4) != 0))
      SB_ERROR_NULL (error, GSL_EINVAL, "%s: no note '%s': not a model of this program", path, keys[k]);
  const size_t most = strlen (note[3]) / 2 + 1;
  double *deviations = malloc (most * sizeof *deviations);
  if (!deviations)
    SB_ERROR_NULL (error, GSL_ENOMEM, "%s: no memory for its notes", path);
  const size_t count = sb_numbers_read (note[3], most, deviations);
  if (count == 0 || sb_numbers_read (note[4], 2, range) != 2)
    {
      free (deviations);
      SB_ERROR_NULL (error, GSL_EINVAL, "%s: data_deviation '%s' and data_range '%s' are not numbers, and two", path,
                     note[3], note[4]);
    }

  // Make the model, and give it the deviations of its parts where there are several.
  sb_error reason = { 0 };
  sb_model *model = check_numbers (tensors, note[0], &reason)
                        ? NULL
                        : sb_model_alloc (note[0], note[1], note[5] ? note[5] : "epsilon", note[2], deviations[0],
                                          range[0], range[1], &reason);
  const char *task = sb_tensors_note_find (tensors, "task");
  if (model
      && ((count > 1 && sb_model_set_deviations (model, count, deviations, &reason))
          || (task && sb_model_set_task (model, task, &reason))))
    {
      sb_model_free (model);
      model = NULL;
    }
  free (deviations);
  if (!model)
    SB_ERROR_NULL (error, reason.code, "%s: %s", path, reason.message);
  return model;
}

// ## Weights

static void
full_name (char *name, size_t size, const char *prefix, const sb_net_tensor *tensor)
{
  snprintf (name, size, "%s%s", prefix, tensor->name);
}

int
sb_model_put (const sb_net *net, const char *prefix, float *theta, sb_tensors *tensors)
{
  char name[128];
  int status = GSL_SUCCESS;
  for (size_t k = 0; k < sb_net_tensors (net) && !status; k++)
    {
      sb_net_tensor tensor = sb_net_tensor_at (net, k);
      full_name (name, sizeof name, prefix, &tensor);
      status = sb_tensors_add (tensors, name, tensor.rank, tensor.size, theta + tensor.offset);
    }
  return status;
}

int
sb_model_dtype_set (const sb_net *net, const char *dtype, sb_tensors *tensors)
{
  int status = GSL_SUCCESS;
  for (size_t k = 0; k < sb_net_tensors (net) && !status; k++)
    {
      const sb_net_tensor tensor = sb_net_tensor_at (net, k);
      status = tensor.trained ? sb_tensors_dtype_set (tensors, tensor.name, dtype) : GSL_SUCCESS;
    }
  return status;
}

static int
same_shape (const sb_tensor *stored, const sb_net_tensor *wanted)
{
  int same = stored->rank == wanted->rank && stored->count == wanted->count;
  for (size_t k = 0; k < wanted->rank && same; k++)
    same = stored->size[k] == wanted->size[k];
  return same;
}

static int
names (const sb_net *net, const char *name)
{
  for (size_t k = 0; k < sb_net_tensors (net); k++)
    if (strcmp (sb_net_tensor_at (net, k).name, name) == 0)
      return 1;
  return strncmp (name, "prior.", 6) == 0;
}

// A tensor that is no parameter of the network means that the file is another network's. Where there are no more
// tensors than parameters, and each parameter has its tensor, there is none.

static int
check_strangers (const sb_net *net, const char *prefix, const sb_tensors *tensors, const char *path, sb_error *error)
{
  size_t count = 0, length = strlen (prefix);
  for (size_t k = 0; k < tensors->count; k++)
    count += strncmp (tensors->tensor[k].name, prefix, length) == 0;
  for (size_t k = 0; k < tensors->count && count > sb_net_tensors (net); k++)
    {
      const char *name = tensors->tensor[k].name;
      if (strncmp (name, prefix, length) == 0 && !names (net, name + length))
        SB_ERROR (error, GSL_EINVAL, "%s: tensor %s: not one of its network's", path, name);
    }
  return GSL_SUCCESS;
}

int
sb_model_get (const sb_net *net, const char *prefix, const sb_tensors *tensors, const char *path, float *theta,
              sb_error *error)
{
  char name[128];
  for (size_t k = 0; k < sb_net_tensors (net); k++)
    {
      sb_net_tensor wanted = sb_net_tensor_at (net, k);
      full_name (name, sizeof name, prefix, &wanted);
      const sb_tensor *stored = sb_tensors_find (tensors, name);
      const char *dtype = sb_tensors_dtype (tensors, name);
      if (!stored || !same_shape (stored, &wanted))
        SB_ERROR (error, GSL_EINVAL, "%s: tensor %s: %s%s", path, name,
                  stored  ? "not the shape its network has"
                  : dtype ? "its numbers are no weights: "
                          : "missing",
                  stored || !dtype ? "" : dtype);
      memcpy (theta + wanted.offset, stored->data, wanted.count * sizeof *theta);
    }
  return check_strangers (net, prefix, tensors, path, error);
}

// ## Reading

static int
check_kind (const sb_model *model, bool classifier, const char *path, sb_error *error)
{
  if (sb_model_classifies (model) != classifier)
    SB_ERROR (error, GSL_EINVAL, "%s: it holds a %s, not a %s", path, classifier ? "score" : "classifier",
              classifier ? "classifier" : "score");
  return GSL_SUCCESS;
}

static sb_model *
read_model (const char *path, bool classifier, sb_error *error)
{
  sb_tensors *tensors = sb_safetensors_read (path, error);
  if (!tensors)
    return NULL;
  sb_model *model = sb_model_from_notes (tensors, path, error);
  const char *prefix = sb_tensors_note_find (tensors, "step") && sb_tensors_note_find (tensors, "recipe") ? "ema." : "";
  if (model
      && (check_kind (model, classifier, path, error)
          || sb_model_get (model->net, prefix, tensors, path, model->theta, error)
          || sb_model_get_prior (model, tensors, path, error)))
    {
      sb_model_free (model);
      model = NULL;
    }
  sb_tensors_free (tensors);
  return model;
}

sb_model *
sb_model_read (const char *path, sb_error *error)
{
  return read_model (path, false, error);
}

sb_model *
sb_model_read_classifier (const char *path, sb_error *error)
{
  return read_model (path, true, error);
}
