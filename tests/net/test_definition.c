// # What a network is
//
// Every architecture of the list once more, as its definition reads: one sample, one channel and one pixel after
// another, with nothing but the named tensors. What the library computes is that, to rounding, and the gradient of one
// input alone is what differences of such passes say. Compiled in double.

#ifndef SB_NET_DOUBLE
#define SB_NET_DOUBLE
#endif
#include "numbers.h"
#include "property.h"

#include <math.h>
#include <string.h>

SUITE (definition);

// ## Images of one sample

typedef struct
{
  size_t c, h, w;
  double *x;
} image;

static image
image_of (size_t c, size_t h, size_t w)
{
  return (image){ c, h, w, scoped ((double *)calloc (c * h * w + 1, sizeof (double))) };
}

static image
alike (image a)
{
  return image_of (a.c, a.h, a.w);
}

static size_t
size_of (image a)
{
  return a.c * a.h * a.w;
}

static double
pixel (image a, size_t c, size_t i, size_t j) // 0 beyond the edges; i and j of -1 are very large
{
  return i < a.h && j < a.w ? a.x[(c * a.h + i) * a.w + j] : 0;
}

// ## A network and its numbers

enum
{
  MOST = 3
};

// All that a network's line says, or leaves to defaults.
typedef struct
{
  const char *line;
  size_t width, layers;                      // mlp
  size_t channels, levels, multiplier[MOST]; // unet, cnn: of channels, at each level
  size_t blocks, groups, attention[MOST];    // heights
  size_t outputs, features, classes, condition;
  bool positional, fourier;
  bool fir, rescaled, biggan, every,
      sparse; // unet; every: block is joined; sparse: attention behind the last of a level
  enum
  {
    NONE,
    SKIP,
    RESIDUAL
  } input,
      output;
} network;

typedef struct
{
  const network *of;
  sb_net *net;
  const double *theta;
  image time; // what every block is told; x NULL: no time
} model;

static sb_net_tensor
tensor_named (const model *m, const char *block, const char *name)
{
  char full[80];
  snprintf (full, sizeof full, "%s%s", block, name);
  for (size_t k = 0; k < sb_net_tensors (m->net); k++)
    {
      sb_net_tensor tensor = sb_net_tensor_at (m->net, k);
      if (strcmp (tensor.name, full) == 0)
        return tensor;
    }
  cr_assert_fail ("%s has no tensor %s", m->of->line, full);
  return (sb_net_tensor){ 0 };
}

static const double *
numbers_named (const model *m, const char *block, const char *name, size_t count)
{
  const sb_net_tensor tensor = tensor_named (m, block, name);
  cr_assert_eq (tensor.count, count, "%s: %s has %zu numbers, not %zu", m->of->line, tensor.name, tensor.count, count);
  return m->theta + tensor.offset;
}

// ## Layers

static image
convolved (const model *m, const char *block, const char *name, image a, size_t outputs, size_t kernel)
{
  char weight[48], bias[48];
  snprintf (weight, sizeof weight, "%s.weight", name);
  snprintf (bias, sizeof bias, "%s.bias", name);
  const double *W = numbers_named (m, block, weight, outputs * a.c * kernel * kernel),
               *b = numbers_named (m, block, bias, outputs);
  image y = image_of (outputs, a.h, a.w);
  for (size_t o = 0; o < outputs; o++)
    for (size_t i = 0; i < a.h; i++)
      for (size_t j = 0; j < a.w; j++)
        {
          double sum = b[o];
          for (size_t c = 0; c < a.c; c++)
            for (size_t k = 0; k < kernel; k++)
              for (size_t l = 0; l < kernel; l++)
                sum += W[((o * a.c + c) * kernel + k) * kernel + l]
                       * pixel (a, c, i + k - kernel / 2, j + l - kernel / 2);
          y.x[(o * a.h + i) * a.w + j] = sum;
        }
  return y;
}

