// # What must be true of moments kept in a file
//
// They come back as they were, but for single precision, and give the distance that the points themselves give. A file
// that holds something else is refused by name.

#include "measure/frechet.h"
#include "measure/sample_moments.h"
#include "scope.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/test-moments-XXXXXX", path[64];

static void
setup (void)
{
  scope_begin_with_blas ();
  cr_assert_not_null (mkdtemp (folder));
  strcpy (stpcpy (path, folder), "/m.safetensors");
}

static void
teardown (void)
{
  unlink (path);
  rmdir (folder);
  scope_end ();
}

TestSuite (moments, .init = setup, .fini = teardown);

static gsl_matrix *
random_points (size_t n, size_t d, double scale, uint64_t seed)
{
  gsl_matrix *x = normals (n, d, seed);
  for (size_t k = 0; k < d; k++)
    {
      gsl_vector_view column = gsl_matrix_column (x, k);
      gsl_vector_scale (&column.vector, scale * (double)(k + 1));
    }
  gsl_matrix_add_constant (x, 3);
  return x;
}

Test (moments, come_back_as_they_were)
{
  gsl_matrix *x = random_points (200, 7, 1, 1), *y = random_points (300, 7, 1.3, 2);
  sb_error error = { 0 };
  sb_moments_file *m = scoped (sb_moments_file_of (x, "points of this test"));
  ok (sb_moments_file_write (m, path, &error), "%s", error.message);
  sb_moments_file *back = scoped (sb_moments_file_read (path, &error), "%s", error.message);
  cr_assert_str_eq (back->of, "points of this test");
  cr_assert_eq (back->count, 200);
  for (size_t k = 0; k < 7; k++)
    {
      double mean = 0;
      for (size_t i = 0; i < 200; i++)
        mean += gsl_matrix_get (x, i, k) / 200;
      cr_assert_float_eq (gsl_vector_get (back->mean, k), mean, 1e-6 * mean);
      for (size_t l = 0; l < 7; l++)
        {
          double there = gsl_matrix_get (m->covariance, k, l);
          cr_assert_float_eq (gsl_matrix_get (back->covariance, k, l), there, 6e-8 * fabs (there));
        }
    }

  double direct, kept;
  sb_moments_file *of_y = scoped (sb_moments_file_of (y, ""));
  ok (sb_frechet (y, x, &direct));
  ok (sb_frechet_gaussians (of_y->mean, of_y->covariance, back->mean, back->covariance, &kept));
  cr_assert_gt (direct, 0.1);
  cr_assert_float_eq (kept, direct, 1e-5 * direct);
}

// Far from the origin too, where a float has not the digits for a mean: points that are whole multiples of $2^{-20}$
// are shifted without rounding, and so is what is kept of them.

Test (moments, far_from_the_origin_come_back)
{
  gsl_matrix *x = normals (200, 3, 3), *y = normals (300, 3, 4);
  for (size_t k = 0; k < 600; k++)
    x->data[k] = 1e8 + rint (x->data[k] * 0x1p20) / 0x1p20;
  for (size_t k = 0; k < 900; k++)
    y->data[k] = 1e8 + rint ((y->data[k] + 0.5) * 0x1p20) / 0x1p20;
  sb_error error = { 0 };
  sb_moments_file *m = scoped (sb_moments_file_of (x, "")), *of_y = scoped (sb_moments_file_of (y, ""));
  ok (sb_moments_file_write (m, path, &error), "%s", error.message);
  sb_moments_file *back = scoped (sb_moments_file_read (path, &error), "%s", error.message);
  double direct, kept;
  ok (sb_frechet (y, x, &direct));
  ok (sb_frechet_gaussians (of_y->mean, of_y->covariance, back->mean, back->covariance, &kept));
  cr_assert_float_eq (kept, direct, 1e-5 * direct);
}

// What cannot be read, or means nothing in single precision, is not written.

Test (moments, that_cannot_be_read_are_not_written)
{
  const double units[] = { 1e20, 1e-20, 1e160, 1e-160 };
  for (size_t k = 0; k < 4; k++)
    {
      gsl_matrix *x = normals (20, 2, 5);
      gsl_matrix_scale (x, units[k]);
      sb_error error = { 0 };
      sb_moments_file *m = sb_moments_file_of (x, "");
      if (k < 2)
        refused (k == 0 ? GSL_EINVAL : GSL_EUNDRFLW, sb_moments_file_write (scoped (m), path, &error));
      else
        cr_assert_null (m);
      cr_assert_neq (access (path, F_OK), 0);
    }
}

// Written by others in half the bits they are read too, as the same numbers where 16 bits hold them.

Test (moments, in_half_the_bits)
{
  sb_error error = { 0 };
  gsl_matrix *x = matrix_of (4, 2, 0, 0, 2, 0, 0, 4, 2, 4);
  ok (sb_moments_file_write (scoped (sb_moments_file_of (x, "points")), path, &error), "%s", error.message);
  sb_moments_file *whole = scoped (sb_moments_file_read (path, &error), "%s", error.message);
  sb_tensors *tensors = scoped (sb_safetensors_read (path, &error), "%s", error.message);
  for (size_t k = 0; k < tensors->count; k++)
    ok (sb_tensors_dtype_set (tensors, tensors->tensor[k].name, "BF16"));
  ok (sb_safetensors_write (tensors, path, &error), "%s", error.message);
  sb_moments_file *half = scoped (sb_moments_file_read (path, &error), "%s", error.message);
  cr_assert (gsl_vector_equal (whole->mean, half->mean));
  cr_assert_lt (largest_difference (whole->covariance, half->covariance), 0.02);
}

