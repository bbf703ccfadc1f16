#include "colours.h"
#include "scope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ## The network
//
// One level, one block that adds nothing (its weights are zero), so that between the first convolution and the last
// norm stands only the way up, which takes the first three of its six channels. Groups of one channel each: no channel
// sees another.

static float *
weights_of (const sb_net *net, float *theta, const char *name)
{
  size_t k = 0;
  while (k < sb_net_tensors (net) && strcmp (sb_net_tensor_at (net, k).name, name) != 0)
    k++;
  cr_assert_lt (k, sb_net_tensors (net), "no %s", name);
  return theta + sb_net_tensor_at (net, k).offset;
}

static const int down[] = { 0, 0, 1 }, across[] = { 0, 1, 0 };

sb_net *
colours_alloc (float **theta)
{
  sb_net *net = scoped (sb_net_alloc ("unet image=3x4x6 channels=3 multipliers=1 groups=3 time=none", NULL));
  *theta = scoped (calloc (net->parameters, sizeof **theta));
  float *in = weights_of (net, *theta, "in.weight"), *up = weights_of (net, *theta, "up.0.0.skip.weight"),
        *norm = weights_of (net, *theta, "out.norm.weight"), *out = weights_of (net, *theta, "out.conv.weight");
  for (int c = 0; c < 3; c++)
    {
      in[(c * 3 + c) * 9 + 3 * (1 + down[c]) + 1 + across[c]] = 1;
      up[c * 6 + c] = 1;
      norm[c] = 1;
      out[(c * 3 + c) * 9 + 4] = (float)(c + 1);
    }
  return net;
}

// ## What it does

void
colours_map (const double *image, double *out)
{
  enum
  {
    PIXELS = COLOURS_HEIGHT * COLOURS_WIDTH
  };
  for (int c = 0; c < 3; c++)
    {
      double seen[PIXELS], mean = 0, variance = 0;
      for (int p = 0; p < PIXELS; p++)
        {
          int i = p / COLOURS_WIDTH + down[c], j = p % COLOURS_WIDTH + across[c];
          seen[p] = i < COLOURS_HEIGHT && j < COLOURS_WIDTH ? image[(i * COLOURS_WIDTH + j) * 3 + c] : 0;
          mean += seen[p] / PIXELS;
        }
      for (int p = 0; p < PIXELS; p++)
        variance += (seen[p] - mean) * (seen[p] - mean) / PIXELS;
      for (int p = 0; p < PIXELS; p++)
        {
          double h = (seen[p] - mean) / sqrt (variance + 1e-5);
          out[p * 3 + c] = (c + 1) * h / (1 + exp (-h));
        }
    }
}
