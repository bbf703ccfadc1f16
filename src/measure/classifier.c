// # What a classifier sees in samples
//
// Whether a picture is a digit is judged by a classifier of digits. A small convolutional network, trained on labelled
// images, gives two things for each sample: the probabilities of the digits, and features.

#include "classifier.h"

#include "../base/error.h"
#include "../base/number.h"
#include "../base/pool.h"
#include "../base/shard.h"
#include "../dataset/safetensors.h"
#include "../engine/choose.h"
#include "../score/cross_entropy.h"
#include "../score/model.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ## Reading

void
sb_classifier_free (sb_classifier *classifier)
{
  if (!classifier)
    return;
  sb_net_free (classifier->net);
  free (classifier->theta);
  free (classifier);
}

static int
read_into (sb_classifier *c, const sb_tensors *tensors, const char *path, sb_error *error)
{
  const char *net = sb_tensors_note_find (tensors, "network"), *range = sb_tensors_note_find (tensors, "data_range");
  double low_high[2];
  sb_error reason = { 0 };
  c->net = net ? sb_net_alloc (net, &reason) : NULL;
  if (net && !c->net)
    SB_ERROR (error, reason.code, "%s: %s", path, reason.message);
  if (!net || strcmp (c->net->architecture->name, "cnn") != 0)
    SB_ERROR (error, GSL_EINVAL, "%s: it holds no classifier", path);
  if (sb_tensors_note_find (tensors, "process"))
    SB_ERROR (error, GSL_EINVAL, "%s: its classifier is one of noisy images, with an input for the time", path);
  if (!range || sb_numbers_read (range, 2, low_high) != 2 || !(low_high[0] < low_high[1]))
    SB_ERROR (error, GSL_EINVAL, "%s: data_range is not two numbers, the lower first", path);
  c->low = low_high[0];
  c->high = low_high[1];
  sb_net_choose (c->net, NULL, SB_NET_FLOAT, NULL); // the fastest: there is always one
  if (c->net->parameters > sb_tensors_numbers (tensors))
    SB_ERROR (error, GSL_EINVAL, "%s: its network has %zu parameters, and the file fewer numbers", path,
              c->net->parameters);
  c->theta = calloc (c->net->parameters + 1, sizeof *c->theta);
  if (!c->theta)
    SB_ERROR (error, GSL_ENOMEM, "%s: no memory", path);
  c->classes = sb_net_shape_size (sb_net_output (c->net));
  c->features = c->net->layers[c->net->count - 2].out.channels;
  return sb_model_get (c->net, "", tensors, path, c->theta, error);
}

sb_classifier *
sb_classifier_read (const char *path, sb_error *error)
{
  sb_tensors *tensors = sb_safetensors_read (path, error);
  if (!tensors)
    return NULL;
  sb_classifier *classifier = calloc (1, sizeof *classifier);
  int status = classifier ? read_into (classifier, tensors, path, error)
                          : sb_error_report (error, __FILE__, __LINE__, GSL_ENOMEM, "%s: no memory", path);
  sb_tensors_free (tensors);
  if (status)
    {
      sb_classifier_free (classifier);
      return NULL;
    }
  return classifier;
}

// ## Looking
//
// A few images at a time. The features are the input of the last layer. A row has an image's channels interleaved, the
// network one after the other.

enum
{
  SHARD_ROWS = 16
};

typedef struct
{
  sb_net_work *work;
  float *in, *out, *features; // SHARD_ROWS rows each
} workspace;

static void
workspace_free (void *state)
{
  workspace *r = state;
  sb_net_work_free (r->work);
  free (r->in);
  free (r->out);
  free (r->features);
  free (r);
}

static void *
workspace_alloc (const void *state)
{
  const sb_classifier *c = state;
  workspace *r = calloc (1, sizeof *r);
  if (!r)
    return NULL;
  r->work = sb_net_work_alloc (c->net, SHARD_ROWS, 0);
  r->in = calloc (SHARD_ROWS * sb_net_shape_size (sb_net_input (c->net)), sizeof *r->in);
  r->out = calloc (SHARD_ROWS * c->classes, sizeof *r->out);
  r->features = calloc (SHARD_ROWS * c->features, sizeof *r->features);
  if (r->work && r->in && r->out && r->features)
    return r;
  workspace_free (r);
  return NULL;
}

typedef struct
{
  const sb_classifier *classifier;
  sb_pool *workspaces;
  const gsl_matrix *x;
  double low, high;
  gsl_matrix *probabilities, *features;
} look;

static int
check_finite (double low, size_t first, size_t count, size_t numbers, const float *v)
{
  for (size_t k = 0; k < count * numbers; k++)
    if (!gsl_finite ((double)v[k]))
      SB_ERROR (NULL, GSL_EDOM, "image %zu is not finite, or too far out of the range from %g", first + k / numbers,
                low);
  return GSL_SUCCESS;
}

static int
scale_from (const sb_classifier *c, double low, double high, double *scale)
{
  *scale = (c->high - c->low) / (high - low);
  if (!(low < high) || !(0 < *scale && gsl_finite (*scale)))
    SB_ERROR (NULL, GSL_EDOM, "the images' range is two numbers, the lower first, not %g and %g", low, high);
  return GSL_SUCCESS;
}

