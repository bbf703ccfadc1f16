// # Any words as a command line
//
// Of a command with an option of each kind. A word ends at a newline.

#include "harness.h"

#include "cli/options.h"
#include "cli/training_record.h"
#include "process/kinds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum
{
  WORDS = 64
};

static void
check_words (int count, char **words)
{
  static const char *const choices[] = { "one", "two", "three", NULL };
  static const help_family families[] = { { "PROCESS", sb_processes }, { NULL, NULL } };
  bool set = false, clear = true;
  const char *text = NULL;
  double real = 1, range[2] = { 0, 1 };
  uint64_t number = 1;
  int choice = 0, first = 0;
  key_value key = { &training_keys[EMA], NAN };
  common_options common = { 0 };
  const option options[] = { { .kind = OPTION_HEADING, .help = "Options" },
                             { "set", 'S', OPTION_SET, &set, NULL, 0, 0, NULL, "a help" },
                             { "clear", 0, OPTION_CLEAR, &clear, NULL, 0, 0, NULL, "a help" },
                             { "text", 't', OPTION_TEXT, &text, "TEXT", 0, 0, NULL, "a help" },
                             { "real", 'r', OPTION_REAL, &real, "X", 0, 10, NULL, "a help" },
                             { "range", 0, OPTION_RANGE, range, "LOW,HIGH", 0, 0, NULL, "a help" },
                             { "number", 'n', OPTION_COUNT, &number, "N", 0, 1e9, NULL, "a help" },
                             { "choice", 0, OPTION_CHOICE, &choice, "NAME", 0, 0, choices, "a help" },
                             { .name = "key", .kind = OPTION_KEY, .value = &key, .argument = "X" } };
  const command_line line
      = { "fuzz", "[OPTION]...", "A summary.", "Details.\n", options, sizeof options / sizeof *options, 1, families };
  const int status = parse_options (&line, &common, count, words, &first);
  const bool kept = real > 0 && real <= 10 && range[0] < range[1] && number > 0 && number <= 1000000000 && choice >= 0
                    && choice < 3 && common.threads <= 4096;
  if (status > EXIT_USAGE || !kept || (status < 0 && (first < 1 || count - first > 1)))
    abort ();
}

int
fuzz_options (const uint8_t *data, size_t size)
{
  char *text = fuzz_text (data, size), *words[WORDS + 1] = { "fuzz" }, *rest = text, *word;
  int count = 1;
  while (count < WORDS && (word = strsep (&rest, "\n")))
    words[count++] = word;
  check_words (count, words);
  free (text);
  return 0;
}
