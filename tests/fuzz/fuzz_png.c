// # Any bytes as a PNG file
//
// libpng's checksums stop most of what is invented, so they are made right: of each chunk whose length fits.

#include "harness.h"

#include "dataset/png.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static uint32_t
load (const uint8_t *b)
{
  return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void
mend (uint8_t *png, size_t size)
{
  for (size_t at = 8; at + 12 <= size;)
    {
      const size_t length = load (png + at);
      if (length > size - at - 12)
        return;
      const uLong sum = crc32_z (crc32 (0, NULL, 0), png + at + 4, length + 4);
      for (unsigned k = 0; k < 4; k++)
        png[at + 8 + length + k] = (uint8_t)(sum >> (24 - 8 * k));
      at += 12 + length;
    }
}

static void
read_png (const uint8_t *data, size_t size)
{
  sb_error error;
  fuzz_file file = fuzz_file_of (data, size);
  sb_bytes_free (sb_png_read (file.path, &error));
  fuzz_file_close (&file);
}

int
fuzz_png (const uint8_t *data, size_t size)
{
  read_png (data, size);
  uint8_t *mended = (uint8_t *)fuzz_text (data, size);
  mend (mended, size);
  read_png (mended, size);
  free (mended);
  return 0;
}
