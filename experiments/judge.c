// # A judge of digits
//
// A classifier says which digits are seen, how sure it is, and how far its features are from those of the training
// images.

#include "judge.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <math.h>

static const double sure = 0.9;

judge
judge_open (const char *images)
{
  char name[64], classifier[4096], moments[4096];
  sb_error error = { 0 };
  snprintf (name, sizeof name, "models/%s-classifier.safetensors", images);
  data_path (name, classifier, sizeof classifier);
  snprintf (name, sizeof name, "models/%s-moments.safetensors", images);
  data_path (name, moments, sizeof moments);
  judge j = { .classifier = sb_classifier_read (classifier, &error) };
  require_pointer (j.classifier, error.message);
  j.training = require_pointer (sb_moments_file_read (moments, &error), error.message);
  require (j.classifier->classes == CLASSES ? GSL_SUCCESS : GSL_EBADLEN, "the classifier");
  return j;
}

void
judge_close (judge j)
{
  sb_classifier_free (j.classifier);
  sb_moments_file_free (j.training);
}

static double
mean_of_largest (const gsl_matrix *probabilities)
{
  double sum = 0;
  for (size_t i = 0; i < probabilities->size1; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (probabilities, i);
      sum += gsl_vector_max (&row.vector);
    }
  return sum / (double)probabilities->size1;
}

verdict
judged (const judge *j, const gsl_matrix *x, double low, double high)
{
  verdict v;
  size_t counts[CLASSES], sure_rows;
  gsl_matrix *probabilities = require_pointer (gsl_matrix_alloc (x->size1, CLASSES), "probabilities"),
             *features = require_pointer (gsl_matrix_alloc (x->size1, j->classifier->features), "features");
  require (sb_classifier_look (j->classifier, x, low, high, probabilities, features), "the classifier");
  require (sb_inception_score (probabilities, &v.inception), "the Inception score");
  require (sb_class_histogram (probabilities, sure, counts, &sure_rows), "the classes");
  v.confidence = mean_of_largest (probabilities);
  v.sure = (double)sure_rows / (double)x->size1;
  for (size_t k = 0; k < CLASSES; k++)
    v.share[k] = (double)counts[k] / (double)x->size1;

  sb_moments_file *seen = require_pointer (sb_moments_file_of (features, ""), "moments");
  require (sb_frechet_gaussians (seen->mean, seen->covariance, j->training->mean, j->training->covariance, &v.frechet),
           "the Frechet distance");
  sb_moments_file_free (seen);
  gsl_matrix_free (features);
  gsl_matrix_free (probabilities);
  return v;
}

double
agreed (const judge *j, const gsl_matrix *x, double low, double high, const gsl_matrix *y)
{
  gsl_matrix *probabilities = require_pointer (gsl_matrix_alloc (x->size1, CLASSES), "probabilities");
  size_t agree = 0;
  require (sb_classifier_look (j->classifier, x, low, high, probabilities, NULL), "the classifier");
  for (size_t i = 0; i < x->size1; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (probabilities, i);
      agree += (double)gsl_vector_max_index (&row.vector) == gsl_matrix_get (y, i, 0);
    }
  gsl_matrix_free (probabilities);
  return (double)agree / (double)x->size1;
}

// ## Errors

verdict
judged_with_errors (const judge *j, const gsl_matrix *x, double low, double high, verdict *se)
{
  double frechet[GROUPS], inception[GROUPS];
  for (size_t g = 0; g < GROUPS; g++)
    {
      gsl_matrix *rest = without_group (x, g);
      const verdict v = judged (j, rest, low, high);
      frechet[g] = v.frechet, inception[g] = v.inception;
      gsl_matrix_free (rest);
    }
  *se = (verdict){ .frechet = jackknife (frechet), .inception = jackknife (inception) };
  return judged (j, x, low, high);
}

// ## What to compare with

static void
put_distance_of (results *r, const judge *j, const char *row, const char *column, const gsl_matrix *x)
{
  char note[32];
  verdict se;
  const verdict v = judged_with_errors (j, x, 0, 1, &se);
  snprintf (note, sizeof note, "%zu images", x->size1);
  results_row (r, row, column, "", v.frechet, se.frechet, "", note);
}

void
put_floor_and_noise (results *r, const judge *j, size_t n, const char *column)
{
  gsl_matrix *test = test_clothes (0, GSL_MIN (n, 500), 0, 1),
             *noise = require_pointer (gsl_matrix_alloc (test->size1, PIXELS), "noise");
  require (sb_stream_uniforms ((sb_stream){ .seed = r->seed, .purpose = SB_FOR_USER }, 0, noise), "noise");
  put_distance_of (r, j, "test images", column, test);
  put_distance_of (r, j, "uniform noise", column, noise);
  gsl_matrix_free (test);
  gsl_matrix_free (noise);
}
