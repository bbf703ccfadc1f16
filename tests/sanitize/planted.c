// # Faults planted on purpose
//
// Criterion runs each test in a child process, and what a sanitizer says there goes unheard unless someone listens.
// Each test here has one fault and asserts nothing: the targets that watch the tests must first notice these.

#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>

// The compiler must not see through the faults.

static int *volatile kept;
static volatile int many = INT_MAX, ten = 10;

Test (planted, nothing)
{
  kept = malloc (10 * sizeof (int));
  cr_assert (kept);
  kept[ten - 1] = 1;
  free (kept);
}

Test (planted, leak)
{
  kept = malloc (10 * sizeof (int));
  kept = NULL;
}

Test (planted, overflow)
{
  kept = malloc (10 * sizeof (int));
  kept[ten] = 1;
  free (kept);
}

Test (planted, undefined) { many = many + ten; }

Test (planted, uninitialised)
{
  kept = malloc (10 * sizeof (int));
  if (kept[ten - 1] == 3)
    many = 0;
  free (kept);
}
