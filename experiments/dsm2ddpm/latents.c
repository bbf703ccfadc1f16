// # Latents of faces
//
// What a latent model is trained on, and what becomes of its samples: [dsm2ddpm.set-ddpm-paintings]
//
//     latents-driver encode FACES.idx CODE.safetensors LATENTS.npy
//     latents-driver decode CODE.safetensors LATENTS.npy IMAGES.npy
//
// The first fits the autoencoder of patches to the first few thousand faces, writes it, and the latents of all faces as
// an array of shape (n, height, width, kept). The second brings latents back, as an array of shape (n, height, width,
// channels).

#include "../faces.h"

#include <stdlib.h>
#include <string.h>

enum
{
  PATCH = 8,     // pixels, both ways
  KEPT = 16,     // components of a patch
  FITTED = 4000, // faces
  CHUNK = 256    // faces at a time
};

static void
write_array (const char *path, const gsl_matrix *x, size_t height, size_t width, size_t channels)
{
  sb_error error = { 0 };
  const sb_shape shape = { 4, { x->size1, height, width, channels } };
  stop_unless (!sb_npy_write (path, x, &shape, SB_NPY_FLOAT32, &error), &error);
}

static sb_patches *
fit (const sb_bytes *faces, const char *of, const char *path)
{
  sb_error error = { 0 };
  const size_t *size = faces->shape.length;
  gsl_matrix *x = faces_rows (faces, 0, size[0] < FITTED ? size[0] : FITTED);
  sb_patches *code = require_pointer (sb_patches_fit (x, size[1], size[2], size[3], PATCH, KEPT), "fitting patches");
  stop_unless (!sb_patches_write (code, of, path, &error), &error);
  gsl_matrix_free (x);
  sb_patches_free (code);
  code = sb_patches_read (path, &error); // in single precision, as it will be read for decoding
  stop_unless (code != NULL, &error);
  return code;
}

static void
encode (const char *faces_path, const char *code_path, const char *latents_path)
{
  sb_bytes *faces = faces_read (faces_path);
  const char *slash = strrchr (faces_path, '/');
  sb_patches *code = fit (faces, slash ? slash + 1 : faces_path, code_path);
  size_t count = faces->shape.length[0];
  gsl_matrix *z = require_pointer (gsl_matrix_alloc (count, sb_patches_latent (code)), "latents");
  for (size_t i = 0; i < count; i += CHUNK)
    {
      size_t n = count - i < CHUNK ? count - i : CHUNK;
      gsl_matrix *x = faces_rows (faces, i, n);
      gsl_matrix_view to = gsl_matrix_submatrix (z, i, 0, n, z->size2);
      require (sb_patches_encode (code, x, &to.matrix), "encoding");
      gsl_matrix_free (x);
    }
  write_array (latents_path, z, code->height / PATCH, code->width / PATCH, KEPT);
  gsl_matrix_free (z);
  sb_patches_free (code);
  sb_bytes_free (faces);
}

static void
decode (const char *code_path, const char *latents_path, const char *images_path)
{
  sb_error error = { 0 };
  sb_patches *code = sb_patches_read (code_path, &error);
  stop_unless (code != NULL, &error);
  gsl_matrix *z = sb_npy_read (latents_path, NULL, &error);
  stop_unless (z != NULL, &error);
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (z->size1, code->height * code->width * code->channels), "images");
  require (sb_patches_decode (code, z, x), latents_path);
  write_array (images_path, x, code->height, code->width, code->channels);
  gsl_matrix_free (x);
  gsl_matrix_free (z);
  sb_patches_free (code);
}

int
main (int argc, char **argv)
{
  gsl_set_error_handler_off ();
  sb_blas_single_threaded ();
  if (argc == 5 && strcmp (argv[1], "encode") == 0)
    encode (argv[2], argv[3], argv[4]);
  else if (argc == 5 && strcmp (argv[1], "decode") == 0)
    decode (argv[2], argv[3], argv[4]);
  else
    {
      fputs ("usage: latents-driver encode FACES.idx CODE.safetensors LATENTS.npy\n"
             "       latents-driver decode CODE.safetensors LATENTS.npy IMAGES.npy\n",
             stderr);
      return 2;
    }
  return EXIT_SUCCESS;
}
