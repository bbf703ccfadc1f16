// # What must be true of sampling with twice the noise scales

#include "grid/interpolate.h"
#include "process/ddpm.h"
#include "process/smld.h"
#include "process/vp.h"
#include "scope.h"

#include <gsl/gsl_math.h>

enum
{
  N = 1000
};

SUITE (interpolate);

// Both ways agree with the trained label wherever there is one, at every second scale, and in between the linear one is
// half way to the next. Rounding stays among the $N$ labels of training. [scoresde.txt-interp]

Test (interpolate, labels)
{
  for (size_t i = 0; i < 2 * N; i++)
    {
      double linear = sb_interpolate_label (SB_INTERPOLATE_LINEAR, N, i);
      double rounded = sb_interpolate_label (SB_INTERPOLATE_ROUNDING, N, i);
      cr_assert_eq (2 * linear, (double)i);
      cr_assert_eq (linear - rounded, i % 2 ? 0.5 : 0);
      cr_assert (0 <= rounded && rounded <= N - 1 && rounded == rint (rounded));
    }
}

// The paper prints $\mathbf{s}_\theta(\mathbf{x}, [i/2])$. Rounded to the nearest, the last of the $2N$ scales would
// ask for label $N$, and training knows $0, \dots, N-1$. [scoresde.txt-interp]

Test (interpolate, erratum_interp_rounds_down)
{
  size_t last = 2 * N - 1;
  double nearest = round ((double)last / 2);
  cr_assert_eq (nearest, N);
  cr_assert_eq (sb_interpolate_label (SB_INTERPOLATE_ROUNDING, N, last), N - 1);
}

// DDPM's schedule with twice the steps has half the $\beta$ at the ends, and keeps almost as little: $\log\alpha$
// differs by 0.034036 in all, computed apart, and by half of it at the next doubling. [scoresde.txt-interp]

static double
log_alpha (size_t levels)
{
  sb_process *ddpm = scoped (sb_ddpm_alloc (1, levels, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  return log (sb_ddpm_alpha (ddpm, levels));
}

Test (interpolate, ddpm_halves_its_betas)
{
  sb_process *trained = scoped (sb_ddpm_alloc (1, N, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  sb_process *doubled = scoped (sb_ddpm_alloc (1, 2 * N, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  cr_assert_float_eq (sb_ddpm_beta (doubled, 1), 0.5 * sb_ddpm_beta (trained, 1), 1e-16);
  cr_assert_float_eq (sb_ddpm_beta (doubled, 2 * N), 0.5 * sb_ddpm_beta (trained, N), 1e-16);
  for (size_t i = 1; i <= 2 * N; i++) // and in between is as straight a line
    cr_assert_float_eq (2 * N * sb_ddpm_beta (doubled, i),
                        SB_VP_BETA_MIN + (double)(i - 1) / (2 * N - 1) * (SB_VP_BETA_MAX - SB_VP_BETA_MIN), 1e-12);

  double first = log_alpha (2 * N) - log_alpha (N), second = log_alpha (4 * N) - log_alpha (2 * N);
  cr_assert_float_eq (first / 0.034036, 1, 1e-4);
  cr_assert_float_eq (second / first, 0.5, 0.01);
}

// SMLD's keeps both ends. [scoresde.txt-interp]

Test (interpolate, smld_keeps_its_ends)
{
  sb_process *doubled = scoped (sb_smld_alloc (1, 2 * N, 0.01, 50));
  cr_assert_eq (sb_smld_sigma (doubled, 1), 0.01);
  cr_assert_eq (sb_smld_sigma (doubled, 2 * N), 50);
}

Test (interpolate, refuses_labels_that_are_none)
{
  cr_assert (gsl_isnan (sb_interpolate_label (SB_INTERPOLATE_LINEAR, N, 2 * N)));
  cr_assert (gsl_isnan (sb_interpolate_label (SB_INTERPOLATE_ROUNDING, 0, 0)));
  cr_assert (gsl_isnan (sb_interpolate_label ((sb_interpolation)7, N, 0)));
}
