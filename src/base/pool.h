#ifndef SCOREBOOK_BASE_POOL_H
#define SCOREBOOK_BASE_POOL_H

#include "decls.h"

SB_BEGIN_DECLS

// Objects that are expensive to make, kept for reuse: a thread takes one, which is made where none is idle, and gives
// it back. Safe to use from several threads.
typedef struct sb_pool sb_pool;

typedef struct
{
  void *(*make) (const void *context); // NULL: no memory
  void (*release) (void *thing);
  const void *context;
} sb_pool_recipe;

sb_pool *sb_pool_alloc (const sb_pool_recipe *recipe); // NULL: GSL_ENOMEM
void sb_pool_free (sb_pool *pool);                     // releases all that are idle; NULL is allowed
void *sb_pool_take (sb_pool *pool);                    // NULL: GSL_ENOMEM
void sb_pool_give (sb_pool *pool, void *thing);

SB_END_DECLS

#endif
