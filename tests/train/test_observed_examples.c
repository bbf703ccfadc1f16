// # Pairs and bands to learn from

#include "process/bands.h"
#include "process/multispeed.h"
#include "process/nonuniform.h"
#include "scope.h"
#include "score/model.h"
#include "train/observed_examples.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE_WITH_BLAS (observed_examples);

enum
{
  SIDE = 4,
  D = SIDE * SIDE,
  IMAGES = 7
};

// ## Pairs
//
// The image is that which would be drawn without the observation, and beside it is what is seen of it, as a condition
// and in the row alike; on the next visit the hole is elsewhere. [nonuniform.txt-mstrain] [nonuniform.set-concat]

Test (observed_examples, observations_are_of_their_images)
{
  const gsl_matrix *images = normals (IMAGES, D, 1);
  sb_observation *seen = sb_observation_from_text ("inpaint", SIDE, SIDE, 1, NULL);
  const sb_observed_examples given = { sb_examples_of_rows (images), seen, false },
                             pairs = { given.images, seen, true };
  const sb_examples a = sb_examples_observed (&given), b = sb_examples_observed (&pairs);
  const sb_stream stream = { 3, SB_FOR_DATA, 20 };
  gsl_matrix *x = matrix (50, D), *y = matrix (50, D), *z = matrix (50, 2 * D), *plain = matrix (50, D),
             *again = matrix (50, D);
  size_t moved = 0;
  cr_assert (a.conditions == D && b.conditions == 0);
  ok (a.draw (a.state, stream, x, y));
  ok (b.draw (b.state, stream, z, NULL));
  ok (given.images.draw (given.images.state, stream, plain, NULL));
  ok (sb_observe (seen, stream, plain, again));
  cr_assert_eq (largest_difference (x, plain), 0);
  cr_assert_eq (largest_difference (y, again), 0);
  const gsl_matrix_const_view first = gsl_matrix_const_submatrix (z, 0, 0, 50, D),
                              second = gsl_matrix_const_submatrix (z, 0, D, 50, D);
  cr_assert_eq (largest_difference (&first.matrix, x), 0);
  cr_assert_eq (largest_difference (&second.matrix, y), 0);
  for (size_t i = 0; i < 50; i++) // the same image, another hole
    for (size_t j = 0; j < i; j++)
      moved += memcmp (x->data + i * D, x->data + j * D, D * sizeof (double)) == 0
               && memcmp (y->data + i * D, y->data + j * D, D * sizeof (double)) != 0;
  cr_assert_gt (moved, 20);
  refused (GSL_EBADLEN, b.draw (b.state, stream, x, NULL));

  // Who does not ask for the observation gets the same image; no rows are none.
  ok (a.draw (a.state, stream, again, NULL));
  cr_assert_eq (largest_difference (again, plain), 0);
  ok (a.draw (a.state, stream, matrix (0, D), matrix (0, D)));
  sb_observation_free (seen);
}

// ## Bands
//
// The first numbers of Haar's transform of the same images. [nonuniform.txt-mstrain] [nonuniform.txt-groups]

Test (observed_examples, bands_are_of_their_images)
{
  const gsl_matrix *images = normals (IMAGES, D, 1);
  sb_operator *haar = scoped (sb_operator_haar_alloc (SIDE, SIDE, 1, 2));
  const sb_band_examples bands = { sb_examples_of_rows (images), haar };
  const sb_examples e = sb_examples_of_bands (&bands);
  cr_assert_eq (e.conditions, 0);
  const sb_stream stream = { 3, SB_FOR_DATA, 20 };
  gsl_matrix *plain = matrix (9, D), *all = matrix (9, D);
  ok (bands.images.draw (bands.images.state, stream, plain, NULL));
  ok (sb_operator_apply (haar, CblasNoTrans, NULL, plain, all));
  for (size_t d = 1; d <= D; d *= 4)
    {
      gsl_matrix *x = matrix (9, d);
      ok (e.draw (e.state, stream, x, NULL));
      const gsl_matrix_const_view kept = gsl_matrix_const_submatrix (all, 0, 0, 9, d);
      cr_assert_eq (largest_difference (x, &kept.matrix), 0);
    }
  refused (GSL_EBADLEN, e.draw (e.state, stream, matrix (9, D + 1), NULL));
  ok (e.draw (e.state, stream, matrix (0, D), NULL));
}

// Each part has its deviation, around the mean of its coordinates.

Test (observed_examples, each_part_has_its_deviation)
{
  gsl_matrix *rows = normals (400, 5, 2);
  for (size_t i = 0; i < 400; i++)
    for (size_t j = 0; j < 5; j++)
      gsl_matrix_set (rows, i, j, j < 2 ? 8 * gsl_matrix_get (rows, i, j) + 100 : 0.1 * gsl_matrix_get (rows, i, j));
  const sb_multispeed speeds = { 2, 3, 0.01, 5, 1 };
  sb_process *process = scoped (sb_multispeed_alloc (&speeds));
  const sb_examples e = sb_examples_of_rows (rows);
  double deviation[2];
  ok (sb_examples_deviations (&e, process, 2000, (sb_stream){ 1, SB_FOR_DATA, 0 }, deviation));
  cr_assert_float_eq (deviation[0], 8, 0.8);
  cr_assert_float_eq (deviation[1], 0.1, 0.01);
}

