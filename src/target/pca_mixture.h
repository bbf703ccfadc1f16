#ifndef SCOREBOOK_TARGET_PCA_MIXTURE_H
#define SCOREBOOK_TARGET_PCA_MIXTURE_H

// Shared by the files on mixtures of probabilistic PCA; not installed.

#include "law.h"

typedef struct
{
  size_t K, d, q;
  double *log_w;      // K
  double *cumulative; // K
  gsl_matrix *mu;     // K x d
  gsl_matrix *W;      // K q x d: the K matrices W_k, one below the other
  gsl_vector *v;      // K, none negative
} pca_mixture;

// A component's law at one time, N(mean, diag(D) + V^T V), in the form for Woodbury's formula.
typedef struct
{
  gsl_vector mean, root; // d: root_j = D_j^-1/2
  gsl_matrix Q, Z;       // q x d, q x q: [V diag(root), I] = L [Q, Z], orthonormal rows; Z and L lower triangular
  double log_det;        // log det (diag(D) + V^T V) / 2
} pca_factor;

// Given its mean, D in root and V in Q, compute all fields. GSL_EDOM where a D_j is below DBL_MIN, and where loadings
// are so long and so nearly parallel that six digits of log_det would not hold; GSL_ENOMEM.
int pca_factorise (pca_factor *f);

// e_i <- root (x_i - mean), a row of e (n x d) each.
void pca_centre (const pca_factor *f, const gsl_matrix *x, gsl_matrix *e);

// m_i <- Z^T Q e_i (n x q) and e_i <- e_i - Q^T Q e_i, which is (I + U^T U)^-1 e_i with U = V diag(root).
void pca_solve (const pca_factor *f, gsl_matrix *e, gsl_matrix *m);

// The log density of row i of x, after both of these.
double pca_log_density (const pca_factor *f, const gsl_matrix *e, const gsl_matrix *m, size_t i);

#endif
