// # The components of NCSN++ and DDPM++
//
// What Appendix H of "Score-based generative modeling through SDEs" says of them, in double. That networks with them
// are what they are defined to be is in test_definition.c.

#ifndef SB_NET_DOUBLE
#define SB_NET_DOUBLE
#endif

#include "numbers.h"
#include "property.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <string.h>

SUITE (components);

static sb_net *
net_of (const char *configuration)
{
  sb_error error = { 0 };
  sb_net *net = scoped (sb_net_alloc (configuration, &error), "%s", error.message);
  return net;
}

// ## The filter
//
// StyleGAN-2's $(1, 3, 3, 1)/8$ down and across. Its taps, the gradient of one pixel, add up to one; going up, what
// becomes of one pixel adds up to four, so that the quarter of the pixels that are not zero fill the image.
// [scoresde.txt-arch-components]

enum
{
  SIDE = 16
};

static sb_layer
resampling (const sb_layer_type *type, size_t from, size_t to)
{
  return (sb_layer){ .type = type, .inputs = 1, .in = { { 1, from, from } }, .out = { 1, to, to } };
}

static const sb_real *
resampled (const sb_layer *layer, const sb_real *x)
{
  sb_real *y = zeros (sb_net_shape_size (layer->out));
  sb_pass pass = { .n = 1, .x = { x }, .y = y };
  layer->type->forward (layer, NULL, &pass);
  return y;
}

Test (components, the_filter_has_a_gain_of_one_and_four)
{
  const double taps[] = { 1, 3, 3, 1 };
  const sb_layer down = resampling (&sb_layer_fir_halve, SIDE, SIDE / 2),
                 up = resampling (&sb_layer_fir_double, SIDE, 2 * SIDE);
  sb_real *one = zeros (SIDE * SIDE), *seen = zeros (SIDE * SIDE);
  one[3 * SIDE / 2 + 4] = 1; // line 3, column 4 of the small image
  down.type->backward (&down, NULL, &(sb_pass){ .n = 1 }, one, (sb_real *[SB_LAYER_INPUTS]){ seen }, NULL);
  double sum = 0;
  for (size_t k = 0; k < SIDE * SIDE; k++)
    {
      const size_t a = k / SIDE - 5, b = k % SIDE - 7; // from one pixel before 2 x 3 and 2 x 4
      cr_assert_float_eq (seen[k], a < 4 && b < 4 ? taps[a] * taps[b] / 64 : 0, 1e-15, "tap %zu, %zu", a, b);
      sum += seen[k];
    }
  cr_assert_float_eq (sum, 1, 1e-15);

  memset (one, 0, SIDE * SIDE * sizeof *one);
  one[3 * SIDE + 4] = 1;
  const sb_real *spread = resampled (&up, one);
  sum = 0;
  for (size_t k = 0; k < 4 * SIDE * SIDE; k++)
    sum += spread[k];
  cr_assert_float_eq (sum, 4, 1e-14);
}

// Waves $\cos\omega_1 i\,\cos\omega_2 j$ stay waves and are weakened by $\cos^3(\omega/2)$ each way: constants stay as
// they are, the checkerboard of $\omega = \pi$ disappears, for $1 - 3 + 3 - 1 = 0$. To keep every second pixel makes a
// constant of it, $\pm1$. At the edges the filter sees zeros. [scoresde.txt-arch-components]

static double
wave (double omega, double place)
{
  return cos (omega * place);
}

Test (components, the_filter_lets_slow_waves_through)
{
  const sb_layer down = resampling (&sb_layer_fir_halve, SIDE, SIDE / 2);
  const double omegas[] = { 0, 0.3, 1, M_PI_2, 2.5, M_PI };
  sb_real *x = zeros (SIDE * SIDE);
  for (size_t a = 0; a < 6; a++)
    for (size_t b = 0; b < 6; b++)
      {
        for (size_t k = 0; k < SIDE * SIDE; k++)
          x[k] = wave (omegas[a], (double)(k / SIDE)) * wave (omegas[b], (double)(k % SIDE));
        const sb_real *y = resampled (&down, x);
        const double gain = gsl_pow_3 (cos (omegas[a] / 2) * cos (omegas[b] / 2));
        for (size_t i = 1; i + 1 < SIDE / 2; i++)
          for (size_t j = 1; j + 1 < SIDE / 2; j++)
            cr_assert_float_eq (y[i * SIDE / 2 + j],
                                gain * wave (omegas[a], 2 * (double)i + 0.5) * wave (omegas[b], 2 * (double)j + 0.5),
                                1e-14, "%g, %g", omegas[a], omegas[b]);
      }
  for (size_t first = 0; first < 2; first++) // x is the checkerboard
    for (size_t i = 0; i < SIDE; i += 2)
      for (size_t j = first; j < SIDE; j += 2)
        cr_assert_float_eq (x[i * SIDE + j], first ? -1 : 1, 1e-13);
}

