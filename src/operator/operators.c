// # An operator from a line of text
//
// A new operator is a row of the table at the end, and the call that makes it.

#include "operators.h"

#include <errno.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <string.h>

static sb_operator *
make_identity (const double *key, const sb_operator_setting *of)
{
  (void)key;
  return sb_operator_identity_alloc (of->dimension);
}

static sb_operator *
make_scalar (const double *key, const sb_operator_setting *of)
{
  return sb_operator_scalar_alloc (of->dimension, key[0]);
}

static sb_operator *
make_diagonal (const double *key, const sb_operator_setting *of)
{
  (void)key;
  gsl_vector_const_view row = gsl_matrix_const_row (of->numbers, 0);
  return sb_operator_diagonal_alloc (&row.vector);
}

static sb_operator *
make_mask (const double *key, const sb_operator_setting *of)
{
  (void)key;
  gsl_vector_const_view row = gsl_matrix_const_row (of->numbers, 0);
  return sb_operator_mask_alloc (&row.vector);
}

static sb_operator *
make_select (const double *key, const sb_operator_setting *of)
{
  (void)key;
  gsl_vector_const_view row = gsl_matrix_const_row (of->numbers, 0);
  return sb_operator_select_alloc (&row.vector);
}

static sb_operator *
make_dense (const double *key, const sb_operator_setting *of)
{
  (void)key;
  return sb_operator_dense_alloc (of->numbers);
}

static sb_operator *
make_cosine (const double *key, const sb_operator_setting *of)
{
  (void)key;
  return sb_operator_cosine_alloc (of->height, of->width, of->channels);
}

static sb_operator *
make_colour (const double *key, const sb_operator_setting *of)
{
  (void)key;
  return sb_operator_colour_alloc (of->height * of->width);
}

static sb_operator *
make_haar (const double *key, const sb_operator_setting *of)
{
  return sb_operator_haar_alloc (of->height, of->width, of->channels, (size_t)key[0]);
}

static sb_operator *
make_downscale (const double *key, const sb_operator_setting *of)
{
  return sb_operator_downscale_alloc (of->height, of->width, of->channels, (size_t)key[0]);
}

static sb_operator *
make_enlarge (const double *key, const sb_operator_setting *of)
{
  return sb_operator_enlarge_alloc (of->height, of->width, of->channels, (size_t)key[0]);
}

static sb_operator *
make_blur (const double *key, const sb_operator_setting *of)
{
  return sb_operator_at_level_alloc (
      sb_operator_blur_alloc (of->height, of->width, of->channels, (size_t)key[1], (sb_boundary)key[2]), key[0]);
}

static sb_operator *
make_window (const double *key, const sb_operator_setting *of)
{
  return sb_operator_at_level_alloc (sb_operator_window_alloc (of->height, of->width, of->channels, (sb_keep)key[1]),
                                     key[0]);
}

const char *const sb_boundary_words[] = { "zero", "symmetric", "reflect", "periodic", NULL };
const char *const sb_keep_words[] = { "centre", "border", NULL };
const char *const sb_corruption_words[] = { "blur", "window", NULL };

static const sb_key of_corruption[] = { SB_CORRUPTION_KEYS };

static const sb_key factor[]
    = { { .name = "c", .usual = NAN, .low = -HUGE_VAL, .high = HUGE_VAL, .help = "the factor" } },
    times[]
    = { { .name = "factor", .usual = 2, .low = 1, .high = 65536, .whole = true, .help = "ratio of side lengths" } },
    levels[] = { { .name = "levels",
                   .usual = 1,
                   .low = 1,
                   .high = 16,
                   .whole = true,
                   .help = "number of halvings of the image" } },
    of_blur[]
    = { { .name = "std", .usual = NAN, .high = HUGE_VAL, .help = "standard deviation in pixels" }, SB_BLUR_KEYS },
    of_window[] = { { .name = "hidden", .usual = NAN, .high = 1, .help = "share of pixels set to 0" }, SB_WINDOW_KEYS };

static const sb_operator_kind table[] = {
  { { "identity", "leaves each number unchanged", NULL, 0 }, false, false, make_identity },
  { { "scalar", "each number times c", factor, 1 }, false, false, make_scalar },
  { { "diagonal", "each number times its own factor, from a row of a matrix", NULL, 0 }, true, false, make_diagonal },
  { { "mask", "keeps numbers where a matrix row is 1, sets the others to 0", NULL, 0 }, true, false, make_mask },
  { { "select", "keeps numbers where a matrix row is 1, leaves the others out", NULL, 0 }, true, false, make_select },
  { { "dense", "a matrix times the point", NULL, 0 }, true, false, make_dense },
  { { "cosine", "the cosine transform of an image", NULL, 0 }, false, true, make_cosine },
  { { "colour", "grey and two colour channels in place of red, green and blue", NULL, 0 }, false, true, make_colour },
  { { "haar", "the Haar transform of an image: details, scale by scale", levels, 1 }, false, true, make_haar },
  { { "downscale", "an image with fewer pixels, bicubic", times, 1 }, false, true, make_downscale },
  { { "enlarge", "an image with more pixels, by nearest neighbour", times, 1 }, false, true, make_enlarge },
  { { "blur", "a Gaussian blur of an image", of_blur, 3 }, false, true, make_blur },
  { { "window", "keeps a window of an image, or its border, sets the rest to 0", of_window, 2 },
    false,
    true,
    make_window },
};

