// # Running an SDE backwards
//
// The forward process $d\mathbf x = \mathbf F(t)\,\mathbf x\,dt + \mathbf G(t)\,d\mathbf w$ turns data into noise.
// Anderson (1982) found the SDE that undoes it. Run from $T$ down to 0, $dt$ being negative, it has the same
// marginals $p_t$: [scoresde.eq6] [scoresde.txt-rev-sde-G]
// $$ d\mathbf x = \bigl[\mathbf F(t)\,\mathbf x
//    - \mathbf G(t)\mathbf G(t)^{\mathsf T}\,\nabla_{\mathbf x}\log p_t(\mathbf x)\bigr]\,dt
//    + \mathbf G(t)\,d\bar{\mathbf w}. $$
// Half of the score term and no noise do as well: the probability flow, an ordinary differential equation, carries
// $p_t$ to $p_s$ in either direction. [scoresde.eq13] [scoresde.eq42]
// $$ d\mathbf x = \bigl[\mathbf F(t)\,\mathbf x
//    - \tfrac12\mathbf G(t)\mathbf G(t)^{\mathsf T}\,\nabla_{\mathbf x}\log p_t(\mathbf x)\bigr]\,dt. $$

#include "drift.h"

#include "../base/checks.h"
#include "../base/error.h"
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

// The two differ in the weight of the score. $\mathbf G\mathbf G^{\mathsf T}\mathbf s$ is two maps of the process,
// the transposed one first.

static int
drift (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, double weight, const gsl_matrix *x,
       gsl_matrix *out)
{
  const sb_process *process = score->process;
  int status = check (score, t, x, out);
  if (status || x->size1 == 0)
    return status;

  gsl_matrix *g = gsl_matrix_alloc (x->size1, x->size2);
  status = g ? gsl_matrix_memcpy (out, x) : GSL_ENOMEM;
  if (!status)
    status = sb_process_apply (process, SB_F, CblasNoTrans, NULL, t, out);
  if (!status)
    status = sb_score_estimate (score, SB_SCORE, x, t, y, g);
  if (!status)
    status = sb_process_apply (process, SB_G, CblasTrans, NULL, t, g);
  if (!status)
    status = sb_process_apply (process, SB_G, CblasNoTrans, NULL, t, g);
  if (!status)
    sb_work_add (out, -weight, g);
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
