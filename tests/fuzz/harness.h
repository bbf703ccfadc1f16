#ifndef SCOREBOOK_TESTS_FUZZ_HARNESS_H
#define SCOREBOOK_TESTS_FUZZ_HARNESS_H

#include <stddef.h>
#include <stdint.h>

// What reads somebody else's bytes is called with any bytes. A harness is one function of libFuzzer's form: it returns
// 0, and has not crashed, leaked or touched what is not its own. `make fuzz` lets libFuzzer invent bytes; `make check`
// replays corpus/NAME/, where the starting points are and what was once found.
typedef int harness (const uint8_t *data, size_t size);

harness fuzz_checkpoint, fuzz_cifar, fuzz_entry, fuzz_idx, fuzz_law, fuzz_model, fuzz_network, fuzz_npy, fuzz_options,
    fuzz_png, fuzz_record, fuzz_safetensors;

typedef struct
{
  const char *name;
  harness *run;
} named_harness;

extern const named_harness harnesses[]; // ends with a name NULL

// A file in memory that holds the bytes, and its path, until it is closed.
typedef struct
{
  int descriptor;
  char path[32];
} fuzz_file;

fuzz_file fuzz_file_of (const uint8_t *data, size_t size);
void fuzz_file_close (fuzz_file *file);

// The same for a checkpoint: the bytes up to the first zero are its header, whose length is put before it, those after
// it the numbers.
fuzz_file fuzz_file_of_tensors (const uint8_t *data, size_t size);

// The bytes as text, to be released by free.
char *fuzz_text (const uint8_t *data, size_t size);

#endif
