// # Whole networks
//
// Compiled in float, with the double build beside it.

#include "in_double.h"
#include "property.h"
#include "numbers.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE (network);

static const char *const networks[] = {
  "mlp inputs=2 width=24 layers=2 time=fourier features=8",
  "mlp inputs=5 outputs=3 width=16 layers=3 time=none",
  "unet image=1x8x8 channels=8 multipliers=1,2 groups=4 attention=4 time=positional features=8",
  "unet image=2x4x8 outputs=3 channels=4 multipliers=1,2,1 blocks=2 groups=2 time=fourier features=6",
  "ncsnpp image=2x4x8 channels=8 multipliers=1,2 blocks=1 attention=2 output=skip dropout=0.5",
};

enum
{
  NETWORKS = sizeof networks / sizeof *networks,
  N = 3
};

static double
distance (const float *a, const double *b, size_t count)
{
  double apart = 0, norm = 0;
  for (size_t k = 0; k < count; k++)
    {
      apart += gsl_pow_2 ((double)a[k] - b[k]);
      norm += b[k] * b[k];
    }
  return sqrt (apart / (norm + 1e-300));
}

// The networks begin with zeros here and there; a gradient check wants weights everywhere.

static float *
some_weights (const sb_net *net, gsl_rng *r)
{
  float *theta = zeros (net->parameters);
  ok (sb_net_initialise (net, (sb_stream){ 1, SB_FOR_USER, 0 }, theta));
  for (size_t k = 0; k < net->parameters; k++)
    theta[k] += (float)gsl_ran_gaussian (r, 0.1);
  return theta;
}

// ## Float against double
//
// The same weights and inputs through both builds: outputs and gradients agree to what float can give after some
// dozens of layers.

Test (network, float_agrees_with_double)
{
  gsl_rng *r = property_rng (1);
  for (size_t k = 0; k < NETWORKS; k++)
    {
      sb_net *net = scoped (sb_net_alloc (networks[k], NULL));
      sb_net_work *work = scoped (sb_net_work_alloc (net, N, 1));
      size_t in = N * sb_net_shape_size (sb_net_input (net)), out = N * sb_net_shape_size (sb_net_output (net));
      float *theta = some_weights (net, r), *x = gaussians (r, in, 1), *label = gaussians (r, N, 1),
            *out_bar = gaussians (r, out, 1), *y = zeros (out), *x_bar = zeros (in),
            *theta_bar = zeros (net->parameters);
      ok (sb_net_forward (net, theta, N, x, label, NULL, work, y));
      ok (sb_net_backward (net, theta, work, out_bar, theta_bar, x_bar));
      wide_answer wide = in_double (networks[k], N, theta, x, label, out_bar);
      double of_y = distance (y, wide.out, out), of_x = distance (x_bar, wide.x_bar, in),
             of_theta = distance (theta_bar, wide.theta_bar, net->parameters);
      cr_assert_lt (of_y, 1e-5, "%s: outputs %g apart", networks[k], of_y);
      cr_assert_lt (of_x, 1e-4, "%s: input gradients %g apart", networks[k], of_x);
      cr_assert_lt (of_theta, 1e-4, "%s: gradients %g apart", networks[k], of_theta);
    }
}

// ## A sample does not see its neighbours
//
// Five samples together, or each alone: the same to float's last digits (products of another shape may round
// otherwise).

Test (network, samples_do_not_mix)
{
  gsl_rng *r = property_rng (2);
  for (size_t k = 0; k < NETWORKS; k++)
    {
      sb_net *net = scoped (sb_net_alloc (networks[k], NULL));
      sb_net_work *work = scoped (sb_net_work_alloc (net, 5, 0));
      size_t in = sb_net_shape_size (sb_net_input (net)), out = sb_net_shape_size (sb_net_output (net));
      float *theta = some_weights (net, r), *x = gaussians (r, 5 * in, 1), *label = gaussians (r, 5, 1),
            *together = zeros (5 * out), *alone = zeros (out);
      ok (sb_net_forward (net, theta, 5, x, label, NULL, work, together));
      for (size_t i = 0; i < 5; i++)
        {
          ok (sb_net_forward (net, theta, 1, x + i * in, label + i, NULL, work, alone));
          for (size_t j = 0; j < out; j++)
            cr_assert_float_eq (alone[j], together[i * out + j], 1e-4 * (1 + fabs ((double)alone[j])),
                                "%s: sample %zu, number %zu", networks[k], i, j);
        }
    }
}