// Of three rows, written out: small numbers, and a part that never varies, whose deviation is 1.

Test (observed_examples, deviations_are_those_of_the_rows)
{
  const sb_multispeed speeds = { 2, 1, 0.01, 5, 1 };
  const sb_process *process = scoped (sb_multispeed_alloc (&speeds));
  const sb_examples e = sb_examples_of_rows (matrix_of (3, 3, 1e-3, 5e-3, 7., -2e-3, 4e-3, 7., 8e-3, 1e-3, 7.));
  const sb_stream stream = { 1, SB_FOR_DATA, 0 };
  gsl_matrix *x = matrix (3, 3);
  double deviation[2], sum = 0, squares = 0;
  ok (e.draw (e.state, stream, x, NULL));
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < 2; j++)
      {
        sum += gsl_matrix_get (x, i, j);
        squares += gsl_pow_2 (gsl_matrix_get (x, i, j));
      }
  ok (sb_examples_deviations (&e, process, 3, stream, deviation));
  cr_assert_float_eq (deviation[0], sqrt (squares / 6 - gsl_pow_2 (sum / 6)), 1e-12);
  cr_assert_eq (deviation[1], 1);
}

// ## What a network sees
//
// Of a pair two images, the channels of the second behind those of the first; of a stage its approximation and its
// details. A network that gives what it is shown (one 1 x 1 convolution, the identity) gives a row back. And the
// gradients are those of the row: along any direction, by differences. [nonuniform.set-concat] [nonuniform.txt-groups]

static sb_model *
model_of (const char *net, const char *process)
{
  sb_error error = { 0 };
  sb_model *m = sb_model_alloc (net, process, "epsilon", "time", 0.7, 0, 1, &error);
  cr_assert_not_null (m, "%s", error.message);
  return scoped (m);
}

static void
check_gradient (sb_model *m, double t)
{
  const size_t d = m->process->dimension;
  gsl_rng *r = gsl_rng_alloc (gsl_rng_taus);
  for (size_t k = 0; k < m->net->parameters; k++)
    m->theta[k] = (float)gsl_ran_gaussian (r, 0.3);
  gsl_rng_free (r);
  sb_score *score = scoped (sb_score_network_alloc (&m->network));
  gsl_matrix *x = normals (2, d, 4), *v = normals (2, d, 5), *w = normals (2, d, 6), *Jv = matrix (2, d),
             *Jw = matrix (2, d), *up = copy_of (x), *down = copy_of (x), *of_up = matrix (2, d),
             *of_down = matrix (2, d);
  gsl_vector *at = vector_all (2, t);
  double forward = 0, backward = 0, by_difference = 0;
  const double h = 1e-2;
  for (size_t k = 0; k < 2 * d; k++)
    {
      up->data[k] += h * v->data[k];
      down->data[k] -= h * v->data[k];
    }
  ok (sb_score_jvp (score, SB_EPSILON, x, at, NULL, v, Jv));
  ok (sb_score_vjp (score, SB_EPSILON, x, at, NULL, w, Jw));
  ok (sb_score_evaluate (score, SB_EPSILON, up, at, NULL, of_up));
  ok (sb_score_evaluate (score, SB_EPSILON, down, at, NULL, of_down));
  for (size_t k = 0; k < 2 * d; k++)
    {
      forward += w->data[k] * Jv->data[k];
      backward += v->data[k] * Jw->data[k];
      by_difference += w->data[k] * (of_up->data[k] - of_down->data[k]) / (2 * h);
    }
  cr_assert_float_eq (forward, backward, 1e-4 * (1 + fabs (forward)));
  cr_assert_float_eq (forward, by_difference, 0.02 * (1 + fabs (forward)), "%g, %g", forward, by_difference);
}

Test (observed_examples, gradients_pass_the_arrangement)
{
  check_gradient (model_of ("unet image=3x4x4 channels=4 multipliers=1 groups=2 features=4", "multispeed x=32 y=16"),
                  0.6);
  check_gradient (
      model_of ("unet image=8x4x4 channels=4 multipliers=1 groups=2 features=4", "bands image=2x8x8 levels=2 stage=1"),
      0.2);
}

// The places, one by one: the derivative of the network's input with respect to a number of the row is looked at
// through a network whose output is a function of one channel alone. Two rows that differ in y alone differ in the
// second's channels alone. [nonuniform.set-concat]

