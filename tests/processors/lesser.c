// # A lesser processor
//
// Functions that are compiled for several kinds of processor (base/clones.h) are chosen when the program is loaded, by
// what libgcc has asked the processor. Linked with --wrap=__cpu_indicator_init, a program comes here in between, and
// what features_left () counts is taken away, so that the tests that it is made of run what another processor would.

#include "lesser.h"

#include "base/clones.h"

#include <criterion/criterion.h>

#if SB_CLONED

enum
{
  WORDS = 3 // of __cpu_features2, since gcc 11
};

extern struct
{
  unsigned vendor, type, subtype, features[1];
} __cpu_model;
extern unsigned __cpu_features2[WORDS];
int __real___cpu_indicator_init (void);
int __wrap___cpu_indicator_init (void);

static void
take_from (unsigned *word)
{
  for (unsigned bit = 1; bit; bit <<= 1)
    {
      const int before = features_left ();
      const unsigned kept = *word;
      *word &= ~bit;
      if (features_left () == before)
        *word = kept;
    }
}

int
__wrap___cpu_indicator_init (void)
{
  const int status = __real___cpu_indicator_init ();
  take_from (__cpu_model.features);
  for (int k = 0; k < WORDS; k++)
    take_from (&__cpu_features2[k]);
  return status;
}

// Where no function is compiled for several processors, nobody has asked yet.

__attribute__ ((constructor)) static void
ask (void)
{
  __wrap___cpu_indicator_init ();
}

Test (processor, is_a_lesser_one) { cr_assert_eq (features_left (), 0); }

#endif