// ## A new network
//
// says zero where its last convolution starts at zero, and its weights have the variance they were asked to have: one
// over the number of inputs to a unit. With 4.9 standard errors, $4.9\sqrt{2/n}$, a false alarm comes once in $10^6$.

static bool
ends_in (const char *name, const char *end)
{
  size_t length = strlen (name), of_end = strlen (end);
  return length >= of_end && strcmp (name + length - of_end, end) == 0;
}

// The last convolutions of the paths of a U-Net.

static bool
ends_a_path (const char *name)
{
  return ends_in (name, ".conv2.weight") || ends_in (name, ".attention.out.weight") || ends_in (name, "out.conv.weight")
         || (strstr (name, "output.") && ends_in (name, ".conv.weight"));
}

Test (network, first_weights_have_their_variance)
{
  const char *const lines[]
      = { "unet image=1x8x8 channels=32 multipliers=1,2 attention=4", "dsm2ddpm image=1x8x8 channels=16",
          "cnn image=1x8x8 outputs=40 channels=32 time=positional", "mlp inputs=40 outputs=30 features=200 classes=12",
          "ncsnpp image=1x8x8 channels=16 multipliers=1,2 blocks=2 attention=4 output=skip time=fourier scale=3" };
  const size_t paths[] = { 5 + 2 + 1, 13 + 4 + 1, 0, 0, 4 + 2 + 6 + 2 + 4 + 2 },
               norms[] = { 11 + 2, 27 + 4, 6, 0, 28 + 4 + 2 }; // blocks, attention, out
  for (size_t l = 0; l < sizeof lines / sizeof *lines; l++)
    {
      sb_net *net = scoped (sb_net_alloc (lines[l], NULL));
      float *theta = zeros (net->parameters);
      ok (sb_net_initialise (net, (sb_stream){ 3, SB_FOR_USER, 0 }, theta));
      size_t zero = 0, ones = 0;
      for (size_t k = 0; k < sb_net_tensors (net); k++)
        {
          sb_net_tensor t = sb_net_tensor_at (net, k);
          const size_t taps = t.rank == 4 ? t.size[1] * t.size[2] * t.size[3] : t.size[1];
          const bool last = ends_a_path (t.name), norm = strstr (t.name, "norm");
          double square = 0, wanted = strcmp (t.name, "class.weight") == 0 ? 1
                                      : strstr (t.name, "embedding")       ? (strstr (lines[l], "scale=3") ? 9 : 256)
                                                                           : 1 / (double)taps;
          for (size_t j = 0; j < t.count; j++)
            square += gsl_pow_2 ((double)theta[t.offset + j]);
          zero += last;
          ones += norm && ends_in (t.name, ".weight");
          if (last || ends_in (t.name, ".bias"))
            cr_assert_eq (square, 0, "%s: %s does not begin at zero", lines[l], t.name);
          else if (norm)
            cr_assert_eq (square, t.count, "%s: %s does not begin at one", lines[l], t.name);
          else
            cr_assert_float_eq (square / ((double)t.count * wanted), 1, 4.9 * sqrt (2.0 / (double)t.count),
                                "%s: %s: variance %g of %g", lines[l], t.name, square / (double)t.count, wanted);
        }
      cr_assert (zero == paths[l] && ones == norms[l], "%s: %zu paths, %zu norms", lines[l], zero, ones);
    }
}

// A classifier has no path to be silent on: all of its convolutions speak from the start.

Test (network, a_new_classifier_speaks)
{
  sb_net *net = scoped (sb_net_alloc ("cnn image=1x8x8 outputs=3", NULL));
  float *theta = zeros (net->parameters);
  ok (sb_net_initialise (net, (sb_stream){ 3, SB_FOR_USER, 0 }, theta));
  for (size_t k = 0; k < sb_net_tensors (net); k++)
    {
      sb_net_tensor t = sb_net_tensor_at (net, k);
      cr_assert (strstr (t.name, ".bias") || theta[t.offset] != 0, "%s is zero", t.name);
    }
}

