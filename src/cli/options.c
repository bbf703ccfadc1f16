// # The command line
//
// A command describes its options once, in a table. From it come what `getopt_long` accepts, the reading and checking
// of the arguments, and the help; so that the help cannot omit an option.

#include <config.h>
#include "options.h"

#include "../base/number.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ## Complaints
//
// One line each, naming the option or file first, whatever is in the words and names that it repeats.

static void
complain (const char *before, const char *format, va_list arguments)
{
  char line[8192];
  vsnprintf (line, sizeof line, format, arguments);
  for (char *c = line; *c; c++)
    if (iscntrl ((unsigned char)*c))
      *c = '?';
  fprintf (stderr, "scorebook: %s%s\n", before, line);
}

int
usage_error (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  complain ("", format, arguments);
  va_end (arguments);
  return EXIT_USAGE;
}

int
failure (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  complain ("", format, arguments);
  va_end (arguments);
  return EXIT_FAILURE;
}

int
refused_line (const sb_error *error)
{
  return (error->code == GSL_ENOMEM ? failure : usage_error) ("%s", error->message);
}

void
warning (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  complain ("warning: ", format, arguments);
  va_end (arguments);
}

// ## What every command takes

enum
{
  COMMON = 6,   // rows of the table of options that every command takes
  FIRST = 0x100 // getopt_long returns FIRST + k for option k of a table: above any letter
};

static void
common_table (common_options *common, option *table)
{
  const option all[COMMON]
      = { { .kind = OPTION_HEADING, .help = "Every command" },
          { "seed", 's', OPTION_COUNT, &common->seed, "N", -1, 18446744073709549568., NULL,
            "seed of all random numbers; the same seed gives the same bytes, for any --threads (default: 0)" },
          { "threads", 'j', OPTION_COUNT, &common->threads, "N", 0, 4096, NULL,
            "number of threads (default: OMP_NUM_THREADS, else one per processor)" },
          { "quiet", 'q', OPTION_SET, &common->quiet, NULL, 0, 0, NULL, "no progress on standard error" },
          { "help", 'h', OPTION_SET, NULL, NULL, 0, 0, NULL, "print this help and exit" },
          { "version", 'V', OPTION_SET, NULL, NULL, 0, 0, NULL, "print the version and exit" } };
  memcpy (table, all, sizeof all);
}

// ## Help
//
// Options in one column, their explanation in the next, wrapped at 79.

enum
{
  MARGIN = 28,
  WIDTH = 79
};

// Text that begins at a column, and goes on below at the margin.

static void
print_wrapped (const char *text, size_t column, size_t margin)
{
  for (bool first = true; *text; first = false)
    {
      size_t word = strcspn (text, " ");
      if (!first && column + 1 + word > WIDTH)
        column = (size_t)printf ("\n%*s", (int)margin, "") - 1;
      else if (!first)
        column += (size_t)printf (" ");
      column += (size_t)printf ("%.*s", (int)word, text);
      text += word;
      text += strspn (text, " ");
    }
  putchar ('\n');
}

static void
print_key_help (const sb_key *key)
{
  char text[256], usual[32] = "";
  sb_number_write (usual, sizeof usual, key->usual);
  snprintf (text, sizeof text, "%s (default: %s)", key->help, key->words ? key->words[(size_t)key->usual] : usual);
  print_wrapped (text, MARGIN, MARGIN);
}

static void
print_option (const option *o)
{
  char left[80];
  int length;
  if (o->letter)
    length = snprintf (left, sizeof left, "  -%c, --%s%s%s", o->letter, o->name, o->argument ? "=" : "",
                       o->argument ? o->argument : "");
  else
    length = snprintf (left, sizeof left, "      --%s%s%s", o->name, o->argument ? "=" : "",
                       o->argument ? o->argument : "");
  if (length < MARGIN - 1)
    printf ("%-*s", MARGIN, left);
  else
    printf ("%s\n%*s", left, MARGIN, "");
  if (o->kind != OPTION_KEY)
    print_wrapped (o->help, MARGIN, MARGIN);
  else
    print_key_help (((const key_value *)o->value)->key);
}

// A family: each member as the line that chooses it, with its usual values, and what it is; then its keys, but those
// that a member before it has too.

