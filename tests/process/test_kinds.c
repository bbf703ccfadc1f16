// # A process said in words

#include "process/ddpm.h"
#include "process/smld.h"
#include "process/kinds.h"
#include "process/ve.h"
#include "scope.h"

#include <math.h>
#include <string.h>

SUITE (kinds);

// The words, left out or not, reach the process: known from its moments, in closed form.

static void
check_scalars (const char *text, double t, double a, double sd)
{
  sb_error error = { 0 };
  sb_process *process = scoped (sb_process_from_text (text, 3, &error), "%s: %s", text, error.message);
  double of_a, of_sd;
  cr_assert_eq (process->dimension, 3);
  ok (sb_process_scalars (process, 0, t, &of_a, &of_sd));
  cr_assert_float_eq (of_a, a, 1e-12, "%s: a = %g, not %g", text, of_a, a);
  cr_assert_float_eq (of_sd, sd, 1e-12 * sd, "%s: sd = %g, not %g", text, of_sd, sd);
}

Test (kinds, words_reach_the_process)
{
  check_scalars ("ve", 1, 1, 50);
  check_scalars ("ve sigma_max=20 sigma_min=0.05", 0.5, 1, 1);
  check_scalars ("vp", 1, exp (-10.05 / 2), sqrt (-expm1 (-10.05)));
  check_scalars ("vp beta_min=1 beta_max=3", 0.5, exp (-0.375), sqrt (-expm1 (-0.75)));
  check_scalars ("subvp beta_min=1 beta_max=3", 0.5, exp (-0.375), -expm1 (-0.75));
  check_scalars ("smld", 1, 1, 50);
  check_scalars ("smld levels=3 sigma_min=1 sigma_max=4", 2. / 3, 1, 2);
  check_scalars ("ddpm levels=2 beta_min=0.2 beta_max=0.4", 0.5, sqrt (0.9), sqrt (0.1));
  sb_process *thousand = scoped (sb_process_from_text ("ddpm", 1, NULL));
  cr_assert_eq (thousand->levels, 1000);
}

// What is no process is refused in one line that names the word at fault.

Test (kinds, other_words_are_refused)
{
  const char *const bad[][2] = { { "", "ve, vp" },
                                 { "levy", "'levy'" },
                                 { "ve beta_min=1", "'beta_min'" },
                                 { "vp levels=10", "'levels'" },
                                 { "vp beta_min", "'beta_min'" },
                                 { "vp beta_min=", "beta_min=" },
                                 { "vp beta_min=1x", "beta_min=1x" },
                                 { "vp beta_min=nan", "beta_min=nan" },
                                 { "vp beta_max=inf", "beta_max=inf" },
                                 { "vp beta_min=0", "beta_min=0" },
                                 { "vp beta_min=-1", "beta_min=-1" },
                                 { "vp beta_min=30", "beta_min=30" },
                                 { "smld levels=1", "levels=1" },
                                 { "smld levels=10.5", "levels=10.5" },
                                 { "ddpm levels=1e30", "levels=1e+30" } };
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
    {
      sb_error error = { 0 };
      cr_assert_null (sb_process_from_text (bad[k][0], 1, &error), "'%s' was taken", bad[k][0]);
      refused (GSL_EINVAL, error.code);
      cr_assert (strstr (error.message, bad[k][1]), "'%s': '%s' does not name '%s'", bad[k][0], error.message,
                 bad[k][1]);
    }
  char line[1000];
  memset (line, 'x', sizeof line);
  line[sizeof line - 1] = 0;
  cr_assert_null (sb_process_from_text (line, 1, NULL));
  cr_assert_null (sb_process_from_text ("ddpm levels=10 beta_min=0.1 beta_max=20", 1, NULL), "a beta over 1 was taken");
}
