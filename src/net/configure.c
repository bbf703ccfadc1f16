// # Networks from a line of text
//
// Three families: a multi-layer perceptron for points, the U-Net (Ronneberger et al., 2015; Ho et al., 2020) for
// images, with the switches of Appendix H of "Score-based generative modeling through SDEs", and a convolutional
// classifier.

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
  NUMBERS = 1 << 22, // of an image
  WIDEST = 1 << 14,  // in channels
  DEEPEST = 1 << 10, // in layers or blocks
  LEVELS = 8,        // of a U-Net, at most
  COLUMNS = 1024     // of a convolution's product
};

// ## The keys

static const char *const times[] = { "none", "positional", "fourier", NULL };

enum
{
  NO_TIME, // places in that list
  POSITIONAL,
  FOURIER
};

static const char *const resamplings[] = { "plain", "fir", NULL };
static const char *const sums[] = { "sum", "rescaled", NULL };
static const char *const blocks[] = { "ddpm", "biggan", NULL };
static const char *const progressions[] = { "none", "skip", "residual", NULL };
static const char *const joins[] = { "level", "block", NULL };

enum
{
  NONE, // of progressions
  SKIP,
  RESIDUAL
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
#define MULTIPLIERS(values) LIST ("multipliers", values, LEVELS, ',', 1, "factor of the channels for each level")
#define GROUPS WHOLE ("groups", 8, 1, WIDEST, "of channels normalised together")
#define WORD(key, list, place, text)                                                                                   \
  {                                                                                                                    \
    .name = key, .words = list, .usual = place, .help = text                                                           \
  }
#define TIME(place) WORD ("time", times, place, "time embedding")
#define FEATURES WHOLE ("features", 32, 1, LARGEST, "size of the time embedding")
#define SCALE                                                                                                          \
  {                                                                                                                    \
    .name = "scale", .usual = 16, .low = 0, .above = true, .high = LARGEST,                                            \
    .help = "standard deviation of the frequencies of time=fourier"                                                    \
  }
#define DROPOUT                                                                                                        \
  {                                                                                                                    \
    .name = "dropout", .usual = 0, .low = 0, .high = 0.99,                                                             \
    .help = "fraction of a block's activations dropped in training"                                                    \
  }

// The five components of Appendix H.1, at the places given; blocks=N is the fourth. [scoresde.txt-arch-components]
#define COMPONENTS(fir, rescaled, biggan, in, out)                                                                     \
  WORD ("resample", resamplings, fir, "filter for resampling by 2"),                                                   \
      WORD ("skip", sums, rescaled, "residual sums as they are, or divided by root 2"),                                \
      WORD ("block", blocks, biggan, "residual blocks; those of biggan also resample"),                                \
      WORD ("input", progressions, in, "how the downward levels take the image"),                                      \
      WORD ("output", progressions, out, "what the upward levels add to the output")
#define JOINS(place) WORD ("joins", joins, place, "whose results are passed to the upward path")
#define OUTPUTS WHOLE ("outputs", 0, 0, LARGEST, "output channels, 0: as many as inputs")
#define CLASSES WHOLE ("classes", 0, 0, WIDEST, "number of classes it can be conditioned on")
#define CONDITION WHOLE ("condition", 0, 0, LARGEST, "input channels besides x")

static const sb_key mlp_keys[] = { WHOLE ("inputs", NAN, 1, LARGEST, "dimension of a point"),
                                   WHOLE ("width", 64, 1, WIDEST, "units per layer"),
                                   WHOLE ("layers", 3, 1, DEEPEST, "hidden layers"),
                                   TIME (FOURIER),
                                   FEATURES,
                                   OUTPUTS,
                                   CLASSES,
                                   CONDITION };
static const sb_key unet_keys[] = { IMAGE,
                                    WHOLE ("channels", 32, 1, WIDEST, "at a multiplier of 1"),
                                    MULTIPLIERS ("1,2,2"),
                                    WHOLE ("blocks", 1, 1, DEEPEST, "residual blocks per level"),
                                    GROUPS,
                                    LIST ("attention", "", LEVELS, ',', 0, "heights of the levels with self-attention"),
                                    TIME (POSITIONAL),
                                    FEATURES,
                                    OUTPUTS,
                                    CLASSES,
                                    CONDITION,
                                    COMPONENTS (0, 0, 0, NONE, NONE),
                                    JOINS (0),
                                    SCALE,
                                    DROPOUT };
static const sb_key cnn_keys[] = { IMAGE,
                                   WHOLE ("outputs", NAN, 1, LARGEST, "number of classes"),
                                   WHOLE ("channels", 16, 1, WIDEST, "at a multiplier of 1"),
                                   MULTIPLIERS ("1,2,4"),
                                   WHOLE ("blocks", 2, 1, DEEPEST, "convolutions per level"),
                                   GROUPS,
                                   TIME (NO_TIME),
                                   FEATURES,
                                   SCALE };

// The U-Net of the report "From denoising score matching to DDPM", Section 2.3.3, conditioned on $\sigma$: 64 channels
// at first, doubled at each of three levels, two residual blocks a level, "attention mechanisms [...] at the highest
// resolution". [dsm2ddpm.set-ncsn-arch] That is attention among all pixels of the image. Networks of this kind usually
// have it at the lowest resolution, where it costs least; that is `attention=` with its height, as any key given takes
// precedence.

static const sb_key dsm2ddpm_keys[]
    = { IMAGE,
        WHOLE ("channels", 64, 1, WIDEST, "at a multiplier of 1"),
        MULTIPLIERS ("1,2,4"),
        WHOLE ("blocks", 2, 1, DEEPEST, "residual blocks per level"),
        GROUPS,
        LIST ("attention", "", LEVELS, ',', 0, "as for unet (if omitted: the height of the image)"),
        TIME (POSITIONAL),
        FEATURES,
        OUTPUTS,
        CLASSES,
        CONDITION };

// The two winners of Appendix H's search, at the sizes of the authors' public configurations. NCSN++ has all five
// components; DDPM++ is without the filter and without progressive growing. Trained in continuous time, NCSN++ embeds
// it by `time=fourier`; the deep models are those with `blocks=8`. [scoresde.set-ncsnpp] [scoresde.set-ddpmpp]
// [scoresde.set-cont] The faces of 1024 x 1024 pixels have `ncsnpp time=fourier channels=16
// multipliers=1,2,4,8,16,32,32,32 blocks=1 input=skip output=skip`. [scoresde.set-celebahq]

//
// Karras et al. (2022) adopted DDPM++, with three levels of 256 channels for CIFAR-10 in place of four; for 64 x 64
// pixels it is `edm-ddpmpp image=3x64x64 multipliers=1,2,2,2`. [consistent.set-edm-arch] The first convolution has
// `channels` in all three. Attention is in the middle, which they count as the first block of the upward path, whatever
// `attention=` says. Different from theirs are the initial weights (they begin at $10^{-5}$ of Xavier's where these are
// 0, and queries, keys and values at $\sqrt{.2}$), the $10^{-5}$ in a group's variance (theirs: $10^{-6}$), and the
// sines, which they have after the cosines. Trained with an augmentation of the images, theirs also takes its nine
// numbers, by 9 `channels` more weights; their dropout is 0.13 for CIFAR-10, 0.05 for FFHQ, 0.25 for AFHQ.
// [consistent.set-edm-augment]

#define PLUS_PLUS(levels, fir, in)                                                                                     \
  {                                                                                                                    \
    IMAGE, WHOLE ("channels", 128, 1, WIDEST, "at a multiplier of 1"), MULTIPLIERS (levels),                           \
        WHOLE ("blocks", 4, 1, DEEPEST, "residual blocks per level"),                                                  \
        WHOLE ("groups", 32, 1, WIDEST, "at most, of 4 or more channels normalised together"),                         \
        LIST ("attention", "16", LEVELS, ',', 0, "heights of the levels with self-attention"), TIME (POSITIONAL),      \
        WHOLE ("features", 0, 0, LARGEST, "size of the time embedding, 0: the channels (fourier: twice)"), OUTPUTS,    \
        CLASSES, CONDITION, COMPONENTS (fir, 1, 1, in, NONE), JOINS (1), SCALE, DROPOUT                                \
  }

static const sb_key ncsnpp_keys[] = PLUS_PLUS ("1,2,2,2", 1, RESIDUAL);
static const sb_key ddpmpp_keys[] = PLUS_PLUS ("1,2,2,2", 0, NONE);
static const sb_key edm_ddpmpp_keys[] = PLUS_PLUS ("2,2,2", 0, NONE);

typedef struct
{
  size_t image[3];                              // of an mlp: inputs x 1 x 1
  size_t outputs, classes, condition, features; // 0: as the key's help says
  size_t width, layers;                         // mlp
  size_t channels, blocks, groups;              // unet, cnn
  size_t multipliers[LEVELS], levels;
  size_t attention[LEVELS], attentions;
  size_t time;
  size_t fir, rescaled, biggan, input, output; // unet: its components
  size_t by_block;                             // skip connections from every block
  bool plus_plus; // attention only after the last block of a level on the way up; first of all, `channels`
  double scale, dropout;
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
  const sb_key *keys = entry->keys;
  settings s = { .image = { 0, 1, 1 },
                 .scale = 16,
                 .plus_plus = keys == ncsnpp_keys || keys == ddpmpp_keys || keys == edm_ddpmpp_keys };
  const struct
  {
    const char *key;
    size_t *to;
  } number[] = { { "inputs", s.image },         { "outputs", &s.outputs },   { "width", &s.width },
                 { "layers", &s.layers },       { "channels", &s.channels }, { "blocks", &s.blocks },
                 { "groups", &s.groups },       { "features", &s.features }, { "classes", &s.classes },
                 { "condition", &s.condition }, { "time", &s.time },         { "resample", &s.fir },
                 { "skip", &s.rescaled },       { "block", &s.biggan },      { "input", &s.input },
                 { "output", &s.output },       { "joins", &s.by_block } };
  for (size_t k = 0; k < sizeof number / sizeof *number; k++)
    {
      const double *v = sb_entry_value (entry, value, number[k].key);
      *number[k].to = v ? (size_t)*v : *number[k].to;
    }
  const double *scale = sb_entry_value (entry, value, "scale"), *dropout = sb_entry_value (entry, value, "dropout");
  s.scale = scale ? *scale : s.scale;
  s.dropout = dropout ? *dropout : 0;
  read_numbers (sb_entry_value (entry, value, "image"), s.image);
  s.levels = read_numbers (sb_entry_value (entry, value, "multipliers"), s.multipliers);
  s.attentions = read_numbers (sb_entry_value (entry, value, "attention"), s.attention);
  if (entry->keys == dsm2ddpm_keys && s.attentions == 0)
    s.attention[s.attentions++] = s.image[1];
  if (s.features == 0)
    s.features = s.channels * (s.time == FOURIER ? 2 : 1);
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
  if (pixels > NUMBERS || s->image[0] * pixels > NUMBERS)
    SB_ERROR (error, GSL_EINVAL, "network: image=%zux%zux%zu: more than %d numbers", s->image[0], s->image[1],
              s->image[2], NUMBERS);
  if (pixels * s->condition > NUMBERS)
    SB_ERROR (error, GSL_EINVAL, "network: condition=%zu at %zux%zu: more than %d numbers", s->condition, s->image[1],
              s->image[2], NUMBERS);
  for (size_t k = 1, divisor = 2; k < s->levels; k++, divisor *= 2)
    if (s->image[1] % divisor || s->image[2] % divisor)
      SB_ERROR (error, GSL_EINVAL, "network: an image of %zux%zu cannot be halved %zu times", s->image[1], s->image[2],
                s->levels - 1);
  for (size_t k = 0; k < s->levels; k++)
    if (s->channels * s->multipliers[k] > WIDEST)
      SB_ERROR (error, GSL_EINVAL, "network: %zu channels times %zu: more than %d", s->channels, s->multipliers[k],
                WIDEST);
  return GSL_SUCCESS;
}

// ## Appending layers
//
// Each function appends layers to the network and returns the number of the last. Where memory runs out, `failed` is
// set and later calls have no effect.

typedef struct
{
  sb_net *net;
  int failed;
  size_t input; // the layer with x and the condition joined to it
  size_t time;  // the layer with the embedding of the time, 0 where there is none
  size_t drawn; // by dropouts, of a sample's stream
  const settings *s;
  size_t *skips, skip_count; // layers with skip connections to the upward path of a U-Net
  size_t undivided;          // the first number of channels that does not divide into groups, 0: all do
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

// The U-Net of Ho et al. and its descendants have `groups` groups at most, and four channels in each at least.

static size_t
groups_of (const settings *s, size_t channels)
{
  if (!s->by_block || channels / 4 >= s->groups)
    return s->groups;
  return channels < 4 ? 1 : channels / 4;
}

static size_t
normalise (builder *b, const char *name, size_t from)
{
  sb_net_shape in = shape_of (b, from);
  const size_t groups = groups_of (b->s, in.channels);
  if (!b->undivided && in.channels % groups)
    b->undivided = in.channels;
  return lay (b, name,
              (sb_layer){ .type = &sb_layer_group_norm,
                          .inputs = 1,
                          .from = { from },
                          .out = in,
                          .parameters = 2 * in.channels,
                          .groups = groups,
                          .saved = 2 * groups });
}

static size_t
activate_as (builder *b, const char *name, size_t from)
{
  return lay (b, name, (sb_layer){ .type = &sb_layer_silu, .inputs = 1, .from = { from }, .out = shape_of (b, from) });
}

static size_t
activate (builder *b, size_t from)
{
  return activate_as (b, "silu", from);
}

static size_t
add_times (builder *b, double weight, size_t first, size_t second)
{
  return lay (b, "add",
              (sb_layer){ .type = &sb_layer_add,
                          .inputs = 2,
                          .from = { first, second },
                          .out = shape_of (b, first),
                          .weight = weight });
}

static size_t
add (builder *b, size_t first, size_t second)
{
  return add_times (b, 1, first, second);
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
  const sb_layer_type *type = b->s->fir ? &sb_layer_fir_halve : &sb_layer_halve;
  sb_net_shape out = shape_of (b, from);
  out.height /= 2;
  out.width /= 2;
  return lay (b, "halve", (sb_layer){ .type = type, .inputs = 1, .from = { from }, .out = out });
}

static size_t
redouble (builder *b, size_t from)
{
  const sb_layer_type *type = b->s->fir ? &sb_layer_fir_double : &sb_layer_double;
  sb_net_shape out = shape_of (b, from);
  out.height *= 2;
  out.width *= 2;
  return lay (b, "double", (sb_layer){ .type = type, .inputs = 1, .from = { from }, .out = out });
}

static size_t
drop (builder *b, size_t from)
{
  const sb_net_shape out = shape_of (b, from);
  const size_t drawn = b->drawn;
  if (b->s->dropout == 0)
    return from;
  b->drawn += sb_net_shape_size (out);
  return lay (b, "dropout",
              (sb_layer){ .type = &sb_layer_dropout,
                          .inputs = 1,
                          .from = { from },
                          .out = out,
                          .rate = b->s->dropout,
                          .drawn = drawn,
                          .saved = sb_net_shape_size (out) });
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
// Two linear layers on the embedding make a vector that is an input of every block, through a linear layer of the
// block's own. A class has an embedding that is added to the time's.

static void
embed_time (builder *b, const settings *s, size_t width)
{
  if (s->time == NO_TIME)
    return;
  sb_layer embedding = { .type = s->time == FOURIER ? &sb_layer_fourier : &sb_layer_positional,
                         .inputs = 1,
                         .from = { 1 },
                         .out = { s->features, 1, 1 },
                         .parameters = s->time == FOURIER ? s->features / 2 : 0,
                         .deviation = s->scale };
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
add_time_embedding (builder *b, const char *block, size_t h)
{
  char name[48];
  if (b->time == 0)
    return h;
  size_t shift = convolve (b, part (name, sizeof name, block, "time"), b->time, shape_of (b, h).channels, 1, 0);
  return add (b, h, shift);
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
      h = activate (b, add_time_embedding (b, name, h));
    }
  convolve (b, "out", h, s->outputs ? s->outputs : s->image[0], 1, 0);
}

// ## The U-Net
//
// A U-Net goes down through levels, each half as wide as the one above; through a middle; and up again, with skip
// connections from the levels on the way down. Its parts follow in the order of the list in Appendix H.1:
// [scoresde.txt-arch-components] two choices each for the first four and three each way for the last, which makes 144
// networks. [scoresde.txt-144]
//
// (1) Images are halved and doubled by averaging and repeating, or through a filter: `halve` and `redouble` above.
//
// (2) Residual sums are rescaled, or not. Two terms of variance one have a sum of variance two, or, over $\sqrt 2$, of
// one.

static size_t
add_residual (builder *b, size_t first, size_t second)
{
  return add_times (b, b->s->rescaled ? M_SQRT1_2 : 1, first, second);
}

// (3) The residual blocks are DDPM's or BigGAN's. DDPM's: norm, SiLU, convolution, the time, and again; the input is
// added to the result, through a 1 x 1 convolution where the number of channels changes. BigGAN's is the same, and may
// also halve or double the image before its first convolution, and its input.

typedef size_t resampling (builder *b, size_t from); // halve or redouble; NULL: neither

static size_t
block (builder *b, const char *name, size_t x, size_t channels, resampling *resample)
{
  char of[48];
  size_t h = activate (b, normalise (b, part (of, sizeof of, name, "norm1"), x));
  if (resample)
    {
      h = resample (b, h);
      x = resample (b, x);
    }
  h = add_time_embedding (b, name, convolve (b, part (of, sizeof of, name, "conv1"), h, channels, 3, 0));
  h = drop (b, activate (b, normalise (b, part (of, sizeof of, name, "norm2"), h)));
  h = convolve (b, part (of, sizeof of, name, "conv2"), h, channels, 3, 1);
  if (resample || shape_of (b, x).channels != channels)
    x = convolve (b, part (of, sizeof of, name, "skip"), x, channels, 1, 0);
  return add_residual (b, h, x);
}

// Between levels is such a block of BigGAN's, or else the resampling alone, with joins=block followed by a convolution.

static size_t
change_level (builder *b, const char *way, size_t level, size_t h, resampling *resample)
{
  char name[48];
  const size_t channels = shape_of (b, h).channels;
  snprintf (name, sizeof name, "%s.%zu.resample", way, level);
  if (b->s->biggan)
    return block (b, name, h, channels, resample);
  h = resample (b, h);
  return b->s->by_block ? convolve (b, name, h, channels, 3, 0) : h;
}

static size_t
attend (builder *b, const char *name, size_t x)
{
  char of[48];
  sb_net_shape shape = shape_of (b, x);
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
  return add_residual (b, h, x);
}

static size_t
attend_at_height (builder *b, const char *name, size_t x)
{
  const settings *s = b->s;
  bool wanted = false;
  for (size_t k = 0; k < s->attentions; k++)
    wanted |= s->attention[k] == shape_of (b, x).height;
  return wanted ? attend (b, name, x) : x;
}

// (4) Each level has so many blocks. With joins=level its first block on the way up also takes the output of its last
// on the way down. With joins=block, as in the U-Net of Ho et al. (2020), each block on the way up takes the output of
// one on the way down, from the last to the first, and one more takes the level's input; and there are two blocks in
// the middle, with attention between them.

static size_t
save_skip (builder *b, size_t h, bool wanted)
{
  if (wanted)
    b->skips[b->skip_count++] = h;
  return h;
}

static size_t
go_down (builder *b, size_t level, size_t h)
{
  char name[48];
  const settings *s = b->s;
  save_skip (b, h, s->by_block);
  for (size_t k = 0; k < s->blocks; k++)
    {
      snprintf (name, sizeof name, "down.%zu.%zu", level, k);
      h = block (b, name, h, s->channels * s->multipliers[level], NULL);
      h = save_skip (b, attend_at_height (b, name, h), s->by_block || k + 1 == s->blocks);
    }
  return h;
}

static size_t
go_up (builder *b, size_t level, size_t h)
{
  char name[48];
  const settings *s = b->s;
  const size_t count = s->blocks + s->by_block;
  for (size_t k = 0; k < count; k++)
    {
      snprintf (name, sizeof name, "up.%zu.%zu", level, k);
      if (k == 0 || s->by_block)
        h = join (b, h, b->skips[--b->skip_count]);
      h = block (b, name, h, s->channels * s->multipliers[level], NULL);
      if (!s->plus_plus || k + 1 == count)
        h = attend_at_height (b, name, h);
    }
  return h;
}

static size_t
go_between (builder *b, size_t h)
{
  const size_t channels = b->s->channels * b->s->multipliers[b->s->levels - 1];
  h = block (b, "middle", h, channels, NULL);
  return b->s->by_block ? block (b, "middle.second", attend (b, "middle", h), channels, NULL) : h;
}

// (5) Progressive growing is StyleGAN-2's. On the way down, each level takes the image at its size: either the pixels,
// through a 1 x 1 convolution (skip), or the output of the levels above, by a second path, halved and convolved, which
// is then the level's input and the path's next piece (residual). `shown`: the image, or that path.

static size_t
show_image (builder *b, size_t level, size_t h, size_t *shown)
{
  char name[48];
  const settings *s = b->s;
  if (s->input == NONE)
    return h;
  snprintf (name, sizeof name, "input.%zu", level);
  *shown = halve (b, *shown);
  if (s->input == SKIP)
    return add (b, convolve (b, name, *shown, shape_of (b, h).channels, 1, 0), h);
  return *shown = add_residual (b, convolve (b, name, *shown, shape_of (b, h).channels, 3, 0), h);
}

// On the way up, each level adds an image of its size to the output so far, doubled (skip); or its output to a second
// path, doubled and convolved, which begins after the lowest level and is the next level's input (residual).

static size_t
norm_and_convolve (builder *b, const char *name, size_t h, size_t channels, int zero)
{
  char of[48];
  h = activate (b, normalise (b, part (of, sizeof of, name, "norm"), h));
  return convolve (b, part (of, sizeof of, name, "conv"), h, channels, 3, zero);
}

static size_t
grow_output (builder *b, size_t level, size_t h, size_t outputs, size_t *grown)
{
  char name[48];
  const settings *s = b->s;
  const bool lowest = level + 1 == s->levels;
  snprintf (name, sizeof name, "output.%zu", level);
  if (s->output == SKIP)
    {
      size_t larger = lowest ? 0 : redouble (b, *grown), more = norm_and_convolve (b, name, h, outputs, 1);
      *grown = lowest ? more : add (b, more, larger);
    }
  else if (s->output == RESIDUAL && lowest && level > 0)
    *grown = norm_and_convolve (b, name, h, shape_of (b, h).channels, 0);
  else if (s->output == RESIDUAL && !lowest)
    h = *grown = add_residual (b, convolve (b, name, redouble (b, *grown), shape_of (b, h).channels, 3, 0), h);
  return h;
}

static void
lay_levels (builder *b, const settings *s)
{
  const size_t outputs = s->outputs ? s->outputs : s->image[0];
  const size_t first = s->channels * (s->plus_plus ? 1 : s->multipliers[0]);
  size_t h = convolve (b, "in", b->input, first, 3, 0), shown = b->input, grown = 0;
  for (size_t level = 0; level < s->levels; level++)
    {
      if (level > 0)
        h = show_image (b, level, change_level (b, "down", level, h, halve), &shown);
      h = go_down (b, level, h);
    }
  h = go_between (b, h);
  for (size_t level = s->levels; level-- > 0;)
    {
      h = grow_output (b, level, go_up (b, level, h), outputs, &grown);
      if (level > 0)
        h = change_level (b, "up", level - 1, h, redouble);
    }
  if (s->output != SKIP)
    norm_and_convolve (b, "out", h, outputs, 1);
}

static void
lay_unet (builder *b, const settings *s)
{
  embed_time (b, s, 4 * s->channels);
  b->skips = calloc (s->levels * (s->blocks + 1), sizeof *b->skips);
  b->failed |= !b->skips;
  if (!b->failed)
    lay_levels (b, s);
  free (b->skips);
}

// ## The classifier
//
// Convolutions, each normalised and activated; at every level half as wide; at the end the mean of each channel, which
// are the features by which `measure/` compares images, and a number for each class.

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
          h = add_time_embedding (b, name, h);
          h = normalise (b, part (of, sizeof of, name, "norm"), h);
          h = activate_as (b, part (of, sizeof of, name, "silu"), h);
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
        { { "dsm2ddpm", "the U-Net of the report From DSM to DDPM", dsm2ddpm_keys, COUNT (dsm2ddpm_keys) }, lay_unet },
        { { "ncsnpp", "NCSN++, the U-Net for variance-exploding SDEs", ncsnpp_keys, COUNT (ncsnpp_keys) }, lay_unet },
        { { "ddpmpp", "DDPM++, the U-Net for variance-preserving SDEs", ddpmpp_keys, COUNT (ddpmpp_keys) }, lay_unet },
        { { "edm-ddpmpp", "DDPM++ as in Karras et al.", edm_ddpmpp_keys, COUNT (edm_ddpmpp_keys) }, lay_unet } };

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
lay_network (const architecture *of, const settings *s, sb_net *net, sb_error *error)
{
  builder b = { .net = net, .s = s };
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
  if (b.failed)
    SB_ERROR (error, GSL_ENOMEM, "network: no memory");
  if (b.undivided)
    SB_ERROR (error, GSL_EINVAL, "network: %zu channels do not divide into %zu groups", b.undivided,
              groups_of (s, b.undivided));
  return GSL_SUCCESS;
}

static sb_net *
net_alloc (const architecture *of, const settings *s, const char *configuration, sb_error *error)
{
  sb_net *net = calloc (1, sizeof *net);
  char *line = strdup (configuration);
  if (!net || !line)
    {
      free (net);
      free (line);
      SB_ERROR_NULL (error, GSL_ENOMEM, "network: no memory");
    }
  net->configuration = line;
  net->architecture = &of->entry;
  net->backend = &sb_net_openblas;
  if (!lay_network (of, s, net, error))
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
  return net_alloc ((const architecture *)entry, &s, configuration, error);
}
