// # The bytes of a file
//
// Data sets come plain or packed by gzip, and now and then damaged: cut short by a full disk, with a bit flipped, or
// not what their name says. The readers in this folder request bytes through here, and get exactly those or one line
// that says which file, where in it, and why not.

#include "source.h"

#include "../base/file.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum
{
  BUFFER = 1 << 16, // bytes of the file at a time
  FIRST = 1 << 20   // bytes allocated before any have arrived
};

struct sb_source
{
  const char *path;
  FILE *file;
  bool gzip, ended;   // ended: the gzip stream has, checksum included
  z_stream z;         // next_in and avail_in point into the buffer, of plain files too
  uint64_t read;      // from the file, into the buffer
  uint64_t delivered; // to the caller: the place in the unpacked bytes
  bool ahead;         // `next` is the byte that comes next, and is among those delivered
  unsigned char next;
  unsigned char buffer[BUFFER];
};

// ## From the file into the buffer
//
// A short read is the end of the file or an error; only the stream tells which. Afterwards an empty buffer means that
// the file has ended.

static int
refill (sb_source *source, sb_error *error)
{
  if (source->z.avail_in > 0)
    return GSL_SUCCESS;
  size_t count = fread (source->buffer, 1, BUFFER, source->file);
  if (count < BUFFER && ferror (source->file))
    SB_ERROR (error, GSL_EFAILED, "%s: byte %llu: %s", source->path, (unsigned long long)(source->read + count),
              strerror (errno));
  source->z.next_in = source->buffer;
  source->z.avail_in = (uInt)count;
  source->read += count;
  return GSL_SUCCESS;
}

// ## From the buffer to the caller
//
// Up to `count` bytes, one piece at a time; `got` is 0 only where the bytes end.

static int
next_plain (sb_source *source, unsigned char *to, size_t count, size_t *got, sb_error *error)
{
  int status = refill (source, error);
  *got = count < source->z.avail_in ? count : source->z.avail_in;
  memcpy (to, source->z.next_in, *got);
  source->z.next_in += *got;
  source->z.avail_in -= (uInt)*got;
  return status;
}

// A gzip file is a series of members, each with a header, a deflate stream, and its checksum and length (RFC 1952).
// zlib checks all of these, member by member. After the last member the file must end, or be padded with zeros, as
// tapes are: anything else is read as a further member, whose header zlib rejects.

static int
next_member (sb_source *source, sb_error *error)
{
  int status = refill (source, error);
  bool padded = source->z.avail_in > 0 && *source->z.next_in == 0;
  while (!status && source->z.avail_in > 0 && *source->z.next_in == 0)
    {
      source->z.next_in++;
      source->z.avail_in--;
      status = refill (source, error);
    }
  source->ended = source->z.avail_in == 0;
  if (!status && padded && !source->ended)
    SB_ERROR (error, GSL_EINVAL, "%s: packed byte %llu: more than zeros after the gzip stream", source->path,
              (unsigned long long)source->read - source->z.avail_in);
  if (!source->ended)
    inflateReset (&source->z);
  return status;
}

static int
next_gzip (sb_source *source, unsigned char *to, size_t count, size_t *got, sb_error *error)
{
  int status = GSL_SUCCESS;
  source->z.next_out = to;
  source->z.avail_out = count < INT_MAX ? (uInt)count : INT_MAX;
  while (!status && source->z.next_out == to && !source->ended)
    {
      status = refill (source, error);
      if (status)
        break;
      if (source->z.avail_in == 0)
        SB_ERROR (error, GSL_EOF, "%s: packed byte %llu: the gzip stream ends early", source->path,
                  (unsigned long long)source->read);

      int zlib_status = inflate (&source->z, Z_NO_FLUSH);
      if (zlib_status == Z_STREAM_END)
        status = next_member (source, error);
      else if (zlib_status == Z_MEM_ERROR)
        SB_ERROR (error, GSL_ENOMEM, "%s: no memory to unpack it", source->path);
      else if (zlib_status != Z_OK)
        SB_ERROR (error, GSL_EINVAL, "%s: packed byte %llu: damaged gzip stream (%s)", source->path,
                  (unsigned long long)source->read - source->z.avail_in,
                  source->z.msg ? source->z.msg : "no reason given");
    }
  *got = (size_t)(source->z.next_out - to);
  return status;
}

