// # What must be true of the autoencoder of patches
//
// Images are small and uneven, 4 x 6 with three channels, so that a height taken for a width shows. The tests find
// their own way from a pixel to its patch.

#include "operator/patches.h"
#include "chain.h"
#include "dataset/safetensors.h"
#include "transition/marginal.h"
#include "sampler/pc.h"
#include "score/exact.h"
#include "scope.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
  HEIGHT = 4,
  WIDTH = 6,
  CHANNELS = 3,
  SIDE = 2,
  D = HEIGHT * WIDTH * CHANNELS,
  P = SIDE * SIDE * CHANNELS,
  ACROSS = WIDTH / SIDE,
  PATCHES = (HEIGHT / SIDE) * ACROSS
};

static char folder[] = "/tmp/test-patches-XXXXXX", path[64];
static gsl_rng *r;

static void
setup (void)
{
  scope_begin ();
  cr_assert_not_null (mkdtemp (folder));
  strcpy (stpcpy (path, folder), "/code.safetensors");
  r = scoped (gsl_rng_alloc (gsl_rng_mt19937));
}

static void
teardown (void)
{
  unlink (path);
  rmdir (folder);
  scope_end ();
}

TestSuite (patches, .init = setup, .fini = teardown);

// Where number `e` of patch `patch` lies in an image.

static size_t
place (size_t patch, size_t e)
{
  size_t channel = e % CHANNELS, column = e / CHANNELS % SIDE, line = e / CHANNELS / SIDE;
  size_t y = patch / ACROSS * SIDE + line, x = patch % ACROSS * SIDE + column;
  return (y * WIDTH + x) * CHANNELS + channel;
}

// Neighbouring numbers are correlated, so that there are directions to find.

static gsl_matrix *
random_images (size_t n)
{
  gsl_matrix *x = matrix (n, D);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < D; k++)
      gsl_matrix_set (x, i, k, 0.3 + gsl_ran_gaussian (r, 1) + (k ? 0.8 * gsl_matrix_get (x, i, k - 1) : 0));
  return x;
}

static sb_patches *
fitted (const gsl_matrix *x, size_t kept)
{
  sb_patches *c = scoped (sb_patches_fit (x, HEIGHT, WIDTH, CHANNELS, SIDE, kept));
  cr_assert_eq (sb_patches_latent (c), PATCHES * kept);
  return c;
}

static gsl_matrix *
encoded (const sb_patches *c, const gsl_matrix *x)
{
  gsl_matrix *z = matrix (x->size1, sb_patches_latent (c));
  ok (sb_patches_encode (c, x, z));
  return z;
}

static gsl_matrix *
decoded (const sb_patches *c, const gsl_matrix *z)
{
  gsl_matrix *x = matrix (z->size1, D);
  ok (sb_patches_decode (c, z, x));
  return x;
}

// ## The code
//
// Patches made of known directions with known strengths, whose coefficients are exactly uncorrelated: the signs of
// Walsh's functions over the eight patches of two images (4 x 4, of one channel). The fit must find mean, directions
// (but for their sign) and deviations, strongest first. [dsm2ddpm.set-ddpm-paintings]

Test (patches, finds_known_directions)
{
  const double mean[] = { 0.2, -1, 0.5, 3 }, strength[] = { 2, 0.5, 0.1 };
  const double direction[3][4] = { { 0.5, 0.5, 0.5, 0.5 }, { 0.5, -0.5, 0.5, -0.5 }, { 0.5, 0.5, -0.5, -0.5 } };
  gsl_matrix *x = matrix (2, 16);
  for (size_t j = 0; j < 8; j++)
    for (size_t e = 0; e < 4; e++)
      {
        const double walsh[] = { j & 1 ? -1 : 1, j & 2 ? -1 : 1, j & 4 ? -1 : 1 };
        double q = mean[e];
        for (size_t k = 0; k < 3; k++)
          q += walsh[k] * strength[k] * direction[k][e];
        size_t y = j / 2 % 2 * 2 + e / 2, across = j % 2 * 2 + e % 2;
        gsl_matrix_set (x, j / 4, y * 4 + across, q);
      }
  sb_patches *c = scoped (sb_patches_fit (x, 4, 4, 1, 2, 3));
  for (size_t e = 0; e < 4; e++)
    cr_assert_float_eq (gsl_vector_get (c->mean, e), mean[e], 1e-14);
  for (size_t k = 0; k < 3; k++)
    {
      double sign = gsl_matrix_get (c->basis, k, 0) > 0 ? 1 : -1;
      cr_assert_float_eq (gsl_vector_get (c->deviation, k), strength[k], 1e-14);
      for (size_t e = 0; e < 4; e++)
        cr_assert_float_eq (sign * gsl_matrix_get (c->basis, k, e), direction[k][e], 1e-13);
    }
  cr_assert_null (sb_patches_fit (x, 4, 4, 1, 2, 4), "there is no fourth direction");
}

