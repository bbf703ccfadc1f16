#ifndef SCOREBOOK_LIKELIHOOD_CODES_H
#define SCOREBOOK_LIKELIHOOD_CODES_H

#include "../sampler/flow.h"

SB_BEGIN_DECLS

// A code is the flow's image of a point: encode takes the rows of x (n x d) from t_min, in (0, t_max), up to the
// process's t_max, decode from there down. Rows go through the solver in groups of `group`, as in sb_log_likelihood.
// flow's progress is not called; evaluations (NULL is allowed) is the mean over rows. Errors as for sb_flow_run.
int sb_encode (const sb_flow *flow, const sb_score *score, const gsl_matrix *y, double t_min, size_t group,
               gsl_matrix *x, double *evaluations);
int sb_decode (const sb_flow *flow, const sb_score *score, const gsl_matrix *y, double t_min, size_t group,
               gsl_matrix *x, double *evaluations);

// Between two codes along the sphere (slerp): out <- sin((1 - u) theta) / sin theta a + sin(u theta) / sin theta b,
// theta the angle between a and b; u = 0: a, u = 1: b. Of parallel codes, on the line. GSL_EBADLEN; GSL_EDOM where a or
// b is zero, or they are opposite.
int sb_code_between (const gsl_vector *a, const gsl_vector *b, double u, gsl_vector *out);

SB_END_DECLS

#endif