// ## Names and places
//
// The named tensors cover theta without gap or overlap, and no two have the same name.

Test (network, tensors_cover_the_parameters)
{
  for (size_t k = 0; k < NETWORKS; k++)
    {
      sb_net *net = scoped (sb_net_alloc (networks[k], NULL));
      size_t next = 0, count = sb_net_tensors (net);
      for (size_t j = 0; j < count; j++)
        {
          sb_net_tensor t = sb_net_tensor_at (net, j);
          size_t product = 1;
          for (size_t d = 0; d < t.rank; d++)
            product *= t.size[d];
          cr_assert_eq (t.offset, next, "%s: %s begins at %zu, not %zu", networks[k], t.name, t.offset, next);
          cr_assert_eq (t.count, product, "%s: %s has %zu numbers, its shape %zu", networks[k], t.name, t.count,
                        product);
          next += t.count;
          for (size_t i = 0; i < j; i++)
            cr_assert_str_neq (sb_net_tensor_at (net, i).name, t.name, "%s twice", t.name);
        }
      cr_assert_eq (next, net->parameters);
    }
}

// ## Shapes

Test (network, shapes_are_what_was_asked_for)
{
  sb_net *net = scoped (sb_net_alloc (networks[3], NULL));
  cr_assert_eq (sb_net_input (net).channels, 2);
  cr_assert_eq (sb_net_output (net).channels, 3);
  cr_assert_eq (sb_net_output (net).height, 4);
  cr_assert_eq (sb_net_output (net).width, 8);
  cr_assert_str_eq (net->configuration, networks[3]);

  net = scoped (sb_net_alloc ("unet image=3x32x32", NULL));
  cr_assert_eq (sb_net_output (net).channels, 3, "as many channels out as in, unless said");
}

// ## What is laid
//
// The whole of a small network of each kind, as a reader of the figure would write it down: every weight in order, with
// its shape, outputs first. Each has a bias of as many numbers, but the frequencies of an embedding.

static void
check_weights (const char *configuration, const char *expected)
{
  char found[4000] = "";
  size_t length = 0;
  sb_net *net = scoped (sb_net_alloc (configuration, NULL));
  for (size_t k = 0; k < sb_net_tensors (net); k++)
    {
      sb_net_tensor t = sb_net_tensor_at (net, k);
      char *end = strstr (t.name, ".weight");
      if (!end)
        {
          sb_net_tensor weight = sb_net_tensor_at (net, k - 1);
          cr_assert (strstr (t.name, ".bias") && t.rank == 1 && t.size[0] == weight.size[0], "%s", t.name);
          cr_assert (strncmp (t.name, weight.name, strlen (t.name) - 4) == 0, "%s after %s", t.name, weight.name);
          continue;
        }
      *end = 0;
      length += (size_t)snprintf (found + length, sizeof found - length, "%s", t.name);
      for (size_t d = 0; d < t.rank; d++)
        length += (size_t)snprintf (found + length, sizeof found - length, "%c%zu", d ? 'x' : ' ', t.size[d]);
      length += (size_t)snprintf (found + length, sizeof found - length, "; ");
    }
  cr_assert_str_eq (found, expected, "%s", configuration);
}

