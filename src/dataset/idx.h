#ifndef SCOREBOOK_DATASET_IDX_H
#define SCOREBOOK_DATASET_IDX_H

#include "../base/decls.h"
#include "../base/error.h"
#include "bytes.h"
#include "source.h"

SB_BEGIN_DECLS

// An IDX file of unsigned bytes, plain or gzip, whole: MNIST's and Fashion-MNIST's images (n x 28 x 28) and labels (n).
// NULL on failure, reported as one line "path: place: reason" with one of these codes:
//   GSL_EFAILED  the system could not open or read the file
//   GSL_EOF      it ends early
//   GSL_EINVAL   it is no IDX file, an axis is empty, there are more bytes than the header says, or gzip is damaged
//   GSL_EUNSUP   its numbers are no unsigned bytes, it has more than SB_SHAPE_RANK axes, or it is larger than
//                SB_SOURCE_LIMIT
//   GSL_ENOMEM   no memory
// No more memory is allocated than about twice what the file really holds.
sb_bytes *sb_idx_read (const char *path, sb_error *error); // release with sb_bytes_free

// The same file, but its numbers are only passed to `show`, block by block, and not kept in memory. The same errors;
// shape is set on success.
int sb_idx_scan (const char *path, sb_shape *shape, sb_numbers_show show, void *context, sb_error *error);

SB_END_DECLS

#endif
