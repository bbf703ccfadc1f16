// # Figure 13: how well a noisy image can be classed
//
// What guides samples is a classifier that has seen images at every noise level. [scoresde.fig13] How often it is right
// has to fall with the noise; for two Gaussians on a line the best share is known, and the exact classifier has it.
// Then the networks that were trained for this, on test images; and samples of Fashion-MNIST's ten classes, which
// `scorebook sample --classifier` has drawn.

#include "../judge.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

// ## Two Gaussians
//
// $\mathcal N(\pm 1, 0.3^2)$, equally often, with noise of deviation $\sigma$: the best classifier is the sign, right
// with probability $\Phi\bigl(1/\sqrt{0.09 + \sigma^2}\bigr)$. Here it is Bayes's rule on the densities of the two
// classes under the process.

enum
{
  LEVELS = 5
};

static const double sigma[LEVELS] = { 0.01, 0.1, 1, 5, 20 };

static sb_target *
class_law (double mean)
{
  const double variance = 0.09;
  gsl_vector_const_view m = gsl_vector_const_view_array (&mean, 1);
  gsl_matrix_const_view C = gsl_matrix_const_view_array (&variance, 1, 1);
  return require_pointer (sb_target_gaussian_alloc (&m.vector, &C.matrix), "the law");
}

static double
time_of_noise (const sb_process *ve, double noise)
{
  double low = 0, high = 1, a, s;
  for (int k = 0; k < 100; k++)
    {
      const double middle = (low + high) / 2;
      require (sb_process_scalars (ve, 0, middle, &a, &s), "kernel");
      *(s < noise ? &low : &high) = middle;
    }
  return high;
}

static void
normals (uint64_t seed, sb_purpose purpose, gsl_matrix *z)
{
  require (sb_stream_normals ((sb_stream){ .seed = seed, .purpose = purpose }, 0, z), "normals");
}

// Row i is of the class i mod 2; both densities are asked at the same noisy points.

static size_t
right_of_two (const sb_process *ve, double t, size_t n, uint64_t seed)
{
  sb_target *law[] = { class_law (-1), class_law (1) };
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, 1), "points"),
             *z = require_pointer (gsl_matrix_alloc (n, 1), "normals");
  gsl_vector *times = require_pointer (gsl_vector_alloc (n), "times"),
             *log_p[] = { require_pointer (gsl_vector_alloc (n), "densities"),
                          require_pointer (gsl_vector_alloc (n), "densities") };
  size_t right = 0;
  gsl_vector_set_all (times, t);
  normals (seed, SB_FOR_DATA, x);
  normals (seed, SB_FOR_FORWARD, z);
  for (size_t i = 0; i < n; i++)
    gsl_matrix_set (x, i, 0, (i % 2 ? 1 : -1) + 0.3 * gsl_matrix_get (x, i, 0));
  require (sb_process_transition (ve, NULL, times, z, x), "the kernel");
  for (size_t k = 0; k < 2; k++)
    require (sb_target_log_density (law[k], ve, x, times, log_p[k]), "densities");
  for (size_t i = 0; i < n; i++)
    right += gsl_vector_get (log_p[i % 2], i) > gsl_vector_get (log_p[1 - i % 2], i);
  for (size_t k = 0; k < 2; k++)
    {
      gsl_vector_free (log_p[k]);
      sb_target_free (law[k]);
    }
  gsl_vector_free (times);
  gsl_matrix_free (z);
  gsl_matrix_free (x);
  return right;
}

// Errors are few at little noise: the binomial law itself says which counts are credible, one in a million for all
// five.

static void
two_gaussians (results *r)
{
  const unsigned n = r->scale == SMOKE ? 1000 : 100000;
  const double rare = 1e-6 / (2 * LEVELS);
  sb_process *ve = require_pointer (sb_ve_alloc (1, 0.001, 20), "the process");
  bool credible = true, falls = true;
  double before = 1;
  for (size_t l = 0; l < LEVELS; l++)
    {
      char row[48];
      const double best = gsl_cdf_ugaussian_P (1 / sqrt (0.09 + sigma[l] * sigma[l]));
      const unsigned right = (unsigned)right_of_two (ve, time_of_noise (ve, sigma[l]), n, r->seed);
      const double share = (double)right / n;
      snprintf (row, sizeof row, "two Gaussians, σ = %g", sigma[l]);
      results_row (r, row, "accuracy", "", share, sqrt (share * (1 - share) / n), "", "exact classifier");
      results_row (r, row, "the best there is", "", best, -1, "", "in closed form");
      credible = credible && gsl_cdf_binomial_P (right, best, n) > rare
                 && (right == 0 || gsl_cdf_binomial_Q (right - 1, best, n) > rare);
      falls = falls && (l < 2 || share < before);
      before = share;
    }
  sb_process_free (ve);
  results_claim (r, "Two Gaussians: Bayes's rule is right as often as can be", credible,
                 "each count of %u within the range that the binomial law leaves once in a million", n);
  results_claim (r, "Two Gaussians: accuracy falls with the noise", falls, "from σ = 0.1 on, to %.4f at 20", before);
}