Test (components, constants_stay_away_from_the_edges)
{
  const sb_layer down = resampling (&sb_layer_fir_halve, SIDE, SIDE / 2),
                 up = resampling (&sb_layer_fir_double, SIDE, 2 * SIDE);
  sb_real *x = zeros (SIDE * SIDE);
  for (size_t k = 0; k < SIDE * SIDE; k++)
    x[k] = 0.7;
  const sb_real *small = resampled (&down, x), *large = resampled (&up, x);
  for (size_t k = 0; k < SIDE * SIDE / 4; k++)
    {
      const size_t i = k / (SIDE / 2), j = k % (SIDE / 2), last = SIDE / 2 - 1;
      const double inside = (i % last ? 1 : 0.875) * (j % last ? 1 : 0.875);
      cr_assert_float_eq (small[k], 0.7 * inside, 1e-15, "halved: %zu, %zu", i, j);
    }
  for (size_t k = 0; k < 4 * SIDE * SIDE; k++)
    {
      const size_t i = k / (2 * SIDE), j = k % (2 * SIDE), last = 2 * SIDE - 1;
      const double inside = (i % last ? 1 : 0.75) * (j % last ? 1 : 0.75);
      cr_assert_float_eq (large[k], 0.7 * inside, 1e-15, "doubled: %zu, %zu", i, j);
    }
}

// ## Rescaled sums
//
// In each residual block and behind each attention two terms are added, and nowhere else rescaled: of variance one each
// and independent, they have a sum of variance one. $10^5$ of them have it within 4.9 standard errors, 0.0219 (a false
// alarm in $10^6$). [scoresde.txt-arch-components] Such are the sums of both winners. [scoresde.set-ncsnpp]
// [scoresde.set-ddpmpp]

Test (components, rescaled_sums_keep_the_variance)
{
  enum
  {
    COUNT = 100000
  };
  const char line[] = "image=1x8x8 channels=8 multipliers=1,2 groups=2 attention=4";
  gsl_rng *r = property_rng (811);
  sb_real *x = gaussians (r, COUNT, 1), *h = gaussians (r, COUNT, 1), *y = zeros (COUNT);
  for (int rescaled = 0; rescaled < 2; rescaled++)
    {
      char configuration[200];
      size_t residual = 0;
      snprintf (configuration, sizeof configuration, "unet %s input=skip output=skip%s", line,
                rescaled ? " skip=rescaled" : "");
      const sb_net *net = net_of (configuration);
      for (size_t l = 0; l < net->count; l++)
        {
          sb_layer alone = net->layers[l];
          if (alone.type != &sb_layer_add)
            continue;
          const char *before = net->layers[alone.from[0]].name;
          const int wanted = rescaled && (strstr (before, "conv2") || strstr (before, "attention.out"));
          alone.in[0] = alone.in[1] = alone.out = (sb_net_shape){ COUNT, 1, 1 };
          alone.type->forward (&alone, NULL, &(sb_pass){ .n = 1, .x = { x, h }, .y = y });
          cr_assert_float_eq (gsl_stats_variance (y, 1, COUNT), wanted ? 1 : 2, wanted ? 0.0219 : 0.0438, "%s", before);
          residual += wanted != 0;
        }
      cr_assert_eq (residual, rescaled ? 5 + 2 : 0, "blocks, and attention down and up: %zu", residual);
    }
}

// ## All 144
//
// Two kinds of resampling, of sums, of blocks, two or four of these, and three kinds of progressive growing each way.
// No two are the same network. [scoresde.txt-144]

typedef struct
{
  unsigned bits; // of resample, skip, block, blocks
  unsigned input, output;
} choice;

enum
{
  CHOICES = 144,
  COVERING = 23
};

static choice
choice_at (size_t k)
{
  return (choice){ k % 16, k / 16 % 3, k / 48 };
}