// Decoding after encoding is the orthogonal projection: a second time changes nothing, and what is lost is orthogonal,
// patch by patch, to every direction kept. [dsm2ddpm.set-ddpm-paintings]

static void
check_loss_is_orthogonal (const sb_patches *c, const gsl_matrix *x, const gsl_matrix *once)
{
  for (size_t i = 0; i < x->size1; i++)
    for (size_t patch = 0; patch < PATCHES; patch++)
      for (size_t k = 0; k < c->kept; k++)
        {
          double product = 0;
          for (size_t e = 0; e < P; e++)
            product += gsl_matrix_get (c->basis, k, e)
                       * (gsl_matrix_get (x, i, place (patch, e)) - gsl_matrix_get (once, i, place (patch, e)));
          cr_assert_float_eq (product, 0, 1e-10, "%zu kept, image %zu, patch %zu, direction %zu: %g", c->kept, i, patch,
                              k, product);
        }
}

Test (patches, decode_after_encode_is_the_orthogonal_projection)
{
  gsl_matrix *x = random_images (40), *other = random_images (21);
  for (size_t kept = 1; kept < P; kept++)
    {
      sb_patches *c = fitted (x, kept);
      gsl_matrix *z = encoded (c, other), *once = decoded (c, z), *again = encoded (c, once),
                 *twice = decoded (c, again);
      cr_assert_lt (largest_difference (once, twice), 1e-10);
      cr_assert_gt (largest_difference (once, other), 0.05);
      check_loss_is_orthogonal (c, other, once);
    }
}

// With all directions kept nothing is lost. With fewer, what is lost of the images fitted is, in mean square, what the
// others would have kept.

Test (patches, what_is_lost_is_what_is_not_kept)
{
  gsl_matrix *x = random_images (40);
  sb_patches *all = fitted (x, P);
  for (size_t kept = 1; kept <= P; kept++)
    {
      sb_patches *c = fitted (x, kept);
      gsl_matrix *z = encoded (c, x), *y = decoded (c, z);
      double lost = 0, left_out = 0;
      for (size_t i = 0; i < x->size1; i++)
        for (size_t k = 0; k < D; k++)
          lost += gsl_pow_2 (gsl_matrix_get (x, i, k) - gsl_matrix_get (y, i, k)) / (double)(x->size1 * PATCHES);
      for (size_t k = kept; k < P; k++)
        left_out += gsl_pow_2 (gsl_vector_get (all->deviation, k));
      cr_assert_float_eq (lost, left_out, 1e-12);
      if (kept == P)
        cr_assert_lt (largest_difference (x, y), 1e-12);
    }
}

// Latents of the images fitted have the mean 0 and the mean square 1 in every component, and no correlations.
// [dsm2ddpm.set-ddpm-paintings]

Test (patches, latents_are_standardised)
{
  const size_t kept = 7;
  gsl_matrix *x = random_images (50);
  sb_patches *c = fitted (x, kept);
  gsl_matrix *z = encoded (c, x);
  for (size_t k = 0; k < kept; k++)
    {
      double mean = 0;
      for (size_t i = 0; i < x->size1; i++)
        for (size_t patch = 0; patch < PATCHES; patch++)
          mean += gsl_matrix_get (z, i, patch * kept + k) / (double)(x->size1 * PATCHES);
      cr_assert_float_eq (mean, 0, 1e-12);
      for (size_t l = 0; l <= k; l++)
        {
          double product = 0;
          for (size_t i = 0; i < x->size1; i++)
            for (size_t patch = 0; patch < PATCHES; patch++)
              product += gsl_matrix_get (z, i, patch * kept + k) * gsl_matrix_get (z, i, patch * kept + l)
                         / (double)(x->size1 * PATCHES);
          cr_assert_float_eq (product, k == l, 1e-12);
        }
    }
}

