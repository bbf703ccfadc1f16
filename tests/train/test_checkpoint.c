// # What a checkpoint promises

#include "train/checkpoint.h"

#include <criterion/criterion.h>
#include <gsl/gsl_errno.h>
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/scorebook-test-XXXXXX", path[64], other[64];

static void
setup (void)
{
  gsl_set_error_handler_off ();
  cr_assert_not_null (mkdtemp (folder));
  snprintf (path, sizeof path, "%s/a.safetensors", folder);
  snprintf (other, sizeof other, "%s/b.safetensors", folder);
}

static void
teardown (void)
{
  remove (path);
  remove (other);
  cr_assert_eq (rmdir (folder), 0, "something was left behind in %s", folder);
}

TestSuite (checkpoint, .init = setup, .fini = teardown);

static const char network[] = "unet image=1x4x4 channels=2 multipliers=1,2 groups=2 time=fourier features=4",
                  process[] = "ddpm levels=50 beta_min=0.1 beta_max=5";
static const sb_provenance provenance = { process, "--batch=7\n--rate=0.001", "scorebook train --batch=7", "none", 3 };

static sb_model *
some_model (void)
{
  sb_error error;
  sb_model *model = sb_model_alloc (network, process, "mixed", "log-noise", 0.123456789012345678, -1, 1, &error);
  cr_assert_not_null (model, "%s", error.message);
  return model;
}

static sb_training *
some_training (const sb_model *model, float first)
{
  sb_training *t = sb_training_alloc (model->net, (sb_stream){ 2, SB_FOR_USER, 0 });
  cr_assert_not_null (t);
  for (size_t k = 0; k < t->count; k++)
    {
      t->theta[k] = first + (float)k;
      t->m[k] = first - (float)k;
      t->v[k] = first * (float)k;
      t->ema[k] = first / (1 + (float)k);
    }
  t->step = 12345678901ULL;
  return t;
}

// ## There and back
//
// All of a training's numbers, its step and its recipe; and the model's own notes, to the last digit.

Test (checkpoint, a_training_comes_back_to_the_bit)
{
  sb_error error;
  sb_model *model = some_model ();
  sb_training *written = some_training (model, 0.1F), *read = some_training (model, 9);
  char *recipe;
  cr_assert_eq (sb_checkpoint_write (path, model, written, &provenance, &error), GSL_SUCCESS, "%s", error.message);
  cr_assert_eq (sb_checkpoint_read (path, model->net, read, &recipe, &error), GSL_SUCCESS, "%s", error.message);
  size_t bytes = written->count * sizeof (float);
  cr_assert_eq (read->step, written->step);
  cr_assert_str_eq (recipe, provenance.recipe);
  cr_assert_arr_eq (read->theta, written->theta, bytes);
  cr_assert_arr_eq (read->m, written->m, bytes);
  cr_assert_arr_eq (read->v, written->v, bytes);
  cr_assert_arr_eq (read->ema, written->ema, bytes);
  free (recipe);

  sb_model *used = sb_model_read (path, &error);
  cr_assert_not_null (used, "%s", error.message);
  cr_assert_arr_eq (used->theta, written->ema, bytes, "a model is used with the average's weights");
  cr_assert_eq (used->network.data_deviation, model->network.data_deviation);
  cr_assert_eq (used->network.prediction, SB_PREDICTS_MIXED);
  cr_assert_eq (used->network.label, SB_LABEL_LOG_NOISE);
  cr_assert_eq (used->low, -1);
  cr_assert_eq (used->high, 1);
  cr_assert_eq (used->process->levels, 50);
  cr_assert_str_eq (used->net->configuration, network);
  sb_model_free (used);
  sb_training_free (written);
  sb_training_free (read);
  sb_model_free (model);
}

Test (checkpoint, an_export_is_the_average_alone)
{
  sb_error error;
  sb_model *model = some_model ();
  sb_training *written = some_training (model, 0.1F);
  cr_assert_eq (sb_checkpoint_export (path, model, written, &provenance, &error), GSL_SUCCESS, "%s", error.message);
  sb_tensors *tensors = sb_safetensors_read (path, &error);
  cr_assert_not_null (tensors, "%s", error.message);
  cr_assert_eq (tensors->count, sb_net_tensors (model->net));
  cr_assert_not_null (sb_tensors_find (tensors, "down.0.0.conv1.weight"));
  cr_assert_str_eq (sb_tensors_note_find (tensors, "command"), provenance.command);
  cr_assert_null (sb_tensors_note_find (tensors, "recipe"));
  sb_tensors_free (tensors);
  sb_model *used = sb_model_read (path, &error);
  cr_assert_not_null (used, "%s", error.message);
  cr_assert_arr_eq (used->theta, written->ema, written->count * sizeof (float));
  cr_assert_eq (sb_checkpoint_read (path, model->net, written, NULL, &error), GSL_EINVAL, "an export was resumed");
  sb_model_free (used);
  sb_training_free (written);
  sb_model_free (model);
}

