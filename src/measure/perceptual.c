// # The perceptual distance
//
// [nonuniform.txt-lpips] Two images that differ in each pixel may look the same, and a network that classifies what
// they show finds them close. With $\phi_l(\mathbf x)_p$, the numbers that layer $l$ has at pixel $p$, one a channel,
// and the same of length 1, $\hat\phi = \phi / |\phi|$, the distance is
// $$ d(\mathbf x, \hat{\mathbf x}) = \frac1L \sum_{l} \frac1{H_l W_l} \sum_p
//    \bigl| \hat\phi_l(\mathbf x)_p - \hat\phi_l(\hat{\mathbf x})_p \bigr|^2 . $$
// That is LPIPS (Zhang et al., 2018) with all channels of the same weight, where theirs are fitted to people's
// judgements of pairs of images, and with a small classifier of the data in place of a network trained on ImageNet: no
// value of it can be compared with one of theirs. Where all features at a pixel are zero they have no direction, and
// stay zero. The layers are of the kind theirs are: the output of the last activation of each level.

#include "perceptual.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/shard.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

enum
{
  SHARD_ROWS = 16
};

typedef struct
{
  const sb_classifier *classifier;
  const gsl_matrix *x, *y;
  double low, high;
  size_t layers, *layer; // by number
  size_t numbers;        // of an image, in all these layers
  gsl_vector *each;
} pairs;

// ## The layers

static int
find_named (const sb_net *net, const char *const *name, pairs *p)
{
  for (size_t k = 0; k < p->layers; k++)
    {
      p->layer[k] = sb_net_layer_named (net, name[k]);
      if (p->layer[k] == net->count)
        SB_ERROR (NULL, GSL_EINVAL, "the classifier has no one layer '%s'", name[k]);
    }
  return GSL_SUCCESS;
}

// The last of a level is the one that the next level averages over four pixels, and the end over all.

static int
find_last_of_levels (const sb_net *net, pairs *p)
{
  for (size_t l = 0; l < net->count; l++)
    if (net->layers[l].type == &sb_layer_halve || net->layers[l].type == &sb_layer_average)
      p->layer[p->layers++] = net->layers[l].from[0];
  if (p->layers == 0)
    SB_ERROR (NULL, GSL_EINVAL, "the classifier has no levels");
  return GSL_SUCCESS;
}

static int
find_layers (const char *const *name, pairs *p)
{
  const sb_net *net = p->classifier->net;
  if (sb_check_lengths ("layers", p->layers, 1, 1))
    return GSL_ENOMEM;
  p->layer = calloc (net->count + p->layers, sizeof *p->layer);
  if (!p->layer)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for the numbers of %zu layers", p->layers);
  int status = p->layers > 0 ? find_named (net, name, p) : find_last_of_levels (net, p);
  for (size_t k = 0; k < p->layers && !status; k++)
    p->numbers += sb_net_shape_size (net->layers[p->layer[k]].out);
  return status;
}

// ## A pair
//
// With the numbers of a pixel `pixels` apart; of one pixel, $|\hat\phi - \hat\psi|^2$.

static double
length_of (const float *phi, size_t channels, size_t pixels)
{
  double sum = 0;
  for (size_t c = 0; c < channels; c++)
    sum += gsl_pow_2 ((double)phi[c * pixels]);
  return sqrt (sum);
}

static double
between_pixels (const float *phi, const float *psi, size_t channels, size_t pixels)
{
  const double of_phi = length_of (phi, channels, pixels), of_psi = length_of (psi, channels, pixels);
  double sum = 0;
  for (size_t c = 0; c < channels; c++)
    sum += gsl_pow_2 ((of_phi > 0 ? (double)phi[c * pixels] / of_phi : 0)
                      - (of_psi > 0 ? (double)psi[c * pixels] / of_psi : 0));
  return sum;
}

static double
between_layers (const float *phi, const float *psi, sb_net_shape shape)
{
  const size_t pixels = sb_net_shape_pixels (shape);
  double sum = 0;
  for (size_t p = 0; p < pixels; p++)
    sum += between_pixels (phi + p, psi + p, shape.channels, pixels);
  return sum / (double)pixels;
}

