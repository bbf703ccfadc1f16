// # Figure 8: faces from latents
//
// DDPM on the latents of 64x64 faces, 8 x 8 places of 16 numbers, one twelfth of the pixels' numbers; what it draws is
// decoded. [dsm2ddpm.fig8]

#include "../faces.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

enum
{
  SIDE_64 = 64,
  SHOWN = 21, // in the figure
  SEEDS = 3
};

// ## There and back
//
// Decoded latents, clipped to what a picture can show.

static gsl_matrix *
encoded (const sb_patches *code, const gsl_matrix *x)
{
  gsl_matrix *z = require_pointer (gsl_matrix_alloc (x->size1, sb_patches_latent (code)), "latents");
  require (sb_patches_encode (code, x, z), "encoding");
  return z;
}

static gsl_matrix *
decoded (const sb_patches *code, const gsl_matrix *z)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (z->size1, face_size (SIDE_64)), "faces");
  require (sb_patches_decode (code, z, x), "decoding");
  clip (x);
  return x;
}

static gsl_matrix *
latents_drawn (const results *r, const sb_patches *code, const char *name)
{
  char path[4096];
  snprintf (path, sizeof path, "%s-%s.npy", r->out, name);
  return rows_of_file (path, sb_patches_latent (code));
}

static gsl_matrix *
noise_latents (const results *r, const sb_patches *code, size_t n, size_t k)
{
  gsl_matrix *z = require_pointer (gsl_matrix_alloc (n, sb_patches_latent (code)), "noise");
  require (sb_stream_normals ((sb_stream){ .seed = r->seed + k, .purpose = SB_FOR_USER }, 0, z), "noise");
  return z;
}

// ## How far from the training faces
//
// The best that decoding can give is what it makes of encoded faces, here of test faces; the worst, what it makes of
// noise. What the model draws must lie between, whichever seed it began with.

typedef struct
{
  double faces, reconstructions, drawn[SEEDS], noise[SEEDS];
} distances;

static double
measured (results *r, const char *row, kind what, const sb_moments_file *training, const gsl_matrix *x)
{
  char note[96];
  double distance = frechet_to (training, what, x, SIDE_64);
  snprintf (note, sizeof note, "n = %zu, to the moments of %zu training faces; %s", x->size1, training->count,
            kind_note[what]);
  results_row (r, row, what == BY_MEANS ? "Frechet distance / block means" : "Frechet distance / random filters", "",
               distance, -1, "", note);
  return distance;
}

static distances
measure (results *r, const sb_patches *code, kind what, size_t n, bool drawn)
{
  distances d;
  sb_moments_file *training = training_moments (what, SIDE_64);
  gsl_matrix *test = test_faces (SIDE_64, n), *z = encoded (code, test), *back = decoded (code, z);
  d.faces = measured (r, "test faces", what, training, test);
  d.reconstructions = measured (r, "test faces, encoded and decoded", what, training, back);
  for (size_t k = 0; k < SEEDS; k++)
    {
      char row[64], name[32];
      gsl_matrix *noise = noise_latents (r, code, n, k + 1), *x = decoded (code, noise);
      snprintf (row, sizeof row, "noise, decoded, seed %zu", k + 1);
      d.noise[k] = measured (r, row, what, training, x);
      gsl_matrix_free (noise);
      gsl_matrix_free (x);
      if (!drawn)
        continue;
      snprintf (name, sizeof name, "latents-%zu", k + 1);
      snprintf (row, sizeof row, "DDPM on latents, seed %zu", k + 1);
      noise = latents_drawn (r, code, name);
      x = decoded (code, noise);
      d.drawn[k] = measured (r, row, what, training, x);
      gsl_matrix_free (noise);
      gsl_matrix_free (x);
    }
  gsl_matrix_free (test);
  gsl_matrix_free (z);
  gsl_matrix_free (back);
  sb_moments_file_free (training);
  return d;
}

