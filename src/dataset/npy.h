#ifndef SCOREBOOK_DATASET_NPY_H
#define SCOREBOOK_DATASET_NPY_H

#include "../base/decls.h"
#include "../base/error.h"
#include "bytes.h"
#include "source.h"

SB_BEGIN_DECLS

typedef enum
{
  SB_NPY_FLOAT32,
  SB_NPY_FLOAT64
} sb_npy_type;

// Read an NPY file, format 1.0 to 3.0 (also packed by gzip), of floating-point numbers of 2, 4 or 8 bytes, integers of
// 1 to 8, signed or not, or booleans (0 and 1), of either byte order, in C or Fortran order. The first axis becomes the
// rows, all others the columns, the last varying fastest: (n, d) becomes n x d, (n, 28, 28) n x 784, (n,) n x 1. An
// axis may be empty. Where `shape` is not NULL the array's own shape is stored there. NULL on failure, reported as one
// line "path: place: reason" with one of these codes:
//   GSL_EFAILED  the system could not open or read the file
//   GSL_EOF      it ends early
//   GSL_EINVAL   it is no NPY file, its header is not as numpy writes it, or there are more bytes than it says
//   GSL_EUNSUP   another version or type, no axis or more than SB_SHAPE_RANK, larger than SB_SOURCE_LIMIT, or an
//                integer that no double holds (beyond 2^53)
//   GSL_ENOMEM   no memory
gsl_matrix *sb_npy_read (const char *path, sb_shape *shape, sb_error *error);

// The same file, but its numbers are only passed to `show`, in the file's order, block by block, and not kept in
// memory. The same errors; shape is set on success.
int sb_npy_scan (const char *path, sb_shape *shape, sb_numbers_show show, void *context, sb_error *error);

// Write the numbers of x (n x d), row by row, as an NPY file of format 1.0, whole or not at all. `shape` is that of the
// array in the file, with n d numbers too; NULL: (n, d). Numbers beyond a float's range become infinite.
// GSL_EBADLEN where the shape does not fit, GSL_EUNSUP beyond SB_SOURCE_LIMIT bytes; otherwise as sb_file_create and
// sb_file_commit (base/file.h).
int sb_npy_write (const char *path, const gsl_matrix *x, const sb_shape *shape, sb_npy_type type, sb_error *error);

SB_END_DECLS

#endif
