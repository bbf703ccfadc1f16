#ifndef SCOREBOOK_BASE_FILE_H
#define SCOREBOOK_BASE_FILE_H

#include "decls.h"
#include "error.h"

#include <stdbool.h>
#include <stdio.h>

SB_BEGIN_DECLS

// A file that is written whole or not at all. Between create and commit the bytes go to a temporary in the same
// folder, unnamed where the file system allows that, else locked: one left by a killed process is removed when the
// next file is created there.
// A file already at the path is untouched until commit replaces it, and stays if commit fails or the new file is
// discarded.
//     sb_file *file = sb_file_create ("samples.npy", &error);
//     fwrite (bytes, 1, count, file->stream); // failures are kept for commit, which reports the first
//     status = sb_file_commit (file, &error);
// A new file's permissions are those of the process's umask; an existing file's are kept, and one that may not be
// written is not replaced either. Where the path is a link, its target is replaced or created, not the link. Anything
// but a regular file (/dev/full, /dev/stdout on a terminal, a named pipe) cannot be replaced and is written directly.
typedef struct
{
  FILE *stream; // write here; fseek works where the file itself is seekable

  // Private to file.c.
  char *name;      // as given, for messages
  char *path;      // links resolved
  char *temporary; // its name; NULL where it has none, and where the file is written directly
  bool straight;
  int descriptor;
  int lock;        // on the temporary, for as long as it has a name
  int write_errno; // of the first write that failed, or 0
} sb_file;

// Begin a file. NULL on failure: GSL_EINVAL where the path is empty or ends in '/', GSL_ENOMEM, else GSL_EFAILED (a
// folder stands there, there is no such folder, it may not be written, something is mounted there, ...). The line in
// `error` names path and reason.
sb_file *sb_file_create (const char *path, sb_error *error);

// Flush, sync to disk, move into place. The file is released in any case. GSL_EFAILED where any write since create
// failed, or one of these steps: then nothing is left behind, and a file that was there before still is. One exception:
// where the folder cannot be synced to disk, the new file is in place, but might not survive a loss of power.
int sb_file_commit (sb_file *file, sb_error *error);

// Give up: remove the temporary. What was written directly cannot be taken back. NULL is allowed.
void sb_file_discard (sb_file *file);

// Open a file for reading. Programs read a file more than once (to detect its format, say), which a pipe does not
// allow: anything but a regular file is refused, without blocking. NULL with GSL_EFAILED or GSL_ENOMEM; see `error`.
FILE *sb_file_open (const char *path, sb_error *error);

SB_END_DECLS

#endif
