#ifndef SCOREBOOK_TRANSITION_ISOTROPIC_H
#define SCOREBOOK_TRANSITION_ISOTROPIC_H

#include "../process/process.h"

#include <stddef.h>

SB_BEGIN_DECLS

// Gaussians N(m, v I) in d dimensions, in nats; the means enter only by a squared distance. GSL_EDOM and NaN where a
// variance is negative or NaN.

// log N(x; m, v I), squared = |x - m|^2; v > 0 (GSL_EDOM and NaN for a point mass, which has no density).
double sb_isotropic_log_density (size_t d, double squared, double v);

// KL(N(m_1, v_1 I) || N(m_2, v_2 I)), squared = |m_1 - m_2|^2; infinite where just one is a point mass, or both are and
// the points differ.
double sb_isotropic_kl (size_t d, double squared, double v_1, double v_2);

// The same for rows, of Gaussians that are isotropic within each part of a process: delta (n x d) holds x_i - m_i, or
// m_1 - m_2; v (n x parts); log_p, kl (n). GSL_EBADLEN, GSL_ENOMEM, GSL_EDOM as above.
int sb_parts_log_density (const sb_process *process, const gsl_matrix *delta, const gsl_matrix *v, gsl_vector *log_p);
int sb_parts_kl (const sb_process *process, const gsl_matrix *delta, const gsl_matrix *v_1, const gsl_matrix *v_2,
                 gsl_vector *kl);

SB_END_DECLS

#endif
