// # Networks from a line of text
//
// Three families: a multi-layer perceptron for points, the U-Net (Ronneberger et al., 2015; Ho et al., 2020) for
// images, and a convolutional classifier.

#include "reference.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  LARGEST = 1 << 20, // of any number in a configuration: so no product of three of them overflows
  WIDEST = 1 << 14,  // in channels
  DEEPEST = 1 << 10, // in layers or blocks
  LEVELS = 8,        // of a U-Net, at most
  COLUMNS = 1024     // of a convolution's product
};

// ## What can be said

static const char *const times[] = { "none", "positional", "fourier", NULL };

enum
{
  NO_TIME, // places in that list
  POSITIONAL,
  FOURIER
};

#define COUNT(list) (sizeof (list) / sizeof *(list))
#define WHOLE(key, value, least, largest, words)                                                                       \
  {                                                                                                                    \
    .name = key, .usual = value, .low = least, .high = largest, .whole = true, .help = words                           \
  }
#define LIST(key, values, count, separator, least, words)                                                              \
  {                                                                                                                    \
    .name = key, .list = values, .most = count, .between = separator, .low = least, .high = LARGEST, .whole = true,    \
    .help = words                                                                                                      \
  }
#define IMAGE LIST ("image", NULL, 3, 'x', 1, "channels, height and width")
#define MULTIPLIERS(values)                                                                                            \
  LIST ("multipliers", values, LEVELS, ',', 1, "a level each, with so many times the channels")
#define GROUPS WHOLE ("groups", 8, 1, WIDEST, "of channels that are normalised together")
#define TIME(place)                                                                                                    \
  {                                                                                                                    \
    .name = "time", .words = times, .usual = place, .help = "how it is told the time"                                  \
  }
#define FEATURES WHOLE ("features", 32, 1, LARGEST, "numbers that tell the time")
#define OUTPUTS WHOLE ("outputs", 0, 0, LARGEST, "channels that come out, 0: as many as go in")
#define CLASSES WHOLE ("classes", 0, 0, WIDEST, "how many classes it can be told one of")
#define CONDITION WHOLE ("condition", 0, 0, LARGEST, "channels that are given beside x")

static const sb_key mlp_keys[] = { WHOLE ("inputs", NAN, 1, LARGEST, "numbers of a point"),
                                   WHOLE ("width", 64, 1, WIDEST, "units of a layer"),
                                   WHOLE ("layers", 3, 1, DEEPEST, "hidden layers"),
                                   TIME (FOURIER),
                                   FEATURES,
                                   OUTPUTS,
                                   CLASSES,
                                   CONDITION };
static const sb_key unet_keys[] = { IMAGE,
                                    WHOLE ("channels", 32, 1, WIDEST, "at a multiplier of 1"),
                                    MULTIPLIERS ("1,2,2"),
                                    WHOLE ("blocks", 1, 1, DEEPEST, "residual blocks of a level"),
                                    GROUPS,
                                    LIST ("attention", "", LEVELS, ',', 0, "heights of the levels with self-attention"),
                                    TIME (POSITIONAL),
                                    FEATURES,
                                    OUTPUTS,
                                    CLASSES,
                                    CONDITION };
static const sb_key cnn_keys[] = { IMAGE,
                                   WHOLE ("outputs", NAN, 1, LARGEST, "classes to tell apart"),
                                   WHOLE ("channels", 16, 1, WIDEST, "at a multiplier of 1"),
                                   MULTIPLIERS ("1,2,4"),
                                   WHOLE ("blocks", 2, 1, DEEPEST, "convolutions of a level"),
                                   GROUPS,
                                   TIME (NO_TIME),
                                   FEATURES };

// The U-Net of the report "From denoising score matching to DDPM", Section 2.3.3, conditioned on $\sigma$: 64 channels
// at first, doubled at each of three levels, two residual blocks a level, "attention mechanisms [...] at the highest
// resolution". [dsm2ddpm.set-ncsn-arch] That is attention among all pixels of the image. Networks of this kind usually
// have it at the lowest resolution, where it costs least; `attention=` says otherwise, as any key given takes
// precedence.

static const sb_key dsm2ddpm_keys[]
    = { IMAGE,
        WHOLE ("channels", 64, 1, WIDEST, "at a multiplier of 1"),
        MULTIPLIERS ("1,2,4"),
        WHOLE ("blocks", 2, 1, DEEPEST, "residual blocks of a level"),
        GROUPS,
        LIST ("attention", "", LEVELS, ',', 0, "as of unet (left out: at the height of the image)"),
        TIME (POSITIONAL),
        FEATURES,
        OUTPUTS,
        CLASSES,
        CONDITION };