Test (network, weights_are_those_of_the_figure)
{
  check_weights ("mlp inputs=3 width=2 layers=2 features=4",
                 "time.embedding 2; time.linear1 2x4; time.linear2 2x2; hidden.0 2x3; hidden.0.time 2x2; "
                 "hidden.1 2x2; hidden.1.time 2x2; out 3x2; ");
  check_weights ("cnn image=1x4x4 outputs=2 channels=2 multipliers=1,2 blocks=2 groups=1",
                 "level.0.0.conv 2x1x3x3; level.0.0.norm 2; level.0.1.conv 2x2x3x3; level.0.1.norm 2; "
                 "level.1.0.conv 4x2x3x3; level.1.0.norm 4; level.1.1.conv 4x4x3x3; level.1.1.norm 4; out 2x4; ");
  check_weights ("unet image=1x4x2 outputs=3 channels=2 multipliers=1,2 groups=1 attention=4 features=4",
                 "time.linear1 8x4; time.linear2 8x8; in 2x1x3x3; down.0.0.norm1 2; down.0.0.conv1 2x2x3x3; "
                 "down.0.0.time 2x8; down.0.0.norm2 2; down.0.0.conv2 2x2x3x3; down.0.0.attention.norm 2; "
                 "down.0.0.attention.query 2x2x1x1; down.0.0.attention.key 2x2x1x1; down.0.0.attention.value 2x2x1x1; "
                 "down.0.0.attention.out 2x2x1x1; down.1.0.norm1 2; down.1.0.conv1 4x2x3x3; down.1.0.time 4x8; "
                 "down.1.0.norm2 4; down.1.0.conv2 4x4x3x3; down.1.0.skip 4x2x1x1; middle.norm1 4; "
                 "middle.conv1 4x4x3x3; middle.time 4x8; middle.norm2 4; middle.conv2 4x4x3x3; up.1.0.norm1 8; "
                 "up.1.0.conv1 4x8x3x3; up.1.0.time 4x8; up.1.0.norm2 4; up.1.0.conv2 4x4x3x3; up.1.0.skip 4x8x1x1; "
                 "up.0.0.norm1 6; up.0.0.conv1 2x6x3x3; up.0.0.time 2x8; up.0.0.norm2 2; up.0.0.conv2 2x2x3x3; "
                 "up.0.0.skip 2x6x1x1; up.0.0.attention.norm 2; up.0.0.attention.query 2x2x1x1; "
                 "up.0.0.attention.key 2x2x1x1; up.0.0.attention.value 2x2x1x1; up.0.0.attention.out 2x2x1x1; "
                 "out.norm 2; out.conv 3x2x3x3; ");
}

// What is left out takes the values that the header shows; of NCSN++ and DDPM++ those of the paper's models: four
// blocks, eight where they are deep, and Fourier features of scale 16 in continuous time. [scoresde.set-ncsnpp]
// [scoresde.set-ddpmpp] [scoresde.set-cont] The report's network, of images of any shape, is written out.
// [dsm2ddpm.set-ncsn-arch]

Test (network, what_is_left_out_has_its_default)
{
  const char *const pairs[][2] = {
    { "mlp inputs=2", "mlp inputs=2 outputs=2 width=64 layers=3 time=fourier features=32" },
    { "unet image=1x8x8", "unet image=1x8x8 outputs=1 channels=32 multipliers=1,2,2 blocks=1 groups=8 "
                          "time=positional features=32" },
    { "cnn image=1x8x8 outputs=10",
      "cnn image=1x8x8 outputs=10 channels=16 multipliers=1,2,4 blocks=2 groups=8 time=none" },
    { "dsm2ddpm image=1x28x24", "unet image=1x28x24 outputs=1 channels=64 multipliers=1,2,4 blocks=2 groups=8 "
                                "attention=28 time=positional features=32" },
    { "dsm2ddpm attention=7 channels=8 image=3x28x28",
      "unet image=3x28x28 channels=8 multipliers=1,2,4 blocks=2 attention=7" },
    { "dsm2ddpm attention=0 multipliers=1,3 blocks=1 image=1x8x8", "unet image=1x8x8 channels=64 multipliers=1,3" },
    { "unet image=1x8x8", "unet image=1x8x8 resample=plain skip=sum block=ddpm input=none output=none joins=level "
                          "scale=16 dropout=0" },
    { "ncsnpp image=3x32x32", "ddpmpp image=3x32x32 channels=128 multipliers=1,2,2,2 blocks=4 groups=32 "
                              "attention=16 time=positional features=128 resample=fir skip=rescaled "
                              "block=biggan input=residual output=none joins=block dropout=0" },
    { "ddpmpp image=3x32x32 blocks=8", "ncsnpp image=3x32x32 blocks=8 resample=plain input=none" },
    { "ncsnpp image=1x28x28 channels=16 time=fourier multipliers=1,2,2",
      "ncsnpp image=1x28x28 channels=16 time=fourier multipliers=1,2,2 features=32 scale=16" },
    { "ddpmpp image=1x8x8 attention=0 multipliers=1,2 channels=8 groups=2 blocks=2",
      "unet image=1x8x8 channels=8 multipliers=1,2 groups=2 blocks=2 skip=rescaled block=biggan joins=block "
      "features=8" }
  };
  for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++)
    {
      sb_net *brief = scoped (sb_net_alloc (pairs[k][0], NULL)), *full = scoped (sb_net_alloc (pairs[k][1], NULL));
      cr_assert_eq (brief->count, full->count, "%s", pairs[k][0]);
      for (size_t l = 0; l < brief->count; l++)
        {
          const sb_layer *a = &brief->layers[l], *b = &full->layers[l];
          cr_assert (a->type == b->type && strcmp (a->name, b->name) == 0 && a->parameters == b->parameters
                         && a->groups == b->groups && a->kernel == b->kernel && a->weight == b->weight
                         && a->deviation == b->deviation && memcmp (&a->out, &b->out, sizeof a->out) == 0,
                     "%s: layer %s", pairs[k][0], a->name);
        }
    }
}