static void
write_choice (const choice *c, const char *joins, char *line, size_t size)
{
  static const char *const progressions[] = { "none", "skip", "residual" };
  snprintf (line, size,
            "unet image=2x4x4 channels=4 multipliers=1,2 groups=2 attention=2 features=4 dropout=0.2 joins=%s "
            "resample=%s skip=%s block=%s blocks=%d input=%s output=%s",
            joins, c->bits & 1 ? "fir" : "plain", c->bits & 2 ? "rescaled" : "sum", c->bits & 4 ? "biggan" : "ddpm",
            c->bits & 8 ? 4 : 2, progressions[c->input], progressions[c->output]);
}

static bool
alike (const sb_net *a, const sb_net *b)
{
  bool same = a->count == b->count;
  for (size_t l = 0; same && l < a->count; l++)
    {
      const sb_layer *p = &a->layers[l], *q = &b->layers[l];
      same = p->type == q->type && p->weight == q->weight && p->parameters == q->parameters
             && memcmp (p->from, q->from, sizeof p->from) == 0 && memcmp (&p->out, &q->out, sizeof p->out) == 0;
    }
  return same;
}

Test (components, there_are_144_networks)
{
  const sb_net *nets[CHOICES];
  char line[300];
  for (size_t k = 0; k < CHOICES; k++)
    {
      const choice c = choice_at (k);
      write_choice (&c, "block", line, sizeof line);
      nets[k] = net_of (line);
      for (size_t j = 0; j < k; j++)
        cr_assert_not (alike (nets[j], nets[k]), "%s is %s", nets[j]->configuration, line);
    }
}

// Of these, 23 hold every combination of the values of any three switches: for each pair of progressions two that are
// opposite in all else, two more, and three that have names: the plain one, NCSN++ and DDPM++.

static bool
is_chosen (const choice *c)
{
  static const choice more[] = { { 1, 0, 0 }, { 14, 2, 2 }, { 0, 0, 0 }, { 15, 2, 0 }, { 14, 0, 0 } };
  const unsigned pattern = 2U << (c->input + c->output) % 3;
  bool chosen = c->bits == pattern || c->bits == (15 ^ pattern);
  for (size_t k = 0; k < sizeof more / sizeof *more; k++)
    chosen |= c->bits == more[k].bits && c->input == more[k].input && c->output == more[k].output;
  return chosen;
}

static unsigned
value_of (const choice *c, size_t which) // of six switches
{
  return which < 4 ? c->bits >> which & 1 : which == 4 ? c->input : c->output;
}

Test (components, the_chosen_cover_all_threes)
{
  size_t count = 0;
  for (size_t k = 0; k < CHOICES; k++)
    {
      const choice c = choice_at (k);
      count += is_chosen (&c);
      for (size_t a = 0; a < 6; a++)
        for (size_t b = 0; b < a; b++)
          for (size_t d = 0; d < b; d++)
            {
              bool met = false;
              for (size_t j = 0; j < CHOICES; j++)
                {
                  const choice other = choice_at (j);
                  met |= is_chosen (&other) && value_of (&other, a) == value_of (&c, a)
                         && value_of (&other, b) == value_of (&c, b) && value_of (&other, d) == value_of (&c, d);
                }
              cr_assert (met, "switches %zu, %zu, %zu of %zu", a, b, d, k);
            }
    }
  cr_assert_eq (count, COVERING);
}

// ## Their gradients
//
// Along a direction of all weights and inputs: backward, and where only the inputs move jvp, are the slope by central
// differences, to $10^{-6}$ of the gradient's size. The 23; all 144 in `make check-long`. Dropout drops the same
// numbers each time. [scoresde.txt-arch-components] [scoresde.txt-144]

enum
{
  N = 2
};

typedef struct
{
  sb_net *net;
  sb_net_work *work;
  size_t in, out;
  sb_real *theta, *x, *label, *theta_dot, *x_dot, *y_bar, *y;
  sb_net_condition given;
} trial;

static trial
trial_of (const char *line, gsl_rng *r)
{
  static const sb_stream drop = { 12, SB_FOR_DROPOUT, 3 };
  trial t = { .net = net_of (line), .given = { .drop = &drop } };
  t.in = N * sb_net_shape_size (sb_net_input (t.net));
  t.out = N * sb_net_shape_size (sb_net_output (t.net));
  t.work = scoped (sb_net_work_alloc (t.net, N, 1));
  t.theta = gaussians (r, t.net->parameters, 0.4);
  t.theta_dot = trained_direction (t.net, r, 0.4);
  t.x = gaussians (r, t.in, 1);
  t.x_dot = gaussians (r, t.in, 1);
  t.label = gaussians (r, N, 1);
  t.y_bar = gaussians (r, t.out, 1);
  t.y = zeros (t.out);
  return t;
}

