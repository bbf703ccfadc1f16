#ifndef SCOREBOOK_NET_DROPOUT_H
#define SCOREBOOK_NET_DROPOUT_H

#include "layer.h"

// What the pixels of channel c of sample i are multiplied by: pixels of them, each 0 or 1 / (1 - rate).
void sb_dropout_draw (const sb_layer *layer, const sb_stream *drop, size_t i, size_t c, sb_real *kept);

#endif
