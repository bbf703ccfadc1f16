#ifndef SCOREBOOK_TRAIN_TRAINER_H
#define SCOREBOOK_TRAIN_TRAINER_H

#include "../base/error.h"
#include "../dataset/bytes.h"
#include "../score/network.h"
#include "adam.h"

#include <stdbool.h>

SB_BEGIN_DECLS

// Where x_0 comes from: fill the rows of x (n x d) and, unless y is NULL, their conditions (n x conditions), row i from
// stream index + i.
typedef struct
{
  int (*draw) (const void *state, sb_stream stream, gsl_matrix *x, gsl_matrix *y);
  const void *state;
  size_t conditions; // numbers in a row of y; 0: there are none, and y is NULL
} sb_examples;

// A data set of bytes: a point is drawn uniformly, with replacement, and a byte b becomes low + (high - low) b / 255.
// Images can be moved and flipped at random, so that a network learns shapes and not places.
typedef struct
{
  const sb_bytes *bytes; // not owned; its first axis counts points, at least one
  double low, high;
  size_t shift; // by up to so many pixels each way; the gap is filled with black (byte 0)
  bool flip;    // left becomes right, half of the time
} sb_byte_examples;

sb_examples sb_examples_of_bytes (const sb_byte_examples *examples); // keeps the address

// The same of numbers taken as they are: points are the rows of a matrix (n >= 1).
sb_examples sb_examples_of_rows (const gsl_matrix *rows); // keeps the address

// Either of these with the class of each point as its condition, which with probability `drop` is replaced by -1: the
// network then learns the score of all classes together too, as guidance without a classifier needs it.
typedef struct
{
  sb_examples points;
  const sb_bytes *labels; // not owned: one for each point
  double drop;
} sb_labelled_examples;

sb_examples sb_examples_with_labels (const sb_labelled_examples *examples); // keeps the address

// GSL_EBADLEN where there is not one label for each point, GSL_EDOM where one is not below `classes`.
int sb_labels_check (const sb_bytes *labels, size_t points, size_t classes);

// All that a training changes: everything else is settings.
typedef struct
{
  uint64_t step;              // steps done
  size_t count;               // numbers in each of
  float *theta, *m, *v, *ema; // weights, Adam's moments, average
} sb_training;

// At step 0, with first weights, drawn from `stream`. NULL: GSL_ENOMEM.
sb_training *sb_training_alloc (const sb_net *net, sb_stream stream);
void sb_training_free (sb_training *training);

// What a training minimises: the mean over samples of a loss, computed a shard at a time.
typedef struct
{
  const char *name;
  void *(*workspace_alloc) (const void *state,
                            size_t rows); // of one thread, for shards of `rows` samples; NULL: GSL_ENOMEM
  void (*workspace_free) (void *workspace);

  // Samples stream.index, ..., stream.index + rows - 1: `loss` is the sum of theirs, and the gradient of that sum with
  // respect to the weights is added to `gradient`, both times `share`. Where the loss is not finite, `layer` names the
  // layer where it begins.
  int (*work) (const void *state, void *workspace, sb_stream stream, size_t rows, double share, float *gradient,
               double *loss, const char **layer);

  // NULL, or: the part of this workspace's last loss that is not of the data.
  double (*regulariser) (const void *workspace);

  // NULL, or: how many of its samples had their data ignored.
  size_t (*unseen) (const void *workspace);
} sb_task_type;

typedef struct
{
  const sb_task_type *type;
  const void *state;
  const sb_net *net; // whose weights are trained
} sb_task;

typedef struct
{
  sb_task task;
  sb_adam adam;
  size_t batch;      // samples a step
  size_t shard_rows; // samples a shard: what one thread works on at a time
  uint64_t seed;
  bool clean; // NaN in the gradient becomes 0, infinity 1e5 with its sign, and training goes on, whatever the loss is
} sb_recipe;

typedef struct sb_trainer sb_trainer;

// Keeps both addresses. It has workspaces for as many threads as there are now, so that steps allocate none; should a
// step have more threads, it makes theirs too. NULL: GSL_EINVAL where batch or shard_rows is 0, or
// Adam counts in images and its batch is not the recipe's; GSL_ENOMEM.
sb_trainer *sb_trainer_alloc (const sb_recipe *recipe, sb_training *training);
void sb_trainer_free (sb_trainer *trainer);

// One step. loss: the mean over the batch, before the step; norm: the gradient's, before clipping. Where either is
// not finite (with `clean`, the norm of what the gradient became; the loss may be anything) nothing is changed, and
// GSL_EFAILED is returned with a line in `error` that names the step and the layer; likewise where the task fails, with
// its code, and where there is no memory for more threads, with GSL_ENOMEM.
int sb_trainer_step (sb_trainer *trainer, double *loss, double *norm, sb_error *error);

// The part of the last step's loss that a regularising term added to the data's: sb_objective_consistency's. Else 0.
double sb_trainer_regulariser (const sb_trainer *trainer);

// How many samples of the last step had their data ignored: sb_objective's t_above.
size_t sb_trainer_unseen (const sb_trainer *trainer);

SB_END_DECLS

#endif
