#ifndef SCOREBOOK_NET_PLAN_H
#define SCOREBOOK_NET_PLAN_H

#include <stddef.h>

// A block of memory that is needed from step `birth` to step `death`, both included, of a computation in steps.
typedef struct
{
  size_t size, birth, death;
  size_t place; // where it begins, set by sb_plan
} sb_span;

enum
{
  SB_PLAN_LINE = 64 // places are multiples of it
};

// Place the spans in one arena so that none that are needed at the same step overlap. *total: its size. GSL_ENOMEM.
int sb_plan (sb_span *spans, size_t count, size_t *total);

#endif
