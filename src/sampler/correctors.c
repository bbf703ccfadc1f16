// # Correctors
//
// A corrector is a Markov chain that keeps the law at one time: Langevin dynamics, with one of several step sizes, or
// Hamiltonian Monte Carlo.

#include "../base/error.h"
#include "work.h"

static const sb_corrector_type *const *const table[]
    = { &sb_corrector_langevin, &sb_corrector_fixed, &sb_corrector_constant, &sb_corrector_hmc };

const sb_entry *
sb_correctors (size_t k)
{
  return k < sizeof table / sizeof *table ? &(*table[k])->entry : NULL;
}

int
sb_corrector_apply (const sb_corrector *corrector, sb_sampler_work *work, const gsl_matrix *y, double s, double t,
                    const gsl_matrix *z, gsl_matrix *x)
{
  const sb_process *process = work->score->process;
  int status = sb_work_check (work, z, x);
  if (status)
    return status;
  if (!(0 <= s && s <= t && t <= process->t_limit))
    SB_ERROR (NULL, GSL_EDOM, "a corrector at time %g, on [0, %g], cannot have %g as the next lower time", t,
              process->t_limit, s);
  if (sb_work_noises (process) == 0)
    return sb_process_check_parts (process, corrector->type->entry.name);
  return x->size1 == 0 ? GSL_SUCCESS : corrector->type->step (corrector, work, y, s, t, z, x);
}
