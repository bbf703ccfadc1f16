#ifndef SCOREBOOK_CLI_ENGINE_H
#define SCOREBOOK_CLI_ENGINE_H

#include <scorebook.h>

// How networks are computed: indices into these lists, -1: the fastest there is. Returns EXIT_SUCCESS, or complains.
extern const char *const backend_names[], *const precision_names[];

typedef struct
{
  int backend, precision;
} network_engine;

// As rows of a table of options.
#define ENGINE_OPTIONS(engine)                                                                                         \
  { "backend",                                                                                                         \
    0,                                                                                                                 \
    OPTION_CHOICE,                                                                                                     \
    &(engine)->backend,                                                                                                \
    "NAME",                                                                                                            \
    0,                                                                                                                 \
    0,                                                                                                                 \
    backend_names,                                                                                                     \
    "backend that computes the network: openblas, the reference; winograd; or onednn, if built in (default: the "      \
    "fastest)" },                                                                                                      \
  {                                                                                                                    \
    "precision", 0, OPTION_CHOICE, &(engine)->precision, "NAME", 0, 0, precision_names,                                \
        "float, or bf16: half the bits, faster, by onednn on processors that support it (default: float)"              \
  }

// The number formats of an exported network: the options' words in the first list, a file's dtypes in the second.
extern const char *const dtype_names[], *const file_dtypes[];

int set_engine (sb_net *net, const network_engine *engine);

#endif
