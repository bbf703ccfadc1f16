// # libFuzzer's entry
//
// One program for all harnesses: the environment's HARNESS names the one to run.

#include "harness.h"

#include <gsl/gsl_errno.h>
#include <stdlib.h>
#include <string.h>

static harness *chosen;

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  (void)argc, (void)argv;
  gsl_set_error_handler_off ();
  const char *name = getenv ("HARNESS");
  for (size_t k = 0; name && harnesses[k].name; k++)
    if (strcmp (name, harnesses[k].name) == 0)
      chosen = harnesses[k].run;
  return 0;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  return chosen (data, size);
}
