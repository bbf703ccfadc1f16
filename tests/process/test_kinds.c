// # A process said in words

#include "process/ddpm.h"
#include "process/edm.h"
#include "process/kinds.h"
#include "process/smld.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
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
  check_scalars ("edm", 3.5, 1, 3.5);
  check_scalars ("edm sigma_min=0.1 sigma_max=2", 3.5, 1, 3.5); // above sigma_max too
  check_scalars ("ddpm levels=2 beta_min=0.2 beta_max=0.4", 0.5, sqrt (0.9), sqrt (0.1));
  sb_process *thousand = scoped (sb_process_from_text ("ddpm", 1, NULL));
  cr_assert_eq (thousand->levels, 1000);
}

// Each has the paper's times, and the prior of its family; an SDE has the trace of its drift, a chain has none.

Test (kinds, times_and_priors)
{
  const struct
  {
    const char *name;
    size_t levels;
    double t_min, t_max, prior_sd, trace, low; // the trace at t = 1/2; low: of the data
  } rows[] = { { "ve", 0, 1e-5, 1, 50, 0, 0 },
               { "vp", 0, 1e-3, 1, 1, -10.05, -1 },
               { "subvp", 0, 1e-3, 1, 1, -10.05, -1 },
               { "edm", 0, 0.002, 80, 80, 0, -1 },
               { "smld", 1000, 1e-3, 1, 50, GSL_NAN, 0 },
               { "ddpm", 1000, 1e-3, 1, 1, GSL_NAN, -1 } };
  for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
    {
      const double sd = rows[k].prior_sd, prior = gsl_ran_gaussian_pdf (30, sd) * gsl_ran_gaussian_pdf (-8, sd);
      sb_process *process = scoped (sb_process_from_text (rows[k].name, 2, NULL));
      gsl_vector *log_prior = vector (1), *trace = vector_all (1, rows[k].trace);
      cr_assert_eq (sb_process_kind_of (process)->low, rows[k].low, "%s", rows[k].name);
      cr_assert (process->dimension == 2 && process->levels == rows[k].levels, "%s", rows[k].name);
      cr_assert (process->t_min == rows[k].t_min && process->t_max == rows[k].t_max, "%s", rows[k].name);
      ok (sb_process_prior_log_density (process, matrix_of (1, 2, 30, -8), log_prior));
      cr_assert_float_eq (gsl_vector_get (log_prior, 0), log (prior), 1e-12 * fabs (log (prior)), "%s", rows[k].name);
      refused (rows[k].levels ? GSL_EUNSUP : GSL_SUCCESS, sb_process_trace (process, vector_of (0.5), trace));
      if (!rows[k].levels)
        cr_assert_float_eq (gsl_vector_get (trace, 0), rows[k].trace, 1e-14, "%s", rows[k].name);
    }
}

// White is 1, whatever black is.

Test (kinds, upper_end_of_the_data)
{
  for (size_t k = 0; sb_processes (k); k++)
    cr_assert_eq (((const sb_process_kind *)sb_processes (k))->high, 1, "%s", sb_processes (k)->name);
}

// Numbers of which there is no process.

Test (kinds, numbers_that_are_none)
{
  const sb_process *none[] = {
    sb_ve_alloc (1, 0, 20),
    sb_ve_alloc (1, 1, 1),
    sb_ve_alloc (1, 2, 1),
    sb_ve_alloc (1, GSL_NAN, 1),
    sb_ve_alloc (1, 0.01, GSL_POSINF),
    sb_ve_alloc (0, 0.01, 20),
    sb_edm_alloc (1, 0, 80),
    sb_edm_alloc (1, 80, 80),
    sb_edm_alloc (1, GSL_NAN, 80),
    sb_edm_alloc (1, 0.002, GSL_POSINF),
    sb_edm_alloc (0, 0.002, 80),
    sb_vp_alloc (1, 0, 20),
    sb_vp_alloc (1, -1, 20),
    sb_vp_alloc (1, 2, 1),
    sb_vp_alloc (1, GSL_NAN, 20),
    sb_vp_alloc (1, 0.1, GSL_NAN),
    sb_vp_alloc (1, 0.1, GSL_POSINF),
    sb_vp_alloc (0, 0.1, 20),
    sb_subvp_alloc (1, 0, 20),
    sb_subvp_alloc (1, 2, 1),
    sb_subvp_alloc (1, GSL_NAN, 20),
    sb_subvp_alloc (1, 0.1, GSL_POSINF),
    sb_subvp_alloc (0, 0.1, 20),
    sb_smld_sigmas_alloc (1, vector_of (2, 1)),
    sb_smld_sigmas_alloc (1, vector_of (1, 1)),
    sb_smld_sigmas_alloc (1, vector_of (0, 1)),
    sb_smld_sigmas_alloc (1, vector_of (1, GSL_POSINF)),
    sb_smld_alloc (1, 10, 0, 1),
    sb_smld_alloc (1, 1, 0.1, 1),
    sb_smld_alloc (1, 0, 0.1, 1),
    sb_smld_alloc (0, 10, 0.1, 1),
    sb_ddpm_alloc (1, 10, 0.1, 20), // beta_10 = 2
    sb_ddpm_alloc (1, 1, 0.1, 0.2),
    sb_ddpm_alloc (1, 0, 0.1, 0.2),
    sb_ddpm_alloc (0, 1000, 0.1, 20),
  };
  for (size_t k = 0; k < sizeof none / sizeof *none; k++)
    cr_assert_null (none[k], "case %zu", k);
  for (double bad = -0.5; bad < 2; bad += 0.5) // and no betas, but for 0.5
    {
      sb_process *last = sb_ddpm_betas_alloc (1, vector_of (0.5, bad)),
                 *first = sb_ddpm_betas_alloc (1, vector_of (bad, 0.5));
      cr_assert ((first != NULL) == (bad == 0.5) && (last != NULL) == (bad == 0.5), "beta = %g", bad);
      sb_process_free (first);
      sb_process_free (last);
    }
  cr_assert_null (sb_ddpm_betas_alloc (1, vector_of (GSL_NAN)));
  scoped (sb_vp_alloc (1, 1, 1), "a rate may be constant");
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
                                 { "ddpm levels=1e30", "levels=1e30" },
                                 { "multispeed", "x=0 and y=1" } };
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

// The noise of every kind begins below its end, or where the kind allows it at its end, and is refused by name else.

Test (kinds, noise_does_not_fall)
{
  const sb_entry *entry;
  for (size_t k = 0; (entry = sb_processes (k)); k++)
    for (int start = 1; start <= 3; start++)
      {
        char line[100];
        double key[SB_KEYS_MOST];
        sb_error error = { 0 };
        const sb_process_kind *kind = (const sb_process_kind *)entry;
        snprintf (line, sizeof line, "%s %s=%d %s=2%s", entry->name, entry->keys[0].name, start, entry->keys[1].name,
                  strcmp (entry->name, "soft") == 0 || strcmp (entry->name, "bands") == 0 ? " image=1x4x4" : "");
        const sb_process_kind *read = sb_process_kind_read ("process", line, key, &error);
        cr_assert_eq (read, start == 1 || (start == 2 && kind->equal) ? kind : NULL, "%s", line);
        cr_assert (read || (strstr (error.message, entry->keys[0].name) && strstr (error.message, ": not ")), "%s: %s",
                   line, error.message);
      }
}
