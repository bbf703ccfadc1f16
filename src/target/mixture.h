#ifndef SCOREBOOK_TARGET_MIXTURE_H
#define SCOREBOOK_TARGET_MIXTURE_H

// What the pages of a mixture share; not installed.

#include "law.h"

typedef struct
{
  size_t K, d;
  double *log_w;      // K
  double *cumulative; // K
  gsl_matrix *mu;     // K x d
  gsl_matrix *lambda; // K x d, none negative
  gsl_matrix *U;      // K d x d: the K matrices, one below the other; NULL: all are the identity
} mixture;

// Log densities of a row's components (K) become responsibilities; returns the logarithm of the sum of the densities.
double mixture_normalise (gsl_vector *r);

// C_k (d x d).
void mixture_covariance (const mixture *law, size_t k, gsl_matrix *C);

// The functions of sb_target_type, for any process whose maps can be applied (mixture_under_maps.c). x_t (n x d), t (n).
int mixture_log_density_under_maps (const mixture *law, const sb_process *process, const gsl_matrix *x,
                                    const gsl_vector *t, gsl_vector *log_p);
int mixture_evaluate_under_maps (const mixture *law, const sb_process *process, sb_view view, const gsl_matrix *x,
                                 const gsl_vector *t, gsl_matrix *out);
int mixture_jvp_under_maps (const mixture *law, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
                            const gsl_matrix *v, gsl_matrix *out);
int mixture_divergence_under_maps (const mixture *law, const sb_process *process, const gsl_matrix *x,
                                   const gsl_vector *t, gsl_vector *divergence);
int mixture_posterior_covariance_under_maps (const mixture *law, const sb_process *process, const gsl_vector *x,
                                             double t, gsl_matrix *covariance);

#endif
