// # One arena for all
//
// A layer's output is needed until its last reader is done; then its memory is free for another. All of this is known
// before the first number is computed, so memory is assigned once, and a pass allocates nothing. To find the smallest
// arena is hard (it is bin packing); a simple rule comes close: the largest first, each as low as it fits.

#include "plan.h"

#include "../base/error.h"

#include <stdlib.h>
#include <string.h>

static int
meet (const sb_span *a, const sb_span *b)
{
  return a->birth <= b->death && b->birth <= a->death;
}

static size_t
length_of (const sb_span *span)
{
  return (span->size + SB_PLAN_LINE - 1) / SB_PLAN_LINE * SB_PLAN_LINE;
}

static int
larger_first (const void *a, const void *b)
{
  const sb_span *p = *(sb_span *const *)a, *q = *(sb_span *const *)b;
  return p->size != q->size ? (p->size < q->size) - (p->size > q->size) : (p > q) - (p < q);
}

// From the bottom up: move above each span in conflict, until one begins above this one's end. Returns its index among
// those placed, which are in the order of their places.

static size_t
place (sb_span *span, sb_span *const *placed, size_t count)
{
  size_t k = 0, before = 0;
  span->place = 0;
  for (; k < count && placed[k]->place < span->place + length_of (span); k++)
    if (meet (placed[k], span) && placed[k]->place + length_of (placed[k]) > span->place)
      span->place = placed[k]->place + length_of (placed[k]);
  while (before < count && placed[before]->place < span->place)
    before++;
  return before;
}

int
sb_plan (sb_span *spans, size_t count, size_t *total)
{
  sb_span **order = malloc ((2 * count + 1) * sizeof *order), **placed = order + count;
  size_t n = 0;
  if (!order)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory to plan the places of %zu blocks", count);
  for (size_t k = 0; k < count; k++)
    {
      spans[k].place = 0;
      if (spans[k].size > 0)
        order[n++] = &spans[k];
    }
  qsort (order, n, sizeof *order, larger_first);
  *total = 0;
  for (size_t k = 0; k < n; k++)
    {
      const size_t at = place (order[k], placed, k), end = order[k]->place + length_of (order[k]);
      memmove (placed + at + 1, placed + at, (k - at) * sizeof *placed);
      placed[at] = order[k];
      *total = end > *total ? end : *total;
    }
  free (order);
  return GSL_SUCCESS;
}
