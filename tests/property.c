// # Properties: random cases, shrunk counter-examples

#include "property.h"
#include "scope.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  PARAMETERS = 16, // at most
  HALVINGS = 30,   // of a parameter's distance from its simplest value
  LONGER = 20      // times as many cases in `make check-long`
};

gsl_rng *
property_rng (double seed)
{
  gsl_rng *r = scoped (gsl_rng_alloc (gsl_rng_taus2));
  gsl_rng_set (r, (unsigned long)seed);
  return r;
}

static double
draw (gsl_rng *r, const property_parameter *p)
{
  switch (p->kind)
    {
    case PROPERTY_LOG:
      return exp (gsl_ran_flat (r, log (p->low), log (p->high)));
    case PROPERTY_INTEGER:
      return p->low + (double)gsl_rng_uniform_int (r, (unsigned long)(p->high - p->low) + 1);
    default:
      return gsl_ran_flat (r, p->low, p->high);
    }
}

// NaN is a failure too, so the comparison is the one that NaN does not pass. What a residual registers (scope.h) is
// freed after each case.

static int
fails (property_residual residual, const double *v, void *context, double bound)
{
  size_t mark = scope_mark ();
  int failed = !(residual (v, context) <= bound);
  scope_release (mark);
  return failed;
}

// One parameter after another: first its simplest value, then half way there, a quarter, ...

static void
shrink (size_t count, const property_parameter *parameters, property_residual residual, void *context, double bound,
        double *v)
{
  for (size_t k = 0; k < count; k++)
    {
      double kept = v[k], step = parameters[k].simple - kept;
      for (int i = 0; i < HALVINGS && step != 0; i++, step /= 2)
        {
          v[k] = kept + step;
          if (parameters[k].kind == PROPERTY_INTEGER)
            v[k] = rint (v[k]);
          if (v[k] != kept && fails (residual, v, context, bound))
            break;
          v[k] = kept;
        }
    }
}

void
property_check (const char *claim, unsigned long seed, size_t cases, size_t count, const property_parameter *parameters,
                property_residual residual, void *context, double bound)
{
  double v[PARAMETERS];
  cr_assert_leq (count, (size_t)PARAMETERS);
  gsl_rng *r = property_rng ((double)seed);
  if (getenv ("SCOREBOOK_LONG"))
    cases *= LONGER;
  for (size_t i = 0; i < cases; i++)
    {
      for (size_t k = 0; k < count; k++)
        v[k] = draw (r, &parameters[k]);
      if (!fails (residual, v, context, bound))
        continue;

      shrink (count, parameters, residual, context, bound, v);
      char example[1024] = "";
      for (size_t k = 0, at = 0; k < count && at < sizeof example; k++)
        at += (size_t)snprintf (example + at, sizeof example - at, " %s = %.17g", parameters[k].name, v[k]);
      cr_assert_fail ("%s: residual %g is over %g at%s (case %zu of seed %lu, shrunk)", claim, residual (v, context),
                      bound, example, i, seed);
    }
}
