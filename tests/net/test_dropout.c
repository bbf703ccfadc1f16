// # Dropout
//
// Which numbers are lost, and that nothing is where nobody said so. Compiled in float. That a training draws what it
// should is in tests/train/test_trainer.c.

#include "net/dropout.h"
#include "numbers.h"
#include "property.h"

#include <math.h>
#include <string.h>

SUITE (dropout);

static const sb_stream stream = { 21, SB_FOR_DROPOUT, 100 };

static sb_layer
dropout_of (double rate, sb_net_shape shape)
{
  return (sb_layer){ .type = &sb_layer_dropout,
                     .inputs = 1,
                     .in = { shape },
                     .out = shape,
                     .rate = rate,
                     .saved = sb_net_shape_size (shape) };
}

// ## The mean stays
//
// Of ones, each is lost or $1/(1 - p)$. Of $10^5$, so many are lost, within 4.9 standard errors (a false alarm in
// $10^6$), and the mean is within that of one. A gradient goes the same way.

Test (dropout, what_is_left_grows)
{
  enum
  {
    COUNT = 100000
  };
  const double rates[] = { 0.1, 0.5, 0.9 };
  for (size_t k = 0; k < 3; k++)
    {
      const double p = rates[k], error = 4.9 * sqrt (p * (1 - p) / COUNT);
      const sb_layer layer = dropout_of (p, (sb_net_shape){ COUNT, 1, 1 });
      float *x = zeros (COUNT), *y = zeros (COUNT), *saved = zeros (COUNT), *bar = zeros (COUNT);
      double lost = 0, mean = 0;
      for (size_t j = 0; j < COUNT; j++)
        x[j] = bar[j] = 1;
      const sb_pass pass = { .n = 1, .x = { x }, .y = y, .saved = saved, .drop = &stream };
      layer.type->forward (&layer, NULL, &pass);
      layer.type->backward (&layer, NULL, &pass, x, (float *[SB_LAYER_INPUTS]){ bar }, NULL);
      for (size_t j = 0; j < COUNT; j++)
        {
          cr_assert (y[j] == 0 || y[j] == (float)(1 / (1 - p)), "%g", y[j]);
          cr_assert_eq (bar[j], 1 + y[j], "%zu: added to", j);
          lost += y[j] == 0;
          mean += (double)y[j] / COUNT;
        }
      cr_assert_float_eq (lost / COUNT, p, error);
      cr_assert_float_eq (mean, 1, error / (1 - p));
    }
}

// ## Whose numbers
//
// Sample $i$ asks the stream of index $i$ after the first, pixel after pixel, channel after channel, from where its
// layer's place is: a number below $p$ says that one is lost.

Test (dropout, each_sample_has_its_stream)
{
  enum
  {
    SAMPLES = 3,
    CHANNELS = 2,
    PIXELS = 15 * 10 // more than are drawn together
  };
  sb_layer layer = dropout_of (0.3, (sb_net_shape){ CHANNELS, 15, 10 });
  layer.drawn = 1000;
  float *saved = zeros (SAMPLES * CHANNELS * PIXELS), *x = zeros (SAMPLES * CHANNELS * PIXELS),
        *y = zeros (SAMPLES * CHANNELS * PIXELS);
  gsl_matrix *u = matrix (SAMPLES, CHANNELS * PIXELS);
  layer.type->forward (&layer, NULL, &(sb_pass){ .n = SAMPLES, .x = { x }, .y = y, .saved = saved, .drop = &stream });
  ok (sb_stream_uniforms (stream, 1000, u));
  for (size_t c = 0; c < CHANNELS; c++)
    for (size_t i = 0; i < SAMPLES; i++)
      for (size_t p = 0; p < PIXELS; p++)
        cr_assert_eq (saved[(c * SAMPLES + i) * PIXELS + p] == 0, gsl_matrix_get (u, i, c * PIXELS + p) < 0.3,
                      "channel %zu, sample %zu, pixel %zu", c, i, p);
}

