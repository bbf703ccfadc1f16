// # What must be true of files that are written whole or not at all

#include <config.h>

#include "base/file.h"
#include "scope.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <dirent.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

// Each test works in a folder of its own and leaves nothing there but, perhaps, a file "a".

static char folder[] = "/tmp/scorebook-file-XXXXXX";

static void
setup (void)
{
  scope_begin ();
  umask (022);
  cr_assert (mkdtemp (folder) && chdir (folder) == 0);
}

static size_t
entries (void)
{
  size_t count = 0;
  DIR *d = opendir (".");
  while (readdir (d))
    count++;
  closedir (d);
  return count - 2;
}

static void
teardown (void)
{
  unlink ("a");
  cr_assert_eq (entries (), 0, "a test left %zu files", entries ());
  cr_assert (chdir ("/") == 0 && rmdir (folder) == 0);
  scope_end ();
}

TestSuite (file, .init = setup, .fini = teardown);

static void
write_directly (const char *path, const char *text)
{
  FILE *f = fopen (path, "w");
  cr_assert (f && fputs (text, f) >= 0 && fclose (f) == 0);
}

static void
check_holds (const char *path, const char *text)
{
  char read[64] = "";
  FILE *f = fopen (path, "r");
  cr_assert (f, "%s: %s", path, strerror (errno));
  read[fread (read, 1, sizeof read - 1, f)] = 0;
  fclose (f);
  cr_assert_str_eq (read, text);
}

static sb_file *
created (const char *path)
{
  sb_error error = { 0 };
  sb_file *file = sb_file_create (path, &error);
  cr_assert (file, "%s", error.message);
  return file;
}

static void
write_whole (const char *path, const char *text)
{
  sb_error error = { 0 };
  sb_file *file = created (path);
  fputs (text, file->stream);
  ok (sb_file_commit (file, &error), "%s", error.message);
}

// Where the bytes are until then: the folder's first free name of this kind.

static const char *
temporary_name (int attempt)
{
  static char name[64];
  snprintf (name, sizeof name, ".scorebook-%ld-%d.tmp", (long)getpid (), attempt);
  return name;
}

static mode_t
permissions (const char *path)
{
  struct stat s;
  cr_assert_eq (stat (path, &s), 0);
  return s.st_mode & 07777;
}

static void
check_message (const sb_error *error, int code, const char *name, int reason)
{
  char expected[PATH_MAX + 100];
  snprintf (expected, sizeof expected, "%s: %s", name, strerror (reason));
  expected[sizeof error->message - 1] = 0;
  cr_assert_eq (error->code, code);
  cr_assert_str_eq (error->message, expected);
}

// ## What is committed is there, and nothing else

Test (file, commit_puts_the_file_in_place)
{
  write_whole ("a", "new");
  check_holds ("a", "new");
  cr_assert_eq (entries (), 1);
}

Test (file, the_old_file_stands_until_commit)
{
  write_directly ("a", "old");
  sb_file *file = created ("a");
  fputs ("new", file->stream);
  fflush (file->stream);
  check_holds ("a", "old");
  ok (sb_file_commit (file, NULL));
  check_holds ("a", "new");
}

Test (file, a_new_file_shows_at_commit)
{
  sb_file *file = created ("a");
  cr_assert_neq (access ("a", F_OK), 0);
  ok (sb_file_commit (file, NULL));
  cr_assert_eq (access ("a", F_OK), 0);
  cr_assert_eq (entries (), 1);
}

// An open reader of the old file keeps it whole: the name moved on, the bytes did not change.

Test (file, readers_of_the_old_file_keep_it)
{
  write_directly ("a", "old");
  FILE *reader = fopen ("a", "r");
  write_whole ("a", "new");
  char read[8] = "";
  cr_assert_eq (fread (read, 1, sizeof read - 1, reader), 3);
  cr_assert_str_eq (read, "old");
  fclose (reader);
}

Test (file, discard_leaves_nothing)
{
  sb_file *file = created ("a");
  fputs ("new", file->stream);
  sb_file_discard (file);
  cr_assert_eq (entries (), 0);

  write_directly ("a", "old");
  file = created ("a");
  fputs ("new", file->stream);
  sb_file_discard (file);
  check_holds ("a", "old");
  cr_assert_eq (entries (), 1);
  cr_assert_eq (unlink ("a"), 0);

  sb_file_discard (NULL);
}

