#ifndef SCOREBOOK_SCORE_CROSS_ENTROPY_H
#define SCOREBOOK_SCORE_CROSS_ENTROPY_H

#include "../base/decls.h"

#include <gsl/gsl_matrix.h>

SB_BEGIN_DECLS

// The rows of `logits` (n x K) become probabilities, e^{l_k} / sum_j e^{l_j}, without overflow.
void sb_softmax (gsl_matrix *logits);

// loss_i = -log p(label_i | x_i) in nats, from `logits` (n x K), which become the loss's gradient with respect to
// them. GSL_EBADLEN where shapes do not fit, GSL_EDOM where a label is not below K.
int sb_cross_entropy (const unsigned char *labels, gsl_matrix *logits, gsl_vector *loss);

SB_END_DECLS

#endif
