// # Objects that live as long as their test

#include "scope.h"
#include "base/shard.h"
#include "base/stream.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_permutation.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

// ## The arena

typedef struct
{
  void *object;
  void (*release) (void *);
} keepsake;

enum
{
  FIRST = 1024 // so many need no memory: some tests look at what is asked for
};

static struct
{
  keepsake first[FIRST], *kept;
  size_t count, room;
} arena = { .kept = arena.first, .room = FIRST };

void
scope_keep (const char *file, int at, const char *text, void *object, void (*release) (void *), const char *format,
            va_list words)
{
  if (!object)
    {
      char own[1024] = "";
      if (format)
        vsnprintf (own, sizeof own, format, words);
      cr_assert_fail ("%s:%d: %s is NULL%s%s", file, at, text, *own ? ": " : "", own);
    }
  if (arena.count == arena.room)
    {
      keepsake *kept = malloc (2 * arena.room * sizeof *kept);
      cr_assert_not_null (kept);
      memcpy (kept, arena.kept, arena.count * sizeof *kept);
      if (arena.kept != arena.first)
        free (arena.kept);
      arena.kept = kept;
      arena.room *= 2;
    }
  arena.kept[arena.count].object = object;
  arena.kept[arena.count++].release = release;
}

void *
unscoped (void *object)
{
  size_t k = arena.count;
  while (k > 0 && arena.kept[k - 1].object != object)
    k--;
  cr_assert (k > 0, "an object that is not in the arena");
  memmove (&arena.kept[k - 1], &arena.kept[k], (arena.count - k) * sizeof *arena.kept);
  arena.count--;
  return object;
}

size_t
scope_mark (void)
{
  return arena.count;
}

void
scope_release (size_t mark)
{
  while (arena.count > mark)
    {
      arena.count--;
      arena.kept[arena.count].release (arena.kept[arena.count].object);
    }
}

void
scope_begin (void)
{
  gsl_set_error_handler_off ();
}

void
scope_begin_with_blas (void)
{
  scope_begin ();
  sb_blas_single_threaded ();
}

void
scope_end (void)
{
  scope_release (0);
  if (arena.kept != arena.first)
    free (arena.kept);
  arena.kept = arena.first;
  arena.room = FIRST;
}

// ## Vectors and matrices

gsl_vector *
vector (size_t n)
{
  return scoped (gsl_vector_alloc (n));
}

gsl_vector *
vector_all (size_t n, double value)
{
  gsl_vector *v = vector (n);
  gsl_vector_set_all (v, value);
  return v;
}

gsl_vector *
scope_vector (size_t n, const double *values)
{
  gsl_vector *v = vector (n);
  memcpy (v->data, values, n * sizeof *values);
  return v;
}

gsl_vector *
scope_vector_copy (const gsl_vector *from)
{
  gsl_vector *v = vector (from->size);
  gsl_vector_memcpy (v, from);
  return v;
}

gsl_vector *
level_times (size_t first, size_t last, size_t levels)
{
  gsl_vector *t = vector (1 + (first < last ? last - first : first - last));
  for (size_t i = 0; i < t->size; i++)
    gsl_vector_set (t, i, (double)(first < last ? first + i : first - i) / (double)levels);
  return t;
}

gsl_vector *
even_times (double first, double last, size_t steps)
{
  gsl_vector *t = vector (steps + 1);
  for (size_t k = 0; k <= steps; k++)
    gsl_vector_set (t, k, k == steps ? last : first + (last - first) * (double)k / (double)steps);
  return t;
}

gsl_matrix *
matrix (size_t n, size_t d)
{
  return scoped (gsl_matrix_alloc (n, d));
}

gsl_matrix *
matrix_all (size_t n, size_t d, double value)
{
  gsl_matrix *m = matrix (n, d);
  gsl_matrix_set_all (m, value);
  return m;
}

gsl_matrix *
normals (size_t n, size_t d, uint64_t seed)
{
  gsl_matrix *m = matrix (n, d);
  ok (sb_stream_normals ((sb_stream){ .seed = seed, .purpose = SB_FOR_USER }, 0, m));
  return m;
}

gsl_matrix *
scope_matrix (size_t n, size_t d, size_t count, const double *values)
{
  cr_assert_eq (n * d, count, "%zu numbers for %zu x %zu", count, n, d);
  gsl_matrix *m = matrix (n, d);
  memcpy (m->data, values, count * sizeof *values);
  return m;
}

gsl_matrix *
scope_matrix_copy (const gsl_matrix *from)
{
  gsl_matrix *m = matrix (from->size1, from->size2);
  gsl_matrix_memcpy (m, from);
  return m;
}

double
largest_difference (const gsl_matrix *a, const gsl_matrix *b)
{
  double largest = 0;
  cr_assert (a->size1 == b->size1 && a->size2 == b->size2);
  for (size_t i = 0; i < a->size1; i++)
    for (size_t j = 0; j < a->size2; j++)
      largest = larger (largest, fabs (gsl_matrix_get (a, i, j) - gsl_matrix_get (b, i, j)));
  return largest;
}

double
least_assignment (const gsl_matrix *x, const gsl_matrix *y)
{
  const size_t n = x->size1;
  size_t place[8];
  double least = HUGE_VAL;
  gsl_permutation order = { n, place };
  cr_assert (n > 0 && n <= 8);
  gsl_permutation_init (&order);
  do
    {
      double sum = 0;
      for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < x->size2; k++)
          sum += gsl_pow_2 (gsl_matrix_get (x, i, k) - gsl_matrix_get (y, place[i], k)) / (double)n;
      least = fmin (least, sum);
    }
  while (gsl_permutation_next (&order) == GSL_SUCCESS);
  return least;
}

double
number_of (const sb_process *process, sb_process_map map, double s, double t)
{
  double c;
  cr_assert_eq (process->parts, 1);
  return sb_process_numbers (process, map, s, t, &c) ? GSL_NAN : c;
}

// ## Statuses

const char *
scope_status (int wanted, const char *text, int got, const char *format, ...)
{
  static char message[2048];
  if (got == wanted)
    return NULL;
  int used = snprintf (message, sizeof message, "%s\n  is %d (%s), not %d (%s)", text, got, gsl_strerror (got), wanted,
                       gsl_strerror (wanted));
  if (format && used > 0 && (size_t)used + 3 < sizeof message)
    {
      strcpy (message + used, ": ");
      va_list arguments;
      va_start (arguments, format);
      vsnprintf (message + used + 2, sizeof message - (size_t)used - 2, format, arguments);
      va_end (arguments);
    }
  return message;
}
