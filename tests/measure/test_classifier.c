// # What must be true of the classifier's verdicts
//
// What is computed from probabilities is checked on probabilities made by hand; the network itself learns to tell bars
// that stand from bars that lie, anew in each run.

#include "measure/classifier.h"
#include "train/checkpoint.h"
#include "train/classify.h"
#include "scope.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

SUITE_WITH_BLAS (classifier);

// ## The Inception score
//
// Ten classes, each seen surely and equally often: 10. The same verdict on all: 1, whatever it is. Half the images
// sure of one class, half of another: 2. [scoresde.tab3]

Test (classifier, inception_score_of_known_verdicts)
{
  gsl_matrix *p = matrix_all (40, 10, 0);
  double score;
  for (size_t i = 0; i < 40; i++)
    gsl_matrix_set (p, i, i % 10, 1);
  ok (sb_inception_score (p, &score));
  cr_assert_float_eq (score, 10, 1e-12);
  for (size_t i = 0; i < 40; i++)
    for (size_t k = 0; k < 10; k++)
      gsl_matrix_set (p, i, k, (double)(k + 1) / 55);
  ok (sb_inception_score (p, &score));
  cr_assert_float_eq (score, 1, 1e-12);
  gsl_matrix_set_zero (p);
  for (size_t i = 0; i < 40; i++)
    gsl_matrix_set (p, i, i % 2, 1);
  ok (sb_inception_score (p, &score));
  cr_assert_float_eq (score, 2, 1e-12);

  // Two verdicts, (0.8, 0.2) and (0.2, 0.8): each is 0.8 log 1.6 + 0.2 log 0.4 from even odds.
  gsl_matrix *two = matrix_of (2, 2, 0.8, 0.2, 0.2, 0.8);
  ok (sb_inception_score (two, &score));
  cr_assert_float_eq (score, exp (0.8 * log (1.6) + 0.2 * log (0.4)), 1e-12);
}

Test (classifier, histogram_counts_and_is_sure)
{
  gsl_matrix *p = matrix_all (3, 3, 0);
  size_t counts[3], sure;
  gsl_matrix_set (p, 0, 2, 0.95), gsl_matrix_set (p, 1, 2, 0.85), gsl_matrix_set (p, 2, 0, 1);
  ok (sb_class_histogram (p, 0.9, counts, &sure));
  cr_assert_arr_eq (counts, ((size_t[]){ 1, 0, 2 }), sizeof counts);
  cr_assert_eq (sure, 2);
}

// ## Bars
//
// Images of 8 x 8, a bar that stands (class 0) or lies (class 1), anywhere.

enum
{
  BARS = 14,
  SIDE = 8
};

static void
draw_bars (unsigned char *images, unsigned char *labels)
{
  memset (images, 0, BARS * SIDE * SIDE);
  for (int k = 0; k < BARS; k++)
    {
      labels[k] = k % 2;
      for (int j = 0; j < SIDE; j++)
        images[k * SIDE * SIDE + (k % 2 ? (k / 2) * SIDE + j : j * SIDE + k / 2)] = 255;
    }
}

