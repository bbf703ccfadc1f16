// # The report's U-Net
//
// What Section 2.3.3 of "From denoising score matching to DDPM" says of its network, and what any such network must do.
// Compiled in double. That it learns is in tests/train/test_overfit.c.

#include "property.h"
#include "numbers.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE (architecture);

static sb_net *
net_of (const char *configuration)
{
  sb_error error = { 0 };
  sb_net *net = scoped (sb_net_alloc (configuration, &error), "%s", error.message);
  return net;
}

static int
ends_in (const char *name, const char *end)
{
  size_t length = strlen (name), of_end = strlen (end);
  return length >= of_end && strcmp (name + length - of_end, end) == 0;
}

// ## Its shape
//
// Images of 28 x 28 pixels are halved to 14 and 7; there are two residual blocks at each on the way down and two on the
// way up, of 64, 128 and 256 channels, which two 3 x 3 convolutions each make; the output is an image like the input.
// Attention stands behind each block at 28, the highest resolution, and nowhere else. [dsm2ddpm.set-ncsn-arch]

static void
check_shape (sb_net_shape found, size_t channels, size_t height, size_t width, const char *name)
{
  cr_assert (found.channels == channels && found.height == height && found.width == width,
             "%s: %zux%zux%zu, not %zux%zux%zu", name, found.channels, found.height, found.width, channels, height,
             width);
}

static void
check_blocks (const char *configuration, size_t channels, size_t colours)
{
  sb_net *net = net_of (configuration);
  const char *const ways[] = { "down", "up" };
  size_t convolutions = 0, attentions = 0;
  for (size_t l = 2; l < net->count; l++)
    {
      const sb_layer *layer = &net->layers[l];
      convolutions += layer->type == &sb_layer_convolution && layer->kernel == 3;
      if (layer->type == &sb_layer_attention)
        {
          check_shape (layer->out, channels, 28, 28, "attention");
          attentions++;
        }
      for (int way = 0; way < 2; way++)
        for (size_t level = 0; level < 3; level++)
          for (int k = 0; k < 2; k++)
            {
              char block[40];
              snprintf (block, sizeof block, "%s.%zu.%d.conv", ways[way], level, k);
              if (strncmp (layer->name, block, strlen (block)) != 0)
                continue;
              check_shape (layer->out, channels << level, 28 >> level, 28 >> level, layer->name);
              cr_assert_eq (layer->kernel, 3);
            }
    }
  cr_assert_eq (attentions, 4, "two down, two up: %zu", attentions);
  cr_assert_eq (convolutions, 2 * (2 * 3 * 2 + 1) + 2, "of 12 blocks, the one in the middle, first and last: %zu",
                convolutions);
  check_shape (sb_net_input (net), colours, 28, 28, "input");
  check_shape (sb_net_output (net), colours, 28, 28, "output");
}

Test (architecture, levels_have_their_channels)
{
  check_blocks ("dsm2ddpm image=1x28x28", 64, 1);
  check_blocks ("dsm2ddpm channels=8 image=3x28x28", 8, 3);
}

// Where attention stands is a choice: the report's words are doubtful. [dsm2ddpm.set-ncsn-arch]

Test (architecture, attention_is_an_option)
{
  const char *const lines[] = { "dsm2ddpm image=1x28x28", "dsm2ddpm image=1x28x28 attention=7",
                                "dsm2ddpm attention=14,7 image=1x28x28", "dsm2ddpm image=1x28x28 attention=0" };
  const size_t heights[][2] = { { 28, 28 }, { 7, 7 }, { 14, 7 }, { 0, 0 } };
  for (int k = 0; k < 4; k++)
    {
      sb_net *net = net_of (lines[k]);
      size_t seen[29] = { 0 };
      for (size_t l = 2; l < net->count; l++)
        if (net->layers[l].type == &sb_layer_attention)
          seen[net->layers[l].out.height]++;
      for (size_t h = 1; h < 29; h++)
        cr_assert_eq (seen[h], h == heights[k][0] || h == heights[k][1] ? 4 : 0, "%s: %zu at %zu", lines[k], seen[h],
                      h);
    }
}