static double
value_at (trial *t, double of_theta, double of_x)
{
  ok (sb_net_forward (t->net, moved (t->theta, of_theta, t->theta_dot, t->net->parameters), N,
                      moved (t->x, of_x, t->x_dot, t->in), t->label, &t->given, t->work, t->y));
  return dot (t->y, t->y_bar, t->out);
}

static double
slope (trial *t, double of_theta, double of_x)
{
  const double h = 1e-3, at[] = { 1, -1, 2, -2 }, weight[] = { 8, -8, -1, 1 };
  double sum = 0;
  for (int k = 0; k < 4; k++)
    sum += weight[k] * value_at (t, at[k] * h * of_theta, at[k] * h * of_x) / (12 * h);
  return sum;
}

static void
check_gradients (const char *line, gsl_rng *r)
{
  trial t = trial_of (line, r);
  const size_t count = t.net->parameters;
  const double of_theta = slope (&t, 1, 0), of_x = slope (&t, 0, 1);
  sb_real *theta_bar = zeros (count), *x_bar = zeros (t.in), *y_dot = zeros (t.out);
  ok (sb_net_forward (t.net, t.theta, N, t.x, t.label, &t.given, t.work, t.y));
  ok (sb_net_jvp (t.net, t.theta, t.work, t.x_dot, y_dot));
  ok (sb_net_backward (t.net, t.theta, t.work, t.y_bar, theta_bar, x_bar));
  const double size = sqrt (dot (theta_bar, theta_bar, count)), size_x = sqrt (dot (x_bar, x_bar, t.in));
  cr_assert_float_eq (dot (theta_bar, t.theta_dot, count), of_theta, 1e-6 * size, "%s: weights: %g, not %g", line,
                      dot (theta_bar, t.theta_dot, count), of_theta);
  cr_assert_float_eq (dot (x_bar, t.x_dot, t.in), of_x, 1e-6 * size_x, "%s: inputs: %g, not %g", line,
                      dot (x_bar, t.x_dot, t.in), of_x);
  cr_assert_float_eq (dot (y_dot, t.y_bar, t.out), of_x, 1e-6 * size_x, "%s: along: %g, not %g", line,
                      dot (y_dot, t.y_bar, t.out), of_x);
}

Test (components, all_combinations_have_their_gradients)
{
  gsl_rng *r = property_rng (144);
  const bool longer = getenv ("SCOREBOOK_LONG") != NULL;
  for (size_t k = 0; k < CHOICES; k++)
    for (int block = 0; block < 2; block++)
      {
        const size_t mark = scope_mark ();
        const choice c = choice_at (k);
        char line[300];
        write_choice (&c, block ? "block" : "level", line, sizeof line);
        if (longer || is_chosen (&c))
          check_gradients (line, r);
        scope_release (mark);
      }
}

// ## At the paper's size
//
// The paper prints no widths; these are those of the authors' public configurations, and the numbers of weights follow
// from the structure. [scoresde.set-ncsnpp] [scoresde.set-ddpmpp] [scoresde.set-cont] [scoresde.set-celebahq] Those of
// Karras et al.'s released networks have 9 x 128 weights more, which tell them their augmentation.
// [consistent.set-edm-arch] [consistent.set-edm-augment] The last is the network of Ho et al. (2020), whose figure is
// 35.7 million.

#define CELEBA_HQ                                                                                                      \
  "ncsnpp image=3x1024x1024 channels=16 multipliers=1,2,4,8,16,32,32,32 blocks=1 time=fourier input=skip output=skip"