typedef struct
{
  size_t image[3];                              // of an mlp: inputs x 1 x 1
  size_t outputs, classes, condition, features; // 0: as the key's help says
  size_t width, layers;                         // mlp
  size_t channels, blocks, groups;              // unet, cnn
  size_t multipliers[LEVELS], levels;
  size_t attention[LEVELS], attentions;
  size_t time;
} settings;

static size_t
read_numbers (const double *value, size_t *numbers)
{
  const size_t count = value ? (size_t)value[0] : 0;
  for (size_t k = 0; k < count; k++)
    numbers[k] = (size_t)value[1 + k];
  return count;
}

static settings
settings_of (const sb_entry *entry, const double *value)
{
  settings s = { .image = { 0, 1, 1 } };
  const struct
  {
    const char *key;
    size_t *to;
  } number[] = { { "inputs", s.image },         { "outputs", &s.outputs },   { "width", &s.width },
                 { "layers", &s.layers },       { "channels", &s.channels }, { "blocks", &s.blocks },
                 { "groups", &s.groups },       { "features", &s.features }, { "classes", &s.classes },
                 { "condition", &s.condition }, { "time", &s.time } };
  for (size_t k = 0; k < sizeof number / sizeof *number; k++)
    {
      const double *v = sb_entry_value (entry, value, number[k].key);
      *number[k].to = v ? (size_t)*v : *number[k].to;
    }
  read_numbers (sb_entry_value (entry, value, "image"), s.image);
  s.levels = read_numbers (sb_entry_value (entry, value, "multipliers"), s.multipliers);
  s.attentions = read_numbers (sb_entry_value (entry, value, "attention"), s.attention);
  if (entry->keys == dsm2ddpm_keys && s.attentions == 0)
    s.attention[s.attentions++] = s.image[1];
  return s;
}

static int
check_settings (const settings *s, sb_error *error)
{
  const size_t pixels = s->image[1] * s->image[2];
  if (s->time != NO_TIME && s->features % 2)
    SB_ERROR (error, GSL_EINVAL, "network: features=%zu: sines and cosines come in pairs", s->features);
  if (s->time == NO_TIME && s->classes > 0)
    SB_ERROR (error, GSL_EINVAL, "network: classes=%zu: classes are added to the time, and need one; not time=none",
              s->classes);
  if (pixels > LARGEST || s->image[0] * pixels > LARGEST)
    SB_ERROR (error, GSL_EINVAL, "network: image=%zux%zux%zu: more than %d numbers", s->image[0], s->image[1],
              s->image[2], LARGEST);
  if (pixels * s->condition > LARGEST)
    SB_ERROR (error, GSL_EINVAL, "network: condition=%zu at %zux%zu: more than %d numbers", s->condition, s->image[1],
              s->image[2], LARGEST);
  for (size_t k = 1, divisor = 2; k < s->levels; k++, divisor *= 2)
    if (s->image[1] % divisor || s->image[2] % divisor)
      SB_ERROR (error, GSL_EINVAL, "network: an image of %zux%zu cannot be halved %zu times", s->image[1], s->image[2],
                s->levels - 1);
  for (size_t k = 0; k < s->levels; k++)
    if (s->channels * s->multipliers[k] > WIDEST)
      SB_ERROR (error, GSL_EINVAL, "network: %zu channels times %zu: more than %d", s->channels, s->multipliers[k],
                WIDEST);
    else if (s->channels * s->multipliers[k] % s->groups)
      SB_ERROR (error, GSL_EINVAL, "network: %zu channels do not divide into %zu groups",
                s->channels * s->multipliers[k], s->groups);
  return GSL_SUCCESS;
}

// ## Laying layers
//
// Each function appends layers to the network and returns the number of the last. Where memory runs out, `failed` is
// set and what follows has no effect.

typedef struct
{
  sb_net *net;
  int failed;
  size_t input; // the layer with x and what is joined to it
  size_t time;  // the layer with the embedding of the time, 0 where there is none
  size_t groups;
} builder;

static sb_net_shape
shape_of (const builder *b, size_t layer)
{
  return b->failed ? (sb_net_shape){ 1, 1, 1 } : b->net->layers[layer].out;
}