static bool
is_repeated (sb_family family, size_t member, const sb_key *key)
{
  for (size_t k = 0; k < member; k++)
    for (size_t j = 0; j < family (k)->key_count; j++)
      if (strcmp (family (k)->keys[j].name, key->name) == 0 && strcmp (family (k)->keys[j].help, key->help) == 0)
        return true;
  return false;
}

static void
print_key (const sb_key *key, bool needed)
{
  printf ("      %s", key->name);
  for (size_t k = 0; key->words && key->words[k]; k++)
    printf ("%s%s%s", k == 0 ? " (" : key->words[k + 1] ? ", " : " or ", key->words[k], key->words[k + 1] ? "" : ")");
  printf (": %s%s\n", key->help, needed ? " (needed)" : "");
}

static void
print_family (const help_family *f)
{
  const sb_entry *entry;
  printf ("\n%s is one of these lines; omitted values are as shown:\n", f->argument);
  for (size_t k = 0; (entry = f->family (k)); k++)
    {
      double usual[SB_KEYS_MOST];
      char line[256];
      sb_entry_usual (entry, usual);
      if (sb_entry_write (entry, usual, line, sizeof line))
        continue;
      printf ("  ");
      print_wrapped (line, 2, 4);
      printf ("      %s\n", entry->help);
      for (size_t j = 0; j < entry->key_count; j++)
        if (!is_repeated (f->family, k, &entry->keys[j]))
          print_key (&entry->keys[j], isnan (*sb_entry_value (entry, usual, entry->keys[j].name)));
    }
}

static void
print_help (const command_line *line, const option *table, size_t count)
{
  printf ("Usage: scorebook %s %s\n%s\n", line->name, line->synopsis, line->summary);
  for (size_t k = 0; k < count; k++)
    if (table[k].kind == OPTION_HEADING)
      printf ("\n%s:\n", table[k].help);
    else
      print_option (&table[k]);
  for (const help_family *f = line->families; f && f->argument; f++)
    print_family (f);
  printf ("\n%s", line->details);
}

void
print_version (void)
{
  puts ("scorebook (" PACKAGE_NAME ") " PACKAGE_VERSION "\n"
        "License GPLv3+: GNU GPL version 3 or later <https://gnu.org/licenses/gpl.html>.\n"
        "This is free software: you are free to change and redistribute it.\n"
        "There is NO WARRANTY, to the extent permitted by law.");
}

// ## Arguments
//
// Each reader takes the whole argument or none of it.

static int
read_real (const option *o, const char *text)
{
  char *end;
  double value = strtod (text, &end);
  double at_most = o->at_most == 0 ? INFINITY : o->at_most;
  if (end == text || *end || !isfinite (value))
    return usage_error ("--%s: '%s' is not a number", o->name, text);
  if (!(value > o->above && value <= at_most))
    {
      if (isinf (at_most))
        return usage_error ("--%s: %s is not above %g", o->name, text, o->above);
      return usage_error ("--%s: %s is not above %g and at most %g", o->name, text, o->above, at_most);
    }
  *(double *)o->value = value;
  return -1;
}

static int
read_range (const option *o, const char *text)
{
  double *range = o->value;
  char *middle, *end;
  double low = strtod (text, &middle);
  if (middle == text || *middle != ',')
    return usage_error ("--%s: '%s' is not LOW,HIGH", o->name, text);
  double high = strtod (middle + 1, &end);
  if (end == middle + 1 || *end || !isfinite (low) || !isfinite (high))
    return usage_error ("--%s: '%s' is not LOW,HIGH", o->name, text);
  if (!(low < high))
    return usage_error ("--%s: %g is not below %g", o->name, low, high);
  range[0] = low;
  range[1] = high;
  return -1;
}

static int
read_count (const option *o, const char *text)
{
  char *end;
  errno = 0;
  unsigned long long value = strtoull (text, &end, 10);
  if (!(*text >= '0' && *text <= '9') || *end)
    return usage_error ("--%s: '%s' is not a whole number", o->name, text);
  if (errno == ERANGE || !((double)value > o->above && (double)value <= o->at_most))
    return usage_error ("--%s: %s is not from %.0f to %.0f", o->name, text, o->above + 1, o->at_most);
  *(uint64_t *)o->value = value;
  return -1;
}

