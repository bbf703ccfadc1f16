#ifndef SCOREBOOK_BASE_STREAM_H
#define SCOREBOOK_BASE_STREAM_H

#include "decls.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_rng.h>
#include <stdint.h>

SB_BEGIN_DECLS

// What a stream's numbers are for. Streams of different purposes never overlap, whatever their seed and index.
typedef enum
{
  SB_FOR_DATA,      // which points of a law, and where in them
  SB_FOR_PRIOR,     // x_T
  SB_FOR_PREDICTOR, // noise of the reverse steps
  SB_FOR_CORRECTOR, // noise of the Langevin steps
  SB_FOR_FORWARD,   // noise of the forward process
  SB_FOR_TIME,      // times at which a loss is drawn
  SB_FOR_PROBE,     // random directions: trace estimators, projections of two-sample tests
  SB_FOR_DEQUANTISE,
  SB_FOR_GSL_RNG,     // what a gsl_rng of type sb_rng_philox draws after gsl_rng_set
  SB_FOR_DROP,        // which training samples have their condition dropped
  SB_FOR_KNOWN,       // noise of the known part of a sample
  SB_FOR_DIVISION,    // divisions of two samples at random: permutation tests
  SB_FOR_DROPOUT,     // which activations of a network are dropped in training
  SB_FOR_PATH,        // noise of the short reverse paths of a loss
  SB_FOR_WINDOW,      // where these end
  SB_FOR_OBSERVATION, // which part of an image is observed: where its hole is
  SB_FOR_CONDITION,   // noise of a condition that diffuses beside the sample
  SB_FOR_USER = 1024  // and up: for callers
} sb_purpose;

// A stream of random numbers is a value: copying it costs nothing, and nothing is advanced by drawing from it.
// Number k of a stream depends on (seed, purpose, index, k) alone. Row i of a batch draws from index + i, so the same
// sample gets the same numbers whatever the batch size and the number of threads.
typedef struct
{
  uint64_t seed;
  uint32_t purpose; // an sb_purpose
  uint64_t index;   // the sample: row i of a batch has index + i
} sb_stream;

// The stream of sample `index + rows` of the same seed and purpose. Indices wrap around at 2^64, here and along the
// rows of a batch.
sb_stream sb_stream_skip (sb_stream stream, uint64_t rows);

// Standard normals by Box and Muller's method: numbers `first`, ..., `first` + d - 1 of each row's stream, into the
// rows of z (n x d). A stream holds 2^33 numbers: GSL_EDOM where first + d goes beyond.
int sb_stream_normals (sb_stream stream, uint64_t first, gsl_matrix *z);

// Uniforms on the open interval (0, 1), the midpoints (m + 1/2) 2^-52 of its 2^52 equal cells; otherwise as above.
// Uniforms and normals of one stream are made from the same bits: give each its own purpose.
int sb_stream_uniforms (sb_stream stream, uint64_t first, gsl_matrix *u);

// The same generator, Philox4x32-10 (Salmon et al., 2011), for GSL's own distributions. gsl_rng_get returns words of
// 32 bits; gsl_rng_uniform takes two of them and never returns 0.
extern const gsl_rng_type *sb_rng_philox;

// Place r, an sb_rng_philox, at number `first` of a stream: the uniforms that it returns from there on are the
// stream's, on to the stream of the next index after the 2^33-th. GSL_EINVAL where r is of another type, GSL_EDOM where
// `first` is beyond the stream.
int sb_rng_philox_seek (gsl_rng *r, sb_stream stream, uint64_t first);

SB_END_DECLS

#endif