static image
normalised (const model *m, const char *block, const char *name, image a)
{
  char weight[48], bias[48];
  snprintf (weight, sizeof weight, "%s.weight", name);
  snprintf (bias, sizeof bias, "%s.bias", name);
  const double *gamma = numbers_named (m, block, weight, a.c), *beta = numbers_named (m, block, bias, a.c);
  size_t groups = m->of->groups;
  if (m->of->every && a.c / 4 < groups)
    groups = a.c / 4 > 1 ? a.c / 4 : 1;
  const size_t pixels = a.h * a.w, count = a.c / groups * pixels;
  image y = alike (a);
  for (size_t first = 0; first < a.c * pixels; first += count)
    {
      double mean = 0, variance = 0;
      for (size_t k = first; k < first + count; k++)
        mean += a.x[k] / (double)count;
      for (size_t k = first; k < first + count; k++)
        variance += (a.x[k] - mean) * (a.x[k] - mean) / (double)count;
      for (size_t k = first; k < first + count; k++)
        y.x[k] = gamma[k / pixels] * (a.x[k] - mean) / sqrt (variance + 1e-5) + beta[k / pixels];
    }
  return y;
}

static image
activated (image a)
{
  image y = alike (a);
  for (size_t k = 0; k < size_of (a); k++)
    y.x[k] = a.x[k] / (1 + exp (-a.x[k]));
  return y;
}

static image
sum_of (image a, image b) // b: of the same shape, or a number for each channel
{
  image y = alike (a);
  cr_assert (b.c == a.c && (size_of (b) == size_of (a) || size_of (b) == b.c));
  for (size_t k = 0; k < size_of (a); k++)
    y.x[k] = a.x[k] + b.x[size_of (b) == size_of (a) ? k : k / (a.h * a.w)];
  return y;
}

static image
residual_sum (const model *m, image a, image b)
{
  image y = sum_of (a, b);
  for (size_t k = 0; k < size_of (y) && m->of->rescaled; k++)
    y.x[k] /= sqrt (2);
  return y;
}

static image
joined (image a, image b)
{
  image y = image_of (a.c + b.c, a.h, a.w);
  memcpy (y.x, a.x, size_of (a) * sizeof *y.x);
  memcpy (y.x + size_of (a), b.x, size_of (b) * sizeof *y.x);
  return y;
}

static image
halved (image a)
{
  image y = image_of (a.c, a.h / 2, a.w / 2);
  for (size_t k = 0; k < size_of (y); k++)
    {
      const size_t c = k / (y.h * y.w), i = 2 * (k / y.w % y.h), j = 2 * (k % y.w);
      y.x[k] = (pixel (a, c, i, j) + pixel (a, c, i, j + 1) + pixel (a, c, i + 1, j) + pixel (a, c, i + 1, j + 1)) / 4;
    }
  return y;
}

static image
doubled (image a)
{
  image y = image_of (a.c, 2 * a.h, 2 * a.w);
  for (size_t k = 0; k < size_of (y); k++)
    y.x[k] = pixel (a, k / (y.h * y.w), k / y.w % y.h / 2, k % y.w / 2);
  return y;
}

// Through the filter (1, 3, 3, 1) both ways, which begins so many pixels before; going up, with zeros behind the
// pixels.

static image
through_filter (image a, size_t before, double total)
{
  const double filter[] = { 1, 3, 3, 1 };
  image y = alike (a);
  for (size_t k = 0; k < size_of (a); k++)
    for (size_t b = 0; b < 16; b++)
      y.x[k] += filter[b / 4] * filter[b % 4] / total
                * pixel (a, k / (a.h * a.w), k / a.w % a.h + b / 4 - before, k % a.w + b % 4 - before);
  return y;
}

static image
every_second (image a)
{
  image y = image_of (a.c, a.h / 2, a.w / 2);
  for (size_t k = 0; k < size_of (y); k++)
    y.x[k] = pixel (a, k / (y.h * y.w), 2 * (k / y.w % y.h), 2 * (k % y.w));
  return y;
}

static image
with_zeros (image a)
{
  image y = image_of (a.c, 2 * a.h, 2 * a.w);
  for (size_t k = 0; k < size_of (a); k++)
    y.x[(k / (a.h * a.w) * y.h + 2 * (k / a.w % a.h)) * y.w + 2 * (k % a.w)] = a.x[k];
  return y;
}

