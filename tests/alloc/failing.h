#ifndef SCOREBOOK_TESTS_ALLOC_FAILING_H
#define SCOREBOOK_TESTS_ALLOC_FAILING_H

#include <stdbool.h>
#include <stddef.h>

// An allocator that fails when told to. Linked into a test program, it takes the place of the C library's for every
// library in the process. It counts what the calling thread allocates between begin and end; the threads of OpenMP and
// OpenBLAS, which end the process when they get no memory, are left alone.

typedef enum
{
  FAIL_NEVER,
  FAIL_ONCE,  // the k-th allocation alone, counted from 1
  FAIL_ONWARD // the k-th and all after it
} failing_mode;

void failing_begin (failing_mode mode, size_t k);

typedef struct
{
  size_t allocations; // calls that asked for a block, those that failed too
  long live;          // blocks allocated and not freed since begin
  bool failed;        // some call was made to fail
  char caller[128];   // the first of these: its function, where that is known, and library
} failing_report;

failing_report failing_end (void);

// Of the library's functions that failing_calls.c lists: the k-th call from here on, counted from 1, fails with
// GSL_EBADFUNC; 0: none. The end returns how many there were, and which function failed, "" for none.
void failing_call_begin (size_t k);
int failing_call (const char *name); // a call of a test's own function: fails where it is the k-th of them all
size_t failing_call_end (const char **name);

// False where a sanitizer has taken the allocator's place already.
bool failing_available (void);

#endif