// Attention stands at the heights listed and nowhere else, and levels that are not there ask for nothing.

Test (network, attention_stands_where_it_was_asked_for)
{
  const char *const wanted[][2]
      = { { "", "" }, { " attention=8", "8" }, { " attention=2,4", "42" }, { " attention=0", "" } };
  for (size_t k = 0; k < 4; k++)
    {
      char configuration[100], found[20] = "";
      snprintf (configuration, sizeof configuration, "unet image=1x8x16 channels=2 groups=1%s", wanted[k][0]);
      sb_net *net = scoped (sb_net_alloc (configuration, NULL));
      for (size_t l = 0; l < net->count; l++)
        if (net->layers[l].type == &sb_layer_attention && strncmp (net->layers[l - 4].name, "down", 4) == 0)
          sprintf (found + strlen (found), "%zu", net->layers[l].out.height);
      cr_assert_str_eq (found, wanted[k][1], "%s", configuration);
    }
  scoped (sb_net_alloc ("unet image=1x4x4 channels=16384 multipliers=1 groups=1", NULL));
}

// ## What cannot be a network
//
// Each is refused in one line that names the word at fault.

Test (network, malformed_configurations_are_refused)
{
  const char *const bad[][2] = {
    { "", "mlp, unet, cnn, dsm2ddpm, ncsnpp, ddpmpp or edm-ddpmpp" },
    { "dsm2ddpm", "image" },
    { "dsm2ddpm image=1x30x30", "30x30" },
    { "dsm2ddpm image=1x28x28 width=8", "dsm2ddpm" },
    { "dsm2ddpm image=1x28x28 attention=", "attention=" },
    { "rnn", "'rnn'" },
    { "cnn image=1x28x28", "outputs" },
    { "cnn outputs=2", "image" },
    { "cnn image=1x28x28 outputs=10 attention=7", "no key 'attention'" },
    { "unet image=1x1048576x1048576", "more than" },
    { "unet image=1048576x1024x4", "more than" },
    { "mlp", "inputs" },
    { "unet", "image" },
    { "mlp inputs", "'inputs'" },
    { "mlp inputs=", "inputs=" },
    { "mlp inputs=0", "inputs=0" },
    { "mlp inputs=-1", "inputs=-1" },
    { "mlp inputs=2x", "inputs=2x" },
    { "mlp inputs=2,3", "inputs=2,3" },
    { "mlp inputs=99999999999999999999", "inputs=9" },
    { "mlp inputs=1048577", "inputs=1048577" },
    { "mlp inputs=2 width=1000000", "width=1000000" },
    { "mlp inputs=2 layers=100000", "layers=100000" },
    { "unet image=1x4x4 channels=16384 multipliers=1,2,1", "16384 channels times 2" },
    { "mlp inputs=2 channels=8", "no key 'channels'" },
    { "mlp inputs=2 time=never", "time=never" },
    { "mlp inputs=2 features=3", "features=3" },
    { "mlp inputs=2 colour=red", "no key 'colour'" },
    { "unet image=1x28", "image=1x28" },
    { "unet image=1x28x28x3", "image=1x28x28x3" },
    { "unet image=0x28x28", "image=0x28x28" },
    { "unet image=1x28x28 width=3", "no key 'width'" },
    { "unet image=1x30x30", "30x30" },
    { "unet image=1x28x30", "28x30" },
    { "unet image=1x28x28 multipliers=1,0", "multipliers=1,0" },
    { "unet image=1x28x28 multipliers=1,1,1,1,1,1,1,1,1", "multipliers=" },
    { "unet image=1x28x28 channels=12", "12 channels" },
    { "unet image=1x28x28 attention=", "attention=" },
    { "unet image=1x28x28 resample=smooth", "resample=smooth" },
    { "unet image=1x28x28 skip=1", "skip=1" },
    { "unet image=1x28x28 block=resnet", "block=resnet" },
    { "unet image=1x28x28 blocks=0", "blocks=0" },
    { "unet image=1x28x28 blocks=2.5", "blocks=2.5" },
    { "unet image=1x28x28 input=cat", "input=cat" },
    { "unet image=1x28x28 output=image", "output=image" },
    { "unet image=1x28x28 joins=none", "joins=none" },
    { "unet image=1x28x28 time=fourier scale=0", "scale=0: not a number above 0" },
    { "unet image=1x28x28 scale=nan", "scale=nan" },
    { "unet image=1x28x28 dropout=1", "dropout=1: not a number from 0 to 0.99" },
    { "unet image=1x28x28 dropout=-0.1", "dropout=-0.1" },
    { "unet image=1x28x28 dropout=half", "dropout=half" },
    { "ncsnpp", "image" },
    { "ncsnpp image=1x28x28", "28x28" },
    { "ncsnpp image=1x32x32 channels=136", "136 channels do not divide into 32 groups" },
    { "ncsnpp image=1x32x32 channels=17 features=2", "17 channels do not divide into 4 groups" },
    { "ddpmpp image=1x32x32 channels=9 groups=1", "features=9" },
    { "unet image=4x1024x1025", "image=4x1024x1025" },
    { "mlp inputs=2 resample=fir", "no key 'resample'" },
    { "cnn image=1x28x28 outputs=10 dropout=0.1", "no key 'dropout'" },
    { "dsm2ddpm image=1x28x28 skip=rescaled", "no key 'skip'" },
    { "mlp inputs=2 classes=2 time=none", "classes=2" },
    { "unet image=1x64x64 condition=1025", "condition=1025" },
    { "cnn image=1x28x28 outputs=0", "outputs=0" },
    { "cnn image=1x28x28 outputs=10 classes=10", "no key 'classes'" },
    { "cnn image=1x28x28 outputs=10 condition=1", "no key 'condition'" },
  };
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
    {
      sb_error error = { 0 };
      cr_assert_null (sb_net_alloc (bad[k][0], &error), "'%s' was taken", bad[k][0]);
      refused (GSL_EINVAL, error.code);
      cr_assert (strstr (error.message, bad[k][1]), "'%s': '%s' does not name '%s'", bad[k][0], error.message,
                 bad[k][1]);
    }
}