// Decoding undoes it exactly: any latents, decoded, have these latents. And one latent number moves one patch, along
// its direction, by its deviation. [dsm2ddpm.set-ddpm-paintings]

Test (patches, standardisation_is_undone_exactly)
{
  const size_t kept = 5;
  gsl_matrix *x = random_images (30);
  sb_patches *c = fitted (x, kept);
  gsl_matrix *z = matrix (20, PATCHES * kept);
  for (size_t i = 0; i < z->size1; i++)
    for (size_t k = 0; k < z->size2; k++)
      gsl_matrix_set (z, i, k, gsl_ran_gaussian (r, 1));
  gsl_matrix *y = decoded (c, z), *back = encoded (c, y);
  cr_assert_lt (largest_difference (z, back), 1e-12);
}

Test (patches, a_number_moves_its_patch)
{
  const size_t kept = 5;
  gsl_matrix *x = random_images (30), *z = matrix (PATCHES * kept, PATCHES * kept);
  sb_patches *c = fitted (x, kept);
  gsl_matrix_set_identity (z);
  gsl_matrix *y = decoded (c, z);
  for (size_t i = 0; i < z->size1; i++)
    for (size_t patch = 0; patch < PATCHES; patch++)
      for (size_t e = 0; e < P; e++)
        {
          double moved = patch == i / kept
                             ? gsl_vector_get (c->deviation, i % kept) * gsl_matrix_get (c->basis, i % kept, e)
                             : 0;
          cr_assert_float_eq (gsl_matrix_get (y, i, place (patch, e)), gsl_vector_get (c->mean, e) + moved, 1e-13);
        }
}

// The smallest images: a line of two pixels, each a patch. All three numbers of a pixel are kept, so nothing is lost.

Test (patches, a_line_of_pixels)
{
  gsl_matrix *x = matrix_of (2, 6, 1, 2, 4, 0, 3, 1, 5, 1, 2, 2, 7, 3), *y = matrix (2, 6), *z = matrix (2, 6);
  sb_patches *c = scoped (sb_patches_fit (x, 1, 2, 3, 1, 3));
  ok (sb_patches_encode (c, x, z));
  ok (sb_patches_decode (c, z, y));
  cr_assert_lt (largest_difference (y, x), 1e-13);
}

// Rows of a larger matrix do as well.

Test (patches, parts_of_a_matrix)
{
  gsl_matrix *x = random_images (18), *wide = matrix_all (18, D + 5, 0), *wide_z = matrix_all (18, 100, 0);
  gsl_matrix_view part = gsl_matrix_submatrix (wide, 0, 3, 18, D),
                  part_z = gsl_matrix_submatrix (wide_z, 0, 1, 18, PATCHES * 4);
  gsl_matrix_memcpy (&part.matrix, x);
  sb_patches *c = fitted (&part.matrix, 4);
  gsl_matrix *z = encoded (c, x), *y = decoded (c, z);
  ok (sb_patches_encode (c, &part.matrix, &part_z.matrix));
  cr_assert_eq (largest_difference (z, &part_z.matrix), 0);
  ok (sb_patches_decode (c, &part_z.matrix, &part.matrix));
  cr_assert_eq (largest_difference (y, &part.matrix), 0);
  for (size_t i = 0; i < 18; i++)
    cr_assert (gsl_matrix_get (wide, i, 2) == 0 && gsl_matrix_get (wide, i, 3 + D) == 0
               && gsl_matrix_get (wide_z, i, 0) == 0 && gsl_matrix_get (wide_z, i, 1 + PATCHES * 4) == 0);
}

// ## DDPM in latent space
//
// Latents with the law $\mathcal{N}(\mathbf{m}, S)$ and their exact score: the samples' mean and covariance are those
// of the recursion, and the decoded samples' are these carried through the decoder $W\mathbf{z} + \boldsymbol\mu$.
// 60,000 samples; a mean may be off by 6 standard errors (once in $10^8$ for each of 24 numbers), and a covariance of
// $a$ and $b$, whose standard error is $\sqrt{(C_{aa}C_{bb} + C_{ab}^2)/n}$, by 6.5. [dsm2ddpm.set-ddpm-paintings]