static size_t
lay (builder *b, const char *name, sb_layer layer)
{
  sb_net *net = b->net;
  if (b->failed)
    return 0;
  if (net->count == net->capacity)
    {
      size_t capacity = 2 * net->capacity + 16;
      sb_layer *more = realloc (net->layers, capacity * sizeof *more);
      if (!more)
        {
          b->failed = 1;
          return 0;
        }
      net->layers = more;
      net->capacity = capacity;
    }
  snprintf (layer.name, sizeof layer.name, "%s", name);
  for (size_t k = 0; k < layer.inputs; k++)
    layer.in[k] = net->layers[layer.from[k]].out;
  layer.offset = net->parameters;
  net->parameters += layer.parameters;
  net->scratch = layer.scratch > net->scratch ? layer.scratch : net->scratch;
  net->layers[net->count] = layer;
  return net->count++;
}

// Columns that a 3 x 3 convolution works on at a time: of one image, or of as many as make up COLUMNS.

static size_t
columns_of (sb_net_shape in)
{
  size_t pixels = sb_net_shape_pixels (in);
  return pixels < COLUMNS ? COLUMNS / pixels * pixels : pixels;
}

static size_t
convolve (builder *b, const char *name, size_t from, size_t outputs, size_t kernel, int zero)
{
  sb_net_shape in = shape_of (b, from);
  size_t taps = in.channels * kernel * kernel;
  return lay (b, name,
              (sb_layer){ .type = &sb_layer_convolution,
                          .inputs = 1,
                          .from = { from },
                          .out = { outputs, in.height, in.width },
                          .parameters = outputs * taps + outputs,
                          .kernel = kernel,
                          .zero = zero,
                          .scratch = kernel == 1 ? 0 : taps * columns_of (in) });
}

static size_t
normalise (builder *b, const char *name, size_t from)
{
  sb_net_shape in = shape_of (b, from);
  return lay (b, name,
              (sb_layer){ .type = &sb_layer_group_norm,
                          .inputs = 1,
                          .from = { from },
                          .out = in,
                          .parameters = 2 * in.channels,
                          .groups = b->groups,
                          .saved = 2 * b->groups });
}

static size_t
activate (builder *b, size_t from)
{
  return lay (b, "silu",
              (sb_layer){ .type = &sb_layer_silu, .inputs = 1, .from = { from }, .out = shape_of (b, from) });
}

static size_t
add (builder *b, size_t first, size_t second)
{
  return lay (b, "add",
              (sb_layer){ .type = &sb_layer_add, .inputs = 2, .from = { first, second }, .out = shape_of (b, first) });
}

static size_t
join (builder *b, size_t first, size_t second)
{
  sb_net_shape out = shape_of (b, first);
  out.channels += shape_of (b, second).channels;
  return lay (b, "join", (sb_layer){ .type = &sb_layer_join, .inputs = 2, .from = { first, second }, .out = out });
}

static size_t
halve (builder *b, size_t from)
{
  sb_net_shape out = shape_of (b, from);
  out.height /= 2;
  out.width /= 2;
  return lay (b, "halve", (sb_layer){ .type = &sb_layer_halve, .inputs = 1, .from = { from }, .out = out });
}

static size_t
redouble (builder *b, size_t from)
{
  sb_net_shape out = shape_of (b, from);
  out.height *= 2;
  out.width *= 2;
  return lay (b, "double", (sb_layer){ .type = &sb_layer_double, .inputs = 1, .from = { from }, .out = out });
}

// The parts of a block are named after it: "down.0.0" has "down.0.0.norm1".

static const char *
part (char *name, size_t size, const char *block, const char *what)
{
  snprintf (name, size, "%.30s.%s", block, what);
  return name;
}

// ## The time
//
// Two linear layers on the embedding make a vector that every block is told, through a linear layer of the block's
// own. A class is told with the time, as an embedding that is added to the time's.

static void
embed_time (builder *b, const settings *s, size_t width)
{
  if (s->time == NO_TIME)
    return;
  sb_layer embedding = { .type = s->time == FOURIER ? &sb_layer_fourier : &sb_layer_positional,
                         .inputs = 1,
                         .from = { 1 },
                         .out = { s->features, 1, 1 },
                         .parameters = s->time == FOURIER ? s->features / 2 : 0 };
  size_t h = lay (b, "time.embedding", embedding);
  if (s->classes > 0)
    {
      sb_layer map = { .type = &sb_layer_class,
                       .inputs = 1,
                       .from = { b->net->class_input },
                       .out = { s->features, 1, 1 },
                       .parameters = s->features * (s->classes + 1),
                       .kernel = 1 };
      h = add (b, h, lay (b, "class", map));
    }
  h = convolve (b, "time.linear1", h, width, 1, 0);
  h = convolve (b, "time.linear2", activate (b, h), width, 1, 0);
  b->time = activate (b, h);
}