Test (classifier, learns_and_is_read_back)
{
  unsigned char pixels[BARS * SIDE * SIDE], classes[BARS];
  draw_bars (pixels, classes);
  sb_bytes images = { .shape = { .rank = 3, .length = { BARS, SIDE, SIDE } }, .data = pixels },
           labels = { .shape = { .rank = 1, .length = { BARS } }, .data = classes };
  sb_error error = { 0 };
  sb_model *model
      = scoped (sb_model_classifier_alloc ("cnn image=1x8x8 outputs=2 channels=4 multipliers=1,2 blocks=1 groups=2",
                                           -0.5, 1, &error),
                "%s", error.message);
  sb_training *training = scoped (sb_training_alloc (model->net, (sb_stream){ 1, SB_FOR_USER, 0 }));
  const sb_byte_examples examples = { &images, -0.5, 1, 1, false };
  const sb_labelled_examples labelled = { sb_examples_of_bytes (&examples), &labels, 0 };
  const sb_classifying task
      = { { .net = model->net, .theta = training->theta }, sb_examples_with_labels (&labelled), 0 };
  sb_recipe recipe = { .task = sb_classifying_task (&task),
                       .adam = { 0.01, 0.9, 0.999, 1e-8, 10, 1, 0.9, SB_EMA_NONE, 0, 0, 0 },
                       .batch = 16,
                       .shard_rows = 8,
                       .seed = 1 };
  sb_trainer *trainer = scoped (sb_trainer_alloc (&recipe, training));
  double loss = 0, norm;
  for (int k = 0; k < 200; k++)
    ok (sb_trainer_step (trainer, &loss, &norm, &error), "%s", error.message);
  cr_assert_lt (loss, 0.1);

  char path[] = "/tmp/scorebook-test-XXXXXX";
  close (mkstemp (path));
  const sb_provenance provenance = { NULL, "", "", "", 0, NULL, NULL };
  ok (sb_checkpoint_export (path, model, training, &provenance, &error), "%s", error.message);
  sb_classifier *classifier = scoped (sb_classifier_read (path, &error), "%s", error.message);
  cr_assert_null (sb_model_read (path, NULL), "a classifier was taken for a score");
  remove (path);
  cr_assert_eq (classifier->classes, 2);
  cr_assert_eq (classifier->features, 8);

  // Seen in another range of values, the images are the same images. The bare network, shown each alone in the range it
  // was trained on, says the same. And the last layer, applied to the features by hand, gives back the probabilities:
  // the features are what the verdict rests on.
  gsl_matrix *x = matrix (BARS, SIDE * SIDE), *p = matrix (BARS, 2), *q = matrix (BARS, 2),
             *features = matrix (BARS, 8);
  ok (sb_bytes_rows (&images, 0, 0, 1, x));
  ok (sb_classifier_look (classifier, x, 0, 1, p, features));
  ok (sb_bytes_rows (&images, 0, -1, 1, x));
  ok (sb_classifier_look (classifier, x, -1, 1, q, NULL));
  sb_net_work *work = scoped (sb_net_work_alloc (classifier->net, 1, 0));
  for (size_t i = 0; i < BARS; i++)
    {
      float in[SIDE * SIDE], out[2];
      for (size_t j = 0; j < SIDE * SIDE; j++)
        in[j] = pixels[i * SIDE * SIDE + j] ? 1 : -0.5F;
      ok (sb_net_forward (classifier->net, classifier->theta, 1, in, NULL, NULL, work, out));
      cr_assert_float_eq (gsl_matrix_get (p, i, 0), 1 / (1 + exp ((double)out[1] - (double)out[0])), 1e-5);
    }
  const float *W = classifier->theta + classifier->net->parameters - 18, *b = W + 16;
  for (size_t i = 0; i < BARS; i++)
    {
      double l[2];
      cr_assert_gt (gsl_matrix_get (p, i, classes[i]), 0.8, "bar %zu: %g", i, gsl_matrix_get (p, i, classes[i]));
      cr_assert_float_eq (gsl_matrix_get (p, i, 0), gsl_matrix_get (q, i, 0), 1e-5);
      cr_assert_float_eq (gsl_matrix_get (p, i, 0) + gsl_matrix_get (p, i, 1), 1, 1e-14);
      for (size_t k = 0; k < 2; k++)
        {
          l[k] = (double)b[k];
          for (size_t j = 0; j < 8; j++)
            l[k] += (double)W[8 * k + j] * gsl_matrix_get (features, i, j);
        }
      cr_assert_float_eq (gsl_matrix_get (p, i, 0), 1 / (1 + exp (l[1] - l[0])), 1e-4, "bar %zu: features say %g", i,
                          1 / (1 + exp (l[1] - l[0])));
    }
  refused (GSL_EBADLEN, sb_classifier_look (classifier, p, 0, 1, p, NULL));
  refused (GSL_EDOM, sb_classifier_look (classifier, x, 1, 1, p, NULL));
  refused (GSL_EDOM, sb_classifier_look (classifier, x, -1.7e308, 1.7e308, p, NULL)); // further apart than a double
  refused (GSL_EDOM, sb_classifier_look (classifier, x, 0, 1e-320, p, NULL));
  refused (GSL_EBADLEN, sb_classifier_look (classifier, x, 0, 1, matrix (BARS + 1, 2), NULL));
  refused (GSL_EBADLEN, sb_classifier_look (classifier, x, 0, 1, matrix (BARS, 3), NULL));
  refused (GSL_EBADLEN, sb_classifier_look (classifier, x, 0, 1, NULL, matrix (BARS + 1, 8)));
  refused (GSL_EBADLEN, sb_classifier_look (classifier, x, 0, 1, NULL, matrix (BARS, 7)));
  float in[SIDE * SIDE];
  refused (GSL_EBADLEN, sb_classifier_show (classifier, p, 0, 1, 0, 1, in));
  refused (GSL_EBADLEN, sb_classifier_show (classifier, x, 0, 1, BARS + 1, 0, in));
  refused (GSL_EBADLEN, sb_classifier_show (classifier, x, 0, 1, BARS, 1, in));

  // So it is with any range of values: far from zero, or in a unit of any size. What is no image is refused.
  const double low[] = { 0x1p27, -1e150, 0 }, high[] = { 0x1p27 + 1, 1e150, 1e-150 };
  for (size_t k = 0; k < 3; k++)
    {
      ok (sb_bytes_rows (&images, 0, low[k], high[k], x));
      ok (sb_classifier_look (classifier, x, low[k], high[k], p, NULL));
      cr_assert_lt (largest_difference (p, q), 1e-5, "%g", largest_difference (p, q));
    }
  const double wrong[] = { NAN, INFINITY, 1e300 };
  for (size_t k = 0; k < 3; k++)
    for (size_t place = 0; place < 3; place++)
      {
        ok (sb_bytes_rows (&images, 0, -1, 1, x));
        x->data[place * (BARS * SIDE * SIDE - 1) / 2] = wrong[k];
        refused (GSL_EDOM, sb_classifier_look (classifier, x, -1, 1, p, NULL));
      }
}