Test (observed_examples, a_pair_is_two_images)
{
  sb_model *m = model_of ("unet image=3x4x4 channels=4 multipliers=1 groups=2 features=4", "multispeed x=32 y=16");
  cr_assert (m->network.first_channels == 2 && !m->network.transform);
  const sb_net_shape image = sb_model_image (m);
  cr_assert (image.channels == 2 && image.height == 4);
  sb_network_pass *pass = scoped (sb_network_pass_alloc (&m->network, 1, 0));
  gsl_matrix *x = matrix (1, 48), *out = matrix (1, 48);
  for (size_t k = 0; k < 48; k++)
    gsl_matrix_set (x, 0, k, (double)k);
  ok (sb_network_forward (&m->network, pass, x, vector_of (0.5), NULL, out));
  double c[2], unused[2];
  double a[2], sd[2];
  ok (sb_process_numbers (m->process, SB_A, 0, 0.5, a));
  ok (sb_process_numbers (m->process, SB_S, 0, 0.5, sd));
  for (int k = 0; k < 2; k++)
    sb_network_scales (SB_PREDICTS_EPSILON, a[k], sd[k], 0.7, &c[k], &unused[0], &unused[1]);
  for (size_t pixel = 0; pixel < 16; pixel++)
    {
      for (size_t channel = 0; channel < 2; channel++)
        cr_assert_float_eq ((double)pass->in[channel * 16 + pixel], c[0] * (double)(2 * pixel + channel), 1e-4);
      cr_assert_float_eq ((double)pass->in[2 * 16 + pixel], c[1] * (double)(32 + pixel), 1e-3);
    }
}

Test (observed_examples, a_stage_is_its_approximation_and_details)
{
  sb_model *m = model_of ("unet image=4x4x4 channels=4 multipliers=1 groups=2 features=4",
                          "bands image=1x8x8 levels=2 stage=1");
  sb_operator *two = scoped (sb_operator_haar_alloc (8, 8, 1, 2)), *one = scoped (sb_operator_haar_alloc (8, 8, 1, 1));
  gsl_matrix *image = normals (1, 64, 3), *bands = matrix (1, 64), *seen = matrix (1, 64), *out = matrix (1, 64);
  const double deviations[] = { 1e-9, 1e-9, 1e-9 }; // then every part is scaled by its noise alone
  ok (sb_model_set_deviations (m, 3, deviations, NULL));
  ok (sb_operator_apply (two, CblasNoTrans, NULL, image, bands));
  ok (sb_operator_apply (one, CblasNoTrans, NULL, image, seen));
  sb_network_pass *pass = scoped (sb_network_pass_alloc (&m->network, 1, 0));

  // Scale the bands so that what the network is shown is the transform of the image itself.
  double sd[3];
  ok (sb_process_numbers (m->process, SB_S, 0, 0.2, sd));
  for (size_t j = 0; j < 64; j++)
    *gsl_matrix_ptr (bands, 0, j) *= sd[sb_process_part (m->process, j)];
  ok (sb_network_forward (&m->network, pass, bands, vector_of (0.2), NULL, out));
  for (size_t pixel = 0; pixel < 16; pixel++)
    {
      cr_assert_float_eq ((double)pass->in[pixel], gsl_matrix_get (seen, 0, pixel), 1e-5);
      for (size_t k = 0; k < 3; k++)
        cr_assert_float_eq ((double)pass->in[(1 + k) * 16 + pixel], gsl_matrix_get (seen, 0, 16 + 3 * pixel + k), 1e-5);
    }
  cr_assert_eq (sb_model_image (m).height, 8);
}

// ## A task is kept with the model

Test (observed_examples, a_task_fits_its_network)
{
  sb_error error = { 0 };
  sb_model *pair = model_of ("unet image=3x4x4 channels=4 multipliers=1 groups=2 features=4", "multispeed x=32 y=16"),
           *given = model_of ("unet image=3x4x4 condition=3 channels=4 multipliers=1 groups=2 features=4", "ve"),
           *stage = model_of ("unet image=4x4x4 channels=4 multipliers=1 groups=2 features=4",
                              "bands image=1x8x8 levels=1 stage=1");
  refused (GSL_EINVAL, sb_model_set_task (pair, "inpaint", &error)); // two channels are seen, one is given
  cr_assert (strstr (error.message, "channels"), "%s", error.message);
  ok (sb_model_set_task (pair, "edges", &error));
  ok (sb_model_set_task (given, "inpaint", &error));
  refused (GSL_EINVAL, sb_model_set_task (stage, "edges", &error));
  refused (GSL_EINVAL, sb_model_set_task (given, "guess", &error)); // no such task
  cr_assert_null (sb_model_alloc ("unet image=4x4x4 channels=4 multipliers=1 groups=2 features=4",
                                  "bands image=1x16x4 levels=1 stage=1", "epsilon", "time", 1, 0, 1, &error));
  cr_assert (strstr (error.message, "4x8x2"), "%s", error.message);
  cr_assert_null (sb_model_alloc ("unet image=3x4x4 channels=4 multipliers=1 groups=2 features=4", "multispeed x=30",
                                  "epsilon", "time", 1, 0, 1, &error));
  cr_assert (strstr (error.message, "x=30"), "%s", error.message);
}
