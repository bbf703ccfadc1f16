// # Operators from lines of text
//
// What a line makes is what its alloc function makes: the same points come out of both, and go back.

#include "operator/operators.h"
#include "scope.h"

#include <errno.h>
#include <math.h>
#include <string.h>

SUITE (operators);

enum
{
  HEIGHT = 2,
  WIDTH = 4,
  D = HEIGHT * WIDTH * 3
};

static const sb_operator_setting plain = { D, HEIGHT, WIDTH, 3, NULL };

static void
check_same (const char *line, const sb_operator_setting *of, sb_operator *other)
{
  sb_error error = { 0 };
  sb_operator *A = scoped (sb_operator_from_text (line, of, &error), "%s: %s", line, error.message);
  scoped (other);
  cr_assert (A->rows == other->rows && A->columns == other->columns, "%s: %zu x %zu", line, A->rows, A->columns);
  gsl_matrix *x = normals (4, A->columns, 1), *a = matrix (4, A->rows), *b = matrix (4, A->rows),
             *back_a = matrix (4, A->columns), *back_b = matrix (4, A->columns);
  ok (sb_operator_apply (A, CblasNoTrans, NULL, x, a));
  ok (sb_operator_apply (other, CblasNoTrans, NULL, x, b));
  ok (sb_operator_apply (A, CblasTrans, NULL, a, back_a));
  ok (sb_operator_apply (other, CblasTrans, NULL, b, back_b));
  cr_assert (gsl_matrix_equal (a, b) && gsl_matrix_equal (back_a, back_b), "%s", line);
}

Test (operators, are_what_their_lines_say)
{
  gsl_matrix *row = normals (1, D, 2), *bits = matrix_all (1, D, 1), *dense = normals (5, D, 3);
  sb_operator_setting of_row = plain, of_bits = plain, of_dense = plain;
  gsl_vector_view first = gsl_matrix_row (row, 0), mask = gsl_matrix_row (bits, 0);
  gsl_vector_set (&mask.vector, 4, 0);
  of_row.numbers = row;
  of_bits.numbers = bits;
  of_dense.numbers = dense;
  check_same ("identity", &plain, sb_operator_identity_alloc (D));
  check_same ("scalar c=-2.5", &plain, sb_operator_scalar_alloc (D, -2.5));
  check_same ("diagonal", &of_row, sb_operator_diagonal_alloc (&first.vector));
  check_same ("mask", &of_bits, sb_operator_mask_alloc (&mask.vector));
  check_same ("select", &of_bits, sb_operator_select_alloc (&mask.vector));
  check_same ("dense", &of_dense, sb_operator_dense_alloc (dense));
  check_same ("cosine", &plain, sb_operator_cosine_alloc (HEIGHT, WIDTH, 3));
  check_same ("colour", &plain, sb_operator_colour_alloc (HEIGHT * WIDTH));
  check_same ("haar", &plain, sb_operator_haar_alloc (HEIGHT, WIDTH, 3, 1));
  check_same ("downscale factor=2", &plain, sb_operator_downscale_alloc (HEIGHT, WIDTH, 3, 2));
  check_same ("enlarge factor=3", &plain, sb_operator_enlarge_alloc (HEIGHT, WIDTH, 3, 3));
  check_same ("blur std=1.5 half=3 boundary=reflect", &plain,
              sb_operator_at_level_alloc (sb_operator_blur_alloc (HEIGHT, WIDTH, 3, 3, SB_BOUNDARY_REFLECT), 1.5));
  check_same ("window hidden=0.5 keep=border", &plain,
              sb_operator_at_level_alloc (sb_operator_window_alloc (HEIGHT, WIDTH, 3, SB_KEEP_BORDER), 0.5));
}

// Those that say they are orthonormal are.

Test (operators, are_orthonormal_where_they_say_so)
{
  gsl_matrix *bits = matrix_all (1, D, 0), *x = normals (3, D, 4);
  gsl_matrix_set (bits, 0, 0, 1);
  for (size_t k = 0; sb_operators (k); k++)
    {
      const sb_operator_kind *kind = (const sb_operator_kind *)sb_operators (k);
      sb_operator_setting of = plain;
      of.numbers = kind->has_numbers ? bits : NULL;
      const char *const with_value[] = { "scalar c=2", "blur std=1", "window hidden=0.5" }, *line = kind->entry.name;
      for (size_t j = 0; j < 3; j++)
        if (strncmp (with_value[j], line, strlen (line)) == 0)
          line = with_value[j];
      sb_operator *A = scoped (sb_operator_from_text (line, &of, NULL));
      gsl_matrix *y = matrix (3, A->rows), *back = matrix (3, D);
      ok (sb_operator_apply (A, CblasNoTrans, NULL, x, y));
      ok (sb_operator_apply (A, CblasTrans, NULL, y, back));
      const double far = largest_difference (x, back);
      cr_assert (A->type->orthonormal ? far < 1e-14 : far > 0.1, "%s: %g", line, far);
    }
}