// ## Its gradients
//
// A copy four channels wide, which is also told a class and shown two more channels: tensor by tensor, the gradient of
// $\langle\bar y, f(x, u; \theta)\rangle$ along a random direction is the slope by central differences, to $10^{-4}$ of
// the gradient's size. None is zero but that of the keys' biases, which add the same to all scores of a query.
// [dsm2ddpm.set-ncsn-arch]

enum
{
  N = 2
};

static const char copy[] = "dsm2ddpm image=1x8x8 channels=4 groups=2 features=8 classes=3 condition=2";

typedef struct
{
  sb_net *net;
  sb_net_work *work;
  size_t size;
  sb_real *theta, *x, *y, *label;
  sb_net_condition given;
} trial;

static trial
trial_alloc (gsl_rng *r)
{
  trial t = { .net = net_of (copy) };
  t.size = N * sb_net_shape_size (sb_net_input (t.net));
  t.work = scoped (sb_net_work_alloc (t.net, N, 1));
  t.theta = gaussians (r, t.net->parameters, 0.3); // first weights are zero here and there; these are not
  t.x = gaussians (r, t.size, 1);
  t.y = zeros (t.size);
  t.label = gaussians (r, N, 1);
  static const sb_real classes[N] = { -1, 1 };
  t.given = (sb_net_condition){ gaussians (r, 2 * t.size, 1), classes, NULL };
  return t;
}

static double
loss_at (trial *t, const sb_net_tensor *tensor, const sb_real *along, double h, const sb_real *y_bar)
{
  for (size_t k = 0; k < tensor->count; k++)
    t->theta[tensor->offset + k] += h * along[k];
  ok (sb_net_forward (t->net, t->theta, N, t->x, t->label, &t->given, t->work, t->y));
  for (size_t k = 0; k < tensor->count; k++)
    t->theta[tensor->offset + k] -= h * along[k];
  return dot (y_bar, t->y, t->size);
}

Test (architecture, every_tensor_has_its_gradient)
{
  gsl_rng *r = property_rng (20241);
  trial t = trial_alloc (r);
  sb_real *y_bar = gaussians (r, t.size, 1), *theta_bar = zeros (t.net->parameters);
  ok (sb_net_forward (t.net, t.theta, N, t.x, t.label, &t.given, t.work, t.y));
  ok (sb_net_backward (t.net, t.theta, t.work, y_bar, theta_bar, NULL));
  for (size_t k = 0; k < sb_net_tensors (t.net); k++)
    {
      sb_net_tensor tensor = sb_net_tensor_at (t.net, k);
      sb_real *along = gaussians (r, tensor.count, 1);
      const sb_real *gradient = theta_bar + tensor.offset;
      double h = 1e-4, sum = dot (gradient, along, tensor.count), square = dot (gradient, gradient, tensor.count);
      double slope = (loss_at (&t, &tensor, along, h, y_bar) - loss_at (&t, &tensor, along, -h, y_bar)) / (2 * h);
      cr_assert_float_eq (sum, slope, 1e-4 * sqrt (square) + 1e-8, "%s: gradient %.12g, slope %.12g", tensor.name, sum,
                          slope);
      cr_assert (ends_in (tensor.name, "attention.key.bias") ? square < 1e-16 : square > 1e-8, "%s: a gradient of %g",
                 tensor.name, sqrt (square));
    }
}

// ## Attention knows no places
//
// There are no position codes: from norm to sum, an attention block of permuted pixels is the permuted block of the
// pixels. Before it, convolutions see what is next to what. [dsm2ddpm.set-ncsn-arch]

enum
{
  PARTS = 7 // norm, query, key, value, attention, out, sum
};

static void
attend (const sb_net *net, size_t first, const sb_real *theta, const sb_real *x, sb_real *out)
{
  sb_real *y[PARTS];
  size_t size = N * sb_net_shape_size (net->layers[first].out);
  for (size_t part = 0; part < PARTS; part++)
    {
      const sb_layer *layer = &net->layers[first + part];
      sb_real *saved = zeros (layer->saved * N + 1), *scratch = zeros (layer->scratch + 1);
      y[part] = zeros (size);
      sb_pass pass = { .n = N, .y = y[part], .saved = saved, .scratch = scratch };
      for (size_t k = 0; k < layer->inputs; k++)
        pass.x[k] = layer->from[k] < first ? x : y[layer->from[k] - first];
      layer->type->forward (layer, theta + layer->offset, &pass);
    }
  memcpy (out, y[PARTS - 1], size * sizeof *out);
}

