#ifndef SCOREBOOK_CLI_OPTIONS_H
#define SCOREBOOK_CLI_OPTIONS_H

#include "../base/entry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Exit statuses: EXIT_SUCCESS, EXIT_FAILURE, and this one where the command line is at fault.
enum
{
  EXIT_USAGE = 2
};

// What an option's argument is, and so what `value` points to.
typedef enum
{
  OPTION_SET,    // no argument: bool, becomes true
  OPTION_CLEAR,  // no argument: bool, becomes false
  OPTION_TEXT,   // const char *
  OPTION_REAL,   // double, finite, above `above` and at most `at_most` (0: no bound)
  OPTION_RANGE,  // double[2], two finite numbers LOW,HIGH with LOW < HIGH
  OPTION_COUNT,  // uint64_t, from `above` + 1 to `at_most`
  OPTION_CHOICE, // int: the index of the word in `choices`
  OPTION_KEY,    // key_value: as its key says; its help is the key's
  OPTION_HEADING // no option: a heading of the help, the text in `help`
} option_kind;

typedef struct
{
  const sb_key *key;
  double value; // NaN: not given
} key_value;

typedef struct
{
  const char *name; // without the two dashes
  int letter;       // its short form, or 0
  option_kind kind;
  void *value;
  const char *argument; // its name in the help; NULL where the option takes none
  double above, at_most;
  const char *const *choices; // ends with NULL
  const char *help;
} option;

// The family that an argument called `argument` is a line of (base/entry.h): part of the help.
typedef struct
{
  const char *argument;
  sb_family family;
} help_family;

// One command of the program: what its help prints around the options, and where its operands go.
typedef struct
{
  const char *name;
  const char *synopsis; // after the name
  const char *summary;  // one line, also in the list of commands
  const char *details;  // paragraphs below the options, lines already broken
  const option *options;
  size_t count;
  size_t operands;             // the most allowed
  const help_family *families; // ends with an argument NULL; may be NULL
} command_line;

// What every command takes.
typedef struct
{
  uint64_t seed, threads;
  bool quiet;

  // Called for each option that was given, in order, by its whole name; argument NULL: it takes none. NULL: not called.
  void (*given) (void *context, const char *name, const char *argument);
  void *context;
} common_options;

// Read the command line: argv[0] is the command's name. Returns -1 where the command should go on, its operands then
// being argv[*first], ..., argv[argc - 1]; else the exit status (help was printed, or the complaint).
int parse_options (const command_line *line, common_options *common, int argc, char **argv, int *first);

// "scorebook: ..." on standard error, one line. The first two return EXIT_USAGE and EXIT_FAILURE.
int usage_error (const char *format, ...) __attribute__ ((format (printf, 1, 2)));
int failure (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

// The complaint of a line that could not be read: EXIT_USAGE, but EXIT_FAILURE where there was no memory for it.
int refused_line (const sb_error *error);

void warning (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

void print_version (void);

#endif
