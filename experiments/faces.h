#ifndef SCOREBOOK_EXPERIMENTS_FACES_H
#define SCOREBOOK_EXPERIMENTS_FACES_H

#include "images.h"

// What the drivers that look at faces share. A face is side x side pixels of 3 channels, in a row with the channel
// fastest, and has the range of DDPM, [-1, 1].
enum
{
  CHANNELS = 3,
  TEST_FACES = 225,                   // in data/faces64-test.png: faces that no network has learned
  BLOCKS = 4,                         // a face as block means: BLOCKS x BLOCKS blocks
  MEANS = BLOCKS * BLOCKS * CHANNELS, // their features
  FILTERS = 64                        // features of the random network
};

static inline size_t
face_size (size_t side)
{
  return side * side * CHANNELS;
}

// End the program with the line of `error` on standard error unless `holds`.
void stop_unless (bool holds, const sb_error *error);

// The path of a file that may be missing, from a variable of the environment: NULL where that is empty or not set, or
// nothing can be read there.
const char *path_of (const char *variable);

// An IDX file of n x side x side x 3 bytes; and some of its images as rows.
sb_bytes *faces_read (const char *path);
gsl_matrix *faces_rows (const sb_bytes *faces, size_t first, size_t count);

// The first `count` faces of a picture in which they lie side by side, 2 pixels apart, as `scorebook sample` draws
// them.
gsl_matrix *faces_of_picture (const char *path, size_t side, size_t count);

// An NPY file of faces, or of latents: d numbers a row.
gsl_matrix *rows_of_file (const char *path, size_t d);

// The test faces, at 64 x 64 or averaged to 32 x 32.
gsl_matrix *test_faces (size_t side, size_t count);

// Faces of half the side: means of 2 x 2 pixels. And, in place, what a picture can show: [-1, 1].
gsl_matrix *halved (const gsl_matrix *x, size_t side);
void clip (gsl_matrix *x);

// ## Features
//
// Two kinds, for Frechet distances: the means of each channel in BLOCKS x BLOCKS blocks, which see colours and where
// they are; and the FILTERS features of a convolutional network with random weights (always the same), which sees edges
// and textures. No network that was trained on faces is at hand.
typedef enum
{
  BY_MEANS,
  BY_FILTERS,
  KINDS
} kind;

extern const char *const kind_name[KINDS]; // as in files' names
extern const char *const kind_note[KINDS];

gsl_matrix *features_of (kind what, const gsl_matrix *x, size_t side); // x is clipped first

// The mean and the deviation of every number of the training faces, or latents, from a file of the data: rows 0 and 1.
gsl_matrix *training_numbers (const char *name, size_t d);

// The moments of the training faces' features that come with the data, and the distance of a batch to them.
sb_moments_file *training_moments (kind what, size_t side);
double frechet_to (const sb_moments_file *training, kind what, const gsl_matrix *x, size_t side);
// The same, with the jackknife's standard error in *se; -1 for fewer than GROUPS rows.
double frechet_with_error (const sb_moments_file *training, kind what, const gsl_matrix *x, size_t side, double *se);

// A picture of faces, `$OUT-NAME-pixels.png`.
void picture_faces (const results *r, const char *name, const gsl_matrix *x, size_t side, size_t columns);

// Are the samples x copies? The claim says that they are no nearer to training faces than half of what test faces are:
// medians of Euclidean distances, in the row named, to the faces in the file that `variable` names. And a picture NAME
// of samples above the nearest training faces. Untested at scale smoke, or without the file.
void look_for_copies (results *r, const char *variable, const char *name, size_t side, const gsl_matrix *x,
                      const char *row, const char *claim);

// A picture of the first rows of two batches, one above the other.
void picture_pairs (const results *r, const char *name, const gsl_matrix *x, const gsl_matrix *other, size_t side);

// Multiplications of one pass through a network, in convolutions, linear maps and attention.
double multiplications (const sb_net *net);

#endif
