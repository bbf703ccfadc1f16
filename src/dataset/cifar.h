#ifndef SCOREBOOK_DATASET_CIFAR_H
#define SCOREBOOK_DATASET_CIFAR_H

#include "../base/decls.h"
#include "../base/error.h"
#include "bytes.h"

SB_BEGIN_DECLS

// A binary file of CIFAR-10, or several concatenated, plain or gzip: its images (n x 32 x 32 x 3), and into `labels`,
// unless that is NULL, their classes (n), 0 to 9. NULL on failure, reported as one line "path: place: reason": GSL_EOF
// where the file ends within an image or holds none, GSL_EINVAL where a label is above 9 or gzip is damaged, GSL_EUNSUP
// where it is larger than SB_SOURCE_LIMIT, GSL_EFAILED where the system could not read it, GSL_ENOMEM.
sb_bytes *sb_cifar_read (const char *path, sb_bytes **labels, sb_error *error); // release both with sb_bytes_free

SB_END_DECLS

#endif
