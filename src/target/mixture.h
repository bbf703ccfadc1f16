#ifndef SCOREBOOK_TARGET_MIXTURE_H
#define SCOREBOOK_TARGET_MIXTURE_H

// Shared by the files on mixtures; not installed.

#include "law.h"

#include <stdbool.h>

typedef struct
{
  size_t K, d;
  double *log_w;      // K
  double *cumulative; // K
  gsl_matrix *mu;     // K x d
  gsl_matrix *lambda; // K x d, none negative
  bool round;         // each row of lambda is one number
  gsl_matrix *U;      // K d x d: the K matrices, one below the other; NULL: all are the identity
} mixture;

extern const sb_target_type mixture_type; // the functions of sb_target_type; the state is `mixture`

// Log densities of a row's components (K) become responsibilities; returns the logarithm of the sum of the densities.
double mixture_normalise (gsl_vector *r);

// C_k (d x d).
void mixture_covariance (const mixture *law, size_t k, gsl_matrix *C);

// Answers a question under any process whose maps can be applied (mixture_under_maps.c).
int mixture_answer_under_maps (const mixture *law, const sb_process *process, const sb_target_question *question);

// Densities, views and divergences where process and covariances are diagonal in the coordinates themselves
// (mixture.c), and where they are diagonal in the process's basis; otherwise *diagonal becomes false and nothing is
// done (mixture_in_basis.c).
int mixture_answer_by_coordinates (const mixture *law, const sb_process *process, const sb_target_question *question);
int mixture_answer_in_basis (const mixture *law, const sb_process *process, const sb_target_question *question,
                             bool *diagonal);

#endif
