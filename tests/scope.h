#ifndef SCOREBOOK_TESTS_SCOPE_H
#define SCOREBOOK_TESTS_SCOPE_H

#include "dataset/bytes.h"
#include "measure/classifier.h"
#include "measure/sample_moments.h"
#include "net/dual.h"
#include "net/passes.h"
#include "objective/objective.h"
#include "operator/operator.h"
#include "operator/patches.h"
#include "dataset/safetensors.h"
#include "process/process.h"
#include "score/model.h"
#include "score/network.h"
#include "sampler/sampler.h"
#include "score/score.h"
#include "score/timed_classifier.h"
#include "target/target.h"
#include "train/trainer.h"

#include <criterion/criterion.h>
#include <gsl/gsl_eigen.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_matrix.h>
#include <gsl/gsl_odeiv2.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_vector.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

// ## Objects that live as long as their test
//
// What a test allocates is registered on the way, `sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));`, and freed,
// newest first, when the test is over. `scoped` asserts that there is an object. What must die earlier is not
// registered, or taken out again with `unscoped`. Of the main thread only: a callback of the library frees by hand.

// The types that can be registered, and what frees them: one line each.
#define SCOPE_TYPES(X)                                                                                                 \
  X (gsl_vector, gsl_vector_free)                                                                                      \
  X (gsl_matrix, gsl_matrix_free)                                                                                      \
  X (gsl_rng, gsl_rng_free)                                                                                            \
  X (gsl_integration_glfixed_table, gsl_integration_glfixed_table_free)                                                \
  X (gsl_odeiv2_control, gsl_odeiv2_control_free)                                                                      \
  X (gsl_odeiv2_driver, gsl_odeiv2_driver_free)                                                                        \
  X (gsl_odeiv2_evolve, gsl_odeiv2_evolve_free)                                                                        \
  X (gsl_odeiv2_step, gsl_odeiv2_step_free)                                                                            \
  X (gsl_eigen_symm_workspace, gsl_eigen_symm_free)                                                                    \
  X (gsl_eigen_symmv_workspace, gsl_eigen_symmv_free)                                                                  \
  X (sb_process, sb_process_free)                                                                                      \
  X (sb_score, sb_score_free)                                                                                          \
  X (sb_target, sb_target_free)                                                                                        \
  X (sb_operator, sb_operator_free)                                                                                    \
  X (sb_sampler_work, sb_sampler_work_free)                                                                            \
  X (sb_net, sb_net_free)                                                                                              \
  X (sb_net_work, sb_net_work_free)                                                                                    \
  X (sb_net_dual, sb_net_dual_free)                                                                                    \
  X (sb_network_pass, sb_network_pass_free)                                                                            \
  X (sb_patches, sb_patches_free)                                                                                      \
  X (sb_tensors, sb_tensors_free)                                                                                      \
  X (sb_objective_batch, sb_objective_batch_free)                                                                      \
  X (sb_training, sb_training_free)                                                                                    \
  X (sb_trainer, sb_trainer_free)                                                                                      \
  X (sb_model, sb_model_free)                                                                                          \
  X (sb_moments_file, sb_moments_file_free)                                                                            \
  X (sb_bytes, sb_bytes_free)                                                                                          \
  X (sb_timed_classifier, sb_timed_classifier_free)                                                                    \
  X (sb_classifier, sb_classifier_free)                                                                                \
  X (float, free)                                                                                                      \
  X (double, free)                                                                                                     \
  X (size_t, free)                                                                                                     \
  X (char, free)                                                                                                       \
  X (void, free)

// The object, which is freed at the end of the test; NULL fails it, with the test's own words where some follow.
#define scoped(...)                                                                                                    \
  (_Generic((SCOPE_FIRST (__VA_ARGS__, 0))SCOPE_TYPES (SCOPE_CASE)) (__FILE__, __LINE__, #__VA_ARGS__, __VA_ARGS__,    \
                                                                     NULL))

// Out of the arena: the object is the caller's again.
void *unscoped (void *object);

// Where a loop would gather too much: frees what was registered since the mark was taken.
size_t scope_mark (void);
void scope_release (size_t mark);

void scope_begin (void);           // turns GSL's error handler off
void scope_end (void);             // frees what is registered
void scope_begin_with_blas (void); // ... and puts OpenBLAS on one thread

// A suite of tests with these two as .init and .fini; other fields of Criterion's may follow the name.
#define SUITE(...) SCOPE_SUITE (__VA_ARGS__, .init = scope_begin, .fini = scope_end)
// The same where the test calls OpenBLAS by itself: on one thread, as the program has it.
#define SUITE_WITH_BLAS(...) SCOPE_SUITE (__VA_ARGS__, .init = scope_begin_with_blas, .fini = scope_end)
#define SCOPE_SUITE(name, ...) TestSuite (name, __VA_ARGS__)