// A header whose length is known at the end is written by going back to it.

Test (file, the_stream_can_be_positioned)
{
  sb_file *file = created ("a");
  fputs ("??? and more", file->stream);
  cr_assert_eq (ftell (file->stream), 12);
  cr_assert_eq (fseek (file->stream, 0, SEEK_SET), 0);
  fputs ("all", file->stream);
  cr_assert_eq (fseek (file->stream, 0, SEEK_END), 0);
  cr_assert_eq (ftell (file->stream), 12);
  fputs (".", file->stream);
  ok (sb_file_commit (file, NULL));
  check_holds ("a", "all and more.");
}

Test (file, many_bytes_arrive)
{
  enum
  {
    COUNT = 300000
  };
  sb_file *file = created ("a");
  for (int i = 0; i < COUNT; i++)
    fwrite (&i, sizeof i, 1, file->stream);
  ok (sb_file_commit (file, NULL));

  FILE *f = fopen ("a", "r");
  int read, i = 0;
  while (fread (&read, sizeof read, 1, f) == 1)
    cr_assert_eq (read, i++);
  cr_assert_eq (i, COUNT);
  fclose (f);
}

// Several files at once in one folder, and a name that another process of the same number holds (in a container, say).
// When it is let go, it was left behind, and the next file sweeps it away; not what only looks like it.

Test (file, temporaries_do_not_collide)
{
  const char *others = temporary_name (0);
  write_directly (others, "someone's");
  write_directly (".scorebook-1.tmp.txt", "a text");
  int lock = open (others, O_RDONLY);
  cr_assert_eq (flock (lock, LOCK_EX), 0);
  sb_file *a = created ("a"), *b = created ("b");
  fputs ("of a", a->stream);
  fputs ("of b", b->stream);
  ok (sb_file_commit (b, NULL));
  ok (sb_file_commit (a, NULL));
  check_holds ("a", "of a");
  check_holds ("b", "of b");
  check_holds (others, "someone's");
  close (lock);
  write_whole ("b", "again");
  cr_assert_neq (access (others, F_OK), 0);
  check_holds (".scorebook-1.tmp.txt", "a text");
  cr_assert (unlink ("a") == 0 && unlink ("b") == 0 && unlink (".scorebook-1.tmp.txt") == 0);
}

// An empty one may be about to be locked, and is swept away a minute later; a link is none of ours.

static void
grow_old (const char *path)
{
  const time_t then = time (NULL) - 120;
  cr_assert_eq (utimensat (AT_FDCWD, path, (struct timespec[]){ { .tv_sec = then }, { .tv_sec = then } }, 0), 0);
}

Test (file, empty_temporaries_are_given_a_minute)
{
  const char *young = ".scorebook-1-0.tmp", *old = ".scorebook-1-1.tmp", *link = ".scorebook-1-2.tmp";
  write_directly (young, "");
  write_directly (old, "");
  cr_assert_eq (symlink ("elsewhere", link), 0);
  grow_old (old);
  write_whole ("a", "new");
  check_holds ("a", "new");
  struct stat s;
  cr_assert (access (young, F_OK) == 0 && lstat (old, &s) != 0 && lstat (link, &s) == 0);
  cr_assert (unlink (young) == 0 && unlink (link) == 0);
}

// Where no name is left for the temporary, nothing is written.

Test (file, temporaries_run_out_of_names)
{
  enum
  {
    NAMES = 1000
  };
  write_directly ("a", "old");
  sb_error error = { 0 };
  for (unsigned k = 0; k < NAMES; k++)
    write_directly (temporary_name (k), "");
  sb_file *file = sb_file_create ("a", &error);
  refused (GSL_EFAILED, file ? sb_file_commit (file, &error) : error.code);
  check_message (&error, GSL_EFAILED, "a", EEXIST);
  check_holds ("a", "old");
  for (unsigned k = 0; k < NAMES; k++)
    cr_assert_eq (unlink (temporary_name (k)), 0);
}

// A process that is killed leaves nothing, where the file system has files without a name.

Test (file, a_killed_process_leaves_nothing)
{
  int unnamed = open (".", O_WRONLY | O_TMPFILE, 0600);
  if (unnamed < 0)
    cr_skip_test ("no files without a name here");
  close (unnamed);
  pid_t child = fork ();
  if (child == 0)
    {
      sb_file *file = sb_file_create ("a", NULL);
      fputs ("half", file->stream);
      fflush (file->stream);
      raise (SIGKILL);
    }
  int status;
  cr_assert (waitpid (child, &status, 0) == child && WIFSIGNALED (status));
  cr_assert_eq (entries (), 0);
}