enum
{
  SAMPLES = 60000
};

static void
check_moments (const char *what, const gsl_matrix *x, const gsl_vector *mean, const gsl_matrix *C)
{
  const double n = (double)x->size1;
  for (size_t a = 0; a < x->size2; a++)
    {
      double sum = 0;
      for (size_t i = 0; i < x->size1; i++)
        sum += gsl_matrix_get (x, i, a) / n;
      cr_assert_float_eq (sum, gsl_vector_get (mean, a), 6 * sqrt (gsl_matrix_get (C, a, a) / n), "%s %zu: mean %g",
                          what, a, sum);
      for (size_t b = 0; b <= a; b++)
        {
          double product = 0, ab = gsl_matrix_get (C, a, b);
          double se = sqrt ((gsl_matrix_get (C, a, a) * gsl_matrix_get (C, b, b) + ab * ab) / n);
          for (size_t i = 0; i < x->size1; i++)
            product += (gsl_matrix_get (x, i, a) - gsl_vector_get (mean, a))
                       * (gsl_matrix_get (x, i, b) - gsl_vector_get (mean, b)) / n;
          cr_assert_float_eq (product, ab, 6.5 * se, "%s %zu, %zu: covariance %g, not %g", what, a, b, product, ab);
        }
    }
}

// Four patches of a 4 x 4 image, two numbers each.

static gsl_matrix *
decoder_matrix (const sb_patches *c)
{
  gsl_matrix *W = matrix_all (16, 8, 0);
  for (size_t patch = 0; patch < 4; patch++)
    for (size_t e = 0; e < 4; e++)
      for (size_t k = 0; k < 2; k++)
        gsl_matrix_set (W, (patch / 2 * 2 + e / 2) * 4 + patch % 2 * 2 + e % 2, patch * 2 + k,
                        gsl_matrix_get (c->basis, k, e) * gsl_vector_get (c->deviation, k));
  return W;
}

static gsl_matrix *
sample_latents (const sb_score *score, size_t T)
{
  sb_pc pc = { .step = sb_step_ancestral_upper, .final = SB_FINAL_SAMPLE };
  gsl_matrix *z = matrix (SAMPLES, 8);
  ok (sb_process_prior (score->process, (sb_stream){ 50, SB_FOR_PRIOR, 0 }, z));
  ok (sb_pc_sample (&pc, score, NULL, level_times (T, 0, T), (sb_stream){ 50, SB_FOR_PREDICTOR, 0 }, z, NULL));
  return z;
}

// The latents' law: of images of another kind than those fitted, so that it is not standard.

static gsl_matrix *
small_images (size_t n, double mean, double memory)
{
  gsl_matrix *x = matrix (n, 16);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < 16; k++)
      gsl_matrix_set (x, i, k, mean + gsl_ran_gaussian (r, 1) + (k ? memory * gsl_matrix_get (x, i, k - 1) : 0));
  return x;
}

static void
latent_law (const sb_patches *c, gsl_vector *m, gsl_matrix *S)
{
  enum
  {
    N = 30
  };
  gsl_matrix *x = small_images (N, 0.5, 0.9), *z = encoded (c, x);
  gsl_matrix_set_zero (S);
  gsl_vector_set_zero (m);
  for (size_t i = 0; i < N; i++)
    {
      gsl_vector_view row = gsl_matrix_row (z, i);
      gsl_blas_daxpy (1. / N, &row.vector, m);
    }
  for (size_t i = 0; i < N; i++)
    {
      gsl_vector_view row = gsl_matrix_row (z, i);
      gsl_vector_sub (&row.vector, m);
      gsl_blas_dger (1. / N, &row.vector, &row.vector, S);
    }
}

static void
check_decoded (const sb_patches *c, const gsl_matrix *z, const gsl_vector *mean, const gsl_matrix *C)
{
  gsl_matrix *y = matrix (z->size1, 16), *W = decoder_matrix (c), *WC = matrix (16, 8), *WCW = matrix (16, 16);
  gsl_vector *mu = vector (16);
  ok (sb_patches_decode (c, z, y));
  for (size_t k = 0; k < 16; k++)
    gsl_vector_set (mu, k, gsl_vector_get (c->mean, k / 4 % 2 * 2 + k % 2));
  gsl_blas_dgemv (CblasNoTrans, 1, W, mean, 1, mu);
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, W, C, 0, WC);
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, WC, W, 0, WCW);
  check_moments ("pixel", y, mu, WCW);
}