Test (operators, refuse_what_does_not_fit)
{
  gsl_matrix *row = matrix_all (1, D, 1), *narrow = matrix_all (1, D - 1, 1), *rows = matrix_all (2, D, 1),
             *half = matrix_all (1, D, 0.5), *nan = matrix_all (1, D, NAN);
  const struct
  {
    const char *line;
    const gsl_matrix *numbers;
    size_t height, channels;
    int status;
    const char *words;
  } cases[] = { { "sharpen", NULL, HEIGHT, 3, GSL_EINVAL, "not 'sharpen'" },
                { "blur", NULL, HEIGHT, 3, GSL_EINVAL, "std" },
                { "blur std=-1", NULL, HEIGHT, 3, GSL_EINVAL, "std=-1" },
                { "blur std=1 half=0", NULL, HEIGHT, 3, GSL_EINVAL, "boundary=symmetric or periodic" },
                { "blur std=1", NULL, 0, 0, GSL_EINVAL, "no images" },
                { "window hidden=1.5", NULL, HEIGHT, 3, GSL_EINVAL, "hidden=1.5" },
                { "scalar", NULL, HEIGHT, 3, GSL_EINVAL, "c" },
                { "scalar c=inf", NULL, HEIGHT, 3, GSL_EINVAL, "c=inf" },
                { "identity", row, HEIGHT, 3, GSL_EINVAL, "has no use for a matrix" },
                { "dense", NULL, HEIGHT, 3, GSL_EINVAL, "is made of a matrix" },
                { "dense", narrow, HEIGHT, 3, GSL_EBADLEN, "23 columns, and a point 24 numbers" },
                { "mask", rows, HEIGHT, 3, GSL_EBADLEN, "2 rows, not one" },
                { "diagonal", rows, HEIGHT, 3, GSL_EBADLEN, "2 rows, not one" },
                { "mask", half, HEIGHT, 3, GSL_EDOM, "cannot be made" },
                { "select", nan, HEIGHT, 3, GSL_EDOM, "cannot be made" },
                { "select", narrow, HEIGHT, 3, GSL_EBADLEN, "23 columns, and a point 24 numbers" },
                { "dense", nan, HEIGHT, 3, GSL_EDOM, "cannot be made" },
                { "cosine", NULL, 0, 0, GSL_EINVAL, "no images" },
                { "colour", NULL, 0, 0, GSL_EINVAL, "no images" },
                { "colour", NULL, HEIGHT, 1, GSL_EBADLEN, "1 channels, not 3" },
                { "haar", NULL, 0, 0, GSL_EINVAL, "no images" },
                { "haar levels=0", NULL, HEIGHT, 3, GSL_EINVAL, "levels=0" },
                { "haar levels=2", NULL, HEIGHT, 3, GSL_EBADLEN, "2 x 4 pixels, not of multiples of 4" },
                { "downscale factor=4", NULL, HEIGHT, 3, GSL_EBADLEN, "2 x 4 pixels, not of multiples of 4" },
                { "downscale factor=3", NULL, 3, 2, GSL_EBADLEN, "3 x 4 pixels, not of multiples of 3" },
                { "enlarge factor=0", NULL, HEIGHT, 3, GSL_EINVAL, "factor=0" } };
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
    {
      sb_error error = { 0 };
      const sb_operator_setting of = { D, cases[k].height, WIDTH, cases[k].channels, cases[k].numbers };
      errno = ENOMEM; // of something before
      cr_assert_null (sb_operator_from_text (cases[k].line, &of, &error), "%s", cases[k].line);
      cr_assert (error.code == cases[k].status && strstr (error.message, cases[k].words), "%s: %d, %s", cases[k].line,
                 error.code, error.message);
    }
  ok (strcmp (((const sb_operator_kind *)sb_operators (0))->entry.name, "identity"));
}
