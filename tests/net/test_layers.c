// # The derivatives of every layer
//
// Compiled in double. A layer has three functions; each is checked against the others and against finite differences:
// the Jacobian-vector product against a central difference of `forward` along a random direction, and `backward` as
// its transpose, $\langle \bar y, J\dot x\rangle = \langle J^\top\bar y, \dot x\rangle$, for inputs and parameters
// alike. Networks of one layer are cut out of small configured ones, so that shapes and parameters are those of real
// use.

#include "property.h"
#include "numbers.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE (layers);

// One layer, its inputs, parameters, and a direction for each. Dropout drops the same numbers each time.

static const sb_stream drop = { 11, SB_FOR_DROPOUT, 0 };

typedef struct
{
  const sb_layer *layer;
  size_t n, sizes[SB_LAYER_INPUTS], out;
  sb_real *x[SB_LAYER_INPUTS], *x_dot[SB_LAYER_INPUTS], *theta, *theta_dot, *y_bar, *saved, *scratch;
} trial;

static trial
trial_alloc (const sb_layer *layer, size_t n, gsl_rng *r)
{
  trial t = { .layer = layer, .n = n, .out = sb_net_shape_size (layer->out) * n };
  for (size_t k = 0; k < layer->inputs; k++)
    {
      t.sizes[k] = sb_net_shape_size (layer->in[k]) * n;
      t.x[k] = gaussians (r, t.sizes[k], 1);
      t.x_dot[k] = gaussians (r, t.sizes[k], 1);
    }
  t.theta = gaussians (r, layer->parameters, 1);
  t.theta_dot = gaussians (r, layer->parameters, 1);
  t.y_bar = gaussians (r, t.out, 1);
  t.saved = zeros (layer->saved * n + 1);
  t.scratch = zeros (layer->scratch + 1);
  return t;
}

// forward at x + h x_dot, theta + g theta_dot

static void
forward_at (trial *t, double h, double g, sb_real *y)
{
  sb_pass pass = { .n = t->n, .y = y, .saved = t->saved, .scratch = t->scratch, .drop = &drop };
  for (size_t k = 0; k < t->layer->inputs; k++)
    pass.x[k] = moved (t->x[k], h, t->x_dot[k], t->sizes[k]);
  t->layer->type->forward (t->layer, moved (t->theta, g, t->theta_dot, t->layer->parameters), &pass);
}

// The fourth-order central difference of <y_bar, y>: (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12 h.

static double
difference (trial *t, double along_x, double along_theta)
{
  double h = 1e-3, sum = 0;
  const double at[] = { 1, -1, 2, -2 }, weight[] = { 8, -8, -1, 1 };
  sb_real *y = zeros (t->out);
  for (int k = 0; k < 4; k++)
    {
      forward_at (t, at[k] * h * along_x, at[k] * h * along_theta, y);
      sum += weight[k] * dot (t->y_bar, y, t->out);
    }
  return sum / (12 * h);
}

