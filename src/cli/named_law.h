#ifndef SCOREBOOK_CLI_NAMED_LAW_H
#define SCOREBOOK_CLI_NAMED_LAW_H

#include <scorebook.h>

// A law the program can sample, from a word or a file, and what its points look like.
typedef struct
{
  sb_target *target;
  size_t height, width, channels; // of an image; all 0 where points are no images
  double low, high;               // what is black and white in a picture; low == high: unknown
} named_law;

// `name`: gmm3, spec48, or a file: JSON (a Gaussian or a mixture), IDX or NPY (the points of a data set, all equally
// likely; bytes are mapped to [range[0], range[1]], or where that is NaN to `usual`). EXIT_SUCCESS, or EXIT_FAILURE
// after a complaint.
int law_open (const char *name, const double *range, const double *usual, named_law *law);
void law_close (named_law *law);

// What a model's points of this shape look like: images, or points where they are one pixel large.
named_law look_of (const sb_model *model, sb_net_shape shape);

#endif
