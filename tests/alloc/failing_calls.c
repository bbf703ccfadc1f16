// # Calls that fail when told to
//
// The linker puts these before the library's functions of the same names (local.mk lists them once more), where one
// file calls another. Of all calls between begin and end, in whatever thread, the k-th is not made, and fails.

#include "failing.h"

#include "base/checks.h"
#include "base/stream.h"
#include "net/dual.h"
#include "net/passes.h"
#include "net/reference.h"
#include "objective/consistency.h"
#include "objective/decoder.h"
#include "objective/objective.h"
#include "objective/vlb.h"
#include "objective/weightings.h"
#include "operator/operator.h"
#include "process/gaussian_prior.h"
#include "process/ito.h"
#include "process/moments.h"
#include "process/process.h"
#include "process/soft.h"
#include "sampler/condition.h"
#include "sampler/drift.h"
#include "sampler/flow.h"
#include "sampler/known.h"
#include "sampler/partial_path.h"
#include "sampler/sampler.h"
#include "sampler/work.h"
#include "score/network.h"
#include "score/score.h"
#include "score/tweedie.h"
#include "target/gaussian_kl.h"
#include "target/target.h"
#include "transition/isotropic.h"
#include "transition/posterior.h"
#include "transition/reverse.h"

#include <gsl/gsl_errno.h>
#include <stdatomic.h>

static atomic_size_t calls, chosen;
static const char *_Atomic failed;

void
failing_call_begin (size_t k)
{
  calls = 0;
  chosen = k;
  failed = "";
}

size_t
failing_call_end (const char **name)
{
  chosen = 0;
  *name = failed;
  return calls;
}

// GSL_EBADFUNC: GSL's solvers give up at once, where they take any other failure for a step that is too long.

int
failing_call (const char *name)
{
  if (++calls != chosen)
    return GSL_SUCCESS;
  failed = name;
  GSL_ERROR ("the test lets it fail", GSL_EBADFUNC);
}

// LAPACK's own, which says so in `info`.

void __real_dgesdd_ (const char *job, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
                     const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info,
                     size_t length);
void __wrap_dgesdd_ (const char *job, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
                     const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info,
                     size_t length);
void
__wrap_dgesdd_ (const char *job, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
                const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info,
                size_t length)
{
  if (failing_call ("dgesdd_"))
    *info = 1;
  else
    __real_dgesdd_ (job, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork, iwork, info, length);
}

