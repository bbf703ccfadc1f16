// # Files, whole or not at all
//
// A full disk, an interrupt or a power cut must not leave half a file under a name that promises a whole one, nor
// destroy what was there before. POSIX offers one atomic step, `rename` within a file system. So the bytes go to a
// temporary in the same folder, are synced to disk, and only then get the name.

#include <config.h>

#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// ## The stream
//
// The C library reports that some write on a stream failed, but not why. So the stream writes through a function of
// ours, which keeps the first failure's `errno` until commit reports it.

static ssize_t
write_bytes (void *cookie, const char *bytes, size_t count)
{
  sb_file *file = cookie;
  size_t written = 0;
  while (written < count)
    {
      ssize_t now = write (file->descriptor, bytes + written, count - written);
      if (now > 0)
        written += (size_t)now;
      else if (now == 0 || errno != EINTR)
        {
          if (!file->write_errno)
            file->write_errno = now == 0 ? EIO : errno;
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
// A process may be killed at any moment, and an unnamed file vanishes with it. Linux can create a file without a name
// and name it once it is complete; where the file system cannot, or /proc, which naming needs, is missing, the
// temporary has a name from the start. While it has one it is locked: an unlocked one has been abandoned.

enum
{
  ATTEMPTS = 1000
};

// The folder, with its slash, is the path without its last component: its first `folder_length` bytes.

static size_t
folder_length (const char *path)
{
  const char *slash = strrchr (path, '/');
  return slash ? (size_t)(slash - path) + 1 : 0;
}

// Open the folder of a path.

static int
open_folder (char *path, int flags, mode_t mode)
{
  size_t length = folder_length (path);
  char last_part = path[length];
  path[length] = 0;
  int descriptor = open (length ? path : ".", flags | O_CLOEXEC, mode);
  path[length] = last_part;
  return descriptor;
}

// An unused name for the temporary, claimed by `take`, which fails on an existing one. Its length does not depend on
// that of the target's name, which may already be the longest that the file system allows.

static int
take_name (sb_file *file, int (*take) (const sb_file *file, mode_t mode), mode_t mode)
{
  size_t folder = folder_length (file->path), size = folder + 64;
  file->temporary = malloc (size);
  if (!file->temporary)
    return -1;
  int taken = -1;
  errno = EEXIST;
  for (unsigned attempt = 0; attempt < ATTEMPTS && taken < 0 && errno == EEXIST; attempt++)
    {
      snprintf (file->temporary, size, "%.*s.scorebook-%ld-%u.tmp", (int)folder, file->path, (long)getpid (), attempt);
      taken = take (file, mode);
    }
  if (taken < 0)
    {
      free (file->temporary);
      file->temporary = NULL;
    }
  return taken;
}

static int
open_named (const sb_file *file, mode_t mode)
{
  return open (file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
}

static int
link_unnamed (const sb_file *file, mode_t mode)
{
  char self[64];
  (void)mode;
  snprintf (self, sizeof self, "/proc/self/fd/%d", file->descriptor);
  return linkat (AT_FDCWD, self, AT_FDCWD, file->temporary, AT_SYMLINK_FOLLOW);
}

static bool
is_abandoned (int descriptor)
{
  struct stat there;
  return flock (descriptor, LOCK_EX | LOCK_NB) == 0 && fstat (descriptor, &there) == 0
         && (there.st_size > 0 || there.st_mtime + 60 < time (NULL)); // an empty one may be about to be locked
}

static void
sweep (sb_file *file)
{
  int at = open_folder (file->path, O_RDONLY | O_DIRECTORY, 0);
  DIR *folder = at < 0 ? NULL : fdopendir (at);
  for (struct dirent *entry; folder && (entry = readdir (folder));)
    {
      const char *name = entry->d_name, *end = strrchr (name, '.');
      if (strncmp (name, ".scorebook-", 11) != 0 || strcmp (end, ".tmp") != 0)
        continue;
      int descriptor = openat (at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
      if (descriptor >= 0 && is_abandoned (descriptor))
        unlinkat (at, name, 0);
      if (descriptor >= 0)
        close (descriptor);
    }
  if (folder)
    closedir (folder);
  else if (at >= 0)
    close (at);
}

static int
open_temporary (sb_file *file, mode_t mode)
{
  sweep (file);
  int descriptor = access ("/proc/self/fd", X_OK) == 0 ? open_folder (file->path, O_WRONLY | O_TMPFILE, mode) : -1;
  if (descriptor < 0)
    descriptor = take_name (file, open_named, mode);
  if (descriptor >= 0
      && flock (descriptor, LOCK_EX | LOCK_NB) == 0) // where a file system has no locks, it goes without
    file->lock = dup (descriptor);
  return descriptor;
}

// A file that is a mount point cannot be replaced: this has to fail at create, before anything is written.

static bool
is_mounted (const char *path)
{
  struct statx there;
  return statx (AT_FDCWD, path, 0, STATX_TYPE, &there) == 0
         && (there.stx_attributes & there.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT);
}

// Over an existing file: only where that is itself writable, and with its permissions; the temporary's are never wider,
// not even for a moment.

static int
open_replacement (sb_file *file, mode_t mode)
{
  if (faccessat (AT_FDCWD, file->path, W_OK, AT_EACCESS) != 0)
    return -1;
  if (is_mounted (file->path))
    {
      errno = EBUSY;
      return -1;
    }
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
  file->straight = true;
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
  if (file->lock >= 0)
    close (file->lock);
  file->lock = -1;
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

// GSL's handler may not return: all is closed and removed before it is called.

static int
fail (sb_file *file, const char *name, int reason, sb_error *error)
{
  withdraw (file);
  int code = reason == ENOMEM ? GSL_ENOMEM : GSL_EFAILED;
  sb_error_report (error, __FILE__, __LINE__, code, "%s: %s", name, strerror (reason));
  release (file);
  return code;
}

// The target of links, which need not exist yet; for a new file, the path itself.

enum
{
  LINKS = 40 // in a row, at most
};

static char *
read_link (const char *path)
{
  char target[PATH_MAX];
  ssize_t length = readlink (path, target, sizeof target - 1);
  if (length < 0)
    return NULL;
  target[length] = 0;
  size_t folder = target[0] == '/' ? 0 : folder_length (path);
  char *whole = malloc (folder + (size_t)length + 1);
  if (whole)
    sprintf (whole, "%.*s%s", (int)folder, path, target);
  return whole;
}

static char *
resolve (const char *path)
{
  char *resolved = realpath (path, NULL), *at = NULL, *next = NULL;
  if (resolved || errno != ENOENT)
    return resolved;
  struct stat there;
  const bool exists = stat (path, &there) == 0; // a pipe by its name below /proc
  at = strdup (path);
  for (int links = 0; at && !exists && links < LINKS && (next = read_link (at)); links++)
    {
      free (at);
      at = next;
    }
  if (!next && errno == ENOMEM) // else the link would be taken for its target, and replaced
    {
      free (at);
      errno = ENOMEM;
      return NULL;
    }
  return at;
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
  file->descriptor = file->lock = -1;

  bool opened = (file->name = strdup (path)) && (file->path = resolve (path))
                && (file->descriptor = open_descriptor (file)) >= 0 && (file->stream = open_stream (file));
  if (!opened)
    {
      fail (file, path, errno, error);
      return NULL;
    }
  return file;
}

// Each step is taken only if all before it succeeded. A pipe or a terminal cannot be synced to disk (EINVAL), and need
// not be.

static bool
flush (sb_file *file)
{
  if (fflush (file->stream) != 0 || ferror (file->stream))
    {
      errno = file->write_errno ? file->write_errno : EIO;
      return false;
    }
  return fsync (file->descriptor) == 0 || (file->straight && errno == EINVAL);
}

static bool
close_descriptor (sb_file *file)
{
  int descriptor = file->descriptor;
  file->descriptor = -1;
  return close (descriptor) == 0;
}

// A name is an entry in its folder, which has to reach the disk as well. A folder that may be written but not read
// cannot be opened for that, and some file systems do not support it (EINVAL): where it can be done, a failure counts.

static bool
sync_folder (char *path)
{
  int descriptor = open_folder (path, O_RDONLY | O_DIRECTORY, 0);
  if (descriptor < 0)
    return true;
  int reason = fsync (descriptor) == 0 || errno == EINVAL ? 0 : errno;
  close (descriptor);
  errno = reason;
  return reason == 0;
}

static bool
name_temporary (sb_file *file)
{
  return file->straight || file->temporary || take_name (file, link_unnamed, 0) == 0;
}

static bool
put_in_place (sb_file *file)
{
  if (file->straight)
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
  if (!(flush (file) && name_temporary (file) && close_descriptor (file) && put_in_place (file)))
    return fail (file, file->name, errno, error);
  withdraw (file);
  release (file);
  return GSL_SUCCESS;
}

// ## Reading

static FILE *
open_regular (int descriptor)
{
  struct stat there;
  if (descriptor < 0 || fstat (descriptor, &there) != 0)
    return NULL;
  errno = S_ISDIR (there.st_mode) ? EISDIR : ESPIPE;
  return S_ISREG (there.st_mode) ? fdopen (descriptor, "rb") : NULL;
}

FILE *
sb_file_open (const char *path, sb_error *error)
{
  int descriptor = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  FILE *stream = open_regular (descriptor);
  if (stream)
    return stream;
  const int reason = errno;
  if (descriptor >= 0)
    close (descriptor);
  SB_ERROR_NULL (error, reason == ENOMEM ? GSL_ENOMEM : GSL_EFAILED, "%s: cannot be opened: %s", path,
                 reason == ESPIPE ? "it is no file that can be read twice" : strerror (reason));
}
