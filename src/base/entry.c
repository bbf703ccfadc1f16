// # Members of a family, by name
//
// What there is to choose from stands in one place, with the keys of each and their ranges: a new process or step is a
// new entry, and every text, command line and help knows of it.

#define _GNU_SOURCE // newlocale
#include "entry.h"

#include <gsl/gsl_math.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const sb_entry *
sb_entry_find (sb_family family, const char *name)
{
  size_t k = 0;
  while (family (k) && strcmp (family (k)->name, name) != 0)
    k++;
  return family (k);
}

void
sb_entry_usual (const sb_entry *entry, double *value)
{
  for (size_t k = 0; k < entry->key_count; k++)
    value[k] = entry->keys[k].usual;
}

// ## One value

static int
check_value (const char *what, int code, const sb_key *key, double value, sb_error *error)
{
  const bool below = key->above ? !(value > key->low) : !(value >= key->low);
  char most[32] = "";
  if (key->words || (gsl_finite (value) && !below && value <= key->high && !(key->whole && value != rint (value))))
    return GSL_SUCCESS;
  if (gsl_finite (key->high))
    snprintf (most, sizeof most, key->above ? " and at most %g" : " to %g", key->high);
  SB_ERROR (error, code, "%s: %s=%g: not a %snumber %s %g%s", what, key->name, value, key->whole ? "whole " : "",
            key->above ? "above" : "from", key->low, most);
}

int
sb_entry_check (const sb_entry *entry, const double *value, sb_error *error)
{
  int status = GSL_SUCCESS;
  for (size_t k = 0; k < entry->key_count && !status; k++)
    status = check_value (entry->name, GSL_EDOM, &entry->keys[k], value[k], error);
  return status;
}

// A host program may have set a locale in which a comma is the decimal point.

static int
read_number (const char *text, double *value)
{
  char *end;
  locale_t plain = newlocale (LC_NUMERIC_MASK, "C", (locale_t)0);
  locale_t before = plain ? uselocale (plain) : (locale_t)0;
  *value = strtod (text, &end);
  if (plain)
    {
      uselocale (before);
      freelocale (plain);
    }
  return *text && !*end ? GSL_SUCCESS : GSL_EINVAL;
}

static int
read_word (const sb_key *key, const char *text, double *value)
{
  for (size_t k = 0; key->words[k]; k++)
    if (strcmp (key->words[k], text) == 0)
      {
        *value = (double)k;
        return GSL_SUCCESS;
      }
  return GSL_EINVAL;
}

// ## A line

static void
list_names (sb_family family, char *names, size_t size)
{
  size_t length = 0;
  for (size_t k = 0; family (k) && length < size; k++)
    length += (size_t)snprintf (names + length, size - length, "%s%s",
                                k == 0           ? ""
                                : family (k + 1) ? ", "
                                                 : " or ",
                                family (k)->name);
}

static const sb_key *
find_key (const sb_entry *entry, const char *name)
{
  for (size_t k = 0; k < entry->key_count; k++)
    if (strcmp (entry->keys[k].name, name) == 0)
      return &entry->keys[k];
  return NULL;
}

static int
read_pair (const sb_entry *entry, const char *what, char *word, double *value, sb_error *error)
{
  char *text = strchr (word, '=');
  if (text)
    *text++ = 0;
  const sb_key *key = find_key (entry, word);
  if (!key)
    SB_ERROR (error, GSL_EINVAL, "%s: %s has no key '%s'", what, entry->name, word);
  if (!text)
    SB_ERROR (error, GSL_EINVAL, "%s: %s: '%s' is not key=value", what, entry->name, word);
  double *to = &value[key - entry->keys];
  if (key->words ? read_word (key, text, to) : read_number (text, to))
    SB_ERROR (error, GSL_EINVAL, "%s: %s=%s: %s", what, word, text, key->words ? "no such word" : "not a number");
  return check_value (what, GSL_EINVAL, key, *to, error);
}

static const sb_entry *
read_line (sb_family family, const char *what, char *line, double *value, sb_error *error)
{
  char *rest = NULL, *word = strtok_r (line, " ", &rest), names[256] = "";
  const sb_entry *entry = word ? sb_entry_find (family, word) : NULL;
  if (!entry)
    {
      list_names (family, names, sizeof names);
      SB_ERROR_NULL (error, GSL_EINVAL, "%s: %s, not '%s'", what, names, word ? word : "");
    }
  sb_entry_usual (entry, value);
  while ((word = strtok_r (NULL, " ", &rest)))
    if (read_pair (entry, what, word, value, error))
      return NULL;
  return entry;
}

const sb_entry *
sb_entry_read (sb_family family, const char *what, const char *text, double *value, sb_error *error)
{
  char *line = strdup (text);
  if (!line)
    SB_ERROR_NULL (error, GSL_ENOMEM, "%s: no memory to read '%s'", what, text);
  const sb_entry *entry = read_line (family, what, line, value, error);
  free (line);
  return entry;
}

int
sb_entry_write (const sb_entry *entry, const double *value, char *text, size_t size)
{
  size_t length = (size_t)snprintf (text, size, "%s", entry->name);
  locale_t plain = newlocale (LC_NUMERIC_MASK, "C", (locale_t)0);
  locale_t before = plain ? uselocale (plain) : (locale_t)0;
  for (size_t k = 0; k < entry->key_count && length < size; k++)
    {
      const sb_key *key = &entry->keys[k];
      char number[32];
      snprintf (number, sizeof number, "%.15g", value[k]);
      if (strtod (number, NULL) != value[k]) // 17 digits always read back as the same number
        snprintf (number, sizeof number, "%.17g", value[k]);
      length += (size_t)snprintf (text + length, size - length, " %s=%s", key->name,
                                  key->words ? key->words[(size_t)value[k]] : number);
    }
  if (plain)
    {
      uselocale (before);
      freelocale (plain);
    }
  if (length >= size)
    SB_ERROR (NULL, GSL_EBADLEN, "%s and its keys need more than %zu bytes", entry->name, size);
  return GSL_SUCCESS;
}
