// # What must be true of the perceptual distance

#include "dataset/idx.h"
#include "measure/perceptual.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>

SUITE_WITH_BLAS (perceptual);

// ## A small classifier, by hand
//
// Of images of 4 x 6 pixels in two colours: a convolution to two channels, a norm in groups and SiLU, then means of
// four pixels, and the same again. In double, by loops of its own over pixels and channels. [nonuniform.txt-lpips]

enum
{
  H = 4,
  W = 6,
  C = 2,
  D = H * W * C
};

static sb_classifier
small (void)
{
  sb_net *net = scoped (sb_net_alloc ("cnn image=2x4x6 outputs=3 channels=2 multipliers=1,2 blocks=1 groups=1", NULL));
  gsl_rng *r = property_rng (1);
  float *theta = gaussians (r, net->parameters, 0.7);
  return (sb_classifier){ net, theta, -1, 3, 3, 4 };
}

// The tensor of this name.

static float *
weights (const sb_classifier *c, const char *name)
{
  float *found = NULL;
  for (size_t k = 0; k < sb_net_tensors (c->net); k++)
    {
      const sb_net_tensor t = sb_net_tensor_at (c->net, k);
      found = strcmp (t.name, name) == 0 ? c->theta + t.offset : found;
    }
  cr_assert_not_null (found, "no tensor %s", name);
  return found;
}

typedef struct
{
  size_t channels, height, width;
  double at[4][H][W];
} picture;

static picture
convolved (const sb_classifier *c, const char *weight, const char *bias, const picture *in, size_t channels)
{
  picture out = { channels, in->height, in->width, { { { 0 } } } };
  const float *w = weights (c, weight), *b = weights (c, bias);
  for (size_t o = 0; o < channels; o++)
    for (int i = 0; i < (int)in->height; i++)
      for (int j = 0; j < (int)in->width; j++)
        {
          double sum = (double)b[o];
          for (size_t k = 0; k < in->channels; k++)
            for (int u = -1; u <= 1; u++)
              for (int v = -1; v <= 1; v++)
                if (i + u >= 0 && i + u < (int)in->height && j + v >= 0 && j + v < (int)in->width)
                  sum += (double)w[(o * in->channels + k) * 9 + (size_t)(3 * (u + 1) + v + 1)]
                         * in->at[k][i + u][j + v];
          out.at[o][i][j] = sum;
        }
  return out;
}

static picture
normed (const sb_classifier *c, const char *gain, const char *bias, const picture *in)
{
  picture out = *in;
  const float *g = weights (c, gain), *b = weights (c, bias);
  const double count = (double)(in->channels * in->height * in->width);
  double mean = 0, variance = 0;
  for (int pass = 0; pass < 2; pass++)
    for (size_t k = 0; k < in->channels; k++)
      for (size_t i = 0; i < in->height; i++)
        for (size_t j = 0; j < in->width; j++)
          if (pass == 0)
            mean += in->at[k][i][j] / count;
          else
            variance += gsl_pow_2 (in->at[k][i][j] - mean) / count;
  for (size_t k = 0; k < in->channels; k++)
    for (size_t i = 0; i < in->height; i++)
      for (size_t j = 0; j < in->width; j++)
        out.at[k][i][j] = (double)g[k] * (in->at[k][i][j] - mean) / sqrt (variance + 1e-5) + (double)b[k];
  return out;
}

static picture
activated (const picture *in)
{
  picture out = *in;
  for (size_t k = 0; k < in->channels; k++)
    for (size_t i = 0; i < in->height; i++)
      for (size_t j = 0; j < in->width; j++)
        out.at[k][i][j] = in->at[k][i][j] / (1 + exp (-in->at[k][i][j]));
  return out;
}

static picture
halved (const picture *in)
{
  picture out = { in->channels, in->height / 2, in->width / 2, { { { 0 } } } };
  for (size_t k = 0; k < in->channels; k++)
    for (size_t i = 0; i < out.height; i++)
      for (size_t j = 0; j < out.width; j++)
        out.at[k][i][j] = (in->at[k][2 * i][2 * j] + in->at[k][2 * i][2 * j + 1] + in->at[k][2 * i + 1][2 * j]
                           + in->at[k][2 * i + 1][2 * j + 1])
                          / 4;
  return out;
}

// What the layers level.0.0.norm, level.0.0.silu and level.1.0.silu make of a row whose values range from 0 to 1: the
// network's from -1 to 3.

enum
{
  NORM_0,
  SILU_0,
  SILU_1,
  LAYERS
};

static const char *const names[LAYERS] = { "level.0.0.norm", "level.0.0.silu", "level.1.0.silu" };

