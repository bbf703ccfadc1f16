#ifndef SCOREBOOK_DATASET_SOURCE_H
#define SCOREBOOK_DATASET_SOURCE_H

#include "../base/decls.h"
#include "../base/error.h"

#include <stddef.h>

SB_BEGIN_DECLS

// No array in a file may be larger than this, in bytes. The size in a header is compared with it first.
#define SB_SOURCE_LIMIT ((size_t)1 << 31)

// The bytes of a file, in order; unpacked where the file is gzip, recognised by its first two bytes (1f 8b).
typedef struct sb_source sb_source;

// Failures are reported as one line "path: place: reason" with one of these codes:
//   GSL_EFAILED  the system could not open or read the file (the reason is the system's)
//   GSL_EOF      the file, or its gzip stream, ends early
//   GSL_EINVAL   the gzip stream is damaged, or more bytes follow than should (of a gzip stream: other
//                than zeros)
//   GSL_ENOMEM   no memory
// `path` must outlive the source. `what` names what is being read, for the message.
sb_source *sb_source_open (const char *path, sb_error *error); // NULL on failure
void sb_source_close (sb_source *source);                      // NULL is allowed

// Receives the numbers of an array in a file, block by block, in the order of the file, so that none need be kept.
typedef void (*sb_numbers_show) (void *context, size_t count, const double *numbers);

// The next `count` bytes, all of them.
int sb_source_read (sb_source *source, const char *what, size_t count, void *to, sb_error *error);

// The next `count` bytes of an array of `total`, of which `done` have been read already; both are for the message.
int sb_source_read_part (sb_source *source, const char *what, size_t done, size_t total, size_t count, void *to,
                         sb_error *error);

// The same into new memory, to be released by free; NULL on failure or where `count` is 0. It is allocated as the bytes
// arrive: about twice as much as the file really holds, at most, whatever its header says.
int sb_source_read_alloc (sb_source *source, const char *what, size_t count, unsigned char **bytes, sb_error *error);

// Whether another byte follows.
int sb_source_more (sb_source *source, int *more, sb_error *error);

// Check that nothing follows, and that a gzip stream is complete and its checksum right.
int sb_source_end (sb_source *source, sb_error *error);

SB_END_DECLS

#endif
