#ifndef SCOREBOOK_CLI_EXAMPLES_H
#define SCOREBOOK_CLI_EXAMPLES_H

#include <scorebook.h>

// The points of a file that a training learns from: bytes, of IDX, CIFAR-10 or a folder of PNG, which are mapped to a
// range, or NPY, whose numbers are taken as they are.
typedef struct
{
  sb_bytes *bytes;  // NULL: of NPY
  sb_bytes *labels; // of CIFAR-10, else NULL
  gsl_matrix *rows; // of NPY, else NULL
  sb_shape shape;   // the first axis counts points
  double range[2];  // what bytes 0 and 255 become; of numbers, what is black and white in a picture
  double deviation; // of a coordinate around the mean of them all
  char *about;      // the file's name, how many points and numbers, their CRC-32 (of NPY: as doubles)
  sb_byte_examples mapped;
} examples;

// range: the one requested, or NaN: then it is `usual` for bytes, and from the least to the largest number for others.
// height: images are made so high, 0: left as they are. EXIT_SUCCESS, or the status after a complaint.
int examples_open (const char *path, const double *range, const double *usual, size_t height, examples *e);
sb_examples examples_source (examples *e, size_t shift,
                             bool flip); // of images: as in sb_byte_examples; keeps the address
void examples_close (examples *e);

#endif
