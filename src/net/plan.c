// # One arena for all
//
// What a layer writes is needed until its last reader is done; then its place is free for another. All of this is known
// before the first number is computed, so places are given out once, and a pass allocates nothing. To find the smallest
// arena is hard (it is bin packing); a simple rule comes close: the largest first, each as low as it fits.

#include "plan.h"

static int
meet (const sb_span *a, const sb_span *b)
{
  return a->birth <= b->death && b->birth <= a->death;
}

static size_t
end_of (const sb_span *span)
{
  return span->place + (span->size + SB_PLAN_LINE - 1) / SB_PLAN_LINE * SB_PLAN_LINE;
}

enum
{
  NOWHERE = -1
};

// From the bottom up: while it would overlap one that is placed and alive at the same time, it moves above that one.

static void
place (sb_span *spans, size_t count, size_t k)
{
  spans[k].place = 0;
  for (size_t j = 0; j < count; j++)
    if (j != k && spans[j].place != (size_t)NOWHERE && meet (&spans[j], &spans[k])
        && spans[j].place < end_of (&spans[k]) && spans[k].place < end_of (&spans[j]))
      {
        spans[k].place = end_of (&spans[j]);
        j = (size_t)-1; // those before may be in the way now
      }
}

size_t
sb_plan (sb_span *spans, size_t count)
{
  size_t total = 0;
  for (size_t k = 0; k < count; k++)
    spans[k].place = (size_t)NOWHERE;
  for (size_t placed = 0; placed < count; placed++)
    {
      size_t largest = count;
      for (size_t k = 0; k < count; k++)
        if (spans[k].place == (size_t)NOWHERE && (largest == count || spans[k].size > spans[largest].size))
          largest = k;
      place (spans, count, largest);
      total = end_of (&spans[largest]) > total ? end_of (&spans[largest]) : total;
    }
  return total;
}
