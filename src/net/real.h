#ifndef SCOREBOOK_NET_REAL_H
#define SCOREBOOK_NET_REAL_H

#include <gsl/gsl_cblas.h>

// Networks compute in float. The same source is also compiled in double, where derivatives can be checked against
// finite differences to many digits; names then end in _double, so that one program can hold both (names.h).
#ifdef SB_NET_DOUBLE
#include "names.h"
typedef double sb_real;
#define SB_REAL_EPSILON 2.220446049250313e-16
#define sb_gemm cblas_dgemm
#define sb_sin sin
#define sb_cos cos
#define sb_sqrt sqrt
#else
typedef float sb_real;
#define SB_REAL_EPSILON 1.1920929e-7
#define sb_gemm cblas_sgemm
#define sb_sin sinf
#define sb_cos cosf
#define sb_sqrt sqrtf
#endif

#endif