static image
shrunk (const model *m, image a)
{
  return m->of->fir ? every_second (through_filter (a, 1, 64)) : halved (a);
}

static image
grown (const model *m, image a)
{
  return m->of->fir ? through_filter (with_zeros (a), 2, 16) : doubled (a);
}

// Pixel p takes the values of all pixels q, in proportion to the exponential of its query times their keys.

static image
attended (const model *m, const char *block, image a)
{
  const image normal = normalised (m, block, ".attention.norm", a),
              q = convolved (m, block, ".attention.query", normal, a.c, 1),
              k = convolved (m, block, ".attention.key", normal, a.c, 1),
              v = convolved (m, block, ".attention.value", normal, a.c, 1);
  const size_t pixels = a.h * a.w;
  image taken = alike (a);
  for (size_t p = 0; p < pixels; p++)
    {
      double total = 0;
      for (size_t r = 0; r < pixels; r++)
        {
          double product = 0;
          for (size_t c = 0; c < a.c; c++)
            product += q.x[c * pixels + p] * k.x[c * pixels + r];
          const double share = exp (product / sqrt ((double)a.c));
          total += share;
          for (size_t c = 0; c < a.c; c++)
            taken.x[c * pixels + p] += share * v.x[c * pixels + r];
        }
      for (size_t c = 0; c < a.c; c++)
        taken.x[c * pixels + p] /= total;
    }
  return residual_sum (m, convolved (m, block, ".attention.out", taken, a.c, 1), a);
}

static image
with_attention (const model *m, const char *block, image a)
{
  bool wanted = false;
  for (size_t k = 0; k < MOST; k++)
    wanted |= m->of->attention[k] == a.h;
  return wanted ? attended (m, block, a) : a;
}

// ## The time
//
// Sines, then cosines, of the label; the class's column and the bias, where one of the classes is told; a linear layer,
// activated, and another, activated.

static void
tell_model (model *m, size_t width, double label, double class)
{
  const network *of = m->of;
  if (!of->positional && !of->fourier)
    return;
  const size_t half = of->features / 2;
  const double *W = of->fourier ? numbers_named (m, "", "time.embedding.weight", half) : NULL;
  image e = image_of (of->features, 1, 1);
  for (size_t k = 0; k < half; k++)
    {
      const double omega = W ? 2 * M_PI * W[k] : pow (10, half > 1 ? -4. * (double)k / (double)(half - 1) : 0);
      e.x[k] = sin (omega * label);
      e.x[half + k] = cos (omega * label);
    }
  for (size_t k = 0; k < of->features && class >= 0 && class < (double)of->classes; k++)
    e.x[k] += numbers_named (m, "", "class.weight", of->features * of->classes)[k * of->classes + (size_t) class]
              + numbers_named (m, "", "class.bias", of->features)[k];
  e = activated (convolved (m, "", "time.linear1", e, width, 1));
  m->time = activated (convolved (m, "", "time.linear2", e, width, 1));
}

static image
told (const model *m, const char *block, image a)
{
  return m->time.x ? sum_of (a, convolved (m, block, ".time", m->time, a.c, 1)) : a;
}

// ## Architectures

static image
mlp (const model *m, image x)
{
  char block[64];
  for (size_t k = 0; k < m->of->layers; k++)
    {
      snprintf (block, sizeof block, "hidden.%zu", k);
      x = activated (told (m, block, convolved (m, block, "", x, m->of->width, 1)));
    }
  return convolved (m, "", "out", x, m->of->outputs, 1);
}

typedef image resampled (const model *m, image a);

static image
residual (const model *m, const char *block, image x, size_t channels, resampled *other)
{
  image h = activated (normalised (m, block, ".norm1", x));
  if (other)
    {
      h = other (m, h);
      x = other (m, x);
    }
  h = convolved (m, block, ".conv1", h, channels, 3);
  h = activated (normalised (m, block, ".norm2", told (m, block, h)));
  h = convolved (m, block, ".conv2", h, channels, 3);
  return residual_sum (m, h, x.c == channels && !other ? x : convolved (m, block, ".skip", x, channels, 1));
}

