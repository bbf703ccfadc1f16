#ifndef SCOREBOOK_ENGINE_CHOOSE_H
#define SCOREBOOK_ENGINE_CHOOSE_H

#include "../net/graph.h"

SB_BEGIN_DECLS

// Choose a network's backend: "openblas", the readable reference, which a new network has; "winograd", about twice as
// fast where the processor has AVX2, float only; or "onednn", faster still, where it was built in and the processor has
// AVX-512. NULL: the fastest available, of which there is always one in float. In float their results differ by less
// than 1e-4 of the norm; bf16 has two to three digits. To be chosen before sb_net_work_alloc. GSL_EINVAL where there is
// no backend of that name, GSL_EUNSUP where it was not built or cannot do that precision on this processor, with a line
// in `error`.
int sb_net_choose (sb_net *net, const char *backend, sb_net_precision precision, sb_error *error);
const char *sb_net_backend_name (const sb_net_backend *backend);

// The backends that were built, fastest first; NULL after the last.
const sb_net_backend *sb_net_backend_at (size_t k);
int sb_net_backend_usable (const sb_net_backend *backend, sb_net_precision precision); // on this processor

SB_END_DECLS

#endif