// ## All pairs
//
// `in` holds images of a shard, `of_x` and `of_y` the layers' outputs for them, one layer after the other.

typedef struct
{
  float *in, *of_x, *of_y, **out;
} features;

static int
look (const pairs *p, const gsl_matrix *z, size_t first, size_t count, features *f, float *of_z)
{
  const sb_classifier *c = p->classifier;
  int status = sb_classifier_show (c, z, p->low, p->high, first, count, f->in);
  for (size_t k = 0, at = 0; k < p->layers; k++)
    {
      f->out[k] = of_z + at;
      at += count * sb_net_shape_size (c->net->layers[p->layer[k]].out);
    }
  if (!status)
    status = sb_net_layer_outputs (c->net, c->theta, count, f->in, NULL, NULL, p->layers, p->layer, f->out);
  for (size_t k = 0; k < count * p->numbers && !status; k++)
    if (!gsl_finite ((double)of_z[k]))
      SB_ERROR (NULL, GSL_EDOM, "what the classifier makes of images %zu to %zu is not finite", first,
                first + count - 1);
  return status;
}

static void
compare (const pairs *p, size_t first, size_t count, const features *f)
{
  for (size_t i = 0; i < count; i++)
    {
      double sum = 0;
      for (size_t k = 0, at = 0; k < p->layers; k++)
        {
          const sb_net_shape shape = p->classifier->net->layers[p->layer[k]].out;
          const size_t size = sb_net_shape_size (shape);
          sum += between_layers (f->of_x + at + i * size, f->of_y + at + i * size, shape);
          at += count * size;
        }
      gsl_vector_set (p->each, first + i, sum / (double)p->layers);
    }
}

static int
compare_rows (void *context, size_t shard, size_t first, size_t count)
{
  const pairs *p = context;
  (void)shard;
  features f = { malloc (count * p->x->size2 * sizeof *f.in), malloc (count * p->numbers * sizeof *f.of_x),
                 malloc (count * p->numbers * sizeof *f.of_y), malloc (p->layers * sizeof *f.out) };
  int status = f.in && f.of_x && f.of_y && f.out ? look (p, p->x, first, count, &f, f.of_x) : GSL_ENOMEM;
  if (!status)
    status = look (p, p->y, first, count, &f, f.of_y);
  if (!status)
    compare (p, first, count, &f);
  free (f.in);
  free (f.of_x);
  free (f.of_y);
  free (f.out);
  return status;
}

static int
check_pairs (const pairs *p, const gsl_vector *each)
{
  const gsl_matrix *x = p->x, *y = p->y;
  const size_t d = sb_net_shape_size (sb_net_input (p->classifier->net));
  if (x->size1 != y->size1 || x->size1 == 0 || x->size2 != d || y->size2 != d)
    SB_ERROR (NULL, GSL_EBADLEN, "perceptual distance of %zu x %zu numbers and %zu x %zu, by a classifier of %zu",
              x->size1, x->size2, y->size1, y->size2, d);
  if (each && each->size != x->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "perceptual distance: a result of %zu numbers for %zu images", each->size, x->size1);
  return GSL_SUCCESS;
}

int
sb_perceptual (const sb_classifier *classifier, size_t layers, const char *const *layer, const gsl_matrix *x,
               const gsl_matrix *y, double low, double high, gsl_vector *each, double *mean)
{
  pairs p = { .classifier = classifier, .x = x, .y = y, .low = low, .high = high, .layers = layers };
  int status = check_pairs (&p, each);
  if (!status)
    status = find_layers (layer, &p);
  if (!status)
    {
      p.each = each ? each : gsl_vector_alloc (x->size1);
      status = p.each ? sb_shards (x->size1, SHARD_ROWS, compare_rows, &p) : GSL_ENOMEM;
    }
  if (!status && mean)
    {
      *mean = 0;
      for (size_t i = 0; i < x->size1; i++)
        *mean += gsl_vector_get (p.each, i) / (double)x->size1;
    }
  if (!each)
    gsl_vector_free (p.each);
  free (p.layer);
  return status;
}
