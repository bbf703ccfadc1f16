// # Members of a family, chosen by a line of text

#include "base/entry.h"
#include "scope.h"

#include <locale.h>
#include <math.h>
#include <string.h>

SUITE (entry);

static const char *const words[] = { "red", "green", NULL };
static const sb_key keys[]
    = { { .name = "size", .usual = 0.5, .low = 0, .high = 2, .above = true, .help = "size" },
        { .name = "count", .usual = 3, .low = 1, .high = HUGE_VAL, .whole = true, .help = "count" },
        { .name = "colour", .words = words, .usual = 1, .help = "colour" } };
static const sb_key lists[]
    = { { .name = "size", .most = 3, .between = 'x', .low = 1, .high = 9, .whole = true, .help = "of a block" },
        { .name = "steps", .list = "1,0.5", .most = 4, .between = ',', .low = 0, .high = 1, .help = "a list" },
        { .name = "holes",
          .list = "",
          .most = 2,
          .between = ',',
          .low = 0,
          .high = 9,
          .whole = true,
          .help = "may be empty" },
        { .name = "weight", .usual = NAN, .low = 0, .high = 5, .help = "must be given" } };
static const sb_entry entries[] = { { "plain", "nothing to choose", NULL, 0 },
                                    { "painted", "something", keys, 3 },
                                    { "block", "lists", lists, 4 } };

static const sb_entry *
family (size_t k)
{
  return k < 3 ? &entries[k] : NULL;
}

Test (entry, lines_choose)
{
  double value[SB_KEYS_MOST];
  char line[80];
  cr_assert_eq (sb_entry_read (family, "brush", "plain", value, NULL), &entries[0]);
  cr_assert_eq (sb_entry_read (family, "brush", " painted  colour=red size=0.1", value, NULL), &entries[1]);
  cr_assert (value[0] == 0.1 && value[1] == 3 && value[2] == 0);
  ok (sb_entry_write (&entries[1], value, line, sizeof line));
  cr_assert_str_eq (line, "painted size=0.1 count=3 colour=red");
  value[0] = 1. / 3;
  ok (sb_entry_write (&entries[1], value, line, sizeof line));
  cr_assert_eq (sb_entry_read (family, "brush", line, value, NULL), &entries[1]);
  cr_assert_eq (value[0], 1. / 3, "%s", line);
  const size_t length = strlen (line);
  refused (GSL_EBADLEN, sb_entry_write (&entries[1], value, line, length));
  ok (sb_entry_write (&entries[1], value, line, length + 1));
}

Test (entry, lists_of_numbers)
{
  double value[SB_KEYS_MOST], usual[SB_KEYS_MOST];
  char line[80];
  cr_assert_eq (sb_entry_read (family, "brush", "block weight=2 size=1x2x3", value, NULL), &entries[2]);
  const double *size = sb_entry_value (&entries[2], value, "size"),
               *steps = sb_entry_value (&entries[2], value, "steps"),
               *holes = sb_entry_value (&entries[2], value, "holes");
  cr_assert (size[0] == 3 && size[1] == 1 && size[2] == 2 && size[3] == 3);
  cr_assert (steps[0] == 2 && steps[1] == 1 && steps[2] == 0.5);
  cr_assert (holes[0] == 0 && *sb_entry_value (&entries[2], value, "weight") == 2);
  cr_assert_null (sb_entry_value (&entries[2], value, "colour"));
  ok (sb_entry_write (&entries[2], value, line, sizeof line));
  cr_assert_str_eq (line, "block size=1x2x3 steps=1,0.5 weight=2");
  for (size_t length = strlen (line), short_of = 0; short_of < length; short_of++)
    refused (GSL_EBADLEN, sb_entry_write (&entries[2], value, (char[80]){ 0 }, length - short_of));
  cr_assert_eq (sb_entry_read (family, "brush", "block weight=0 size=9x9x9 holes=7,0 steps=0", value, NULL),
                &entries[2]);
  cr_assert (holes[0] == 2 && holes[1] == 7 && holes[2] == 0 && steps[0] == 1 && steps[1] == 0);
  ok (sb_entry_check (&entries[2], value, NULL));
  value[3] = 10; // the last number of size
  refused (GSL_EDOM, sb_entry_check (&entries[2], value, NULL));
  sb_entry_usual (&entries[2], usual);
  ok (sb_entry_write (&entries[2], usual, line, sizeof line));
  cr_assert_str_eq (line, "block steps=1,0.5");
}