#define CALL(name, parameters, arguments)                                                                              \
  int __real_##name parameters;                                                                                        \
  int __wrap_##name parameters;                                                                                        \
  int __wrap_##name parameters                                                                                         \
  {                                                                                                                    \
    const int status = failing_call (#name);                                                                           \
    return status ? status : __real_##name arguments;                                                                  \
  }

CALL (sb_stream_normals, (sb_stream stream, uint64_t first, gsl_matrix *z), (stream, first, z))
CALL (sb_stream_uniforms, (sb_stream stream, uint64_t first, gsl_matrix *u), (stream, first, u))
CALL (sb_check_apart, (const char *what, const gsl_matrix *x, const gsl_matrix *out), (what, x, out))
CALL (sb_check_finite, (const char *what, int code, const gsl_matrix *m), (what, code, m))
CALL (sb_process_apply,
      (const sb_process *process, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s,
       const gsl_vector *t, gsl_matrix *x),
      (process, map, transpose, s, t, x))
CALL (sb_process_apply_square,
      (const sb_process *process, sb_process_map map, const gsl_vector *s, const gsl_vector *t, gsl_matrix *x),
      (process, map, s, t, x))
CALL (sb_process_combine,
      (const sb_process *process, size_t terms, const sb_term *term, gsl_matrix *work, gsl_matrix *out),
      (process, terms, term, work, out))
CALL (sb_process_deviation, (const sb_process *process, double s, double t, double *sd), (process, s, t, sd))
CALL (sb_process_level, (const sb_process *process, double t, size_t *i), (process, t, i))
CALL (sb_process_log_det, (const sb_process *process, const gsl_vector *s, const gsl_vector *t, gsl_vector *log_det),
      (process, s, t, log_det))
CALL (sb_process_numbers, (const sb_process *process, sb_process_map map, double s, double t, double *c),
      (process, map, s, t, c))
CALL (sb_process_prior, (const sb_process *process, sb_stream stream, gsl_matrix *x), (process, stream, x))
CALL (sb_process_prior_log_density, (const sb_process *process, const gsl_matrix *x, gsl_vector *log_prior),
      (process, x, log_prior))
CALL (sb_process_scalars, (const sb_process *process, double s, double t, double *a, double *sd),
      (process, s, t, a, sd))
CALL (sb_process_time, (const sb_process *process, size_t i, double *t), (process, i, t))
CALL (sb_process_trace, (const sb_process *process, const gsl_vector *t, gsl_vector *trace), (process, t, trace))
CALL (sb_process_transition,
      (const sb_process *process, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z, gsl_matrix *x),
      (process, s, t, z, x))
CALL (sb_process_transition_in_place,
      (const sb_process *process, const gsl_vector *s, const gsl_vector *t, gsl_matrix *noise, gsl_matrix *x),
      (process, s, t, noise, x))
CALL (sb_soft_at, (const sb_process *soft, double t, double *level, double *sigma), (soft, t, level, sigma))
CALL (sb_gaussian_prior_draw, (const sb_gaussian_prior *prior, double sigma, sb_stream stream, gsl_matrix *x),
      (prior, sigma, stream, x))
CALL (sb_gaussian_prior_fit, (size_t rank, gsl_matrix *x, sb_gaussian_prior *prior), (rank, x, prior))
CALL (sb_gaussian_prior_log_density,
      (const sb_gaussian_prior *prior, double sigma, const gsl_matrix *x, gsl_vector *log_prior),
      (prior, sigma, x, log_prior))
CALL (sb_operator_apply,
      (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
       gsl_matrix *out),
      (A, transpose, level, x, out))
CALL (sb_operator_rate,
      (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
       gsl_matrix *out),
      (A, transpose, level, x, out))
CALL (sb_operator_inverse,
      (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
       gsl_matrix *out),
      (A, transpose, level, x, out))
CALL (sb_ito_divergence, (const sb_ito *ito, const gsl_vector *t, const gsl_matrix *x, gsl_matrix *out),
      (ito, t, x, out))
CALL (sb_ito_flow_velocity,
      (const sb_ito *ito, const gsl_vector *t, const gsl_matrix *x, const gsl_matrix *score, gsl_matrix *out),
      (ito, t, x, score, out))
CALL (sb_ito_reverse_drift,
      (const sb_ito *ito, const gsl_vector *t, const gsl_matrix *x, const gsl_matrix *score, gsl_matrix *out),
      (ito, t, x, score, out))
CALL (sb_tweedie,
      (const sb_process *process, sb_view from, sb_view to, const gsl_matrix *x, const gsl_vector *t,
       gsl_matrix *estimate),
      (process, from, to, x, t, estimate))
CALL (sb_tweedie_transposed,
      (const sb_process *process, sb_view from, sb_view to, const gsl_vector *t, gsl_matrix *bar, gsl_matrix *x_bar),
      (process, from, to, t, bar, x_bar))
CALL (sb_score_evaluate,
      (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
       gsl_matrix *out),
      (score, view, x, t, y, out))
CALL (sb_score_estimate,
      (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
       gsl_matrix *out),
      (score, view, x, t, y, out))
CALL (sb_score_check_finite, (const sb_score *score, const gsl_vector *t, const gsl_matrix *estimate, const char *of),
      (score, t, estimate, of))
CALL (sb_score_jvp,
      (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
       const gsl_matrix *v, gsl_matrix *out),
      (score, view, x, t, y, v, out))
CALL (sb_score_vjp,
      (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
       const gsl_matrix *v, gsl_matrix *out),
      (score, view, x, t, y, v, out))
CALL (sb_score_evaluate_vjp,
      (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
       const gsl_matrix *v, gsl_matrix *estimate, gsl_matrix *out),
      (score, view, x, t, y, v, estimate, out))
CALL (sb_score_divergence,
      (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_vector *divergence),
      (score, x, t, y, divergence))
CALL (sb_net_forward,
      (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
       const sb_net_condition *y, sb_net_work *work, sb_real *out),
      (net, theta, n, x, label, y, work, out))
CALL (sb_net_backward,
      (const sb_net *net, const sb_real *theta, sb_net_work *work, const sb_real *out_bar, sb_real *theta_bar,
       sb_real *x_bar),
      (net, theta, work, out_bar, theta_bar, x_bar))
CALL (sb_net_jvp, (const sb_net *net, const sb_real *theta, sb_net_work *work, const sb_real *x_dot, sb_real *out_dot),
      (net, theta, work, x_dot, out_dot))
CALL (sb_net_along,
      (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
       const sb_net_condition *y, const sb_real *x_dot, void *workspace, sb_real *out_dot),
      (net, theta, n, x, label, y, x_dot, workspace, out_dot))
CALL (sb_net_dual_forward,
      (sb_net_dual * dual, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
       const sb_net_condition *y, const sb_real *x_dot, sb_real *out, sb_real *out_dot),
      (dual, theta, n, x, label, y, x_dot, out, out_dot))
CALL (sb_net_dual_backward,
      (sb_net_dual * dual, const sb_real *theta, const sb_real *out_bar, const sb_real *out_dot_bar,
       sb_real *theta_bar),
      (dual, theta, out_bar, out_dot_bar, theta_bar))
CALL (sb_network_forward,
      (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
       gsl_matrix *estimate),
      (network, pass, x, t, y, estimate))
CALL (sb_network_backward,
      (const sb_network *network, sb_network_pass *pass, const gsl_vector *t, const gsl_matrix *estimate_bar,
       float *theta_bar, gsl_matrix *x_bar),
      (network, pass, t, estimate_bar, theta_bar, x_bar))
CALL (sb_network_jvp,
      (const sb_network *network, sb_network_pass *pass, const gsl_vector *t, const gsl_matrix *x_dot,
       gsl_matrix *estimate_dot),
      (network, pass, t, x_dot, estimate_dot))
CALL (sb_network_dual_forward,
      (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
       const gsl_matrix *x_dot, gsl_matrix *estimate, gsl_matrix *estimate_dot),
      (network, pass, x, t, y, x_dot, estimate, estimate_dot))
CALL (sb_network_dual_backward,
      (const sb_network *network, sb_network_pass *pass, const gsl_vector *t, const gsl_matrix *estimate_bar,
       const gsl_matrix *estimate_dot_bar, float *theta_bar),
      (network, pass, t, estimate_bar, estimate_dot_bar, theta_bar))
CALL (sb_target_evaluate,
      (const sb_target *target, const sb_process *process, sb_view view, const gsl_matrix *x, const gsl_vector *t,
       gsl_matrix *out),
      (target, process, view, x, t, out))
CALL (sb_target_sample, (const sb_target *target, sb_stream stream, gsl_matrix *x), (target, stream, x))
CALL (sb_target_divergence,
      (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
       gsl_vector *divergence),
      (target, process, x, t, divergence))
CALL (sb_target_jvp,
      (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
       const gsl_matrix *v, gsl_matrix *out),
      (target, process, x, t, v, out))
CALL (sb_target_log_density,
      (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t, gsl_vector *log_p),
      (target, process, x, t, log_p))
CALL (sb_flow_run,
      (const sb_flow *flow, const sb_score *score, const gsl_matrix *y, double from, double to, gsl_matrix *x,
       size_t *evaluations),
      (flow, score, y, from, to, x, evaluations))
CALL (sb_flow_velocity,
      (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x, gsl_matrix *out),
      (score, y, t, x, out))
CALL (sb_flow_velocity_given,
      (const sb_process *process, const gsl_vector *t, const gsl_matrix *x, gsl_matrix *score, gsl_matrix *out),
      (process, t, x, score, out))
CALL (sb_reverse_drift,
      (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x, gsl_matrix *out),
      (score, y, t, x, out))
CALL (sb_condition_draw,
      (const sb_condition *condition, sb_stream stream, size_t count, double before, double t, const gsl_matrix *y,
       gsl_matrix *y_t),
      (condition, stream, count, before, t, y, y_t))
CALL (sb_known_impute,
      (const sb_known *known, const sb_process *process, sb_stream stream, size_t count, double t, gsl_matrix *x),
      (known, process, stream, count, t, x))
CALL (sb_corrector_apply,
      (const sb_corrector *corrector, sb_sampler_work *work, const gsl_matrix *y, double s, double t,
       const gsl_matrix *z, gsl_matrix *x),
      (corrector, work, y, s, t, z, x))
CALL (sb_step_apply,
      (const sb_step_type *type, const double *key, sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s,
       const gsl_vector *t, const gsl_matrix *z, gsl_matrix *x),
      (type, key, work, y, s, t, z, x))
CALL (sb_work_check, (const sb_sampler_work *work, const gsl_matrix *z, const gsl_matrix *x), (work, z, x))
CALL (sb_work_deviations, (const sb_process *process, double t, double *sd), (process, t, sd))
CALL (sb_work_estimate,
      (sb_sampler_work * work, sb_view view, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
       gsl_matrix *out),
      (work, view, y, t, x, out))
CALL (sb_work_denoise, (sb_sampler_work * work, const gsl_matrix *y, double t, gsl_matrix *x), (work, y, t, x))
CALL (sb_partial_path_take,
      (const sb_partial_path *partial, sb_path_work *work, const gsl_matrix *y, const gsl_vector *t,
       const gsl_vector *s, sb_stream stream, size_t path, const gsl_matrix *x_hat0, sb_path_record *record,
       gsl_matrix *x),
      (partial, work, y, t, s, stream, path, x_hat0, record, x))
CALL (sb_posterior_at, (const sb_process *process, sb_view view, double s, double t, sb_posterior *posterior),
      (process, view, s, t, posterior))
CALL (sb_posterior_mean,
      (const sb_process *process, sb_view view, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x_t,
       gsl_matrix *e),
      (process, view, s, t, x_t, e))
CALL (sb_reverse_fixed_variance, (const sb_process *process, sb_variance choice, double s, double t, double *variance),
      (process, choice, s, t, variance))
CALL (sb_reverse_best_variance, (const sb_process *process, double s, double t, double divergence, double *variance),
      (process, s, t, divergence, variance))
CALL (sb_reverse_mean,
      (const sb_reverse *reverse, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x,
       gsl_matrix *mean),
      (reverse, y, s, t, x, mean))
CALL (sb_reverse_variance,
      (const sb_reverse *reverse, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x,
       gsl_matrix *variance),
      (reverse, y, s, t, x, variance))
CALL (sb_parts_kl,
      (const sb_process *process, const gsl_matrix *delta, const gsl_matrix *v_1, const gsl_matrix *v_2,
       gsl_vector *kl),
      (process, delta, v_1, v_2, kl))
CALL (sb_parts_log_density,
      (const sb_process *process, const gsl_matrix *delta, const gsl_matrix *v, gsl_vector *log_p),
      (process, delta, v, log_p))
CALL (sb_projection_draw, (sb_projection law, sb_stream stream, size_t number, gsl_matrix *v), (law, stream, number, v))
CALL (sb_weighting_apply,
      (const sb_weighting *weighting, const sb_process *process, sb_view view, const gsl_vector *t, const gsl_matrix *e,
       double *numbers, gsl_matrix *c, gsl_matrix *work, gsl_matrix *out),
      (weighting, process, view, t, e, numbers, c, work, out))
CALL (sb_objective_draw, (sb_stream stream, sb_objective_batch *batch), (stream, batch))
CALL (sb_objective_draw_directions, (sb_projection law, sb_stream stream, sb_objective_batch *batch),
      (law, stream, batch))
CALL (sb_objective_draw_points, (sb_stream stream, sb_objective_batch *batch), (stream, batch))
CALL (sb_objective_evaluate, (const sb_score *score, const gsl_matrix *y, sb_objective_batch *batch), (score, y, batch))
CALL (sb_objective_find_loss, (sb_objective_batch * batch), (batch))
CALL (sb_objective_square, (double factor, sb_objective_batch *batch), (factor, batch))
CALL (sb_objective_weigh, (const gsl_matrix *e, sb_objective_batch *batch, gsl_matrix *out), (e, batch, out))
CALL (sb_objective_backward, (const sb_score *score, double weight, sb_objective_batch *batch), (score, weight, batch))
CALL (sb_consistency_loss,
      (const sb_score *score, const sb_partial_path *path, size_t paths, const gsl_matrix *y, const gsl_vector *t,
       const gsl_vector *s, const gsl_matrix *x, sb_stream stream, gsl_vector *loss, gsl_vector *of_one),
      (score, path, paths, y, t, s, x, stream, loss, of_one))
CALL (sb_consistency_gradient,
      (const sb_score *score, const sb_partial_path *path, unsigned of, const gsl_matrix *y, const gsl_vector *t,
       const gsl_vector *s, const gsl_matrix *x, sb_stream stream, double weight, gsl_vector *loss),
      (score, path, of, y, t, s, x, stream, weight, loss))
CALL (sb_vlb_term,
      (const sb_vlb *vlb, const gsl_matrix *y, const gsl_matrix *x_0, const gsl_vector *t, const gsl_matrix *z,
       gsl_vector *term),
      (vlb, y, x_0, t, z, term))
CALL (sb_decoder_log_mass,
      (const sb_decoder *decoder, const gsl_matrix *x_0, const gsl_matrix *mean, const gsl_vector *variance,
       gsl_vector *log_p, gsl_matrix *slope),
      (decoder, x_0, mean, variance, log_p, slope))
CALL (sb_gaussian_kl,
      (const gsl_vector *mean_p, const gsl_matrix *covariance_p, const gsl_vector *mean_q,
       const gsl_matrix *covariance_q, double *kl),
      (mean_p, covariance_p, mean_q, covariance_q, kl))
CALL (sb_moments_transition, (const sb_process *process, double s, double t, gsl_vector *mean, gsl_matrix *covariance),
      (process, s, t, mean, covariance))