// ## The format itself
//
// Eight bytes of length, JSON, numbers: read here without the module under test.

Test (checkpoint, the_file_is_safetensors)
{
  sb_tensors *tensors = sb_tensors_alloc ();
  float a[] = { 1, 2, 3, 4, 5, 6 }, b[] = { 7 };
  cr_assert_eq (sb_tensors_add (tensors, "a", 2, (size_t[]){ 2, 3 }, a), GSL_SUCCESS);
  cr_assert_eq (sb_tensors_add (tensors, "b \"quoted\"", 1, (size_t[]){ 1 }, b), GSL_SUCCESS);
  cr_assert_eq (sb_tensors_note_add (tensors, "by", "me"), GSL_SUCCESS);
  cr_assert_eq (sb_safetensors_write (tensors, path, NULL), GSL_SUCCESS);
  sb_tensors_free (tensors);

  FILE *file = fopen (path, "rb");
  uint64_t length;
  char header[1000];
  float numbers[8];
  cr_assert_eq (fread (&length, 8, 1, file), 1);
  cr_assert_eq (length % 8, 0);
  cr_assert_lt (length, sizeof header);
  cr_assert_eq (fread (header, 1, length, file), length);
  cr_assert_eq (fread (numbers, 4, 8, file), 7, "seven numbers and no more");
  fclose (file);
  json_t *json = json_loadb (header, length, 0, NULL), *said = json_object_get (json, "a");
  cr_assert_str_eq (json_string_value (json_object_get (said, "dtype")), "F32");
  cr_assert_eq (json_integer_value (json_array_get (json_object_get (said, "shape"), 1)), 3);
  cr_assert_eq (json_integer_value (json_array_get (json_object_get (said, "data_offsets"), 1)), 24);
  said = json_object_get (json, "b \"quoted\"");
  cr_assert_eq (json_integer_value (json_array_get (json_object_get (said, "data_offsets"), 0)), 24);
  cr_assert_str_eq (json_string_value (json_object_get (json_object_get (json, "__metadata__"), "by")), "me");
  for (int k = 0; k < 7; k++)
    cr_assert_eq (numbers[k], k + 1);
  json_decref (json);
}

// ## What is no checkpoint
//
// A file with this header and so many bytes of zeros after it.

static void
write_raw (uint64_t length, const char *header, size_t zeros)
{
  FILE *file = fopen (path, "wb");
  fwrite (&length, 8, 1, file);
  fwrite (header, 1, strlen (header), file);
  for (size_t k = 0; k < zeros; k++)
    fputc (0, file);
  fclose (file);
}

static void
refuse (const char *header, size_t zeros, const char *named)
{
  sb_error error = { 0 };
  write_raw (strlen (header), header, zeros);
  cr_assert_null (sb_safetensors_read (path, &error), "%s was taken", header);
  cr_assert (strstr (error.message, path) && strstr (error.message, named), "%s: '%s' does not name '%s'", header,
             error.message, named);
  cr_assert_null (strchr (error.message, '\n'));
}

