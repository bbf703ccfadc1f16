// # What a checkpoint promises

#include "property.h"
#include "process/kinds.h"
#include "process/soft.h"
#include "scope.h"
#include "train/checkpoint.h"

#include <fcntl.h>
#include <gsl/gsl_math.h>
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/scorebook-test-XXXXXX", path[64], other[64];

static void
setup (void)
{
  scope_begin ();
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
  scope_end ();
}

TestSuite (checkpoint, .init = setup, .fini = teardown);

static const char network[] = "unet image=1x4x4 channels=2 multipliers=1,2 groups=2 time=fourier features=4 "
                              "classes=3 condition=2",
                  process[] = "ddpm levels=50 beta_min=0.1 beta_max=5";
// The notes of a model.
static const char *const keys[] = { "network", "process", "prediction", "label", "data_deviation", "data_range" },
                         *const good[]
                         = { "mlp inputs=1 width=1 layers=1 time=none", process, "epsilon", "time", "1", "0 1" };
static const sb_provenance provenance
    = { process, "--batch=7\n--rate=0.001", "scorebook train --batch=7", "none", 3, "1 2 3\n", NULL };

static sb_model *
some_model (void)
{
  sb_error error;
  return scoped (sb_model_alloc (network, process, "mixed", "log-noise", 0.123456789012345678, -1, 1, &error), "%s",
                 error.message);
}

static sb_training *
some_training (const sb_model *model, float first)
{
  sb_training *t = scoped (sb_training_alloc (model->net, (sb_stream){ 2, SB_FOR_USER, 0 }));
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
  read->step = 0;
  written->step = 9123456789;
  ok (sb_checkpoint_write (path, model, written, &provenance, &error), "%s", error.message);
  ok (sb_checkpoint_read (path, model->net, read, &error), "%s", error.message);
  size_t bytes = written->count * sizeof (float);
  cr_assert_eq (read->step, written->step);
  sb_tensors *tensors = scoped (sb_safetensors_read (path, &error));
  cr_assert_str_eq (sb_tensors_note_find (tensors, "recipe"), provenance.recipe);
  cr_assert_str_eq (sb_tensors_note_find (tensors, "report"), provenance.report);
  cr_assert_arr_eq (read->theta, written->theta, bytes);
  cr_assert_arr_eq (read->m, written->m, bytes);
  cr_assert_arr_eq (read->v, written->v, bytes);
  cr_assert_arr_eq (read->ema, written->ema, bytes);

  sb_model *used = scoped (sb_model_read (path, &error), "%s", error.message);
  cr_assert_arr_eq (used->theta, written->ema, bytes, "a model is used with the average's weights");
  cr_assert_eq (used->network.data_deviation, model->network.data_deviation);
  cr_assert_eq (used->network.prediction, SB_PREDICTS_MIXED);
  cr_assert_eq (used->network.label, SB_LABEL_LOG_NOISE);
  cr_assert_eq (used->low, -1);
  cr_assert_eq (used->high, 1);
  cr_assert_eq (used->process->levels, 50);
  cr_assert_str_eq (used->net->configuration, network);
}

// What was fitted of a soft process's prior, rounded to single precision, comes with it, from a training as from a
// model of half the size; without it there is no model.

Test (checkpoint, a_prior_comes_back_to_the_bit)
{
  static const char corruption[] = "soft image=1x4x4 half=5 knots=0.01,3 rank=3";
  sb_provenance of_soft = provenance;
  sb_error error = { 0 };
  sb_model *model = scoped (sb_model_alloc ("unet image=1x4x4 channels=2 multipliers=1,2 groups=2 features=4",
                                            corruption, "residual", "time", 0.3, 0, 1, &error),
                            "%s", error.message);
  sb_training *written = some_training (model, 0.1F);
  const gsl_vector *mean, *mean_read;
  const gsl_matrix *U, *U_read;
  of_soft.process = corruption;
  refused (GSL_EINVAL, sb_checkpoint_write (path, model, written, &of_soft, &error));
  ok (sb_model_fit_prior (model, normals (20, 16, 1)));
  cr_assert (sb_soft_prior (model->process, &mean, &U) && U->size1 == 3);
  sb_process *in_double = scoped (sb_process_from_text (corruption, 16, &error));
  ok (sb_soft_fit (in_double, normals (20, 16, 1)));
  cr_assert (sb_soft_prior (in_double, &mean_read, &U_read));
  cr_assert_lt (largest_difference (U, U_read), 1e-6);
  for (size_t j = 0; j < 16; j++)
    cr_assert_float_eq (gsl_vector_get (mean, j), gsl_vector_get (mean_read, j), 1e-6);
  for (int exported = 0; exported <= 1; exported++)
    {
      of_soft.dtype = exported ? "F16" : NULL;
      ok ((exported ? sb_checkpoint_export : sb_checkpoint_write) (path, model, written, &of_soft, &error), "%s",
          error.message);
      sb_model *read = scoped (sb_model_read (path, &error), "%s", error.message);
      cr_assert (sb_soft_prior (read->process, &mean_read, &U_read));
      cr_assert (gsl_vector_equal (mean, mean_read) && gsl_matrix_equal (U, U_read));
    }
  sb_tensors *all = scoped (sb_safetensors_read (path, &error)), *fewer = scoped (sb_tensors_alloc ());
  for (size_t k = 0; k < all->notes; k++)
    ok (sb_tensors_note_add (fewer, all->note[k].key, all->note[k].value));
  for (size_t k = 0; k < all->count; k++)
    if (strcmp (all->tensor[k].name, "prior.directions") != 0)
      ok (sb_tensors_add (fewer, all->tensor[k].name, all->tensor[k].rank, all->tensor[k].size, all->tensor[k].data));
  ok (sb_safetensors_write (fewer, other, &error), "%s", error.message);
  cr_assert_null (sb_model_read (other, &error));
  cr_assert (strstr (error.message, "prior"), "%s", error.message);

  // Nor is there one where it has other shapes, or the mean is missing.
  static float numbers[32];
  const struct
  {
    size_t mean, rank, size[2];
  } wrong[]
      = { { 0, 2, { 2, 16 } }, { 15, 2, { 2, 16 } }, { 16, 1, { 16 } }, { 16, 2, { 2, 15 } }, { 16, 2, { 2, 16 } } };
  for (size_t k = 0; k < 5; k++)
    {
      sb_tensors *of_another = scoped (sb_tensors_alloc ());
      if (wrong[k].mean)
        ok (sb_tensors_add (of_another, "prior.mean", 1, (size_t[]){ wrong[k].mean }, numbers));
      ok (sb_tensors_add (of_another, "prior.directions", wrong[k].rank, wrong[k].size, numbers));
      refused (k < 4 ? GSL_EINVAL : GSL_SUCCESS, sb_model_get_prior (model, of_another, "file", &error), "case %zu", k);
    }
}

// A model whose process has a prior of its own has none to fit, to write or to read; nor has a classifier.

