#ifndef SCOREBOOK_CLI_POINT_FILES_H
#define SCOREBOOK_CLI_POINT_FILES_H

#include <scorebook.h>

#include <gsl/gsl_matrix.h>

// A file's format, by its first four bytes, once gzip is unpacked; but a folder is one of PNG files, and a name that
// ends in .bin or .bin.gz is CIFAR-10's. EXIT_SUCCESS, or EXIT_FAILURE after a complaint.
typedef enum
{
  FORMAT_IDX,
  FORMAT_NPY,
  FORMAT_PNG,
  FORMAT_CIFAR,
  FORMAT_FOLDER,
  FORMAT_OTHER
} file_format;

int find_format (const char *path, file_format *found);

// The bytes of a file, or a folder, of any format but NPY; images made `height` pixels high, 0: as they are. labels,
// unless NULL: those of CIFAR-10, else NULL. NULL after a complaint.
sb_bytes *bytes_read (const char *path, file_format format, size_t height, sb_bytes **labels);

// The points of a file of data, whatever its format.
typedef struct
{
  gsl_matrix *rows;               // n x d
  size_t height, width, channels; // of an image; all 0 where points are no images
  double low, high;               // what bytes 0 and 255 became; both 0 where the file holds no bytes
  const char *format;
  char shape[128]; // as written in the file: "10000 x 28 x 28"
} points;

// Of any format. Bytes are mapped to [range[0], range[1]]; NULL: kept as they are. EXIT_SUCCESS, or EXIT_FAILURE after
// a complaint.
int points_read (const char *path, const double *range, size_t height, points *p);

// The same for a file that is only scanned: its numbers, bytes kept as they are, are handed to `show`; rows is NULL.
int points_scan (const char *path, sb_numbers_show show, void *context, sb_shape *shape, points *p);

// EXIT_FAILURE after a complaint that names the file, the row and the column, where a number is not finite.
int points_finite (const char *path, const points *p);
void points_free (points *p);

#endif
