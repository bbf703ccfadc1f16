#ifndef SCOREBOOK_TESTS_PROPERTY_H
#define SCOREBOOK_TESTS_PROPERTY_H

#include <gsl/gsl_rng.h>
#include <stddef.h>

// A property is a function of a few parameters that says how far a claim is from holding: a residual, to be compared
// with a bound. `property_check` draws the parameters at random, and where the residual is over the bound (or NaN),
// moves each parameter towards its simplest value for as long as the claim still fails, then prints the case it
// ended with. The seed is fixed: a failure can be run again.

typedef enum
{
  PROPERTY_UNIFORM, // real, uniform on [low, high]
  PROPERTY_LOG,     // real, log-uniform on [low, high]; low > 0
  PROPERTY_INTEGER  // whole, uniform on {low, ..., high}: a dimension, a count, a seed for more numbers
} property_kind;

typedef struct
{
  const char *name;
  property_kind kind;
  double low, high;
  double simple; // the value that a counter-example had best have
} property_parameter;

// v[k] is the value of parameter k; context is the caller's.
typedef double (*property_residual) (const double *v, void *context);

void property_check (const char *claim, unsigned long seed, size_t cases, size_t count,
                     const property_parameter *parameters, property_residual residual, void *context, double bound);

// More random numbers inside a residual, a function of the drawn parameters alone; registered (scope.h).
gsl_rng *property_rng (double seed);

#endif
