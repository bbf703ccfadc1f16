// As processors with AVX2 are.

#include "lesser.h"

#include "base/clones.h"

#if SB_CLONED

int
features_left (void)
{
  return !!__builtin_cpu_supports ("avx512f") + !!__builtin_cpu_supports ("avx512dq")
         + !!__builtin_cpu_supports ("x86-64-v4");
}

#endif
