// # No two that are alive at once overlap

#include "net/plan.h"
#include "property.h"

#include <criterion/criterion.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_rng.h>
#include <stdlib.h>

enum
{
  SPANS = 60
};

static size_t
random_spans (gsl_rng *r, sb_span *spans)
{
  size_t count = 1 + gsl_rng_uniform_int (r, SPANS);
  for (size_t k = 0; k < count; k++)
    {
      size_t birth = gsl_rng_uniform_int (r, 50);
      spans[k] = (sb_span){ gsl_rng_uniform_int (r, 1000), birth, birth + gsl_rng_uniform_int (r, 20), 0 };
    }
  return count;
}

// What must be there at the busiest step is a bound from below; all side by side, from above.

static size_t
busiest (const sb_span *spans, size_t count)
{
  size_t most = 0;
  for (size_t step = 0; step < 80; step++)
    {
      size_t sum = 0;
      for (size_t k = 0; k < count; k++)
        if (spans[k].birth <= step && step <= spans[k].death)
          sum += spans[k].size;
      most = sum > most ? sum : most;
    }
  return most;
}

Test (plan, spans_alive_together_are_apart)
{
  gsl_rng *r = property_rng (1);
  double waste = 0;
  for (int trial = 0; trial < 200; trial++)
    {
      sb_span spans[SPANS];
      size_t count = random_spans (r, spans), total, sum = 0;
      cr_assert_eq (sb_plan (spans, count, &total), GSL_SUCCESS);
      for (size_t k = 0; k < count; k++)
        {
          sum += spans[k].size + SB_PLAN_LINE;
          cr_assert_eq (spans[k].place % SB_PLAN_LINE, 0);
          cr_assert_leq (spans[k].place + spans[k].size, total);
          for (size_t j = 0; j < k; j++)
            cr_assert (spans[k].death < spans[j].birth || spans[j].death < spans[k].birth
                           || spans[k].place + spans[k].size <= spans[j].place
                           || spans[j].place + spans[j].size <= spans[k].place,
                       "spans %zu and %zu", j, k);
        }
      cr_assert_leq (total, sum);
      size_t least = busiest (spans, count);
      cr_assert_geq (total, least);
      waste += least > 0 ? (double)total / (double)least / 200 : 0;
    }
  cr_assert_lt (waste, 1.25, "%g times what is needed", waste);
}

// A chain in which each step needs its own block and the one before: room for two, however long it is.

Test (plan, a_chain_needs_room_for_two)
{
  sb_span spans[SPANS];
  for (size_t k = 0; k < SPANS; k++)
    spans[k] = (sb_span){ 640, k, k + 1, 0 };
  size_t total;
  cr_assert_eq (sb_plan (spans, SPANS, &total), GSL_SUCCESS);
  cr_assert_eq (total, 2 * 640);
}

Test (plan, nothing_needs_nothing)
{
  size_t total = 1;
  cr_assert_eq (sb_plan (NULL, 0, &total), GSL_SUCCESS);
  cr_assert_eq (total, 0);
}

// A thousand layers of a training: all that was made on the way there is needed on the way back. In proportion to the
// cube of their number this would take hours.

Test (plan, many_blocks_take_no_time, .timeout = 30)
{
  enum
  {
    MANY = 20000
  };
  sb_span *spans = calloc (MANY, sizeof *spans);
  size_t total;
  cr_assert (spans);
  for (size_t k = 0; k < MANY; k++)
    spans[k] = (sb_span){ 64 * (1 + k % 7), k, 2 * MANY - k, 0 };
  cr_assert_eq (sb_plan (spans, MANY, &total), GSL_SUCCESS);
  cr_assert_eq (total, 64 * (4 * (MANY / 7 * 7) + 1));
  free (spans);
}
