// # The N-th call fails
//
// Preloaded into `scorebook`, this library stands before the C library and makes one call fail. The environment says
// which:
//
//     FAULT_CALL   open, read, write, fsync, rename, linkat, mmap or malloc; or any, of all but malloc
//     FAULT_AT     N: the first is 1
//     FAULT        an errno; or short: half of a read or write is done; or kill: the process dies before the call
//     FAULT_TOLD   a file that is made when it has happened
//     FAULT_CODE   whatever: no memory that code could be run from, as on hardened systems
//     FAULT_CLOCK  seconds by which the clock goes on whenever it is read
//
// Streams of the C library read by calls that cannot be stood before, so those that are opened for reading become
// streams of ours. What the threads' and products' libraries and the dynamic linker ask for is left alone: they end the
// process when they get no memory; and so is jansson, which then loses a character and goes on (tests/alloc).

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern void *__libc_malloc (size_t size);
extern void *__libc_calloc (size_t count, size_t size);
extern void *__libc_realloc (void *block, size_t size);

#define NEXT(function) (__extension__(__typeof__ (&function)) dlsym (RTLD_NEXT, #function))

static const char *call, *fault, *told;
static unsigned long at, calls;

// Counted is from the first line of `main` to its end.

typedef int main_function (int argc, char **argv, char **environment);

static main_function *program_main;

static int
counted_main (int argc, char **argv, char **environment)
{
  const char *n = getenv ("FAULT_AT");
  fault = getenv ("FAULT");
  told = getenv ("FAULT_TOLD");
  at = n ? strtoul (n, NULL, 10) : 0;
  call = strstr (program_invocation_short_name, "scorebook") ? getenv ("FAULT_CALL") : NULL;
  const int status = program_main (argc, argv, environment);
  call = NULL;
  return status;
}

int __libc_start_main (main_function *main, int argc, char **argv, void (*init) (void), void (*fini) (void),
                       void (*linker_fini) (void), void *stack_end);

int
__libc_start_main (main_function *main, int argc, char **argv, void (*init) (void), void (*fini) (void),
                   void (*linker_fini) (void), void *stack_end)
{
  program_main = main;
  return NEXT (__libc_start_main) (counted_main, argc, argv, init, fini, linker_fini, stack_end);
}

static bool
is_exempt (const void *caller)
{
  static struct
  {
    const void *caller;
    bool exempt;
  } known[4096]; // dladdr searches long
  const size_t k = (uintptr_t)caller * 2654435761u % 4096;
  Dl_info where;
  if (known[k].caller != caller)
    {
      known[k].caller = caller;
      known[k].exempt = dladdr (caller, &where)
                        && (strstr (where.dli_fname, "gomp") || strstr (where.dli_fname, "blas")
                            || strstr (where.dli_fname, "dnnl") || strstr (where.dli_fname, "stdc++")
                            || strstr (where.dli_fname, "jansson") || strstr (where.dli_fname, "/ld-"));
    }
  return known[k].exempt;
}

// Whether this call is the one.

static bool
happens (const char *name, const void *caller)
{
  const bool any = call && strcmp (call, "any") == 0 && strcmp (name, "malloc") != 0;
  if (!call || (!any && strcmp (call, name) != 0) || is_exempt (caller) || ++calls != at)
    return false;
  syscall (SYS_close, syscall (SYS_openat, AT_FDCWD, told, O_CREAT | O_WRONLY, 0666));
  if (strcmp (fault, "kill") == 0)
    raise (SIGKILL);
  errno = atoi (fault);
  return true;
}

static bool
is_short (void)
{
  return strcmp (fault, "short") == 0;
}

#define HAPPENS(name) happens (name, __builtin_return_address (0))

// ## Files

int
openat (int folder, const char *path, int flags, ...)
{
  va_list more;
  va_start (more, flags);
  const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg (more, mode_t) : 0;
  va_end (more);
  return HAPPENS ("open") ? -1 : (int)syscall (SYS_openat, folder, path, flags, mode);
}

int
open (const char *path, int flags, ...)
{
  va_list more;
  va_start (more, flags);
  const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg (more, mode_t) : 0;
  va_end (more);
  return HAPPENS ("open") ? -1 : (int)syscall (SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t
read (int descriptor, void *to, size_t count)
{
  const bool now = HAPPENS ("read");
  if (now && !is_short ())
    return -1;
  return syscall (SYS_read, descriptor, to, now && count > 1 ? count / 2 : count);
}

ssize_t
write (int descriptor, const void *from, size_t count)
{
  const bool now = HAPPENS ("write");
  if (now && !is_short ())
    return -1;
  return syscall (SYS_write, descriptor, from, now && count > 1 ? count / 2 : count);
}

int
fsync (int descriptor)
{
  return HAPPENS ("fsync") ? -1 : (int)syscall (SYS_fsync, descriptor);
}

int
rename (const char *from, const char *to)
{
  return HAPPENS ("rename") ? -1 : (int)syscall (SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
linkat (int folder, const char *from, int to_folder, const char *to, int flags)
{
  return HAPPENS ("linkat") ? -1 : (int)syscall (SYS_linkat, folder, from, to_folder, to, flags);
}

// ## Streams that read

static ssize_t
read_stream (void *cookie, char *to, size_t count)
{
  return read ((int)(intptr_t)cookie, to, count);
}

static int
seek_stream (void *cookie, off64_t *offset, int whence)
{
  *offset = lseek ((int)(intptr_t)cookie, *offset, whence);
  return *offset < 0 ? -1 : 0;
}

static int
close_stream (void *cookie)
{
  return close ((int)(intptr_t)cookie);
}

FILE *
fdopen (int descriptor, const char *mode)
{
  cookie_io_functions_t functions = { .read = read_stream, .seek = seek_stream, .close = close_stream };
  return *mode == 'r' && call ? fopencookie ((void *)(intptr_t)descriptor, "r", functions)
                              : NEXT (fdopen) (descriptor, mode);
}

FILE *
fopen (const char *path, const char *mode)
{
  if (*mode != 'r' || !call)
    return NEXT (fopen) (path, mode);
  const int descriptor = HAPPENS ("open") ? -1 : (int)syscall (SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
  return descriptor < 0 ? NULL : fdopen (descriptor, mode);
}

// ## The clock

int
clock_gettime (clockid_t clock, struct timespec *t)
{
  static time_t gone;
  const char *seconds = getenv ("FAULT_CLOCK");
  gone += seconds ? atoi (seconds) : 0;
  const int status = (int)syscall (SYS_clock_gettime, clock, t);
  t->tv_sec += gone;
  return status;
}

// ## Memory

void *
mmap (void *where, size_t size, int protection, int flags, int descriptor, off_t offset)
{
  return HAPPENS ("mmap") ? MAP_FAILED : (void *)syscall (SYS_mmap, where, size, protection, flags, descriptor, offset);
}

int
mprotect (void *where, size_t size, int protection)
{
  if ((protection & PROT_EXEC) && getenv ("FAULT_CODE"))
    return errno = EACCES, -1;
  return (int)syscall (SYS_mprotect, where, size, protection);
}

void *
malloc (size_t size)
{
  return HAPPENS ("malloc") ? NULL : __libc_malloc (size);
}

void *
calloc (size_t count, size_t size)
{
  return HAPPENS ("malloc") ? NULL : __libc_calloc (count, size);
}

void *
realloc (void *block, size_t size)
{
  return HAPPENS ("malloc") ? NULL : __libc_realloc (block, size);
}
