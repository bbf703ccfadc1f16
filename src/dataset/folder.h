#ifndef SCOREBOOK_DATASET_FOLDER_H
#define SCOREBOOK_DATASET_FOLDER_H

#include "../base/decls.h"
#include "../base/error.h"
#include "bytes.h"

SB_BEGIN_DECLS

// The PNG files of a folder, by their suffix (.png, .PNG), sorted by the bytes of their names, as one array (n x height
// x width x channels); other files and folders in it are ignored. Each is made `height` pixels high, its proportions
// kept (sb_bytes_resize); 0: left as it is. NULL on failure, reported as one line "path: reason": GSL_EBADLEN where a
// file, named in the line, differs from the first in size or channels, GSL_EINVAL where there is no PNG file,
// GSL_EUNSUP where together they are larger than SB_SOURCE_LIMIT, GSL_EFAILED where the folder cannot be read,
// GSL_ENOMEM; and the codes of sb_png_read.
sb_bytes *sb_folder_read (const char *path, size_t height, sb_error *error); // release with sb_bytes_free

SB_END_DECLS

#endif