// What a U-Net has kept, the newest last.

typedef struct
{
  image of[20];
  size_t count;
} stack;

static image
blocks_of (const model *m, const char *way, size_t level, image x, stack *kept)
{
  char block[64];
  const bool up = strcmp (way, "up") == 0;
  const size_t count = m->of->blocks + (up && m->of->every);
  if (!up && m->of->every)
    kept->of[kept->count++] = x;
  for (size_t k = 0; k < count; k++)
    {
      snprintf (block, sizeof block, "%s.%zu.%zu", way, level, k);
      if (up && (k == 0 || m->of->every))
        x = joined (x, kept->of[--kept->count]);
      x = residual (m, block, x, m->of->channels * m->of->multiplier[level], NULL);
      if (!up || !m->of->sparse || k + 1 == count)
        x = with_attention (m, block, x);
      if (!up && (k + 1 == count || m->of->every))
        kept->of[kept->count++] = x;
    }
  return x;
}

static image
to_level (const model *m, const char *way, size_t level, image x, resampled *other)
{
  char block[64];
  snprintf (block, sizeof block, "%s.%zu.resample", way, level);
  if (m->of->biggan)
    return residual (m, block, x, x.c, other);
  return m->of->every ? convolved (m, block, "", other (m, x), x.c, 3) : other (m, x);
}

static image
norm_and_convolved (const model *m, const char *block, image x, size_t channels)
{
  return convolved (m, block, ".conv", activated (normalised (m, block, ".norm", x)), channels, 3);
}

static image
unet (const model *m, image x)
{
  const network *of = m->of;
  const size_t last = of->levels - 1;
  char name[64];
  stack kept = { .count = 0 };
  image path = x, image_out = x, h = convolved (m, "", "in", x, of->channels * (of->sparse ? 1 : of->multiplier[0]), 3);
  for (size_t level = 0; level <= last; level++)
    {
      snprintf (name, sizeof name, "input.%zu", level);
      if (level > 0)
        {
          h = to_level (m, "down", level, h, shrunk);
          path = shrunk (m, path);
        }
      if (level > 0 && of->input == SKIP)
        h = sum_of (h, convolved (m, "", name, path, h.c, 1));
      if (level > 0 && of->input == RESIDUAL)
        path = h = residual_sum (m, h, convolved (m, "", name, path, h.c, 3));
      h = blocks_of (m, "down", level, h, &kept);
    }
  h = residual (m, "middle", h, of->channels * of->multiplier[last], NULL);
  if (of->every)
    h = residual (m, "middle.second", attended (m, "middle", h), h.c, NULL);
  for (size_t level = last + 1; level-- > 0;)
    {
      h = blocks_of (m, "up", level, h, &kept);
      snprintf (name, sizeof name, "output.%zu", level);
      if (of->output == SKIP)
        image_out = level == last ? norm_and_convolved (m, name, h, of->outputs)
                                  : sum_of (grown (m, image_out), norm_and_convolved (m, name, h, of->outputs));
      if (of->output == RESIDUAL && last > 0)
        {
          path = level == last ? norm_and_convolved (m, name, h, h.c)
                               : residual_sum (m, h, convolved (m, "", name, grown (m, path), h.c, 3));
          h = level == last ? h : path;
        }
      h = level > 0 ? to_level (m, "up", level - 1, h, grown) : h;
    }
  cr_assert_eq (kept.count, 0);
  return of->output == SKIP ? image_out : norm_and_convolved (m, "out", h, of->outputs);
}