static int
read_choice (const option *o, const char *text)
{
  for (int k = 0; o->choices[k]; k++)
    if (strcmp (o->choices[k], text) == 0)
      {
        *(int *)o->value = k;
        return -1;
      }
  char all[256] = "";
  for (int k = 0; o->choices[k]; k++)
    {
      const char *before = k == 0 ? "" : o->choices[k + 1] ? ", " : " and ";
      size_t used = strlen (all);
      snprintf (all + used, sizeof all - used, "%s%s", before, o->choices[k]);
    }
  return usage_error ("--%s: no '%s' among %s", o->name, text, all);
}

static int
read_key (const option *o, const char *text)
{
  key_value *to = o->value;
  char what[64];
  sb_error error = { 0 };
  snprintf (what, sizeof what, "--%s", o->name);
  return sb_key_read (to->key, what, text, &to->value, &error) ? refused_line (&error) : -1;
}

static int
read_argument (const option *o, const char *text)
{
  switch (o->kind)
    {
    case OPTION_SET:
      *(bool *)o->value = true;
      return -1;
    case OPTION_CLEAR:
      *(bool *)o->value = false;
      return -1;
    case OPTION_TEXT:
      *(const char **)o->value = text;
      return -1;
    case OPTION_REAL:
      return read_real (o, text);
    case OPTION_RANGE:
      return read_range (o, text);
    case OPTION_COUNT:
      return read_count (o, text);
    case OPTION_CHOICE:
      return read_choice (o, text);
    default:
      return read_key (o, text);
    }
}

// ## Reading the line

// getopt_long's own tables, from ours. What it returns for option k is FIRST + k, whether written short or long.

static void
getopt_tables (const option *table, size_t count, struct option *longs, char *shorts)
{
  size_t n = 0;
  for (size_t k = 0; k < count; k++)
    {
      const option *o = &table[k];
      if (o->kind == OPTION_HEADING)
        continue;
      longs[n++] = (struct option){ o->name, o->argument ? required_argument : no_argument, NULL, FIRST + (int)k };
      if (o->letter)
        {
          *shorts++ = (char)o->letter;
          if (o->argument)
            *shorts++ = ':';
        }
    }
  longs[n] = (struct option){ NULL, 0, NULL, 0 };
  *shorts = '\0';
}

static const option *
find_option (const option *table, int code)
{
  if (code >= FIRST)
    return &table[code - FIRST];
  while (table->letter != code)
    table++;
  return table;
}

static bool
is_printable (const char *word)
{
  while (*word && !iscntrl ((unsigned char)*word))
    word++;
  return !*word;
}

int
parse_options (const command_line *line, common_options *common, int argc, char **argv, int *first)
{
  const size_t count = line->count + COMMON;
  option table[count];
  struct option longs[count + 1];
  char shorts[2 * count + 1];
  memcpy (table, line->options, line->count * sizeof *table);
  common_table (common, table + line->count);
  getopt_tables (table, count, longs, shorts);

  // The complaints about unknown options and missing arguments are getopt_long's own, in the user's language, where
  // they are one line. It starts afresh where optind is 0: a command may read a line after another.
  static char program[] = "scorebook";
  argv[0] = program;
  optind = 0;
  opterr = 1;
  for (int k = 1; k < argc; k++)
    opterr = opterr && is_printable (argv[k]);
  int code;
  while ((code = getopt_long (argc, argv, shorts, longs, NULL)) != -1)
    {
      const option *o = code == '?' ? NULL : find_option (table, code);
      if (!o)
        return opterr ? EXIT_USAGE
                      : usage_error ("%s: '%s' is no option, or lacks its argument", line->name, argv[optind - 1]);
      if (o->value)
        {
          int status = read_argument (o, optarg);
          if (status >= 0)
            return status;
          if (common->given)
            common->given (common->context, o->name, o->argument ? optarg : NULL);
        }
      else if (strcmp (o->name, "help") == 0)
        {
          print_help (line, table, count);
          return EXIT_SUCCESS;
        }
      else
        {
          print_version ();
          return EXIT_SUCCESS;
        }
    }
  if ((size_t)(argc - optind) > line->operands)
    return usage_error ("%s: one operand too many: '%s'", line->name, argv[optind + (int)line->operands]);
  *first = optind;
  return -1;
}
