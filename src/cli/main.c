// # The program
//
// `scorebook COMMAND ...`: a table of commands, and what only a program may do: change GSL's error handler, choose how
// many threads work, print, exit.

#include <config.h>
#include "commands.h"
#include "options.h"
#include "setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const command commands[] = {
  { "train", TRAIN_SUMMARY, command_train },
  { "sample", SAMPLE_SUMMARY, command_sample },
  { "likelihood", LIKELIHOOD_SUMMARY, command_likelihood },
  { "encode", ENCODE_SUMMARY, command_encode },
  { "decode", DECODE_SUMMARY, command_decode },
  { "measure", MEASURE_SUMMARY, command_measure },
  { "observe", OBSERVE_SUMMARY, command_observe },
  { "schedule", SCHEDULE_SUMMARY, command_schedule },
  { "info", INFO_SUMMARY, command_info },
};

enum
{
  COMMANDS = sizeof commands / sizeof *commands
};

static void
print_help (void)
{
  puts ("Usage: scorebook COMMAND [OPTION]...\n"
        "Score-based diffusion models, with scores known in closed form or learned.\n\n"
        "Commands:");
  for (size_t k = 0; k < COMMANDS; k++)
    printf ("  %-11s %s\n", commands[k].name, commands[k].summary);
  puts ("\n'scorebook COMMAND --help' describes a command in full.\n\n"
        "  -h, --help     print this help and exit\n"
        "  -V, --version  print the version and exit\n\n"
        "Exit status: 0 on success, 1 on failure, 2 for an invalid command line.");
}

static int
run (int argc, char **argv)
{
  if (argc < 2)
    return usage_error ("no command given; see 'scorebook --help'");
  const char *word = argv[1];
  if (strcmp (word, "--help") == 0 || strcmp (word, "-h") == 0)
    {
      print_help ();
      return EXIT_SUCCESS;
    }
  if (strcmp (word, "--version") == 0 || strcmp (word, "-V") == 0)
    {
      print_version ();
      return EXIT_SUCCESS;
    }
  for (size_t k = 0; k < COMMANDS; k++)
    if (strcmp (word, commands[k].name) == 0)
      return commands[k].run (argc - 1, argv + 1);
  return usage_error ("no command '%s'; see 'scorebook --help'", word);
}

// What was printed may still be in a buffer, and the disk may be full.

int
main (int argc, char **argv)
{
  set_up_library ();
  int status = run (argc, argv);
  if (fclose (stdout) != 0 && status == EXIT_SUCCESS)
    status = failure ("standard output: cannot be written");
  return status;
}