static void
check_layer (const sb_layer *layer, size_t n, gsl_rng *r)
{
  int embeds = layer->type == &sb_layer_positional || layer->type == &sb_layer_fourier;
  trial t = trial_alloc (layer, n, r);
  sb_real *y = zeros (t.out), *y_dot = zeros (t.out);
  sb_real *theta_bar = zeros (layer->parameters + 1), *x_bar[SB_LAYER_INPUTS] = { NULL };
  for (size_t k = 0; k < layer->inputs; k++)
    x_bar[k] = zeros (t.sizes[k]);

  double slope_x = embeds ? 0 : difference (&t, 1, 0), slope_theta = embeds ? 0 : difference (&t, 0, 1);
  forward_at (&t, 0, 0, y);
  sb_pass pass = { .n = n, .y = y, .saved = t.saved, .scratch = t.scratch, .drop = &drop };
  for (size_t k = 0; k < layer->inputs; k++)
    pass.x[k] = t.x[k];
  layer->type->jvp (layer, t.theta, &pass, (const sb_real *const *)t.x_dot, y_dot);
  layer->type->backward (layer, t.theta, &pass, t.y_bar, x_bar, theta_bar);

  double forwards = dot (t.y_bar, y_dot, t.out), backwards = 0,
         of_theta = dot (theta_bar, t.theta_dot, layer->parameters);
  for (size_t k = 0; k < layer->inputs; k++)
    backwards += dot (x_bar[k], t.x_dot[k], t.sizes[k]);
  double scale = sqrt (dot (y_dot, y_dot, t.out) * dot (t.y_bar, t.y_bar, t.out)) + 1;
  cr_assert_float_eq (forwards, slope_x, 1e-6 * scale, "%s (%s): jvp %.12g, difference %.12g", layer->type->name,
                      layer->name, forwards, slope_x);
  cr_assert_float_eq (backwards, forwards, 1e-12 * scale, "%s (%s): backward %.15g, jvp %.15g", layer->type->name,
                      layer->name, backwards, forwards);
  cr_assert_float_eq (of_theta, slope_theta, 1e-6 * (fabs (slope_theta) + scale),
                      "%s (%s): theta_bar %.12g, difference %.12g", layer->type->name, layer->name, of_theta,
                      slope_theta);

  // Gradients are added, not written: a second call doubles them. Inputs nobody asks about are left alone.
  sb_real *nobody[SB_LAYER_INPUTS] = { NULL };
  layer->type->backward (layer, t.theta, &pass, t.y_bar, x_bar, NULL);
  layer->type->backward (layer, t.theta, &pass, t.y_bar, nobody, theta_bar);
  double twice = 0;
  for (size_t k = 0; k < layer->inputs; k++)
    twice += dot (x_bar[k], t.x_dot[k], t.sizes[k]);
  cr_assert_float_eq (twice, 2 * backwards, 1e-11 * scale, "%s: x_bar is not added to", layer->type->name);
  cr_assert_float_eq (dot (theta_bar, t.theta_dot, layer->parameters), 2 * of_theta, 1e-11 * (fabs (of_theta) + scale),
                      "%s: theta_bar is not added to", layer->type->name);

  // Standing still in all inputs, y does not move; in one at a time, the parts add up.
  layer->type->jvp (layer, t.theta, &pass, (const sb_real *const *)nobody, y_dot);
  for (size_t k = 0; k < t.out; k++)
    cr_assert_eq (y_dot[k], 0, "%s: moves by itself", layer->type->name);
  double parts = 0;
  for (size_t k = 0; k < layer->inputs; k++)
    {
      const sb_real *one[SB_LAYER_INPUTS] = { NULL };
      one[k] = t.x_dot[k];
      layer->type->jvp (layer, t.theta, &pass, one, y_dot);
      parts += dot (t.y_bar, y_dot, t.out);
    }
  cr_assert_float_eq (parts, forwards, 1e-12 * scale, "%s: parts %.15g, whole %.15g", layer->type->name, parts,
                      forwards);
}

static const char plus_plus[] = "ncsnpp image=3x8x4 channels=4 multipliers=1,2,3 blocks=1 dropout=0.3 output=skip";

static void
check_layers_of (const char *configuration)
{
  gsl_rng *r = property_rng (20200619);
  sb_error error;
  sb_net *net = scoped (sb_net_alloc (configuration, &error), "%s", error.message);
  for (size_t l = 2; l < net->count; l++)
    for (size_t n = 1; n <= 3; n++)
      check_layer (&net->layers[l], n, r);
}

Test (layers, have_the_right_derivatives)
{
  check_layers_of ("unet image=3x8x4 channels=4 multipliers=1,2,3 groups=2 attention=4,2 features=6");
  check_layers_of ("unet image=1x6x6 outputs=2 channels=3 multipliers=1,2 blocks=2 groups=3 time=fourier features=4");
  check_layers_of ("cnn image=2x4x6 outputs=3 channels=4 multipliers=1,2 blocks=1 groups=2");
  check_layers_of ("mlp inputs=3 outputs=2 width=5 layers=2 time=fourier features=4");
  check_layers_of (plus_plus);
}

