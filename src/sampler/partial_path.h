#ifndef SCOREBOOK_SAMPLER_PARTIAL_PATH_H
#define SCOREBOOK_SAMPLER_PARTIAL_PATH_H

#include "../base/stream.h"
#include "sampler.h"

SB_BEGIN_DECLS

// A short path backwards, from time t to s < t, in k steps of one type, at times evenly spaced in t^(1/rho).
typedef struct
{
  const sb_step_type *step;
  const double *key; // of the step; NULL: the usual ones
  size_t steps;      // k >= 1
  double rho;        // > 0
} sb_partial_path;

// Workspace for paths of up to `rows` rows, whose steps then allocate nothing (sb_sampler_work). NULL: GSL_ENOMEM.
typedef struct
{
  sb_sampler_work *work;
  gsl_matrix *z;     // rows x d: a step's normals
  gsl_vector *t, *s; // rows: its times
  const size_t *row; // NULL, or which sample of the stream each row is, in place of i; not owned
} sb_path_work;

sb_path_work *sb_path_work_alloc (const sb_score *score, size_t rows);
void sb_path_work_free (sb_path_work *work); // NULL is allowed

// The start of each step of a path, and its normals: block j of n rows is of step j. x, z (k n x d), s, t (k n).
typedef struct
{
  gsl_matrix *x, *z;
  gsl_vector *s, *t;
} sb_path_record;

// Path number `path` of the points x (n x d) from times t to s (n each), each row on its own grid; row i takes its
// normals from index + i of the stream, those of path p after those of path p - 1, so that the paths of a row are
// independent. `x_hat0`: NULL, or the denoiser at the path's start (n x d), which the first step then does not
// evaluate; a step that evaluates the score elsewhere, at a time of its own (sb_step_type's t_hat), ignores it. record:
// NULL, or where the path is stored. y: NULL or n rows. GSL_EINVAL for no type of step, no steps or a rho that is not
// positive, GSL_EBADLEN where a shape is wrong or n exceeds the workspace's rows; GSL_EDOM where not 0 <= s < t, and
// the errors of sb_step_apply, with the row and the step in the message.
int sb_partial_path_take (const sb_partial_path *partial, sb_path_work *work, const gsl_matrix *y, const gsl_vector *t,
                          const gsl_vector *s, sb_stream stream, size_t path, const gsl_matrix *x_hat0,
                          sb_path_record *record, gsl_matrix *x);

SB_END_DECLS

#endif