// ## Names

Test (file, paths_may_lead_through_folders)
{
  cr_assert_eq (mkdir ("sub", 0755), 0);
  write_whole ("sub/a", "relative");
  check_holds ("sub/a", "relative");
  char path[PATH_MAX];
  snprintf (path, sizeof path, "%s/sub/a", folder);
  write_whole (path, "absolute");
  check_holds ("sub/a", "absolute");
  cr_assert (unlink ("sub/a") == 0 && rmdir ("sub") == 0);
}

// The longest name that a file system takes leaves no room for a suffix.

Test (file, names_may_be_as_long_as_the_system_allows)
{
  char name[NAME_MAX + 1];
  memset (name, 'x', NAME_MAX);
  name[NAME_MAX] = 0;
  write_whole (name, "new");
  check_holds (name, "new");
  cr_assert_eq (unlink (name), 0);
}

// A link stays a link, and the file that it leads to, in another folder, is replaced; or made, where it is not there
// yet, also at the end of several links.

Test (file, links_are_followed)
{
  cr_assert_eq (mkdir ("sub", 0755), 0);
  write_directly ("sub/a", "old");
  cr_assert_eq (symlink ("sub/a", "link"), 0);
  errno = ENOENT; // of an earlier failure, and nobody's business here
  write_whole ("link", "new");
  check_holds ("sub/a", "new");
  struct stat s;
  cr_assert (lstat ("link", &s) == 0 && S_ISLNK (s.st_mode));
  cr_assert (unlink ("sub/a") == 0);

  char path[PATH_MAX];
  snprintf (path, sizeof path, "%s/link", folder);
  cr_assert_eq (symlink (path, "sub/second"), 0);
  write_whole ("sub/second", "newer");
  check_holds ("sub/a", "newer");
  cr_assert (lstat ("link", &s) == 0 && S_ISLNK (s.st_mode));
  cr_assert (lstat ("sub/second", &s) == 0 && S_ISLNK (s.st_mode));
  cr_assert (unlink ("sub/a") == 0 && unlink ("link") == 0);
  cr_assert_eq (symlink ("second", "sub/first"), 0);
  cr_assert (unlink ("sub/second") == 0 && symlink ("first", "sub/second") == 0);
  sb_error error = { 0 };
  cr_assert_null (sb_file_create ("sub/first", &error));
  check_message (&error, GSL_EFAILED, "sub/first", ELOOP);
  cr_assert (unlink ("sub/first") == 0 && unlink ("sub/second") == 0 && rmdir ("sub") == 0);
}

// As many links in a row as the system follows, to a file that is not there; of one more it follows none.

Test (file, links_by_the_dozen)
{
  enum
  {
    MOST = 40
  };
  char name[16], to[16] = "a";
  for (int k = 0; k <= MOST; k++)
    {
      snprintf (name, sizeof name, "link-%d", k);
      cr_assert_eq (symlink (to, name), 0);
      strcpy (to, name);
    }
  sb_error error = { 0 };
  cr_assert_null (sb_file_create ("link-40", &error));
  check_message (&error, GSL_EFAILED, "link-40", ELOOP);
  write_whole ("link-39", "new");
  check_holds ("a", "new");
  for (int k = 0; k <= MOST; k++)
    {
      snprintf (name, sizeof name, "link-%d", k);
      cr_assert_eq (unlink (name), 0);
    }
}

// ## Permissions

Test (file, new_files_follow_the_umask)
{
  umask (027);
  write_whole ("a", "new");
  cr_assert_eq (permissions ("a"), 0640);
}

Test (file, replaced_files_keep_their_permissions)
{
  const mode_t modes[] = { 0600, 0644, 0666, 0755 };
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    {
      write_directly ("a", "old");
      cr_assert_eq (chmod ("a", modes[i]), 0);
      write_whole ("a", "new");
      cr_assert_eq (permissions ("a"), modes[i]);
      cr_assert_eq (unlink ("a"), 0);
    }
}

// ## Failures
//
// Each is one line that names the file and the reason.

