#ifndef SCOREBOOK_TESTS_WORLDS_H
#define SCOREBOOK_TESTS_WORLDS_H

// Every process there is: the rows of the library's list, and some of the tests' own that are no multiples of the
// identity.

#include "process/kinds.h"
#include "scope.h"

// What a process cannot do: a refusal that is not listed fails, and so does an answer where one is.
enum
{
  NO_SDE = 1,       // F, G and the rates
  NO_PARTS = 2,     // its maps are known by `apply` alone
  NO_A_INVERSE = 4, // an A is 0
  NO_S_INVERSE = 8, // an S is 0
  MANY_PARTS = 16   // nothing that takes one variance for all coordinates
};

typedef struct
{
  const char *name;
  unsigned lacks;
  sb_process *process;
  double s, t; // times to look at: 0 < s < t
} world;

// World number k, registered with the test; false beyond the last.
bool world_of (size_t k, world *w);

// A test whose body is run in every world, `w`.
#define IN_EACH_WORLD(suite, name)                                                                                     \
  static void in_world_##name (const world *w);                                                                        \
  Test (suite, name)                                                                                                   \
  {                                                                                                                    \
    world each;                                                                                                        \
    for (size_t k = 0; world_of (k, &each); k++)                                                                       \
      in_world_##name (&each);                                                                                         \
  }                                                                                                                    \
  static void in_world_##name (const world *w)

// M x for every row of x, all at one pair of times.
gsl_matrix *mapped (const world *w, sb_process_map map, CBLAS_TRANSPOSE_t transpose, double s, double t,
                    const gsl_matrix *x);

#endif
