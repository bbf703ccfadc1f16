// # Networks from a line of text
//
// Three families: a multi-layer perceptron for points, the U-Net (Ronneberger et al., 2015; Ho et al., 2020) for
// images, and a convolutional classifier.

#include "reference.h"

#include <gsl/gsl_errno.h>
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

typedef enum
{
  MLP = 1, // powers of two: a key says with which it goes
  UNET = 2,
  CNN = 4
} family;

typedef struct
{
  family family;
  size_t image[3];
  size_t inputs, outputs, width, layers; // mlp
  size_t classes, condition;             // mlp, unet; 0: none
  size_t channels, blocks, groups;       // unet
  size_t multipliers[LEVELS], levels;
  size_t attention[LEVELS], attentions;
  int attends_on_top; // at the height of the image, where no attention= says otherwise
  enum
  {
    NO_TIME,
    POSITIONAL,
    FOURIER
  } time;
  size_t features;
} settings;

static settings
defaults (family f)
{
  settings s = { .family = f,
                 .width = 64,
                 .layers = 3,
                 .channels = f == CNN ? 16 : 32,
                 .blocks = f == CNN ? 2 : 1,
                 .groups = 8,
                 .multipliers = { 1, 2, f == CNN ? 4 : 2 },
                 .levels = 3,
                 .features = 32 };
  s.time = f == MLP ? FOURIER : f == UNET ? POSITIONAL : NO_TIME;
  return s;
}

// ## Architectures by name
//
// The U-Net of the report "From denoising score matching to DDPM", Section 2.3.3, conditioned on $\sigma$: 64 channels
// at first, doubled at each of three levels, two residual blocks a level, "attention mechanisms [...] at the highest
// resolution". [dsm2ddpm.set-ncsn-arch] That is attention among all pixels of the image. Networks of this kind usually
// have it at the lowest resolution, where it costs least; `attention=` says otherwise, as any key given takes
// precedence.

static settings
dsm2ddpm (void)
{
  settings s = defaults (UNET);
  s.channels = 64;
  s.blocks = 2;
  s.multipliers[2] = 4;
  s.attends_on_top = 1;
  return s;
}

static void
attend_on_top (settings *s)
{
  if (s->attends_on_top && s->attentions == 0)
    s->attention[s->attentions++] = s->image[1];
}

// ## Reading

// Whole numbers between `separator`s, from 1 to `most` of them. The number read, or 0: something else stands there.

static size_t
read_numbers (const char *text, char separator, size_t most, size_t *numbers)
{
  for (size_t k = 0; k < most; k++)
    {
      char *end;
      if (*text < '0' || *text > '9')
        return 0;
      unsigned long value = strtoul (text, &end, 10);
      if (value > LARGEST)
        return 0;
      numbers[k] = value;
      if (*end == 0)
        return k + 1;
      if (*end != separator)
        return 0;
      text = end + 1;
    }
  return 0;
}

static int
read_value (settings *s, const char *key, const char *value)
{
  const struct
  {
    const char *key;
    unsigned families;
    size_t most, *number;
  } numbers[] = { { "inputs", MLP, LARGEST, &s->inputs },
                  { "outputs", MLP | UNET | CNN, LARGEST, &s->outputs },
                  { "width", MLP, WIDEST, &s->width },
                  { "layers", MLP, DEEPEST, &s->layers },
                  { "channels", UNET | CNN, WIDEST, &s->channels },
                  { "blocks", UNET | CNN, DEEPEST, &s->blocks },
                  { "groups", UNET | CNN, WIDEST, &s->groups },
                  { "features", MLP | UNET | CNN, LARGEST, &s->features },
                  { "classes", MLP | UNET, WIDEST, &s->classes },
                  { "condition", MLP | UNET, LARGEST, &s->condition } };
  for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
    if (strcmp (key, numbers[k].key) == 0 && (numbers[k].families & s->family))
      return read_numbers (value, ',', 1, numbers[k].number) == 1 && *numbers[k].number > 0
             && *numbers[k].number <= numbers[k].most;

  if (strcmp (key, "time") == 0)
    {
      const char *const times[] = { "none", "positional", "fourier" };
      for (size_t k = 0; k < 3; k++)
        if (strcmp (value, times[k]) == 0)
          {
            s->time = k;
            return 1;
          }
      return 0;
    }
  if (s->family == MLP)
    return 0;
  if (strcmp (key, "image") == 0)
    return read_numbers (value, 'x', 3, s->image) == 3 && s->image[0] && s->image[1] && s->image[2];
  if (strcmp (key, "multipliers") == 0)
    {
      s->levels = read_numbers (value, ',', LEVELS, s->multipliers);
      for (size_t k = 0; k < s->levels; k++)
        if (s->multipliers[k] == 0)
          return 0;
      return s->levels > 0;
    }
  if (strcmp (key, "attention") == 0 && s->family == UNET)
    return (s->attentions = read_numbers (value, ',', LEVELS, s->attention)) > 0;
  return 0;
}