// ## What each layer computes
//
// Derivatives that agree with a wrong function are right for the wrong function. Each layer is compared with its
// definition, written out for one number at a time.

static double
pixel (const sb_real *x, sb_net_shape s, size_t n, size_t c, size_t i, long row, long column)
{
  if (row < 0 || column < 0 || row >= (long)s.height || column >= (long)s.width)
    return 0;
  return x[((c * n + i) * s.height + (size_t)row) * s.width + (size_t)column];
}

static double
convolution (const sb_layer *l, const trial *t, size_t c, size_t i, long row, long column)
{
  long reach = (long)l->kernel / 2;
  size_t taps = l->in[0].channels * l->kernel * l->kernel;
  double sum = t->theta[l->out.channels * taps + c];
  for (size_t from = 0; from < l->in[0].channels; from++)
    for (long dy = -reach; dy <= reach; dy++)
      for (long dx = -reach; dx <= reach; dx++)
        sum += t->theta[((c * l->in[0].channels + from) * l->kernel + (size_t)(dy + reach)) * l->kernel
                        + (size_t)(dx + reach)]
               * pixel (t->x[0], l->in[0], t->n, from, i, row + dy, column + dx);
  return sum;
}

static double
group_norm (const sb_layer *l, const trial *t, size_t c, size_t i, long row, long column)
{
  size_t each = l->out.channels / l->groups, first = c / each * each;
  double count = (double)(each * sb_net_shape_pixels (l->out)), sum = 0, square = 0;
  for (size_t k = first; k < first + each; k++)
    for (long a = 0; a < (long)l->out.height; a++)
      for (long b = 0; b < (long)l->out.width; b++)
        {
          double v = pixel (t->x[0], l->out, t->n, k, i, a, b);
          sum += v;
          square += v * v;
        }
  double mean = sum / count, variance = square / count - mean * mean;
  return t->theta[c] * (pixel (t->x[0], l->out, t->n, c, i, row, column) - mean) / sqrt (variance + 1e-5)
         + t->theta[l->out.channels + c];
}

static double
attention (const sb_layer *l, const trial *t, size_t c, size_t i, long row, long column)
{
  double total = 0, sum = 0;
  for (long a = 0; a < (long)l->out.height; a++)
    for (long b = 0; b < (long)l->out.width; b++)
      {
        double match = 0;
        for (size_t k = 0; k < l->out.channels; k++)
          match += pixel (t->x[0], l->out, t->n, k, i, row, column) * pixel (t->x[1], l->out, t->n, k, i, a, b);
        double weight = exp (match / sqrt ((double)l->out.channels));
        total += weight;
        sum += weight * pixel (t->x[2], l->out, t->n, c, i, a, b);
      }
  return sum / total;
}

// The filter (1, 3, 3, 1) both ways, over 64, around each second pixel; or, over 16, around each pixel of an image with
// zeros between the given ones.

static const double filter[] = { 1, 3, 3, 1 };

static double
fir_halve (const sb_layer *l, const trial *t, size_t c, size_t i, long row, long column)
{
  double sum = 0;
  for (long a = 0; a < 4; a++)
    for (long b = 0; b < 4; b++)
      sum += filter[a] * filter[b] / 64 * pixel (t->x[0], l->in[0], t->n, c, i, 2 * row + a - 1, 2 * column + b - 1);
  return sum;
}

static double
fir_double (const sb_layer *l, const trial *t, size_t c, size_t i, long row, long column)
{
  double sum = 0;
  for (long a = 0; a < 4; a++)
    for (long b = 0; b < 4; b++)
      if ((row + a) % 2 == 0 && (column + b) % 2 == 0)
        sum += filter[a] * filter[b] / 16
               * pixel (t->x[0], l->in[0], t->n, c, i, (row + a) / 2 - 1, (column + b) / 2 - 1);
  return sum;
}

