#ifndef SCOREBOOK_TESTS_COLOURS_H
#define SCOREBOOK_TESTS_COLOURS_H

#include "net/passes.h"

// A network for images of three channels whose weights are set by hand, so that what it does to each pixel and each
// channel is known: channel 0 is taken from the pixel itself, 1 from the pixel to the right, 2 from the one below (0
// beyond the edge); each is then normalised by itself, goes through SiLU, and is multiplied by 1, 2 or 3.

enum
{
  COLOURS_HEIGHT = 4,
  COLOURS_WIDTH = 6,
  COLOURS_SIZE = COLOURS_HEIGHT * COLOURS_WIDTH * 3
};

sb_net *colours_alloc (float **theta); // weights: free

// The same in plain loops, for one image as files have it: [height][width][channels].
void colours_map (const double *image, double *out);

#endif
