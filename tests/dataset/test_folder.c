// # What must be true of folders of pictures, and of images of another size

#include "dataset/folder.h"
#include "dataset/png.h"
#include "property.h"
#include "scope.h"
#include "scratch.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

TestSuite (folder, .init = scratch_begin, .fini = scratch_end);

// A picture whose bytes rise from `first` by one.

static void
draw (const char *name, size_t height, size_t width, size_t channels, int first)
{
  const sb_png_grid grid
      = { .height = height, .width = width, .channels = channels, .columns = 1, .low = 0, .high = 255 };
  gsl_matrix *x = matrix (1, height * width * channels);
  for (size_t k = 0; k < x->size2; k++)
    gsl_matrix_set (x, 0, k, (double)((size_t)first + k));
  ok (sb_png_write (scratch_path (name), x, &grid, NULL));
}

static const char *
folder (void)
{
  return scratch_path (".");
}

// In the order of the names' bytes, capitals first, "10" before "9"; what is no PNG file by its name is passed over.

Test (folder, is_an_array_of_its_pictures)
{
  const char *const names[] = { "B.PNG", "a10.png", "a9.png", "b.Png" };
  for (int k = 3; k >= 0; k--)
    draw (names[k], 2, 3, 3, 20 * k);
  scratch_write (scratch_path ("labels.txt"), "no picture", 10);
  scratch_write (scratch_path (".png"), "no name", 7);
  sb_error error = { 0 };
  sb_bytes *all = scoped (sb_folder_read (folder (), 0, &error), "%s", error.message);
  const size_t *length = all->shape.length;
  cr_assert (all->shape.rank == 4 && length[0] == 4 && length[1] == 2 && length[2] == 3 && length[3] == 3);
  for (size_t k = 0; k < 72; k++)
    cr_assert_eq (all->data[k], 20 * (k / 18) + k % 18);
}

Test (folder, of_grey_pictures)
{
  draw ("one.png", 2, 2, 1, 5);
  sb_bytes *all = scoped (sb_folder_read (folder (), 0, NULL));
  cr_assert (all->shape.length[0] == 1 && all->shape.length[3] == 1 && all->data[3] == 8);
}

static void
refuse (int status, size_t height, const char *words)
{
  sb_error error = { 0 };
  cr_assert_null (sb_folder_read (folder (), height, &error));
  refused (status, error.code, "%s", error.message);
  cr_assert (strstr (error.message, words), "no '%s' in: %s", words, error.message);
}

Test (folder, names_the_picture_of_another_size)
{
  refuse (GSL_EINVAL, 0, "a folder without PNG files");
  draw ("a.png", 2, 3, 3, 0);
  draw ("c.png", 2, 3, 3, 0);
  draw ("b.png", 3, 2, 3, 0);
  refuse (GSL_EBADLEN, 0, "b.png: 3 x 2 pixels of 3 channels, and a.png has 2 x 3 of 3");
  refuse (GSL_EBADLEN, 4, "b.png: 4 x 3 pixels of 3 channels, and a.png has 4 x 6 of 3");
  cr_assert_null (sb_folder_read (folder (), 0, NULL)); // nobody asks why
  draw ("b.png", 2, 3, 1, 0);
  refuse (GSL_EBADLEN, 0, "b.png: 2 x 3 pixels of 1 channels");
  draw ("b.png", 4, 6, 3, 0);
  sb_bytes *all = scoped (sb_folder_read (folder (), 2, NULL));
  cr_assert (all->shape.length[0] == 3 && all->shape.length[1] == 2 && all->shape.length[2] == 3);
  refuse (GSL_EINVAL, 1 << 17, "a.png: images of 2 x 3 cannot be made");
  scratch_write (scratch_path ("b.png"), "no picture", 10);
  refuse (GSL_EINVAL, 0, "b.png");
  remove (scratch_path ("b.png"));
  ok (mkdir (scratch_path ("b.png"), 0700));
  refuse (GSL_EFAILED, 0, "b.png: cannot be opened: Is a directory");
  remove (scratch_path ("b.png"));
  sb_error error = { 0 };
  cr_assert_null (sb_folder_read (scratch_path ("missing"), 0, &error));
  refused (GSL_EFAILED, error.code);
  cr_assert_null (sb_folder_read (scratch_path ("a.png"), 0, &error));
  refused (GSL_EFAILED, error.code);
}

// ## Another size
//
// Halved, a pixel is the mean of four, and a half is rounded up; the same size changes nothing; doubled, a pixel is
// there four times; of three columns made two the middle one is shared.

