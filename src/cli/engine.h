#ifndef SCOREBOOK_CLI_ENGINE_H
#define SCOREBOOK_CLI_ENGINE_H

#include <scorebook.h>

// How networks are computed: places in these lists, -1: the fastest there is. Returns EXIT_SUCCESS, or complains.
extern const char *const backend_names[], *const precision_names[];

typedef struct
{
  int backend, precision;
} network_engine;

int set_engine (sb_net *net, const network_engine *engine);

#endif
