// # What the harnesses share

#define _GNU_SOURCE // memfd_create
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const named_harness harnesses[] = { { "checkpoint", fuzz_checkpoint },
                                    { "cifar", fuzz_cifar },
                                    { "entry", fuzz_entry },
                                    { "idx", fuzz_idx },
                                    { "law", fuzz_law },
                                    { "model", fuzz_model },
                                    { "network", fuzz_network },
                                    { "npy", fuzz_npy },
                                    { "options", fuzz_options },
                                    { "png", fuzz_png },
                                    { "record", fuzz_record },
                                    { "safetensors", fuzz_safetensors },
                                    { NULL, NULL } };

static void
put (int descriptor, const void *bytes, size_t count)
{
  if (write (descriptor, bytes, count) != (ssize_t)count)
    abort ();
}

static fuzz_file
open_in_memory (void)
{
  fuzz_file file = { .descriptor = memfd_create ("fuzz", MFD_CLOEXEC) };
  if (file.descriptor < 0)
    abort ();
  snprintf (file.path, sizeof file.path, "/proc/self/fd/%d", file.descriptor);
  return file;
}

fuzz_file
fuzz_file_of (const uint8_t *data, size_t size)
{
  fuzz_file file = open_in_memory ();
  put (file.descriptor, data, size);
  return file;
}

fuzz_file
fuzz_file_of_tensors (const uint8_t *data, size_t size)
{
  const uint8_t *zero = size > 0 ? memchr (data, 0, size) : NULL;
  const uint64_t length = zero ? (uint64_t)(zero - data) : size;
  fuzz_file file = open_in_memory ();
  put (file.descriptor, &length, sizeof length);
  put (file.descriptor, data, length);
  if (zero)
    put (file.descriptor, zero + 1, size - length - 1);
  return file;
}

void
fuzz_file_close (fuzz_file *file)
{
  close (file->descriptor);
}

char *
fuzz_text (const uint8_t *data, size_t size)
{
  char *text = malloc (size + 1);
  if (!text)
    abort ();
  if (size > 0)
    memcpy (text, data, size);
  text[size] = 0;
  return text;
}
