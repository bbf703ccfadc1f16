// # Any bytes as a law in JSON

#include "harness.h"

#include "cli/named_law.h"

#include <stdio.h>
#include <unistd.h>

// The suffix says that it is JSON: a link that has it.

int
fuzz_law (const uint8_t *data, size_t size)
{
  named_law law;
  char link[64];
  const char *folder = access ("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  fuzz_file file = fuzz_file_of (data, size);
  snprintf (link, sizeof link, "%s/scorebook-%ld.json", folder, (long)getpid ());
  unlink (link);
  if (symlink (file.path, link) == 0)
    law_open (link, NULL, (double[]){ 0, 1 }, &law);
  unlink (link);
  law_close (&law);
  fuzz_file_close (&file);
  return 0;
}