Test (patches, ddpm_in_latent_space)
{
  chain steps;
  chain_small (&steps);
  gsl_matrix *x = small_images (40, 1, 0.7), *S = matrix (8, 8), *C = matrix (8, 8);
  gsl_vector *m = vector (8), *mean = vector (8);
  sb_patches *c = scoped (sb_patches_fit (x, 4, 4, 1, 2, 2));
  latent_law (c, m, S);

  sb_process *ddpm = chain_alloc (&steps, 8);
  sb_target *data = scoped (sb_target_gaussian_alloc (m, S));
  sb_score *score = scoped (sb_score_exact_alloc (data, ddpm));
  const sb_reverse reverse
      = { .score = score, .view = SB_EPSILON, .variance = SB_VARIANCE_BETA, .last = SB_VARIANCE_BETA };
  ok (sb_marginal_chain (&reverse, mean, C));
  gsl_matrix *z = sample_latents (score, steps.T);
  check_moments ("latent", z, mean, C);
  check_decoded (c, z, mean, C);
}

// ## In a file
//
// It comes back as it was, but for single precision, and is a projection again.

Test (patches, come_back_as_they_were)
{
  const size_t kept = 6;
  gsl_matrix *x = random_images (40);
  sb_patches *c = fitted (x, kept);
  sb_error error = { 0 };
  ok (sb_patches_write (c, "images of this test", path, &error), "%s", error.message);
  sb_patches *back = scoped (sb_patches_read (path, &error), "%s", error.message);
  cr_assert (back->height == HEIGHT && back->width == WIDTH && back->channels == CHANNELS && back->side == SIDE
             && back->kept == kept);
  gsl_matrix *z = encoded (c, x), *y = encoded (back, x), *once = decoded (back, y), *again = encoded (back, once);
  cr_assert_lt (largest_difference (z, y), 2e-5);
  cr_assert_lt (largest_difference (y, again), 1e-12);
  cr_assert_lt (largest_difference (c->basis, back->basis), 1e-6);
  cr_assert_neq (largest_difference (c->basis, back->basis), 0, "single precision rounds");
  for (size_t k = 0; k < kept; k++)
    cr_assert_float_eq (gsl_vector_get (back->deviation, k) / gsl_vector_get (c->deviation, k), 1, 6e-8);
  for (size_t e = 0; e < P; e++)
    cr_assert_float_eq (gsl_vector_get (back->mean, e) / gsl_vector_get (c->mean, e), 1, 6e-8);

  sb_tensors *tensors = scoped (sb_safetensors_read (path, &error));
  cr_assert_str_eq (sb_tensors_note_find (tensors, "of"), "images of this test");
}

// ## What is refused
//
// A valid file, of two directions in patches of 2 x 2 pixels and one channel, and one thing after another made wrong.

typedef struct
{
  const char *image, *complaint;
  size_t rank, size[4], mean, deviation;
  float last_deviation, first, second; // the first direction is (first, second, 0, 0), the other (0, 1, 0, 0)
} fault;

static void
is_refused (fault f)
{
  static float numbers[64], mean[64], deviation[64];
  sb_error error = { 0 };
  sb_tensors *tensors = scoped (sb_tensors_alloc ());
  deviation[0] = 2;
  deviation[1] = f.last_deviation;
  memset (numbers, 0, sizeof numbers);
  numbers[0] = f.first;
  numbers[1] = f.second;
  numbers[5] = 1;
  if (f.mean)
    ok (sb_tensors_add (tensors, "mean", 1, &f.mean, mean));
  if (f.rank)
    ok (sb_tensors_add (tensors, "basis", f.rank, f.size, numbers));
  if (f.deviation)
    ok (sb_tensors_add (tensors, "deviation", 1, &f.deviation, deviation));
  if (f.image)
    ok (sb_tensors_note_add (tensors, "image", f.image));
  ok (sb_safetensors_write (tensors, path, &error), "%s", error.message);

  sb_patches *c = sb_patches_read (path, &error);
  if (!f.complaint)
    cr_assert_not_null (c, "%s", error.message);
  else
    {
      cr_assert_null (c, "not refused: %s", f.complaint);
      refused (GSL_EINVAL, error.code);
      cr_assert (strstr (error.message, f.complaint) && strstr (error.message, path), "%s", error.message);
    }
  sb_patches_free (c);
}