static void
claim_order (results *r, kind what, const distances *d)
{
  char claim[160];
  bool holds = true;
  for (size_t k = 0; k < SEEDS; k++)
    holds = holds && d->reconstructions <= d->drawn[k] && d->drawn[k] < d->noise[k];
  snprintf (claim, sizeof claim,
            "By %s, reconstructions are at most as far as DDPM's samples, and these nearer than decoded noise",
            what == BY_MEANS ? "block means" : "random filters");
  results_claim (
      r, claim, holds, "reconstructions %.3g; DDPM %.3g, %.3g, %.3g; noise %.3g, %.3g, %.3g; test faces %.3g",
      d->reconstructions, d->drawn[0], d->drawn[1], d->drawn[2], d->noise[0], d->noise[1], d->noise[2], d->faces);
}

// ## The latents' moments
//
// Of all samples together. The mean of every number against that of the training faces' latents, as a distance relative
// to the length of that; and the covariance of the channels over all places, likewise (Frobenius). The training faces'
// latents have the identity there, which is how they were standardised. Test faces show how far as many faces are by
// chance.

typedef struct
{
  double mean, covariance;
} deviations;

static gsl_matrix *
channel_covariance (const gsl_matrix *z, size_t channels)
{
  gsl_matrix_const_view places = gsl_matrix_const_view_array (z->data, z->size1 * z->size2 / channels, channels);
  gsl_vector *mean = require_pointer (gsl_vector_alloc (channels), "moments");
  gsl_matrix *C = require_pointer (gsl_matrix_alloc (channels, channels), "moments");
  require (sb_sample_moments (&places.matrix, mean, C), "moments");
  gsl_vector_free (mean);
  return C;
}

static deviations
deviations_of (const sb_patches *code, const gsl_matrix *z, const gsl_matrix *numbers)
{
  double off = 0, length = 0, off_C = 0;
  for (size_t k = 0; k < z->size2; k++)
    {
      double sum = 0, expected = gsl_matrix_get (numbers, 0, k);
      for (size_t i = 0; i < z->size1; i++)
        sum += gsl_matrix_get (z, i, k) / (double)z->size1;
      off += gsl_pow_2 (sum - expected);
      length += gsl_pow_2 (expected);
    }
  gsl_matrix *C = channel_covariance (z, code->kept);
  for (size_t a = 0; a < code->kept; a++)
    for (size_t b = 0; b < code->kept; b++)
      off_C += gsl_pow_2 (gsl_matrix_get (C, a, b) - (a == b));
  gsl_matrix_free (C);
  return (deviations){ sqrt (off / length), sqrt (off_C / (double)code->kept) };
}

static gsl_matrix *
all_drawn (const results *r, const sb_patches *code)
{
  gsl_matrix *all = NULL;
  for (size_t k = 0; k < SEEDS; k++)
    {
      char name[32];
      snprintf (name, sizeof name, "latents-%zu", k + 1);
      gsl_matrix *z = latents_drawn (r, code, name);
      if (!all)
        all = require_pointer (gsl_matrix_alloc (SEEDS * z->size1, z->size2), "latents");
      gsl_matrix_view to = gsl_matrix_submatrix (all, k * z->size1, 0, z->size1, z->size2);
      gsl_matrix_memcpy (&to.matrix, z);
      gsl_matrix_free (z);
    }
  return all;
}

static void
put_deviations (results *r, const char *row, const deviations *d)
{
  results_row (r, row, "latents / mean, off by", "", d->mean, -1, "of its length", "");
  results_row (r, row, "latents / covariance of channels, off by", "", d->covariance, -1, "of its size", "");
}

static void
compare_latents (results *r, const sb_patches *code, size_t n)
{
  gsl_matrix *numbers = training_numbers ("models/faces-latents.safetensors", sb_patches_latent (code)),
             *faces = test_faces (SIDE_64, n), *test = encoded (code, faces), *drawn = all_drawn (r, code);
  deviations of_test = deviations_of (code, test, numbers), of_drawn = deviations_of (code, drawn, numbers);
  put_deviations (r, "test faces, encoded and decoded", &of_test);
  put_deviations (r, "DDPM on latents, all seeds", &of_drawn);
  if (r->scale != SMOKE)
    {
      results_claim (r, "The mean of the latents drawn is that of encoded faces within 10%", of_drawn.mean <= 0.1,
                     "%.1f%% of its length, %zu samples; %zu test faces are off by %.1f%%", 100 * of_drawn.mean,
                     drawn->size1, n, 100 * of_test.mean);
      results_claim (r, "The covariance of their channels is that of encoded faces within 10%",
                     of_drawn.covariance <= 0.1, "%.1f%% of its size; test faces are off by %.1f%%",
                     100 * of_drawn.covariance, 100 * of_test.covariance);
    }
  gsl_matrix_free (numbers);
  gsl_matrix_free (faces);
  gsl_matrix_free (test);
  gsl_matrix_free (drawn);
}

