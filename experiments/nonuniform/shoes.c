// # Shoes among clothes
//
// [nonuniform.set-data] For the sketches of shoes: an IDX file of those of Fashion-MNIST's images whose labels are 5, 7
// or 9, in their order.

#include "../results.h"

#include <scorebook.h>
#include <stdlib.h>

static bool
is_shoe (int label)
{
  return label == 5 || label == 7 || label == 9;
}

static void
write_number (FILE *to, size_t number)
{
  for (int shift = 24; shift >= 0; shift -= 8)
    putc ((int)(number >> shift & 255), to);
}

int
main (int argc, char **argv)
{
  sb_error error = { 0 };
  if (argc != 4)
    {
      fputs ("shoes-driver: IMAGES LABELS OUTPUT\n", stderr);
      return 2;
    }
  sb_bytes *images = require_pointer (sb_idx_read (argv[1], &error), error.message),
           *labels = require_pointer (sb_idx_read (argv[2], &error), error.message);
  const size_t n = images->shape.length[0], d = sb_shape_count (&images->shape, 1, SIZE_MAX - 1);
  require (images->shape.rank == 3 && labels->shape.length[0] == n ? GSL_SUCCESS : GSL_EBADLEN, argv[1]);
  size_t count = 0;
  for (size_t i = 0; i < n; i++)
    count += is_shoe (labels->data[i]);

  // Write the header, and the images that are shoes.
  sb_file *file = require_pointer (sb_file_create (argv[3], &error), error.message);
  write_number (file->stream, 0x803);
  write_number (file->stream, count);
  write_number (file->stream, images->shape.length[1]);
  write_number (file->stream, images->shape.length[2]);
  for (size_t i = 0; i < n; i++)
    if (is_shoe (labels->data[i]))
      fwrite (images->data + i * d, 1, d, file->stream);
  require (sb_file_commit (file, &error), error.message);
  sb_bytes_free (images);
  sb_bytes_free (labels);
  return EXIT_SUCCESS;
}
