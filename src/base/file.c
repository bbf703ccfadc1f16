// # Files, whole or not at all
//
// A full disk, an interrupt or a power cut must not leave half a file under a name that promises a whole one, nor
// destroy what stood there before. POSIX gives one atomic step, `rename` within a file system. So the bytes go to a
// temporary in the same folder, are brought to disk, and only then take the name.

#include <config.h>

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ## The stream
//
// The C library tells that some write on a stream failed, but not why. A stream whose bytes pass through a function of
// ours remembers the reason of the first failure until commit can report it.

static ssize_t
write_bytes (void *cookie, const char *bytes, size_t count)
{
  sb_file *file = cookie;
  size_t written = 0;
  while (written < count)
    {
      ssize_t now = write (file->descriptor, bytes + written, count - written);
      if (now >= 0)
        written += (size_t)now;
      else if (errno != EINTR)
        {
          if (!file->write_errno)
            file->write_errno = errno;
          break;
        }
    }
  return (ssize_t)written;
}

static int
seek_bytes (void *cookie, off64_t *offset, int whence)
{
  sb_file *file = cookie;
  off_t reached = lseek (file->descriptor, (off_t)*offset, whence);
  if (reached < 0)
    return -1;
  *offset = reached;
  return 0;
}

static FILE *
open_stream (sb_file *file)
{
  cookie_io_functions_t functions = { .write = write_bytes, .seek = seek_bytes };
  return fopencookie (file, "w", functions);
}

// ## The temporary
//
// `open` with O_EXCL never takes a file that is there, and applies the umask. The name does not grow with the target's,
// whose length may be all that the file system allows.

enum
{
  ATTEMPTS = 1000
};

// The folder, with its slash, is what stands before the last part of the path: its first `folder_length` bytes.

static size_t
folder_length (const char *path)
{
  const char *slash = strrchr (path, '/');
  return slash ? (size_t)(slash - path) + 1 : 0;
}

static int
open_temporary (sb_file *file, mode_t mode)
{
  size_t folder = folder_length (file->path), size = folder + 64;
  file->temporary = malloc (size);
  if (!file->temporary)
    return -1;

  int descriptor = -1;
  errno = EEXIST;
  for (unsigned attempt = 0; attempt < ATTEMPTS && descriptor < 0 && errno == EEXIST; attempt++)
    {
      snprintf (file->temporary, size, "%.*s.scorebook-%ld-%u.tmp", (int)folder, file->path, (long)getpid (), attempt);
      descriptor = open (file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    }
  if (descriptor < 0)
    {
      free (file->temporary);
      file->temporary = NULL;
    }
  return descriptor;
}

// Over an existing file: only where that could itself be written, and with its permissions, wider ones not
// even for a moment.

static int
open_replacement (sb_file *file, mode_t mode)
{
  if (faccessat (AT_FDCWD, file->path, W_OK, AT_EACCESS) != 0)
    return -1;
  int descriptor = open_temporary (file, 0600);
  if (descriptor >= 0 && fchmod (descriptor, mode & 0777) != 0)
    {
      close (descriptor);
      return -1;
    }
  return descriptor;
}

static int
open_descriptor (sb_file *file)
{
  struct stat there;
  if (stat (file->path, &there) != 0)
    return errno == ENOENT ? open_temporary (file, 0666) : -1;
  if (S_ISREG (there.st_mode))
    return open_replacement (file, there.st_mode);
  return open (file->path, O_WRONLY | O_CLOEXEC);
}

// ## Create, commit, discard
//
// The descriptor is closed before the stream, so that what the stream still holds is dropped, not written.

static void
withdraw (sb_file *file)
{
  if (file->descriptor >= 0)
    close (file->descriptor);
  file->descriptor = -1;
  if (file->stream)
    fclose (file->stream);
  if (file->temporary)
    unlink (file->temporary);
}

static void
release (sb_file *file)
{
  free (file->name);
  free (file->path);
  free (file->temporary);
  free (file);
}

void
sb_file_discard (sb_file *file)
{
  if (!file)
    return;
  withdraw (file);
  release (file);
}

// GSL's handler may not come back: everything is tidied up before it hears of the failure.

static int
fail (sb_file *file, const char *name, int reason, sb_error *error)
{
  withdraw (file);
  int code = reason == ENOMEM ? GSL_ENOMEM : GSL_EFAILED;
  sb_error_report (error, __FILE__, __LINE__, code, "%s: %s", name, strerror (reason));
  release (file);
  return code;
}

// Where links lead; for a new file, the path itself.

static char *
resolve (const char *path)
{
  char *resolved = realpath (path, NULL);
  return resolved || errno != ENOENT ? resolved : strdup (path);
}

sb_file *
sb_file_create (const char *path, sb_error *error)
{
  size_t length = strlen (path);
  if (length == 0)
    SB_ERROR_NULL (error, GSL_EINVAL, "a file needs a name, and an empty one was given");
  if (path[length - 1] == '/')
    SB_ERROR_NULL (error, GSL_EINVAL, "%s: names a folder, not a file", path);

  sb_file *file = calloc (1, sizeof *file);
  if (!file)
    SB_ERROR_NULL (error, GSL_ENOMEM, "%s: %s", path, strerror (ENOMEM));
  file->descriptor = -1;

  bool opened = (file->name = strdup (path)) && (file->path = resolve (path))
                && (file->descriptor = open_descriptor (file)) >= 0 && (file->stream = open_stream (file));
  if (!opened)
    {
      fail (file, path, errno, error);
      return NULL;
    }
  return file;
}

// Each step is taken where all before it went well. A pipe or a terminal cannot be brought to disk (EINVAL), and need
// not be.

static bool
flush (sb_file *file)
{
  if (fflush (file->stream) != 0 || ferror (file->stream))
    {
      errno = file->write_errno ? file->write_errno : EIO;
      return false;
    }
  return fsync (file->descriptor) == 0 || (!file->temporary && errno == EINVAL);
}

static bool
close_descriptor (sb_file *file)
{
  int descriptor = file->descriptor;
  file->descriptor = -1;
  return close (descriptor) == 0;
}

// A name is an entry in its folder, which has to reach the disk as well. A folder that may be written but not read
// cannot be opened for it, and some file systems do not offer it (EINVAL): where it can be done, a failure counts.

static bool
sync_folder (char *path)
{
  size_t length = folder_length (path);
  char last_part = path[length];
  path[length] = 0;
  int descriptor = open (length ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  path[length] = last_part;
  if (descriptor < 0)
    return true;

  int reason = fsync (descriptor) == 0 || errno == EINVAL ? 0 : errno;
  close (descriptor);
  errno = reason;
  return reason == 0;
}

static bool
put_in_place (sb_file *file)
{
  if (!file->temporary)
    return true;
  if (rename (file->temporary, file->path) != 0)
    return false;
  free (file->temporary);
  file->temporary = NULL;
  return sync_folder (file->path);
}

int
sb_file_commit (sb_file *file, sb_error *error)
{
  if (!(flush (file) && close_descriptor (file) && put_in_place (file)))
    return fail (file, file->name, errno, error);
  withdraw (file);
  release (file);
  return GSL_SUCCESS;
}
