// # Members of a family, by name
//
// All choices are listed in one place, with their keys and ranges: a new process or step is a new entry, which every
// text, command line and help then includes.

#define _GNU_SOURCE // strsep
#include "entry.h"

#include "number.h"

#include <gsl/gsl_math.h>
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

// Values are stored one after another: a number or word takes one element, a list 1 + most.

static size_t
place_of (const sb_entry *entry, size_t key)
{
  size_t place = 0;
  for (size_t k = 0; k < key; k++)
    place += 1 + entry->keys[k].most;
  return place;
}

static const sb_key *
find_key (const sb_entry *entry, const char *name)
{
  for (size_t k = 0; k < entry->key_count; k++)
    if (strcmp (entry->keys[k].name, name) == 0)
      return &entry->keys[k];
  return NULL;
}

const double *
sb_entry_value (const sb_entry *entry, const double *value, const char *name)
{
  const sb_key *key = find_key (entry, name);
  return key ? value + place_of (entry, (size_t)(key - entry->keys)) : NULL;
}

// ## A value

static bool
is_allowed (const sb_key *key, double value)
{
  const bool low = key->above ? value > key->low : value >= key->low;
  return gsl_finite (value) && low && value <= key->high && !(key->whole && value != rint (value));
}

// `said` is the text that was read; NULL: there was none.

static int
check_value (const char *what, int code, const sb_key *key, const double *value, const char *said, sb_error *error)
{
  const size_t count = key->words ? 0 : key->most ? (size_t)*value++ : 1;
  char number[32], most[32] = "";
  size_t j = 0;
  while (j < count && is_allowed (key, value[j]))
    j++;
  if (j == count)
    return GSL_SUCCESS;
  snprintf (number, sizeof number, "%.15g", value[j]);
  if (gsl_finite (key->high))
    snprintf (most, sizeof most, key->above ? " and at most %.15g" : " to %.15g", key->high);
  SB_ERROR (error, code, "%s: %s=%s: not %s%snumber%s %s %g%s", what, key->name, said ? said : number,
            key->most ? "" : "a ", key->whole ? "whole " : "", key->most ? "s" : "", key->above ? "above" : "from",
            key->low, most);
}

int
sb_entry_check (const sb_entry *entry, const double *value, sb_error *error)
{
  int status = GSL_SUCCESS;
  for (size_t k = 0; k < entry->key_count && !status; k++)
    status = check_value (entry->name, GSL_EDOM, &entry->keys[k], value + place_of (entry, k), NULL, error);
  return status;
}

static int
read_number (const char *text, double *value)
{
  char *end;
  *value = sb_number_read (text, &end);
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

// 1 to `most` numbers separated by commas, or exactly `most` separated by x.

static int
read_list (const sb_key *key, const char *text, double *value)
{
  char copy[4096], *rest = copy, between[] = { key->between, 0 };
  size_t count = 0;
  if ((size_t)snprintf (copy, sizeof copy, "%s", text) >= sizeof copy)
    return GSL_EINVAL;
  for (const char *number; (number = strsep (&rest, between)); count++)
    if (count == key->most || read_number (number, &value[1 + count]))
      return GSL_EINVAL;
  value[0] = (double)count;
  return key->between == 'x' && count < key->most ? GSL_EINVAL : GSL_SUCCESS;
}

int
sb_key_read (const sb_key *key, const char *what, const char *text, double *value, sb_error *error)
{
  if (key->words ? read_word (key, text, value) : key->most ? 0 : read_number (text, value))
    SB_ERROR (error, GSL_EINVAL, "%s: %s=%s: %s", what, key->name, text, key->words ? "no such word" : "not a number");
  if (key->most && read_list (key, text, value))
    SB_ERROR (error, GSL_EINVAL, "%s: %s=%s: not %s%zu numbers with '%c' between", what, key->name, text,
              key->between == 'x' ? "" : "1 to ", key->most, key->between);
  return check_value (what, GSL_EINVAL, key, value, text, error);
}

void
sb_entry_usual (const sb_entry *entry, double *value)
{
  for (size_t k = 0; k < entry->key_count; k++)
    {
      const sb_key *key = &entry->keys[k];
      double *v = value + place_of (entry, k);
      *v = !key->most ? key->usual : key->list ? 0 : GSL_NAN;
      if (key->list && *key->list)
        read_list (key, key->list, v);
    }
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
  return sb_key_read (key, what, text, value + place_of (entry, (size_t)(key - entry->keys)), error);
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
  for (size_t k = 0; k < entry->key_count; k++)
    if (isnan (value[place_of (entry, k)]))
      SB_ERROR_NULL (error, GSL_EINVAL, "%s: %s needs %s=", what, entry->name, entry->keys[k].name);
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

// ## Writing

static size_t
write_value (const sb_key *key, const double *value, char *text, size_t size)
{
  if (key->words)
    return (size_t)snprintf (text, size, " %s=%s", key->name, key->words[(size_t)*value]);
  size_t length = (size_t)snprintf (text, size, " %s=", key->name), count = key->most ? (size_t)*value++ : 1;
  for (size_t j = 0; j < count && length < size; j++)
    {
      if (j > 0)
        text[length++] = key->between;
      length += (size_t)sb_number_write (text + length, size - length, value[j]);
    }
  return length;
}

int
sb_entry_write (const sb_entry *entry, const double *value, char *text, size_t size)
{
  size_t length = (size_t)snprintf (text, size, "%s", entry->name);
  for (size_t k = 0; k < entry->key_count && length < size; k++)
    {
      const sb_key *key = &entry->keys[k];
      const double *v = value + place_of (entry, k);
      if (!isnan (*v) && !(key->most && *v == 0))
        length += write_value (key, v, text + length, size - length);
    }
  if (length >= size)
    SB_ERROR (NULL, GSL_EBADLEN, "%s and its keys need more than %zu bytes", entry->name, size);
  return GSL_SUCCESS;
}