static double
defined (const sb_layer *l, const trial *t, size_t c, size_t i, long row, long column)
{
  size_t n = t->n, half = l->out.channels / 2;
  double x = pixel (t->x[0], l->in[0], n, c < l->in[0].channels ? c : 0, i, row, column);
  if (l->type == &sb_layer_average)
    {
      double sum = 0;
      for (long a = 0; a < (long)l->in[0].height; a++)
        for (long b = 0; b < (long)l->in[0].width; b++)
          sum += pixel (t->x[0], l->in[0], n, c, i, a, b);
      return sum / (double)sb_net_shape_pixels (l->in[0]);
    }
  if (l->type == &sb_layer_convolution)
    return convolution (l, t, c, i, row, column);
  if (l->type == &sb_layer_group_norm)
    return group_norm (l, t, c, i, row, column);
  if (l->type == &sb_layer_attention)
    return attention (l, t, c, i, row, column);
  if (l->type == &sb_layer_silu)
    return x / (1 + exp (-x));
  if (l->type == &sb_layer_add)
    return l->weight
           * (x
              + (sb_net_shape_pixels (l->in[1]) == 1 ? pixel (t->x[1], l->in[1], n, c, i, 0, 0)
                                                     : pixel (t->x[1], l->in[1], n, c, i, row, column)));
  if (l->type == &sb_layer_fir_halve)
    return fir_halve (l, t, c, i, row, column);
  if (l->type == &sb_layer_fir_double)
    return fir_double (l, t, c, i, row, column);
  if (l->type == &sb_layer_dropout)
    return x * pixel (t->saved, l->out, n, c, i, row, column);
  if (l->type == &sb_layer_join)
    return c < l->in[0].channels ? x : pixel (t->x[1], l->in[1], n, c - l->in[0].channels, i, row, column);
  if (l->type == &sb_layer_double)
    return pixel (t->x[0], l->in[0], n, c, i, row / 2, column / 2);
  if (l->type == &sb_layer_halve)
    return (pixel (t->x[0], l->in[0], n, c, i, 2 * row, 2 * column)
            + pixel (t->x[0], l->in[0], n, c, i, 2 * row, 2 * column + 1)
            + pixel (t->x[0], l->in[0], n, c, i, 2 * row + 1, 2 * column)
            + pixel (t->x[0], l->in[0], n, c, i, 2 * row + 1, 2 * column + 1))
           / 4;
  double frequency = l->type == &sb_layer_fourier ? 2 * M_PI * t->theta[c % half]
                     : half == 1                  ? 1
                                                  : pow (10000, -(double)(c % half) / (double)(half - 1));
  double angle = frequency * pixel (t->x[0], l->in[0], n, 0, i, 0, 0);
  return c < half ? sin (angle) : cos (angle);
}

static void
check_values_of (const char *configuration)
{
  gsl_rng *r = property_rng (20200620);
  sb_net *net = scoped (sb_net_alloc (configuration, NULL));
  for (size_t l = 2; l < net->count; l++)
    {
      const sb_layer *layer = &net->layers[l];
      trial t = trial_alloc (layer, 2, r);
      sb_real *y = zeros (t.out);
      forward_at (&t, 0, 0, y);
      for (size_t c = 0; c < layer->out.channels; c++)
        for (size_t i = 0; i < 2; i++)
          for (long a = 0; a < (long)layer->out.height; a++)
            for (long b = 0; b < (long)layer->out.width; b++)
              {
                double want = defined (layer, &t, c, i, a, b), got = pixel (y, layer->out, 2, c, i, a, b);
                cr_assert_float_eq (got, want, 1e-11 * (1 + fabs (want)), "%s (%s): %.15g, by definition %.15g",
                                    layer->type->name, layer->name, got, want);
              }
    }
}

