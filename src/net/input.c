// # Input
//
// The first layers of a network compute nothing and are never called: their outputs are written from outside.

#include "layer.h"

const sb_layer_type sb_layer_input = { .name = "input" };
