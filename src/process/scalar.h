#ifndef SCOREBOOK_PROCESS_SCALAR_H
#define SCOREBOOK_PROCESS_SCALAR_H

#include "process.h"

SB_BEGIN_DECLS

// A process of one part: dx = f(t) x dt + g(t) dw with numbers f and g, and so a kernel
// x_t = a(s,t) x_s + sqrt(v(s,t)) z. It is given by these numbers, at times that have been checked: 0 <= s <= t.
typedef struct
{
  const char *name;
  double (*mean) (const void *parameters, double s, double t);     // a(s,t) > 0; NULL: 1
  double (*variance) (const void *parameters, double s, double t); // v(s,t) >= 0, 0 where s = t
  double (*drift) (const void *parameters, double t);              // f(t); NULL: 0
  double (*diffusion) (const void *parameters, double t); // g(t) >= 0, NaN where the SDE is undefined; NULL: a chain
  double (*prior_sd) (const void *parameters);            // the prior is N(0, prior_sd^2 I); NULL: N(0, I)
} sb_scalar_type;

// The type is kept, not copied. The parameters are one block from malloc: they belong to the process from here on, and
// are released with it, or at once where this fails. NULL where parameters is NULL (GSL_ENOMEM: so the result of malloc
// can be passed unchecked), and as sb_process_alloc.
sb_process *sb_scalar_alloc (const sb_scalar_type *type, void *parameters, size_t dimension, double t_min, double t_max,
                             size_t levels);

// The parameters of a process made from this type; NULL where it was made otherwise.
const void *sb_scalar_parameters (const sb_process *process, const sb_scalar_type *type);

SB_END_DECLS

#endif