static size_t
tell_time (builder *b, const char *block, size_t h)
{
  char name[48];
  if (b->time == 0)
    return h;
  size_t told = convolve (b, part (name, sizeof name, block, "time"), b->time, shape_of (b, h).channels, 1, 0);
  return add (b, h, told);
}

// ## The perceptron

static void
lay_mlp (builder *b, const settings *s)
{
  char name[48];
  size_t h = b->input;
  embed_time (b, s, s->width);
  for (size_t k = 0; k < s->layers; k++)
    {
      snprintf (name, sizeof name, "hidden.%zu", k);
      h = convolve (b, name, h, s->width, 1, 0);
      h = activate (b, tell_time (b, name, h));
    }
  convolve (b, "out", h, s->outputs ? s->outputs : s->image[0], 1, 0);
}

// ## The U-Net
//
// A residual block: norm, SiLU, convolution, the time, and again; the input is added to the result, through a 1 x 1
// convolution where the number of channels changes.

static size_t
block (builder *b, const char *name, size_t x, size_t channels)
{
  char of[48];
  size_t h = activate (b, normalise (b, part (of, sizeof of, name, "norm1"), x));
  h = tell_time (b, name, convolve (b, part (of, sizeof of, name, "conv1"), h, channels, 3, 0));
  h = activate (b, normalise (b, part (of, sizeof of, name, "norm2"), h));
  h = convolve (b, part (of, sizeof of, name, "conv2"), h, channels, 3, 1);
  if (shape_of (b, x).channels != channels)
    x = convolve (b, part (of, sizeof of, name, "skip"), x, channels, 1, 0);
  return add (b, h, x);
}

static size_t
attend (builder *b, const settings *s, const char *name, size_t x)
{
  char of[48];
  sb_net_shape shape = shape_of (b, x);
  int wanted = 0;
  for (size_t k = 0; k < s->attentions; k++)
    wanted |= s->attention[k] == shape.height;
  if (!wanted)
    return x;

  size_t h = normalise (b, part (of, sizeof of, name, "attention.norm"), x);
  size_t q = convolve (b, part (of, sizeof of, name, "attention.query"), h, shape.channels, 1, 0);
  size_t k = convolve (b, part (of, sizeof of, name, "attention.key"), h, shape.channels, 1, 0);
  size_t v = convolve (b, part (of, sizeof of, name, "attention.value"), h, shape.channels, 1, 0);
  size_t squared = sb_net_shape_pixels (shape) * sb_net_shape_pixels (shape);
  h = lay (b, "attention",
           (sb_layer){ .type = &sb_layer_attention,
                       .inputs = 3,
                       .from = { q, k, v },
                       .out = shape,
                       .saved = squared,
                       .scratch = squared });
  h = convolve (b, part (of, sizeof of, name, "attention.out"), h, shape.channels, 1, 1);
  return add (b, h, x);
}

// Down through the levels, keeping what each level made; through the middle; up again, where each level begins with what its
// counterpart on the way down had made, beside what comes from below. (The U-Net of Ho et al. (2020) keeps what each block made,
// and shows it to a block on the way up: more numbers to remember, wider blocks.)

static void
lay_unet (builder *b, const settings *s)
{
  char name[48];
  embed_time (b, s, 4 * s->channels);
  size_t h = convolve (b, "in", b->input, s->channels * s->multipliers[0], 3, 0), kept[LEVELS];
  for (size_t level = 0; level < s->levels; level++)
    {
      if (level > 0)
        h = halve (b, h);
      for (size_t k = 0; k < s->blocks; k++)
        {
          snprintf (name, sizeof name, "down.%zu.%zu", level, k);
          h = attend (b, s, name, block (b, name, h, s->channels * s->multipliers[level]));
        }
      kept[level] = h;
    }
  h = block (b, "middle", h, s->channels * s->multipliers[s->levels - 1]);
  for (size_t level = s->levels; level-- > 0;)
    {
      h = join (b, h, kept[level]);
      for (size_t k = 0; k < s->blocks; k++)
        {
          snprintf (name, sizeof name, "up.%zu.%zu", level, k);
          h = attend (b, s, name, block (b, name, h, s->channels * s->multipliers[level]));
        }
      if (level > 0)
        h = redouble (b, h);
    }
  h = activate (b, normalise (b, "out.norm", h));
  convolve (b, "out.conv", h, s->outputs ? s->outputs : s->image[0], 3, 1);
}

