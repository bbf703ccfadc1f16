#ifndef SCOREBOOK_OPERATOR_OBSERVATIONS_H
#define SCOREBOOK_OPERATOR_OBSERVATIONS_H

#include "../base/entry.h"
#include "../base/stream.h"
#include "operator.h"

SB_BEGIN_DECLS

// What is observed of an image, y = A x, where A may be drawn anew for each and need not be linear. Images are rows,
// the channel fastest, from 0 (black) to 1.
typedef struct sb_observation sb_observation;

// A kind that a line of text can choose (base/entry.h).
typedef struct
{
  sb_entry entry;

  // For images of `of`'s shape: set the shape of y, and allocate what `observe` uses. GSL_EINVAL, a line in `error`.
  int (*open) (sb_observation *of, sb_error *error);
  int (*observe) (const sb_observation *of, sb_stream stream, const gsl_matrix *x, gsl_matrix *y);
} sb_observation_kind;

struct sb_observation
{
  const sb_observation_kind *kind;
  double key[SB_KEYS_MOST];       // the values of its keys
  size_t height, width, channels; // of x
  size_t seen[3];                 // of y: height, width, channels
  sb_operator *measure, *enlarge; // where A is one linear map, and y is smaller than x
};

//     inpaint        hole=0        a square hole, anywhere, is 0; 0: half the height
//     super-resolve  factor=8      bicubic downscaling
//     edges          threshold=.1  1 where Sobel's gradient is above it, else 0
const sb_entry *sb_observations (size_t k); // the family; each is the first field of its sb_observation_kind

// NULL with a line in `error`: GSL_EINVAL where the text is invalid or the images are too small for it; GSL_ENOMEM.
sb_observation *sb_observation_from_text (const char *text, size_t height, size_t width, size_t channels,
                                          sb_error *error);
void sb_observation_free (sb_observation *observation); // NULL is allowed

size_t sb_observation_numbers (const sb_observation *observation); // of y
size_t sb_observation_shown (const sb_observation *observation);   // of y as an image of x's size

// y (n x numbers) <- the observation of x (n x height width channels). What is random in row i is drawn from index + i
// of the stream, whose purpose is ignored: the same index, the same A. GSL_EBADLEN; GSL_EINVAL where y is x; GSL_EDOM
// where a number is not finite (edges); GSL_ENOMEM.
int sb_observe (const sb_observation *observation, sb_stream stream, const gsl_matrix *x, gsl_matrix *y);

// image (n x shown) <- y at x's resolution, the pixels of a smaller y repeated: a network's input beside x.
// [nonuniform.set-concat] GSL_EBADLEN.
int sb_observation_show (const sb_observation *observation, const gsl_matrix *y, gsl_matrix *image);

SB_END_DECLS

#endif