// ## In a network
//
// Every residual block has one, before its last convolution, and no two ask the same numbers.

Test (dropout, every_block_has_its_own)
{
  sb_net *net
      = scoped (sb_net_alloc ("ncsnpp image=1x8x8 channels=8 multipliers=1,2 blocks=2 attention=4 dropout=0.25", NULL));
  size_t drawn = 0, count = 0;
  for (size_t l = 0; l < net->count; l++)
    {
      const sb_layer *layer = &net->layers[l];
      if (layer->type != &sb_layer_dropout)
        continue;
      cr_assert_eq (layer->drawn, drawn);
      cr_assert_eq (layer->rate, 0.25);
      cr_assert (net->layers[layer->from[0]].type == &sb_layer_silu);
      cr_assert (strstr (net->layers[l + 1].name, ".conv2") && net->layers[l + 1].from[0] == l);
      drawn += sb_net_shape_size (layer->out);
      count++;
    }
  cr_assert_eq (count, 4 + 6 + 2 + 2, "down, up, in the middle and between the levels: %zu", count);
}

// Without a stream nothing is dropped: the network is the one that has no dropout, to the bit. With one, each sample is
// what it is alone; other streams, of another seed, index or purpose, say something else.

typedef struct
{
  sb_net *net;
  sb_net_work *work;
  size_t in, out;
  float *theta, *x;
} trial;

enum
{
  N = 3
};

static const float *
answer (const trial *t, size_t first, size_t n, const sb_stream *drop)
{
  const float label[N] = { 0 };
  float *y = zeros (n * t->out);
  const sb_net_condition given = { .drop = drop };
  ok (sb_net_forward (t->net, t->theta, n, t->x + first * t->in, label, &given, t->work, y));
  return y;
}

static trial
trial_of (const char *line, gsl_rng *r)
{
  trial t = { .net = scoped (sb_net_alloc (line, NULL)) };
  t.work = scoped (sb_net_work_alloc (t.net, N, 1));
  t.in = sb_net_shape_size (sb_net_input (t.net));
  t.out = sb_net_shape_size (sb_net_output (t.net));
  t.theta = gaussians (r, t.net->parameters, 0.2);
  t.x = gaussians (r, N * t.in, 1);
  return t;
}

Test (dropout, nothing_is_dropped_unasked)
{
  trial with
      = trial_of ("ncsnpp image=1x4x4 channels=8 multipliers=1,2 blocks=1 attention=2 dropout=0.5", property_rng (1)),
      without = trial_of ("ncsnpp image=1x4x4 channels=8 multipliers=1,2 blocks=1 attention=2", property_rng (1));
  const size_t bytes = N * with.out * sizeof (float);
  const float *dropped = answer (&with, 0, N, &stream), *whole = answer (&without, 0, N, NULL);
  cr_assert_arr_eq (answer (&with, 0, N, NULL), whole, bytes);
  cr_assert_arr_eq (answer (&without, 0, N, &stream), whole, bytes);
  cr_assert_arr_neq (dropped, whole, bytes);
  cr_assert_arr_eq (answer (&with, 0, N, &stream), dropped, bytes, "the same numbers again");
  for (size_t i = 0; i < N; i++)
    {
      const sb_stream own = sb_stream_skip (stream, i);
      const float *alone = answer (&with, i, 1, &own);
      for (size_t k = 0; k < with.out; k++)
        cr_assert_float_eq (alone[k], dropped[i * with.out + k], 1e-4 * (1 + fabsf (alone[k])));
    }
  const sb_stream others[] = { { 22, SB_FOR_DROPOUT, 100 }, { 21, SB_FOR_DROP, 100 }, { 21, SB_FOR_DROPOUT, 99 } };
  for (size_t k = 0; k < 3; k++)
    cr_assert_arr_neq (answer (&with, 0, N, &others[k]), dropped, bytes);
}