const sb_entry *
sb_operators (size_t k)
{
  return k < sizeof table / sizeof *table ? &table[k].entry : NULL;
}

// The number of which the sides of its images must be multiples.

static size_t
divisor (const sb_operator_kind *kind, const double *key)
{
  return kind->alloc == make_haar ? (size_t)1 << (size_t)key[0] : kind->alloc == make_downscale ? (size_t)key[0] : 1;
}

static int
check_setting (const sb_operator_kind *kind, const double *key, const sb_operator_setting *of, sb_error *error)
{
  const char *name = kind->entry.name;
  const gsl_matrix *numbers = of->numbers;
  if (!numbers != !kind->has_numbers)
    SB_ERROR (error, GSL_EINVAL, "operator %s: it %s a matrix", name, numbers ? "has no use for" : "is made of");
  if (kind->of_images && of->height == 0)
    SB_ERROR (error, GSL_EINVAL, "operator %s: the points are no images", name);
  if (kind->alloc == make_colour && of->channels != 3)
    SB_ERROR (error, GSL_EBADLEN, "operator colour: the images have %zu channels, not 3", of->channels);
  if (kind->of_images && (of->height % divisor (kind, key) || of->width % divisor (kind, key)))
    SB_ERROR (error, GSL_EBADLEN, "operator %s: the images are of %zu x %zu pixels, not of multiples of %zu", name,
              of->height, of->width, divisor (kind, key));
  if (kind->alloc == make_blur && key[1] == 0 && (sb_boundary)key[2] != SB_BOUNDARY_SYMMETRIC
      && (sb_boundary)key[2] != SB_BOUNDARY_PERIODIC)
    SB_ERROR (error, GSL_EINVAL, "operator blur: half=0, the heat equation's, has boundary=symmetric or periodic");
  if (numbers && numbers->size2 != of->dimension)
    SB_ERROR (error, GSL_EBADLEN, "operator %s: its matrix has %zu columns, and a point %zu numbers", name,
              numbers->size2, of->dimension);
  if (numbers && kind->alloc != make_dense && numbers->size1 != 1)
    SB_ERROR (error, GSL_EBADLEN, "operator %s: its matrix has %zu rows, not one", name, numbers->size1);
  return GSL_SUCCESS;
}

sb_operator *
sb_operator_from_text (const char *text, const sb_operator_setting *of, sb_error *error)
{
  double key[SB_KEYS_MOST];
  const sb_operator_kind *kind = (const sb_operator_kind *)sb_entry_read (sb_operators, "operator", text, key, error);
  if (!kind || check_setting (kind, key, of, error))
    return NULL;
  errno = 0;
  sb_operator *A = kind->alloc (key, of);
  if (!A)
    SB_ERROR_NULL (error, errno == ENOMEM ? GSL_ENOMEM : GSL_EDOM, "operator %s: it cannot be made of these numbers",
                   kind->entry.name);
  return A;
}

// ## Operators with a level

static const sb_entry corruptions[]
    = { { "blur", "a Gaussian blur; the level is its standard deviation in pixels", of_corruption, 2 },
        { "window", "nested masks; the level is the share of pixels that are hidden", of_corruption + 2, 1 } };

const sb_entry *
sb_corruptions (size_t k)
{
  return k < sizeof corruptions / sizeof *corruptions ? &corruptions[k] : NULL;
}

sb_operator *
sb_corruption_alloc (size_t k, const double *key, const sb_operator_setting *of)
{
  return k == 0 ? sb_operator_blur_alloc (of->height, of->width, of->channels, (size_t)key[0], (sb_boundary)key[1])
                : sb_operator_window_alloc (of->height, of->width, of->channels, (sb_keep)key[2]);
}

sb_operator *
sb_corruption_from_text (const char *text, const sb_operator_setting *of, sb_error *error)
{
  double own[SB_KEYS_MOST], key[sizeof of_corruption / sizeof *of_corruption];
  const sb_entry *entry = sb_entry_read (sb_corruptions, "operator", text, own, error);
  if (!entry)
    return NULL;
  if (of->height == 0)
    SB_ERROR_NULL (error, GSL_EINVAL, "operator %s: the points are no images", entry->name);
  memcpy (key + (entry->keys - of_corruption), own, entry->key_count * sizeof *own);
  errno = 0;
  sb_operator *A = sb_corruption_alloc ((size_t)(entry - corruptions), key, of);
  if (!A)
    SB_ERROR_NULL (error, errno == ENOMEM ? GSL_ENOMEM : GSL_EINVAL, "operator: '%s' cannot be made", text);
  return A;
}