// ## Classifiers that were trained

enum
{
  NOISES = 12 // up to sigma_max, evenly spaced in the logarithm
};

typedef struct
{
  const char *name, *variable, *labels;
  bool clothes;
} subject;

static gsl_vector *
test_labels (const char *file, size_t n)
{
  char path[4096];
  sb_error error = { 0 };
  data_path (file, path, sizeof path);
  sb_bytes *bytes = require_pointer (sb_idx_read (path, &error), error.message);
  gsl_vector *label = require_pointer (gsl_vector_alloc (n), "labels");
  require (bytes->shape.length[0] >= n ? GSL_SUCCESS : GSL_EBADLEN, path);
  for (size_t i = 0; i < n; i++)
    gsl_vector_set (label, i, bytes->data[i]);
  sb_bytes_free (bytes);
  return label;
}

static double
accuracy (const sb_timed_classifier *classifier, const sb_process *ve, const gsl_matrix *images,
          const gsl_vector *label, double t, uint64_t seed)
{
  const size_t n = images->size1;
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, PIXELS), "images"),
             *z = require_pointer (gsl_matrix_alloc (n, PIXELS), "noise"),
             *p = require_pointer (gsl_matrix_alloc (n, CLASSES), "probabilities");
  gsl_vector *times = require_pointer (gsl_vector_alloc (n), "times");
  size_t right = 0;
  gsl_matrix_memcpy (x, images);
  gsl_vector_set_all (times, t);
  normals (seed, SB_FOR_FORWARD, z);
  require (sb_process_transition (ve, NULL, times, z, x), "the kernel");
  require (sb_timed_classifier_probabilities (classifier, x, times, p), "the classifier");
  for (size_t i = 0; i < n; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (p, i);
      right += (double)gsl_vector_max_index (&row.vector) == gsl_vector_get (label, i);
    }
  gsl_vector_free (times);
  gsl_matrix_free (p);
  gsl_matrix_free (z);
  gsl_matrix_free (x);
  return (double)right / (double)n;
}

static double
binomial_se (double share, size_t n)
{
  return sqrt (share * (1 - share) / (double)n);
}

// At the largest noise the share is not yet that of guessing: an image has many pixels, and noise averages out over
// them.

static void
claim_curve (results *r, const char *name, const double *share, const double *noise, double at_quarter, size_t n)
{
  char claim[96];
  bool falls = true;
  const double last = share[NOISES - 1];
  for (size_t l = 1; l < NOISES; l++)
    falls = falls && share[l] < share[l - 1] + 2 * hypot (binomial_se (share[l], n), binomial_se (share[l - 1], n));
  snprintf (claim, sizeof claim, "%s: accuracy falls with the noise", name);
  results_claim (r, claim, falls, "from %.3f at σ = %g to %.3f at %g, within 2 standard errors of each difference",
                 share[0], noise[0], last, noise[NOISES - 1]);
  snprintf (claim, sizeof claim, "%s: the largest noise leaves nearly nothing of a class", name);
  results_claim (r, claim,
                 last < 0.2 && at_quarter - last > 4.9 * hypot (binomial_se (last, n), binomial_se (at_quarter, n)),
                 "%.3f of %zu at σ = %g, %.3f at a quarter of it", last, n, noise[NOISES - 1], at_quarter);
}

static void
trained (const subject *s, FILE *curve, results *r)
{
  sb_error error = { 0 };
  sb_model *model = require_pointer (sb_model_read_classifier (getenv (s->variable), &error), error.message);
  sb_timed_classifier *classifier = require_pointer (sb_timed_classifier_alloc (&model->network), "the classifier");
  const size_t n = r->scale == SMOKE ? 16 : s->clothes ? 500 : r->scale == QUICK ? 1000 : 10000;
  gsl_matrix *x
      = s->clothes ? test_clothes (0, n, model->low, model->high) : test_digits (0, n, model->low, model->high);
  gsl_vector *label = test_labels (s->labels, n);
  const double least = 0.01;
  double a, most, share[NOISES], noise[NOISES];
  require (sb_process_scalars (model->process, 0, 1, &a, &most), "kernel");
  fprintf (curve, "\"%s\"\n", s->name);
  for (size_t l = 0; l < NOISES; l++)
    {
      char row[64];
      noise[l] = l + 1 < NOISES ? least * pow (most / least, (double)l / (NOISES - 1)) : most;
      share[l] = accuracy (classifier, model->process, x, label, time_of_noise (model->process, noise[l]), r->seed);
      fprintf (curve, "%g %g\n", noise[l], share[l]);
      snprintf (row, sizeof row, "%s, σ = %.2g", s->name, noise[l]);
      results_row (r, row, "accuracy", "", share[l], binomial_se (share[l], n), "", "published: a curve");
    }
  fputs ("\n\n", curve);
  r->evaluations += (NOISES + 1) * n;
  const double at_quarter
      = accuracy (classifier, model->process, x, label, time_of_noise (model->process, most / 4), r->seed);
  if (r->scale != SMOKE)
    claim_curve (r, s->name, share, noise, at_quarter, n);
  if (r->scale != SMOKE && !s->clothes)
    results_claim (r, "MNIST: over 97 % are right at the least noise", share[0] > 0.97, "%.2f %% of %zu at σ = %g",
                   100 * share[0], n, noise[0]);
  gsl_vector_free (label);
  gsl_matrix_free (x);
  sb_timed_classifier_free (classifier);
  sb_model_free (model);
}

