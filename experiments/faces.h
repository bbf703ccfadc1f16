#ifndef SCOREBOOK_EXPERIMENTS_FACES_H
#define SCOREBOOK_EXPERIMENTS_FACES_H

#include "images.h"

// What the drivers that look at faces share. A face is side x side pixels of 3 channels, in a row with the channel
// fastest, and has the range of DDPM, [-1, 1].

// End the program with the line of `error` on standard error unless `holds`.
void stop_unless (bool holds, const sb_error *error);

// An IDX file of n x side x side x 3 bytes; and some of its images as rows.
sb_bytes *faces_read (const char *path);
gsl_matrix *faces_rows (const sb_bytes *faces, size_t first, size_t count);

#endif
