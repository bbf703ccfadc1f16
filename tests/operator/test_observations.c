// # What is seen of images

#include "dataset/edges.h"
#include "operator/observations.h"
#include "scope.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE (observations);

static sb_observation *
of_line (const char *line, size_t side, size_t channels)
{
  sb_error error = { 0 };
  sb_observation *o = sb_observation_from_text (line, side, side, channels, &error);
  cr_assert_not_null (o, "%s: %s", line, error.message);
  return o;
}

static gsl_matrix *
seen_of (const sb_observation *o, uint64_t index, const gsl_matrix *x)
{
  gsl_matrix *y = matrix (x->size1, sb_observation_numbers (o));
  ok (sb_observe (o, (sb_stream){ .seed = 5, .index = index }, x, y));
  return y;
}

// ## A hole
//
// Of white images what is black is the hole: a square of half the side, a quarter of the pixels, and nothing else
// changes. Seen once more it is the same (A is idempotent). [nonuniform.set-inpaint] [nonuniform.txt-inverse]

static size_t
corner_of (const gsl_matrix *y, size_t row, size_t side, size_t channels, size_t *black)
{
  size_t first = SIZE_MAX;
  *black = 0;
  for (size_t k = 0; k < y->size2; k += channels)
    if (gsl_matrix_get (y, row, k) == 0)
      {
        first = first == SIZE_MAX ? k / channels : first;
        ++*black;
        for (size_t c = 0; c < channels; c++)
          cr_assert_eq (gsl_matrix_get (y, row, k + c), 0);
      }
  (void)side;
  return first;
}

Test (observations, a_hole_is_a_quarter)
{
  enum
  {
    SIDE = 8,
    ROWS = 200
  };
  sb_observation *o = of_line ("inpaint", SIDE, 3);
  gsl_matrix *x = matrix_all (ROWS, SIDE * SIDE * 3, 1), *y = seen_of (o, 0, x), *again = seen_of (o, 0, y);
  cr_assert_eq (largest_difference (y, again), 0);
  for (size_t i = 0; i < ROWS; i++)
    {
      size_t black;
      const size_t corner = corner_of (y, i, SIDE, 3, &black), top = corner / SIDE, left = corner % SIDE;
      cr_assert_eq (black, SIDE * SIDE / 4);
      for (size_t r = 0; r < SIDE; r++)
        for (size_t c = 0; c < SIDE; c++)
          {
            const bool inside = r >= top && r < top + 4 && c >= left && c < left + 4;
            cr_assert_eq (gsl_matrix_get (y, i, (r * SIDE + c) * 3), inside ? 0 : 1);
          }
    }
  sb_observation_free (o);
}

// Of any image, not square either, all but the hole stays. [nonuniform.set-inpaint]

Test (observations, nothing_but_the_hole_changes)
{
  enum
  {
    ROWS = 30,
    SIZE = 6 * 10 * 3
  };
  sb_error error = { 0 };
  sb_observation *o = sb_observation_from_text ("inpaint", 6, 10, 3, &error);
  cr_assert_not_null (o, "%s", error.message);
  const gsl_matrix *x = normals (ROWS, SIZE, 8), *white = seen_of (o, 4, matrix_all (ROWS, SIZE, 1)),
                   *y = seen_of (o, 4, x);
  for (size_t i = 0; i < ROWS; i++)
    for (size_t k = 0; k < SIZE; k++)
      cr_assert_eq (gsl_matrix_get (y, i, k), gsl_matrix_get (white, i, k) == 0 ? 0 : gsl_matrix_get (x, i, k));
  sb_observation_free (o);
}

// Of an image that is no square too: 2 x 2 pixels of 4 x 7, side by side, anywhere in it. [nonuniform.txt-inverse]