Test (entry, limits_are_in_or_out)
{
  const struct
  {
    double size, count;
    int status;
  } cases[]
      = { { 2, 1, GSL_SUCCESS }, { 0, 1, GSL_EDOM },       { 2.1, 1, GSL_EDOM },      { 1, 0, GSL_EDOM },
          { 1, 1.5, GSL_EDOM },  { GSL_NAN, 1, GSL_EDOM }, { 1, INFINITY, GSL_EDOM }, { 1e-300, 1e300, GSL_SUCCESS } };
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
    refused (cases[k].status, sb_entry_check (&entries[1], (double[]){ cases[k].size, cases[k].count, 0 }, NULL),
             "case %zu", k);
}

// Names that are too many for a line of an error end where it does; numbers that are too many for a list are refused,
// however many they are.

static const sb_entry *
of_long_names (size_t k)
{
  static const sb_entry same = { "a-name-of-which-not-many-fit-into-the-line-of-an-error", "none", NULL, 0 };
  return k < 20 ? &same : NULL;
}

Test (entry, long_lines)
{
  double value[SB_KEYS_MOST];
  sb_error error = { 0 };
  cr_assert_null (sb_entry_read (of_long_names, "brush", "plain", value, &error));
  refused (GSL_EINVAL, error.code);
  cr_assert (strncmp (error.message, "brush: a-name-of", 16) == 0 && strlen (error.message) < sizeof error.message);
  static char list[5000] = "block weight=1 steps=0";
  for (size_t k = strlen (list); k + 2 < sizeof list; k++)
    list[k] = '0';
  cr_assert_null (sb_entry_read (family, "brush", list, value, &error));
  cr_assert (error.code == GSL_EINVAL && strstr (error.message, "steps="), "%s", error.message);
}

Test (entry, what_is_wrong_is_named)
{
  const char *const bad[][2]
      = { { "", "brush: plain, painted or block, not ''" },
          { "dry", "brush: plain, painted or block, not 'dry'" },
          { "plain size=1", "brush: plain has no key 'size'" },
          { "painted size", "brush: painted: 'size' is not key=value" },
          { "painted size=", "brush: size=: not a number" },
          { "painted size=1x", "brush: size=1x: not a number" },
          { "painted size=0", "brush: size=0: not a number above 0 and at most 2" },
          { "painted count=0", "brush: count=0: not a whole number from 1" },
          { "painted colour=blue", "brush: colour=blue: no such word" },
          { "block weight=1", "brush: block needs size=" },
          { "block size=1x1x1", "brush: block needs weight=" },
          { "block size=1x2", "brush: size=1x2: not 3 numbers with 'x' between" },
          { "block size=1x2x3x4", "brush: size=1x2x3x4: not 3 numbers with 'x' between" },
          { "block size=1x2x", "brush: size=1x2x: not 3 numbers with 'x' between" },
          { "block size=1x0x1", "brush: size=1x0x1: not whole numbers from 1 to 9" },
          { "block steps=", "brush: steps=: not 1 to 4 numbers with ',' between" },
          { "block steps=1,,1", "brush: steps=1,,1: not 1 to 4 numbers with ',' between" },
          { "block steps=1,1,1,1,1", "brush: steps=1,1,1,1,1: not 1 to 4 numbers with ',' between" },
          { "block steps=1,2", "brush: steps=1,2: not numbers from 0 to 1" } };
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
    {
      sb_error error = { 0 };
      double value[SB_KEYS_MOST];
      cr_assert_null (sb_entry_read (family, "brush", bad[k][0], value, &error), "'%s' was taken", bad[k][0]);
      refused (GSL_EINVAL, error.code);
      cr_assert_str_eq (error.message, bad[k][1]);
    }
}

// A decimal point is one where the language has a comma, and the language stays.

Test (entry, a_point_is_a_point)
{
  double value[SB_KEYS_MOST];
  char line[80];
  if (!setlocale (LC_ALL, "de_DE.UTF-8") && !setlocale (LC_ALL, "fr_FR.UTF-8"))
    cr_skip_test ("no language with a decimal comma is installed");
  cr_assert_eq (sb_entry_read (family, "brush", "painted size=0.25", value, NULL), &entries[1]);
  ok (sb_entry_write (&entries[1], value, line, sizeof line));
  cr_assert_str_eq (line, "painted size=0.25 count=3 colour=green");
  snprintf (line, sizeof line, "%.1f", 0.5);
  cr_assert_str_eq (line, "0,5");
}
