// # What must be true of random streams
//
// The generator is compared with its authors' test vectors, its numbers with the laws that they should have. A
// statistical test below fails by chance with a probability under $10^{-6}$: six standard deviations of a sum that is
// nearly normal ($2\cdot10^{-9}$), or as stated. The seeds are fixed, so what passes once passes always.

#include "base/stream.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <string.h>

SUITE (stream);

typedef int (*filling) (sb_stream stream, uint64_t first, gsl_matrix *x);

static gsl_matrix *
filled (filling fill, sb_stream stream, uint64_t first, size_t n, size_t d)
{
  gsl_matrix *x = matrix (n, d);
  ok (fill (stream, first, x));
  return x;
}

static double
number (filling fill, sb_stream stream, uint64_t k)
{
  double x;
  gsl_matrix_view one = gsl_matrix_view_array (&x, 1, 1);
  ok (fill (stream, k, &one.matrix));
  return x;
}

// ## Philox4x32-10
//
// The authors' own test vectors, file `kat_vectors` of Random123: counter, key, and the four words of the block. The
// counter is taken apart as stream.c says: block, purpose, index.

typedef struct
{
  uint32_t counter[4], key[2], words[4];
} known_answer;

static const known_answer KNOWN_ANSWERS[] = {
  { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
  { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
    { 0xffffffff, 0xffffffff },
    { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
  { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
    { 0xa4093822, 0x299f31d0 },
    { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
};

enum
{
  KNOWN = sizeof KNOWN_ANSWERS / sizeof *KNOWN_ANSWERS
};

static sb_stream
stream_at (const uint32_t counter[4], const uint32_t key[2])
{
  return (sb_stream){ .seed = (uint64_t)key[1] << 32 | key[0],
                      .purpose = counter[1],
                      .index = (uint64_t)counter[3] << 32 | counter[2] };
}

Test (stream, known_answers_of_the_words)
{
  gsl_rng *r = scoped (gsl_rng_alloc (sb_rng_philox));
  for (size_t i = 0; i < KNOWN; i++)
    {
      const known_answer *a = &KNOWN_ANSWERS[i];
      ok (sb_rng_philox_seek (r, stream_at (a->counter, a->key), 2 * (uint64_t)a->counter[0]));
      for (int k = 0; k < 4; k++)
        cr_assert_eq (gsl_rng_get (r), a->words[k], "vector %zu, word %d", i, k);
    }
}

// The streams are made of the same words: a uniform is the binary fraction of its two, to half a cell.

Test (stream, known_answers_of_the_uniforms)
{
  for (size_t i = 0; i < KNOWN; i++)
    for (unsigned half = 0; half < 2; half++)
      {
        const known_answer *a = &KNOWN_ANSWERS[i];
        double u = number (sb_stream_uniforms, stream_at (a->counter, a->key), 2 * (uint64_t)a->counter[0] + half);
        const uint32_t *w = a->words + 2 * half;
        cr_assert_leq (fabs (ldexp (w[0], -32) - u + ldexp (w[1], -64)), 0x1p-53, "vector %zu, number %u", i, half);
      }
}

// ## The ends of the interval
//
// A round of Philox can be undone, so one can look up the address of any block. (Salmon et al., Section 3.2: the odd
// multipliers have inverses modulo $2^{32}$; here by Newton's iteration.) Words of all ones and of all zeros give the
// largest and the smallest uniform: both inside the interval, at half a cell from its ends, and the largest normal.

static uint32_t
inverse (uint32_t odd)
{
  uint32_t x = odd;
  for (int i = 0; i < 5; i++)
    x *= 2 - odd * x;
  return x;
}

static uint32_t
high_word (uint32_t a, uint32_t b)
{
  return (uint32_t)((uint64_t)a * b >> 32);
}

static void
counter_with_words (const uint32_t words[4], const uint32_t key[2], uint32_t c[4])
{
  const uint32_t m0 = 0xD2511F53, m1 = 0xCD9E8D57, w0 = 0x9E3779B9, w1 = 0xBB67AE85;
  memcpy (c, words, 4 * sizeof *c);
  for (uint32_t round = 10; round-- > 0;)
    {
      uint32_t c0 = c[3] * inverse (m0), c2 = c[1] * inverse (m1);
      uint32_t c1 = c[0] ^ high_word (m1, c2) ^ (key[0] + round * w0);
      uint32_t c3 = c[2] ^ high_word (m0, c0) ^ (key[1] + round * w1);
      c[0] = c0, c[1] = c1, c[2] = c2, c[3] = c3;
    }
}

static void
pair_with_words (filling fill, const uint32_t words[4], double x[2])
{
  uint32_t key[2] = { 20210213, 7 }, c[4];
  counter_with_words (words, key, c);
  gsl_matrix_view row = gsl_matrix_view_array (x, 1, 2);
  ok (fill (stream_at (c, key), 2 * (uint64_t)c[0], &row.matrix));
}

Test (stream, uniforms_stay_inside_the_interval)
{
  double u[2];
  pair_with_words (sb_stream_uniforms, (uint32_t[]){ 0, 0, 0xffffffff, 0xffffffff }, u);
  cr_assert (u[0] == 0x1p-53 && u[1] == 1 - 0x1p-53, "u = %a, %a", u[0], u[1]);

  // One step of the last bit that is kept, and of the first that is not.
  pair_with_words (sb_stream_uniforms, (uint32_t[]){ 0, 1 << 12, 0, 1 << 11 }, u);
  cr_assert (u[0] == 3 * 0x1p-53 && u[1] == 0x1p-53, "u = %a, %a", u[0], u[1]);
}

Test (stream, the_largest_normal)
{
  double z[2];
  pair_with_words (sb_stream_normals, (uint32_t[]){ 0, 0, 0, 0 }, z);
  cr_assert_float_eq (z[0], sqrt (106 * M_LN2), 1e-14);
  pair_with_words (sb_stream_normals, (uint32_t[]){ 0xffffffff, 0xffffffff, 0, 0 }, z);
  cr_assert (z[0] > 0 && z[0] < 2e-8 && z[1] >= 0, "z = %g, %g", z[0], z[1]);
}

// ## Box and Muller's formula
//
// Uniforms and normals of one stream are made of the same bits, so what a normal should be can be computed in `long
// double`; the angle is first reduced to an eighth of a turn, which is exact. The largest error is in units in the
// last place.

static long double
reduced (long double u, int *quarter)
{
  long double q = rintl (4 * u);
  *quarter = (int)q & 3;
  return 6.283185307179586476925287L * (u - q / 4);
}

static double
units_off (double z, long double exact)
{
  double size = fabs ((double)exact);
  return (double)fabsl ((long double)z - exact) / (nextafter (size, INFINITY) - size);
}

Test (stream, normals_are_accurate)
{
  const sb_stream stream = { .seed = 5, .purpose = SB_FOR_USER, .index = 9 };
  gsl_matrix *u = filled (sb_stream_uniforms, stream, 0, 300, 2000),
             *z = filled (sb_stream_normals, stream, 0, 300, 2000);
  for (size_t i = 0; i < u->size1; i++)
    for (size_t j = 0; j < u->size2; j += 2)
      {
        int quarter;
        long double R = sqrtl (-2 * logl ((long double)gsl_matrix_get (u, i, j)));
        long double angle = reduced ((long double)gsl_matrix_get (u, i, j + 1), &quarter);
        long double c = cosl (angle), s = sinl (angle);
        long double cosine = quarter == 0 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s;
        long double sine = quarter == 0 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c;
        cr_assert_leq (units_off (gsl_matrix_get (z, i, j), R * cosine), 4, "row %zu, number %zu", i, j);
        cr_assert_leq (units_off (gsl_matrix_get (z, i, j + 1), R * sine), 4, "row %zu, number %zu", i, j + 1);
      }
}

// ## An address is a number's own
//
// Change any one bit of seed, purpose, index or place, and the number changes; so do any two such changes to different
// numbers. By chance, two of these 193 would be equal with probability $10^{-11}$.

enum
{
  ADDRESS_BITS = 64 + 32 + 64 + 33
};

static double
number_with_bit_flipped (filling fill, unsigned bit)
{
  sb_stream stream = { .seed = 0x0123456789abcdef, .purpose = SB_FOR_PROBE, .index = 0xfedcba9876543210 };
  uint64_t k = 0x13579bdf;
  if (bit < 64)
    stream.seed ^= UINT64_C (1) << bit;
  else if (bit < 96)
    stream.purpose ^= UINT32_C (1) << (bit - 64);
  else if (bit < 160)
    stream.index ^= UINT64_C (1) << (bit - 96);
  else
    k ^= UINT64_C (1) << (bit - 160);
  return number (fill, stream, k);
}

static void
check_all_different (filling fill)
{
  double x[ADDRESS_BITS];
  for (unsigned bit = 0; bit < ADDRESS_BITS; bit++)
    x[bit] = number_with_bit_flipped (fill, bit);
  gsl_sort (x, 1, ADDRESS_BITS);
  for (unsigned i = 1; i < ADDRESS_BITS; i++)
    cr_assert_neq (x[i], x[i - 1], "two addresses hold %.17g", x[i]);
}

Test (stream, every_bit_of_an_address_counts)
{
  check_all_different (sb_stream_uniforms);
  check_all_different (sb_stream_normals);
}

// ## How a batch is cut does not matter
//
// A batch drawn whole is the same, bit for bit, as drawn in four parts, cut between any two rows and any two columns
// (in the middle of a pair as well), each part into a corner of a larger matrix.

static size_t
differences (const gsl_matrix *a, const gsl_matrix *b)
{
  size_t count = 0;
  for (size_t i = 0; i < a->size1; i++)
    for (size_t j = 0; j < a->size2; j++)
      count += gsl_matrix_get (a, i, j) != gsl_matrix_get (b, i, j);
  return count;
}

static int
fill_part (filling fill, sb_stream stream, uint64_t first, gsl_matrix *x, size_t i, size_t j, size_t n, size_t d)
{
  if (n == 0 || d == 0)
    return GSL_SUCCESS;
  gsl_matrix_view part = gsl_matrix_submatrix (x, i, j, n, d);
  return fill (sb_stream_skip (stream, i), first + j, &part.matrix);
}

static double
cut_residual (const double *v, void *context)
{
  filling fill = *(filling *)context;
  size_t n = (size_t)v[0], d = (size_t)v[1], rows = (size_t)(v[2] * (double)n), columns = (size_t)(v[3] * (double)d);
  uint64_t first = (uint64_t)v[4];
  sb_stream stream = { .seed = (uint64_t)v[5], .purpose = SB_FOR_FORWARD, .index = (uint64_t)v[6] };

  omp_set_num_threads (1);
  gsl_matrix *whole = filled (fill, stream, first, n, d), *parts = matrix_all (n, d, 0);
  omp_set_num_threads (3);
  int status = fill_part (fill, stream, first, parts, 0, 0, rows, columns)
               | fill_part (fill, stream, first, parts, rows, 0, n - rows, columns)
               | fill_part (fill, stream, first, parts, 0, columns, rows, d - columns)
               | fill_part (fill, stream, first, parts, rows, columns, n - rows, d - columns);
  return (double)differences (whole, parts) + (double)status;
}

static const property_parameter CUT[] = {
  { "n", PROPERTY_INTEGER, 1, 200, 1 },   { "d", PROPERTY_INTEGER, 1, 12, 1 },
  { "rows", PROPERTY_UNIFORM, 0, 1, 0 },  { "columns", PROPERTY_UNIFORM, 0, 1, 0 },
  { "first", PROPERTY_INTEGER, 0, 5, 0 }, { "seed", PROPERTY_INTEGER, 0, 1e9, 0 },
  { "index", PROPERTY_LOG, 1, 1e18, 1 },
};

Test (stream, a_batch_may_be_cut_anywhere)
{
  filling fills[] = { sb_stream_uniforms, sb_stream_normals };
  for (size_t i = 0; i < 2; i++)
    property_check ("the parts of a batch are the batch's", 20210213 + i, 200, sizeof CUT / sizeof *CUT, CUT,
                    cut_residual, &fills[i], 0);
}

Test (stream, threads_do_not_matter)
{
  sb_stream stream = { .seed = 5, .purpose = SB_FOR_PREDICTOR, .index = 17 };
  omp_set_num_threads (1);
  gsl_matrix *one = filled (sb_stream_normals, stream, 3, 1000, 7);
  for (int threads = 2; threads <= 3; threads++)
    {
      omp_set_num_threads (threads);
      gsl_matrix *several = filled (sb_stream_normals, stream, 3, 1000, 7);
      cr_assert_eq (differences (one, several), 0, "%d threads", threads);
    }
}

// Beside the rows that it fills, nothing is written: a view's neighbours stay.

Test (stream, only_the_view_is_filled)
{
  gsl_matrix *x = matrix_all (5, 6, 0);
  gsl_matrix_view middle = gsl_matrix_submatrix (x, 1, 2, 3, 3);
  ok (sb_stream_normals ((sb_stream){ .seed = 1 }, 1, &middle.matrix));
  for (size_t i = 0; i < 5; i++)
    for (size_t j = 0; j < 6; j++)
      {
        bool inside = i >= 1 && i < 4 && j >= 2 && j < 5;
        cr_assert_eq (gsl_matrix_get (x, i, j) != 0, inside, "entry %zu, %zu", i, j);
      }
}

// Rows at the end of the indices go on at 0.

Test (stream, indices_wrap_around)
{
  sb_stream last = { .seed = 3, .purpose = SB_FOR_DATA, .index = UINT64_MAX }, zero = { .seed = 3 };
  gsl_matrix *z = filled (sb_stream_normals, last, 0, 2, 1);
  cr_assert_eq (gsl_matrix_get (z, 1, 0), number (sb_stream_normals, zero, 0));
  cr_assert_eq (sb_stream_skip (last, 1).index, 0);
}

// ## What cannot be asked for

Test (stream, a_stream_ends)
{
  const uint64_t end = UINT64_C (1) << 33;
  filling fills[] = { sb_stream_uniforms, sb_stream_normals };
  for (size_t i = 0; i < 2; i++)
    {
      gsl_matrix *x = matrix_all (2, 4, 0);
      sb_stream stream = { .seed = 1 };
      ok (fills[i](stream, end - 4, x));
      gsl_matrix_set_zero (x);
      refused (GSL_EDOM, fills[i](stream, end - 3, x));
      refused (GSL_EDOM, fills[i](stream, end, x));
      refused (GSL_EDOM, fills[i](stream, end + 1, x));
      refused (GSL_EDOM, fills[i](stream, UINT64_MAX, x));
      cr_assert (gsl_matrix_isnull (x), "a refused batch is left alone");
    }
}

Test (stream, a_batch_may_be_empty)
{
  gsl_matrix empty = { .size1 = 0, .size2 = 3, .tda = 3 }, narrow = { .size1 = 3, .size2 = 0, .tda = 0 };
  ok (sb_stream_normals ((sb_stream){ .seed = 1 }, 0, &empty));
  ok (sb_stream_uniforms ((sb_stream){ .seed = 1 }, 0, &narrow));
}

// ## The law of a number
//
// A million uniforms and normals against their distribution functions: Kolmogorov and Smirnov's
// $\sqrt N \sup|F_N - F|$ is above 2.8 with probability $2e^{-2\cdot2.8^2} = 3\cdot10^{-7}$.

enum
{
  N = 1 << 20
};

static double
kolmogorov_smirnov (gsl_matrix *x, double (*cdf) (double))
{
  size_t count = x->size1 * x->size2;
  double D = 0;
  gsl_sort (x->data, 1, count);
  for (size_t i = 0; i < count; i++)
    {
      double F = cdf (x->data[i]), below = (double)i / (double)count, above = (double)(i + 1) / (double)count;
      D = larger (D, GSL_MAX (F - below, above - F));
    }
  return sqrt ((double)count) * D;
}

static double
uniform_cdf (double u)
{
  return u;
}

Test (stream, numbers_have_their_law)
{
  sb_stream stream = { .seed = 2021, .purpose = SB_FOR_DATA };
  size_t shapes[][2] = { { N, 1 }, { 1, N }, { 1024, 1024 } };
  for (size_t i = 0; i < 3; i++)
    {
      gsl_matrix *u = filled (sb_stream_uniforms, stream, 0, shapes[i][0], shapes[i][1]);
      cr_assert_lt (kolmogorov_smirnov (u, uniform_cdf), 2.8, "uniforms, %zu rows", shapes[i][0]);
      gsl_matrix *z = filled (sb_stream_normals, stream, 0, shapes[i][0], shapes[i][1]);
      cr_assert_lt (kolmogorov_smirnov (z, gsl_cdf_ugaussian_P), 2.8, "normals, %zu rows", shapes[i][0]);
    }
}

// The moments of a standard normal are 0, 1, 0, 3, and $\operatorname{Var} z^p$ is 1, 2, 15, 96 for $p = 1, \ldots, 4$.

Test (stream, normals_have_their_moments)
{
  gsl_matrix *z = filled (sb_stream_normals, (sb_stream){ .seed = 11 }, 0, 1024, N / 1024);
  const double moment[] = { 1, 0, 1, 0, 3 }, variance[] = { 0, 1, 2, 15, 96 };
  for (int p = 1; p <= 4; p++)
    {
      double sum = 0;
      for (size_t i = 0; i < N; i++)
        sum += gsl_pow_int (z->data[i], p);
      double deviations = (sum / N - moment[p]) / sqrt (variance[p] / N);
      cr_assert_lt (fabs (deviations), 6, "moment %d is off by %g standard deviations", p, deviations);
    }
}

// Sixteen million normals: how many are beyond 4 and 5 is a Poisson number, whose probability of being as extreme is
// to be over $10^{-7}$ on each side.

enum
{
  ROUNDS = 16
};

static void
check_poisson (unsigned count, double mean, const char *what)
{
  cr_assert (gsl_cdf_poisson_P (count, mean) > 1e-7 && (count == 0 || gsl_cdf_poisson_Q (count - 1, mean) > 1e-7),
             "%u %s, %g expected", count, what, mean);
}

Test (stream, normals_have_their_tails)
{
  unsigned below4 = 0, above4 = 0, beyond5 = 0;
  gsl_matrix *z = matrix (1024, N / 1024);
  for (uint64_t round = 0; round < ROUNDS; round++)
    {
      ok (sb_stream_normals ((sb_stream){ .seed = 4, .index = 1024 * round }, 0, z));
      for (size_t i = 0; i < N; i++)
        {
          below4 += z->data[i] < -4;
          above4 += z->data[i] > 4;
          beyond5 += fabs (z->data[i]) > 5;
        }
    }
  double total = (double)ROUNDS * N;
  check_poisson (below4, total * gsl_cdf_ugaussian_P (-4), "below -4");
  check_poisson (above4, total * gsl_cdf_ugaussian_Q (4), "above 4");
  check_poisson (beyond5, 2 * total * gsl_cdf_ugaussian_Q (5), "beyond 5");
}

// ## Independence
//
// Correlations of $z$ with $z'$, of $z^2$ with $z'^2$, and of $z$ with $z'^2$, where $z'$ is the number beside it in
// the row (the other half of its pair, or of the next), in the next row, in the same place of another purpose, of
// another seed, or $2^{32}$ indices on. Each is a mean of $N$ independent products of known variance: 1, 4 and 2.

static double
correlation (const gsl_matrix *a, const gsl_matrix *b, int p, int q)
{
  double sum = 0;
  for (size_t i = 0; i < a->size1; i++)
    for (size_t j = 0; j < a->size2; j++)
      {
        double x = gsl_matrix_get (a, i, j), y = gsl_matrix_get (b, i, j);
        sum += (p == 1 ? x : (x * x - 1) / M_SQRT2) * (q == 1 ? y : (y * y - 1) / M_SQRT2);
      }
  return sum / sqrt ((double)(a->size1 * a->size2));
}

static void
check_independent (const gsl_matrix *a, const gsl_matrix *b, const char *of)
{
  for (int p = 1; p <= 2; p++)
    for (int q = 1; q <= 2; q++)
      {
        double deviations = correlation (a, b, p, q);
        cr_assert_lt (fabs (deviations), 6, "%s: z^%d with z'^%d: %g standard deviations", of, p, q, deviations);
      }
}

Test (stream, numbers_are_independent)
{
  enum
  {
    SIDE = 512
  };
  const sb_stream stream = { .seed = 99, .purpose = SB_FOR_PREDICTOR, .index = 1 };
  struct
  {
    const char *of;
    sb_stream other;
    uint64_t first;
  } cases[] = {
    { "next number", stream, 1 },
    { "next number but one", stream, 2 },
    { "next row", sb_stream_skip (stream, 1), 0 },
    { "next row, next number", sb_stream_skip (stream, 1), 1 },
    { "next purpose", { 99, SB_FOR_CORRECTOR, 1 }, 0 },
    { "next seed", { 100, SB_FOR_PREDICTOR, 1 }, 0 },
    { "far index", { 99, SB_FOR_PREDICTOR, 1 + (UINT64_C (1) << 32) }, 0 },
    { "far seed", { 99 + (UINT64_C (1) << 32), SB_FOR_PREDICTOR, 1 }, 0 },
    { "far number", stream, UINT64_C (1) << 32 },
  };
  gsl_matrix *z = filled (sb_stream_normals, stream, 0, SIDE, SIDE);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
      gsl_matrix *other = filled (sb_stream_normals, cases[i].other, cases[i].first, SIDE, SIDE);
      check_independent (z, other, cases[i].of);
    }
}

// Neighbouring uniforms fill the square evenly: $\chi^2$ over $64 \times 64$ cells, on both sides above $10^{-7}$.

Test (stream, neighbouring_uniforms_fill_the_square)
{
  enum
  {
    CELLS = 64
  };
  static double count[CELLS][CELLS];
  gsl_matrix *u = filled (sb_stream_uniforms, (sb_stream){ .seed = 8 }, 0, 1024, N / 1024);
  for (size_t i = 0; i < N; i += 2)
    count[(int)(CELLS * u->data[i])][(int)(CELLS * u->data[i + 1])]++;

  double expected = N / 2 / gsl_pow_2 (CELLS), chi2 = 0;
  for (int i = 0; i < CELLS; i++)
    for (int j = 0; j < CELLS; j++)
      chi2 += gsl_pow_2 (count[i][j] - expected) / expected;
  double freedom = CELLS * CELLS - 1;
  cr_assert (gsl_cdf_chisq_Q (chi2, freedom) > 1e-7 && gsl_cdf_chisq_P (chi2, freedom) > 1e-7, "chi^2 = %g", chi2);
}

// ## GSL's generator

static gsl_rng *
generator_at (sb_stream stream, uint64_t first)
{
  gsl_rng *r = scoped (gsl_rng_alloc (sb_rng_philox));
  ok (sb_rng_philox_seek (r, stream, first));
  return r;
}

// Placed anywhere in a stream, its uniforms are the stream's.

static double
seek_residual (const double *v, void *context)
{
  (void)context;
  sb_stream stream = { .seed = (uint64_t)v[0], .purpose = SB_FOR_TIME, .index = (uint64_t)v[1] };
  uint64_t first = (uint64_t)v[2];
  gsl_rng *r = generator_at (stream, first);
  double worst = 0;
  for (uint64_t k = first; k < first + 7; k++)
    {
      double difference = fabs (gsl_rng_uniform (r) - number (sb_stream_uniforms, stream, k));
      worst = larger (worst, difference);
    }
  return worst;
}

Test (stream, the_generator_reads_a_stream)
{
  const property_parameter parameters[] = {
    { "seed", PROPERTY_LOG, 1, 1e19, 1 },
    { "index", PROPERTY_LOG, 1, 1e19, 1 },
    { "first", PROPERTY_INTEGER, 0, 8e9, 0 },
  };
  property_check ("gsl_rng_uniform is the stream's number", 7, 200, 3, parameters, seek_residual, NULL, 0);
}

// A seed selects a stream of a purpose of its own.

Test (stream, the_generator_is_seeded)
{
  gsl_rng *r = scoped (gsl_rng_alloc (sb_rng_philox));
  const unsigned long seeds[] = { 0, 1, 4294967296, 18446744073709551615UL };
  for (size_t i = 0; i < 4; i++)
    {
      gsl_rng_set (r, seeds[i]);
      sb_stream stream = { .seed = seeds[i], .purpose = SB_FOR_GSL_RNG };
      for (uint64_t k = 0; k < 5; k++)
        cr_assert_eq (gsl_rng_uniform (r), number (sb_stream_uniforms, stream, k));
    }
}

// At the end of a stream it goes on with the next index's, also where the low half of the index overflows.

Test (stream, the_generator_carries)
{
  const uint64_t last = (UINT64_C (1) << 33) - 1;
  const uint64_t indices[] = { 0, 0xffffffff, UINT64_MAX };
  for (size_t i = 0; i < 3; i++)
    {
      sb_stream stream = { .seed = 6, .purpose = SB_FOR_USER, .index = indices[i] };
      gsl_rng *r = generator_at (stream, last);
      cr_assert_eq (gsl_rng_uniform (r), number (sb_stream_uniforms, stream, last));
      for (uint64_t k = 0; k < 3; k++)
        cr_assert_eq (gsl_rng_uniform (r), number (sb_stream_uniforms, sb_stream_skip (stream, 1), k));
    }
}

// GSL's view of it: a full range of 32 bits, copies that go on alike, integers and normals with the right moments.

Test (stream, the_generator_serves_gsl)
{
  gsl_rng *r = generator_at ((sb_stream){ .seed = 1 }, 0);
  cr_assert_eq (gsl_rng_max (r), 0xffffffff);
  cr_assert_eq (gsl_rng_min (r), 0);
  gsl_rng_get (r);
  gsl_rng *copy = scoped (gsl_rng_clone (r));
  for (int i = 0; i < 9; i++)
    cr_assert_eq (gsl_rng_get (r), gsl_rng_get (copy));

  double sum = 0, squares = 0, tenths = 0;
  enum
  {
    DRAWS = 100000
  };
  for (int i = 0; i < DRAWS; i++)
    {
      double z = gsl_ran_gaussian_ziggurat (r, 1);
      sum += z;
      squares += z * z;
      tenths += (double)gsl_rng_uniform_int (r, 10);
    }
  cr_assert_lt (fabs (sum) / sqrt (DRAWS), 6);
  cr_assert_lt (fabs (squares - DRAWS) / sqrt (2 * DRAWS), 6);
  cr_assert_lt (fabs (tenths - 4.5 * DRAWS) / sqrt (8.25 * DRAWS), 6);
}

Test (stream, only_philox_can_be_placed)
{
  gsl_rng *other = scoped (gsl_rng_alloc (gsl_rng_taus2)), *r = scoped (gsl_rng_alloc (sb_rng_philox));
  refused (GSL_EINVAL, sb_rng_philox_seek (other, (sb_stream){ .seed = 1 }, 0));
  refused (GSL_EDOM, sb_rng_philox_seek (r, (sb_stream){ .seed = 1 }, UINT64_C (1) << 33));
  refused (GSL_EDOM, sb_rng_philox_seek (r, (sb_stream){ .seed = 1 }, UINT64_MAX));
}
