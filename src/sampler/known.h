#ifndef SCOREBOOK_SAMPLER_KNOWN_H
#define SCOREBOOK_SAMPLER_KNOWN_H

#include "../base/stream.h"
#include "../operator/operator.h"
#include "../process/process.h"

SB_BEGIN_DECLS

// The known coordinates of each sample. A sampler overwrites them with values at the noise level of its time, and the
// score of the whole point moves the others.
typedef struct
{
  const gsl_matrix *y;      // n x d: the data; the numbers of unknown coordinates are ignored
  const gsl_vector *mask;   // d: 1 where a coordinate is known, else 0
  bool one_path;            // each row's noise is drawn once for the whole run; false: anew each time
  const sb_operator *basis; // orthonormal (d x d): y and mask are of B x, as grey is of colours; NULL: of x
} sb_known;

// The known coordinates of x_i (n x d), or of B x_i, <- those of A(0,t) y_i + S(0,t) z; at t = 0 of y itself. Row i
// takes z from numbers count d, ... (0, ... on one path) of stream.index + i of stream.seed, purpose SB_FOR_KNOWN.
// GSL_EBADLEN where a shape is wrong, GSL_EDOM where the mask is neither 0 nor 1 or a known number not finite,
// GSL_EUNSUP for a process without parts, or of several where it or `known` has a basis, so that maps mix coordinates;
// GSL_EINVAL where `basis` is not orthonormal, or has levels; GSL_ENOMEM.
int sb_known_impute (const sb_known *known, const sb_process *process, sb_stream stream, size_t count, double t,
                     gsl_matrix *x);

SB_END_DECLS

#endif