static image
cnn (const model *m, image x)
{
  char block[64];
  for (size_t level = 0; level < m->of->levels; level++)
    for (size_t k = 0; k < m->of->blocks; k++)
      {
        snprintf (block, sizeof block, "level.%zu.%zu", level, k);
        x = level > 0 && k == 0 ? halved (x) : x;
        x = told (m, block, convolved (m, block, ".conv", x, m->of->channels * m->of->multiplier[level], 3));
        x = activated (normalised (m, block, ".norm", x));
      }
  image mean = image_of (x.c, 1, 1);
  for (size_t k = 0; k < size_of (x); k++)
    mean.x[k / (x.h * x.w)] += x.x[k] / (double)(x.h * x.w);
  return convolved (m, "", "out", mean, m->of->outputs, 1);
}

static const struct
{
  const char *name;
  image (*forward) (const model *m, image x);
} definitions[] = { { "mlp", mlp },     { "unet", unet },   { "cnn", cnn },        { "dsm2ddpm", unet },
                    { "ncsnpp", unet }, { "ddpmpp", unet }, { "edm-ddpmpp", unet } };

static const network networks[] = {
  { "mlp inputs=3 width=5 layers=2 features=4", .width = 5, .layers = 2, .outputs = 3, .features = 4, .fourier = true },
  { "mlp inputs=2 outputs=4 width=6 layers=3 time=positional features=6 classes=3 condition=2", .width = 6, .layers = 3,
    .outputs = 4, .features = 6, .positional = true, .classes = 3, .condition = 2 },
  { "mlp inputs=2 width=4 layers=1 time=none", .width = 4, .layers = 1, .outputs = 2 },
  { "unet image=2x4x8 channels=4 multipliers=1,2,3 blocks=2 groups=2 attention=4,2 features=6 classes=2 condition=1",
    .channels = 4, .levels = 3, .multiplier = { 1, 2, 3 }, .blocks = 2, .groups = 2, .attention = { 4, 2 },
    .outputs = 2, .features = 6, .positional = true, .classes = 2, .condition = 1 },
  { "unet image=1x4x4 channels=4 multipliers=2,1 groups=1 attention=2 time=fourier features=2 outputs=3", .channels = 4,
    .levels = 2, .multiplier = { 2, 1 }, .blocks = 1, .groups = 1, .attention = { 2 }, .outputs = 3, .features = 2,
    .fourier = true },
  { "unet image=1x2x4 channels=2 multipliers=1,1 groups=2 time=none", .channels = 2, .levels = 2,
    .multiplier = { 1, 1 }, .blocks = 1, .groups = 2, .outputs = 1 },
  { "cnn image=2x4x8 outputs=3 channels=4 multipliers=1,2 groups=2", .channels = 4, .levels = 2, .multiplier = { 1, 2 },
    .blocks = 2, .groups = 2, .outputs = 3 },
  { "cnn image=1x4x4 outputs=2 channels=2 multipliers=1,2 blocks=1 groups=1 time=positional features=4", .channels = 2,
    .levels = 2, .multiplier = { 1, 2 }, .blocks = 1, .groups = 1, .outputs = 2, .features = 4, .positional = true },
  { "dsm2ddpm image=1x4x8 channels=2 groups=2 features=4 classes=2", .channels = 2, .levels = 3,
    .multiplier = { 1, 2, 4 }, .blocks = 2, .groups = 2, .attention = { 4 }, .outputs = 1, .features = 4,
    .positional = true, .classes = 2 },
  { "ncsnpp image=2x4x4 channels=8 multipliers=1,2 blocks=2 attention=2 classes=2", .channels = 8, .levels = 2,
    .multiplier = { 1, 2 }, .blocks = 2, .groups = 32, .attention = { 2 }, .outputs = 2, .features = 8,
    .positional = true, .classes = 2, .fir = true, .rescaled = true, .biggan = true, .every = true, .sparse = true,
    .input = RESIDUAL },
  { "ncsnpp image=1x8x4 channels=4 multipliers=1,1,2 blocks=1 attention=8 time=fourier condition=1 dropout=0.5 "
    "input=skip output=skip",
    .channels = 4, .levels = 3, .multiplier = { 1, 1, 2 }, .blocks = 1, .groups = 32, .attention = { 8 }, .outputs = 1,
    .features = 8, .fourier = true, .condition = 1, .fir = true, .rescaled = true, .biggan = true, .every = true,
    .sparse = true, .input = SKIP, .output = SKIP },
  { "ddpmpp image=1x4x4 channels=16 multipliers=1,2 blocks=1 groups=2 attention=4 output=residual", .channels = 16,
    .levels = 2, .multiplier = { 1, 2 }, .blocks = 1, .groups = 2, .attention = { 4 }, .outputs = 1, .features = 16,
    .positional = true, .rescaled = true, .biggan = true, .every = true, .sparse = true, .output = RESIDUAL },
  { "edm-ddpmpp image=1x4x4 channels=8 multipliers=2,3 blocks=1 groups=2 attention=4 classes=2", .channels = 8,
    .levels = 2, .multiplier = { 2, 3 }, .blocks = 1, .groups = 2, .attention = { 4 }, .outputs = 1, .features = 8,
    .positional = true, .classes = 2, .rescaled = true, .biggan = true, .every = true, .sparse = true },
  { "unet image=3x4x4 channels=8 multipliers=1,2 blocks=2 groups=2 attention=4 joins=block time=none", .channels = 8,
    .levels = 2, .multiplier = { 1, 2 }, .blocks = 2, .groups = 2, .attention = { 4 }, .outputs = 3, .every = true },
  { "unet image=1x8x8 channels=4 multipliers=1,2,1 groups=2 time=none resample=fir input=residual output=residual",
    .channels = 4, .levels = 3, .multiplier = { 1, 2, 1 }, .blocks = 1, .groups = 2, .outputs = 1, .fir = true,
    .input = RESIDUAL, .output = RESIDUAL },
  { "unet image=1x4x4 channels=4 multipliers=1,2 groups=2 time=none skip=rescaled input=skip output=skip",
    .channels = 4, .levels = 2, .multiplier = { 1, 2 }, .blocks = 1, .groups = 2, .outputs = 1, .rescaled = true,
    .input = SKIP, .output = SKIP },
  { "unet image=1x4x4 channels=4 multipliers=1 groups=2 time=none joins=block block=biggan input=residual "
    "output=residual",
    .channels = 4, .levels = 1, .multiplier = { 1 }, .blocks = 1, .groups = 2, .outputs = 1, .every = true,
    .biggan = true, .input = RESIDUAL, .output = RESIDUAL },
};

