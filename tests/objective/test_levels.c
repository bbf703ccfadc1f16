// # What must be true of the laws of levels

#include "losses.h"
#include "process/edm.h"
#include "scope.h"

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
