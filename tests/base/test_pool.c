// # A pool hands out what lies idle, and makes no more than are in use at once

#include "base/pool.h"

#include <criterion/criterion.h>
#include <gsl/gsl_errno.h>
#include <stdlib.h>

enum
{
  THREADS = 4,
  ROUNDS = 200
};

typedef struct
{
  int made, released, refuse;
} ledger;

static ledger book;

static void *
make (const void *context)
{
  ledger *l = (ledger *)context;
#pragma omp atomic
  l->made++;
  return l->refuse ? NULL : calloc (1, sizeof (int));
}

static void
release (void *thing)
{
  book.released++;
  free (thing);
}

static sb_pool *
new_pool (void)
{
  gsl_set_error_handler_off ();
  book = (ledger){ 0 };
  const sb_pool_recipe recipe = { make, release, &book };
  sb_pool *pool = sb_pool_alloc (&recipe);
  cr_assert_not_null (pool);
  return pool;
}

Test (pool, what_comes_back_goes_out_again)
{
  sb_pool *pool = new_pool ();
  void *things[9];
  for (int k = 0; k < 9; k++)
    things[k] = sb_pool_take (pool);
  for (int k = 0; k < 9; k++)
    for (int j = 0; j < k; j++)
      cr_assert_neq (things[k], things[j]);
  cr_assert_eq (book.made, 9);
  for (int k = 0; k < 9; k++)
    sb_pool_give (pool, things[k]);
  for (int k = 0; k < 9; k++)
    cr_assert_not_null (sb_pool_take (pool));
  cr_assert_eq (book.made, 9);
  for (int k = 0; k < 9; k++)
    sb_pool_give (pool, things[k]);
  sb_pool_free (pool);
  cr_assert_eq (book.released, 9);
}

// Whoever has a thing has it alone: it counts up without a guard, and no count is lost.

Test (pool, threads_do_not_share)
{
  sb_pool *pool = new_pool ();
#pragma omp parallel for num_threads(THREADS) schedule(dynamic)
  for (int k = 0; k < ROUNDS; k++)
    {
      int *count = sb_pool_take (pool);
      ++*count;
      sb_pool_give (pool, count);
    }
  cr_assert_leq (book.made, THREADS);
  int total = 0, *counts[THREADS], made = book.made;
  for (int k = 0; k < made; k++)
    total += *(counts[k] = sb_pool_take (pool));
  cr_assert_eq (total, ROUNDS);
  for (int k = 0; k < made; k++)
    sb_pool_give (pool, counts[k]);
  sb_pool_free (pool);
}

Test (pool, no_memory_is_reported)
{
  sb_pool *pool = new_pool ();
  book.refuse = 1;
  cr_assert_null (sb_pool_take (pool));
  book.refuse = 0;
  void *thing = sb_pool_take (pool);
  cr_assert_not_null (thing);
  sb_pool_give (pool, thing);
  sb_pool_free (pool);
  sb_pool_free (NULL);
}
