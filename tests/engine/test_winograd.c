// # Convolutions, against sums in long double
//
// A convolution by itself, of all sizes that a tile of $4 \times 4$ does not fit: its outputs, the gradient of its
// inputs and those of its weights. Both kernels, and the centre alone of weights stored as $3 \times 3$.

#include "engine/blocked.h"
#include "engine/conv.h"
#include "property.h"
#include "scope.h"

#include <math.h>
#include <string.h>

SUITE (winograd);

typedef struct
{
  sb_conv_shape s;
  size_t pixels, x, y, weights, parameters; // numbers in all of each
  float *in, *theta, *out_bar;              // given: [image][channel][pixel]
  float *out, *in_bar, *theta_bar;          // by the convolution
} problem;

static problem
problem_alloc (const sb_conv_shape *shape, gsl_rng *r)
{
  problem p = { .s = *shape, .pixels = shape->height * shape->width };
  p.x = shape->images * shape->in * p.pixels;
  p.y = shape->images * shape->out * p.pixels;
  p.weights = shape->in * shape->out * shape->stored_kernel * shape->stored_kernel;
  p.parameters = p.weights + shape->out;
  p.in = gaussians (r, p.x, 1);
  p.theta = gaussians (r, p.parameters, 1);
  p.out_bar = gaussians (r, p.y, 1);
  p.out = scoped (calloc (p.y, sizeof *p.out));
  p.in_bar = scoped (calloc (p.x, sizeof *p.in_bar));
  p.theta_bar = scoped (calloc (p.parameters, sizeof *p.theta_bar));
  return p;
}

// ## Blocks of 16 channels, filled up with zeros

static size_t
place (const problem *p, size_t channels, size_t image, size_t channel, size_t pixel)
{
  return (image * sb_blocked_filled (channels) + channel / SB_LANES * SB_LANES) * p->pixels + pixel * SB_LANES
         + channel % SB_LANES;
}

// Room for a tensor, and for what is written too far, in which there must be nothing later.

static float *
blocked_alloc (const problem *p, size_t channels, const float *samples)
{
  size_t count = p->s.images * sb_blocked_filled (channels) * p->pixels;
  float *x = scoped ((float *)aligned_alloc (64, (count + SB_LANES) * sizeof *x));
  memset (x, 0, (count + SB_LANES) * sizeof *x);
  for (size_t i = 0; i < p->s.images && samples; i++)
    for (size_t c = 0; c < channels; c++)
      for (size_t k = 0; k < p->pixels; k++)
        x[place (p, channels, i, c, k)] = *samples++;
  return x;
}

static void
blocked_read (const problem *p, size_t channels, float *x, float *samples)
{
  for (size_t i = 0; i < p->s.images; i++)
    for (size_t c = 0; c < sb_blocked_filled (channels); c++)
      for (size_t k = 0; k < p->pixels; k++)
        {
          float value = x[place (p, channels, i, c, k)];
          if (c < channels && samples)
            *samples++ = value;
          cr_assert (c < channels || value == 0, "channel %zu of %zu is %g", c, channels, (double)value);
        }
  for (size_t k = 0; k < SB_LANES; k++)
    cr_assert_eq (x[place (p, channels, p->s.images, 0, 0) + k], 0, "behind the last");
}

// ## By the convolution

static void
convolve (problem *p, const sb_conv_type *type)
{
  float *x = blocked_alloc (p, p->s.in, p->in), *y = blocked_alloc (p, p->s.out, NULL),
        *x_bar = blocked_alloc (p, p->s.in, NULL), *y_bar = blocked_alloc (p, p->s.out, p->out_bar);
  int begun = type->begin ();
  void *shared, *conv;
  ok (type->alloc (SB_NET_FLOAT, &shared));
  ok (type->conv_alloc (shared, &p->s, &conv));
  void *scratch = scoped (aligned_alloc (64, (type->scratch (conv) + 63) / 64 * 64 + 64));
  ok (type->bind (conv, x, y, x_bar, y_bar, scratch));
  ok (type->weights (conv, p->theta));
  ok (type->forward (conv));
  ok (type->backward_data (conv));
  ok (type->backward_weights (conv, p->theta_bar));
  type->conv_free (conv);
  type->free (shared);
  type->end (begun);
  blocked_read (p, p->s.in, x, NULL);
  blocked_read (p, p->s.out, y, p->out);
  blocked_read (p, p->s.in, x_bar, p->in_bar);
  blocked_read (p, p->s.out, y_bar, NULL);
}

// ## By the definition
//
// Each product of a weight, an input and an output's gradient is a term of all three results.

typedef struct
{
  long double *out, *in_bar, *theta_bar;
} truth;

static void
add_terms (const problem *p, truth *t, size_t image, size_t o, size_t c, long row, long column)
{
  const sb_conv_shape *s = &p->s;
  long height = (long)s->height, width = (long)s->width, edge = (long)s->kernel / 2, whole = (long)s->stored_kernel / 2;
  size_t y = ((image * s->out + o) * s->height + (size_t)row) * s->width + (size_t)column;
  for (long i = -edge; i <= edge; i++)
    for (long j = -edge; j <= edge; j++)
      {
        if (row + i < 0 || row + i >= height || column + j < 0 || column + j >= width)
          continue;
        size_t x = ((image * s->in + c) * s->height + (size_t)(row + i)) * s->width + (size_t)(column + j);
        size_t w = ((o * s->in + c) * s->stored_kernel + (size_t)(whole + i)) * s->stored_kernel + (size_t)(whole + j);
        t->out[y] += (long double)p->theta[w] * p->in[x];
        t->in_bar[x] += (long double)p->theta[w] * p->out_bar[y];
        t->theta_bar[w] += (long double)p->in[x] * p->out_bar[y];
      }
}

