// # An allocator that fails when told to
//
// A program's own `malloc` is found before the C library's by every shared library it loads, so GSL's, zlib's,
// libpng's and jansson's allocations pass through here as ours do. The memory itself comes from glibc, under the
// names that it keeps for those who replace its functions.

#include <config.h>

#include "failing.h"

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define TAKEN 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define TAKEN 1
#endif
#endif

#ifdef TAKEN

bool
failing_available (void)
{
  return false;
}

void
failing_begin (failing_mode mode, size_t k)
{
  (void)mode;
  (void)k;
}

failing_report
failing_end (void)
{
  return (failing_report){ 0 };
}

#else

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

extern void *__libc_malloc (size_t size);
extern void *__libc_calloc (size_t count, size_t size);
extern void *__libc_realloc (void *block, size_t size);
extern void *__libc_memalign (size_t alignment, size_t size);
extern void __libc_free (void *block);

// ## What is counted

enum
{
  BLOCKS = 1024 // alive at a time, of one path
};

static _Thread_local struct
{
  bool counting;
  failing_mode mode;
  size_t k;
  failing_report report;
  const void *caller;
  const char *last, *before; // the function that allocated last, and the one before it
  size_t in_a_row;           // how often the last one did
  const void *block[BLOCKS]; // those that are counted and not yet freed
  size_t blocks;
} now;

bool
failing_available (void)
{
  return true;
}

void
failing_begin (failing_mode mode, size_t k)
{
  memset (&now, 0, sizeof now);
  now.mode = mode;
  now.k = k;
  now.last = now.before = "";
  now.counting = true;
}

failing_report
failing_end (void)
{
  now.counting = false;
  Dl_info where;
  if (now.report.failed && dladdr (now.caller, &where))
    snprintf (now.report.caller, sizeof now.report.caller, "%s in %s", where.dli_sname ? where.dli_sname : "?",
              where.dli_fname);
  return now.report;
}

// ## Who asks
//
// libgomp ends the process when it gets no memory, and keeps what it has for the next parallel region; OpenBLAS keeps
// its buffers as well, and oneDNN, which is written in C++, its primitives, and does not survive a refusal
// everywhere: what they ask for is neither refused nor counted. Nor is what the dynamic linker asks for, which is
// their thread-local storage. `dladdr` knows who they are; it allocates nothing, but searches long, so its answers
// are kept.

enum
{
  CALLERS = 4096 // more than there are places that allocate
};

typedef struct
{
  const void *address;
  const char *function; // "" where it is not known
  bool exempt;
} asker;

static const asker *
who (const void *address)
{
  static _Thread_local asker known[CALLERS];
  size_t i = (uintptr_t)address * 2654435761u % CALLERS;
  while (known[i].address && known[i].address != address)
    i = (i + 1) % CALLERS;
  if (known[i].address)
    return &known[i];

  Dl_info where;
  bool found = dladdr (address, &where) != 0;
  known[i] = (asker){ .address = address,
                      .function = found && where.dli_sname ? where.dli_sname : "",
                      .exempt = found
                                && (strstr (where.dli_fname, "gomp") || strstr (where.dli_fname, "blas")
                                    || strstr (where.dli_fname, "dnnl") || strstr (where.dli_fname, "stdc++")
                                    || strstr (where.dli_fname, "/ld-")) };
  return &known[i];
}

static bool
counts (const void *caller)
{
  return now.counting && !who (caller)->exempt;
}

// GSL 2.7 itself forgets blocks: `gsl_matrix_alloc` its matrix where the numbers get no memory,
// `gsl_eigen_symmv_alloc` what it has of its five. That is not held against the path. How many, now that `caller` is
// refused:

static long
gsl_forgets (const char *caller)
{
  if (strcmp (caller, "gsl_block_alloc") == 0) // which asks for a block, then for its numbers
    {
      bool for_numbers = strcmp (now.last, caller) == 0 && now.in_a_row == 1;
      return strcmp (for_numbers ? now.before : now.last, "gsl_matrix_alloc") == 0;
    }
  if (strcmp (caller, "gsl_eigen_symmv_alloc") == 0 && strcmp (now.last, caller) == 0)
    return (long)(now.in_a_row % 5);
  return 0;
}

static void
remember (const char *function)
{
  if (strcmp (function, now.last) == 0)
    {
      now.in_a_row++;
      return;
    }
  now.before = now.last;
  now.last = function;
  now.in_a_row = 1;
}

static bool
refuses (const void *caller)
{
  if (!counts (caller))
    return false;
  size_t i = ++now.report.allocations;
  bool fails = (now.mode == FAIL_ONCE && i == now.k) || (now.mode == FAIL_ONWARD && i >= now.k);
  const char *function = who (caller)->function;
  if (fails)
    {
      now.report.live -= gsl_forgets (function);
      if (!now.report.failed)
        now.caller = caller;
      now.report.failed = true;
      errno = ENOMEM;
    }
  remember (fails ? "" : function);
  return fails;
}

static void *
counted (void *block, const void *caller)
{
  if (block && counts (caller) && now.blocks < BLOCKS)
    {
      now.block[now.blocks++] = block;
      now.report.live++;
    }
  return block;
}

// Freed is what was counted, whoever frees it: the address to which `free` returns is not always in the function that
// called it. libgomp ends a parallel region by jumping into `free`, which then returns to us.

static void
forget (const void *block)
{
  for (size_t i = now.blocks; i-- > 0;)
    if (now.block[i] == block)
      {
        now.block[i] = now.block[--now.blocks];
        now.report.live--;
        return;
      }
}

// ## The C library's functions

#define CALLER __builtin_return_address (0)

void *
malloc (size_t size)
{
  return refuses (CALLER) ? NULL : counted (__libc_malloc (size), CALLER);
}

void *
calloc (size_t count, size_t size)
{
  return refuses (CALLER) ? NULL : counted (__libc_calloc (count, size), CALLER);
}

void
free (void *block)
{
  if (block && now.counting)
    forget (block);
  __libc_free (block);
}

// A block that is moved is still one block; `realloc (block, 0)` frees it.

void *
realloc (void *block, size_t size)
{
  if (refuses (CALLER))
    return NULL;
  void *moved = __libc_realloc (block, size);
  if (block && now.counting && (moved || size == 0))
    forget (block);
  return counted (moved, CALLER);
}

void *
memalign (size_t alignment, size_t size)
{
  return refuses (CALLER) ? NULL : counted (__libc_memalign (alignment, size), CALLER);
}

void *
aligned_alloc (size_t alignment, size_t size)
{
  return refuses (CALLER) ? NULL : counted (__libc_memalign (alignment, size), CALLER);
}

int
posix_memalign (void **block, size_t alignment, size_t size)
{
  if (refuses (CALLER))
    return ENOMEM;
  *block = counted (__libc_memalign (alignment, size), CALLER);
  return *block ? 0 : ENOMEM;
}

#endif
