// # A pool
//
// How many threads will work on the shards of a batch is not known beforehand; each needs a workspace of its own, but
// not a new one for each shard. So idle workspaces are kept in a pool. There are never more of them than there were
// threads at work at one time, OpenMP's or the caller's own.

#include "pool.h"
#include "error.h"

#include <gsl/gsl_errno.h>
#include <pthread.h>
#include <stdlib.h>

struct sb_pool
{
  sb_pool_recipe recipe;
  void **idle;
  size_t count, capacity, made; // idle, places for idle ones, ever made
  pthread_mutex_t mutex;        // of all of these
};

sb_pool *
sb_pool_alloc (const sb_pool_recipe *recipe)
{
  sb_pool *pool = calloc (1, sizeof *pool);
  if (!pool)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a pool");
  pool->recipe = *recipe;
  pthread_mutex_init (&pool->mutex, NULL); // of the usual kind, which cannot fail
  return pool;
}

void
sb_pool_free (sb_pool *pool)
{
  if (!pool)
    return;
  for (size_t k = 0; k < pool->count; k++)
    pool->recipe.release (pool->idle[k]);
  free (pool->idle);
  pthread_mutex_destroy (&pool->mutex);
  free (pool);
}

// Before one more is made, a slot is reserved for its return.

static int
one_more (sb_pool *pool)
{
  if (pool->made == pool->capacity)
    {
      size_t capacity = 2 * pool->capacity + 4;
      void **idle = realloc (pool->idle, capacity * sizeof *idle);
      if (!idle)
        return 0;
      pool->idle = idle;
      pool->capacity = capacity;
    }
  pool->made++;
  return 1;
}

void *
sb_pool_take (sb_pool *pool)
{
  void *thing = NULL;
  pthread_mutex_lock (&pool->mutex);
  if (pool->count > 0)
    thing = pool->idle[--pool->count];
  const int make = !thing && one_more (pool);
  pthread_mutex_unlock (&pool->mutex);
  if (make)
    thing = pool->recipe.make (pool->recipe.context);
  if (!thing)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for what is in a pool");
  return thing;
}

void
sb_pool_give (sb_pool *pool, void *thing)
{
  pthread_mutex_lock (&pool->mutex);
  pool->idle[pool->count++] = thing;
  pthread_mutex_unlock (&pool->mutex);
}