static void
check_cannot_create (const char *path, int reason)
{
  sb_error error = { 0 };
  cr_assert_null (sb_file_create (path, &error), "%s", path);
  check_message (&error, GSL_EFAILED, path, reason);
  cr_assert_null (sb_file_create (path, NULL));
}

Test (file, there_must_be_a_folder_and_a_name)
{
  const char *const no_name[][2] = { { "sub/", "sub/: names a folder, not a file" }, { "", "" } };
  write_directly ("a", "old");
  cr_assert_eq (mkdir ("sub", 0755), 0);
  check_cannot_create ("missing/a", ENOENT);
  check_cannot_create ("a/a", ENOTDIR);
  check_cannot_create ("sub", EISDIR);
  check_cannot_create (".", EISDIR);
  for (int k = 0; k < 2; k++)
    {
      sb_error error = { 0 };
      cr_assert_null (sb_file_create (no_name[k][0], &error));
      refused (GSL_EINVAL, error.code);
      cr_assert (*no_name[k][1] == 0 || strcmp (error.message, no_name[k][1]) == 0, "%s", error.message);
    }
  check_holds ("a", "old");
  cr_assert_eq (rmdir ("sub"), 0);
}

// The path to the end of a link may be too long where the path to the link is not.

Test (file, links_may_lead_too_far)
{
  char path[PATH_MAX] = "", end[NAME_MAX] = "";
  memset (end, 'x', sizeof end - 1);
  cr_assert_eq (symlink (end, "link"), 0);
  while (strlen (path) + sizeof "./link" < sizeof path)
    strcat (path, "./");
  strcat (path, "link");
  check_cannot_create (path, ENAMETOOLONG);
  cr_assert_eq (unlink ("link"), 0);
}

Test (file, names_have_an_end)
{
  char path[2 * PATH_MAX];
  memset (path, 'x', sizeof path);
  path[sizeof path - 1] = 0;
  check_cannot_create (path, ENAMETOOLONG);
  path[NAME_MAX + 1] = 0;

  // A name too long for the folder shows only where it is to be taken.
  sb_error error = { 0 };
  sb_file *file = sb_file_create (path, &error);
  refused (GSL_EFAILED, file ? sb_file_commit (file, &error) : GSL_EFAILED);
  check_message (&error, GSL_EFAILED, path, ENAMETOOLONG);
}

// Root may write anything: these run as someone else where they would.

static void
become_nobody (void)
{
  if (geteuid () == 0)
    cr_assert (chmod (".", 0777) == 0 && setegid (65534) == 0 && seteuid (65534) == 0);
}

static void
become_oneself (void)
{
  cr_assert (seteuid (getuid ()) == 0 && setegid (getgid ()) == 0);
}

Test (file, folders_may_be_read_only)
{
  cr_assert_eq (mkdir ("sub", 0555), 0);
  become_nobody ();
  check_cannot_create ("sub/a", EACCES);
  become_oneself ();
  cr_assert_eq (rmdir ("sub"), 0);
}

// ... where even a file that may be written cannot be replaced.

Test (file, files_of_read_only_folders_stand)
{
  cr_assert_eq (mkdir ("sub", 0755), 0);
  write_directly ("sub/a", "old");
  cr_assert (chmod ("sub/a", 0666) == 0 && chmod ("sub", 0555) == 0);
  become_nobody ();
  check_cannot_create ("sub/a", EACCES);
  become_oneself ();
  check_holds ("sub/a", "old");
  cr_assert (chmod ("sub", 0755) == 0 && unlink ("sub/a") == 0 && rmdir ("sub") == 0);
}

Test (file, a_read_only_file_is_not_replaced)
{
  write_directly ("a", "old");
  cr_assert_eq (chmod ("a", 0444), 0);
  become_nobody ();
  check_cannot_create ("a", EACCES);
  become_oneself ();
  check_holds ("a", "old");
}

// A folder that may be written but not read cannot be brought to disk by name; the file is written all the same.

Test (file, folders_need_not_be_readable)
{
  cr_assert_eq (mkdir ("sub", 0333), 0);
  cr_assert_eq (chmod ("sub", 0333), 0);
  become_nobody ();
  write_whole ("sub/a", "new");
  become_oneself ();
  check_holds ("sub/a", "new");
  cr_assert (unlink ("sub/a") == 0 && rmdir ("sub") == 0);
}