Test (patches, a_file_that_holds_something_else_is_refused)
{
  is_refused ((fault){ "1x4x4", NULL, 4, { 2, 2, 2, 1 }, 4, 2, 0.5f, 1, 0 });
  is_refused ((fault){ "1x4x4", NULL, 4, { 2, 2, 2, 1 }, 4, 2, 0.5f, 1.00001f, 1e-5f });
  is_refused ((fault){ NULL, "no autoencoder", 4, { 2, 2, 2, 1 }, 4, 2, 0.5f, 1, 0 });
  is_refused ((fault){ "1x4x4", "no autoencoder", 4, { 2, 2, 2, 1 }, 0, 2, 0.5f, 1, 0 });
  is_refused ((fault){ "1x4x4", "no autoencoder", 0, { 2, 2, 2, 1 }, 4, 2, 0.5f, 1, 0 });
  is_refused ((fault){ "1x4x4", "no autoencoder", 4, { 2, 2, 2, 1 }, 4, 0, 0.5f, 1, 0 });
  is_refused ((fault){ "1x4", "note image", 4, { 2, 2, 2, 1 }, 4, 2, 0.5f, 1, 0 });
  is_refused ((fault){ "1x4x4x", "note image", 4, { 2, 2, 2, 1 }, 4, 2, 0.5f, 1, 0 });
  is_refused ((fault){ "1x4x-4", "note image", 4, { 2, 2, 2, 1 }, 4, 2, 0.5f, 1, 0 });
  is_refused ((fault){ "1x4x4", "basis: its sizes", 3, { 2, 2, 2, 1 }, 4, 2, 0.5f, 1, 0 });
  is_refused ((fault){ "1x4x4", "basis: its sizes", 4, { 2, 2, 3, 1 }, 4, 2, 0.5f, 1, 0 });
  is_refused ((fault){ "3x4x4", "basis: its sizes", 4, { 2, 2, 2, 1 }, 4, 2, 0.5f, 1, 0 });
  is_refused ((fault){ "1x4x5", "do not fit", 4, { 2, 2, 2, 1 }, 4, 2, 0.5f, 1, 0 });
  is_refused ((fault){ "1x5x4", "do not fit", 4, { 2, 2, 2, 1 }, 4, 2, 0.5f, 1, 0 });
  is_refused ((fault){ "1x0x4", "do not fit", 4, { 2, 2, 2, 1 }, 4, 2, 0.5f, 1, 0 });
  is_refused ((fault){ "1x4x4", "do not fit", 4, { 5, 2, 2, 1 }, 4, 5, 0.5f, 1, 0 });
  is_refused ((fault){ "1x4294967296x4", "do not fit", 4, { 2, 2, 2, 1 }, 4, 2, 0.5f, 1, 0 });
  is_refused ((fault){ "1x4x4", "mean and deviation", 4, { 2, 2, 2, 1 }, 3, 2, 0.5f, 1, 0 });
  is_refused ((fault){ "1x4x4", "mean and deviation", 4, { 2, 2, 2, 1 }, 4, 3, 0.5f, 1, 0 });
  is_refused ((fault){ "1x4x4", "not positive", 4, { 2, 2, 2, 1 }, 4, 2, 0, 1, 0 });
  is_refused ((fault){ "1x4x4", "orthonormal", 4, { 2, 2, 2, 1 }, 4, 2, 0.5f, 1.001f, 0 });
  is_refused ((fault){ "1x4x4", "orthonormal", 4, { 2, 2, 2, 1 }, 4, 2, 0.5f, 1, 0.001f });

  sb_error error = { 0 };
  cr_assert_null (sb_patches_read ("/nowhere/code.safetensors", &error));
  refused (GSL_EFAILED, error.code);
}

// Nothing half-written: into a folder that is not there.

