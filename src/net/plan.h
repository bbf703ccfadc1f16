#ifndef SCOREBOOK_NET_PLAN_H
#define SCOREBOOK_NET_PLAN_H

#include <stddef.h>

// A block of memory that is needed from step `birth` to step `death`, both included, of some work in steps.
typedef struct
{
  size_t size, birth, death;
  size_t place; // where it begins: what sb_plan finds
} sb_span;

enum
{
  SB_PLAN_LINE = 64 // places are multiples of it
};

// Lay the spans in one arena so that none that are alive at the same step overlap. *total: how large it must be. GSL_ENOMEM.
int sb_plan (sb_span *spans, size_t count, size_t *total);

#endif