static void
see (const sb_classifier *c, const gsl_matrix *x, size_t row, picture seen[LAYERS])
{
  picture h = { C, H, W, { { { 0 } } } };
  for (size_t k = 0; k < D; k++)
    h.at[k % C][k / C / W][k / C % W] = 4 * gsl_matrix_get (x, row, k) - 1;
  h = convolved (c, "level.0.0.conv.weight", "level.0.0.conv.bias", &h, 2);
  seen[NORM_0] = normed (c, "level.0.0.norm.weight", "level.0.0.norm.bias", &h);
  seen[SILU_0] = activated (&seen[NORM_0]);
  h = halved (&seen[SILU_0]);
  h = convolved (c, "level.1.0.conv.weight", "level.1.0.conv.bias", &h, 4);
  h = normed (c, "level.1.0.norm.weight", "level.1.0.norm.bias", &h);
  seen[SILU_1] = activated (&h);
}

// By the cosine of two vectors: |a - b|^2 = 2 - 2 cos.

static double
apart (const picture *a, const picture *b)
{
  double sum = 0;
  for (size_t i = 0; i < a->height; i++)
    for (size_t j = 0; j < a->width; j++)
      {
        double aa = 0, bb = 0, ab = 0;
        for (size_t k = 0; k < a->channels; k++)
          {
            aa += a->at[k][i][j] * a->at[k][i][j];
            bb += b->at[k][i][j] * b->at[k][i][j];
            ab += a->at[k][i][j] * b->at[k][i][j];
          }
        sum += 2 - 2 * ab / sqrt (aa * bb);
      }
  return sum / (double)(a->height * a->width);
}

enum
{
  ROWS = 19 // more than a shard
};

Test (perceptual, by_hand)
{
  const sb_classifier c = small ();
  gsl_matrix *x = normals (ROWS, D, 2), *y = normals (ROWS, D, 3);
  gsl_vector *of[LAYERS + 1], *usual = vector (ROWS);
  double mean, of_each = 0;
  for (size_t k = 0; k < LAYERS; k++)
    ok (sb_perceptual (&c, 1, names + k, x, y, 0, 1, of[k] = vector (ROWS), NULL));
  ok (sb_perceptual (&c, LAYERS, names, x, y, 0, 1, of[LAYERS] = vector (ROWS), NULL));
  ok (sb_perceptual (&c, 0, NULL, x, y, 0, 1, usual, &mean));
  for (size_t i = 0; i < ROWS; i++)
    {
      picture a[LAYERS], b[LAYERS];
      double want[LAYERS];
      see (&c, x, i, a);
      see (&c, y, i, b);
      for (size_t k = 0; k < LAYERS; k++)
        {
          want[k] = apart (&a[k], &b[k]);
          cr_assert_float_eq (gsl_vector_get (of[k], i), want[k], 1e-4, "row %zu, %s: %g, not %g", i, names[k],
                              gsl_vector_get (of[k], i), want[k]);
        }
      cr_assert_float_eq (gsl_vector_get (of[LAYERS], i), (want[0] + want[1] + want[2]) / 3, 1e-4);
      cr_assert_float_eq (gsl_vector_get (usual, i), (want[SILU_0] + want[SILU_1]) / 2, 1e-4, "the last of each level");
      of_each += gsl_vector_get (usual, i) / ROWS;
    }
  cr_assert_float_eq (mean, of_each, 1e-12);

  // In whatever order the layers are named.
  const char *const turned[] = { names[SILU_1], names[SILU_0] };
  gsl_vector *again = vector (ROWS);
  ok (sb_perceptual (&c, 2, turned, x, y, 0, 1, again, NULL));
  for (size_t i = 0; i < ROWS; i++)
    cr_assert_float_eq (gsl_vector_get (again, i), gsl_vector_get (usual, i), 1e-12);
}

// Features all so many times as large, at each pixel, are as far apart: a norm's gains and biases times 7. And what is
// zero has no direction: of a layer that is zero throughout, nothing; from it to one that is not, 1 a pixel.
// [nonuniform.txt-lpips]

Test (perceptual, looks_at_directions)
{
  sb_classifier c = small ();
  gsl_matrix *x = normals (ROWS, D, 4), *y = normals (ROWS, D, 5);
  double mean, scaled;
  float *norm = weights (&c, "level.0.0.norm.weight"), *bias = weights (&c, "level.0.0.norm.bias");
  ok (sb_perceptual (&c, 1, names, x, y, 0, 1, NULL, &mean));
  for (size_t k = 0; k < 2; k++)
    {
      norm[k] *= 7;
      bias[k] *= 7;
    }
  ok (sb_perceptual (&c, 1, names, x, y, 0, 1, NULL, &scaled));
  cr_assert (mean > 0.1 && fabs (scaled / mean - 1) < 1e-6, "%g and %g", mean, scaled);

  norm[0] = norm[1] = bias[0] = bias[1] = 0;
  ok (sb_perceptual (&c, 1, names, x, y, 0, 1, NULL, &mean));
  cr_assert_eq (mean, 0);
  const char *const input = "x";
  ok (sb_perceptual (&c, 1, &input, matrix_all (1, D, 0.25), matrix_all (1, D, 1), 0, 1, NULL, &mean));
  cr_assert_float_eq (mean, 1, 1e-12, "from black, -1 + 4 / 4, to white: %g", mean);
}

