#ifndef SCOREBOOK_TESTS_TARGET_BATCH_H
#define SCOREBOOK_TESTS_TARGET_BATCH_H

#include "target/target.h"

// All that a law says of a batch: x and what is said of it lie in one wide matrix, whose gaps must stay as they are.
enum
{
  BATCH_VIEWS = 4 // score, denoiser, epsilon, and the score's Jacobian times v
};

typedef struct
{
  gsl_matrix_view view[BATCH_VIEWS];
  gsl_vector *log_p, *divergence;
} answers;

answers ask_batch (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
                   const gsl_matrix *v);

// Row i of the one is row k of the other: relative to the norm of a row, and to 1 and a number; 0: bit for bit.
void check_same_row (const answers *found, size_t i, const answers *expected, size_t k, double bound);

// A batch's rows say what they say alone, and the same bits on one thread and on more.
void check_rows_alone (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
                       const gsl_matrix *v, double bound);
void check_threads (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
                    const gsl_matrix *v);

// A draw belongs to its index: whatever follows in a batch is a batch that starts there, bit for bit.
void check_draws (const sb_target *target);

// Of a law on a line: the slope of the distribution function is the density, and a batch's rows are those alone.
void check_cdf (const sb_target *target);

#endif