// ## The classifier
//
// Convolutions, each normalised and activated; at every level half as wide; at the end the mean of each channel, which
// are the features that `measure/` compares images by, and a number for each class.

static void
lay_cnn (builder *b, const settings *s)
{
  char name[48], of[48];
  size_t h = 0;
  embed_time (b, s, 4 * s->channels);
  for (size_t level = 0; level < s->levels; level++)
    {
      if (level > 0)
        h = halve (b, h);
      for (size_t k = 0; k < s->blocks; k++)
        {
          snprintf (name, sizeof name, "level.%zu.%zu", level, k);
          h = convolve (b, part (of, sizeof of, name, "conv"), h, s->channels * s->multipliers[level], 3, 0);
          h = tell_time (b, name, h);
          h = activate (b, normalise (b, part (of, sizeof of, name, "norm"), h));
        }
    }
  sb_net_shape pooled = { shape_of (b, h).channels, 1, 1 };
  h = lay (b, "average", (sb_layer){ .type = &sb_layer_average, .inputs = 1, .from = { h }, .out = pooled });
  convolve (b, "out", h, s->outputs, 1, 0);
}

// ## From text to network

typedef struct
{
  sb_entry entry;
  void (*lay) (builder *b, const settings *s);
} architecture;

static const architecture architectures[]
    = { { { "mlp", "a multi-layer perceptron, for points", mlp_keys, COUNT (mlp_keys) }, lay_mlp },
        { { "unet", "a U-Net, for images", unet_keys, COUNT (unet_keys) }, lay_unet },
        { { "cnn", "a convolutional classifier", cnn_keys, COUNT (cnn_keys) }, lay_cnn },
        { { "dsm2ddpm", "the U-Net of the report From DSM to DDPM", dsm2ddpm_keys, COUNT (dsm2ddpm_keys) },
          lay_unet } };

const sb_entry *
sb_net_architectures (size_t k)
{
  return k < COUNT (architectures) ? &architectures[k].entry : NULL;
}

static size_t
take_in (builder *b, const char *name, sb_net_shape shape)
{
  return lay (b, name, (sb_layer){ .type = &sb_layer_input, .out = shape });
}

static int
lay_network (const architecture *of, const settings *s, sb_net *net)
{
  builder b = { .net = net, .groups = s->groups };
  sb_net_shape one = { 1, 1, 1 };
  b.input = take_in (&b, "x", (sb_net_shape){ s->image[0], s->image[1], s->image[2] });
  take_in (&b, "label", one);
  net->classes = s->classes;
  if (s->classes > 0)
    net->class_input = take_in (&b, "class", one);
  if (s->condition > 0)
    {
      net->picture_input = take_in (&b, "condition", (sb_net_shape){ s->condition, s->image[1], s->image[2] });
      b.input = join (&b, b.input, net->picture_input);
    }
  of->lay (&b, s);
  return b.failed ? GSL_ENOMEM : GSL_SUCCESS;
}

static sb_net *
net_alloc (const architecture *of, const settings *s, const char *configuration)
{
  sb_net *net = calloc (1, sizeof *net);
  if (!net)
    return NULL;
  net->configuration = strdup (configuration);
  net->architecture = &of->entry;
  net->backend = &sb_net_openblas;
  if (net->configuration && !lay_network (of, s, net))
    return net;
  sb_net_free (net);
  return NULL;
}

sb_net *
sb_net_alloc (const char *configuration, sb_error *error)
{
  double value[SB_KEYS_MOST];
  const sb_entry *entry = sb_entry_read (sb_net_architectures, "network", configuration, value, error);
  if (!entry)
    return NULL;
  settings s = settings_of (entry, value);
  if (check_settings (&s, error))
    return NULL;
  sb_net *net = net_alloc ((const architecture *)entry, &s, configuration);
  if (!net)
    SB_ERROR_NULL (error, GSL_ENOMEM, "network: no memory");
  return net;
}
