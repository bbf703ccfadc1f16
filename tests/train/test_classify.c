// # What must be true of training a classifier
//
// That it learns is seen in tests/measure/test_classifier. Here is what it learns from, and that its gradient is that of
// its loss.

#include "base/shard.h"
#include "objective/cross_entropy.h"
#include "property.h"
#include "scope.h"
#include "train/classify.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

SUITE_WITH_BLAS (classify);

// ## Three images
//
// of 5 x 6, each with a single bright pixel, brighter from one to the next.

enum
{
  IMAGES = 3,
  HEIGHT = 5,
  WIDTH = 6,
  PIXELS = HEIGHT * WIDTH
};

static unsigned char bytes[IMAGES * PIXELS], classes[IMAGES] = { 1, 0, 2 };
static const sb_bytes images = { .shape = { .rank = 3, .length = { IMAGES, HEIGHT, WIDTH } }, .data = bytes },
                      labels = { .shape = { .rank = 1, .length = { IMAGES } }, .data = classes };
static const int row_of[] = { 2, 1, 4 }, column_of[] = { 3, 2, 0 };
static const unsigned char brightness[] = { 85, 170, 255 };

static sb_classifying
three_images (size_t shift)
{
  for (int k = 0; k < IMAGES; k++)
    bytes[k * PIXELS + row_of[k] * WIDTH + column_of[k]] = brightness[k];
  sb_net *net = scoped (sb_net_alloc ("cnn image=1x5x6 outputs=3 channels=4 multipliers=1 blocks=2 groups=2", NULL));
  return (sb_classifying){ net, NULL, &images, &labels, -1, 2, shift };
}

// ## What is drawn
//
// An image is recognised by its bright pixel, and where that is tells how far it was moved. Every image and, for an
// image whose pixel stays in sight, every move is drawn equally often: 4.9 standard deviations of a binomial count are
// exceeded by one count in $10^6$. What was not there before is black.

static int
find_pixel (const float *x, int *row, int *column)
{
  int found = -1;
  for (int p = 0; p < PIXELS; p++)
    if (x[p] > -0.99F)
      {
        cr_assert_eq (found, -1, "two bright pixels");
        found = (int)lrint (3 * ((double)x[p] + 1) / 3) - 1; // -1 + 3 byte / 255, so 0, 1, 2 for a byte 85, 170, 255
        cr_assert_float_eq ((double)x[p], -1 + 3 * brightness[found] / 255., 1e-6);
        *row = p / WIDTH;
        *column = p % WIDTH;
      }
    else
      cr_assert_eq (x[p], -1, "neither black nor bright");
  return found;
}

static void
check_count (double count, double n, double p, const char *what, int which)
{
  cr_assert_float_eq (count, n * p, 4.9 * sqrt (n * p * (1 - p)), "%s %d: %g of %g", what, which, count, n);
}

Test (classify, every_image_and_move_is_drawn_equally_often)
{
  enum
  {
    N = 60000
  };
  sb_classifying c = three_images (1);
  float *x = scoped (malloc (N * PIXELS * sizeof *x));
  unsigned char *said = scoped (malloc (N));
  ok (sb_classifying_draw (&c, (sb_stream){ 3, 0, 7 }, N, x, said));
  double of_image[IMAGES] = { 0 }, moves[9] = { 0 }, inner[2] = { 0 }, out_of_sight = 0;
  for (size_t i = 0; i < N; i++)
    {
      int row, column, k = find_pixel (x + i * PIXELS, &row, &column);
      if (k < 0)
        {
          cr_assert_eq (said[i], classes[2], "only the pixel in the corner can leave");
          k = 2;
          out_of_sight++;
        }
      else
        {
          int down = row - row_of[k], across = column - column_of[k];
          cr_assert (abs (down) <= 1 && abs (across) <= 1, "moved by %d, %d", down, across);
          moves[3 * (down + 1) + across + 1] += k < 2;
          inner[k == 1] += k < 2;
        }
      cr_assert_eq (said[i], classes[k], "image %d has label %d", k, said[i]);
      of_image[k]++;
    }
  for (int k = 0; k < IMAGES; k++)
    check_count (of_image[k], N, 1. / 3, "image", k);
  for (int k = 0; k < 9; k++)
    check_count (moves[k], inner[0] + inner[1], 1. / 9, "move", k);
  check_count (out_of_sight, of_image[2], 5. / 9, "out of sight", 2);
}

