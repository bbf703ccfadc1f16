// # Laws, from a word or a file
//
// Two laws are built in, the ones that the experiments and tests use most:
//
// - `gmm3`, three Gaussians on a line: weights 0.3, 0.5, 0.2, means -1.5, 0.3, 2, standard deviations 0.3, 0.4, 0.2;
// - `spec48`, a Gaussian in 48 dimensions whose variances fall off like those of images, $\lambda_k = c/k$, with $c$
//   such that their mean is 0.25.
//
// A JSON file gives any Gaussian or mixture; a file of data gives the law that puts an equal mass on each of its
// points.

#include <config.h>
#include "named_law.h"
#include "options.h"
#include "point_files.h"
#include "setup.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ## A mixture in the making
//
// $K$ weights, means (a row each) and covariances ($d$ rows each, one below the other).

typedef struct
{
  gsl_vector *weights;
  gsl_matrix *means, *covariances;
} mixture;

enum
{
  SIZE_MOST = 1 << 26 // numbers in all covariances together: half a gigabyte
};

static void
mixture_free (mixture *m)
{
  gsl_vector_free (m->weights);
  gsl_matrix_free (m->means);
  gsl_matrix_free (m->covariances);
}

static int
mixture_alloc (mixture *m, size_t K, size_t d)
{
  *m = (mixture){ gsl_vector_calloc (K), gsl_matrix_calloc (K, d), gsl_matrix_calloc (K * d, d) };
  if (m->weights && m->means && m->covariances)
    return EXIT_SUCCESS;
  mixture_free (m);
  return failure ("--law: no memory for %zu components in %zu dimensions", K, d);
}

static sb_target *
mixture_target (const mixture *m)
{
  if (m->weights->size > 1)
    return sb_target_mixture_alloc (m->weights, m->means, m->covariances);
  gsl_vector_const_view mean = gsl_matrix_const_row (m->means, 0);
  return sb_target_gaussian_alloc (&mean.vector, m->covariances);
}

// ## The built-in ones

static int
build_gmm3 (mixture *m)
{
  const double weights[] = { 0.3, 0.5, 0.2 }, means[] = { -1.5, 0.3, 2 }, sds[] = { 0.3, 0.4, 0.2 };
  int status = mixture_alloc (m, 3, 1);
  for (size_t k = 0; status == EXIT_SUCCESS && k < 3; k++)
    {
      gsl_vector_set (m->weights, k, weights[k]);
      gsl_matrix_set (m->means, k, 0, means[k]);
      gsl_matrix_set (m->covariances, k, 0, sds[k] * sds[k]);
    }
  return status;
}

static int
build_spec48 (mixture *m)
{
  enum
  {
    D = 48
  };
  double harmonic = 0;
  for (size_t k = 1; k <= D; k++)
    harmonic += 1. / (double)k;
  int status = mixture_alloc (m, 1, D);
  for (size_t k = 1; status == EXIT_SUCCESS && k <= D; k++)
    gsl_matrix_set (m->covariances, k - 1, k - 1, 0.25 * D / harmonic / (double)k);
  if (status == EXIT_SUCCESS)
    gsl_vector_set (m->weights, 0, 1);
  return status;
}

// ## JSON
//
//     { "weights": [0.3, 0.7], "means": [[0, 1], [2, 3]], "sds": [0.5, [0.1, 0.2]] }
//
// `means` gives the number of components and dimensions (in one dimension its entries may be plain numbers). `weights`
// may be left out: equal ones. The spread is either `sds`, per component a number or one per coordinate, or
// `covariances`, per component a matrix. Complaints name the place as `means[1][0]`.

static int
get_number (const char *file, const json_t *value, const char *place, double *number)
{
  if (!json_is_number (value)) // which jansson reads as a finite one
    return failure ("%s: %s: not a number", file, place);
  *number = json_number_value (value);
  return EXIT_SUCCESS;
}

// A number where there is one coordinate, else a list of d.