// ## Work that does not fit

Test (network, work_has_its_limits)
{
  sb_net *net = scoped (sb_net_alloc (networks[0], NULL));
  sb_net_work *work = scoped (sb_net_work_alloc (net, 2, 0));
  float *theta = zeros (net->parameters), x[6] = { 0 }, out[6];
  refused (GSL_EINVAL, sb_net_forward (net, theta, 3, x, NULL, NULL, work, out));
  ok (sb_net_forward (net, theta, 0, x, NULL, NULL, work, out));
  ok (sb_net_forward (net, theta, 2, x, NULL, NULL, work, out));
  refused (GSL_EINVAL, sb_net_backward (net, theta, work, out, NULL, NULL));
  refused (GSL_EINVAL, sb_net_jvp (net, theta, work, x, out));
}

// ## What a forward pass leaves behind
//
// A gradient may be asked for twice, and a derivative along a direction before or after: each time the same.

Test (network, derivatives_may_be_asked_for_in_any_order)
{
  gsl_rng *r = property_rng (5);
  for (size_t k = 0; k < NETWORKS; k++)
    {
      sb_net *net = scoped (sb_net_alloc (networks[k], NULL));
      sb_net_work *work = scoped (sb_net_work_alloc (net, N, 1));
      size_t in = N * sb_net_shape_size (sb_net_input (net)), out = N * sb_net_shape_size (sb_net_output (net)),
             count = net->parameters;
      float *theta = some_weights (net, r), *x = gaussians (r, in, 1), *label = gaussians (r, N, 1),
            *out_bar = gaussians (r, out, 1), *y = zeros (out), *first = zeros (count), *second = zeros (count),
            *x_bar[2] = { zeros (in), zeros (in) }, *y_dot[2] = { zeros (out), zeros (out) };
      ok (sb_net_forward (net, theta, N, x, label, NULL, work, y));
      ok (sb_net_jvp (net, theta, work, x, y_dot[0]));
      ok (sb_net_backward (net, theta, work, out_bar, first, x_bar[0]));
      ok (sb_net_jvp (net, theta, work, x, y_dot[1]));
      ok (sb_net_backward (net, theta, work, out_bar, second, NULL));
      ok (sb_net_backward (net, theta, work, out_bar, NULL, x_bar[1]));
      cr_assert_arr_eq (first, second, count * sizeof *first, "%s: gradients", networks[k]);
      cr_assert_arr_eq (x_bar[0], x_bar[1], in * sizeof **x_bar, "%s: gradients of the input", networks[k]);
      cr_assert_arr_eq (y_dot[0], y_dot[1], out * sizeof **y_dot, "%s: along a direction", networks[k]);

      // Another input: nothing of the one before is left.
      sb_net_work *fresh = scoped (sb_net_work_alloc (net, N, 1));
      memset (first, 0, count * sizeof *first);
      memset (second, 0, count * sizeof *second);
      ok (sb_net_forward (net, theta, N - 1, out_bar, NULL, NULL, work, y));
      ok (sb_net_backward (net, theta, work, x, first, NULL));
      ok (sb_net_forward (net, theta, N - 1, out_bar, NULL, NULL, fresh, y));
      ok (sb_net_backward (net, theta, fresh, x, second, NULL));
      cr_assert_arr_eq (first, second, count * sizeof *first, "%s: after another input", networks[k]);
    }
}

