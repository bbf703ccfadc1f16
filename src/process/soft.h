#ifndef SCOREBOOK_PROCESS_SOFT_H
#define SCOREBOOK_PROCESS_SOFT_H

#include "../base/error.h"
#include "../operator/operator.h"
#include "process.h"

SB_BEGIN_DECLS

#define SB_SOFT_EPSILON 1e-5 // t_min

// A corruption as a function of time.
typedef struct
{
  // The operator's level and the noise's deviation at 0 < t <= 1, or, where `rate`, their rates of change (at a kink
  // those from the left). GSL_EUNSUP: there are none.
  int (*at) (const void *params, bool rate, double t, double *level, double *sigma);
  void (*free) (void *params); // NULL: nothing to release
  size_t break_count;          // times within (0, 1), ascending, at which the rates jump
  const double *breaks;        // params owns them
} sb_soft_schedule;

// x_t = C(level(t)) x_0 + sigma(t) z, z ~ N(0, I); at t = 0 the data, C = I and sigma = 0, with sigma(0+) = sigma_min.
// A(0,t) = C, S(0,t) = sigma I; no F, no G, no kernel from s > 0; rates where schedule and operator have them. Where
// the operator has one basis for all levels, the process is diagonal in it, each coordinate a part of its own. Times
// [SB_SOFT_EPSILON, 1]; no prior until one is set. C (d x d, with levels) and params belong to the process from here
// on, and are released at once where this fails. NULL with GSL_EINVAL where C is not square or has no levels; with
// GSL_ENOMEM.
sb_process *sb_soft_alloc (sb_operator *C, const sb_soft_schedule *schedule, void *params);

// A process of one part as such a pair, C_t = a(0,t) I and sigma_t = sd(0,t): VE, VP and sub-VP are such pairs. It
// keeps a pointer to `of`. Its prior is N(0, sigma_1^2 I). NULL with GSL_EUNSUP where `of` has not exactly one part;
// with GSL_ENOMEM.
sb_process *sb_soft_pair_alloc (const sb_process *of);

// The paper's two stages: sigma grows geometrically from sigma_min to sigma_max on (0, noise], at the first knot's
// level; then the level goes from knot to knot, evenly in time, at sigma_max. joint: both go on (0, 1]. C likewise.
typedef struct
{
  double sigma_min, sigma_max; // 0 < sigma_min <= sigma_max
  double noise;                // in (0, 1); ignored where joint
  bool joint;
  const gsl_vector *levels; // the knots (2 or more), none below the one before it; copied
  size_t rank, channels;    // of the prior that sb_soft_fit fits; rank 0: the paper's, of `channels` channels
} sb_soft_stages;

// NULL: GSL_EBADLEN where there are fewer than two levels, GSL_EDOM where a number is out of range, and as above.
sb_process *sb_soft_stages_alloc (sb_operator *C, const sb_soft_stages *stages);

// The level and the noise of any such process at t in [0, 1]. GSL_EDOM: t is not; GSL_EUNSUP: the process is of another
// kind.
int sb_soft_at (const sb_process *soft, double t, double *level, double *sigma);
const sb_operator *sb_soft_operator (const sb_process *soft); // NULL: likewise

// GSL_SUCCESS where the paper's assumptions hold at `count` even times (0: where it begins): C(0+) x = x to a
// thousandth, sigma never falls, and x_0 gets harder to infer: |C_t x| / sigma_t never rises, for each part or, without
// parts, for a few random x. GSL_EINVAL with a line that names the time; GSL_ENOMEM, and what the operator reports.
int sb_soft_check (const sb_process *soft, size_t count, sb_error *error);

// ---- The prior, x_1 ~ N(mean, U^T U + sigma_1^2 I)

// mean (d) and U (rank x d) are copied; NULL: 0. GSL_EBADLEN, GSL_EDOM where a number is not finite, GSL_ENOMEM.
int sb_soft_set_prior (sb_process *soft, const gsl_vector *mean, const gsl_matrix *U);
// The prior that has been set, which the process owns; false: none has.
bool sb_soft_prior (const sb_process *soft, const gsl_vector **mean, const gsl_matrix **U);

// Fitted to data x (n x d, n > 1): the paper's, images of one colour, whose channels are independent and Gaussian; or
// the mean of C_1 x and its `rank` widest directions (at most n - 1; the cost grows as n^3).
int sb_soft_fit_colours (sb_process *soft, size_t channels, const gsl_matrix *x);
int sb_soft_fit_prior (sb_process *soft, size_t rank, const gsl_matrix *x);
int sb_soft_fit (sb_process *soft,
                 const gsl_matrix *x); // as its stages say, by n - 1 directions at most; other schedules: GSL_EUNSUP

SB_END_DECLS

#endif
