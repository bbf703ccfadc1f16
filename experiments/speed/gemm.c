// # The processor's measure
//
//     gemm-driver N
//
// What OpenBLAS's sgemm reaches on large matrices is the most that a network can hope for whose work is products. A
// unit of work is a product of two N x N matrices on each of the THREADS threads, with matrices of its own: one BLAS
// thread each, as in the library.

#include "../results.h"
#include "rounds.h"

#include <cblas.h>
#include <stdlib.h>

typedef struct
{
  size_t threads, size;
  float *matrices; // three for each thread
} products;

static void
multiply (void *context, unsigned long times)
{
  const products *p = context;
  const size_t square = p->size * p->size;
  const int n = (int)p->size;
#pragma omp parallel for schedule(static)
  for (size_t k = 0; k < p->threads; k++)
    for (unsigned long round = 0; round < times; round++)
      {
        float *a = p->matrices + 3 * k * square, *b = a + square, *c = b + square;
        cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a, n, b, n, 0, c, n);
      }
}

int
main (int argc, char **argv)
{
  char facts[64];
  set_up ();
  products p = { .threads = environment_number ("THREADS", 2), .size = argument_number (argc, argv, 1) };
  const size_t count = 3 * p.threads * p.size * p.size;
  p.matrices = require_pointer (malloc (count * sizeof *p.matrices), "matrices");
  for (size_t k = 0; k < count; k++)
    p.matrices[k] = (float)(k % 7) - 3;
  snprintf (facts, sizeof facts, "operations %.6g",
            2 * (double)p.threads * (double)p.size * (double)p.size * (double)p.size);
  serve (multiply, &p, facts);
  free (p.matrices);
  return EXIT_SUCCESS;
}