// ## Both

enum
{
  N = 4
};

typedef struct
{
  model model;
  size_t in, out;                       // numbers of a sample
  sb_real *x, *label, *picture, *class; // of N samples
  size_t width;                         // of what is told of the time
  image (*forward) (const model *m, image x);
} trial;

static trial
trial_of (const network *of, gsl_rng *r)
{
  sb_error error = { 0 };
  sb_net *net = scoped (sb_net_alloc (of->line, &error), "%s", error.message);
  trial t = { .model = { of, net, gaussians (r, net->parameters, 0.5), { 0 } } };
  t.in = sb_net_shape_size (sb_net_input (net));
  t.out = sb_net_shape_size (sb_net_output (net));
  t.x = gaussians (r, N * t.in, 1);
  t.label = gaussians (r, N, 1);
  t.picture = gaussians (r, N * sb_net_shape_size (sb_net_picture (net)), 1);
  t.class = zeros (N);
  t.class[0] = -1; // the first and the last are none
  t.class[2] = (double)of->classes - 1;
  t.class[3] = (double)of->classes;
  cr_assert_eq (sb_net_conditions (net), sb_net_shape_size (sb_net_picture (net)) + (of->classes > 0));
  t.width = of->width ? of->width : 4 * of->channels;
  for (size_t k = 0; k < sizeof definitions / sizeof *definitions; k++)
    if (strcmp (definitions[k].name, net->architecture->name) == 0)
      t.forward = definitions[k].forward;
  cr_assert (t.forward, "%s is not defined here", net->architecture->name);
  return t;
}

