#ifndef SCOREBOOK_SAMPLER_SAMPLER_H
#define SCOREBOOK_SAMPLER_SAMPLER_H

#include "../base/decls.h"
#include "../base/entry.h"
#include "../score/score.h"

#include <stdbool.h>

SB_BEGIN_DECLS

// ---- Memory

// The workspace of steps and correctors, for up to `rows` rows: none of them allocates if the process is diagonal in
// the coordinates themselves.
typedef struct
{
  const sb_score *score; // not owned
  size_t evaluations;    // of the score, on every row of a batch, so far; may be reset to 0
  // NULL, or the denoiser at the batch (n x d, not owned), which the next step does not evaluate.
  const gsl_matrix *x_hat0;
  size_t step, steps; // which step of a path this is, for messages; step 0: of none

  size_t rows;
  gsl_matrix *estimate, *more; // rows x d; more: 2 rows x d
  gsl_matrix *c;               // 3 rows x parts: coefficients
  double *numbers;             // of the parts
  double *sums;                // one per shard
  gsl_vector *t, *t_hat;       // rows
} sb_sampler_work;

sb_sampler_work *sb_sampler_work_alloc (const sb_score *score, size_t rows); // NULL: GSL_ENOMEM
void sb_sampler_work_free (sb_sampler_work *work);                           // NULL is allowed

// ---- Steps, from time t back to s < t

// What a step may depend on, for one part of the process. Its `needs` say what it takes beyond the first line.
typedef struct
{
  double A_s, S_s, A_t, S_t; // the kernels from 0 to s and to t
  double A, S;               // that from s to t: SB_NEEDS_KERNEL
  double f, g;               // drift and diffusion at t: SB_NEEDS_SDE
  double h;                  // t - s
} sb_step_at;

// A step: with x_hat0 the denoiser and z the step's normals
//     x_s = c A_s x_hat0 + a (x_t - A_t x_hat0) + b z,
// or, by the score s(x_t, t),
//     x_s = p x_t + q s + b z        with p = c / A, q = S_t^2 (p - a), A = A(s,t).
// A step gives both forms, so that neither divides by what may be 0 or cancels needlessly.
typedef struct
{
  double c, a, b, p, q;
} sb_step_numbers;

// A step that is given by the score: c and a follow from p and q.
sb_step_numbers sb_step_by_score (const sb_step_at *at, double p, double q, double b);

enum
{
  SB_NEEDS_KERNEL = 1,      // a kernel from s > 0 to t
  SB_NEEDS_SDE = 2,         // F and G
  SB_NEEDS_DIVERGENCE = 4,  // b is that of the best variance (transition/reverse.h); one part only
  SB_NEEDS_NO_ESTIMATE = 8, // c = a = p = 1, q = 0
  SB_NEEDS_NO_NOISE = 16,   // b = 0
  SB_NEEDS_NOISE_TIME = 32, // with keys that make it noisy, a process whose time is its noise level
  SB_NEEDS_NOISE_KEY = 64   // b can be other than 0 only where the first key is positive
};

// For a process whose maps are not diagonal in a known basis:
//     x_s = keep x_t + of_map M (x_t + inside N N^T s) + outside N N^T s + of_noise N z.
typedef struct
{
  double keep, of_map, inside, outside, of_noise;
  sb_process_map M, N; // at times s, t (F and G: at t)
} sb_step_maps;

typedef struct
{
  sb_entry entry;
  unsigned needs;

  // The numbers of one part, from the keys of the entry.
  sb_step_numbers (*numbers) (const sb_step_at *at, const double *key);

  // NULL: the step is for processes with parts only.
  sb_step_maps (*maps) (double h, const double *key);

  // NULL, or, of a step that is noisy, a time t_hat >= t to which the forward transition takes x, with the step's own
  // normals, before the score is evaluated; from there on t is t_hat, and b must be 0. noise: the factor of the
  // normals, 1 on entry.
  double (*t_hat) (double t, const double *key, double *noise);

  // NULL, or the whole step, where it takes more than one evaluation; arguments have been checked.
  int (*take) (sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
               const gsl_matrix *z, gsl_matrix *x);
} sb_step_type;

// Take x (n x d) from times t (n) to s (n), 0 <= s < t, with normals z (n x d; NULL: the step's mean). key: the values
// of the entry's keys, NULL: the usual ones. y: the score's condition, NULL or n rows. In a part with zero noise,
// S(0,t) = 0, x_s = x_t / A(s,t), whatever the score says.
//
// GSL_EBADLEN where a shape is wrong or n exceeds the workspace's rows, GSL_EDOM where times are not in this order (the
// message names the row) or outside the process (its SDE: below t_min), or a key is out of range; GSL_EUNSUP where the
// process lacks what the step needs, GSL_ESING where one without a kernel from s > 0 has zero noise at t, GSL_EBADFUNC
// where the score is not finite, GSL_ENOMEM, and what the score itself reports. After a failure x is unspecified.
int sb_step_apply (const sb_step_type *type, const double *key, sb_sampler_work *work, const gsl_matrix *y,
                   const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z, gsl_matrix *x);

// Whether a step with these keys (NULL: the usual ones) takes normals at all. If not, none need be drawn.
bool sb_step_noisy (const sb_step_type *type, const double *key);