Test (patches, writing_where_nothing_can_be_written_is_an_error)
{
  gsl_matrix *x = random_images (10);
  sb_patches *c = fitted (x, 2);
  sb_error error = { 0 };
  refused (GSL_EFAILED, sb_patches_write (c, "", "/nowhere/code.safetensors", &error));
  cr_assert (strstr (error.message, "/nowhere/code.safetensors"));
}

static int last_code;

static void
keep_code (const char *reason, const char *file, int line, int code)
{
  (void)reason;
  (void)file;
  (void)line;
  last_code = code;
}

static void
fit_fails (const gsl_matrix *x, size_t height, size_t width, size_t channels, size_t side, size_t kept, int code)
{
  last_code = 0;
  cr_assert_null (sb_patches_fit (x, height, width, channels, side, kept));
  cr_assert_eq (last_code, code, "%zu x %zu x %zu, side %zu, %zu kept: %s", height, width, channels, side, kept,
                gsl_strerror (last_code));
}

Test (patches, sizes_that_do_not_fit_are_errors)
{
  const size_t kept = 2;
  gsl_set_error_handler (keep_code);
  gsl_matrix *x = random_images (10);
  fit_fails (x, 0, WIDTH, CHANNELS, SIDE, kept, GSL_EINVAL);
  fit_fails (x, HEIGHT, 0, CHANNELS, SIDE, kept, GSL_EINVAL);
  fit_fails (x, HEIGHT, WIDTH, 0, SIDE, kept, GSL_EINVAL);
  fit_fails (x, HEIGHT, WIDTH, CHANNELS, 0, kept, GSL_EINVAL);
  fit_fails (x, HEIGHT, WIDTH, CHANNELS, SIDE, 0, GSL_EINVAL);
  fit_fails (x, HEIGHT, WIDTH, CHANNELS, SIDE, P + 1, GSL_EINVAL);
  fit_fails (x, HEIGHT, WIDTH, CHANNELS, 3, kept, GSL_EINVAL);
  fit_fails (x, HEIGHT, WIDTH, CHANNELS, 4, kept, GSL_EINVAL);
  fit_fails (x, (1 << 16) + 2, WIDTH, CHANNELS, SIDE, kept, GSL_EINVAL);
  fit_fails (x, HEIGHT, (1 << 16) + 2, CHANNELS, SIDE, kept, GSL_EINVAL);
  fit_fails (x, HEIGHT, WIDTH, (1 << 16) + 1, SIDE, kept, GSL_EINVAL);
  fit_fails (x, HEIGHT, WIDTH + 2, CHANNELS, SIDE, kept, GSL_EBADLEN);
  fit_fails (x, 1 << 16, WIDTH, CHANNELS, SIDE, kept, GSL_EBADLEN);
  gsl_matrix none = *x;
  none.size1 = 0;
  fit_fails (&none, HEIGHT, WIDTH, CHANNELS, SIDE, kept, GSL_EINVAL);

  gsl_matrix_set_all (x, 0.5);
  fit_fails (x, HEIGHT, WIDTH, CHANNELS, SIDE, 1, GSL_ESING);
  gsl_matrix_set (x, 3, 7, GSL_NAN);
  fit_fails (x, HEIGHT, WIDTH, CHANNELS, SIDE, 1, GSL_EDOM);
  gsl_matrix_set (x, 3, 7, GSL_POSINF);
  fit_fails (x, HEIGHT, WIDTH, CHANNELS, SIDE, 1, GSL_EDOM);
}

Test (patches, batches_that_do_not_fit_are_errors)
{
  const size_t kept = 2;
  gsl_matrix *x = random_images (10), *z = matrix (10, PATCHES * kept), *nine = matrix (9, D);
  sb_patches *c = fitted (x, kept);
  refused (GSL_EBADLEN, sb_patches_encode (c, z, z));
  refused (GSL_EBADLEN, sb_patches_encode (c, x, x));
  refused (GSL_EBADLEN, sb_patches_encode (c, nine, z));
  refused (GSL_EBADLEN, sb_patches_decode (c, x, x));
  refused (GSL_EBADLEN, sb_patches_decode (c, z, z));
  refused (GSL_EBADLEN, sb_patches_decode (c, z, nine));
  sb_patches_free (NULL);
}
