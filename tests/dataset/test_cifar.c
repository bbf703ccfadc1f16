// # What must be true of CIFAR-10's files

#include "dataset/cifar.h"
#include "scope.h"
#include "scratch.h"

#include <stdlib.h>
#include <string.h>

TestSuite (cifar, .init = scratch_begin, .fini = scratch_end);

enum
{
  RECORD = 3073,
  IMAGES = 70 // more than memory is allocated for at first
};

static unsigned char file[IMAGES * RECORD + 1], packed[2 * sizeof file];

static unsigned char
byte_of (size_t image, size_t channel, size_t row, size_t column)
{
  return (unsigned char)(image * 11 + channel * 71 + row * 5 + column * 3 + row * column);
}

static void
make_file (void)
{
  for (size_t k = 0; k < IMAGES; k++)
    {
      unsigned char *record = file + k * RECORD;
      record[0] = (unsigned char)(k % 10);
      for (size_t channel = 0; channel < 3; channel++)
        for (size_t row = 0; row < 32; row++)
          for (size_t column = 0; column < 32; column++)
            record[1 + (channel * 32 + row) * 32 + column] = byte_of (k, channel, row, column);
    }
}

static void
check_images (const char *path, size_t count)
{
  sb_error error = { 0 };
  sb_bytes *labels = NULL, *images = scoped (sb_cifar_read (path, &labels, &error), "%s", error.message);
  scoped (labels);
  const size_t *length = images->shape.length;
  cr_assert (images->shape.rank == 4 && length[0] == count && length[1] == 32 && length[2] == 32 && length[3] == 3);
  cr_assert (labels->shape.rank == 1 && labels->shape.length[0] == count);
  for (size_t k = 0; k < count; k++)
    {
      cr_assert_eq (labels->data[k], k % 10);
      for (size_t p = 0; p < 1024; p++)
        for (size_t channel = 0; channel < 3; channel++)
          cr_assert_eq (images->data[(k * 1024 + p) * 3 + channel], byte_of (k, channel, p / 32, p % 32));
    }
  sb_bytes *alone = scoped (sb_cifar_read (path, NULL, NULL));
  cr_assert_eq (memcmp (alone->data, images->data, count * 3072), 0);
}

// Plane after plane in the file, pixel after pixel in the array; plain or packed, any number of records.

Test (cifar, planes_become_pixels)
{
  make_file ();
  for (size_t count = 1; count <= IMAGES; count += count < 60 ? 31 : 1)
    {
      scratch_write (scratch_path ("plain"), file, count * RECORD);
      check_images (scratch_path ("plain"), count);
      scratch_write (scratch_path ("packed"), packed, scratch_gzip (file, count * RECORD, packed, sizeof packed));
      check_images (scratch_path ("packed"), count);
    }
}

static void
refuse (size_t count, int status, const char *words)
{
  sb_error error = { 0 };
  sb_bytes *labels = NULL;
  const char *path = scratch_path ("bad");
  scratch_write (path, file, count);
  cr_assert_null (sb_cifar_read (path, &labels, &error));
  cr_assert_null (labels);
  refused (status, error.code, "%s", error.message);
  cr_assert (strstr (error.message, words), "%s", error.message);
  scratch_expect_line (&error, path);
}

Test (cifar, refuses_what_is_cut_short_or_none)
{
  make_file ();
  refuse (0, GSL_EOF, "byte 0: the file ends after 0 of 1 bytes of a label");
  refuse (1, GSL_EOF, "byte 1: the file ends after 0 of 3072 bytes of an image");
  refuse (RECORD - 1, GSL_EOF, "byte 3072: the file ends after 3071 of 3072");
  refuse (RECORD + 1, GSL_EOF, "byte 3074: the file ends after 0 of 3072");
  refuse (65 * RECORD + 100, GSL_EOF, "ends after 99 of 3072");
  file[3 * RECORD] = 10;
  refuse (4 * RECORD, GSL_EINVAL, "record 3: label 10");
  sb_error error = { 0 };
  cr_assert_null (sb_cifar_read (scratch_path ("missing"), NULL, &error));
  refused (GSL_EFAILED, error.code);
  file[3 * RECORD] = 9;
  const size_t size = scratch_gzip (file, 4 * RECORD, packed, sizeof packed);
  scratch_write (scratch_path ("cut"), packed, size - 9);
  cr_assert_null (sb_cifar_read (scratch_path ("cut"), NULL, &error));
  refused (GSL_EOF, error.code, "%s", error.message);
}