Test (checkpoint, malformed_headers_are_refused)
{
  refuse ("", 0, "header");
  refuse ("[]", 0, "header");
  refuse ("{", 0, "header");
  refuse ("{\"a\":1}", 0, "a");
  refuse ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],"
          "\"data_offsets\":[0,4]}}",
          4, "header");
  refuse ("{\"w\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}}", 2, "F16");
  refuse ("{\"w\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype");
  refuse ("{\"w\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, "shape");
  refuse ("{\"w\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "shape");
  refuse ("{\"w\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, "shape");
  refuse ("{\"w\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, "shape");
  refuse ("{\"w\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "shape");
  refuse ("{\"w\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "shape");
  refuse ("{\"w\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}}", 4, "shape");
  refuse ("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, "data_offsets");
  refuse ("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 4, "data_offsets");
  refuse ("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "data_offsets");
  refuse ("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}", 6, "data_offsets");
  refuse ("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "data_offsets");
  refuse ("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":\"x\"}}", 4, "data_offsets");
  refuse ("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 8, "more in the file");
  refuse ("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "gap");
  refuse ("{\"v\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"w\":{\"dtype\":\"F32\",\"shape\":[1],"
          "\"data_offsets\":[4,8]}}",
          8, "overlaps");
  refuse ("{\"__metadata__\":{\"a\":1}}", 0, "string");
}

// Lengths that no file bears out: nothing is allocated for them.

Test (checkpoint, lengths_beyond_the_file_are_refused)
{
  const uint64_t lengths[] = { 3, 1000, (uint64_t)1 << 32, UINT64_MAX, UINT64_MAX - 7 };
  for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
    {
      sb_error error = { 0 };
      write_raw (lengths[k], "{}", 0);
      cr_assert_null (sb_safetensors_read (path, &error));
      cr_assert (strstr (error.message, "header"), "%s", error.message);
    }
}

// JSON brackets, nested as deep as the limit on headers lets them: refused, and the stack lives.

Test (checkpoint, deep_nesting_is_refused)
{
  size_t depth = 1000000;
  char *header = malloc (depth + 1);
  memset (header, '[', depth);
  header[depth] = 0;
  refuse (header, 0, "header");
  memcpy (header, "{\"a\":", 5);
  refuse (header, 0, "header");
  free (header);
}

Test (checkpoint, numbers_that_are_not_finite_are_refused)
{
  const float bad[] = { NAN, INFINITY };
  for (int k = 0; k < 2; k++)
    {
      sb_error error = { 0 };
      sb_tensors *tensors = sb_tensors_alloc ();
      float a[] = { 1, 2, bad[k] };
      sb_tensors_add (tensors, "poisoned", 1, (size_t[]){ 3 }, a);
      sb_safetensors_write (tensors, path, NULL);
      sb_tensors_free (tensors);
      cr_assert_null (sb_safetensors_read (path, &error));
      cr_assert (strstr (error.message, "poisoned") && strstr (error.message, "number 2"), "%s", error.message);
    }
}

// Cut anywhere, or with any one bit turned: read as it was written, or refused in one line; never a crash. (A bit may
// well turn a name into another, or a weight into another weight.)

Test (checkpoint, damaged_files_do_no_harm)
{
  sb_error error = { 0 };
  sb_model *model
      = sb_model_alloc ("mlp inputs=1 width=1 layers=1 time=none", process, "epsilon", "time", 1, 0, 1, &error);
  cr_assert_not_null (model, "%s", error.message);
  sb_training *training = sb_training_alloc (model->net, (sb_stream){ 1, SB_FOR_USER, 0 });
  cr_assert_eq (sb_checkpoint_export (path, model, training, &provenance, &error), GSL_SUCCESS);
  char whole[2000];
  FILE *file = fopen (path, "rb");
  size_t size = fread (whole, 1, sizeof whole, file);
  fclose (file);
  cr_assert (size > 100 && size < sizeof whole);

  for (size_t cut = 0; cut < size; cut++)
    {
      file = fopen (other, "wb");
      fwrite (whole, 1, cut, file);
      fclose (file);
      cr_assert_null (sb_model_read (other, &error), "cut at %zu: taken", cut);
      cr_assert (strstr (error.message, other), "%s", error.message);
    }
  for (size_t bit = 0; bit < 8 * size; bit++)
    {
      whole[bit / 8] ^= (char)(1 << bit % 8);
      file = fopen (other, "wb");
      fwrite (whole, 1, size, file);
      fclose (file);
      error.message[0] = 0;
      sb_model *read = sb_model_read (other, &error);
      cr_assert (read || error.message[0], "bit %zu: refused without a word", bit);
      sb_model_free (read);
      whole[bit / 8] ^= (char)(1 << bit % 8);
    }
  sb_training_free (training);
  sb_model_free (model);
}

// ## Another network's weights
//
// are refused, and the tensor at fault is named; and a configuration that asks for more weights than the file holds is
// refused before any memory is.

Test (checkpoint, another_architecture_is_refused)
{
  sb_error error = { 0 };
  sb_model *model = some_model (),
           *wider = sb_model_alloc ("unet image=1x4x4 channels=4 multipliers=1,2 groups=2 time=fourier features=4",
                                    process, "mixed", "log-noise", 1, -1, 1, &error);
  sb_training *training = some_training (model, 1),
              *wide = sb_training_alloc (wider->net, (sb_stream){ 1, SB_FOR_USER, 0 });
  cr_assert_eq (sb_checkpoint_write (path, model, training, &provenance, &error), GSL_SUCCESS);
  cr_assert_eq (sb_checkpoint_read (path, wider->net, wide, NULL, &error), GSL_EINVAL);
  cr_assert (strstr (error.message, "another network"), "%s", error.message);

  sb_tensors *tensors = sb_tensors_alloc ();
  cr_assert_eq (sb_model_note (wider, process, tensors), GSL_SUCCESS);
  float *theta = calloc (2 * wider->net->parameters, sizeof *theta);
  cr_assert_eq (sb_model_put (model->net, "", theta, tensors), GSL_SUCCESS);
  cr_assert_eq (sb_tensors_add (tensors, "rest", 1, (size_t[]){ wider->net->parameters }, theta), GSL_SUCCESS);
  cr_assert_eq (sb_safetensors_write (tensors, other, &error), GSL_SUCCESS);
  cr_assert_null (sb_model_read (other, &error));
  cr_assert (strstr (error.message, "shape its network has"), "%s", error.message);
  sb_tensors_free (tensors);

  tensors = sb_tensors_alloc ();
  const char *const notes[][2] = { { "network", "mlp inputs=1048576 width=1048576 layers=1048576" },
                                   { "process", process },
                                   { "prediction", "epsilon" },
                                   { "label", "time" },
                                   { "data_deviation", "1" },
                                   { "data_range", "0 1" } };
  for (int k = 0; k < 6; k++)
    sb_tensors_note_add (tensors, notes[k][0], notes[k][1]);
  sb_tensors_add (tensors, "w", 1, (size_t[]){ 1 }, theta);
  cr_assert_eq (sb_safetensors_write (tensors, other, &error), GSL_SUCCESS);
  cr_assert_null (sb_model_read (other, &error));
  cr_assert (strstr (error.message, "parameters") || strstr (error.message, "network"), "%s", error.message);
  sb_tensors_free (tensors);
  free (theta);
  sb_training_free (training);
  sb_training_free (wide);
  sb_model_free (model);
  sb_model_free (wider);
}

// ## Notes that say nothing

Test (checkpoint, missing_and_absurd_notes_are_refused)
{
  const char *const keys[] = { "network", "process", "prediction", "label", "data_deviation", "data_range" };
  const char *const good[] = { "mlp inputs=1 width=1 layers=1 time=none", process, "epsilon", "time", "1", "0 1" };
  const char *const bad[] = { "rnn", "levy", "x0", "clock", "-1", "1 0" };
  for (int wrong = 0; wrong < 6; wrong++)
    for (int missing = 0; missing < 2; missing++)
      {
        sb_error error = { 0 };
        float w[10] = { 0 };
        sb_tensors *tensors = sb_tensors_alloc ();
        for (int k = 0; k < 6; k++)
          if (k != wrong || !missing)
            sb_tensors_note_add (tensors, keys[k], k == wrong ? bad[k] : good[k]);
        sb_tensors_add (tensors, "w", 1, (size_t[]){ 10 }, w);
        cr_assert_eq (sb_safetensors_write (tensors, path, &error), GSL_SUCCESS);
        sb_tensors_free (tensors);
        cr_assert_null (sb_model_read (path, &error), "%s %s", keys[wrong], missing ? "missing" : bad[wrong]);
        cr_assert (error.message[0] && !strchr (error.message, '\n'));
      }
}

// ## Where it cannot be written
//
// An old checkpoint stays as it was when a new one cannot take its place.

Test (checkpoint, a_failed_write_leaves_the_old_one)
{
  sb_error error = { 0 };
  sb_model *model = some_model ();
  sb_training *training = some_training (model, 1);
  char below[96];
  cr_assert_eq (sb_checkpoint_write (path, model, training, &provenance, &error), GSL_SUCCESS);
  snprintf (below, sizeof below, "%s/c", path);
  cr_assert_neq (sb_checkpoint_write (below, model, training, &provenance, &error), GSL_SUCCESS);
  cr_assert (strstr (error.message, below), "%s", error.message);
  cr_assert_neq (sb_checkpoint_write ("/dev/full", model, training, &provenance, &error), GSL_SUCCESS);
  cr_assert_eq (sb_checkpoint_read (path, model->net, training, NULL, &error), GSL_SUCCESS, "%s", error.message);
  sb_training_free (training);
  sb_model_free (model);
}
