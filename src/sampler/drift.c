// # Running an SDE backwards
//
// The forward process $d\mathbf x = \mathbf F(t)\,\mathbf x\,dt + \mathbf G(t)\,d\mathbf w$ turns data into noise.
// Anderson (1982) found the SDE that undoes it. Run from $T$ down to 0, $dt$ being negative, it has the same
// marginals $p_t$: [scoresde.eq6] [soft.eq3] [scoresde.txt-rev-sde-G] [consistent.eq5]
// $$ d\mathbf x = \bigl[\mathbf F(t)\,\mathbf x
//    - \mathbf G(t)\mathbf G(t)^{\mathsf T}\,\nabla_{\mathbf x}\log p_t(\mathbf x)\bigr]\,dt
//    + \mathbf G(t)\,d\bar{\mathbf w}. $$
// Where only noise is added, by the denoiser $\mathbf h$ and Tweedie's formula: [consistent.eq3]
// $$ d\mathbf x = -g(t)^2\,\frac{\mathbf h(\mathbf x, t) - \mathbf x}{\sigma_t^2}\,dt + g(t)\,d\bar{\mathbf w},
//    \qquad g(t)^2 = \frac{d\sigma_t^2}{dt}. $$
// Half of the score term without noise does as well: the probability flow, an ordinary differential equation, maps
// $p_t$ to $p_s$ in either direction. [scoresde.eq13] [scoresde.eq42]
// $$ d\mathbf x = \bigl[\mathbf F(t)\,\mathbf x
//    - \tfrac12\mathbf G(t)\mathbf G(t)^{\mathsf T}\,\nabla_{\mathbf x}\log p_t(\mathbf x)\bigr]\,dt. $$
//
// A corruption may have no $\mathbf F$ and $\mathbf G$, and yet rates: $\mathbf x_t = \mathbf A\mathbf x_0 + \mathbf
// S\mathbf z$ moves with $\dot{\mathbf A}\mathbf x_0 + \dot{\mathbf S}\mathbf z$, and on average over all $\mathbf
// x_0, \mathbf z$ that lead to $\mathbf x$ with [soft.txt-exactvelocity]
// $$ \mathbf v(\mathbf x, t) = \dot{\mathbf A}\,\hat{\mathbf x}_0 + \dot{\mathbf S}\,\boldsymbol\epsilon , $$
// which is the flow's velocity again, for points that move at the mean velocity have the same marginals. For
// $\mathbf A = C_t$ and $\mathbf S = \sigma_t\mathbf I$, where $\boldsymbol\epsilon = -\sigma_t\nabla\log q_t$:
// [soft.eq19]
// $$ d\mathbf x = \Bigl[\dot C_t\,\mathrm E[\mathbf x_0 \mid \mathbf x_t]
//    - \tfrac12\,\frac{d\sigma_t^2}{dt}\,\nabla\log q_t(\mathbf x)\Bigr]\,dt . $$
// It belongs to an SDE with the drift $\mathbf f = \dot C_t\,\mathrm E[\mathbf x_0 \mid \mathbf x_t]$ and $g^2 =
// d\sigma_t^2/dt$ [soft.eq13], whose reverse has the full score: [soft.eq14] $\dot C_t\,\hat{\mathbf x}_0 +
// 2\dot\sigma_t\,\boldsymbol\epsilon$. [soft.eq47] The expectation is that of the corruption. With it the marginals
// of that SDE are exactly $q_t$, for any data: the answer to the paper's open question is that there is no mismatch.
// [soft.txt-mismatch] What multiplies the estimate is $\dot C_t$, not $C_t$. [soft.txt-cvscdot] For VP's pair it is
// not VP's own SDE, though the flow is the same.

#include "drift.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/rows.h"
#include "../score/tweedie.h"
#include "work.h"

static int
check (const sb_score *score, const gsl_vector *t, const gsl_matrix *x, const gsl_matrix *out)
{
  if (x->size2 != score->process->dimension || out->size1 != x->size1 || out->size2 != x->size2 || t->size != x->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, out is %zu x %zu, there are %zu times, the process has dimension %zu",
              x->size1, x->size2, out->size1, out->size2, t->size, score->process->dimension);
  int status = sb_check_apart ("a drift", x, out);
  for (size_t i = 0; i < t->size && !status; i++)
    status = sb_work_check_sde (score->process, gsl_vector_get (t, i));
  return status;
}

// ## By rates
//
// out <- A' x_hat0 + weight S' epsilon. The weight is 0 for the forward SDE, 1 for the flow, 2 for the reverse SDE.

