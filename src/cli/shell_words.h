#ifndef SCOREBOOK_CLI_SHELL_WORDS_H
#define SCOREBOOK_CLI_SHELL_WORDS_H

#include <stdbool.h>
#include <stddef.h>

// A line for a shell, made word by word. All of it is ASCII or UTF-8, whatever bytes the words have.
typedef struct
{
  char *text; // NULL: none yet; released by free
  size_t length;
  bool failed; // there was no memory: what follows has no effect
} shell_words;

// Append text as it is, or a word, quoted where a shell would not take it literally.
void shell_text (shell_words *line, const char *text);
void shell_word (shell_words *line, const char *word);

// Append a blank and --name, or --name=argument, as a word.
void shell_option (shell_words *line, const char *name, const char *argument);

#endif
