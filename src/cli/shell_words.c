// # Words for a shell
//
// A line that a person is to paste must be read by the shell as it was meant: with blanks, quotes and bytes of any
// kind.

#include <config.h>
#include "shell_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
shell_text (shell_words *line, const char *text)
{
  const size_t more = strlen (text);
  char *longer = line->failed ? NULL : realloc (line->text, line->length + more + 1);
  line->failed = !longer;
  if (!longer)
    return;
  memcpy (longer + line->length, text, more + 1);
  line->text = longer;
  line->length += more;
}

// How many bytes the character of UTF-8 takes that begins here; 0: it is none, or one that moves a terminal.

static size_t
character_length (const unsigned char *c)
{
  if (c[0] < 0x80)
    return c[0] >= 0x20 && c[0] != 0x7F;
  const size_t length = c[0] >= 0xF0 ? 4 : c[0] >= 0xE0 ? 3 : 2;
  const unsigned long least[] = { 0x80, 0x800, 0x10000 };
  unsigned long code = c[0] & (0xFFu >> (length + 1));
  if (c[0] < 0xC2 || c[0] > 0xF4)
    return 0;
  for (size_t k = 1; k < length; k++)
    {
      if ((c[k] & 0xC0) != 0x80)
        return 0;
      code = code << 6 | (c[k] & 0x3F);
    }
  return code < least[length - 2] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000) || code < 0xA0 ? 0 : length;
}

static bool
is_printable (const char *word)
{
  const unsigned char *c = (const unsigned char *)word;
  while (*c)
    {
      const size_t length = character_length (c);
      if (length == 0)
        return false;
      c += length;
    }
  return true;
}

// A dollar before the quote: any byte may be written as three octal digits, and a digit that follows does not belong to
// them.

static void
quote_bytes (shell_words *line, const char *word)
{
  shell_text (line, "$'");
  for (; *word; word++)
    {
      const unsigned char c = (unsigned char)*word;
      char byte[8];
      snprintf (byte, sizeof byte, c < 0x20 || c >= 0x7F || c == '\'' || c == '\\' ? "\\%03o" : "%c", c);
      shell_text (line, byte);
    }
  shell_text (line, "'");
}

// Between quotes nothing is special but the quote itself.

static void
quote (shell_words *line, const char *word)
{
  shell_text (line, "'");
  for (; *word; word++)
    {
      const char one[] = { *word, 0 };
      shell_text (line, *word == '\'' ? "'\\''" : one);
    }
  shell_text (line, "'");
}

void
shell_word (shell_words *line, const char *word)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=,:+@%";
  if (!is_printable (word))
    quote_bytes (line, word);
  else if (*word && strspn (word, plain) == strlen (word))
    shell_text (line, word);
  else
    quote (line, word);
}

void
shell_option (shell_words *line, const char *name, const char *argument)
{
  shell_words word = { 0 };
  shell_text (&word, "--");
  shell_text (&word, name);
  if (argument)
    {
      shell_text (&word, "=");
      shell_text (&word, argument);
    }
  shell_text (line, " ");
  if (word.failed)
    line->failed = true;
  else
    shell_word (line, word.text);
  free (word.text);
}