// ## MNIST's digits, through the classifier that is shipped
//
// 0 of equal images; the same both ways; never negative, at most 4; more with more noise. [nonuniform.txt-lpips]

static const char *
data (const char *name)
{
  static char path[4096];
  const char *source = getenv ("srcdir");
  snprintf (path, sizeof path, "%s/data/%s", source ? source : ".", name);
  return path;
}

Test (perceptual, grows_with_noise)
{
  enum
  {
    N = 40
  };
  sb_bytes *images = scoped (sb_idx_read (data ("t10k-images-idx3-ubyte.gz"), NULL));
  sb_classifier *c = scoped (sb_classifier_read (data ("models/mnist-classifier.safetensors"), NULL));
  gsl_matrix *x = matrix (N, 784), *noise = normals (N, 784, 6);
  ok (sb_bytes_rows (images, 0, -1, 1, x));
  gsl_vector *there = vector (N), *back = vector (N);
  double mean, last = 0;
  ok (sb_perceptual (c, 0, NULL, x, x, -1, 1, there, &mean));
  cr_assert (mean == 0 && gsl_vector_max (there) == 0 && gsl_vector_min (there) == 0);
  const double deviation[5] = { 0.04, 0.1, 0.2, 0.4, 0.8 };
  for (int k = 0; k < 5; k++)
    {
      gsl_matrix *y = copy_of (noise);
      gsl_matrix_scale (y, deviation[k]);
      gsl_matrix_add (y, x);
      ok (sb_perceptual (c, 0, NULL, x, y, -1, 1, there, &mean));
      ok (sb_perceptual (c, 0, NULL, y, x, -1, 1, back, NULL));
      cr_assert (gsl_vector_equal (there, back));
      cr_assert (gsl_vector_min (there) > 0 && gsl_vector_max (there) <= 4);
      cr_assert (mean > last + 0.01, "with noise of %g: %g after %g", deviation[k], mean, last);
      last = mean;
    }
}

// ## Refusals

Test (perceptual, refuses_what_does_not_fit)
{
  sb_classifier c = small ();
  gsl_matrix *x = matrix_all (ROWS, D, 0.5), *nan = copy_of (x), *far = copy_of (x), *none = matrix (0, D);
  gsl_matrix_set (nan, ROWS - 1, D - 1, GSL_NAN);
  gsl_matrix_set (far, 3, 3, 1e300);
  double mean = 17;
  refused (GSL_EBADLEN, sb_perceptual (&c, 0, NULL, x, matrix_all (ROWS - 1, D, 0), 0, 1, NULL, &mean));
  refused (GSL_EBADLEN, sb_perceptual (&c, 0, NULL, x, matrix_all (ROWS, D + 1, 0), 0, 1, NULL, &mean));
  refused (GSL_EBADLEN, sb_perceptual (&c, 0, NULL, matrix_all (ROWS, D + 1, 0), x, 0, 1, NULL, &mean));
  refused (GSL_EBADLEN, sb_perceptual (&c, 0, NULL, none, none, 0, 1, NULL, &mean));
  refused (GSL_EBADLEN, sb_perceptual (&c, 0, NULL, x, x, 0, 1, vector (ROWS + 1), &mean));
  const char *const wrong[][2] = { { "level.0.0.silu", "level.7.0.silu" }, { "halve", "" }, { "conv", "halve" } };
  for (size_t k = 0; k < 3; k++)
    refused (GSL_EINVAL, sb_perceptual (&c, 2, wrong[k], x, x, 0, 1, NULL, &mean));
  refused (GSL_ENOMEM, sb_perceptual (&c, SIZE_MAX, names, x, x, 0, 1, NULL, &mean));
  refused (GSL_EDOM, sb_perceptual (&c, 0, NULL, x, nan, 0, 1, NULL, &mean));
  refused (GSL_EDOM, sb_perceptual (&c, 0, NULL, nan, x, 0, 1, NULL, &mean));
  refused (GSL_EDOM, sb_perceptual (&c, 0, NULL, x, far, 0, 1, NULL, &mean));
  refused (GSL_EDOM, sb_perceptual (&c, 0, NULL, x, x, 1, 1, NULL, &mean));
  refused (GSL_EDOM, sb_perceptual (&c, 0, NULL, x, x, 1, 0, NULL, &mean));
  float *bias = weights (&c, "level.1.0.norm.bias");
  *bias = INFINITY;
  refused (GSL_EDOM, sb_perceptual (&c, 0, NULL, x, x, 0, 1, NULL, &mean));
  cr_assert_eq (mean, 17);
  ok (sb_perceptual (&c, 2, names, x, x, 0, 1, NULL, &mean), "that layer is not asked");

  sb_classifier levelless
      = { scoped (sb_net_alloc ("mlp inputs=3 outputs=2 width=4 layers=1 time=none", NULL)), c.theta, 0, 1, 2, 4 };
  refused (GSL_EINVAL, sb_perceptual (&levelless, 0, NULL, normals (2, 3, 7), normals (2, 3, 8), 0, 1, NULL, &mean));
}
