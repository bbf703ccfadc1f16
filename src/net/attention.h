#ifndef SCOREBOOK_NET_ATTENTION_H
#define SCOREBOOK_NET_ATTENTION_H

#include "real.h"

#include <stddef.h>

// The softmax of each row of S (pixels x pixels), in place; and its Jacobian at output A times S, which is symmetric.
void sb_attention_softmax (size_t pixels, sb_real *S);
void sb_attention_slope (size_t pixels, const sb_real *A, sb_real *S);

#endif