Test (layers, compute_what_they_are_defined_to)
{
  check_values_of ("unet image=3x8x4 channels=4 multipliers=1,2,3 groups=2 attention=4,2 features=6");
  check_values_of ("cnn image=2x4x6 outputs=3 channels=4 multipliers=1,2 blocks=1 groups=2");
  check_values_of ("mlp inputs=3 outputs=2 width=5 layers=2 time=fourier features=4");
  check_values_of ("mlp inputs=1 width=2 layers=1 time=positional features=2");
  check_values_of (plus_plus);
}

// ## Loud pixels
//
// Attention weighs by powers of products that training does not bound. Whichever pixel's key is so large that its power
// would overflow, all look at it alone.

Test (layers, attention_to_a_loud_pixel_does_not_overflow)
{
  sb_net *net
      = scoped (sb_net_alloc ("unet image=1x2x4 channels=2 multipliers=1 groups=1 attention=2 time=none", NULL));
  const sb_layer *layer = NULL;
  for (size_t l = 0; l < net->count && !layer; l++)
    if (net->layers[l].type == &sb_layer_attention)
      layer = &net->layers[l];
  cr_assert_not_null (layer);
  gsl_rng *r = property_rng (20200622);
  trial t = trial_alloc (layer, 1, r);
  sb_real *y = zeros (t.out);
  for (size_t loud = 0; loud < 8; loud++)
    {
      for (size_t k = 0; k < t.sizes[0]; k++)
        {
          t.x[0][k] = 1;
          t.x[1][k] = k % 8 == loud ? 1e6 : -1;
        }
      forward_at (&t, 0, 0, y);
      for (size_t k = 0; k < t.out; k++)
        cr_assert_float_eq (y[k], t.x[2][k / 8 * 8 + loud], 1e-12, "pixel %zu is loud: %g, not %g", loud, y[k],
                            t.x[2][k / 8 * 8 + loud]);
    }
}

// ## Fourier features
//
// There are as many sines as cosines of the same angles, so $|\gamma(u)|^2$ is the number of frequencies; and since
// $E\cos(2\pi W\delta) = e^{-2\pi^2 16^2\delta^2}$ for $W \sim \mathcal{N}(0, 16^2)$, so goes the mean product of two
// embeddings $\delta$ apart: with $10^5$ frequencies within 4.9 standard errors of at most $\sqrt{0.5/10^5}$, 0.011 (a
// false alarm in $10^6$). [scoresde.txt-fourier]

Test (layers, fourier_features_see_distance)
{
  enum
  {
    FREQUENCIES = 100000
  };
  char configuration[100];
  snprintf (configuration, sizeof configuration, "mlp inputs=1 width=1 layers=1 time=fourier features=%d",
            2 * FREQUENCIES);
  sb_net *net = scoped (sb_net_alloc (configuration, NULL));
  sb_real *theta = zeros (net->parameters);
  ok (sb_net_initialise (net, (sb_stream){ 7, SB_FOR_USER, 0 }, theta));
  const sb_layer *layer = &net->layers[2];
  cr_assert_eq (layer->type, &sb_layer_fourier);

  const sb_real u[] = { 0.3, 0.3, 0.305, 0.31, 0.32 };
  sb_real *y = zeros (5 * 2 * FREQUENCIES);
  sb_pass pass = { .n = 5, .x = { u }, .y = y };
  layer->type->forward (layer, theta + layer->offset, &pass);
  for (size_t i = 0; i < 5; i++)
    {
      double product = 0, square = 0, distance = u[i] - u[0];
      for (size_t c = 0; c < 2 * FREQUENCIES; c++)
        {
          product += y[c * 5] * y[c * 5 + i];
          square += y[c * 5 + i] * y[c * 5 + i];
        }
      cr_assert_float_eq (square / FREQUENCIES, 1, 1e-12);
      cr_assert_float_eq (product / FREQUENCIES, exp (-2 * gsl_pow_2 (M_PI * 16 * distance)), 0.011,
                          "at distance %g: %g", distance, product / FREQUENCIES);
    }
}

