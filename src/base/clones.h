#ifndef SCOREBOOK_BASE_CLONES_H
#define SCOREBOOK_BASE_CLONES_H

#include <stdlib.h>

// One binary, fast on each processor: a function marked SB_CLONES is compiled for AVX-512, for AVX2 and for any
// processor, and the dynamic linker takes the best that the machine has. It needs gcc 12 and glibc; elsewhere, and
// under sanitizers, SB_CLONES is empty and the function is compiled once. Loops in such functions are marked `omp
// simd`, so that they are vectorised at -O2 too; where results are sums, the pragma also allows several partial
// sums, whose order is fixed for a given program and processor.
#if defined __x86_64__ && defined __GLIBC__ && defined __GNUC__ && !defined __clang__ && __GNUC__ >= 12                \
    && !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
#define SB_CLONED 1
#ifndef SB_CLONES // -DSB_CLONES=, where each line is to be counted once: make coverage
#define SB_CLONES __attribute__ ((noinline, target_clones ("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
#else
#define SB_CLONES
#define SB_CLONED 0
#endif

// clang warns where it cannot vectorise a loop marked so; its result is correct all the same.
#if defined __clang__
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

#endif