int
sb_classifier_show (const sb_classifier *c, const gsl_matrix *x, double low, double high, size_t first, size_t count,
                    float *in)
{
  const sb_net_shape shape = sb_net_input (c->net);
  const size_t d = x->size2;
  double scale;
  if (d != sb_net_shape_size (shape) || first > x->size1 || count > x->size1 - first)
    SB_ERROR (NULL, GSL_EBADLEN, "x of %zu x %zu has no %zu images from %zu on that fit the classifier", x->size1, d,
              count, first);
  const int status = scale_from (c, low, high, &scale);
  if (status)
    return status;
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < d; k++)
      in[i * d + sb_net_place (shape, k)] = (float)(c->low + scale * (gsl_matrix_get (x, first + i, k) - low));
  return check_finite (low, first, count, d, in);
}

static int
look_at (const look *l, size_t first, size_t count, workspace *r)
{
  const sb_classifier *c = l->classifier;
  int status = sb_classifier_show (c, l->x, l->low, l->high, first, count, r->in);
  if (!status)
    status = sb_net_forward (c->net, c->theta, count, r->in, NULL, NULL, r->work, r->out);
  if (!status)
    status = check_finite (l->low, first, count, c->classes, r->out);
  if (status)
    return status;
  for (size_t k = 0; k < count * c->classes && l->probabilities; k++)
    gsl_matrix_set (l->probabilities, first + k / c->classes, k % c->classes, (double)r->out[k]);
  sb_net_hidden (c->net, r->work, r->features);
  for (size_t k = 0; k < count * c->features && l->features; k++)
    gsl_matrix_set (l->features, first + k / c->features, k % c->features, (double)r->features[k]);
  return GSL_SUCCESS;
}

static int
look_at_shard (void *context, size_t shard, size_t first, size_t count)
{
  (void)shard;
  const look *l = context;
  workspace *r = sb_pool_take (l->workspaces);
  if (!r)
    return GSL_ENOMEM;
  int status = look_at (l, first, count, r);
  sb_pool_give (l->workspaces, r);
  return status;
}

int
sb_classifier_look (const sb_classifier *classifier, const gsl_matrix *x, double low, double high,
                    gsl_matrix *probabilities, gsl_matrix *features)
{
  if (x->size2 != sb_net_shape_size (sb_net_input (classifier->net))
      || (probabilities && (probabilities->size1 != x->size1 || probabilities->size2 != classifier->classes))
      || (features && (features->size1 != x->size1 || features->size2 != classifier->features)))
    SB_ERROR (NULL, GSL_EBADLEN, "x of %zu x %zu, or the results, do not fit the classifier", x->size1, x->size2);
  double scale;
  int status = scale_from (classifier, low, high, &scale);
  if (status)
    return status;
  const sb_pool_recipe workspaces = { workspace_alloc, workspace_free, classifier };
  look l = { classifier, sb_pool_alloc (&workspaces), x, low, high, probabilities, features };
  if (!l.workspaces)
    return GSL_ENOMEM;
  status = sb_shards (x->size1, SHARD_ROWS, look_at_shard, &l);
  sb_pool_free (l.workspaces);
  if (!status && probabilities)
    sb_softmax (probabilities);
  return status;
}

// ## The Inception score

static int
check_probabilities (const gsl_matrix *p)
{
  for (size_t i = 0; i < p->size1; i++)
    for (size_t k = 0; k < p->size2; k++)
      if (!(gsl_matrix_get (p, i, k) >= 0 && gsl_matrix_get (p, i, k) < 1.001)) // rounding allowed for
        SB_ERROR (NULL, GSL_EDOM, "the probability in row %zu, column %zu is %g", i, k, gsl_matrix_get (p, i, k));
  return GSL_SUCCESS;
}

// With $p(y)$ the mean of the rows, $\exp\bigl(\langle\sum_y p(y|x)\log\frac{p(y|x)}{p(y)}\rangle\bigr)$.
// [scoresde.tab3]

int
sb_inception_score (const gsl_matrix *probabilities, double *score)
{
  size_t n = probabilities->size1;
  double sum = 0;
  if (n == 0)
    SB_ERROR (NULL, GSL_EDOM, "an Inception score needs at least one row");
  int status = check_probabilities (probabilities);
  if (status)
    return status;
  for (size_t k = 0; k < probabilities->size2; k++)
    {
      double marginal = 0;
      for (size_t i = 0; i < n; i++)
        marginal += gsl_matrix_get (probabilities, i, k) / (double)n;
      for (size_t i = 0; i < n; i++)
        {
          double p = gsl_matrix_get (probabilities, i, k);
          sum += p == 0 ? 0 : p * log (p / marginal); // p log p tends to 0
        }
    }
  *score = exp (sum / (double)n);
  return GSL_SUCCESS;
}

// ## The histogram of classes

int
sb_class_histogram (const gsl_matrix *probabilities, double sure, size_t *counts, size_t *sure_rows)
{
  if (probabilities->size2 == 0)
    SB_ERROR (NULL, GSL_EDOM, "there are no classes");
  int status = check_probabilities (probabilities);
  if (status)
    return status;
  memset (counts, 0, probabilities->size2 * sizeof *counts);
  *sure_rows = 0;
  for (size_t i = 0; i < probabilities->size1; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (probabilities, i);
      size_t top = gsl_vector_max_index (&row.vector);
      counts[top]++;
      *sure_rows += gsl_vector_get (&row.vector, top) > sure;
    }
  return GSL_SUCCESS;
}
