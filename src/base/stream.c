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
#include "shard.h"

#include <Random123/philox.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <math.h>

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

// A block of four words holds a pair of uniforms: numbers $2b$ and $2b + 1$ of the stream are block $b$.

typedef struct
{
  double number[2];
} pair;

static pair
uniform_pair (sb_stream stream, uint32_t block)
{
  philox4x32_ctr_t w = philox4x32 (counter_of (stream, block), key_of (stream.seed));
  return (pair){ { midpoint (w.v[0], w.v[1]), midpoint (w.v[2], w.v[3]) } };
}

// ## Normals
//
// Rejection methods need an unknown number of uniforms for each normal, which would take the addresses away. Box and
// Muller (1958) need exactly two for two: with $R^2 = -2\ln u_0$ exponential and $\theta = 2\pi u_1$ uniform,
// $$ z_0 = R\cos\theta, \qquad z_1 = R\sin\theta $$
// are independent standard normals. The smallest $u_0$ is $2^{-53}$, so $|z| \le \sqrt{106\ln 2} \approx 8.57$, beyond
// which a normal has probability $10^{-17}$.

static pair
normal_pair (sb_stream stream, uint32_t block)
{
  pair u = uniform_pair (stream, block);
  double R = sqrt (-2 * log (u.number[0])), theta = 2 * M_PI * u.number[1];
  return (pair){ { R * cos (theta), R * sin (theta) } };
}

// ## A row of a batch
//
// Row $i$ reads the stream of sample index $+\,i$. When `first` is odd, the row begins with the second number of a
// pair; when it ends on an even number, with half of one.

typedef struct
{
  sb_stream stream;
  uint64_t first;
  pair (*draw) (sb_stream stream, uint32_t block);
  gsl_matrix *x;
} filling;

static void
fill_row (const filling *f, size_t i)
{
  double *row = f->x->data + i * f->x->tda;
  sb_stream stream = sb_stream_skip (f->stream, i);
  for (size_t j = 0; j < f->x->size2;)
    {
      uint64_t k = f->first + j;
      pair p = f->draw (stream, (uint32_t)(k / 2));
      for (size_t half = k % 2; half < 2 && j < f->x->size2; half++, j++)
        row[j] = p.number[half];
    }
}

static int
fill_rows (void *context, size_t shard, size_t first, size_t count)
{
  (void)shard;
  for (size_t i = first; i < first + count; i++)
    fill_row (context, i);
  return GSL_SUCCESS;
}

enum
{
  SHARD_ROWS = 64
};

// A block is numbered by 32 bits and holds two numbers: a stream ends after $2^{33}$.

static int
fill (sb_stream stream, uint64_t first, pair (*draw) (sb_stream, uint32_t), gsl_matrix *x)
{
  const uint64_t end = UINT64_C (1) << 33;
  if (first > end || x->size2 > end - first)
    GSL_ERROR ("a stream holds 2^33 numbers", GSL_EDOM);

  filling f = { .stream = stream, .first = first, .draw = draw, .x = x };
  return sb_shards (x->size1, SHARD_ROWS, fill_rows, &f);
}

int
sb_stream_uniforms (sb_stream stream, uint64_t first, gsl_matrix *u)
{
  return fill (stream, first, uniform_pair, u);
}

int
sb_stream_normals (sb_stream stream, uint64_t first, gsl_matrix *z)
{
  return fill (stream, first, normal_pair, z);
}

// ## As a generator of GSL
//
// GSL's distributions draw words one after another, so here a state is kept: the counter, the key, and how many words
// of the current block are used up. When the block's number overflows, the counter carries into the index; the period
// is the whole counter's but for the purpose, $4\cdot2^{96}$ words.

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
    GSL_ERROR ("only an sb_rng_philox can be placed at a stream", GSL_EINVAL);
  if (first >= UINT64_C (1) << 33)
    GSL_ERROR ("a stream holds 2^33 numbers", GSL_EDOM);

  philox_start (r->state, stream, (uint32_t)(first / 2));
  if (first % 2 == 1)
    philox_get_double (r->state);
  return GSL_SUCCESS;
}