// As many of `count` bytes as there are.

static int
pull (sb_source *source, unsigned char *to, size_t count, size_t *got, sb_error *error)
{
  int status = GSL_SUCCESS;
  size_t piece = 1;
  *got = 0;
  if (source->ahead && count > 0)
    {
      to[(*got)++] = source->next;
      source->ahead = false;
      source->delivered--;
    }
  for (; *got < count && piece > 0 && !status; *got += piece)
    status = (source->gzip ? next_gzip : next_plain) (source, to + *got, count - *got, &piece, error);
  source->delivered += *got;
  return status;
}

// ## Open, close

static int
start (sb_source *source, sb_error *error)
{
  int status = refill (source, error);
  source->gzip = source->z.avail_in >= 2 && source->buffer[0] == 0x1f && source->buffer[1] == 0x8b;
  if (!status && source->gzip && inflateInit2 (&source->z, MAX_WBITS + 16) != Z_OK) // + 16: gzip only
    SB_ERROR (error, GSL_ENOMEM, "%s: no memory to unpack it", source->path);
  return status;
}

sb_source *
sb_source_open (const char *path, sb_error *error)
{
  sb_source *source = calloc (1, sizeof *source);
  if (!source)
    SB_ERROR_NULL (error, GSL_ENOMEM, "%s: no memory to read it", path);
  source->path = path;
  source->file = sb_file_open (path, error);
  if (!source->file || start (source, error))
    {
      sb_source_close (source);
      return NULL;
    }
  return source;
}

void
sb_source_close (sb_source *source)
{
  if (!source)
    return;
  if (source->gzip)
    inflateEnd (&source->z);
  if (source->file)
    fclose (source->file);
  free (source);
}

// ## All or an error
//
// The next part of an array.

int
sb_source_read_part (sb_source *source, const char *what, size_t done, size_t total, size_t count, void *to,
                     sb_error *error)
{
  size_t got;
  int status = pull (source, to, count, &got, error);
  if (!status && got < count)
    SB_ERROR (error, GSL_EOF, "%s: byte %llu: the file ends after %zu of %zu bytes of %s", source->path,
              (unsigned long long)source->delivered, done + got, total, what);
  return status;
}

int
sb_source_read (sb_source *source, const char *what, size_t count, void *to, sb_error *error)
{
  return sb_source_read_part (source, what, 0, count, count, to, error);
}

// A header may claim gigabytes that the file does not have. The allocation therefore doubles as bytes arrive.

int
sb_source_read_alloc (sb_source *source, const char *what, size_t count, unsigned char **bytes, sb_error *error)
{
  *bytes = NULL;
  size_t allocated = FIRST, filled = 0;
  int status = GSL_SUCCESS;
  for (; filled < count && !status; allocated *= 2)
    {
      allocated = allocated < count ? allocated : count;
      unsigned char *larger = realloc (*bytes, allocated);
      if (!larger)
        {
          status = sb_error_report (error, __FILE__, __LINE__, GSL_ENOMEM, "%s: no memory for %zu bytes of %s",
                                    source->path, allocated, what);
          break;
        }
      *bytes = larger;
      status = sb_source_read_part (source, what, filled, count, allocated - filled, larger + filled, error);
      filled = allocated;
    }
  if (status)
    {
      free (*bytes);
      *bytes = NULL;
    }
  return status;
}

// Whether packed bytes that remain hold another byte, or only the end of a gzip member, shows when they are unpacked.
// So one byte is, and kept for the next read.

int
sb_source_more (sb_source *source, int *more, sb_error *error)
{
  size_t got = 1;
  int status = source->ahead ? GSL_SUCCESS : pull (source, &source->next, 1, &got, error);
  source->ahead = source->ahead || (!status && got > 0);
  *more = source->ahead;
  return status;
}

int
sb_source_end (sb_source *source, sb_error *error)
{
  unsigned char byte;
  size_t got;
  int status = pull (source, &byte, 1, &got, error);
  if (!status && got > 0)
    SB_ERROR (error, GSL_EINVAL, "%s: byte %llu: more bytes where the file should end", source->path,
              (unsigned long long)source->delivered - 1);
  return status;
}