// What the last layer reads gives its output again, where it is a linear one: of a perceptron and of a classifier.

Test (network, the_last_layer_reads_what_is_hidden)
{
  const char *const linear[] = { "mlp inputs=5 outputs=3 width=16 layers=2 time=none",
                                 "cnn image=1x8x8 outputs=4 channels=4 multipliers=1,2 groups=2" };
  gsl_rng *r = property_rng (6);
  for (size_t k = 0; k < 2; k++)
    {
      sb_net *net = scoped (sb_net_alloc (linear[k], NULL));
      sb_net_work *work = scoped (sb_net_work_alloc (net, N, 0));
      const sb_layer *last = &net->layers[net->count - 1];
      size_t inputs = last->in[0].channels, outputs = last->out.channels;
      float *theta = some_weights (net, r), *x = gaussians (r, N * sb_net_shape_size (sb_net_input (net)), 1),
            *y = zeros (N * outputs), *hidden = zeros (N * inputs);
      const float *W = theta + last->offset, *b = W + inputs * outputs;
      hidden[0] = 7;
      ok (sb_net_forward (net, theta, 0, x, NULL, NULL, work, y));
      sb_net_hidden (net, work, hidden);
      cr_assert_eq (hidden[0], 7, "of no samples, nothing");
      ok (sb_net_forward (net, theta, N, x, NULL, NULL, work, y));
      sb_net_hidden (net, work, hidden);
      for (size_t i = 0; i < N; i++)
        for (size_t o = 0; o < outputs; o++)
          {
            double sum = (double)b[o];
            for (size_t j = 0; j < inputs; j++)
              sum += (double)W[o * inputs + j] * (double)hidden[i * inputs + j];
            cr_assert_float_eq (y[i * outputs + o], sum, 1e-4 * (1 + fabs (sum)), "%s", linear[k]);
          }
    }
}

// ## Where it went wrong
//
// The layer whose parameter is no number is the first whose output is none, whichever the layer, for one sample and
// more.