extern const sb_step_type *sb_step_none;              // x stays: corrector-only sampling
extern const sb_step_type *sb_step_euler_maruyama;    // of the reverse SDE
extern const sb_step_type *sb_step_heun;              // of the reverse SDE, weak order 2
extern const sb_step_type *sb_step_reverse_diffusion; // Eq. (46)
extern const sb_step_type *sb_step_ancestral;         // Eqs. (4) and (47): upper, and lower in parts where A = 1
extern const sb_step_type *sb_step_ancestral_upper;   // with the variance of x_t given x_s
extern const sb_step_type *sb_step_ancestral_lower;   // with the variance of x_s given x_t and x_0
extern const sb_step_type *sb_step_ancestral_optimal; // with the variance that the score's divergence implies
extern const sb_step_type *sb_step_ddim;              // Song, Meng and Ermon (2021), with eta
extern const sb_step_type *sb_step_probability_flow;  // the paper's discretisation; adaptive: flow.h
extern const sb_step_type *sb_step_flow_heun, *sb_step_flow_rk4; // the flow, in fixed steps: 2 and 4 evaluations
extern const sb_step_type *sb_step_edm_heun; // Karras et al.'s Algorithm 2: 2 evaluations, to s = 0 one; with churn
                                             // GSL_EUNSUP where the time is not the noise level
extern const sb_step_type *sb_step_naive, *sb_step_momentum,
    *sb_step_momentum_flow;                                            // Soft Diffusion's, also where there
extern const sb_step_type *sb_step_soft_ddim, *sb_step_soft_ancestral; // is no kernel between two positive times

const sb_entry *sb_steps (size_t k); // the family; each is the first field of its sb_step_type

// ---- Correctors, at a time t

// How the norms in the Langevin corrector's step size are taken.
typedef enum
{
  SB_NORM_BATCH, // the average over the batch (the paper, for large batches)
  SB_NORM_ROW,   // each row's own
  SB_NORM_ROOT_D // |z| replaced by sqrt(d) (the paper, for small batches); |g| is the batch average
} sb_norm;

// What "alpha_i" in Algorithm 5 is. Both are 1 where A = I, which is Algorithm 4.
typedef enum
{
  SB_ALPHA_STEP,      // A(s,t)^2: 1 - beta_i, as in the authors' code
  SB_ALPHA_CUMULATIVE // A(0,t)^2: the product of these up to i, as Section 2.2 defines it
} sb_alpha;

struct sb_corrector;

// A corrector moves x at time t towards p_t by the score alone. Langevin's, with one evaluation,
//     x <- x + epsilon s(x, t) + sqrt (2 epsilon) z,
// in each part with an epsilon of its own. s is the next lower time of the grid, which SB_ALPHA_STEP needs.
typedef struct
{
  sb_entry entry;
  void (*set) (const double *key, struct sb_corrector *corrector); // from the keys of the entry
  int (*step) (const struct sb_corrector *corrector, sb_sampler_work *work, const gsl_matrix *y, double s, double t,
               const gsl_matrix *z, gsl_matrix *x);
} sb_corrector_type;

typedef struct sb_corrector
{
  const sb_corrector_type *type;
  double snr; // langevin: r > 0, the signal-to-noise ratio
  // fixed: > 0, a multiple of Var[x_t | x_0]; constant: > 0, epsilon itself; hmc: > 0, a multiple of the deviation of
  // x_t given x_0.
  double epsilon;
  sb_norm norm;   // langevin
  sb_alpha alpha; // langevin
  size_t leaps;   // hmc: > 0
} sb_corrector;

// z NULL: without the noise. Errors as for sb_step_apply, 0 <= s <= t <= t_limit.
int sb_corrector_apply (const sb_corrector *corrector, sb_sampler_work *work, const gsl_matrix *y, double s, double t,
                        const gsl_matrix *z, gsl_matrix *x);

// Step size from r: Algorithms 4 and 5. GSL_EZERODIV where the norm of the score it divides by is zero.
extern const sb_corrector_type *sb_corrector_langevin;
extern const sb_corrector_type *sb_corrector_fixed;    // epsilon S(0,t)^2: Eq. (2)
extern const sb_corrector_type *sb_corrector_constant; // epsilon: Langevin dynamics
extern const sb_corrector_type *sb_corrector_hmc;      // leapfrog, an evaluation a leap

const sb_entry *sb_correctors (size_t k); // the family; each is the first field of its sb_corrector_type

// ---- What samplers share

// How a run ends, t being its last time.
typedef enum
{
  SB_FINAL_DENOISE, // with E[x_0 | x_t], one more evaluation: needs t > 0
  SB_FINAL_MEAN,    // with the last step's mean: it gets no noise, and no corrector follows it; of a flow, x_t itself
  SB_FINAL_SAMPLE   // with x_t itself: Algorithms 1 to 5 as printed
} sb_final;

// Called with x at time t before the first step (done = 0) and after each (done = 1, ..., total), and once more with t
// = 0 after SB_FINAL_DENOISE. A solver with adaptive steps cannot give their number: total is 0 there. Anything but
// GSL_SUCCESS stops the run, which returns it.
typedef int (*sb_progress) (void *context, size_t done, size_t total, double t, const gsl_matrix *x);

SB_END_DECLS

#endif
