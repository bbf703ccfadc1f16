#ifndef SCOREBOOK_DATASET_PNG_H
#define SCOREBOOK_DATASET_PNG_H

#include "../base/decls.h"
#include "../base/error.h"
#include "bytes.h"

SB_BEGIN_DECLS

// How a batch of images is drawn: row by row of the grid, from the upper left.
typedef struct
{
  size_t height, width, channels; // of one image, d = height width channels; channels: 1 (grey) or 3 (red, green, blue)
  size_t columns;                 // images per row; 0: as square a grid as possible, the smallest c with c^2 >= n
  size_t padding;                 // pixels between images and around them
  double low, high;               // the values drawn as 0 and 255, low < high; those beyond are drawn as these
  unsigned char background;       // of the padding, and of places without an image
} sb_png_grid;

// Whether that many images can be drawn with this layout: the checks of sb_png_write, with nothing written.
int sb_png_check (const char *path, size_t images, const sb_png_grid *grid, sb_error *error);

// Draw the rows of x (n x d, n >= 1) as one PNG file, 8 bits a sample, whole or not at all. In a row the channel varies
// fastest, then the column of the image. GSL_EBADLEN where d is not the layout's, GSL_EINVAL where the layout cannot be
// drawn (no images, channels, low and high, more than 2^16 of anything or SB_SOURCE_LIMIT bytes), GSL_EDOM where a
// value is NaN; otherwise as sb_file_create and sb_file_commit (base/file.h).
int sb_png_write (const char *path, const gsl_matrix *x, const sb_png_grid *grid, sb_error *error);

// Read a PNG file of 8 bits a sample, grey or RGB, as an array of one point: shape (1, height, width, channels). The
// bytes are the file's samples: its metadata for display (gamma, colour profiles, significant bits, background) are
// ignored. NULL on failure, reported as one line "path: reason" with one of these codes:
// GSL_EFAILED where the system could not open it, GSL_EINVAL where it is no PNG file or a damaged one, GSL_EUNSUP where
// it has a palette, an alpha channel, a transparent colour or 16 bits, or is larger than SB_SOURCE_LIMIT, GSL_ENOMEM.
sb_bytes *sb_png_read (const char *path, sb_error *error); // release with sb_bytes_free

SB_END_DECLS

#endif