Test (checkpoint, a_prior_that_is_known_is_not_fitted)
{
  sb_error error = { 0 };
  sb_tensors *none = scoped (sb_tensors_alloc ());
  const sb_model *models[] = { some_model (), scoped (sb_model_alloc ("cnn image=1x4x4 outputs=2 channels=2 "
                                                                      "multipliers=1 groups=1 time=fourier features=2",
                                                                      "soft image=1x4x4 half=5 knots=0.01,3 rank=3",
                                                                      "epsilon", "time", 0.3, 0, 1, &error),
                                                      "%s", error.message) };
  for (size_t k = 0; k < 2; k++)
    {
      ok (sb_model_fit_prior ((sb_model *)models[k], normals (20, 16, 1)));
      ok (sb_model_put_prior (models[k], none));
      ok (sb_model_get_prior ((sb_model *)models[k], none, "file", &error));
      cr_assert (!models[k]->prior && none->count == 0);
    }
  const sb_net_shape image = sb_model_image (
      scoped (sb_model_classifier_alloc ("cnn image=1x4x6 outputs=2 channels=2 multipliers=1 groups=1", 0, 1, &error)));
  cr_assert (image.channels == 1 && image.height == 4 && image.width == 6);
}

// For every architecture and every size of its lowest level, down to one pixel: each parameter is one number of one
// tensor, whose shape says how many it has; and what is written is what comes back.

Test (checkpoint, tensors_are_all_of_a_network)
{
  const char *const lines[]
      = { "mlp inputs=3 width=4 layers=2 classes=3 condition=2 features=4",
          "mlp inputs=1 outputs=2 width=1 layers=1 time=none",
          "unet image=%zux%zux%zu channels=2 multipliers=1,2 groups=2 attention=1,2 features=4 classes=2 condition=1",
          "unet image=%zux%zux%zu channels=2 multipliers=1 groups=1 blocks=2 time=fourier features=2",
          "cnn image=%zux%zux%zu outputs=3 channels=2 multipliers=1,1 groups=1 blocks=1 time=fourier features=2",
          "dsm2ddpm image=%zux%zux%zu channels=8 features=4" };
  const size_t images[][3]
      = { { 1, 4, 4 }, { 3, 4, 8 }, { 1, 8, 8 }, { 2, 2, 2 }, { 1, 2, 4 }, { 1, 1, 1 }, { 1, 1, 2 } };
  size_t networks = 0;
  for (size_t k = 0; k < sizeof lines / sizeof *lines; k++)
    for (size_t j = 0; j < sizeof images / sizeof *images; j++)
      {
        char line[200];
        sb_error error = { 0 };
        snprintf (line, sizeof line, lines[k], images[j][0], images[j][1], images[j][2]);
        sb_net *net = sb_net_alloc (line, &error);
        if (!net) // it cannot be halved so often
          continue;
        scoped (net);
        networks++;
        char *seen = scoped (calloc (net->parameters + 1, 1));
        for (size_t t = 0; t < sb_net_tensors (net); t++)
          {
            sb_net_tensor tensor = sb_net_tensor_at (net, t);
            size_t product = 1;
            for (size_t a = 0; a < tensor.rank; a++)
              product *= tensor.size[a];
            cr_assert (product == tensor.count && tensor.offset + product <= net->parameters, "%s: %s", line,
                       tensor.name);
            for (size_t n = 0; n < product; n++)
              cr_assert_eq (seen[tensor.offset + n]++, 0, "%s: %s", line, tensor.name);
          }
        cr_assert_null (memchr (seen, 0, net->parameters), "%s: a parameter is of no tensor", line);

        float *theta = scoped (malloc ((net->parameters + 1) * sizeof *theta)),
              *back = scoped (calloc (net->parameters + 1, sizeof *back));
        for (size_t n = 0; n < net->parameters; n++)
          theta[n] = (float)n + 0.5F;
        sb_tensors *tensors = scoped (sb_tensors_alloc ());
        ok (sb_model_put (net, "a.", theta, tensors));
        ok (sb_safetensors_write (tensors, other, &error), "%s", error.message);
        sb_tensors *read = scoped (sb_safetensors_read (other, &error), "%s", error.message);
        ok (sb_model_get (net, "a.", read, other, back, &error), "%s: %s", line, error.message);
        cr_assert_arr_eq (back, theta, net->parameters * sizeof *theta, "%s", line);
      }
  cr_assert_geq (networks, 30);
}

// Several deviations, one for each part of a process, as several numbers of one note, to the last digit.

Test (checkpoint, parts_have_their_deviations)
{
  const double three[] = { 0.1, 1e-300, 0.123456789012345678 }, wrong[] = { 1, 0, 1 };
  double back[3];
  sb_error error = { 0 };
  sb_model *model = some_model ();
  refused (GSL_EINVAL, sb_model_set_deviations (model, 1, (double[]){ GSL_POSINF }, &error));
  refused (GSL_EINVAL, sb_model_set_deviations (model, 3, three, &error));
  cr_assert (strstr (error.message, "3 numbers in data_deviation") && !model->network.part_deviations);
  for (size_t parts = 3; parts <= 3; parts -= 2) // 3, 1
    {
      sb_tensors *tensors = scoped (sb_tensors_alloc ());
      model->process->parts = parts; // no process that is read from text has several yet
      ok (sb_model_set_deviations (model, parts, three, &error));
      refused (GSL_EINVAL, sb_model_set_deviations (model, 3, wrong, &error));
      cr_assert_arr_eq (model->network.part_deviations, three, parts * sizeof *three);
      ok (sb_model_note (model, process, tensors));
      ok (sb_model_put (model->net, "", model->theta, tensors));
      const char *note = sb_tensors_note_find (tensors, "data_deviation");
      cr_assert_eq (sscanf (note, "%lf %lf %lf", &back[0], &back[1], &back[2]), (int)parts, "%s", note);
      cr_assert_arr_eq (back, three, parts * sizeof *three);
      sb_model *read = sb_model_from_notes (tensors, "file", &error);
      cr_assert (parts == 1 ? scoped (read)->network.data_deviation == 0.1
                            : !read && strstr (error.message, "file: model: 3 numbers in data_deviation"));
    }
}

// ## Shipped models
//
// Their answers to three fixed inputs, so that a network is still read as it was when it came: sums of the outputs,
// with weights, and of their squares.

Test (checkpoint, shipped_models_say_what_they_said)
{
  const struct
  {
    const char *name;
    double sum, square;
  } models[] = { { "faces-latent", 416.29283, 8424.04554 },
                 { "mnist-ddpm", 2318.34418, 3652.30555 },
                 { "mnist-ncsn", -1351.48503, 5135.53672 },
                 { "mnist-smld", 1496.29582, 4405.55658 } };
  for (size_t k = 0; k < sizeof models / sizeof *models; k++)
    {
      char file[512];
      sb_error error = { 0 };
      snprintf (file, sizeof file, "%s/data/models/%s.safetensors", getenv ("srcdir"), models[k].name);
      sb_model *model = scoped (sb_model_read (file, &error), "%s", error.message);
      size_t count = 3 * model->process->dimension;
      gsl_matrix *z = normals (3, count / 3, 7);
      float *x = scoped (malloc (2 * count * sizeof *x)), *out = x + count;
      double sum = 0, square = 0;
      for (size_t j = 0; j < count; j++)
        x[j] = (float)z->data[j];
      ok (sb_net_forward (model->net, model->theta, 3, x, (float[]){ 10, 300, 900 }, NULL,
                          scoped (sb_net_work_alloc (model->net, 3, 0)), out));
      for (size_t j = 0; j < count; j++)
        {
          sum += (double)out[j] * (double)(j % 7 + 1);
          square += (double)out[j] * (double)out[j];
        }
      cr_assert_float_eq (sum, models[k].sum, 1e-4 * models[k].square, "%s: %.9g", file, sum);
      cr_assert_float_eq (square, models[k].square, 1e-4 * models[k].square, "%s: %.9g", file, square);
    }
}

