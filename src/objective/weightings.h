#ifndef SCOREBOOK_OBJECTIVE_WEIGHTINGS_H
#define SCOREBOOK_OBJECTIVE_WEIGHTINGS_H

#include "../base/decls.h"
#include "../base/entry.h"
#include "../process/process.h"
#include "../process/view.h"

SB_BEGIN_DECLS

// The weight lambda(t) of the squared distance between a score and its target, |M^T (s - target)|^2 with lambda = M
// M^T.
typedef struct
{
  sb_entry entry;

  // lambda (parts) <- a number for each part of the process at time t, where its kernel from 0 has the means' factors a
  // and the deviations sd (parts). NULL: no numbers but a matrix, by `apply` of any process.
  int (*numbers) (const sb_process *process, double t, const double *a, const double *sd, double *lambda, void *params);

  // Of a process without parts, and where there are no numbers: u_i <- M u_i (transposed: M^T u_i). NULL: not
  // available.
  int (*apply) (const sb_process *process, CBLAS_TRANSPOSE_t transpose, const gsl_vector *t, gsl_matrix *u,
                void *params);
} sb_weighting_type;

typedef struct
{
  const sb_weighting_type *type;
  void *params; // of a type of your own; not owned
} sb_weighting;

extern const sb_weighting_type *sb_weighting_variance; // S S^T = Var[x_t | x_0]: every time's target has the same size
extern const sb_weighting_type
    *sb_weighting_variance_squared;                      // S^4: the denoiser's error seen through A has the weight 1
extern const sb_weighting_type *sb_weighting_likelihood; // G G^T: the loss bounds -log p; continuous time only
extern const sb_weighting_type *sb_weighting_unit;       // the identity
extern const sb_weighting_type *sb_weighting_min_snr;    // S S^T min (1, gamma S^2 / A^2); params: a double, NULL: 5
extern const sb_weighting_type
    *sb_weighting_edm; // S S^T (1 + S^2 / (A sigma_data)^2); params: sigma_data, a double, NULL: 0.5
extern const sb_weighting_type *sb_weighting_bound; // of a chain's variational bound, steps back of variance beta_t
extern const sb_weighting_type
    *sb_weighting_bound_tilde; // beta-tilde_t, the last step taking that of the one before it

// Not of the family: M M^T with a matrix M of yours, the same at all times; params: M (d x d), a gsl_matrix. GSL_EINVAL
// where there is none, GSL_EBADLEN where it is of another size. GSL_ESING where a part has zero noise.
extern const sb_weighting_type *sb_weighting_matrix;

const sb_entry *sb_weightings (size_t k); // the family; each is the first field of its sb_weighting_type

// Where an estimate in a view is off by e (n x d) at times t (n), its score is off by B e; out (n x d, not e) <- B^T
// lambda B e:
//     the score: lambda e;   epsilon: S^-1 lambda S^-T e;   the denoiser: A^T (S S^T)^-1 lambda (S S^T)^-1 A e.
// A part with zero noise has no weight. c (n x parts), numbers (2 x parts) and work (as in sb_process_combine) are
// memory. GSL_ESING where there is no noise at all, GSL_EDOM where a weight is negative or not finite, or t not a time;
// GSL_EUNSUP where the process lacks what the weight needs. The bound's: GSL_EINVAL where the process is no
// chain, GSL_EDOM at its level 0.
int sb_weighting_apply (const sb_weighting *weighting, const sb_process *process, sb_view view, const gsl_vector *t,
                        const gsl_matrix *e, double *numbers, gsl_matrix *c, gsl_matrix *work, gsl_matrix *out);

SB_END_DECLS

#endif
