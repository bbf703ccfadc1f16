// # Numbers as text
//
// A host program may have set a locale in which the decimal separator is a comma; strtod and printf would follow it,
// and what was written in one country could not be read in another. Here the locale is "C" for the time of a
// conversion, in this thread alone.

#define _GNU_SOURCE // newlocale
#include "number.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct
{
  locale_t plain, before;
} locale;

static locale
set_plain (void)
{
  const locale_t plain = newlocale (LC_NUMERIC_MASK, "C", (locale_t)0);
  return (locale){ plain, plain ? uselocale (plain) : (locale_t)0 };
}

static void
restore (locale l)
{
  if (!l.plain)
    return;
  uselocale (l.before);
  freelocale (l.plain);
}

double
sb_number_read (const char *text, char **end)
{
  const locale l = set_plain ();
  const double value = strtod (text, end);
  restore (l);
  return value;
}

size_t
sb_numbers_read (const char *text, size_t most, double *value)
{
  for (size_t count = 0; count < most; count++)
    {
      char *end;
      value[count] = sb_number_read (text, &end);
      if (end == text || (*end != ' ' && *end))
        return 0;
      if (!*end)
        return count + 1;
      text = end;
    }
  return 0;
}

int
sb_number_write (char *text, size_t size, double value)
{
  const locale l = set_plain ();
  char number[32];
  snprintf (number, sizeof number, "%.15g", value);
  if (strtod (number, NULL) != value) // 17 digits always do
    snprintf (number, sizeof number, "%.17g", value);
  restore (l);
  return snprintf (text, size, "%s", number);
}