// The configuration of the report's noise conditional score network. Its ladder, from $\sigma_1 = 1$ down to
// $\sigma_{10} = 0.01$, each a ninth root of 100 below the one before, is what a reader of the file samples at.
// [dsm2ddpm.set-ncsn-train]

Test (checkpoint, the_reports_ladder_comes_back)
{
  sb_error error;
  const char *words = "smld levels=10 sigma_min=0.01 sigma_max=1";
  sb_provenance from = provenance;
  from.process = words;
  sb_model *model
      = scoped (sb_model_alloc (network, words, "epsilon", "log-noise", 0.3, 0, 1, &error), "%s", error.message);
  sb_training *training = some_training (model, 0.1F);
  ok (sb_checkpoint_export (path, model, training, &from, &error), "%s", error.message);
  sb_model *read = scoped (sb_model_read (path, &error), "%s", error.message);
  cr_assert_eq (read->process->levels, 10);
  cr_assert_eq (read->network.prediction, SB_PREDICTS_EPSILON);
  cr_assert_eq (read->low, 0);
  cr_assert_eq (read->high, 1);
  for (size_t i = 1; i <= 10; i++)
    {
      double A, sigma, expected = pow (100, -(double)(i - 1) / 9);
      ok (sb_process_scalars (read->process, 0, (double)(11 - i) / 10, &A, &sigma));
      cr_assert_float_eq (sigma, expected, 1e-14, "sigma_%zu is %.15g, not %.15g", i, sigma, expected);
      cr_assert_eq (A, 1);
    }
}

// ## Half the size
//
// An export in F16 or BF16 has each trained weight rounded to its nearest, and nothing else changed: what is read is
// what another reading of the bits gives, the frequencies of the time are those that were trained with, and the notes
// are the same. A weight beyond the largest is refused by its name and number, and no file is left.
// [scoresde.txt-fourier]

static double
spacing (const char *dtype, double x)
{
  int exponent;
  frexp (fabs (x), &exponent);
  return strcmp (dtype, "F16") == 0 ? ldexp (1, GSL_MAX (exponent - 11, -24)) : ldexp (1, exponent - 8);
}

Test (checkpoint, an_export_of_half_the_size)
{
  static const char line[] = "unet image=1x4x4 channels=24 multipliers=1 groups=2 time=fourier features=8";
  const char *const dtypes[] = { "F16", "BF16" };
  for (int k = 0; k < 2; k++)
    {
      sb_error error = { 0 };
      sb_model *model = scoped (sb_model_alloc (line, process, "epsilon", "time", 1, -1, 1, &error));
      sb_training *training = scoped (sb_training_alloc (model->net, (sb_stream){ 4, SB_FOR_USER, 0 }));
      sb_provenance half = provenance;
      struct stat whole, less;
      gsl_rng *r = property_rng (5);
      for (size_t j = 0; j < training->count; j++)
        training->ema[j] += (float)gsl_ran_gaussian (r, 0.01);
      ok (sb_checkpoint_export (other, model, training, &half, &error), "%s", error.message);
      half.dtype = dtypes[k];
      ok (sb_checkpoint_export (path, model, training, &half, &error), "%s", error.message);
      cr_assert (!stat (path, &less) && !stat (other, &whole) && less.st_size < 0.6 * (double)whole.st_size);
      sb_model *read = scoped (sb_model_read (path, &error), "%s", error.message);
      sb_tensors *tensors = scoped (sb_safetensors_read (path, &error));
      for (size_t m = 0; m < sb_net_tensors (model->net); m++)
        {
          const sb_net_tensor tensor = sb_net_tensor_at (model->net, m);
          cr_assert_str_eq (sb_tensors_dtype (tensors, tensor.name), tensor.trained ? dtypes[k] : "F32");
          for (size_t j = tensor.offset; j < tensor.offset + tensor.count; j++)
            {
              const double was = (double)training->ema[j], is = (double)read->theta[j];
              cr_assert (tensor.trained ? fabs (is - was) <= spacing (dtypes[k], was) / 2 : is == was, "%s: %.9g, %.9g",
                         tensor.name, was, is);
            }
        }
      cr_assert_str_eq (sb_tensors_note_find (tensors, "command"), provenance.command);

      training->ema[training->count - 1] = k == 0 ? 65520 : 3.4e38F;
      remove (path);
      refused (GSL_EINVAL, sb_checkpoint_export (path, model, training, &half, &error));
      cr_assert (strstr (error.message, "out.conv.bias: number 0 is") && strstr (error.message, dtypes[k]), "%s",
                 error.message);
      cr_assert (stat (path, &less) != 0);
      training->ema[training->count - 1] = k == 0 ? -65519 : 3.38e38F;
      ok (sb_checkpoint_export (path, model, training, &half, &error), "%s", error.message);
    }
}

Test (checkpoint, dtypes_that_are_none)
{
  float one = 1;
  sb_tensors *tensors = scoped (sb_tensors_alloc ());
  ok (sb_tensors_add (tensors, "one", 0, NULL, &one));
  ok (sb_tensors_dtype_set (tensors, "one", "BF16"));
  ok (sb_tensors_dtype_set (tensors, "one", "F32"));
  refused (GSL_EINVAL, sb_tensors_dtype_set (tensors, "one", "F64"));
  refused (GSL_EINVAL, sb_tensors_dtype_set (tensors, "one", "f16"));
  refused (GSL_EINVAL, sb_tensors_dtype_set (tensors, "two", "F16"));
  cr_assert_str_eq (sb_tensors_dtype (tensors, "one"), "F32");
}

Test (checkpoint, an_export_is_the_average_alone)
{
  sb_error error;
  sb_model *model = some_model ();
  sb_training *written = some_training (model, 0.1F);
  ok (sb_checkpoint_export (path, model, written, &provenance, &error), "%s", error.message);
  sb_tensors *tensors = scoped (sb_safetensors_read (path, &error), "%s", error.message);
  cr_assert_eq (tensors->count, sb_net_tensors (model->net));
  cr_assert_not_null (sb_tensors_find (tensors, "down.0.0.conv1.weight"));
  cr_assert_str_eq (sb_tensors_note_find (tensors, "command"), provenance.command);
  cr_assert_str_eq (sb_tensors_note_find (tensors, "data"), provenance.data);
  cr_assert_str_eq (sb_tensors_note_find (tensors, "seed"), "3");
  cr_assert_str_eq (sb_tensors_note_find (tensors, "step"), "12345678901");
  cr_assert (!sb_tensors_note_find (tensors, "recipe") && !sb_tensors_note_find (tensors, "report"));
  sb_model *used = scoped (sb_model_read (path, &error), "%s", error.message);
  cr_assert_arr_eq (used->theta, written->ema, written->count * sizeof (float));
  refused (GSL_EINVAL, sb_checkpoint_read (path, model->net, written, &error), "an export was resumed");
}

// ## The format itself
//
// Eight bytes of length, JSON, numbers: read here without the module under test.

