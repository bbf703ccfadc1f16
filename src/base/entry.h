#ifndef SCOREBOOK_BASE_ENTRY_H
#define SCOREBOOK_BASE_ENTRY_H

#include "decls.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>

SB_BEGIN_DECLS

// A family (processes, steps, correctors, objectives, ...) is one list of entries. Parsing, command lines, help texts
// and manuals use that list and nothing else. A member is a struct whose first field is its entry.
//
// A line of text chooses a member: its name, then key=value pairs in any order, "vp beta_min=0.1 beta_max=20"; a key
// that is left out takes its usual (default) value.
typedef struct
{
  const char *name;
  const char *const *words; // NULL: the value is a number; else the index of a word in this NULL-terminated list
  double usual;             // NaN: there is none, the key must be given
  double low, high;         // of a number: low <= value <= high
  bool above;               // low itself is out of range
  bool whole;
  const char *help; // a few words

  // For a list of numbers, "1,2,2" or "1x28x28": its greatest length, else 0; the separator; its usual text, NULL:
  // none, the key must be given. Its value takes 1 + most numbers: the count, then the numbers.
  size_t most;
  char between;
  const char *list;
} sb_key;

enum
{
  SB_KEYS_MOST = 96 // numbers that the values of an entry's keys take, at most
};

typedef struct
{
  const char *name, *help; // help: one line
  const sb_key *keys;
  size_t key_count;
} sb_entry;

// Entry number k = 0, 1, ... of a family; NULL beyond the last.
typedef const sb_entry *(*sb_family) (size_t k);

// Where a key's value is among those of its entry; NULL: the entry has no such key.
const double *sb_entry_value (const sb_entry *entry, const double *value, const char *key);

// The usual values of an entry's keys, value (SB_KEYS_MOST), one after another.
void sb_entry_usual (const sb_entry *entry, double *value);

// GSL_EDOM with a line in `error` where a value is out of range.
int sb_entry_check (const sb_entry *entry, const double *value, sb_error *error);

// The entry that a line of text chooses, and the values of its keys, value (SB_KEYS_MOST). NULL with GSL_EINVAL and a
// line in `error` that begins with `what`, what a member is called, and names the word at fault; GSL_ENOMEM. The
// decimal separator is a point, whatever the locale.
const sb_entry *sb_entry_read (sb_family family, const char *what, const char *text, double *value, sb_error *error);

// One value, as in such a line, with the same errors. value: 1 number, for a list 1 + most.
int sb_key_read (const sb_key *key, const char *what, const char *text, double *value, sb_error *error);

// The line that chooses the member, with every key that has a value. GSL_EBADLEN where it is longer than size - 1.
int sb_entry_write (const sb_entry *entry, const double *value, char *text, size_t size);

const sb_entry *sb_entry_find (sb_family family, const char *name); // NULL: none

SB_END_DECLS

#endif
