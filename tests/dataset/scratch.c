// # Files for tests of files

#include "scratch.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static char folder[256];

void
scratch_begin (void)
{
  gsl_set_error_handler_off ();
  const char *parent = getenv ("TMPDIR");
  snprintf (folder, sizeof folder, "%s/scorebook-XXXXXX", parent ? parent : "/tmp");
  cr_assert_not_null (mkdtemp (folder));
}

const char *
scratch_path (const char *name)
{
  static char paths[4][512];
  static int next;
  next = (next + 1) % 4;
  snprintf (paths[next], sizeof paths[next], "%s/%s", folder, name);
  return paths[next];
}

// Visit the folder's entries: count them, or remove them and the folder too.

static size_t
visit (bool delete)
{
  size_t count = 0;
  DIR *entries = opendir (folder);
  cr_assert_not_null (entries);
  for (struct dirent *entry = readdir (entries); entry; entry = readdir (entries))
    if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0)
      {
        count++;
        if (delete)
          remove (scratch_path (entry->d_name));
      }
  closedir (entries);
  return count;
}

size_t
scratch_files (void)
{
  return visit (false);
}

void
scratch_end (void)
{
  visit (true);
  rmdir (folder);
}

void
scratch_write (const char *path, const void *bytes, size_t count)
{
  remove (path); // some file systems bring a file to disk at once where it is cut short and written anew
  FILE *file = fopen (path, "wb");
  cr_assert_not_null (file);
  cr_assert_eq (fwrite (bytes, 1, count, file), count);
  cr_assert_eq (fclose (file), 0);
}

size_t
scratch_read (const char *path, void *bytes, size_t room)
{
  FILE *file = fopen (path, "rb");
  cr_assert_not_null (file, "%s is not there", path);
  size_t count = fread (bytes, 1, room, file);
  cr_assert_eq (fgetc (file), EOF, "%s is larger than %zu bytes", path, room);
  fclose (file);
  return count;
}

size_t
scratch_gzip (const void *bytes, size_t count, unsigned char *packed, size_t room)
{
  z_stream z = { .avail_in = (uInt)count, .avail_out = (uInt)room, .next_out = packed };
  z.next_in = (z_const Bytef *)bytes;
  cr_assert_eq (deflateInit2 (&z, 9, Z_DEFLATED, MAX_WBITS + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
  cr_assert_eq (deflate (&z, Z_FINISH), Z_STREAM_END);
  deflateEnd (&z);
  return room - z.avail_out;
}

void
scratch_expect_line (const sb_error *error, const char *path)
{
  cr_assert_neq (error->code, GSL_SUCCESS);
  cr_assert_null (strchr (error->message, '\n'), "two lines: %s", error->message);
  size_t length = strlen (path);
  cr_assert (strncmp (error->message, path, length) == 0 && strncmp (error->message + length, ": ", 2) == 0,
             "the file is not named: %s", error->message);
}

// ## What is asked for

size_t scratch_largest;

void *__real_malloc (size_t size);
void *__wrap_malloc (size_t size);
void *__real_realloc (void *old, size_t size);
void *__wrap_realloc (void *old, size_t size);

void *
__wrap_malloc (size_t size)
{
  scratch_largest = size > scratch_largest ? size : scratch_largest;
  return __real_malloc (size);
}

void *
__wrap_realloc (void *old, size_t size)
{
  scratch_largest = size > scratch_largest ? size : scratch_largest;
  return __real_realloc (old, size);
}