// Of the three numbers in row $i$ of the data's stream the first says which image, the second how far down, the third
// how far across: a checkpoint relies on it. Nothing moves unless asked.

Test (classify, draws_come_from_the_stream_named)
{
  gsl_matrix *u = matrix (1, 3);
  for (uint64_t i = 0; i < 200; i++)
    for (size_t shift = 0; shift <= 1; shift++)
      {
        sb_classifying c = three_images (shift);
        float x[PIXELS];
        unsigned char said;
        int row, column;
        ok (sb_classifying_draw (&c, (sb_stream){ 6, 0, i }, 1, x, &said));
        ok (sb_stream_uniforms ((sb_stream){ 6, SB_FOR_DATA, i }, 0, u));
        int k = (int)(3 * u->data[0]), down = shift ? (int)(3 * u->data[1]) - 1 : 0,
            across = shift ? (int)(3 * u->data[2]) - 1 : 0, found = find_pixel (x, &row, &column);
        cr_assert_eq (said, classes[k]);
        cr_assert (found < 0 ? shift > 0 : row == row_of[k] + down && column == column_of[k] + across);
      }
}

// In colour: a pixel's channels lie side by side in the file; the network gets channel after channel, moved as one.

Test (classify, colours_are_taken_apart)
{
  enum
  {
    CHANNELS = 3
  };
  unsigned char coloured[PIXELS * CHANNELS], class = 1;
  for (int k = 0; k < PIXELS * CHANNELS; k++)
    coloured[k] = (unsigned char)(k + 1);
  sb_bytes image = { .shape = { .rank = 4, .length = { 1, HEIGHT, WIDTH, CHANNELS } }, .data = coloured },
           label = { .shape = { .rank = 1, .length = { 1 } }, .data = &class };
  sb_net *net = scoped (sb_net_alloc ("cnn image=3x5x6 outputs=3 channels=4 multipliers=1 groups=2", NULL));
  sb_classifying c = { net, NULL, &image, &label, 0, 255, 2 };
  ok (sb_classifying_check (&c));
  for (uint64_t i = 0; i < 60; i++)
    {
      float x[CHANNELS * PIXELS];
      unsigned char said;
      gsl_matrix *u = matrix (1, 3);
      ok (sb_classifying_draw (&c, (sb_stream){ 6, 0, i }, 1, x, &said));
      ok (sb_stream_uniforms ((sb_stream){ 6, SB_FOR_DATA, i }, 0, u));
      int down = (int)(5 * u->data[1]) - 2, across = (int)(5 * u->data[2]) - 2;
      for (int channel = 0; channel < CHANNELS; channel++)
        for (int row = 0; row < HEIGHT; row++)
          for (int column = 0; column < WIDTH; column++)
            {
              int from = row - down, at = column - across;
              int inside = from >= 0 && from < HEIGHT && at >= 0 && at < WIDTH;
              cr_assert_eq (x[(channel * HEIGHT + row) * WIDTH + column],
                            inside ? (float)((from * WIDTH + at) * CHANNELS + channel + 1) : 0.F,
                            "channel %d, row %d, column %d, moved by %d, %d", channel, row, column, down, across);
            }
    }
}

// ## A shard
//
// Its loss is the mean, over what is drawn, of the cross-entropy of what the network says to it, here worked out row by
// row, and row $i$ is the one that a shard beginning there begins with.

enum
{
  ROWS = 11
};