// The line, word by word, on a copy that may be cut up.

static int
check_image (const settings *s, sb_error *error)
{
  if (s->image[0] == 0)
    SB_ERROR (error, GSL_EINVAL, "network: image=CxHxW is needed");
  if (s->image[1] * s->image[2] > LARGEST || s->image[0] * s->image[1] * s->image[2] > LARGEST)
    SB_ERROR (error, GSL_EINVAL, "network: image=%zux%zux%zu: more than %d numbers", s->image[0], s->image[1],
              s->image[2], LARGEST);
  if (s->image[1] * s->image[2] * s->condition > LARGEST)
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

static int
check_settings (const settings *s, sb_error *error)
{
  if (s->family == MLP && s->inputs == 0)
    SB_ERROR (error, GSL_EINVAL, "network: an mlp needs inputs=");
  if (s->family == CNN && s->outputs == 0)
    SB_ERROR (error, GSL_EINVAL, "network: a cnn needs outputs=");
  if (s->time != NO_TIME && s->features % 2)
    SB_ERROR (error, GSL_EINVAL, "network: features=%zu: sines and cosines come in pairs", s->features);
  if (s->time == NO_TIME && s->classes > 0)
    SB_ERROR (error, GSL_EINVAL, "network: classes=%zu: classes are added to the time, and need one; not time=none",
              s->classes);
  return s->family == MLP ? GSL_SUCCESS : check_image (s, error);
}

static int
read_settings (char *line, settings *s, sb_error *error)
{
  static const char *const names[] = { "mlp", "unet", "cnn", "dsm2ddpm" };
  char *rest = NULL, *word = strtok_r (line, " ", &rest);
  const char *name = NULL;
  for (int k = 0; k < 4; k++)
    if (word && strcmp (word, names[k]) == 0)
      {
        *s = k < 3 ? defaults ((family)(1 << k)) : dsm2ddpm ();
        name = names[k];
      }
  if (!name)
    SB_ERROR (error, GSL_EINVAL, "network: it begins with mlp, unet, cnn or dsm2ddpm, not '%s'", word ? word : "");

  while ((word = strtok_r (NULL, " ", &rest)))
    {
      char *value = strchr (word, '=');
      if (!value)
        SB_ERROR (error, GSL_EINVAL, "network: '%s' is not key=value", word);
      *value++ = 0;
      if (!read_value (s, word, value))
        SB_ERROR (error, GSL_EINVAL, "network: %s=%s: no such key for %s, or no such value", word, value, name);
    }
  attend_on_top (s);
  return check_settings (s, error);
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
  for (size_t k = 0; k < s->layers; k++)
    {
      snprintf (name, sizeof name, "hidden.%zu", k);
      h = convolve (b, name, h, s->width, 1, 0);
      h = activate (b, tell_time (b, name, h));
    }
  convolve (b, "out", h, s->outputs ? s->outputs : s->inputs, 1, 0);
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

static size_t
take_in (builder *b, const char *name, sb_net_shape shape)
{
  return lay (b, name, (sb_layer){ .type = &sb_layer_input, .out = shape });
}

static void
lay_network (builder *b, const settings *s)
{
  sb_net_shape image = { s->image[0], s->image[1], s->image[2] }, point = { s->inputs, 1, 1 }, one = { 1, 1, 1 },
               x = s->family == MLP ? point : image;
  b->groups = s->groups;
  b->input = take_in (b, "x", x);
  take_in (b, "label", one);
  b->net->classes = s->classes;
  if (s->classes > 0)
    b->net->class_input = take_in (b, "class", one);
  if (s->condition > 0)
    {
      b->net->picture_input = take_in (b, "condition", (sb_net_shape){ s->condition, x.height, x.width });
      b->input = join (b, b->input, b->net->picture_input);
    }
  embed_time (b, s, s->family == MLP ? s->width : 4 * s->channels);
  if (s->family == MLP)
    lay_mlp (b, s);
  else if (s->family == UNET)
    lay_unet (b, s);
  else
    lay_cnn (b, s);
}

sb_net *
sb_net_alloc (const char *configuration, sb_error *error)
{
  settings s;
  builder b = { .net = calloc (1, sizeof *b.net) };
  char *copy = strdup (configuration);
  if (b.net)
    b.net->configuration = strdup (configuration);
  if (!copy || !b.net || !b.net->configuration)
    {
      free (copy);
      sb_net_free (b.net);
      SB_ERROR_NULL (error, GSL_ENOMEM, "network: no memory");
    }

  int status = read_settings (copy, &s, error);
  free (copy);
  if (!status)
    lay_network (&b, &s);
  if (status || b.failed)
    {
      sb_net_free (b.net);
      if (b.failed)
        SB_ERROR_NULL (error, GSL_ENOMEM, "network: no memory");
      return NULL;
    }
  b.net->backend = &sb_net_openblas;
  return b.net;
}