// ## Samples of ten classes

static const char *const name[CLASSES]
    = { "T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot" };
static const char *const agree = "Fashion-MNIST: samples are of the class asked for, 90 % or more";

static void
ten_classes (const char *path, results *r)
{
  judge j = judge_open ("fashion");
  gsl_matrix *all = NULL, *asked = NULL;
  size_t each = 0;
  for (size_t k = 0; k < CLASSES; k++)
    {
      char file[4096];
      sb_error error = { 0 };
      snprintf (file, sizeof file, "%s-%zu.npy", path, k);
      gsl_matrix *x = require_pointer (sb_npy_read (file, NULL, &error), error.message);
      if (k == 0)
        {
          each = x->size1;
          all = require_pointer (gsl_matrix_alloc (CLASSES * each, PIXELS), "samples");
          asked = require_pointer (gsl_matrix_alloc (CLASSES * each, 1), "classes");
        }
      gsl_matrix_view to = gsl_matrix_submatrix (all, k * each, 0, each, PIXELS),
                      y = gsl_matrix_submatrix (asked, k * each, 0, each, 1);
      gsl_matrix_memcpy (&to.matrix, x);
      gsl_matrix_set_all (&y.matrix, (double)k);
      results_row (r, name[k], "seen as asked", "", agreed (&j, x, 0, 1, &y.matrix), -1, "", "published: pictures");
      gsl_matrix_free (x);
    }
  const double share = agreed (&j, all, 0, 1, asked);
  gsl_matrix *images = test_clothes (0, 0, 0, 1);
  gsl_vector *label = test_labels ("fashion-test-labels-idx1-ubyte.gz", images->size1);
  gsl_matrix_const_view labels = gsl_matrix_const_view_vector (label, images->size1, 1);
  const double of_images = agreed (&j, images, 0, 1, &labels.matrix);
  results_row (r, "all classes", "seen as asked", "", share, binomial_se (share, all->size1), "", "");
  results_row (r, "test images", "seen as asked", "", of_images, binomial_se (of_images, images->size1), "",
               "as they are labelled");
  picture (r, "classes", all, GSL_MIN (each, 20), 0, 1);
  if (r->scale == SMOKE)
    untested (r, agree, "ten samples in two steps say nothing");
  else
    results_claim (r, agree, share >= 0.9, "%.1f %% of %zu, by a classifier that took no part; of test images %.1f %%",
                   100 * share, all->size1, 100 * of_images);
  gsl_vector_free (label);
  gsl_matrix_free (images);
  gsl_matrix_free (asked);
  gsl_matrix_free (all);
  judge_close (j);
}

static bool
is_there (const char *variable)
{
  const char *value = getenv (variable);
  return value && *value;
}

int
main (void)
{
  static const subject subjects[] = { { "MNIST", "DIGITS", "t10k-labels-idx1-ubyte.gz", false },
                                      { "Fashion-MNIST", "CLOTHES", "fashion-test-labels-idx1-ubyte.gz", true } };
  results r = results_open ();
  two_gaussians (&r);
  FILE *curve = results_data (&r, "accuracy.dat");
  for (size_t k = 0; k < 2; k++)
    if (is_there (subjects[k].variable))
      trained (&subjects[k], curve, &r);
    else
      untested (&r, k == 0 ? "MNIST: accuracy falls with the noise" : "Fashion-MNIST: accuracy falls with the noise",
                "no classifier of its noisy images is here");
  require (fclose (curve) ? GSL_EFAILED : GSL_SUCCESS, "writing the curve");
  if (is_there ("CLASSES"))
    ten_classes (getenv ("CLASSES"), &r);
  else
    untested (&r, agree, "one of the networks is not here");
  results_close (&r);
  return EXIT_SUCCESS;
}
