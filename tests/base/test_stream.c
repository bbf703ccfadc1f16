// # What must be true of random streams

#include "base/stream.h"

#include <criterion/criterion.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <omp.h>

static void
setup (void)
{
  gsl_set_error_handler_off ();
}

TestSuite (stream, .init = setup);

// ## Philox4x32-10
//
// The authors' own test vectors, file `kat_vectors` of Random123: counter, key, and the four words of the block.

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

Test (stream, known_answers)
{
  gsl_rng *r = gsl_rng_alloc (sb_rng_philox);
  for (size_t i = 0; i < sizeof KNOWN_ANSWERS / sizeof *KNOWN_ANSWERS; i++)
    {
      const known_answer *a = &KNOWN_ANSWERS[i];
      sb_stream stream = { .seed = (uint64_t)a->key[1] << 32 | a->key[0],
                           .purpose = a->counter[1],
                           .index = (uint64_t)a->counter[3] << 32 | a->counter[2] };
      cr_assert_eq (sb_rng_philox_seek (r, stream, 2 * (uint64_t)a->counter[0]), GSL_SUCCESS);
      for (int k = 0; k < 4; k++)
        cr_assert_eq (gsl_rng_get (r), a->words[k], "vector %zu, word %d", i, k);
    }
  gsl_rng_free (r);
}
