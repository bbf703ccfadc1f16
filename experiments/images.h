#ifndef SCOREBOOK_EXPERIMENTS_IMAGES_H
#define SCOREBOOK_EXPERIMENTS_IMAGES_H

#include "results.h"

#include <scorebook.h>

// What the drivers that look at digits share: MNIST's images and pictures of them.
enum
{
  SIDE = 28,
  PIXELS = SIDE * SIDE,
  TEST_CLOTHES = 500
};

// The path of a file of the data, such as "models/mnist-moments.safetensors" in $DATA. The program ends where it is too
// long.
void data_path (const char *name, char *path, size_t size);

// `count` of the 10,000 test images from number `first` on, black at low and white at high; count 0: all that follow.
gsl_matrix *test_digits (size_t first, size_t count, double low, double high);

// The same of the TEST_CLOTHES test images of Fashion-MNIST that come with the data.
gsl_matrix *test_clothes (size_t first, size_t count, double low, double high);

// The model whose path a variable of the environment holds.
sb_model *model_of (const char *variable);

// A batch of such images as a grid, `$OUT-NAME-pixels.png`, which the page enlarges. columns 0: about square.
void picture (const results *r, const char *name, const gsl_matrix *x, size_t columns, double low, double high);

// The rows of `$OUT-NAME.npy`, which the experiment's script has drawn. The program ends where they cannot be read.
gsl_matrix *drawn_rows (const results *r, const char *name);

// Rows of x, and after them as many of `other`, at most `most` of each: for a picture of one row above the other.
gsl_matrix *above (const gsl_matrix *x, const gsl_matrix *other, size_t most);

#endif