Test (network, the_first_layer_that_is_not_finite_is_named)
{
  gsl_rng *r = property_rng (7);
  for (size_t k = 0; k < NETWORKS; k++)
    {
      sb_net *net = scoped (sb_net_alloc (networks[k], NULL));
      sb_net_work *work = scoped (sb_net_work_alloc (net, N, 0));
      float *theta = some_weights (net, r), *x = gaussians (r, N * sb_net_shape_size (sb_net_input (net)), 1),
            *label = gaussians (r, N, 1), *y = zeros (N * sb_net_shape_size (sb_net_output (net)));
      for (size_t n = 0; n <= N; n++)
        {
          ok (sb_net_forward (net, theta, n, x, label, NULL, work, y));
          cr_assert_null (sb_net_not_finite (net, work));
          for (size_t l = 2; l < net->count && n > 0; l++)
            if (net->layers[l].parameters > 0)
              {
                float *last = theta + net->layers[l].offset + net->layers[l].parameters - 1, before = *last;
                *last = l % 2 ? NAN : INFINITY;
                ok (sb_net_forward (net, theta, n, x, label, NULL, work, y));
                const char *named = sb_net_not_finite (net, work);
                cr_assert_not_null (named);
                cr_assert_str_eq (named, net->layers[l].name, "%s: %s, not %s", networks[k], named,
                                  net->layers[l].name);
                *last = before;
              }
        }
    }
}

// ## On the way
//
// What a layer makes is what a network makes of which it is the last: cut behind any of its layers, with the same
// weights, each gives the same to the bit, all asked at once and in any order. A name that nobody has, or several have,
// is none.

Test (network, what_layers_make_is_what_a_network_cut_there_makes)
{
  gsl_rng *r = property_rng (8);
  for (size_t k = 0; k < NETWORKS; k++)
    {
      sb_net *net = scoped (sb_net_alloc (networks[k], NULL));
      const size_t count = net->count, inputs = sb_net_shape_size (sb_net_input (net));
      float *theta = some_weights (net, r), *x = gaussians (r, N * inputs, 1), *label = gaussians (r, N, 1);
      size_t *layer = scoped ((size_t *)calloc (count, sizeof *layer));
      float **out = scoped ((void *)calloc (count, sizeof *out));
      for (size_t j = 0; j < count; j++)
        {
          layer[j] = count - 1 - j;
          out[j] = gaussians (r, N * sb_net_shape_size (net->layers[layer[j]].out), 1);
        }
      ok (sb_net_layer_outputs (net, theta, N, x, label, NULL, count, layer, out));
      for (size_t j = 0; j < count; j++)
        {
          const size_t size = N * sb_net_shape_size (net->layers[layer[j]].out);
          sb_net cut = *net;
          cut.count = layer[j] + 1;
          sb_net_work *work = layer[j] >= 2 ? scoped (sb_net_work_alloc (&cut, N, 0)) : NULL;
          float *y = zeros (size);
          if (work)
            ok (sb_net_forward (&cut, theta, N, x, label, NULL, work, y));
          const float *want = work ? y : layer[j] == 1 ? label : x;
          cr_assert_arr_eq (out[j], want, size * sizeof *want, "%s: %s", networks[k], net->layers[layer[j]].name);
        }

      const float before = out[0][0];
      ok (sb_net_layer_outputs (net, theta, 0, x, label, NULL, count, layer, out));
      cr_assert_eq (out[0][0], before, "of no samples, nothing");
      layer[0] = count;
      refused (GSL_EINVAL, sb_net_layer_outputs (net, theta, N, x, label, NULL, 1, layer, out));
      refused (GSL_ENOMEM, sb_net_layer_outputs (net, theta, SIZE_MAX / 4, x, label, NULL, 1, layer + 1, out));
      size_t alone = 0;
      for (size_t l = 0; l < count; l++)
        {
          const size_t found = sb_net_layer_named (net, net->layers[l].name);
          cr_assert (found == l || found == count, "%s: %zu for %zu", networks[k], found, l);
          alone += found == l;
        }
      cr_assert (alone > 4 && alone < count, "%zu of %zu have a name of their own", alone, count);
      cr_assert_eq (sb_net_layer_named (net, "x"), 0);
      cr_assert_eq (sb_net_layer_named (net, "silu"), count, "several have that name");
      cr_assert_eq (sb_net_layer_named (net, "none"), count);
    }
}
