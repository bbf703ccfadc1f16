#ifndef SCOREBOOK_OBJECTIVE_SSM_H
#define SCOREBOOK_OBJECTIVE_SSM_H

#include "../base/decls.h"
#include "../base/stream.h"
#include "../score/score.h"

#include <stdbool.h>

SB_BEGIN_DECLS

// The law of a random direction v, with E[v v^T] = I.
typedef enum
{
  SB_PROJECTION_GAUSSIAN,  // standard normals
  SB_PROJECTION_RADEMACHER // signs: the estimate of the trace has a smaller variance
} sb_projection;

// Direction `number` of each row's stream, into the rows of v (n x d). GSL_EINVAL where there is no such law, GSL_EDOM
// beyond the stream's end.
int sb_projection_draw (sb_projection law, sb_stream stream, size_t number, gsl_matrix *v);

// v_i^T J v_i for each row (n), J the score's Jacobian at x (n x d), t (n), with one Jacobian-vector product: for
// random v (n x d) an unbiased estimate of its trace. y: NULL or n rows. GSL_EBADLEN, GSL_EUNSUP without that product,
// GSL_ENOMEM.
int sb_ssm_curvature (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                      const gsl_matrix *v, gsl_vector *curvature);

typedef struct
{
  sb_projection projection;
  size_t projections; // M >= 1, of each row
  bool plain;         // with (v^T s)^2 for |s|^2, of which it is an estimate: more variance for nothing
} sb_ssm;

// Sliced score matching: the loss of each row (n), the mean over M random directions (stream.purpose is ignored), or
// that along given directions v (n x d). Errors as above, and GSL_EINVAL where M is 0.
int sb_ssm_loss (const sb_ssm *ssm, const sb_score *score, const gsl_matrix *x, const gsl_vector *t,
                 const gsl_matrix *y, sb_stream stream, gsl_vector *loss);
int sb_ssm_loss_along (bool plain, const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                       const gsl_matrix *v, gsl_vector *loss);

SB_END_DECLS

#endif