// ## Whole networks
//
// Through all layers at once, along random directions of every trained parameter and every input: the gradient is the
// slope of the loss $\langle\bar y, f(x; \theta)\rangle$, to $10^{-6}$ relative, and the Jacobian-vector product is
// its slope along the inputs alone.

static const char *const networks[] = {
  "mlp inputs=2 width=24 layers=2 time=fourier features=8",
  "mlp inputs=5 outputs=3 width=16 layers=3 time=none",
  "cnn image=1x8x8 outputs=10 channels=8 multipliers=1,2 groups=4 time=positional",
  "unet image=1x8x8 channels=8 multipliers=1,2 groups=4 attention=4 time=positional features=8",
  "unet image=2x4x8 outputs=3 channels=4 multipliers=1,2,1 blocks=2 groups=2 time=fourier features=6",
};

typedef struct
{
  sb_net *net;
  sb_net_work *work;
  size_t n, in, out;
  sb_real *theta, *theta_dot, *x, *x_dot, *label, *y_bar, *y;
} whole;

static double
loss_at (whole *w, double h, double g)
{
  sb_real *theta = moved (w->theta, g, w->theta_dot, w->net->parameters), *x = moved (w->x, h, w->x_dot, w->in);
  ok (sb_net_forward (w->net, theta, w->n, x, w->label, NULL, w->work, w->y));
  return dot (w->y_bar, w->y, w->out);
}

static double
loss_slope (whole *w, double along_x, double along_theta)
{
  double h = 2e-4, a = h * along_x, b = h * along_theta;
  return (8 * (loss_at (w, a, b) - loss_at (w, -a, -b)) - (loss_at (w, 2 * a, 2 * b) - loss_at (w, -2 * a, -2 * b)))
         / (12 * h);
}

static void
check_network (const char *configuration, gsl_rng *r)
{
  whole w = { .net = scoped (sb_net_alloc (configuration, NULL)), .n = 3 };
  w.work = scoped (sb_net_work_alloc (w.net, w.n, 1));
  w.in = w.n * sb_net_shape_size (sb_net_input (w.net));
  w.out = w.n * sb_net_shape_size (sb_net_output (w.net));
  w.theta = gaussians (r, w.net->parameters, 0.3); // first weights are zero here and there; these are not
  w.theta_dot = trained_direction (w.net, r, 1);
  w.x = gaussians (r, w.in, 1);
  w.x_dot = gaussians (r, w.in, 1);
  w.label = gaussians (r, w.n, 1);
  w.y_bar = gaussians (r, w.out, 1);
  w.y = zeros (w.out);

  double slope = loss_slope (&w, 1, 1), slope_x = loss_slope (&w, 1, 0);
  sb_real *theta_bar = zeros (w.net->parameters), *x_bar = zeros (w.in), *y_dot = zeros (w.out);
  loss_at (&w, 0, 0);
  ok (sb_net_backward (w.net, w.theta, w.work, w.y_bar, theta_bar, x_bar));
  double along_theta = dot (theta_bar, w.theta_dot, w.net->parameters), along_x = dot (x_bar, w.x_dot, w.in);
  ok (sb_net_jvp (w.net, w.theta, w.work, w.x_dot, y_dot));
  double forwards = dot (y_dot, w.y_bar, w.out);

  double scale = fabs (along_theta) + fabs (along_x);
  cr_assert_float_eq (along_theta + along_x, slope, 1e-6 * scale, "%s: gradient %.12g, slope %.12g", configuration,
                      along_theta + along_x, slope);
  cr_assert_float_eq (along_x, slope_x, 1e-6 * scale, "%s: along x %.12g, slope %.12g", configuration, along_x,
                      slope_x);
  cr_assert_float_eq (forwards, along_x, 1e-11 * scale, "%s: jvp %.15g, gradient %.15g", configuration, forwards,
                      along_x);
}

Test (layers, of_whole_networks_chain)
{
  gsl_rng *r = property_rng (20200621);
  for (size_t k = 0; k < sizeof networks / sizeof *networks; k++)
    check_network (networks[k], r);
}