static int
get_coordinates (const char *file, const json_t *value, const char *place, gsl_vector *x)
{
  if (json_is_number (value) && x->size == 1)
    return get_number (file, value, place, x->data);
  if (!json_is_array (value) || json_array_size (value) != x->size)
    return failure ("%s: %s: not a list of %zu numbers", file, place, x->size);
  for (size_t k = 0; k < x->size; k++)
    {
      char inner[96];
      snprintf (inner, sizeof inner, "%s[%zu]", place, k);
      if (get_number (file, json_array_get (value, k), inner, gsl_vector_ptr (x, k)) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    }
  return EXIT_SUCCESS;
}

static int
get_weights (const char *file, const json_t *root, gsl_vector *weights)
{
  const json_t *list = json_object_get (root, "weights");
  gsl_vector_set_all (weights, 1);
  if (list && get_coordinates (file, list, "weights", weights) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  double sum = 0;
  for (size_t k = 0; k < weights->size; k++)
    {
      double w = gsl_vector_get (weights, k);
      if (w < 0)
        return failure ("%s: weights[%zu]: %g is negative", file, k, w);
      sum += w;
    }
  if (!(sum > 0))
    return failure ("%s: weights: all are zero", file);
  return EXIT_SUCCESS;
}

static int
get_sds (const char *file, const json_t *value, const char *place, gsl_matrix *covariance)
{
  size_t d = covariance->size1;
  gsl_vector *sds = gsl_vector_alloc (d);
  if (!sds)
    return failure ("%s: no memory", file);
  int status = EXIT_SUCCESS;
  if (json_is_number (value))
    gsl_vector_set_all (sds, json_number_value (value));
  else
    status = get_coordinates (file, value, place, sds);
  for (size_t k = 0; status == EXIT_SUCCESS && k < d; k++)
    {
      double sd = gsl_vector_get (sds, k);
      if (sd < 0)
        status = failure ("%s: %s: %g is negative", file, place, sd);
      gsl_matrix_set (covariance, k, k, sd * sd);
    }
  gsl_vector_free (sds);
  return status;
}

static int
get_covariance (const char *file, const json_t *value, const char *place, gsl_matrix *covariance)
{
  size_t d = covariance->size1;
  if (!json_is_array (value) || json_array_size (value) != d)
    return failure ("%s: %s: not a list of %zu rows", file, place, d);
  for (size_t i = 0; i < d; i++)
    {
      char inner[64];
      snprintf (inner, sizeof inner, "%s[%zu]", place, i);
      gsl_vector_view row = gsl_matrix_row (covariance, i);
      if (get_coordinates (file, json_array_get (value, i), inner, &row.vector) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    }
  return EXIT_SUCCESS;
}

static int
get_components (const char *file, const json_t *root, mixture *m)
{
  const json_t *means = json_object_get (root, "means"), *sds = json_object_get (root, "sds");
  const json_t *spread = sds ? sds : json_object_get (root, "covariances");
  const char *spread_name = sds ? "sds" : "covariances";
  size_t K = m->means->size1, d = m->means->size2;
  if (!json_is_array (spread) || json_array_size (spread) != K)
    return failure ("%s: %s: not a list of %zu", file, spread_name, K);
  for (size_t k = 0; k < K; k++)
    {
      char place[48];
      snprintf (place, sizeof place, "means[%zu]", k);
      gsl_vector_view mean = gsl_matrix_row (m->means, k);
      if (get_coordinates (file, json_array_get (means, k), place, &mean.vector) != EXIT_SUCCESS)
        return EXIT_FAILURE;
      snprintf (place, sizeof place, "%s[%zu]", spread_name, k);
      gsl_matrix_view covariance = gsl_matrix_submatrix (m->covariances, k * d, 0, d, d);
      int status = (sds ? get_sds : get_covariance) (file, json_array_get (spread, k), place, &covariance.matrix);
      if (status != EXIT_SUCCESS)
        return EXIT_FAILURE;
    }
  return EXIT_SUCCESS;
}

static int
check_keys (const char *file, json_t *root)
{
  const char *key;
  json_t *value;
  json_object_foreach (root, key,
                       value) if (strcmp (key, "weights") != 0 && strcmp (key, "means") != 0 && strcmp (key, "sds") != 0
                                  && strcmp (key, "covariances")
                                         != 0) return failure ("%s: '%s': not one of weights, means, sds, covariances",
                                                               file, key);
  if (!json_object_get (root, "sds") == !json_object_get (root, "covariances"))
    return failure ("%s: needs either sds or covariances", file);
  return EXIT_SUCCESS;
}

static int
mixture_from_json (const char *file, json_t *root, mixture *m)
{
  const json_t *means = json_object_get (root, "means");
  size_t K = json_array_size (means);
  const json_t *first = json_array_get (means, 0);
  size_t d = json_is_array (first) ? json_array_size (first) : 1;
  if (!json_is_object (root))
    return failure ("%s: not a JSON object", file);
  if (check_keys (file, root) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  if (K == 0 || d == 0)
    return failure ("%s: means: not a list of points", file);
  if (d > SIZE_MOST / d || K > SIZE_MOST / (d * d))
    return failure ("%s: means: %zu components in %zu dimensions are too many", file, K, d);
  if (mixture_alloc (m, K, d) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  if (get_weights (file, root, m->weights) == EXIT_SUCCESS && get_components (file, root, m) == EXIT_SUCCESS)
    return EXIT_SUCCESS;
  mixture_free (m);
  return EXIT_FAILURE;
}

static int
read_json (const char *file, mixture *m)
{
  json_error_t error;
  sb_error reason = { 0 };
  FILE *stream = sb_file_open (file, &reason);
  if (!stream)
    return failure ("%s", reason.message);
  json_t *root = json_loadf (stream, JSON_REJECT_DUPLICATES, &error);
  const bool failed = ferror (stream); // to jansson, the end of the file
  fclose (stream);
  if (failed)
    {
      json_decref (root);
      return failure ("%s: cannot be read to its end", file);
    }
  if (!root && error.line < 1)
    return failure ("%s: %s", file, error.text);
  if (!root)
    return failure ("%s: line %d, column %d: %s", file, error.line, error.column, error.text);
  int status = mixture_from_json (file, root, m);
  json_decref (root);
  return status;
}

// ## Opening

static int
open_mixture (const char *name, int (*build) (mixture *), named_law *law)
{
  mixture m;
  int status = build ? build (&m) : read_json (name, &m);
  if (status != EXIT_SUCCESS)
    return status;
  law->target = mixture_target (&m);
  mixture_free (&m);
  return law->target ? EXIT_SUCCESS : failure ("%s: %s", name, why (GSL_FAILURE));
}

// Numbers are not mapped: in a picture of them the least is black and the largest white, unless a range says otherwise.

static void
find_range (const points *p, const double *range, named_law *law)
{
  gsl_matrix_minmax (p->rows, &law->low, &law->high);
  if (!isnan (range[0]))
    {
      law->low = range[0];
      law->high = range[1];
    }
  else if (law->low == law->high)
    law->high = fmax (law->low + 1, nextafter (law->low, INFINITY));
}

static int
open_points (const char *name, const double *range, const double *usual, named_law *law)
{
  points p;
  if (points_read (name, isnan (range[0]) ? usual : range, 0, &p) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  law->target = sb_target_points_alloc (p.rows, NULL);
  law->height = p.height;
  law->width = p.width;
  law->channels = p.channels;
  law->low = p.low;
  law->high = p.high;
  if (p.low == p.high)
    find_range (&p, range, law);
  points_free (&p);
  return law->target ? EXIT_SUCCESS : failure ("%s: %s", name, why (GSL_FAILURE));
}

int
law_open (const char *name, const double *range, const double *usual, named_law *law)
{
  *law = (named_law){ 0 };
  size_t length = strlen (name);
  if (strcmp (name, "gmm3") == 0)
    return open_mixture (name, build_gmm3, law);
  if (strcmp (name, "spec48") == 0)
    return open_mixture (name, build_spec48, law);
  if (length > 5 && strcmp (name + length - 5, ".json") == 0)
    return open_mixture (name, NULL, law);
  return open_points (name, range, usual, law);
}

void
law_close (named_law *law)
{
  sb_target_free (law->target);
  law->target = NULL;
}

named_law
look_of (const sb_model *model, sb_net_shape shape)
{
  named_law look = { .low = model->low, .high = model->high };
  if (sb_net_shape_pixels (shape) > 1)
    {
      look.height = shape.height;
      look.width = shape.width;
      look.channels = shape.channels;
    }
  return look;
}
