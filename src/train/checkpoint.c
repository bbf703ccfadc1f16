// # Checkpoints
//
// A training is its weights, their average, Adam's two moments and the number of steps done; the random numbers of the
// next step follow from that number. So a training resumed from a checkpoint does to the last bit what it would have
// done had it never stopped.

#include "checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MOST 1000000000000 // the most that a state may claim

static const char *const prefixes[] = { "model.", "ema.", "adam.m.", "adam.v." };

static void
vectors_of (const sb_training *training, float *vectors[4])
{
  float *const all[] = { training->theta, training->ema, training->m, training->v };
  memcpy (vectors, all, sizeof all);
}

// ## Writing

static int
add_notes (const sb_model *model, const sb_training *training, const sb_provenance *p, int whole, sb_tensors *tensors)
{
  char step[32], seed[32];
  snprintf (step, sizeof step, "%llu", (unsigned long long)training->step);
  snprintf (seed, sizeof seed, "%llu", (unsigned long long)p->seed);
  const char *const notes[][2] = { { "seed", seed },    { "step", step },        { "command", p->command },
                                   { "data", p->data }, { "recipe", p->recipe }, { "report", p->report } };
  const size_t count = !whole ? 4 : p->report ? 6 : 5; // an export cannot be resumed
  int status = sb_model_note (model, p->process, tensors);
  for (size_t k = 0; k < count && !status; k++)
    status = sb_tensors_note_add (tensors, notes[k][0], notes[k][1]);
  return status;
}

static int
write_file (const char *path, const sb_model *model, const sb_training *training, const sb_provenance *provenance,
            int whole, sb_error *error)
{
  float *vectors[4];
  vectors_of (training, vectors);
  sb_tensors *tensors = sb_tensors_alloc ();
  int status = tensors ? add_notes (model, training, provenance, whole, tensors) : GSL_ENOMEM;
  if (!status && !whole)
    status = sb_model_put (model->net, "", training->ema, tensors);
  if (!status && !whole && provenance->dtype)
    status = sb_model_dtype_set (model->net, provenance->dtype, tensors);
  if (!status)
    status = sb_model_put_prior (model, tensors);
  for (size_t k = 0; k < 4 && whole && !status; k++)
    status = sb_model_put (model->net, prefixes[k], vectors[k], tensors);
  status = status ? sb_error_report (error, __FILE__, __LINE__, status, "%s: %s", path, gsl_strerror (status))
                  : sb_safetensors_write (tensors, path, error);
  sb_tensors_free (tensors);
  return status;
}

int
sb_checkpoint_write (const char *path, const sb_model *model, const sb_training *training,
                     const sb_provenance *provenance, sb_error *error)
{
  return write_file (path, model, training, provenance, 1, error);
}

int
sb_checkpoint_export (const char *path, const sb_model *model, const sb_training *training,
                      const sb_provenance *provenance, sb_error *error)
{
  return write_file (path, model, training, provenance, 0, error);
}

// ## Reading

static int
read_step (const char *text, uint64_t *step)
{
  char *end;
  errno = 0;
  unsigned long long number = strtoull (text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end || errno || number > STEPS_MOST)
    return GSL_EINVAL;
  *step = number;
  return GSL_SUCCESS;
}

static int
read_vectors (const sb_tensors *tensors, const char *path, const sb_net *net, sb_training *training, sb_error *error)
{
  float *vectors[4];
  vectors_of (training, vectors);
  int status = GSL_SUCCESS;
  for (size_t k = 0; k < 4 && !status; k++)
    status = sb_model_get (net, prefixes[k], tensors, path, vectors[k], error);
  return status;
}

int
sb_checkpoint_take (const sb_tensors *tensors, const char *path, const sb_net *net, sb_training *training,
                    sb_error *error)
{
  const char *step = sb_tensors_note_find (tensors, "step"), *recipe = sb_tensors_note_find (tensors, "recipe"),
             *configuration = sb_tensors_note_find (tensors, "network");
  uint64_t steps;
  if (!step || !recipe)
    SB_ERROR (error, GSL_EINVAL, "%s: it holds no training (an exported model cannot be resumed)", path);
  if (read_step (step, &steps))
    SB_ERROR (error, GSL_EINVAL, "%s: step: '%s' is not a whole number", path, step);
  if (!configuration || strcmp (configuration, net->configuration) != 0)
    SB_ERROR (error, GSL_EINVAL, "%s: another network: %s", path, configuration ? configuration : "none");
  int status = read_vectors (tensors, path, net, training, error);
  if (!status)
    training->step = steps;
  return status;
}

int
sb_checkpoint_read (const char *path, const sb_net *net, sb_training *training, sb_error *error)
{
  sb_error own;
  error = error ? error : &own;
  sb_tensors *tensors = sb_safetensors_read (path, error);
  if (!tensors)
    return error->code;
  int status = sb_checkpoint_take (tensors, path, net, training, error);
  sb_tensors_free (tensors);
  return status;
}
