// # The backends of networks
//
// The options --backend and --precision, the same for every command that uses a network.

#include <config.h>
#include "engine.h"
#include "options.h"

#include <stdlib.h>

const char *const backend_names[] = { "openblas", "winograd", "onednn", NULL };
const char *const precision_names[] = { "float", "bf16", NULL };
const char *const dtype_names[] = { "f32", "f16", "bf16", NULL };
const char *const file_dtypes[] = { "F32", "F16", "BF16" };

int
set_engine (sb_net *net, const network_engine *engine)
{
  sb_error error = { 0 };
  const char *name = engine->backend < 0 ? NULL : backend_names[engine->backend];
  if (sb_net_choose (net, name, engine->precision == 1 ? SB_NET_BF16 : SB_NET_FLOAT, &error))
    return failure ("%s", error.message);
  return EXIT_SUCCESS;
}
