#ifndef SCOREBOOK_BASE_NUMBER_H
#define SCOREBOOK_BASE_NUMBER_H

#include "decls.h"

#include <stddef.h>

SB_BEGIN_DECLS

// Numbers in files, lines and notes. The decimal separator is a point, whatever locale the host program has set.

// As strtod: the number that the text begins with; *end is where it ends, the text itself where there is none.
double sb_number_read (const char *text, char **end);

// Read a text's blank-separated numbers into value (most): how many; 0 where there is anything else, or more of them.
size_t sb_numbers_read (const char *text, size_t most, double *value);

// With 15 digits, or 17 where 15 do not read back as the same number. As snprintf: its length, also where that is over
// size - 1.
int sb_number_write (char *text, size_t size, double value);

SB_END_DECLS

#endif