Test (components, the_papers_networks_have_so_many_weights)
{
  const struct
  {
    const char *line;
    size_t trained, frequencies;
  } networks[] = {
    { "ncsnpp image=3x32x32", 62693251, 0 },
    { "ncsnpp image=3x32x32 time=fourier", 62758787, 128 },
    { "ncsnpp image=3x32x32 time=fourier blocks=8", 107586947, 128 },
    { "ddpmpp image=3x32x32", 61804419, 0 },
    { "ddpmpp image=3x32x32 blocks=8", 106632579, 0 },
    { CELEBA_HQ, 105785880, 16 },
    { "edm-ddpmpp image=3x32x32", 55733891 - 9 * 128, 0 },
    { "edm-ddpmpp image=3x32x32 classes=10", 55735299 - 9 * 128, 0 },
    { "edm-ddpmpp image=3x64x64 multipliers=1,2,2,2", 61805571 - 9 * 128, 0 },
    { "unet image=3x32x32 channels=128 multipliers=1,2,2,2 blocks=2 groups=32 attention=16 joins=block features=128",
      35746307, 0 },
  };
  for (size_t k = 0; k < sizeof networks / sizeof *networks; k++)
    {
      const sb_net *net = net_of (networks[k].line);
      size_t trained = 0, others = 0;
      for (size_t j = 0; j < sb_net_tensors (net); j++)
        {
          const sb_net_tensor tensor = sb_net_tensor_at (net, j);
          *(tensor.trained ? &trained : &others) += tensor.count;
        }
      cr_assert (trained == networks[k].trained && others == networks[k].frequencies, "%s: %zu and %zu",
                 networks[k].line, trained, others);
    }
}

// Three channels more cost 9 weights for each channel of the first convolution; as its outputs, a bias each besides.
// [nonuniform.set-arch]

Test (components, both_images_cost_2595_weights_more)
{
  const sb_net *both = net_of ("unet image=6x16x16 channels=96 multipliers=1,1 groups=8"),
               *given = net_of ("unet image=3x16x16 condition=3 channels=96 multipliers=1,1 groups=8");
  cr_assert_eq (both->parameters - given->parameters, 3 * (96 * 9 + 1));
}

// The shapes on the way: NCSN++ has levels of 32, 16, 8 and 4 lines, five blocks each going up, and attention at 16 and
// in the middle.

Test (components, ncsnpp_has_its_levels)
{
  const sb_net *net = net_of ("ncsnpp image=3x32x32");
  size_t attention[33] = { 0 }, joins[33] = { 0 }, widest = 0;
  for (size_t l = 0; l < net->count; l++)
    {
      const sb_layer *layer = &net->layers[l];
      attention[layer->out.height] += layer->type == &sb_layer_attention;
      joins[layer->out.height] += layer->type == &sb_layer_join;
      if (layer->type == &sb_layer_group_norm)
        {
          cr_assert_eq (layer->groups, 32, "%s", layer->name);
          widest = layer->out.channels > widest ? layer->out.channels : widest;
        }
    }
  for (size_t h = 4; h <= 32; h *= 2)
    cr_assert (joins[h] == 5 && attention[h] == (h == 16 ? 5 : h == 4), "%zu: %zu joins, %zu times attention", h,
               joins[h], attention[h]);
  cr_assert_eq (widest, 512);
  const sb_net_shape out = sb_net_output (net);
  cr_assert (out.channels == 3 && out.height == 32 && out.width == 32);
}

// Karras et al.'s: attention at 16 lines behind each of four blocks going down and the last of five going up, and in
// the middle at 8, though the line does not say so; groups of 4 channels or more; and what is new says nothing: its
// output is 0. [consistent.set-edm-arch]

Test (components, edm_ddpmpp_has_its_attention)
{
  const sb_net *net = net_of ("edm-ddpmpp image=3x32x32");
  size_t attention[33] = { 0 };
  for (size_t l = 0; l < net->count; l++)
    {
      const sb_layer *layer = &net->layers[l];
      attention[layer->out.height] += layer->type == &sb_layer_attention;
      if (layer->type == &sb_layer_group_norm)
        cr_assert_eq (layer->groups, 32, "%s", layer->name);
    }
  cr_assert (attention[32] == 0 && attention[16] == 5 && attention[8] == 1);

  const sb_net *small = net_of ("edm-ddpmpp image=3x8x8 channels=16 blocks=1 attention=4");
  sb_net_work *work = scoped (sb_net_work_alloc (small, 2, 0));
  sb_real *theta = zeros (small->parameters), x[2 * 3 * 64], y[2 * 3 * 64], u[2] = { .3f, -1 };
  ok (sb_net_initialise (small, (sb_stream){ .seed = 1 }, theta));
  for (size_t k = 0; k < sizeof x / sizeof *x; k++)
    x[k] = (sb_real)sin ((double)k);
  ok (sb_net_forward (small, theta, 2, x, u, NULL, work, y));
  for (size_t k = 0; k < sizeof y / sizeof *y; k++)
    cr_assert_eq (y[k], 0);
}
