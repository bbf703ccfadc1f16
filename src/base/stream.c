// # Streams of random numbers
//
// Most generators are a state that every draw advances, so that each number depends on how many were drawn before it:
// on the batch size, on the order of the threads. A counter-based generator (Salmon, Moraes, Dror and Shaw, *Parallel
// random numbers: as easy as 1, 2, 3*, 2011) has no state. It is a keyed bijection of 128-bit blocks, an enciphered
// counter,
// $$ (w_0, w_1, w_2, w_3) = \mathrm{Philox}_{\text{key}}(c_0, c_1, c_2, c_3), $$
// and every number has an address at which it can be computed on its own. Ours is Philox4x32-10, four words of 32
// bits after ten rounds, from its authors' library Random123.

#include "stream.h"
#include "error.h"
#include "clones.h"
#include "elementary.h"
#include "shard.h"

#include <Random123/philox.h>
#include <gsl/gsl_errno.h>
#include <stdbool.h>

// ## The address of a number
//
// The key is the seed. The counter holds the block within the stream, the stream's purpose, and the sample's index:
// $c = (\text{block}, \text{purpose}, \text{index} \bmod 2^{32}, \lfloor\text{index}/2^{32}\rfloor)$. The four parts
// fill the counter without overlap, and a bijection does not repeat itself: two numbers share their bits only if they
// share seed, purpose, index and place.

static philox4x32_ctr_t
counter_of (sb_stream stream, uint32_t block)
{
  return (philox4x32_ctr_t){ { block, stream.purpose, (uint32_t)stream.index, (uint32_t)(stream.index >> 32) } };
}

static philox4x32_key_t
key_of (uint64_t seed)
{
  return (philox4x32_key_t){ { (uint32_t)seed, (uint32_t)(seed >> 32) } };
}

sb_stream
sb_stream_skip (sb_stream stream, uint64_t rows)
{
  stream.index += rows;
  return stream;
}

// ## Uniforms
//
// Two words make one uniform, of which 52 bits $m$ are kept: $u = (m + \tfrac12)\,2^{-52}$, the midpoint of one of
// $2^{52}$ equal cells. A double holds every such midpoint exactly; with one bit more, the last would round to 1 and
// the interval would not be open. The midpoints are symmetric about $\tfrac12$.

static double
midpoint (uint32_t high, uint32_t low)
{
  uint64_t m = ((uint64_t)high << 32 | low) >> 12;
  return ((double)m + 0.5) * 0x1p-52;
}

// ## Many blocks at once
//
// A block of four words holds a pair of uniforms: numbers $2b$ and $2b + 1$ of the stream are block $b$. Blocks are
// enciphered LANES at a time, whatever streams they are of: the same ten rounds for all, which a compiler makes into
// a few vectors. A word occupies a lane of 64 bits, which holds the product of two words. Every block goes through the
// same instructions, so that its numbers do not depend on which blocks are computed with it.

enum
{
  LANES = 64,
  ROUNDS = 10
};

// The blocks' addresses: of the counter's four words those that differ.

typedef struct
{
  uint64_t block[LANES], low[LANES], high[LANES]; // words 0, 2 and 3
} addresses;

typedef struct
{
  uint64_t word[4][LANES];
} words;

SB_CLONES static void
encipher_plainly (const addresses *a, sb_stream stream, words *w)
{
  const uint64_t mask = UINT32_MAX;
#pragma omp simd
  for (int l = 0; l < LANES; l++)
    {
      uint64_t c0 = a->block[l], c1 = stream.purpose, c2 = a->low[l], c3 = a->high[l];
      uint32_t k0 = (uint32_t)stream.seed, k1 = (uint32_t)(stream.seed >> 32);
#pragma GCC unroll 10
      for (int round = 0; round < ROUNDS; round++)
        {
          uint64_t p0 = c0 * PHILOX_M4x32_0, p1 = c2 * PHILOX_M4x32_1;
          c0 = (p1 >> 32) ^ c1 ^ k0;
          c2 = (p0 >> 32) ^ c3 ^ k1;
          c1 = p1 & mask;
          c3 = p0 & mask;
          k0 += PHILOX_W32_0;
          k1 += PHILOX_W32_1;
        }
      w->word[0][l] = c0;
      w->word[1][l] = c1;
      w->word[2][l] = c2;
      w->word[3][l] = c3;
    }
}

