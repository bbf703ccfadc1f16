// # Cross-entropy
//
// A classifier's output is a number $l_k$ for each class, for the probabilities $p_k = e^{l_k}/\sum_j e^{l_j}$. The
// loss of a point of class $c$ is $-\log p_c$, and its gradient is $p - e_c$: prediction minus truth.

#include "cross_entropy.h"

#include "../base/error.h"

#include <math.h>

// With the largest number subtracted, no exponential overflows, and at least one is 1.

void
sb_softmax (gsl_matrix *logits)
{
  for (size_t i = 0; i < logits->size1; i++)
    {
      gsl_vector_view row = gsl_matrix_row (logits, i);
      double top = gsl_vector_max (&row.vector), sum = 0;
      for (size_t k = 0; k < logits->size2; k++)
        {
          double e = exp (gsl_vector_get (&row.vector, k) - top);
          gsl_vector_set (&row.vector, k, e);
          sum += e;
        }
      gsl_vector_scale (&row.vector, 1 / sum);
    }
}

// The loss itself is $\log\sum_j e^{l_j - l_c}$, computed from the logits, not from a probability that may have
// underflowed to zero.

static double
log_sum_above (const gsl_vector *l, size_t c)
{
  double top = gsl_vector_max (l), sum = 0;
  for (size_t k = 0; k < l->size; k++)
    sum += exp (gsl_vector_get (l, k) - top);
  return top - gsl_vector_get (l, c) + log (sum);
}

int
sb_cross_entropy (const unsigned char *labels, gsl_matrix *logits, gsl_vector *loss)
{
  if (loss->size != logits->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "logits are %zu x %zu, with %zu losses", logits->size1, logits->size2, loss->size);
  for (size_t i = 0; i < logits->size1; i++)
    {
      if (labels[i] >= logits->size2)
        SB_ERROR (NULL, GSL_EDOM, "label %zu is %d, one of %zu classes is wanted", i, labels[i], logits->size2);
      gsl_vector_view row = gsl_matrix_row (logits, i);
      gsl_vector_set (loss, i, log_sum_above (&row.vector, labels[i]));
    }
  sb_softmax (logits);
  for (size_t i = 0; i < logits->size1; i++)
    *gsl_matrix_ptr (logits, i, labels[i]) -= 1;
  return GSL_SUCCESS;
}
