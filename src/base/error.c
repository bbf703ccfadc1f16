// # Errors with detail
//
// GSL reports an error as a code and a fixed reason. A file that cannot be read deserves more: which file, where in
// it, and why. The library never prints, so the line goes to a record that the caller owns; GSL's handler is called
// as for any other error.

#include "error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
sb_error_report (sb_error *error, const char *file, int line, int code, const char *format, ...)
{
  char message[sizeof error->message];
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (message, sizeof message, format, arguments);
  va_end (arguments);
  for (char *c = message; *c; c++)
    if (iscntrl ((unsigned char)*c)) // of a name in somebody's file: a line break, or worse for a terminal
      *c = '?';

  if (error)
    {
      error->code = code;
      memcpy (error->message, message, sizeof message);
    }
  gsl_error (message, file, line, code);
  return code;
}