Test (moments, of_fewer_than_two_points_are_none)
{
  gsl_matrix *one = matrix_all (1, 3, 0);
  cr_assert_null (sb_moments_file_of (one, ""));
  sb_moments_file_free (NULL);
}

// ## What is refused
//
// A valid file, and one thing after another made wrong.

typedef struct
{
  const char *of, *count, *complaint;
  size_t mean, rows, columns;
  float corner; // of the covariance, above the diagonal; below it stands 0.5
} fault;

static void
is_refused (fault f)
{
  static float mean[4] = { 1, 2, 3, 4 }, covariance[16];
  sb_error error = { 0 };
  sb_tensors *tensors = scoped (sb_tensors_alloc ());
  for (size_t k = 0; k < 16; k++)
    covariance[k] = k / f.columns == k % f.columns ? 2 : 0.5f;
  covariance[1] = f.corner;
  if (f.mean)
    ok (sb_tensors_add (tensors, "mean", 1, &f.mean, mean));
  if (f.rows)
    ok (sb_tensors_add (tensors, "covariance", 2, (size_t[]){ f.rows, f.columns }, covariance));
  if (f.of)
    ok (sb_tensors_note_add (tensors, "of", f.of));
  if (f.count)
    ok (sb_tensors_note_add (tensors, "count", f.count));
  ok (sb_safetensors_write (tensors, path, &error), "%s", error.message);

  sb_moments_file *m = sb_moments_file_read (path, &error);
  if (!f.complaint)
    cr_assert_not_null (m, "%s", error.message);
  else
    {
      cr_assert_null (m, "not refused: %s", f.complaint);
      refused (GSL_EINVAL, error.code);
      cr_assert (strstr (error.message, f.complaint) && strstr (error.message, path), "%s", error.message);
    }
  sb_moments_file_free (m);
}

Test (moments, a_file_that_holds_something_else_is_refused)
{
  static const fault faults[]
      = { { "x", "9", NULL, 3, 3, 3, 0.5f },          { NULL, "9", "no moments", 3, 3, 3, 0.5f },
          { "x", "9", "no moments", 0, 3, 3, 0.5f },  { "x", "9", "no moments", 3, 0, 3, 0.5f },
          { "x", NULL, "no moments", 3, 3, 3, 0.5f }, { "x", "1", "count", 3, 3, 3, 0.5f },
          { "x", "-9", "count", 3, 3, 3, 0.5f },      { "x", "many", "count", 3, 3, 3, 0.5f },
          { "x", "9 ", "count", 3, 3, 3, 0.5f },      { "x", "9", "d x d", 2, 3, 3, 0.5f },
          { "x", "9", "d x d", 3, 2, 3, 0.5f },       { "x", "9", "d x d", 3, 3, 4, 0.5f },
          { "x", "9", "symmetric", 3, 3, 3, 0.25f } };
  for (size_t k = 0; k < sizeof faults / sizeof *faults; k++)
    is_refused (faults[k]);

  sb_error error = { 0 };
  cr_assert_null (sb_moments_file_read ("/nowhere/m.safetensors", &error));
  refused (GSL_EFAILED, error.code);
}

// The numbers of a mean, of its rest and of a covariance, in other shapes than theirs.

Test (moments, of_other_shapes_are_refused)
{
  static const struct
  {
    size_t mean_rank, mean[2], rest, covariance_rank, covariance[3];
  } shapes[] = { { 2, { 3, 1 }, 3, 2, { 3, 3 } },
                 { 1, { 0 }, 0, 2, { 0, 0 } },
                 { 1, { 3 }, 2, 2, { 3, 3 } },
                 { 1, { 3 }, 3, 1, { 9 } },
                 { 1, { 3 }, 3, 3, { 3, 3, 1 } } };
  static float numbers[9];
  for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
    {
      sb_error error = { 0 };
      sb_tensors *tensors = scoped (sb_tensors_alloc ());
      ok (sb_tensors_add (tensors, "mean", shapes[k].mean_rank, shapes[k].mean, numbers));
      ok (sb_tensors_add (tensors, "mean_rest", 1, &shapes[k].rest, numbers));
      ok (sb_tensors_add (tensors, "covariance", shapes[k].covariance_rank, shapes[k].covariance, numbers));
      ok (sb_tensors_note_add (tensors, "of", "x"));
      ok (sb_tensors_note_add (tensors, "count", "9"));
      ok (sb_safetensors_write (tensors, path, &error), "%s", error.message);
      cr_assert_null (sb_moments_file_read (path, &error), "%zu", k);
      cr_assert (strstr (error.message, "d x d"), "%zu: %s", k, error.message);
    }
}

// More features than a covariance fits any memory for; refused before the points are looked at.

Test (moments, of_endless_points_are_none)
{
  const gsl_matrix endless = { 2, (size_t)1 << 40, (size_t)1 << 40, NULL, NULL, 0 };
  cr_assert_null (sb_moments_file_of (&endless, "x"));
}

// Nothing half-written: into a folder that is not there.

Test (moments, writing_where_nothing_can_be_written_is_an_error)
{
  gsl_matrix *x = matrix_all (2, 2, 0);
  sb_moments_file *m = scoped (sb_moments_file_of (x, ""));
  sb_error error = { 0 };
  refused (GSL_EFAILED, sb_moments_file_write (m, "/nowhere/m.safetensors", &error));
  cr_assert (strstr (error.message, "/nowhere/m.safetensors"));
}