// AVX2 has an instruction for the product of two words of 32 bits in lanes of 64, but none for whole lanes, and
// compilers do not see that the upper halves do not matter: they assemble a product from shifts, and the rounds take
// six times as long. So that version is written with intrinsics, for processors that have nothing better. The upper
// halves are cleared only at the end.

#if SB_CLONED
#include <immintrin.h>

__attribute__ ((target ("avx2"))) static void
encipher_by_avx2 (const addresses *a, sb_stream stream, words *w)
{
  const __m256i m0 = _mm256_set1_epi64x (PHILOX_M4x32_0), m1 = _mm256_set1_epi64x (PHILOX_M4x32_1),
                mask = _mm256_set1_epi64x (UINT32_MAX);
  __m256i k0[ROUNDS], k1[ROUNDS];
  for (uint32_t round = 0; round < ROUNDS; round++)
    {
      k0[round] = _mm256_set1_epi64x ((uint32_t)stream.seed + round * PHILOX_W32_0);
      k1[round] = _mm256_set1_epi64x ((uint32_t)(stream.seed >> 32) + round * PHILOX_W32_1);
    }
  for (int l = 0; l < LANES; l += 8) // two vectors at a time: the rounds of one hide the latency of the other's
    {
      __m256i c[4][2];
      for (int v = 0; v < 2; v++)
        {
          c[0][v] = _mm256_loadu_si256 ((const __m256i *)&a->block[l + 4 * v]);
          c[1][v] = _mm256_set1_epi64x (stream.purpose);
          c[2][v] = _mm256_loadu_si256 ((const __m256i *)&a->low[l + 4 * v]);
          c[3][v] = _mm256_loadu_si256 ((const __m256i *)&a->high[l + 4 * v]);
        }
#pragma GCC unroll 10
      for (int round = 0; round < ROUNDS; round++)
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++)
          {
            __m256i p0 = _mm256_mul_epu32 (c[0][v], m0), p1 = _mm256_mul_epu32 (c[2][v], m1);
            c[0][v] = _mm256_srli_epi64 (p1, 32) ^ (c[1][v] ^ k0[round]);
            c[2][v] = _mm256_srli_epi64 (p0, 32) ^ (c[3][v] ^ k1[round]);
            c[1][v] = p1;
            c[3][v] = p0;
          }
      for (int k = 0; k < 4; k++)
        for (int v = 0; v < 2; v++)
          _mm256_storeu_si256 ((__m256i *)&w->word[k][l + 4 * v], c[k][v] & mask);
    }
}
#endif

static void
encipher (const addresses *a, sb_stream stream, words *w)
{
#if SB_CLONED
  if (__builtin_cpu_supports ("avx2") && !__builtin_cpu_supports ("avx512dq"))
    {
      encipher_by_avx2 (a, stream, w);
      return;
    }
#endif
  encipher_plainly (a, stream, w);
}

// The bits of $1 + m\,2^{-52}$ are those of 1 and of $m$; subtracting $1 - 2^{-53}$ is exact and leaves the midpoint.

static inline double
midpoint_of_words (uint64_t high, uint64_t low)
{
  const uint64_t one = UINT64_C (0x3ff0000000000000);
  return sb_double_of_bits (one | high << 20 | low >> 12) - (1 - 0x1p-53);
}

SB_CLONES static void
uniform_pairs (const addresses *a, sb_stream stream, double *x)
{
  words w;
  encipher (a, stream, &w);
#pragma omp simd
  for (int l = 0; l < LANES; l++)
    {
      x[2 * l] = midpoint_of_words (w.word[0][l], w.word[1][l]);
      x[2 * l + 1] = midpoint_of_words (w.word[2][l], w.word[3][l]);
    }
}

// ## Normals
//
// Rejection methods need an unknown number of uniforms for each normal, which would then have no fixed address. Box and
// Muller (1958) turn exactly two into two: with $R^2 = -2\ln u_0$ exponential and $\theta = 2\pi u_1$ uniform,
// $$ z_0 = R\cos\theta, \qquad z_1 = R\sin\theta $$
// are independent standard normals. The smallest $u_0$ is $2^{-53}$, so $|z| \le \sqrt{106\ln 2} \approx 8.57$, beyond
// which a normal has probability $10^{-17}$. With the functions of base/elementary.h a normal is within 4 units in
// the last place of the exact value for its uniforms.

