#ifndef SCOREBOOK_BASE_ERROR_H
#define SCOREBOOK_BASE_ERROR_H

#include "decls.h"

#include <gsl/gsl_errno.h>

SB_BEGIN_DECLS

// What went wrong, in a record of the caller's: GSL's code and one line naming file, place and reason.
typedef struct
{
  int code;          // a GSL error code; GSL_SUCCESS when nothing went wrong
  char message[512]; // one line, no newline at its end, cut to fit; control characters become '?'
} sb_error;

// Write the line into `error` (which may be NULL), call GSL's error handler with it, and return `code`.
int sb_error_report (sb_error *error, const char *file, int line, int code, const char *format, ...)
#ifdef __GNUC__
    __attribute__ ((format (printf, 5, 6)))
#endif
    ;

SB_END_DECLS

// GSL_ERROR with a formatted reason that is also kept in the caller's record; for functions that return a status, and
// for those that return a pointer or a number.
#define SB_ERROR(error, code, ...) return sb_error_report (error, __FILE__, __LINE__, code, __VA_ARGS__)
#define SB_ERROR_NULL(error, code, ...) SB_ERROR_VALUE (error, code, NULL, __VA_ARGS__)
#define SB_ERROR_VALUE(error, code, value, ...)                                                                        \
  do                                                                                                                   \
    {                                                                                                                  \
      sb_error_report (error, __FILE__, __LINE__, code, __VA_ARGS__);                                                  \
      return value;                                                                                                    \
    }                                                                                                                  \
  while (0)

#endif
