// Deblurring by Soft Diffusion: images of 8 x 8 pixels, correlated as their distance, under a blur with a little noise.
// The naive sampler blurs its own estimate anew and loses nearly a third of the variance; Momentum keeps it.

#include <gsl/gsl_math.h>
#include <scorebook/scorebook.h>
#include <stdio.h>
#include <stdlib.h>

enum
{
  SIDE = 8,
  PIXELS = SIDE * SIDE,
  IMAGES = 4000,
  STEPS = 60
};

static double
variance_of (const gsl_matrix *x) // of a pixel, about 0
{
  double sum = 0;
  for (size_t i = 0; i < x->size1 * x->size2; i++)
    sum += x->data[i] * x->data[i];
  return sum / (double)(x->size1 * x->size2);
}

int
main (void)
{
  sb_blas_single_threaded ();
  sb_error error = { 0 };
  gsl_vector *mean = gsl_vector_calloc (PIXELS), *times = gsl_vector_alloc (STEPS + 1),
             *end = gsl_vector_alloc (IMAGES);
  gsl_matrix *C = gsl_matrix_alloc (PIXELS, PIXELS), *clean = gsl_matrix_alloc (IMAGES, PIXELS),
             *blurred = gsl_matrix_alloc (IMAGES, PIXELS), *z = gsl_matrix_alloc (IMAGES, PIXELS),
             *x = gsl_matrix_alloc (IMAGES, PIXELS);
  for (int i = 0; i < PIXELS; i++)
    for (int j = 0; j < PIXELS; j++)
      gsl_matrix_set (C, (size_t)i, (size_t)j, pow (0.8, abs (i / SIDE - j / SIDE) + abs (i % SIDE - j % SIDE)));

  sb_process *soft = sb_process_from_text ("soft operator=blur image=1x8x8 half=8 knots=0.01,3", PIXELS, &error);
  sb_target *law = sb_target_gaussian_alloc (mean, C);
  sb_score *score = sb_score_exact_alloc (law, soft);
  if (!score)
    return fprintf (stderr, "%s\n", error.message), EXIT_FAILURE;

  // Blur images of the law, and add the noise of t = 1.
  sb_grid_linear (1, soft->t_min, times);
  gsl_vector_set_all (end, 1);
  sb_target_sample (law, (sb_stream){ .seed = 1, .purpose = SB_FOR_DATA }, clean);
  sb_stream_normals ((sb_stream){ .seed = 1, .purpose = SB_FOR_FORWARD }, 0, z);
  gsl_matrix_memcpy (blurred, clean);
  sb_process_transition (soft, NULL, end, z, blurred);
  printf ("variance    %.1f clean, %.1f blurred\n", variance_of (clean), variance_of (blurred));

  // Take them back.
  const sb_step_type *const steps[] = { sb_step_naive, sb_step_momentum };
  int status = GSL_SUCCESS;
  for (int k = 0; k < 2; k++)
    {
      const sb_pc pc = { .step = steps[k], .final = SB_FINAL_SAMPLE };
      gsl_matrix_memcpy (x, blurred);
      status |= sb_pc_sample (&pc, score, NULL, times, (sb_stream){ .seed = 2 }, x, NULL);
      printf ("%-9s   %.1f\n", steps[k]->entry.name, variance_of (x));
    }

  gsl_vector_free (mean);
  gsl_vector_free (times);
  gsl_vector_free (end);
  gsl_matrix_free (C);
  gsl_matrix_free (clean);
  gsl_matrix_free (blurred);
  gsl_matrix_free (z);
  gsl_matrix_free (x);
  sb_score_free (score);
  sb_target_free (law);
  sb_process_free (soft);
  return status;
}