Test (observations, a_hole_is_square_in_any_image)
{
  enum
  {
    HEIGHT = 4,
    WIDTH = 7,
    ROWS = 200
  };
  sb_error error = { 0 };
  sb_observation *o = sb_observation_from_text ("inpaint hole=2", HEIGHT, WIDTH, 3, &error);
  cr_assert_not_null (o, "%s", error.message);
  const gsl_matrix *y = seen_of (o, 0, matrix_all (ROWS, HEIGHT * WIDTH * 3, 1));
  size_t furthest[2] = { 0 };
  for (size_t i = 0; i < ROWS; i++)
    {
      size_t black;
      const size_t corner = corner_of (y, i, 0, 3, &black), top = corner / WIDTH, left = corner % WIDTH;
      cr_assert_eq (black, 4);
      cr_assert_eq (gsl_matrix_get (y, i, 3 * (corner + 1)), 0);
      cr_assert_eq (gsl_matrix_get (y, i, 3 * (corner + WIDTH)), 0);
      cr_assert_eq (gsl_matrix_get (y, i, 3 * (corner + WIDTH + 1)), 0);
      furthest[0] = GSL_MAX (furthest[0], top);
      furthest[1] = GSL_MAX (furthest[1], left);
    }
  cr_assert (furthest[0] == HEIGHT - 2 && furthest[1] == WIDTH - 2);
  sb_observation_free (o);
}

// Every place is as likely: of 16 x 16 in 32 x 32 each of the 289, by chi-square; row i of a batch is that of its
// stream, and another index has another. [nonuniform.set-inpaint]

Test (observations, holes_are_anywhere)
{
  enum
  {
    SIDE = 32,
    PLACES = 289,
    ROWS = 100000
  };
  sb_observation *o = of_line ("inpaint", SIDE, 1);
  gsl_matrix *x = matrix_all (500, SIDE * SIDE, 1);
  size_t count[PLACES] = { 0 }, black;
  double chi = 0;
  for (size_t first = 0; first < ROWS; first += 500)
    {
      const size_t mark = scope_mark ();
      const gsl_matrix *y = seen_of (o, first, x);
      for (size_t i = 0; i < 500; i++)
        {
          const size_t corner = corner_of (y, i, SIDE, 1, &black);
          count[corner / SIDE * 17 + corner % SIDE]++;
        }
      scope_release (mark);
    }
  for (size_t k = 0; k < PLACES; k++)
    chi += gsl_pow_2 ((double)count[k] - ROWS / (double)PLACES) / (ROWS / (double)PLACES);
  cr_assert (gsl_cdf_chisq_Q (chi, PLACES - 1) > 1e-7 && gsl_cdf_chisq_P (chi, PLACES - 1) > 1e-7, "%g", chi);
  const gsl_matrix *some = seen_of (o, 0, x), *later = seen_of (o, 3, x);
  for (size_t i = 0; i + 3 < 500; i++)
    cr_assert_eq (corner_of (some, i + 3, SIDE, 1, &black), corner_of (later, i, SIDE, 1, &black));
  sb_observation_free (o);
}

// ## Fewer pixels, and a sketch
//
// They are the operators, and what is shown of fewer pixels has each of them as often as it stands for: block means
// give them back. The images are wider than they are high. [nonuniform.set-sr] [nonuniform.set-edge]
// [nonuniform.set-concat]

Test (observations, fewer_pixels_are_shown_enlarged)
{
  sb_observation *o = sb_observation_from_text ("super-resolve factor=4", 8, 12, 2, NULL);
  gsl_matrix *x = normals (3, 192, 1), *y = seen_of (o, 0, x), *expected = matrix (3, 12), *shown = matrix (3, 192);
  ok (sb_operator_apply (scoped (sb_operator_downscale_alloc (8, 12, 2, 4)), CblasNoTrans, NULL, x, expected));
  cr_assert_eq (largest_difference (y, expected), 0);
  ok (sb_observation_show (o, y, shown));
  for (size_t i = 0; i < 3; i++)
    for (size_t k = 0; k < 192; k++)
      {
        const size_t pixel = k / 2, row = pixel / 12, column = pixel % 12;
        cr_assert_eq (gsl_matrix_get (shown, i, k), gsl_matrix_get (y, i, (row / 4 * 3 + column / 4) * 2 + k % 2));
      }
  cr_assert (sb_observation_numbers (o) == 12 && sb_observation_shown (o) == 192);
  sb_observation_free (o);
}

Test (observations, a_sketch_is_the_edges)
{
  sb_observation *o = sb_observation_from_text ("edges threshold=0.2", 6, 9, 3, NULL);
  gsl_matrix *x = normals (4, 162, 2), *y = seen_of (o, 0, x), *expected = matrix (4, 54), *shown = matrix (4, 54);
  ok (sb_edges (x, 6, 9, 3, 0.2, expected));
  cr_assert_eq (largest_difference (y, expected), 0);
  ok (sb_observation_show (o, y, shown));
  cr_assert_eq (largest_difference (shown, y), 0);
  sb_observation_free (o);
}