static truth
define (const problem *p)
{
  const sb_conv_shape *s = &p->s;
  truth t = { scoped (calloc (p->y, sizeof *t.out)), scoped (calloc (p->x, sizeof *t.in_bar)),
              scoped (calloc (p->parameters, sizeof *t.theta_bar)) };
  for (size_t image = 0; image < s->images; image++)
    for (size_t o = 0; o < s->out; o++)
      for (size_t k = 0; k < p->pixels; k++)
        {
          size_t y = (image * s->out + o) * p->pixels + k;
          t.out[y] += (long double)p->theta[p->weights + o];
          t.theta_bar[p->weights + o] += (long double)p->out_bar[y];
          for (size_t c = 0; c < s->in; c++)
            add_terms (p, &t, image, o, c, (long)(k / s->width), (long)(k % s->width));
        }
  return t;
}

// ## How far apart
//
// In the norm, of all numbers of a result: less than 2e-6 of it. (The most that is seen is 8.4e-7.)

static double
distance (const float *a, const long double *b, size_t count)
{
  long double apart = 0, norm = 0;
  for (size_t k = 0; k < count; k++)
    {
      apart += ((long double)a[k] - b[k]) * ((long double)a[k] - b[k]);
      norm += b[k] * b[k];
    }
  return (double)sqrtl (apart / norm);
}

static void
check (const sb_conv_shape *s, double most, gsl_rng *r)
{
  problem p = problem_alloc (s, r);
  truth t = define (&p);
  convolve (&p, &sb_conv_winograd);
  const double apart[] = { distance (p.out, t.out, p.y), distance (p.in_bar, t.in_bar, p.x),
                           distance (p.theta_bar, t.theta_bar, p.parameters) };
  const char *const names[] = { "outputs", "gradients of inputs", "gradients of weights" };
  for (int k = 0; k < 3; k++)
    cr_assert_lt (apart[k], most, "%zu images of %zux%zu, %zu to %zu channels, %zux%zu of %zux%zu: %s %g apart",
                  s->images, s->height, s->width, s->in, s->out, s->kernel, s->kernel, s->stored_kernel,
                  s->stored_kernel, names[k], apart[k]);
}

// ## All sizes
//
// Every height and width up to three tiles, a few channels and more than a block or two, one image and three.

static size_t
between (gsl_rng *r, size_t least, size_t most)
{
  return least + gsl_rng_uniform_int (r, most - least + 1);
}

Test (winograd, of_every_size)
{
  gsl_rng *r = property_rng (1);
  for (size_t height = 1; height <= 9; height++)
    for (size_t width = 1; width <= 9; width++)
      for (int kind = 0; kind < 3; kind++)
        {
          const size_t kernels[][2] = { { 3, 3 }, { 1, 1 }, { 1, 3 } };
          sb_conv_shape s = { .images = between (r, 1, 3),
                              .height = height,
                              .width = width,
                              .in = between (r, 1, 20),
                              .out = between (r, 1, 20),
                              .kernel = kernels[kind][0],
                              .stored_kernel = kernels[kind][1],
                              .gradients = 1 };
          check (&s, 2e-6, r);
        }
}

// More tiles than a band holds (24, or 512 single pixels), so that sums go on from one band to the next; more blocks
// than one.

Test (winograd, of_several_bands)
{
  gsl_rng *r = property_rng (2);
  const sb_conv_shape shapes[]
      = { { 3, 13, 14, 17, 35, 3, 3, 1 }, { 1, 28, 28, 1, 20, 3, 3, 1 }, { 2, 23, 29, 33, 18, 1, 1, 1 },
          { 1, 1, 600, 20, 5, 1, 3, 1 },  { 25, 1, 1, 9, 40, 3, 3, 1 },  { 1, 3, 200, 2, 3, 3, 3, 1 } };
  for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
    check (&shapes[k], 2e-6, r);
}

// What winograd.c says of its points: summed over 64 channels, less than 1e-6.

Test (winograd, of_many_channels)
{
  gsl_rng *r = property_rng (3);
  check (&(sb_conv_shape){ 1, 14, 14, 64, 64, 3, 3, 1 }, 1e-6, r);
}

// ## What is added to, and what is used
//
// Gradients of weights are added to what is there. Of $3 \times 3$ weights whose centre alone is used, the rest is left
// alone.

Test (winograd, gradients_are_added)
{
  gsl_rng *r = property_rng (4);
  problem p = problem_alloc (&(sb_conv_shape){ 2, 5, 6, 7, 18, 1, 3, 1 }, r);
  truth t = define (&p);
  for (size_t k = 0; k < p.parameters; k++)
    {
      p.theta_bar[k] = (float)(k % 7);
      t.theta_bar[k] += (long double)(k % 7);
    }
  convolve (&p, &sb_conv_winograd);
  cr_assert_lt (distance (p.theta_bar, t.theta_bar, p.parameters), 2e-6);
  for (size_t k = 0; k < p.weights; k++)
    if (k % 9 != 4)
      cr_assert_eq (p.theta_bar[k], (float)(k % 7), "weight %zu", k);
}