static void
permute (const size_t *order, size_t pixels, size_t size, const sb_real *x, sb_real *out)
{
  for (size_t k = 0; k < size; k++)
    out[k] = x[k / pixels * pixels + order[k % pixels]];
}

static void
check_permutation (const sb_net *net, size_t first, gsl_rng *r)
{
  sb_net_shape shape = net->layers[first].out;
  size_t pixels = sb_net_shape_pixels (shape), size = N * sb_net_shape_size (shape),
         *order = scoped (calloc (pixels, sizeof *order));
  sb_real *theta = gaussians (r, net->parameters, 0.5), *x = gaussians (r, size, 1), *y = zeros (size),
          *moved = zeros (size), *of_moved = zeros (size);
  double said = 0;
  for (size_t p = 0; p < pixels; p++)
    order[p] = p;
  gsl_ran_shuffle (r, order, pixels, sizeof *order);
  permute (order, pixels, size, x, moved);
  attend (net, first, theta, x, y);
  attend (net, first, theta, moved, of_moved);
  permute (order, pixels, size, y, moved);
  for (size_t k = 0; k < size; k++)
    {
      cr_assert_float_eq (of_moved[k], moved[k], 1e-10, "%s: number %zu: %.15g, not %.15g", net->layers[first].name, k,
                          of_moved[k], moved[k]);
      said = larger (said, fabs (y[k] - x[k]));
    }
  cr_assert_gt (said, 0.1, "%s says nothing", net->layers[first].name);
}

Test (architecture, attention_moves_with_the_pixels)
{
  gsl_rng *r = property_rng (20242);
  sb_net *net = net_of ("dsm2ddpm image=1x8x8 channels=4 groups=2 attention=8,4,2");
  size_t found = 0;
  for (size_t l = 2; l + PARTS <= net->count; l++)
    if (ends_in (net->layers[l].name, "attention.norm"))
      {
        cr_assert (net->layers[l + 4].type == &sb_layer_attention && net->layers[l + PARTS - 1].type == &sb_layer_add);
        check_permutation (net, l, r);
        found++;
      }
  cr_assert_eq (found, 12, "two a level, down and up: %zu", found);
}

// ## It is told the noise level
//
// Every block is, by a linear layer of its own: with the weights of all the others zero, the output still changes with
// the label; with all of them zero it does not. [dsm2ddpm.set-ncsn-arch]

static double
change_with_label (trial *t)
{
  const sb_real loud[N] = { 0, 0 }, faint[N] = { log (0.01), log (0.01) };
  double change = 0;
  sb_real *y = zeros (t->size);
  ok (sb_net_forward (t->net, t->theta, N, t->x, loud, NULL, t->work, t->y));
  ok (sb_net_forward (t->net, t->theta, N, t->x, faint, NULL, t->work, y));
  for (size_t k = 0; k < t->size; k++)
    change = larger (change, fabs (y[k] - t->y[k]));
  return change;
}

Test (architecture, every_block_is_told_the_label)
{
  enum
  {
    BLOCKS = 13
  };
  gsl_rng *r = property_rng (20243);
  trial t = trial_alloc (r);
  cr_assert_gt (change_with_label (&t), 1e-3);
  sb_net_tensor told[BLOCKS + 1];
  size_t blocks = 0;
  for (size_t k = 0; k < sb_net_tensors (t.net); k++)
    {
      sb_net_tensor tensor = sb_net_tensor_at (t.net, k);
      if (!ends_in (tensor.name, ".time.weight"))
        continue;
      cr_assert_lt (blocks, BLOCKS);
      told[blocks++] = tensor;
      memset (t.theta + tensor.offset, 0, tensor.count * sizeof *t.theta);
    }
  cr_assert_eq (blocks, BLOCKS);
  cr_assert_eq (change_with_label (&t), 0, "not told, it knows");
  for (size_t k = 0; k < blocks; k++)
    {
      for (size_t j = 0; j < told[k].count; j++)
        t.theta[told[k].offset + j] = gsl_ran_gaussian (r, 0.3);
      cr_assert_gt (change_with_label (&t), 1e-4, "%s does not matter", told[k].name);
      memset (t.theta + told[k].offset, 0, told[k].count * sizeof *t.theta);
    }
}