static int
move_by_rates (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, double weight, const gsl_matrix *x,
               gsl_matrix *out)
{
  const sb_process *process = score->process;
  gsl_matrix *epsilon = gsl_matrix_alloc (x->size1, x->size2);
  int status = epsilon ? sb_score_estimate (score, SB_DENOISER, x, t, y, out) : GSL_ENOMEM;
  if (!status && weight != 0)
    {
      sb_copy_rows (epsilon, out);
      status = sb_tweedie (process, SB_DENOISER, SB_EPSILON, x, t, epsilon);
      if (!status)
        status = sb_process_apply (process, SB_S_RATE, CblasNoTrans, NULL, t, epsilon);
    }
  if (!status)
    status = sb_process_apply (process, SB_A_RATE, CblasNoTrans, NULL, t, out);
  if (!status && weight != 0)
    sb_work_add (out, weight, epsilon);
  gsl_matrix_free (epsilon);
  return status;
}

// ## By the SDE
//
// The two differ in the weight of the score. Where the maps are numbers, each is a sum of two terms, $f\mathbf x -
// w g^2\mathbf s$; elsewhere $\mathbf G\mathbf G^{\mathsf T}\mathbf s$ is two maps of the process.

static int
find_coefficients (const sb_process *process, const gsl_vector *t, double weight, gsl_matrix *f, gsl_matrix *g)
{
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < f->size1 && !status; i++)
    {
      const double t_i = gsl_vector_get (t, i);
      double *g_i = gsl_matrix_ptr (g, i, 0);
      status = sb_process_numbers (process, SB_F, 0, t_i, gsl_matrix_ptr (f, i, 0));
      if (!status)
        status = sb_process_numbers (process, SB_G, 0, t_i, g_i);
      for (size_t k = 0; k < process->parts && !status; k++)
        g_i[k] *= -weight * g_i[k];
    }
  return status;
}

static int
move_by_numbers (const sb_process *process, const gsl_vector *t, double weight, const gsl_matrix *x,
                 const gsl_matrix *score, gsl_matrix *out)
{
  const size_t times = sb_same_times (NULL, t, 0) == t->size ? 1 : t->size;
  gsl_matrix *f = gsl_matrix_alloc (times, process->parts), *g = gsl_matrix_alloc (times, process->parts);
  int status = f && g ? find_coefficients (process, t, weight, f, g) : GSL_ENOMEM;
  if (!status)
    status = sb_process_combine (process, 2, (const sb_term[]){ { f, x }, { g, score } }, NULL, out);
  gsl_matrix_free (f);
  gsl_matrix_free (g);
  return status;
}

static int
move_by_score (const sb_process *process, const gsl_vector *t, double weight, const gsl_matrix *x, gsl_matrix *g,
               gsl_matrix *out)
{
  if (process->parts > 0)
    return move_by_numbers (process, t, weight, x, g, out);
  sb_copy_rows (out, x);
  int status = sb_process_apply (process, SB_F, CblasNoTrans, NULL, t, out);
  if (!status)
    status = sb_process_apply_square (process, SB_G, NULL, t, g);
  if (!status)
    sb_work_add (out, -weight, g);
  return status;
}

static int
drift (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, double weight, const gsl_matrix *x,
       gsl_matrix *out)
{
  const sb_process *process = score->process;
  int status = check (score, t, x, out);
  if (status || x->size1 == 0)
    return status;
  if (process->from_zero_only)
    return move_by_rates (score, y, t, 2 * weight, x, out);
  gsl_matrix *g = gsl_matrix_alloc (x->size1, x->size2);
  status = g ? sb_score_estimate (score, SB_SCORE, x, t, y, g) : GSL_ENOMEM;
  if (!status)
    status = move_by_score (process, t, weight, x, g, out);
  gsl_matrix_free (g);
  return status;
}

int
sb_reverse_drift (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x, gsl_matrix *out)
{
  return drift (score, y, t, 1, x, out);
}

int
sb_flow_velocity (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x, gsl_matrix *out)
{
  return drift (score, y, t, 0.5, x, out);
}

int
sb_flow_velocity_given (const sb_process *process, const gsl_vector *t, const gsl_matrix *x, gsl_matrix *score,
                        gsl_matrix *out)
{
  return move_by_score (process, t, 0.5, x, score, out);
}

// ## Forward
//
// The drift of the forward SDE itself, $\mathbf F\mathbf x$, or $\dot C_t\,\mathrm E[\mathbf x_0 \mid \mathbf x_t]$:
// an Ito SDE like any other, $d\mathbf x = \mathbf f(\mathbf x, t)\,dt + g(t)\,d\mathbf w$. [soft.eq53] [soft.eq54]

int
sb_forward_drift (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x, gsl_matrix *out)
{
  int status = check (score, t, x, out);
  if (status || x->size1 == 0)
    return status;
  if (score->process->from_zero_only)
    return move_by_rates (score, y, t, 0, x, out);
  sb_copy_rows (out, x);
  return sb_process_apply (score->process, SB_F, CblasNoTrans, NULL, t, out);
}
