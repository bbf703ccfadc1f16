// # Numbers as text

#include "base/number.h"
#include "scope.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

SUITE (number);

static void
check_round_trips (void)
{
  const double values[]
      = { 0, -0.0, 1, 0.1, -1. / 3, DBL_MIN, DBL_MAX, 5e-324, 1e15, 1e17 + 2, 0.3, 1 - 1e-16, 123456789, HUGE_VAL };
  for (size_t k = 0; k < sizeof values / sizeof *values; k++)
    {
      char text[32], *end;
      const int length = sb_number_write (text, sizeof text, values[k]);
      cr_assert_eq ((size_t)length, strlen (text));
      cr_assert_null (strchr (text, ','), "%s", text);
      cr_assert_eq (sb_number_read (text, &end), values[k], "%s", text);
      cr_assert_eq (*end, 0);
    }
}

Test (number, what_is_written_reads_back)
{
  char text[8];
  check_round_trips ();
  cr_assert (sb_number_write (text, sizeof text, 0.1) == 3 && strcmp (text, "0.1") == 0);
  cr_assert_eq (sb_number_write (text, sizeof text, -1. / 3), 20);
  cr_assert_eq (strlen (text), 7);
}

Test (number, lists_are_whole_or_nothing)
{
  double value[3];
  cr_assert (sb_numbers_read ("1 -2.5 1e3", 3, value) == 3 && value[0] == 1 && value[1] == -2.5 && value[2] == 1000);
  cr_assert (sb_numbers_read ("7", 3, value) == 1 && value[0] == 7);
  const char *const bad[] = { "", " ", "1 2 3 4", "1,5", "1 x", "1x 2", "1 2 ", "x" };
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
    cr_assert_eq (sb_numbers_read (bad[k], 3, value), 0, "'%s' was taken", bad[k]);
}

// A host program's locale changes nothing, and is not changed.

Test (number, a_point_in_every_locale)
{
  if (!setlocale (LC_ALL, "de_DE.UTF-8") && !setlocale (LC_ALL, "fr_FR.UTF-8"))
    cr_skip_test ("no language with a decimal comma is installed");
  check_round_trips ();
  double value[2];
  cr_assert (sb_numbers_read ("0.5 1.25", 2, value) == 2 && value[0] == 0.5 && value[1] == 1.25);
  cr_assert_eq (strtod ("0,5", NULL), 0.5);
}
