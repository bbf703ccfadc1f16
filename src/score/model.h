#ifndef SCOREBOOK_SCORE_MODEL_H
#define SCOREBOOK_SCORE_MODEL_H

#include "../base/error.h"
#include "../dataset/safetensors.h"
#include "../operator/observations.h"
#include "network.h"

#include <stdbool.h>

SB_BEGIN_DECLS

// A network with everything needed to use it: the process it was trained under, the meaning of its output, the range of
// its data. A checkpoint stores the weights as tensors and the rest as notes:
//     network        the line sb_net_alloc takes
//     process        the line sb_process_from_text takes
//     prediction     epsilon | mixed | score; not of a classifier
//     label          time | log-noise | quarter-log-noise
//     data_deviation sigma_data, or one for each part of the process
//     data_range     the values of bytes 0 and 255: "-1 1"
//     task           of a model of images given observations of them: the line of sb_observation_from_text
// and whatever else its maker noted (command, seed, step, hashes of the data).
typedef struct
{
  sb_net *net;
  sb_process *process;
  float *theta;
  sb_network network;          // the three above, and the notes on them
  double low, high;            // data_range
  double *deviations;          // network.part_deviations, where they were set
  float *prior;                // a soft process's fitted prior: its mean and its directions, one after another
  sb_observation *observation; // of a model with a task: the observation of images that is its condition
  char *task;
  sb_operator *transform; // network.transform, of the bands of a multi-scale model
} sb_model;

// From text, with weights allocated but not set. Under `bands` and `multispeed` the network's input is two images: a
// stage's approximation and its details, or a point and its condition. NULL on failure: GSL_EINVAL with a line in
// `error` that names the note; GSL_ENOMEM.
sb_model *sb_model_alloc (const char *net, const char *process, const char *prediction, const char *label,
                          double data_deviation, double low, double high, sb_error *error);
void sb_model_free (sb_model *model); // NULL is allowed

// A data_deviation for each part of the process in place of one for all. GSL_EINVAL where there are not as many, or one
// is not positive; GSL_ENOMEM.
int sb_model_set_deviations (sb_model *model, size_t count, const double *deviations, sb_error *error);

// Set the observation that is its second input: the network's condition, or under `multispeed` the second of a pair.
// GSL_EINVAL where the line is invalid, or the network takes another number of channels.
int sb_model_set_task (sb_model *model, const char *task, sb_error *error);

// The shape of a model's data as images: that of its network's input, except for bands and pairs.
sb_net_shape sb_model_image (const sb_model *model);

// Fit the prior of a soft process to data x (n x d), rounded to single precision, as in a file. For other processes
// there is nothing to do. Errors as for sb_soft_fit.
int sb_model_fit_prior (sb_model *model, const gsl_matrix *x);

// That prior as tensors `prior.mean` (d) and `prior.directions` (r x d), where the process is soft; `get` fills it in.
// GSL_EINVAL where it is missing or of another shape. `put` refers to the model's numbers.
int sb_model_put_prior (const sb_model *model, sb_tensors *tensors);
int sb_model_get_prior (sb_model *model, const sb_tensors *tensors, const char *path, sb_error *error);

// A network that is no score, a classifier, without the time as an input: only its network and data_range are noted.
// One with the time is made by sb_model_alloc, prediction "epsilon", whose scaling of x_t a classifier shares.
sb_model *sb_model_classifier_alloc (const char *net, double low, double high, sb_error *error);
bool sb_model_classifies (const sb_model *model); // its network is a cnn

// The notes of a model into a list, and a model, without its weights, from a list's notes. `process` is the line it was
// made from (NULL for a classifier without the time as an input). A classifier from notes is one with the time.
int sb_model_note (const sb_model *model, const char *process, sb_tensors *tensors);
sb_model *sb_model_from_notes (const sb_tensors *tensors, const char *path, sb_error *error);

// A vector of a network's parameters as tensors named prefix + the parameter's name; `put` refers to theta, `get`
// fills it. GSL_EINVAL where a tensor is missing, has another shape or is superfluous: another network's.
int sb_model_put (const sb_net *net, const char *prefix, float *theta, sb_tensors *tensors);
int sb_model_get (const sb_net *net, const char *prefix, const sb_tensors *tensors, const char *path, float *theta,
                  sb_error *error);

// How the network's trained tensors, without a prefix, will be written (sb_tensors_dtype_set). The others, frequencies
// of the time, stay F32: rounded, they are other frequencies. The errors of that function.
int sb_model_dtype_set (const sb_net *net, const char *dtype, sb_tensors *tensors);

// Read a checkpoint for use: the averaged weights, whether it is of a training run or an exported model. NULL on
// failure, with a line in `error`; codes as for sb_safetensors_read and sb_model_alloc.
sb_model *sb_model_read (const char *path, sb_error *error);            // a score: GSL_EINVAL where it is a classifier
sb_model *sb_model_read_classifier (const char *path, sb_error *error); // one that takes the time, else GSL_EINVAL

SB_END_DECLS

#endif
