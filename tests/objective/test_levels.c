// # What must be true of the laws of levels

#include "losses.h"
#include "process/ddpm.h"
#include "process/edm.h"
#include "process/smld.h"
#include "process/ve.h"
#include "process/vp.h"
#include "scope.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <string.h>

SUITE (levels);

// Uniform levels are the times that are drawn where nothing is said, to the bit, and their quantiles those of
// $[t_{\min}, t_{\max}]$.

Test (levels, uniform_is_what_is_usual)
{
  enum
  {
    N = 50
  };
  sb_process *edm = scoped (sb_edm_alloc (1, .002, 80));
  sb_objective usual = sb_objective_of (sb_objective_dsm, edm, .002), said = usual;
  said.levels = sb_levels_uniform;
  gsl_vector *t = vector (N), *t_said = vector (N);
  ok (draw_points (&usual, (sb_stream){ 3, 0, 0 }, t, matrix (N, 1), matrix_all (N, 1, 0)));
  ok (draw_points (&said, (sb_stream){ 3, 0, 0 }, t_said, matrix (N, 1), matrix_all (N, 1, 0)));
  cr_assert_arr_eq (t->data, t_said->data, N * sizeof (double));
  cr_assert_float_eq (sb_levels_uniform->quantile (NULL, 2, 6, .25), 3, 1e-15);
}

// On a chain they are its levels.

Test (levels, uniform_on_a_chain_are_its_levels)
{
  enum
  {
    N = 50
  };
  sb_process *chain = scoped (sb_smld_alloc (1, 4, .1, 2));
  sb_objective usual = sb_objective_of (sb_objective_dsm, chain, 0), said = usual;
  said.levels = sb_levels_uniform;
  gsl_vector *t = vector (N), *t_said = vector (N);
  ok (draw_points (&usual, (sb_stream){ 3, 0, 0 }, t, matrix (N, 1), matrix_all (N, 1, 0)));
  ok (draw_points (&said, (sb_stream){ 3, 0, 0 }, t_said, matrix (N, 1), matrix_all (N, 1, 0)));
  cr_assert_arr_eq (t->data, t_said->data, N * sizeof (double));
}

// Levels of noise are times where the time is the noise: under no chain, whatever its noise is at its end, and under
// none of the others, whose noise is the time at one or two times.

Test (levels, of_noise_want_the_noise_for_a_time)
{
  sb_process *const of[] = { scoped (sb_edm_alloc (2, .002, 80)),  scoped (sb_edm_alloc (2, .3, .7)),
                             scoped (sb_smld_alloc (2, 4, .1, 1)), scoped (sb_smld_alloc (2, 4, .1, 2)),
                             scoped (sb_ve_alloc (2, .1, 1)),      scoped (sb_ve_alloc (2, .25, 1)),
                             scoped (sb_vp_alloc (2, .1, 20)),     scoped (sb_ddpm_alloc (2, 100, .1, 20)) };
  for (size_t k = 0; k < sizeof of / sizeof *of; k++)
    {
      sb_objective o = sb_objective_of (sb_objective_dsm, of[k], of[k]->t_min);
      cr_assert_not_null (scoped (sb_objective_batch_alloc (&o, 2)));
      o.levels = sb_levels_lognormal;
      sb_entry_usual (&o.levels->entry, o.levels_key);
      sb_objective_batch *b = sb_objective_batch_alloc (&o, 2);
      cr_assert_eq (sb_process_time_is_noise (of[k]), k < 2, "process %zu", k);
      cr_assert_eq (b != NULL, k < 2, "process %zu", k);
      sb_objective_batch_free (b);
    }
}

// A normal logarithm: its median, and the points a deviation from it. [consistent.set-edm-noisedist]

Test (levels, lognormal_has_the_quantiles_of_a_normal_logarithm)
{
  const double below_one = .84134474606854293; // of a standard normal
  for (double mean = -3; mean <= 3; mean += 1.5)
    for (double sd = .3; sd < 3; sd *= 2)
      {
        const double key[] = { mean, sd };
        cr_assert_float_eq (log (sb_levels_lognormal->quantile (key, 0, 1, .5)), mean, 1e-12);
        cr_assert_float_eq (log (sb_levels_lognormal->quantile (key, 0, 1, below_one)), mean + sd, 1e-9);
        cr_assert_float_eq (log (sb_levels_lognormal->quantile (key, 0, 1, 1 - below_one)), mean - sd, 1e-9);
      }
}

// The mean of Karras et al.'s levels, by the midpoint rule over the quantiles: .618783. [consistent.set-edm-noisedist]

Test (levels, lognormal_has_the_mean_of_a_normal_logarithm)
{
  enum
  {
    NODES = 4000
  };
  const double key[] = { -1.2, 1.2 };
  double sum = 0;
  for (int k = 0; k < NODES; k++)
    {
      const double z = -7 + 14 * (k + .5) / NODES; // of a standard normal
      sum += sb_levels_lognormal->quantile (key, 0, 1, gsl_cdf_ugaussian_P (z)) * gsl_ran_ugaussian_pdf (z) * 14
             / NODES;
    }
  cr_assert_float_eq (sum, .618783, 1e-6, "%.9g", sum);
}

// As text, with the values of Karras et al. where none are given. [consistent.set-edm-noisedist]

Test (levels, are_a_family)
{
  double key[SB_KEYS_MOST];
  sb_error error = { 0 };
  cr_assert_eq (sb_entry_read (sb_level_laws, "levels", "uniform", key, &error), &sb_levels_uniform->entry);
  cr_assert_eq (sb_entry_read (sb_level_laws, "levels", "lognormal", key, &error), &sb_levels_lognormal->entry);
  cr_assert (key[0] == -1.2 && key[1] == 1.2);
  cr_assert (sb_entry_read (sb_level_laws, "levels", "lognormal mean=-20 sd=20", key, &error));
  cr_assert (key[0] == -20 && key[1] == 20);
  const char *const bad[] = { "normal",
                              "lognormal sd=0",
                              "lognormal sd=-1",
                              "lognormal sd=21",
                              "lognormal mean=21",
                              "lognormal mean=-21",
                              "lognormal mean=nan",
                              "uniform mean=0" };
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
    cr_assert_null (sb_entry_read (sb_level_laws, "levels", bad[k], key, &error), "%s", bad[k]);
  cr_assert (sb_level_laws (1) && !sb_level_laws (2) && !sb_levels_uniform->of_noise && sb_levels_lognormal->of_noise);
}