// ## A full disk
//
// /dev/full refuses every byte. It is no regular file, so it is written straight; few bytes fail at commit, many
// before. In both cases commit says why.

Test (file, a_full_device_is_reported)
{
  for (size_t bytes = 1; bytes <= 1000000; bytes *= 1000)
    {
      sb_error error = { 0 };
      sb_file *file = created ("/dev/full");
      for (size_t i = 0; i < bytes; i++)
        fputc ('x', file->stream);
      refused (GSL_EFAILED, sb_file_commit (file, &error));
      check_message (&error, GSL_EFAILED, "/dev/full", ENOSPC);
    }
}

// The first reason is kept, and a later write that succeeds does not hide it. Here the limit on a file's size is hit in
// the middle of a write; then the file goes back to its beginning, where there is room.

static void
check_limited (const char *path)
{
  sb_error error = { 0 };
  sb_file *file = created (path);
  char block[3000] = { 0 };
  for (int i = 0; i < 10; i++)
    fwrite (block, 1, sizeof block, file->stream);
  fflush (file->stream);
  fseek (file->stream, 0, SEEK_SET);
  fputs ("fits", file->stream);
  errno = 0;
  refused (GSL_EFAILED, sb_file_commit (file, &error));
  check_message (&error, GSL_EFAILED, path, EFBIG);
}

Test (file, a_failed_write_leaves_the_old_file)
{
  write_directly ("a", "old");
  struct rlimit before, limit;
  cr_assert_eq (getrlimit (RLIMIT_FSIZE, &before), 0);
  limit = (struct rlimit){ .rlim_cur = 10000, .rlim_max = before.rlim_max };
  signal (SIGXFSZ, SIG_IGN);
  cr_assert_eq (setrlimit (RLIMIT_FSIZE, &limit), 0);
  check_limited ("a");
  check_limited ("b");
  cr_assert_eq (setrlimit (RLIMIT_FSIZE, &before), 0);
  check_holds ("a", "old");
  cr_assert_eq (entries (), 1);
}

// An error of the stream that is none of a write.

Test (file, the_stream_is_not_for_reading)
{
  write_directly ("a", "old");
  sb_error error = { 0 };
  sb_file *file = created ("a");
  cr_assert (fputs ("new", file->stream) >= 0 && fgetc (file->stream) == EOF);
  refused (GSL_EFAILED, sb_file_commit (file, &error));
  check_message (&error, GSL_EFAILED, "a", EIO);
  check_holds ("a", "old");
}

// If the folder goes away, or a folder takes the name, before commit, nothing is left and commit says so.

Test (file, the_name_may_be_taken_away)
{
  sb_error error = { 0 };
  sb_file *file = created ("a");
  cr_assert_eq (mkdir ("a", 0755), 0);
  refused (GSL_EFAILED, sb_file_commit (file, &error));
  check_message (&error, GSL_EFAILED, "a", EISDIR);
  cr_assert_eq (entries (), 1);
  cr_assert_eq (rmdir ("a"), 0);
}

// ## Written straight
//
// A pipe gets the bytes and stays a pipe, and cannot be positioned.

Test (file, pipes_are_written_straight)
{
  cr_assert_eq (mkfifo ("pipe", 0600), 0);
  int reader = open ("pipe", O_RDONLY | O_NONBLOCK);
  sb_file *file = created ("pipe");
  cr_assert_neq (fseek (file->stream, 3, SEEK_SET), 0);
  fputs ("through", file->stream);
  ok (sb_file_commit (file, NULL));
  char read_bytes[16] = "";
  cr_assert_eq (read (reader, read_bytes, sizeof read_bytes - 1), 7);
  cr_assert_str_eq (read_bytes, "through");
  close (reader);
  struct stat s;
  cr_assert (stat ("pipe", &s) == 0 && S_ISFIFO (s.st_mode));
  cr_assert_eq (unlink ("pipe"), 0);
}

// A signal may interrupt a write before its first byte or after any other. A slow reader in another process makes
// writes wait, and an alarm every millisecond cuts them into pieces; all bytes arrive, in order.

enum
{
  NUMBERS = 1 << 18
};

static void
interrupt (int number)
{
  (void)number;
}

// Exit status 0 if the numbers 0, 1, ... were read. It waits a little before each 64 kB, as much as a pipe holds.

