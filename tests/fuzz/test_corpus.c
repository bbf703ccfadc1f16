// # What fuzzing has started from and found
//
// Every file of corpus/NAME/ is given to the harness NAME, as it is, and cut short at some places. Nothing must happen.

#include "harness.h"
#include "scope.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// The harnesses of the program's parts print: one test is one process, whose output is of no interest.

static void
begin (void)
{
  scope_begin ();
  cr_assert (freopen ("/dev/null", "w", stdout) && freopen ("/dev/null", "w", stderr));
}

TestSuite (corpus, .init = begin, .fini = scope_end);

static uint8_t bytes[1 << 16];

enum
{
  CUTS = 20
};

static void
replay_file (harness *run, const char *path)
{
  FILE *file = fopen (path, "rb");
  cr_assert (file, "%s", path);
  const size_t size = fread (bytes, 1, sizeof bytes, file);
  fclose (file);
  for (size_t k = 0; k <= CUTS; k++)
    cr_assert_eq (run (bytes, size * k / CUTS), 0, "%s, %zu bytes of it", path, size * k / CUTS);
}

static void
replay (const char *name, harness *run)
{
  char folder[1024], path[2048];
  size_t count = 0;
  snprintf (folder, sizeof folder, "%s/tests/fuzz/corpus/%s", getenv ("srcdir"), name);
  DIR *all = opendir (folder);
  cr_assert (all, "%s", folder);
  for (const struct dirent *entry; (entry = readdir (all));)
    if (entry->d_name[0] != '.')
      {
        snprintf (path, sizeof path, "%s/%s", folder, entry->d_name);
        replay_file (run, path);
        count++;
      }
  closedir (all);
  cr_assert_gt (count, 0, "%s: empty", folder);
}

#define REPLAY(name)                                                                                                   \
  Test (corpus, name) { replay (#name, fuzz_##name); }

REPLAY (checkpoint)
REPLAY (cifar)
REPLAY (entry)
REPLAY (idx)
REPLAY (law)
REPLAY (model)
REPLAY (network)
REPLAY (npy)
REPLAY (options)
REPLAY (png)
REPLAY (record)
REPLAY (safetensors)