static image
by_definition (trial *t, size_t i)
{
  const sb_net_shape in = sb_net_input (t->model.net), picture = sb_net_picture (t->model.net);
  image x = { in.channels, in.height, in.width, t->x + i * t->in },
        given = { picture.channels, picture.height, picture.width, t->picture + i * sb_net_shape_size (picture) };
  tell_model (&t->model, t->width, t->label[i], t->class[i]);
  return t->forward (&t->model, t->model.of->condition ? joined (x, given) : x);
}

static void
check_values (trial *t, const sb_net_condition *given, sb_net_work *work)
{
  sb_real *y = zeros (N * t->out);
  ok (sb_net_forward (t->model.net, t->model.theta, N, t->x, t->label, given, work, y));
  for (size_t i = 0; i < N; i++)
    {
      const image wanted = by_definition (t, i);
      cr_assert_eq (size_of (wanted), t->out, "%s", t->model.of->line);
      for (size_t k = 0; k < t->out; k++)
        cr_assert_float_eq (y[i * t->out + k], wanted.x[k], 1e-10 * (1 + fabs (wanted.x[k])),
                            "%s: sample %zu, number %zu: %.15g, not %.15g", t->model.of->line, i, k, y[i * t->out + k],
                            wanted.x[k]);
    }
}

// The derivative of a weighted sum of the outputs with respect to one number of one sample: by the library,
// backwards and along, and by differences of fourth order.

static void
check_gradient (trial *t, sb_net_work *work, size_t j, const sb_real *y_bar)
{
  const double h = 1e-3, at[] = { -2, -1, 1, 2 }, weight[] = { 1, -8, 8, -1 };
  const size_t one = 2;
  sb_real *x_bar = zeros (N * t->in), *x_dot = zeros (N * t->in), *y_dot = zeros (N * t->out), *x = t->x + one * t->in;
  double slope = 0;
  for (int k = 0; k < 4; k++)
    {
      const double before = x[j];
      x[j] += at[k] * h;
      slope += weight[k] * dot (by_definition (t, one).x, y_bar + one * t->out, t->out) / (12 * h);
      x[j] = before;
    }
  x_dot[one * t->in + j] = 1;
  ok (sb_net_jvp (t->model.net, t->model.theta, work, x_dot, y_dot));
  ok (sb_net_backward (t->model.net, t->model.theta, work, y_bar, NULL, x_bar));
  const double along = dot (y_dot, y_bar, N * t->out), back = x_bar[one * t->in + j], bound = 1e-7 * (1 + fabs (slope));
  cr_assert_float_eq (back, slope, bound, "%s: number %zu: %g backwards, not %g", t->model.of->line, j, back, slope);
  cr_assert_float_eq (along, slope, bound, "%s: number %zu: %g along, not %g", t->model.of->line, j, along, slope);
}

Test (definition, networks_are_what_is_written)
{
  gsl_rng *r = property_rng (20251);
  for (size_t k = 0; k < sizeof networks / sizeof *networks; k++)
    {
      const size_t mark = scope_mark ();
      trial t = trial_of (&networks[k], r);
      sb_net_work *work = scoped (sb_net_work_alloc (t.model.net, N, 1));
      const sb_real *y_bar = gaussians (r, N * t.out, 1);
      check_values (&t, &(sb_net_condition){ t.picture, t.class, NULL }, work);
      for (size_t j = 0; j < t.in; j += 1 + t.in / 3)
        check_gradient (&t, work, j, y_bar);

      // Without a condition the picture is zero, and there is no class.
      memset (t.picture, 0, N * sb_net_shape_size (sb_net_picture (t.model.net)) * sizeof *t.picture);
      memset (t.class, 0xff, N * sizeof *t.class); // not numbers
      check_values (&t, NULL, work);
      scope_release (mark);
    }
}

Test (definition, no_architecture_is_left_out)
{
  const sb_entry *entry;
  for (size_t k = 0; (entry = sb_net_architectures (k)); k++)
    {
      size_t found = 0;
      for (size_t j = 0; j < sizeof networks / sizeof *networks; j++)
        found += strncmp (networks[j].line, entry->name, strlen (entry->name)) == 0;
      cr_assert (found, "%s is compared with no definition", entry->name);
    }
}