SB_CLONES static void
normal_pairs (const addresses *a, sb_stream stream, double *z)
{
  words w;
  encipher (a, stream, &w);
#pragma omp simd
  for (int l = 0; l < LANES; l++)
    {
      double sine, cosine, u_0 = midpoint_of_words (w.word[0][l], w.word[1][l]);
      sb_vsincos_turns (midpoint_of_words (w.word[2][l], w.word[3][l]), &sine, &cosine);
      double R = sb_vsqrt (-2 * sb_vlog (u_0));
      z[2 * l] = R * cosine;
      z[2 * l + 1] = R * sine;
    }
}

// ## A batch
//
// Row $i$ reads the stream of sample index $+\,i$. The pairs of a shard's rows, one row after the other, are cut into
// groups of LANES. When `first` is odd, a row begins with the second number of a pair; when it ends on an even number,
// with half of one.

typedef struct
{
  sb_stream stream;
  uint64_t first;
  void (*draw) (const addresses *a, sb_stream stream, double *x);
  gsl_matrix *x;
} filling;

typedef struct
{
  size_t row, pair; // the next one
} position;

static uint64_t
first_block (const filling *f)
{
  return f->first / 2;
}

static size_t
pairs_in_row (const filling *f)
{
  return f->x->size2 == 0 ? 0 : (size_t)((f->first + f->x->size2 - 1) / 2 - f->first / 2 + 1);
}

// The addresses of the next LANES pairs, up to row `end`; how many there are. Lanes beyond keep their old addresses.
// Either a row has many pairs, or many rows have one: a loop for each.

SB_CLONES static void
address_pairs (uint64_t block, uint64_t index, int count, addresses *a, int at)
{
#pragma omp simd
  for (int l = 0; l < count; l++)
    {
      a->block[at + l] = block + (uint64_t)l;
      a->low[at + l] = index & UINT32_MAX;
      a->high[at + l] = index >> 32;
    }
}

SB_CLONES static void
address_rows (uint64_t block, uint64_t index, int count, addresses *a)
{
#pragma omp simd
  for (int l = 0; l < count; l++)
    {
      a->block[l] = block;
      a->low[l] = (index + (uint64_t)l) & UINT32_MAX;
      a->high[l] = (index + (uint64_t)l) >> 32;
    }
}

static int
at_most (size_t count, int most)
{
  return count < (size_t)most ? (int)count : most;
}

static int
next_addresses (const filling *f, position *at, size_t end, addresses *a)
{
  const size_t pairs = pairs_in_row (f);
  int count = 0;
  if (pairs == 1)
    {
      count = at_most (end - at->row, LANES);
      address_rows (first_block (f), f->stream.index + at->row, count, a);
      at->row += (size_t)count;
    }
  while (at->row < end && count < LANES)
    {
      const int run = at_most (pairs - at->pair, LANES - count);
      address_pairs (first_block (f) + at->pair, f->stream.index + at->row, run, a, count);
      count += run;
      at->pair += (size_t)run;
      if (at->pair == pairs)
        *at = (position){ at->row + 1, 0 };
    }
  return count;
}

// Where rows consist of whole pairs and are contiguous in memory, pairs are drawn in place. Elsewhere the numbers are
// copied one by one.

static bool
lies_as_drawn (const filling *f)
{
  return f->first % 2 == 0 && f->x->size2 % 2 == 0 && f->x->tda == f->x->size2;
}

static void
put_pairs (const filling *f, position at, int count, const double *drawn)
{
  const size_t pairs = pairs_in_row (f), skipped = f->first % 2, d = f->x->size2;
  for (int l = 0; l < count; l++)
    {
      double *row = f->x->data + at.row * f->x->tda;
      const size_t place = 2 * at.pair; // of the pair's first number, counted from `skipped` places before the row
      if (place >= skipped)
        row[place - skipped] = drawn[2 * l];
      if (place + 1 - skipped < d)
        row[place + 1 - skipped] = drawn[2 * l + 1];
      if (++at.pair == pairs)
        at = (position){ at.row + 1, 0 };
    }
}

