#ifndef SCOREBOOK_NET_DROPOUT_H
#define SCOREBOOK_NET_DROPOUT_H

#include "layer.h"

// The dropout mask of channel c of sample i: a number for each of its pixels, 0 or 1 / (1 - rate).
void sb_dropout_draw (const sb_layer *layer, const sb_stream *drop, size_t i, size_t c, sb_real *kept);

#endif