static void
read_numbers_slowly (const char *path)
{
  static int read_numbers[1 << 14];
  FILE *f = fopen (path, "r");
  int expected = 0;
  for (size_t count; (count = fread (read_numbers, sizeof (int), 1 << 14, f)) > 0; usleep (5000))
    for (size_t i = 0; i < count; i++)
      if (read_numbers[i] != expected++)
        _exit (1);
  fclose (f);
  _exit (expected == NUMBERS ? 0 : 2);
}

Test (file, interrupted_writes_go_on)
{
  cr_assert_eq (mkfifo ("pipe", 0600), 0);
  pid_t reader = fork ();
  if (reader == 0)
    read_numbers_slowly ("pipe");

  static int numbers[NUMBERS];
  for (int i = 0; i < NUMBERS; i++)
    numbers[i] = i;
  sb_file *file = created ("pipe");
  struct sigaction action = { .sa_handler = interrupt }; // without SA_RESTART
  sigaction (SIGALRM, &action, NULL);
  setitimer (ITIMER_REAL, &(struct itimerval){ { 0, 1000 }, { 0, 1000 } }, NULL);
  size_t written = fwrite (numbers, sizeof *numbers, NUMBERS, file->stream);
  int status = sb_file_commit (file, NULL), exit_status;
  setitimer (ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL);

  cr_assert (written == NUMBERS && status == GSL_SUCCESS);
  cr_assert_eq (waitpid (reader, &exit_status, 0), reader);
  cr_assert (WIFEXITED (exit_status) && WEXITSTATUS (exit_status) == 0, "status %d", exit_status);
  cr_assert_eq (unlink ("pipe"), 0);
}

// /dev/stdout is a link to whatever standard output is; through a pipe, it is that pipe. Of a discarded file, what was
// not yet sent is not sent any more, there or elsewhere.

static void
check_standard_output (void (*write_out) (void), const char *expected)
{
  int ends[2], kept = dup (STDOUT_FILENO);
  cr_assert (pipe (ends) == 0 && dup2 (ends[1], STDOUT_FILENO) >= 0 && close (ends[1]) == 0);
  write_out ();
  cr_assert (dup2 (kept, STDOUT_FILENO) >= 0 && close (kept) == 0);
  char read_bytes[16] = "";
  cr_assert_geq (read (ends[0], read_bytes, sizeof read_bytes - 1), 0);
  cr_assert_str_eq (read_bytes, expected);
  close (ends[0]);
}

static void
commit_to_standard_output (void)
{
  write_whole ("/dev/stdout", "out");
}

static void
discard_before_standard_output (void)
{
  sb_file *straight = created ("/dev/stdout"), *file = created ("a");
  fputs ("held back", straight->stream);
  fputs ("held back", file->stream);
  sb_file_discard (straight);
  sb_file_discard (file);
}

Test (file, standard_output_is_a_file)
{
  check_standard_output (commit_to_standard_output, "out");
  check_standard_output (discard_before_standard_output, "");
}

// Nothing stays open.

Test (file, descriptors_are_closed)
{
  int before = dup (0);
  close (before);
  write_whole ("a", "new");
  sb_file_discard (created ("a"));
  check_cannot_create ("missing/a", ENOENT);
  sb_error error;
  sb_file *full = created ("/dev/full");
  fputs ("x", full->stream);
  refused (GSL_EFAILED, sb_file_commit (full, &error));
  int after = dup (0);
  close (after);
  cr_assert_eq (before, after);
}

// ## Reading

Test (file, only_regular_files_are_read, .timeout = 10)
{
  sb_error error = { 0 };
  write_directly ("a", "text");
  FILE *stream = sb_file_open ("a", &error);
  cr_assert (stream && fgetc (stream) == 't');
  fclose (stream);
  cr_assert_eq (mkfifo ("pipe", 0600), 0); // nobody writes to it
  const char *const bad[][2] = { { "pipe", "pipe: cannot be opened: it is no file that can be read twice" },
                                 { ".", ".: cannot be opened: Is a directory" },
                                 { "none", "none: cannot be opened: No such file or directory" },
                                 { "/dev/null", "/dev/null: cannot be opened: it is no file that can be read twice" } };
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
    {
      cr_assert_null (sb_file_open (bad[k][0], &error));
      refused (GSL_EFAILED, error.code);
      cr_assert_str_eq (error.message, bad[k][1]);
    }
  cr_assert_eq (unlink ("pipe"), 0);
}
