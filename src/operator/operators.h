#ifndef SCOREBOOK_OPERATOR_OPERATORS_H
#define SCOREBOOK_OPERATOR_OPERATORS_H

#include "../base/entry.h"
#include "operator.h"

SB_BEGIN_DECLS

// What an operator is made for: points of `dimension` numbers, images of height x width pixels and `channels` channels,
// the channel fastest (height 0: no images); and its parameters where a line of text cannot hold them.
typedef struct
{
  size_t dimension, height, width, channels;
  const gsl_matrix *numbers; // NULL: there are none
} sb_operator_setting;

// An operator that a line of text can choose (base/entry.h).
typedef struct
{
  sb_entry entry;
  bool has_numbers; // it is made from a matrix
  bool of_images;
  sb_operator *(*alloc) (const double *key, const sb_operator_setting *of);
} sb_operator_kind;

const sb_entry *sb_operators (size_t k); // the family; each is the first field of its sb_operator_kind

// The operator that a line chooses. NULL with a line in `error`: GSL_EINVAL where the line is invalid, where numbers
// are missing or given to an operator without, or where it needs images and there are none; GSL_EBADLEN where its
// columns are not the points' numbers; GSL_EDOM where its numbers are invalid for its kind; GSL_ENOMEM.
sb_operator *sb_operator_from_text (const char *text, const sb_operator_setting *of, sb_error *error);

// ---- Operators with a level: corruptions of images
//
//     blur    half=80 boundary=zero        the level is a standard deviation in pixels; half=0: the heat equation's
//     window  keep=centre                  the level is the share of pixels that become 0
const sb_entry *sb_corruptions (size_t k); // the family

// The keys of all of them, in one order, which is that of `key` below.
#define SB_BLUR_KEYS                                                                                                   \
  { .name = "half", .usual = 80, .high = 65536, .whole = true, .help = "pixels to either side; 0: heat equation" },    \
  {                                                                                                                    \
    .name = "boundary", .words = sb_boundary_words, .help = "values beyond the edge"                                   \
  }
#define SB_WINDOW_KEYS                                                                                                 \
  {                                                                                                                    \
    .name = "keep", .words = sb_keep_words, .help = "what a window leaves"                                             \
  }
#define SB_CORRUPTION_KEYS SB_BLUR_KEYS, SB_WINDOW_KEYS
extern const char *const sb_boundary_words[], *const sb_keep_words[], *const sb_corruption_words[];

// Of entry k, from the values of these keys, for images (height > 0). NULL: GSL_EINVAL, GSL_ENOMEM.
sb_operator *sb_corruption_alloc (size_t k, const double *key, const sb_operator_setting *of);
// Likewise from a line of text, with a line in `error`.
sb_operator *sb_corruption_from_text (const char *text, const sb_operator_setting *of, sb_error *error);

SB_END_DECLS

#endif
