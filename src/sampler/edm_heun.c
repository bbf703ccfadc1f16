// # The sampler of Karras et al.
//
// Their Algorithm 1 is Heun's method along the probability flow, with the noise level as the time (`flow_heun`, on
// `process/edm.c`), and an Euler step to 0 at the end. [consistent.set-edm-heun] There
// $d\mathbf x/dt = (\mathbf x - D(\mathbf x; t))/t$ [consistent.set-edm-ode], and the last step is a denoising:
// $\mathbf x + (0 - t)\,(\mathbf x - D)/t = D$. With $N$ levels that is $2N - 1$ evaluations. [consistent.set-nfe]
//
// Algorithm 2 adds noise before each step, and steps down from the higher level: [consistent.set-edm-churn]
//
//     for i = 0, ..., N-1:
//         gamma = min (S_churn / N, sqrt 2 - 1) if S_tmin <= t_i <= S_tmax, else 0
//         t_hat = t_i + gamma t_i
//         x_hat = x_i + sqrt (t_hat^2 - t_i^2) epsilon,   epsilon ~ N(0, S_noise^2 I)
//         d = (x_hat - D (x_hat; t_hat)) / t_hat
//         x_{i+1} = x_hat + (t_{i+1} - t_hat) d
//         if t_{i+1} != 0:
//             d' = (x_{i+1} - D (x_{i+1}; t_{i+1})) / t_{i+1}
//             x_{i+1} = x_hat + (t_{i+1} - t_hat) (d + d') / 2
//
// A step does not take $N$ as an input: its key is $S_{\mathrm{churn}}/N$. Without churn, the default, it is Algorithm
// 1 to the bit and needs no normals; with it, the time has to be the noise level. Unless $S_{\mathrm{tmax}}$ prevents
// it, a step may go above $\sigma_{\max}$: a process that ends there refuses.

#include "work.h"

#include <gsl/gsl_math.h>
#include <math.h>

enum
{
  CHURN,
  T_MIN,
  T_MAX,
  NOISE,
  KEYS
};

static double
t_hat (double t, const double *key, double *noise)
{
  const double gamma = key[T_MIN] <= t && t <= key[T_MAX] ? GSL_MIN_DBL (key[CHURN], M_SQRT2 - 1) : 0;
  *noise = key[NOISE];
  return t + gamma * t;
}

// All rows of a batch end at 0, or none does.

static int
take (sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z,
      gsl_matrix *x)
{
  if (!gsl_vector_isnull (s))
    return sb_step_flow_heun->take (work, y, s, t, z, x);
  gsl_matrix_view D = sb_work_estimate_rows (work, x->size1);
  const int status = sb_work_estimate (work, SB_DENOISER, y, t, x, &D.matrix);
  return status ? status : gsl_matrix_memcpy (x, &D.matrix);
}

static const sb_key keys[KEYS] = {
  [CHURN]
  = { .name = "churn", .high = HUGE_VAL, .help = "S_churn / N: noise added, as a share of the level; at most 0.414" },
  [T_MIN] = { .name = "t_min", .high = HUGE_VAL, .help = "S_tmin: the lowest level with added noise" },
  [T_MAX] = { .name = "t_max", .usual = 1e9, .high = HUGE_VAL, .help = "S_tmax: the highest" },
  [NOISE] = { .name = "noise", .usual = 1, .high = HUGE_VAL, .help = "S_noise: its deviation" }
};

static const sb_step_type edm_heun
    = { .entry = { "edm-heun", "Karras et al.'s sampler: flow-heun, after adding noise", keys, KEYS },
        .needs = SB_NEEDS_NOISE_TIME | SB_NEEDS_NOISE_KEY,
        .t_hat = t_hat,
        .take = take };
const sb_step_type *sb_step_edm_heun = &edm_heun;
