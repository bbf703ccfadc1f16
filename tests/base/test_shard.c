// # What must be true of shards

#include "base/shard.h"

#include <cblas.h>
#include <criterion/criterion.h>
#include <gsl/gsl_errno.h>
#include <omp.h>
#include <stdbool.h>

static void
setup (void)
{
  gsl_set_error_handler_off ();
}

TestSuite (shard, .init = setup);

enum
{
  ROWS = 1000
};

// Every row is in exactly one shard; shard $k$ begins at row $k$ times the size, and only the last may be short.

typedef struct
{
  size_t rows, shard_rows;
  int seen[ROWS];
} record;

static int
look (void *context, size_t shard, size_t first, size_t count)
{
  record *seen = context;
  if (first != shard * seen->shard_rows)
    return GSL_ESANITY;
  if (count != seen->shard_rows && first + count != seen->rows)
    return GSL_ESANITY;
  for (size_t i = first; i < first + count; i++)
    seen->seen[i]++;
  return GSL_SUCCESS;
}

static void
check_cut (size_t rows, size_t shard_rows)
{
  record seen = { .rows = rows, .shard_rows = shard_rows };
  cr_assert_eq (sb_shards (rows, shard_rows, look, &seen), GSL_SUCCESS, "%zu rows in shards of %zu", rows, shard_rows);
  for (size_t i = 0; i < ROWS; i++)
    cr_assert_eq (seen.seen[i], i < rows, "%zu rows in shards of %zu: row %zu seen %d times", rows, shard_rows, i,
                  seen.seen[i]);
}

Test (shard, every_row_is_in_one_shard)
{
  size_t rows[] = { 0, 1, 2, 63, 64, 65, 127, 999, ROWS };
  size_t shard_rows[] = { 1, 2, 7, 64, 999, 5000 };
  for (int threads = 1; threads <= 3; threads++)
    {
      omp_set_num_threads (threads);
      for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t j = 0; j < sizeof shard_rows / sizeof *shard_rows; j++)
          check_cut (rows[i], shard_rows[j]);
    }
}

static int
count_shard (void *context, size_t shard, size_t first, size_t count)
{
  (void)shard, (void)first, (void)count;
#pragma omp atomic
  (*(size_t *)context)++;
  return GSL_SUCCESS;
}

Test (shard, the_count_is_the_number_of_calls)
{
  for (size_t rows = 0; rows < 50; rows++)
    for (size_t shard_rows = 1; shard_rows < 12; shard_rows++)
      {
        size_t calls = 0;
        cr_assert_eq (sb_shards (rows, shard_rows, count_shard, &calls), GSL_SUCCESS);
        cr_assert_eq (sb_shard_count (rows, shard_rows), calls, "%zu rows in shards of %zu", rows, shard_rows);
      }
}

// The count is right where a sum of rows and shard size would overflow.

Test (shard, the_count_does_not_overflow)
{
  cr_assert_eq (sb_shard_count (SIZE_MAX, SIZE_MAX), 1);
  cr_assert_eq (sb_shard_count (SIZE_MAX, 2), SIZE_MAX / 2 + 1);
}

// Of several failures the first in shard order is reported, also when a later shard fails earlier: shard 3 waits here
// until shard 7 has failed, if another thread can work on that.

typedef struct
{
  bool seven_failed;
} race;

static int
fail_at_three_and_seven (void *context, size_t shard, size_t first, size_t count)
{
  (void)first, (void)count;
  race *r = context;
  if (shard == 7)
    {
#pragma omp atomic write
      r->seven_failed = true;
      return GSL_EROUND;
    }
  if (shard != 3)
    return GSL_SUCCESS;

  for (double start = omp_get_wtime (); omp_get_num_threads () > 1 && omp_get_wtime () < start + 0.1;)
    {
      bool failed;
#pragma omp atomic read
      failed = r->seven_failed;
      if (failed)
        break;
    }
  return GSL_ESING;
}

Test (shard, the_first_failure_in_shard_order_is_reported)
{
  for (int threads = 1; threads <= 3; threads++)
    {
      omp_set_num_threads (threads);
      race r = { 0 };
      cr_assert_eq (sb_shards (100, 10, fail_at_three_and_seven, &r), GSL_ESING, "%d threads", threads);
    }
}

// Threads are really used: two shards, each waiting for the other, both get through.

static int
meet (void *context, size_t shard, size_t first, size_t count)
{
  (void)shard, (void)first, (void)count;
  int *arrived = context, now = 0;
#pragma omp atomic
  ++*arrived;
  for (double start = omp_get_wtime (); now < 2 && omp_get_wtime () < start + 10;)
    {
#pragma omp atomic read
      now = *arrived;
    }
  return now == 2 ? GSL_SUCCESS : GSL_EFAILED;
}

Test (shard, threads_work_at_the_same_time)
{
  int arrived = 0;
  omp_set_num_threads (2);
  cr_assert_eq (sb_shards (2, 1, meet, &arrived), GSL_SUCCESS);
}

Test (shard, a_shard_of_no_rows_is_an_error)
{
  size_t calls = 0;
  cr_assert_eq (sb_shards (10, 0, count_shard, &calls), GSL_EINVAL);
  cr_assert_eq (calls, 0);
  cr_assert_eq (sb_shard_count (10, 0), 0);
}

Test (shard, blas_is_put_on_one_thread)
{
  openblas_set_num_threads (2);
  sb_blas_single_threaded ();
  cr_assert_eq (openblas_get_num_threads (), 1);
}