// Images in colour are rows with the channel fastest. A network whose only convolution takes each channel by itself,
// with a norm for each: its features are then the means of $\mathrm{SiLU}$ over the channel's normalised pixels, which
// tell the channels apart.

Test (classifier, colours_keep_their_places)
{
  enum
  {
    HEIGHT = 4,
    WIDTH = 6,
    PIXELS = HEIGHT * WIDTH
  };
  sb_net *net = scoped (sb_net_alloc ("cnn image=3x4x6 outputs=3 channels=3 multipliers=1 blocks=1 groups=3", NULL));
  float *theta = scoped (calloc (net->parameters, sizeof *theta));
  gsl_matrix *x = matrix (2, 3 * PIXELS), *features = matrix (2, 3);
  for (size_t c = 0; c < 3; c++)
    {
      theta[(c * 3 + c) * 9 + 4] = 1; // the convolution: 3 x 3 x 3 x 3, then its biases; then the norm's gains
      theta[81 + 3 + c] = (float)(c + 1);
    }
  for (size_t k = 0; k < 2 * 3 * PIXELS; k++)
    x->data[k] = sin (1 + 1.7 * (double)k) + (k % 3 == 1 ? pow (sin (0.3 * (double)k), 8) : 0);
  sb_classifier classifier = { net, theta, -1, 1, 3, 3 };
  ok (sb_classifier_look (&classifier, x, -1, 1, NULL, features));
  for (size_t i = 0; i < 2; i++)
    for (size_t c = 0; c < 3; c++)
      {
        double mean = 0, variance = 0, want = 0;
        for (size_t p = 0; p < PIXELS; p++)
          mean += gsl_matrix_get (x, i, 3 * p + c) / PIXELS;
        for (size_t p = 0; p < PIXELS; p++)
          variance += pow (gsl_matrix_get (x, i, 3 * p + c) - mean, 2) / PIXELS;
        for (size_t p = 0; p < PIXELS; p++)
          {
            double h = (double)(c + 1) * (gsl_matrix_get (x, i, 3 * p + c) - mean) / sqrt (variance + 1e-5);
            want += h / (1 + exp (-h)) / PIXELS;
          }
        cr_assert_float_eq (gsl_matrix_get (features, i, c), want, 1e-5, "image %zu, channel %zu: %g, not %g", i, c,
                            gsl_matrix_get (features, i, c), want);
      }
}

// What another file says of itself: no classifier, a range that is none, more weights than it has. The line names it.

Test (classifier, other_files_are_refused)
{
  const char *const cnn = "cnn image=1x8x8 outputs=2 channels=4 multipliers=1,2 blocks=1 groups=2";
  const char *const notes[][4] = { { NULL, "0 1", "no classifier" },
                                   { "mlp inputs=2", "0 1", "no classifier" },
                                   { "cnn image=1x8x8", "0 1", "outputs" },
                                   { cnn, NULL, "data_range" },
                                   { cnn, "1 0", "data_range" },
                                   { cnn, "0 1 2", "data_range" },
                                   { cnn, "0", "data_range" },
                                   { cnn, "0 1", "parameters" },
                                   { cnn, "0 1", "noisy", "vp" } };
  char path[] = "/tmp/scorebook-test-XXXXXX";
  close (mkstemp (path));
  for (size_t k = 0; k < sizeof notes / sizeof *notes; k++)
    {
      float w[2] = { 0 };
      sb_error error = { 0 };
      sb_tensors *tensors = scoped (sb_tensors_alloc ());
      sb_tensors_add (tensors, "out.bias", 1, (size_t[]){ 2 }, w);
      if (notes[k][0])
        sb_tensors_note_add (tensors, "network", notes[k][0]);
      if (notes[k][1])
        sb_tensors_note_add (tensors, "data_range", notes[k][1]);
      if (notes[k][3])
        sb_tensors_note_add (tensors, "process", notes[k][3]);
      ok (sb_safetensors_write (tensors, path, NULL));
      cr_assert_null (sb_classifier_read (path, &error));
      refused (GSL_EINVAL, error.code);
      cr_assert (strstr (error.message, path) && strstr (error.message, notes[k][2]), "%s: not '%s'", error.message,
                 notes[k][2]);
    }
  remove (path);
}

Test (classifier, what_does_not_fit_is_refused)
{
  cr_assert_null (sb_classifier_read ("/nonexistent", NULL));
  gsl_matrix none = { 0 };
  double score;
  refused (GSL_EDOM, sb_inception_score (&none, &score));
  gsl_matrix *p = matrix_of (2, 2, 0.5, 0.5, NAN, 1);
  size_t counts[2], sure;
  refused (GSL_EDOM, sb_inception_score (p, &score));
  refused (GSL_EDOM, sb_class_histogram (p, 0.9, counts, &sure));
  refused (GSL_EDOM, sb_class_histogram (matrix (2, 0), 0.9, counts, &sure));
  refused (GSL_EDOM, sb_inception_score (matrix_of (1, 2, 0, 2), &score));
}