// A hole may be all of an image; without a factor sides shrink to an eighth. [nonuniform.set-sr]

Test (observations, the_ends_of_their_ranges)
{
  sb_observation *hole = of_line ("inpaint hole=8", 8, 1), *eighth = of_line ("super-resolve", 16, 1);
  gsl_matrix *y = seen_of (hole, 0, matrix_all (2, 64, 1));
  cr_assert (gsl_matrix_isnull (y));
  cr_assert (eighth->seen[0] == 2 && eighth->seen[1] == 2);
  sb_observation_free (hole);
  sb_observation_free (eighth);
}

// ## Refusals

Test (observations, what_does_not_fit_is_refused)
{
  static const struct
  {
    const char *line, *says;
    size_t side;
  } wrong[] = { { "inpaint hole=9", "9x9", 8 },
                { "inpaint hole=1.5", "hole", 8 },
                { "super-resolve factor=3", "factor=3", 8 },
                { "smudge", "smudge", 8 },
                { "edges threshold=-1", "threshold", 8 },
                { "inpaint", "images", 0 },
                { "edges threshold=nan", "threshold", 8 },
                { "inpaint", "hole", 1 } };
  for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
    {
      sb_error error = { 0 };
      cr_assert_null (sb_observation_from_text (wrong[k].line, wrong[k].side, wrong[k].side, 1, &error), "%s",
                      wrong[k].line);
      cr_assert (strstr (error.message, wrong[k].says), "%s: %s", wrong[k].line, error.message);
    }
  static const size_t none[][3] = { { 0, 8, 1 }, { 8, 0, 1 }, { 8, 8, 0 } };
  for (size_t k = 0; k < 3; k++)
    {
      sb_error error = { 0 };
      cr_assert_null (sb_observation_from_text ("edges", none[k][0], none[k][1], none[k][2], &error));
      cr_assert (strstr (error.message, "images"), "%s", error.message);
    }
  sb_error error = { 0 };
  cr_assert_null (sb_observation_from_text ("inpaint hole=6", 8, 4, 1, &error));
  cr_assert (strstr (error.message, "6x6 is none in an image of 8x4"), "%s", error.message);
  cr_assert_null (sb_observation_from_text ("super-resolve factor=3", 9, 8, 1, &error));
  cr_assert (strstr (error.message, "sides of 9x8"), "%s", error.message);
  sb_observation *o = of_line ("inpaint", 8, 1);
  gsl_matrix *x = matrix_all (2, 64, 1), *narrow = matrix (2, 63), *few = matrix (1, 64);
  refused (GSL_EBADLEN, sb_observe (o, (sb_stream){ 0 }, x, narrow));
  refused (GSL_EBADLEN, sb_observe (o, (sb_stream){ 0 }, x, few));
  refused (GSL_EBADLEN, sb_observation_show (o, narrow, x));
  const char *const kinds[] = { "inpaint", "super-resolve factor=1", "edges" };
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    {
      sb_observation *same = sb_observation_from_text (kinds[k], 8, 8, 1, NULL);
      gsl_matrix *image = matrix (2, 64);
      refused (GSL_EINVAL, sb_observe (same, (sb_stream){ 0 }, image, image), "%s", kinds[k]);
      sb_observation_free (same);
    }
  sb_observation_free (o);
  sb_observation *edges = of_line ("edges", 8, 1);
  gsl_matrix *y = matrix (2, 64);
  gsl_matrix_set (x, 1, 3, GSL_NAN);
  refused (GSL_EDOM, sb_observe (edges, (sb_stream){ 0 }, x, y));
  sb_observation_free (edges);
}

// No images are observed, and shown, as none.

Test (observations, of_no_images)
{
  const char *const kinds[] = { "inpaint", "super-resolve factor=2", "edges" };
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    {
      sb_observation *o = of_line (kinds[k], 8, 1);
      gsl_matrix *y = matrix (0, sb_observation_numbers (o));
      ok (sb_observe (o, (sb_stream){ 0 }, matrix (0, 64), y), "%s", kinds[k]);
      ok (sb_observation_show (o, y, matrix (0, sb_observation_shown (o))), "%s", kinds[k]);
      sb_observation_free (o);
    }
}