static int
fill_rows (void *context, size_t shard, size_t first, size_t count)
{
  (void)shard;
  const filling *f = context;
  addresses a = { 0 };
  double drawn[2 * LANES];
  position at = { first, 0 };
  while (at.row < first + count)
    {
      const position from = at;
      const int pairs = next_addresses (f, &at, first + count, &a);
      if (lies_as_drawn (f) && pairs == LANES)
        f->draw (&a, f->stream, f->x->data + from.row * f->x->tda + 2 * from.pair);
      else
        {
          f->draw (&a, f->stream, drawn);
          put_pairs (f, from, pairs, drawn);
        }
    }
  return GSL_SUCCESS;
}

// A block is numbered by 32 bits and holds two numbers: a stream ends after $2^{33}$.

static int
fill (sb_stream stream, uint64_t first, void (*draw) (const addresses *, sb_stream, double *), gsl_matrix *x)
{
  const uint64_t end = UINT64_C (1) << 33;
  if (first > end || x->size2 > end - first)
    SB_ERROR (NULL, GSL_EDOM, "a stream holds 2^33 numbers, not %zu from %llu on", x->size2, (unsigned long long)first);
  if (x->size2 == 0)
    return GSL_SUCCESS;

  filling f = { .stream = stream, .first = first, .draw = draw, .x = x };
  return sb_shards (x->size1, sb_shard_rows (x->size2), fill_rows, &f);
}

int
sb_stream_uniforms (sb_stream stream, uint64_t first, gsl_matrix *u)
{
  return fill (stream, first, uniform_pairs, u);
}

int
sb_stream_normals (sb_stream stream, uint64_t first, gsl_matrix *z)
{
  return fill (stream, first, normal_pairs, z);
}

// ## As a generator of GSL
//
// GSL's distributions draw words one after another, so here a state is kept: the counter, the key, and how many words
// of the current block are used up. When the block's number overflows, the counter carries into the index; the period
// is that of the counter without the purpose, $4\cdot2^{96}$ words.

typedef struct
{
  philox4x32_ctr_t counter;
  philox4x32_key_t key;
  philox4x32_ctr_t words; // of the block before `counter`
  unsigned used;          // of these
} philox_state;

enum
{
  BLOCK_WORDS = 4
};

static void
philox_start (philox_state *state, sb_stream stream, uint32_t block)
{
  state->counter = counter_of (stream, block);
  state->key = key_of (stream.seed);
  state->used = BLOCK_WORDS;
}

static void
philox_set (void *state, unsigned long seed)
{
  philox_start (state, (sb_stream){ .seed = seed, .purpose = SB_FOR_GSL_RNG, .index = 0 }, 0);
}

static void
philox_next_block (philox_state *state)
{
  uint32_t *c = state->counter.v;
  state->words = philox4x32 (state->counter, state->key);
  state->used = 0;
  if (++c[0] == 0 && ++c[2] == 0)
    ++c[3];
}

static unsigned long
philox_get (void *vstate)
{
  philox_state *state = vstate;
  if (state->used == BLOCK_WORDS)
    philox_next_block (state);
  return state->words.v[state->used++];
}

// A uniform is the midpoint of two words, as in the streams.

static double
philox_get_double (void *state)
{
  uint32_t high = (uint32_t)philox_get (state);
  return midpoint (high, (uint32_t)philox_get (state));
}

static const gsl_rng_type philox_type = {
  .name = "philox4x32-10",
  .max = 0xffffffff,
  .min = 0,
  .size = sizeof (philox_state),
  .set = philox_set,
  .get = philox_get,
  .get_double = philox_get_double,
};

const gsl_rng_type *sb_rng_philox = &philox_type;

// Placed at a stream, its $k$-th uniform is the stream's.

int
sb_rng_philox_seek (gsl_rng *r, sb_stream stream, uint64_t first)
{
  if (r->type != &philox_type)
    SB_ERROR (NULL, GSL_EINVAL, "only an sb_rng_philox can be placed at a stream");
  if (first >= UINT64_C (1) << 33)
    SB_ERROR (NULL, GSL_EDOM, "a stream holds 2^33 numbers, and none at %llu", (unsigned long long)first);

  philox_start (r->state, stream, (uint32_t)(first / 2));
  if (first % 2 == 1)
    philox_get_double (r->state);
  return GSL_SUCCESS;
}
