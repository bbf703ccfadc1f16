// # Errors carry their detail

#include "base/error.h"
#include "scope.h"

#include <string.h>

static int reported;

static void
remember (const char *reason, const char *file, int line, int code)
{
  (void)file;
  (void)line;
  cr_assert_str_eq (reason, "digits.idx: byte 4: 3 dimensions expected, 7 found");
  reported = code;
}

static int
fail (sb_error *error)
{
  SB_ERROR (error, GSL_EINVAL, "%s: byte %d: 3 dimensions expected, %d found", "digits.idx", 4, 7);
}

// The caller's record and GSL's handler hear the same line; the caller gets the code.

Test (error, detail_reaches_the_record_and_the_handler)
{
  gsl_set_error_handler (remember);
  sb_error error = { 0 };
  refused (GSL_EINVAL, fail (&error));
  refused (GSL_EINVAL, reported);
  refused (GSL_EINVAL, error.code);
  cr_assert_str_eq (error.message, "digits.idx: byte 4: 3 dimensions expected, 7 found");
}

// A caller who wants no detail passes NULL.

Test (error, the_record_is_optional)
{
  gsl_set_error_handler (remember);
  refused (GSL_EINVAL, fail (NULL));
  refused (GSL_EINVAL, reported);
}

// A line that is too long is cut, not overrun.

Test (error, long_lines_are_cut)
{
  gsl_set_error_handler_off ();
  char path[2000];
  memset (path, 'x', sizeof path);
  path[sizeof path - 1] = 0;
  sb_error error;
  sb_error_report (&error, __FILE__, __LINE__, GSL_EFAILED, "%s", path);
  cr_assert_eq (strlen (error.message), sizeof error.message - 1);
}

// It is one line, whatever is in the names it repeats: a file's tensors may be called anything.

Test (error, lines_stay_one_line)
{
  gsl_set_error_handler_off ();
  sb_error error;
  sb_error_report (&error, __FILE__, __LINE__, GSL_EINVAL, "%s: %s", "a\nb", "\033[2Jc\td\177 é");
  cr_assert_str_eq (error.message, "a?b: ?[2Jc?d? é");
}
