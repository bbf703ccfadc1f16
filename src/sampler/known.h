#ifndef SCOREBOOK_SAMPLER_KNOWN_H
#define SCOREBOOK_SAMPLER_KNOWN_H

#include "../base/stream.h"
#include "../operator/operator.h"
#include "../process/process.h"

SB_BEGIN_DECLS

// What is known of the samples: some coordinates of each. A sampler puts them in, as noisy as they are at its time, and the score
// of the whole says how the others go on.
typedef struct
{
  const gsl_matrix *y;      // n x d: the data; where nothing is known of a coordinate its number is not looked at
  const gsl_vector *mask;   // d: 1 where a coordinate is known, else 0
  bool one_path;            // the noise of each row is one draw for the whole run; false: a fresh one each time
  const sb_operator *basis; // orthonormal (d x d): y and mask are of B x, as grey is of colours; NULL: of x
} sb_known;

// The known coordinates of x_i (n x d), or of B x_i, <- those of A(0,t) y_i + S(0,t) z; at t = 0 of y itself. z of row
// i are numbers count d, ... (0, ... on one path) of stream.index + i of stream.seed, purpose SB_FOR_KNOWN. GSL_EBADLEN
// where a shape is wrong, GSL_EDOM where the mask is neither 0 nor 1 or a known number not finite, GSL_EUNSUP for a
// process of several parts where one of the two has a basis, so that its maps mix coordinates; GSL_EINVAL where `basis`
// is not orthonormal, or has levels; GSL_ENOMEM.
int sb_known_paste (const sb_known *known, const sb_process *process, sb_stream stream, size_t count, double t,
                    gsl_matrix *x);

SB_END_DECLS

#endif