// ## What a sample costs
//
// Multiplications of a pass through the network, a thousand times, and of one decoding; Figure 7's network of 64x64
// pixels has no decoder.

static double
cost_of (const char *variable)
{
  sb_model *model = model_of (variable);
  double cost = multiplications (model->net);
  sb_model_free (model);
  return cost;
}

static void
compare_costs (results *r, const sb_patches *code)
{
  static const char *const claim = "A sample from latents costs less than one of pixels";
  if (!path_of ("MODEL") || !path_of ("OF_PIXELS"))
    {
      untested (r, claim, "one of the networks is not there");
      return;
    }
  double pixels = cost_of ("OF_PIXELS"), latents = cost_of ("MODEL"),
         decoding = (double)(sb_patches_latent (code) * code->side * code->side * code->channels);
  results_row (r, "network of pixels, 64x64", "cost / multiply-adds a step", "", pixels / 1e6, -1, "million",
               "Figure 7's");
  results_row (r, "network of latents", "cost / multiply-adds a step", "", latents / 1e6, -1, "million", "");
  results_row (r, "decoding", "cost / multiply-adds a step", "", decoding / 1e6, -1, "million", "once a sample");
  results_claim (r, claim, 1000 * latents + decoding < 1000 * pixels,
                 "in 1000 steps %.3g multiply-adds, where pixels cost %.3g, %.1f times as many",
                 1000 * latents + decoding, 1000 * pixels, 1000 * pixels / (1000 * latents + decoding));
}

// ## Pictures

static void
picture_codes (const results *r, const sb_patches *code)
{
  enum
  {
    PAIRS = 10
  };
  gsl_matrix *test = test_faces (SIDE_64, PAIRS), *z = encoded (code, test), *back = decoded (code, z);
  picture_pairs (r, "code", test, back, SIDE_64);
  gsl_matrix_free (test);
  gsl_matrix_free (z);
  gsl_matrix_free (back);
  z = noise_latents (r, code, PAIRS, 1);
  back = decoded (code, z);
  picture_faces (r, "noise", back, SIDE_64, PAIRS);
  gsl_matrix_free (z);
  gsl_matrix_free (back);
}

static void
picture_samples (results *r, const sb_patches *code)
{
  gsl_matrix *z = latents_drawn (r, code, "shown"), *x = decoded (code, z);
  picture_faces (r, "samples", x, SIDE_64, 7);
  look_for_copies (r, "TRAINING", "nearest", SIDE_64, x, "samples shown",
                   "Samples are no copies: half as far from the training faces as test faces are, or further");
  gsl_matrix_free (z);
  gsl_matrix_free (x);
}

int
main (void)
{
  gsl_set_error_handler_off ();
  results r = results_open ();
  sb_error error = { 0 };
  const char *path = getenv ("CODE");
  const bool drawn = path_of ("MODEL") != NULL;
  const size_t n = r.scale == SMOKE ? 4 : TEST_FACES;
  sb_patches *code = sb_patches_read (path ? path : "", &error);
  stop_unless (code != NULL, &error);
  picture_codes (&r, code);
  compare_costs (&r, code);
  for (kind what = 0; what < KINDS; what++)
    {
      distances d = measure (&r, code, what, n, drawn);
      if (drawn && r.scale != SMOKE)
        claim_order (&r, what, &d);
    }
  if (drawn)
    {
      picture_samples (&r, code);
      compare_latents (&r, code, n);
    }
  else
    untested (&r, "DDPM draws faces by their latents", "no network of latents comes with the data yet");
  sb_patches_free (code);
  results_close (&r);
  return EXIT_SUCCESS;
}