// ## Vectors and matrices, registered

gsl_vector *vector (size_t n);                                      // not set
gsl_vector *vector_all (size_t n, double value);                    // each element the same
gsl_vector *level_times (size_t first, size_t last, size_t levels); // k/levels for k from first to last, up or down
gsl_vector *even_times (double first, double last, size_t steps);   // steps + 1 of them, both ends among them
gsl_matrix *matrix (size_t n, size_t d);                            // not set
gsl_matrix *matrix_all (size_t n, size_t d, double value);          // each element the same
gsl_matrix *normals (size_t n, size_t d, uint64_t seed); // standard normal, from the stream (seed, SB_FOR_USER)
gsl_vector *scope_vector (size_t n, const double *values);
gsl_matrix *scope_matrix (size_t n, size_t d, size_t count, const double *values);
gsl_vector *scope_vector_copy (const gsl_vector *v);
gsl_matrix *scope_matrix_copy (const gsl_matrix *m);

// The numbers given, row after row.
#define vector_of(...) scope_vector (SCOPE_COUNT (__VA_ARGS__), (const double[]){ __VA_ARGS__ })
#define matrix_of(n, d, ...) scope_matrix (n, d, SCOPE_COUNT (__VA_ARGS__), (const double[]){ __VA_ARGS__ })

// A copy of a vector or matrix.
#define copy_of(x)                                                                                                     \
  (_Generic((x),                                                                                                      \
       gsl_vector *: scope_vector_copy,                                                                               \
       const gsl_vector *: scope_vector_copy,                                                                         \
       gsl_matrix *: scope_matrix_copy,                                                                               \
       const gsl_matrix *: scope_matrix_copy) (x))

// Numbers for a network: count of them (and one more, so that none is not NULL), normal with this deviation.
static inline sb_real *gaussians (gsl_rng *r, size_t count, double deviation);

// The larger of two errors. One that is not a number is the largest: fmax and GSL_MAX would lose it.
static inline double
larger (double a, double b)
{
  return a >= b || isnan (a) ? a : b;
}

// Of two entries in the same place; one that is not a number is the largest.
double largest_difference (const gsl_matrix *a, const gsl_matrix *b);

// The mean squared distance of the rows of x from those of y in the order in which it is least; up to 8 rows.
double least_assignment (const gsl_matrix *x, const gsl_matrix *y);

// Of a process of one part: the number of a map from s to t, NaN where it has none.
double number_of (const sb_process *process, sb_process_map map, double s, double t);

// ## Statuses
//
// Each prints the expression and the status, and then the test's own words where some follow: a format and its
// arguments.

// The call returns GSL_SUCCESS.
#define ok(...) SCOPE_STATUS (GSL_SUCCESS, __VA_ARGS__)

// The call returns this error.
#define refused(status, ...) SCOPE_STATUS (status, __VA_ARGS__)

// ## What the macros are made of

#define SCOPE_CASE(type, release) , type * : scoped_##type

#define SCOPE_FIRST(first, ...) first

#define SCOPE_KEEPER(type, release)                                                                                    \
  static inline void scope_release_##type (void *object) { release (object); }                                         \
  static inline type *scoped_##type (const char *file, int at, const char *text, type *object, const char *format,     \
                                     ...)                                                                              \
  {                                                                                                                    \
    va_list words;                                                                                                     \
    va_start (words, format);                                                                                          \
    scope_keep (file, at, text, object, scope_release_##type, format, words);                                          \
    va_end (words);                                                                                                    \
    return object;                                                                                                     \
  }

void scope_keep (const char *file, int at, const char *text, void *object, void (*release) (void *), const char *format,
                 va_list words);

SCOPE_TYPES (SCOPE_KEEPER)

#define SCOPE_COUNT(...) (sizeof ((const double[]){ __VA_ARGS__ }) / sizeof (double))

#define SCOPE_STATUS(wanted, ...)                                                                                      \
  do                                                                                                                   \
    {                                                                                                                  \
      const char *scope_failure = scope_status (wanted, #__VA_ARGS__, __VA_ARGS__, NULL);                              \
      if (scope_failure)                                                                                               \
        cr_assert_fail ("%s", scope_failure);                                                                          \
    }                                                                                                                  \
  while (0)

static inline sb_real *
gaussians (gsl_rng *r, size_t count, double deviation)
{
  sb_real *z = scoped ((sb_real *)malloc ((count + 1) * sizeof *z));
  for (size_t k = 0; k < count; k++)
    z[k] = (sb_real)gsl_ran_gaussian (r, deviation);
  return z;
}

// NULL where got is what is wanted, else what to print; a NULL format for none.
const char *scope_status (int wanted, const char *text, int got, const char *format, ...);

#endif
