#ifndef SCOREBOOK_OPERATOR_OPERATORS_H
#define SCOREBOOK_OPERATOR_OPERATORS_H

#include "../base/entry.h"
#include "operator.h"

SB_BEGIN_DECLS

// What an operator is made for: points of `dimension` numbers, images of height x width pixels and so many channels,
// the channel fastest (height 0: no images); and numbers of its own where a line cannot hold them.
typedef struct
{
  size_t dimension, height, width, channels;
  const gsl_matrix *numbers; // NULL: there are none
} sb_operator_setting;

// An operator that a line of text can choose (base/entry.h).
typedef struct
{
  sb_entry entry;
  bool has_numbers; // it is made of a matrix
  bool of_images;
  sb_operator *(*alloc) (const double *key, const sb_operator_setting *of);
} sb_operator_kind;

const sb_entry *sb_operators (size_t k); // the family; each is the first field of its sb_operator_kind

// The operator that a line chooses. NULL with a line in `error`: GSL_EINVAL where it is none, wants numbers that are
// not there or has no use for them, or is one of images and there are none; GSL_EBADLEN where its columns are not the
// points' numbers; GSL_EDOM where its numbers are not of its kind; GSL_ENOMEM.
sb_operator *sb_operator_from_text (const char *text, const sb_operator_setting *of, sb_error *error);

SB_END_DECLS

#endif