static void
check_resized (sb_bytes image, size_t height, size_t width, const unsigned char *expected)
{
  sb_bytes *made = scoped (sb_bytes_resize (&image, height, "an image", NULL));
  const size_t channels = image.shape.rank == 4 ? image.shape.length[3] : 1;
  cr_assert (made->shape.rank == image.shape.rank && made->shape.length[1] == height && made->shape.length[2] == width);
  cr_assert_eq (memcmp (made->data, expected, height * width * channels), 0, "%d %d ...", made->data[0], made->data[1]);
}

Test (folder, sizes_by_hand)
{
  unsigned char four[] = { 0, 1, 2, 3, 10, 20, 30, 255, 255, 255, 254, 255, 7, 7, 7, 7 }, three[] = { 30, 60, 90 };
  const sb_bytes square = { { 3, { 1, 4, 4 } }, four }, pairs = { { 4, { 1, 4, 2, 2 } }, four },
                 tall = { { 3, { 1, 3, 1 } }, three };
  check_resized (square, 4, 4, four);
  check_resized (square, 2, 2, (unsigned char[]){ 8, 73, 131, 131 }); // (0 + 1 + 10 + 20) / 4 = 7.75, 72.5, ...
  check_resized (square, 1, 1, (unsigned char[]){ 86 });              // 1373 / 16 = 85.8
  check_resized (pairs, 2, 1, (unsigned char[]){ 11, 70, 131, 131 });
  check_resized (tall, 2, 1, (unsigned char[]){ 40, 80 }); // (30 + 60 / 2) / 1.5
  check_resized (tall, 6, 2, (unsigned char[]){ 30, 30, 30, 30, 60, 60, 60, 60, 90, 90, 90, 90 });
}

// Of any sizes: an image of one value stays so, and the mean of all pixels stays within half a byte.

static double
mean_stays (const double *v, void *context)
{
  (void)context;
  const size_t h = (size_t)v[0], w = (size_t)v[1], H = (size_t)v[2], n = 2;
  gsl_rng *r = property_rng (v[3]);
  unsigned char *data = scoped (malloc (n * h * w));
  for (size_t k = 0; k < h * w; k++)
    {
      data[k] = (unsigned char)gsl_rng_uniform_int (r, 256);
      data[h * w + k] = 77;
    }
  const sb_bytes images = { { 3, { n, h, w } }, data };
  sb_bytes *made = scoped (sb_bytes_resize (&images, H, "images", NULL));
  const size_t W = made->shape.length[2];
  double was = 0, is = 0, wrong = fabs ((double)W - GSL_MAX_DBL (1, (double)(w * H) / (double)h)) - 0.5;
  for (size_t k = 0; k < h * w; k++)
    was += data[k] / (double)(h * w);
  for (size_t k = 0; k < H * W; k++)
    {
      is += made->data[k] / (double)(H * W);
      wrong = larger (wrong, fabs (made->data[H * W + k] - 77.));
    }
  return fmax (wrong, fabs (is - was) - 0.5);
}

Test (folder, means_stay)
{
  property_check ("the mean of an image stays", 1, 300, 4,
                  (property_parameter[]){ { "height", PROPERTY_INTEGER, 1, 20, 1 },
                                          { "width", PROPERTY_INTEGER, 1, 20, 1 },
                                          { "new height", PROPERTY_INTEGER, 1, 20, 1 },
                                          { "seed", PROPERTY_INTEGER, 0, 1e6, 0 } },
                  mean_stays, NULL, 1e-9);
}

Test (folder, sizes_that_are_none)
{
  unsigned char data[6] = { 0 };
  sb_error error = { 0 };
  const sb_bytes points = { { 2, { 3, 2 } }, data }, thin = { { 3, { 1, 1, 6 } }, data };
  cr_assert_null (sb_bytes_resize (&points, 2, "points", &error));
  refused (GSL_EINVAL, error.code);
  cr_assert_null (sb_bytes_resize (&thin, 0, "thin", &error));
  refused (GSL_EINVAL, error.code);
  const sb_bytes tall = { { 3, { 1, (1 << 16) + 1, 1 } }, data }, wide = { { 3, { 1, 1, (1 << 16) + 1 } }, data };
  cr_assert_null (sb_bytes_resize (&tall, 1, "tall", &error));
  refused (GSL_EINVAL, error.code);
  cr_assert_null (sb_bytes_resize (&wide, 1, "wide", &error));
  refused (GSL_EINVAL, error.code);
  cr_assert_null (sb_bytes_resize (&thin, 1 << 16, "thin", &error));
  refused (GSL_EUNSUP, error.code);
}