static double
loss_by_hand (const sb_classifying *c, sb_stream stream, double share)
{
  double sum = 0;
  sb_net_work *work = scoped (sb_net_work_alloc (c->net, 1, 0));
  for (size_t i = 0; i < ROWS; i++)
    {
      float x[PIXELS], out[3];
      unsigned char label;
      ok (sb_classifying_draw (c, sb_stream_skip (stream, i), 1, x, &label));
      ok (sb_net_forward (c->net, c->theta, 1, x, NULL, NULL, work, out));
      double total = 0;
      for (int k = 0; k < 3; k++)
        total += exp ((double)out[k]);
      sum += share * (log (total) - (double)out[label]);
    }
  return sum;
}

// The gradient is added, times the share, and is the slope of the loss, as far as float shows, along a direction in which
// all its numbers pull together.

Test (classify, gradient_is_the_slope_of_the_loss)
{
  sb_classifying c = three_images (2);
  size_t count = c.net->parameters;
  gsl_rng *r = property_rng (12);
  float *theta = scoped (malloc (count * sizeof *theta)), *gradient = scoped (calloc (count, sizeof *gradient)),
        *along = scoped (malloc (count * sizeof *along));
  c.theta = theta;
  for (size_t k = 0; k < count; k++)
    theta[k] = (float)gsl_ran_gaussian (r, 0.3);
  sb_task task = sb_classifying_task (&c);
  sb_stream stream = { 5, 0, 100 };
  void *workspace = task.type->workspace_alloc (task.state, ROWS);
  double loss, share = 0.25, slope = 0, h = 1. / 64;
  const char *layer = "none";
  for (int twice = 0; twice < 2; twice++)
    {
      ok (task.type->work (task.state, workspace, stream, ROWS, share, gradient, &loss, &layer));
      cr_assert_float_eq (loss, loss_by_hand (&c, stream, share), 1e-5);
      cr_assert_null (layer);
    }
  double sum = 0;
  for (size_t k = 0; k < count; k++)
    {
      along[k] = (float)copysign (gsl_ran_gaussian (r, 0.1), (double)gradient[k]);
      sum += (double)gradient[k] * (double)along[k] / 2;
    }
  const double at[] = { 1, -1, 2, -2 }, weight[] = { 8, -8, -1, 1 };
  for (int p = 0; p < 4; p++)
    {
      for (size_t k = 0; k < count; k++)
        theta[k] += (float)(at[p] * h) * along[k];
      slope += weight[p] * loss_by_hand (&c, stream, share) / (12 * h);
      for (size_t k = 0; k < count; k++)
        theta[k] -= (float)(at[p] * h) * along[k];
    }
  cr_assert_float_eq (sum, slope, 2e-3 * sum, "gradient %g, slope %g", sum, slope);

  theta[0] = NAN;
  ok (task.type->work (task.state, workspace, stream, ROWS, share, gradient, &loss, &layer));
  cr_assert (isnan (loss));
  cr_assert_str_eq (layer, "level.0.0.conv");
  task.type->workspace_free (workspace);
}

// ## What does not fit

Test (classify, what_does_not_fit_is_refused)
{
  sb_classifying c = three_images (1);
  ok (sb_classifying_check (&c));
  for (int k = 0; k < IMAGES; k++)
    {
      unsigned char before = classes[k];
      classes[k] = 3;
      refused (GSL_EDOM, sb_classifying_check (&c), "label %d", k);
      classes[k] = before;
    }
  sb_bytes fewer = labels, square = labels;
  fewer.shape.length[0] = IMAGES - 1;
  square.shape = (sb_shape){ .rank = 2, .length = { IMAGES, 1 } };
  c.labels = &fewer;
  refused (GSL_EBADLEN, sb_classifying_check (&c));
  c.labels = &square;
  refused (GSL_EBADLEN, sb_classifying_check (&c));
  c.labels = &labels;
  c.net = scoped (sb_net_alloc ("cnn image=2x5x3 outputs=3 channels=2 multipliers=1 groups=1", NULL));
  refused (GSL_EBADLEN, sb_classifying_check (&c), "as many numbers, in two channels");
  sb_bytes coloured = images;
  coloured.shape = (sb_shape){ .rank = 4, .length = { IMAGES, 5, 3, 2 } };
  c.images = &coloured;
  ok (sb_classifying_check (&c));
}