Test (checkpoint, the_file_is_safetensors)
{
  sb_tensors *tensors = scoped (sb_tensors_alloc ());
  float a[] = { 1, 2, 3, 4, 5, 6 }, b[] = { 7 };
  ok (sb_tensors_add (tensors, "a", 2, (size_t[]){ 2, 3 }, a));
  ok (sb_tensors_add (tensors, "b \"quoted\"", 1, (size_t[]){ 1 }, b));
  ok (sb_tensors_note_add (tensors, "by", "me"));
  cr_assert_eq (sb_tensors_numbers (tensors), 7);
  ok (sb_safetensors_write (tensors, path, NULL));

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

// What a file means is read off likewise: under each name, in the order and shape of the network's tensors, stand the
// numbers that the training holds, and nothing else is there.

typedef struct
{
  json_t *header;
  const char *numbers;
  size_t bytes; // of numbers
} plain_file;

static plain_file
read_plainly (const char *name)
{
  uint64_t length;
  FILE *file = fopen (name, "rb");
  cr_assert (file && fread (&length, 8, 1, file) == 1 && fseek (file, 0, SEEK_END) == 0);
  const size_t size = (size_t)ftell (file);
  cr_assert_lt (length, size);
  char *bytes = scoped (malloc (size));
  rewind (file);
  cr_assert_eq (fread (bytes, 1, size, file), size);
  fclose (file);
  return (plain_file){ json_loadb (bytes + 8, length, 0, NULL), bytes + 8 + length, size - 8 - length };
}

static void
check_tensor (const plain_file *file, const char *prefix, const sb_net_tensor *tensor, const float *held)
{
  char name[80];
  snprintf (name, sizeof name, "%s%s", prefix, tensor->name);
  json_t *said = json_object_get (file->header, name), *shape = json_object_get (said, "shape"),
         *offsets = json_object_get (said, "data_offsets");
  cr_assert (said && strcmp (json_string_value (json_object_get (said, "dtype")), "F32") == 0, "%s", name);
  cr_assert_eq (json_array_size (shape), tensor->rank, "%s", name);
  for (size_t a = 0; a < tensor->rank; a++)
    cr_assert_eq (json_integer_value (json_array_get (shape, a)), (json_int_t)tensor->size[a], "%s", name);
  const size_t first = (size_t)json_integer_value (json_array_get (offsets, 0)),
               end = (size_t)json_integer_value (json_array_get (offsets, 1));
  cr_assert (first + 4 * tensor->count == end && end <= file->bytes, "%s", name);
  cr_assert_arr_eq (file->numbers + first, held + tensor->offset, 4 * tensor->count,
                    "%s is not what the training holds", name);
}

Test (checkpoint, names_mean_what_they_say)
{
  sb_model *model = some_model ();
  sb_training *t = some_training (model, 0.1F);
  const struct
  {
    const char *prefix;
    const float *held;
  } parts[] = { { "model.", t->theta }, { "ema.", t->ema }, { "adam.m.", t->m }, { "adam.v.", t->v }, { "", t->ema } };
  ok (sb_checkpoint_write (path, model, t, &provenance, NULL));
  ok (sb_checkpoint_export (other, model, t, &provenance, NULL));
  const plain_file files[] = { read_plainly (path), read_plainly (other) };
  for (size_t k = 0; k < 5; k++)
    for (size_t j = 0; j < sb_net_tensors (model->net); j++)
      {
        const sb_net_tensor tensor = sb_net_tensor_at (model->net, j);
        check_tensor (&files[k / 4], parts[k].prefix, &tensor, parts[k].held);
      }
  for (size_t k = 0; k < 2; k++)
    {
      const size_t copies = k == 0 ? 4 : 1;
      cr_assert_eq (json_object_size (files[k].header), copies * sb_net_tensors (model->net) + 1); // and the notes
      cr_assert_eq (files[k].bytes, copies * 4 * t->count);
      json_decref (files[k].header);
    }
}

// ## What is no checkpoint
//
// Bytes become the file. It is not cut to nothing first: some file systems bring a file that was to the disk at once,
// and there are thousands to come.

static void
put (const char *name, const void *bytes, size_t size)
{
  int file = open (name, O_WRONLY | O_CREAT, 0600);
  cr_assert (file >= 0 && pwrite (file, bytes, size, 0) == (ssize_t)size && ftruncate (file, (off_t)size) == 0);
  close (file);
}

// A header that says it has so many bytes, those it has, and zeros after it.

static void
write_raw (uint64_t says, const char *header, size_t length, size_t zeros)
{
  char *bytes = scoped (calloc (8 + length + zeros, 1));
  memcpy (bytes, &says, 8);
  memcpy (bytes + 8, header, length);
  put (path, bytes, 8 + length + zeros);
}

// Refused: GSL_EINVAL, and a line that names the file and what is wrong with it.

static void
check_refusal (const void *read, const sb_error *error, const char *what, const char *named)
{
  cr_assert_null (read, "%.60s was taken", what);
  refused (GSL_EINVAL, error->code, "%.60s: %s", what, error->message);
  cr_assert (strstr (error->message, folder) && strstr (error->message, named), "%.60s: '%s' does not name '%s'", what,
             error->message, named);
  cr_assert_null (strpbrk (error->message, "\n\r\033"), "%.60s: '%s' is not a line", what, error->message);
}

static void
refuse_bytes (const char *header, size_t length, size_t zeros, const char *named)
{
  sb_error error = { 0 };
  write_raw (length, header, length, zeros);
  check_refusal (sb_safetensors_read (path, &error), &error, header, named);
  check_refusal (sb_safetensors_check (path, &error), &error, header, named);
}

static void
refuse (const char *header, size_t zeros, const char *named)
{
  refuse_bytes (header, strlen (header), zeros, named);
}

// One tensor "w", its dtype, shape and offsets as given.

static void
refuse_tensor (const char *dtype, const char *shape, const char *offsets, size_t zeros, const char *named)
{
  char header[300];
  snprintf (header, sizeof header, "{\"w\":{\"dtype\":%s,\"shape\":%s,\"data_offsets\":%s}}", dtype, shape, offsets);
  refuse (header, zeros, named);
}

Test (checkpoint, malformed_headers_are_refused)
{
  refuse ("", 0, "header");
  refuse ("[]", 0, "header: not an object");
  refuse ("3", 0, "header");
  refuse ("{", 0, "header");
  refuse ("{}x", 0, "header");
  refuse ("{}{}", 0, "header");
  refuse ("{\"\xff\":1}", 0, "header");
  refuse ("{\"a\":1}", 0, "tensor a");
  refuse ("{\"a\":1,\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "tensor a");
  refuse ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],"
          "\"data_offsets\":[0,4]}}",
          4, "duplicate");
  refuse ("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "duplicate");
  refuse ("{\"w\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype");
  refuse ("{\"v\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"w\":{\"dtype\":\"F32\",\"shape\":[1],"
          "\"data_offsets\":[4,8]}}",
          8, "overlaps");
  refuse ("{\"v\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"w\":{\"dtype\":\"F32\",\"shape\":[1],"
          "\"data_offsets\":[0,4]}}",
          4, "overlaps");
}

Test (checkpoint, malformed_tensors_are_refused)
{
  const char *const dtypes[] = { "\"F4\"", "\"f32\"", "32", "null", "[]" },
                    *const lists[] = { "[1,1,1,1,1]", "1", "{}", "null" }, *const sizes[] = { "[-1]",
                                                                                              "[false]",
                                                                                              "[1.5]",
                                                                                              "[\"1\"]",
                                                                                              "[5]",
                                                                                              "[null]",
                                                                                              "[4294967296,4294967296]",
                                                                                              "[4611686018427387905]" },
                    *const offsets[] = { "[0,8]",
                                         "[4,8]",
                                         "[-4,0]",
                                         "[4,0]",
                                         "[0]",
                                         "[0,4,4]",
                                         "\"x\"",
                                         "[0,4.0]",
                                         "[0.0,4]",
                                         "[0,\"4\"]",
                                         "[0,-4]",
                                         "[9223372036854775804,9223372036854775807]",
                                         "[-9223372036854775808,-9223372036854775804]",
                                         "null" };
  for (size_t k = 0; k < sizeof dtypes / sizeof *dtypes; k++)
    refuse_tensor (dtypes[k], "[1]", "[0,4]", 4, k < 2 ? "an unknown dtype" : "no dtype");
  for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
    refuse_tensor ("\"F32\"", lists[k], "[0,4]", 4, "tensor w: its shape is not a list");
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
    refuse_tensor ("\"F32\"", sizes[k], "[0,4]", 4, "of its shape is not a number that fits the file");
  for (size_t k = 0; k < sizeof offsets / sizeof *offsets; k++)
    refuse_tensor ("\"F32\"", "[1]", offsets[k], 4, "data_offsets");
  refuse_tensor ("\"F32\"", "[18446744073709551616]", "[0,4]", 4, "header");
  refuse_tensor ("\"F32\"", "[1]", "[0,8]", 8, "data_offsets");
  refuse_tensor ("\"F32\"", "[1]", "[2,6]", 6, "gap");
  refuse_tensor ("\"F32\"", "[0]", "[0,4]", 4, "data_offsets");
  refuse_tensor ("\"F32\"", "[]", "[0,0]", 0, "data_offsets");
  refuse_tensor ("\"F16\"", "[1]", "[0,4]", 4, "data_offsets");
  refuse_tensor ("\"I64\"", "[1]", "[0,4]", 4, "data_offsets");
  refuse_tensor ("\"I64\"", "[1,2305843009213693953]", "[0,8]", 8, "fits the file");
  refuse_tensor ("\"I64\"", "[1]", "[0,8]", 9, "more in the file");
  refuse_tensor ("\"F32\"", "[1]", "[0,4]", 8, "more in the file");
  refuse_tensor ("\"F32\"", "[1]", "[0,4]", 7, "more in the file");
  refuse_tensor ("\"F32\"", "[1]", "[4,8]", 8, "gap");
}

Test (checkpoint, metadata_of_the_wrong_type_are_refused)
{
  refuse ("{\"__metadata__\":{\"a\":1}}", 0, "a is not a string");
  refuse ("{\"__metadata__\":{\"a\":{\"b\":\"c\"}}}", 0, "a is not a string");
  refuse ("{\"__metadata__\":\"a\"}", 0, "__metadata__ is not an object");
  refuse ("{\"__metadata__\":[\"a\",\"b\"]}", 0, "__metadata__ is not an object");
  refuse ("{\"__metadata__\":null}", 0, "__metadata__ is not an object");
}

// A name may not hold the byte that ends a string in C, written out or not. What would break the line that refuses it,
// or turn the terminal's colours, is not repeated.

Test (checkpoint, names_that_would_deceive_are_refused)
{
  refuse ("{\"a\\u0000b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "header");
  refuse ("{\"__metadata__\":{\"a\":\"b\\u0000c\"}}", 0, "header");
  refuse_bytes ("{\"a\0b\":1}", 9, 0, "header");
  refuse_bytes ("{}\0{}", 5, 0, "header");
  refuse ("{\"a\\nb\":1}", 0, "tensor a?b");
  refuse ("{\"a\\u001b[31mb\":1}", 0, "tensor a?[31mb");
  refuse ("{\"__metadata__\":{\"a\\r\":1}}", 0, "a? is not a string");
}

// Lengths that no file bears out, and a header that is there but longer than any that would be written: nothing is
// allocated for them.

Test (checkpoint, lengths_beyond_the_file_are_refused)
{
  const uint64_t lengths[]
      = { 3, 1000, (uint64_t)1 << 32, (uint64_t)1 << 63, UINT64_MAX, UINT64_MAX - 7, UINT64_MAX - 9 };
  for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
    {
      sb_error error = { 0 };
      write_raw (lengths[k], "{}", 2, 0);
      check_refusal (sb_safetensors_read (path, &error), &error, "a length", "header");
    }
  size_t length = ((size_t)16 << 20) + 8;
  char *header = scoped (malloc (length));
  memset (header, '[', length);
  refuse_bytes (header, length, 0, "longer than");
}

// JSON brackets, nested as deep as the limit on headers lets them: refused, and the stack lives.

Test (checkpoint, deep_nesting_is_refused)
{
  size_t depth = (size_t)16 << 20;
  char *header = scoped (malloc (depth));
  memset (header, '[', depth);
  refuse_bytes (header, depth, 0, "header");
  memcpy (header, "{\"a\":", 5);
  refuse_bytes (header, depth, 0, "header");
  for (size_t k = 0; k + 5 <= depth; k += 5)
    memcpy (header + k, "{\"a\":", 5);
  refuse_bytes (header, depth, 0, "header");
}

Test (checkpoint, numbers_that_are_not_finite_are_refused)
{
  const float bad[] = { NAN, INFINITY, -INFINITY };
  for (int k = 0; k < 3; k++)
    {
      sb_error error = { 0 };
      sb_tensors *tensors = scoped (sb_tensors_alloc ());
      float a[] = { 1, 2, bad[k] };
      sb_tensors_add (tensors, "poisoned", 1, (size_t[]){ 3 }, a);
      refused (GSL_EINVAL, sb_safetensors_write (tensors, path, &error));
      cr_assert (strstr (error.message, "poisoned: number 2"), "%s", error.message);
      cr_assert_neq (access (path, F_OK), 0, "it was written");

      char bytes[200] = "........{\"poisoned\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}";
      uint64_t length = strlen (bytes + 8);
      memcpy (bytes, &length, 8);
      memcpy (bytes + 8 + length, a, 12);
      put (path, bytes, 20 + length);
      check_refusal (sb_safetensors_read (path, &error), &error, "not finite", "poisoned: number 2");
      check_refusal (sb_safetensors_check (path, &error), &error, "not finite", "poisoned: number 2");
      remove (path);
    }
}

// In the first of many blocks of numbers; those after it are not read.

Test (checkpoint, numbers_of_many_blocks_are_finite)
{
  enum
  {
    COUNT = 100000
  };
  sb_error error = { 0 };
  char header[100];
  snprintf (header, sizeof header, "{\"w\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[0,%d]}}", COUNT,
            4 * COUNT);
  const size_t length = strlen (header);
  char *bytes = scoped (calloc (8 + length + 4 * COUNT, 1));
  memcpy (bytes, &(uint64_t){ length }, 8);
  memcpy (bytes + 8, header, length);
  put (path, bytes, 8 + length + 4 * COUNT);
  cr_assert_eq (scoped (sb_safetensors_read (path, &error))->tensor[0].count, COUNT);
  memcpy (bytes + 8 + length + 4 * 5, &(float){ NAN }, 4);
  put (path, bytes, 8 + length + 4 * COUNT);
  check_refusal (sb_safetensors_read (path, &error), &error, "a block", "w: number 5 is not finite");
  check_refusal (sb_safetensors_check (path, &error), &error, "a block", "w: number 5 is not finite");
  remove (path);
}

// ## What other programs write
//
// One number of rank 0, nothing at all, numbers of two bytes, and what is no weight: each by hand.

static const char foreign[] = "{\"scalar\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[24,28]},"
                              "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[24,24]},"
                              "\"half\":{\"dtype\":\"F16\",\"shape\":[2,4],\"data_offsets\":[8,24]},"
                              "\"brain\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[28,34]},"
                              "\"count\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}";

static void
write_foreign (uint16_t half, uint16_t brain)
{
  const uint16_t halves[] = { 0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x3555, 0x0400, half },
                 brains[] = { 0x3f80, brain, 0xc2f7 };
  const float scalar = 42;
  char bytes[600] = { 0 };
  uint64_t length = strlen (foreign);
  char *numbers = bytes + 8 + length;
  memcpy (bytes, &length, 8);
  memcpy (bytes + 8, foreign, length);
  memset (numbers, 0x7f, 8);
  memcpy (numbers + 8, halves, 16);
  memcpy (numbers + 24, &scalar, 4);
  memcpy (numbers + 28, brains, 6);
  put (path, bytes, 8 + length + 34);
}

Test (checkpoint, what_others_write_is_read)
{
  sb_error error = { 0 };
  const float halves[] = { 1, -2, 65504, 0x1p-24F, 0, 0x1.554p-2F, 0x1p-14F, 0x1.ff8p-15F },
              brains[] = { 1, 0x1.02p-126F, -123.5F };
  write_foreign (0x03ff, 0x0081);
  sb_tensors *tensors = scoped (sb_safetensors_read (path, &error), "%s", error.message);
  cr_assert (tensors->count == 5 && sb_tensors_numbers (tensors) == 12);
  const sb_tensor *scalar = sb_tensors_find (tensors, "scalar"), *empty = sb_tensors_find (tensors, "empty"),
                  *half = sb_tensors_find (tensors, "half"), *brain = sb_tensors_find (tensors, "brain");
  cr_assert (scalar->rank == 0 && scalar->count == 1 && scalar->data[0] == 42);
  cr_assert (empty->rank == 2 && empty->count == 0 && empty->size[1] == 3);
  cr_assert (half->rank == 2 && half->count == 8 && brain->count == 3);
  for (size_t k = 0; k < 8; k++)
    cr_assert_eq (half->data[k], k == 7 ? 0x1.ff8p-15F : halves[k], "half %zu: %a", k, (double)half->data[k]);
  cr_assert (signbit (half->data[4]));
  for (size_t k = 0; k < 3; k++)
    cr_assert_eq (brain->data[k], brains[k], "bfloat %zu: %a", k, (double)brain->data[k]);
  cr_assert_null (sb_tensors_find (tensors, "count"));
  cr_assert_str_eq (sb_tensors_dtype (tensors, "count"), "I64");
  cr_assert_null (sb_tensors_dtype (tensors, "other"));
}

Test (checkpoint, numbers_of_two_bytes_are_finite)
{
  const uint16_t wrong[][2] = { { 0x7c00, 0 }, { 0xfc00, 0 }, { 0x7e00, 0 }, { 0, 0x7f80 }, { 0, 0xffc1 } };
  for (size_t k = 0; k < 5; k++)
    {
      sb_error error = { 0 };
      write_foreign (wrong[k][0], wrong[k][1]);
      check_refusal (sb_safetensors_read (path, &error), &error, "no number", "is not finite");
    }
}

// What comes back is what was given, of any rank.

Test (checkpoint, ranks_are_kept)
{
  sb_error error = { 0 };
  float numbers[] = { 5, 6 };
  sb_tensors *tensors = scoped (sb_tensors_alloc ());
  ok (sb_tensors_add (tensors, "none", 2, (size_t[]){ 3, 0 }, numbers));
  ok (sb_tensors_add (tensors, "one", 0, NULL, numbers));
  ok (sb_tensors_add (tensors, "four", 4, (size_t[]){ 1, 2, 1, 1 }, numbers));
  ok (sb_safetensors_write (tensors, path, &error), "%s", error.message);
  sb_tensors *read = scoped (sb_safetensors_read (path, &error), "%s", error.message);
  cr_assert (sb_tensors_find (read, "none")->count == 0 && sb_tensors_find (read, "none")->size[0] == 3);
  cr_assert (sb_tensors_find (read, "one")->rank == 0 && sb_tensors_find (read, "one")->data[0] == 5);
  cr_assert (sb_tensors_find (read, "four")->rank == 4 && sb_tensors_find (read, "four")->data[1] == 6);
}

// ## What cannot be read is not written

static void
refuse_to_write (const char *const names[2], const char *const notes[2][2], const char *named)
{
  sb_error error = { 0 };
  float number = 1;
  sb_tensors *tensors = scoped (sb_tensors_alloc ());
  for (size_t k = 0; k < 2; k++)
    {
      ok (sb_tensors_add (tensors, names[k], 0, NULL, &number));
      ok (sb_tensors_note_add (tensors, notes[k][0], notes[k][1]));
    }
  int status = sb_safetensors_write (tensors, path, &error);
  refused (named ? GSL_EINVAL : GSL_SUCCESS, status, "%s", error.message);
  cr_assert (!named || strstr (error.message, named), "%s: %s", named, error.message);
  cr_assert_eq (access (path, F_OK) == 0, !named);
  remove (path);
}

Test (checkpoint, what_cannot_be_read_is_not_written)
{
  const char *const a[] = { "a", "b" }, *const same[] = { "a", "a" }, *const reserved[] = { "a", "__metadata__" },
                    *const latin[] = { "a", "b\xe9" };
  const char *const plain[][2] = { { "x", "1" }, { "y", "2" } }, *const twice[][2] = { { "x", "1" }, { "x", "2" } },
                    *const key[][2] = { { "x", "1" }, { "\xff", "2" } },
                    *const value[][2] = { { "x", "\xe9t\xe9" }, { "y", "2" } };
  refuse_to_write (a, plain, NULL);
  refuse_to_write (same, plain, "one name");
  refuse_to_write (reserved, plain, "one name");
  refuse_to_write (a, twice, "one name");
  refuse_to_write (latin, plain, "UTF-8");
  refuse_to_write (a, key, "UTF-8");
  refuse_to_write (a, value, "UTF-8");
}

// A tensor of too many axes, and notes that make the header longer than any that would be read.

Test (checkpoint, too_much_is_not_written)
{
  enum
  {
    LENGTH = 17 << 20
  };
  sb_error error = { 0 };
  float number = 1;
  char *note = scoped ((char *)malloc (LENGTH));
  memset (note, 'x', LENGTH);
  note[LENGTH - 1] = 0;
  sb_tensors *tensors = scoped (sb_tensors_alloc ());
  refused (GSL_EINVAL, sb_tensors_add (tensors, "w", 5, (size_t[]){ 1, 1, 1, 1, 1 }, &number));
  ok (sb_tensors_note_add (tensors, "long", note));
  refused (GSL_EINVAL, sb_safetensors_write (tensors, path, &error));
  cr_assert (strstr (error.message, "is longer than"), "%s", error.message);
  cr_assert_neq (access (path, F_OK), 0, "it was written");
}

// A file may hold notes alone, or nothing.

Test (checkpoint, a_file_of_no_tensors)
{
  static const char *const headers[] = { "{}", "{\"__metadata__\":{\"by\":\"me\"}}" };
  for (size_t k = 0; k < 2; k++)
    {
      sb_error error = { 0 };
      write_raw (strlen (headers[k]), headers[k], strlen (headers[k]), 0);
      const sb_tensors *tensors = scoped (sb_safetensors_read (path, &error), "%s", error.message);
      cr_assert (tensors->count == 0 && tensors->notes == k);
      refuse (headers[k], 1, "more in the file");
    }
  remove (path);
}

// Weights are floats: of whole numbers under the right name it is said what they are.

Test (checkpoint, whole_numbers_are_no_weights)
{
  sb_error error = { 0 };
  sb_model *model = some_model ();
  char header[200];
  sb_net_tensor first = sb_net_tensor_at (model->net, 0);
  snprintf (header, sizeof header, "{\"%s\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}", first.name);
  write_raw (strlen (header), header, strlen (header), 8);
  sb_tensors *tensors = scoped (sb_safetensors_read (path, &error), "%s", error.message);
  refused (GSL_EINVAL, sb_model_get (model->net, "", tensors, path, model->theta, &error));
  cr_assert (strstr (error.message, "no weights: I64"), "%s", error.message);
}

// What is there but is no file of bytes cannot be read: another status, and the system's own reason.

Test (checkpoint, what_cannot_be_read_is_said)
{
  sb_error error = { 0 };
  cr_assert_null (sb_safetensors_read (path, &error));
  refused (GSL_EFAILED, error.code);
  cr_assert (strstr (error.message, "No such file"), "%s", error.message);
  cr_assert_null (sb_safetensors_read (folder, &error));
  refused (GSL_EFAILED, error.code, "%s", error.message);
  cr_assert_null (strchr (error.message, '\n'));
  const char *unreadable = "/sys/class/net/lo/speed"; // said to have 4096 bytes, of which none can be read
  FILE *file = fopen (unreadable, "r");
  if (file)
    {
      if (fgetc (file) == EOF && ferror (file))
        {
          cr_assert_null (sb_safetensors_read (unreadable, &error));
          refused (GSL_EFAILED, error.code, "%s", error.message);
          cr_assert (strstr (error.message, "Invalid argument"), "%s", error.message);
        }
      fclose (file);
    }
  sb_model *model = some_model ();
  sb_training *training = some_training (model, 1);
  refused (GSL_EFAILED, sb_checkpoint_read (path, model->net, training, NULL), "without a record of why");
  put (path, "", 0);
  refused (GSL_EINVAL, sb_checkpoint_read (path, model->net, training, NULL), "without a record of why");
}

// ## Damage
//
// Cut anywhere, with any one bit turned, or with some bytes replaced at random: read as it was written, or refused in
// one line that names the file; never a crash. (A bit may well turn a name into another, or a weight into another
// weight.) A training's state, and the model exported from it.

typedef struct
{
  char bytes[4000];
  size_t size;
} contents;

static contents
contents_of (const char *name)
{
  contents c;
  FILE *file = fopen (name, "rb");
  c.size = fread (c.bytes, 1, sizeof c.bytes, file);
  fclose (file);
  cr_assert (c.size > 100 && c.size < sizeof c.bytes);
  return c;
}

static void
read_damaged (const sb_net *net, const char *how, size_t where, int may_be_read)
{
  sb_error error = { 0 };
  sb_training *training = scoped (sb_training_alloc (net, (sb_stream){ 0 }));
  sb_model *model = sb_model_read (other, &error);
  cr_assert (may_be_read || !model, "%s %zu: taken", how, where);
  if (!model)
    check_refusal (model, &error, how, other);
  int status = sb_checkpoint_read (other, net, training, &error);
  cr_assert (may_be_read || status, "%s %zu: taken", how, where);
  if (status)
    check_refusal (NULL, &error, how, other);
  sb_model_free (model);
}

static void
damage (const sb_net *net, const char *name, unsigned long seed)
{
  contents whole = contents_of (name);
  for (size_t cut = whole.size; cut-- > 0;)
    {
      put (other, whole.bytes, cut);
      read_damaged (net, "cut at byte", cut, 0);
    }
  for (size_t bit = 0; bit < 8 * whole.size; bit++)
    {
      contents turned = whole;
      turned.bytes[bit / 8] ^= (char)(1 << bit % 8);
      put (other, turned.bytes, turned.size);
      read_damaged (net, "turned bit", bit, 1);
    }

  static const char alphabet[] = "{}[]\",:0123456789.-eE\\u nulltrue \xff\x7f"; // what headers are made of
  gsl_rng *r = property_rng (seed);
  for (size_t k = 0; k < (getenv ("SCOREBOOK_LONG") ? 10000 : 1000); k++)
    {
      contents changed = whole;
      size_t within = k % 2 ? whole.size : 8 + *(const uint64_t *)(const void *)whole.bytes;
      for (unsigned long n = 1 + gsl_rng_uniform_int (r, 4); n > 0; n--)
        changed.bytes[gsl_rng_uniform_int (r, within)]
            = k % 3 ? alphabet[gsl_rng_uniform_int (r, sizeof alphabet)] : (char)gsl_rng_uniform_int (r, 256);
      put (other, changed.bytes, changed.size);
      read_damaged (net, "random change", k, 1);
    }
}

Test (checkpoint, damaged_files_do_no_harm)
{
  sb_error error = { 0 };
  sb_model *model = scoped (sb_model_alloc (good[0], process, "epsilon", "time", 1, 0, 1, &error), "%s", error.message);
  sb_training *training = scoped (sb_training_alloc (model->net, (sb_stream){ 1, SB_FOR_USER, 0 }));
  ok (sb_checkpoint_export (path, model, training, &provenance, &error));
  damage (model->net, path, 1);
  ok (sb_checkpoint_write (path, model, training, &provenance, &error));
  damage (model->net, path, 2);
}

// ## Another network's weights
//
// are refused, and the tensor at fault is named; and a configuration that asks for more weights than the file holds is
// refused before any memory is.

Test (checkpoint, another_architecture_is_refused)
{
  sb_error error = { 0 };
  sb_model *model = some_model (),
           *wider
           = scoped (sb_model_alloc ("unet image=1x4x4 channels=4 multipliers=1,2 groups=2 time=fourier features=4",
                                     process, "mixed", "log-noise", 1, -1, 1, &error));
  sb_training *training = some_training (model, 1),
              *wide = scoped (sb_training_alloc (wider->net, (sb_stream){ 1, SB_FOR_USER, 0 }));
  ok (sb_checkpoint_write (path, model, training, &provenance, &error));
  refused (GSL_EINVAL, sb_checkpoint_read (path, wider->net, wide, &error));
  cr_assert (strstr (error.message, "another network"), "%s", error.message);

  sb_tensors *tensors = scoped (sb_tensors_alloc ());
  ok (sb_model_note (wider, process, tensors));
  float *theta = scoped (calloc (2 * wider->net->parameters, sizeof *theta));
  ok (sb_model_put (model->net, "", theta, tensors));
  ok (sb_tensors_add (tensors, "rest", 1, (size_t[]){ wider->net->parameters }, theta));
  ok (sb_safetensors_write (tensors, other, &error));
  cr_assert_null (sb_model_read (other, &error));
  cr_assert (strstr (error.message, "shape its network has"), "%s", error.message);

  tensors = scoped (sb_tensors_alloc ());
  for (int k = 0; k < 6; k++)
    sb_tensors_note_add (tensors, keys[k], k == 0 ? "mlp inputs=1048576 width=1048576 layers=1048576" : good[k]);
  sb_tensors_add (tensors, "w", 1, (size_t[]){ 1 }, theta);
  ok (sb_safetensors_write (tensors, other, &error));
  cr_assert_null (sb_model_read (other, &error));
  cr_assert (strstr (error.message, "parameters") || strstr (error.message, "network"), "%s", error.message);
}

// A tensor too few and one too many, in a model and in each part of a training's state: it is named.

static sb_tensors *
tensors_of (const sb_model *model, const sb_training *training, int whole)
{
  sb_error error;
  ok ((whole ? sb_checkpoint_write : sb_checkpoint_export) (path, model, training, &provenance, &error));
  sb_tensors *tensors = scoped (sb_safetensors_read (path, &error), "%s", error.message);
  return tensors;
}

static void
check_not_taken (sb_tensors *tensors, const sb_net *net, int whole, int model_too, const char *named)
{
  sb_error error = { 0 };
  ok (sb_safetensors_write (tensors, other, &error));
  if (model_too)
    check_refusal (sb_model_read (other, &error), &error, named, named);
  if (whole)
    {
      sb_training *training = scoped (sb_training_alloc (net, (sb_stream){ 0 }));
      refused (GSL_EINVAL, sb_checkpoint_read (other, net, training, &error));
      check_refusal (NULL, &error, named, named);
      cr_assert_eq (training->step, 0);
    }
}

Test (checkpoint, a_tensor_too_few_or_too_many_is_named)
{
  const char *const prefixes[] = { "model.", "ema.", "adam.m.", "adam.v." };
  sb_model *model = some_model ();
  sb_training *training = some_training (model, 0.5F);
  float more[2] = { 0 };
  for (int part = 0; part < 5; part++) // the last is the exported model
    {
      int whole = part < 4, used = part == 1 || part == 4;
      char name[80];
      snprintf (name, sizeof name, "%s%s", whole ? prefixes[part] : "", "down.0.0.conv1.weight");
      sb_tensors *tensors = tensors_of (model, training, whole);
      for (size_t k = 0; k < tensors->count; k++)
        if (strcmp (tensors->tensor[k].name, name) == 0)
          {
            tensors->tensor[k].name[strlen (name) - 1] = 'T'; // one is missing, and there is a stranger
            check_not_taken (tensors, model->net, whole, used, "missing");
            tensors->tensor[k].name[strlen (name) - 1] = 't';
            size_t *size = tensors->tensor[k].size;
            size[2] = 9, size[3] = 1; // another shape of as many numbers
            check_not_taken (tensors, model->net, whole, used, "not the shape");
            size[2] = size[3] = 3;
          }
      snprintf (name, sizeof name, "%s%s", whole ? prefixes[part] : "", "stranger.weight");
      ok (sb_tensors_add (tensors, name, 1, (size_t[]){ 2 }, more));
      check_not_taken (tensors, model->net, whole, used, name);
    }
}

// ## Steps
//
// are counted in whole numbers.

Test (checkpoint, steps_that_are_no_numbers_are_refused)
{
  const char *const bad[] = { "-1", "+1", " 1", "1x", "", "1.5", "18446744073709551616", "0x10" };
  sb_model *model = some_model ();
  sb_training *training = some_training (model, 0.5F);
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
    {
      sb_tensors *tensors = tensors_of (model, training, 1);
      for (size_t j = 0; j < tensors->notes; j++)
        if (strcmp (tensors->note[j].key, "step") == 0)
          {
            free (tensors->note[j].value);
            tensors->note[j].value = strdup (bad[k]);
          }
      check_not_taken (tensors, model->net, 1, 0, "step");
    }
}

// ## Notes that say nothing

Test (checkpoint, missing_and_absurd_notes_are_refused)
{
  const char *const bad[] = { "rnn", "levy", "x0", "clock", "1x", "0 1x" };
  for (int wrong = 0; wrong < 6; wrong++)
    for (int missing = 0; missing < 2; missing++)
      {
        sb_error error = { 0 };
        float w[10] = { 0 };
        sb_tensors *tensors = scoped (sb_tensors_alloc ());
        for (int k = 0; k < 6; k++)
          if (k != wrong || !missing)
            sb_tensors_note_add (tensors, keys[k], k == wrong ? bad[k] : good[k]);
        sb_tensors_add (tensors, "w", 1, (size_t[]){ 10 }, w);
        ok (sb_safetensors_write (tensors, path, &error));
        check_refusal (sb_model_read (path, &error), &error, keys[wrong], missing ? keys[wrong] : "");
      }
}

// What cannot be a model is refused in the same words when it is made, not read.

Test (checkpoint, what_is_no_model_is_refused)
{
  const double numbers[][3] = { { 0, 0, 1 }, { -1, 0, 1 },  { NAN, 0, 1 }, { INFINITY, 0, 1 }, { 1, 1, 1 },
                                { 1, 1, 0 }, { 1, NAN, 1 }, { 1, 0, NAN }, { 1, 0, INFINITY }, { 1, -INFINITY, 1 } };
  for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
    {
      sb_error error = { 0 };
      cr_assert_null (sb_model_alloc ("mlp inputs=1", process, "epsilon", "time", numbers[k][0], numbers[k][1],
                                      numbers[k][2], &error));
      refused (GSL_EINVAL, error.code);
      cr_assert (strstr (error.message, k < 4 ? "data_deviation" : "data_range"), "%zu: %s", k, error.message);
    }
  cr_assert_null (sb_model_alloc ("mlp inputs=1", process, "x0", "time", 1, 0, 1, NULL));
  cr_assert_null (sb_model_alloc ("mlp inputs=1", process, "epsilon", "clock", 1, 0, 1, NULL));
  for (int prediction = 0; prediction < 2; prediction++)
    for (int label = 0; label < 2; label++)
      {
        sb_model *model = scoped (sb_model_alloc ("mlp inputs=1", process, prediction ? "mixed" : "epsilon",
                                                  label ? "log-noise" : "time", 1, 0, 1, NULL));
        cr_assert_eq (model->network.prediction, prediction ? SB_PREDICTS_MIXED : SB_PREDICTS_EPSILON);
        cr_assert_eq (model->network.label, label ? SB_LABEL_LOG_NOISE : SB_LABEL_TIME);
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
  ok (sb_checkpoint_write (path, model, training, &provenance, &error));
  snprintf (below, sizeof below, "%s/c", path);
  cr_assert_neq (sb_checkpoint_write (below, model, training, &provenance, &error), GSL_SUCCESS);
  cr_assert (strstr (error.message, below), "%s", error.message);
  cr_assert_neq (sb_checkpoint_write ("/dev/full", model, training, &provenance, &error), GSL_SUCCESS);
  ok (sb_checkpoint_read (path, model->net, training, &error), "%s", error.message);
}
