// # Sliced score matching
//
// Implicit score matching wants the trace of a $d \times d$ matrix, one product for each coordinate. A random direction
// $\mathbf v$ with $\mathbb E[\mathbf v\mathbf v^\top] = \mathbf I$ sees as much in the mean with one product,
// $\mathbb E[\mathbf v^\top\mathbf J\,\mathbf v] = \operatorname{tr}\mathbf J$ (Hutchinson, 1989; Song et al., 2019):
// [dsm2ddpm.txt-SSM]
// $$ J_{\mathrm{SSM}} = \mathbb E_{p_{\mathbf v}}\,\mathbb E_{p_{\mathrm{data}}(\mathbf x)}\Bigl[
//    \mathbf v^\top\nabla_{\mathbf x}\mathbf s_\theta(\mathbf x)\,\mathbf v + \tfrac12\|\mathbf s_\theta(\mathbf x)\|^2
//    \Bigr] = J_{\mathrm{ISM}}. $$
// It is the variance-reduced form; the plain one projects everything and has $\tfrac12(\mathbf v^\top\mathbf
// s_\theta)^2$ in place of $\tfrac12\|\mathbf s_\theta\|^2$.
//
// Slicing saves products, not the assumption that data fill their space. On a subspace the loss has no minimum: along
// each direction normal to it a score $-c\,x$ has the loss $-c$, and with a little noise $-c + c^2\sigma^2/2$, least at
// $c = 1/\sigma^2$. [dsm2ddpm.txt-SSM-degenerate]

#include "ssm.h"
#include "rows.h"

#include <gsl/gsl_errno.h>

// ## Directions
//
// For a matrix with the symmetric part $\mathbf H$ the variance of $\mathbf v^\top\mathbf J\,\mathbf v$ is
// $2\|\mathbf H\|_F^2$ with normals, and $2(\|\mathbf H\|_F^2 - \sum_i H_{ii}^2)$ with signs.

int
sb_projection_draw (sb_projection law, sb_stream stream, size_t number, gsl_matrix *v)
{
  uint64_t first = (uint64_t)number * v->size2;
  stream.purpose = SB_FOR_PROBE;
  if (law == SB_PROJECTION_GAUSSIAN)
    return sb_stream_normals (stream, first, v);
  if (law != SB_PROJECTION_RADEMACHER)
    GSL_ERROR ("directions are of normals or of signs", GSL_EINVAL);
  int status = sb_stream_uniforms (stream, first, v);
  for (size_t i = 0; i < v->size1 && !status; i++)
    for (size_t j = 0; j < v->size2; j++)
      gsl_matrix_set (v, i, j, gsl_matrix_get (v, i, j) < 0.5 ? -1 : 1);
  return status;
}

// ## One product
//
// [dsm2ddpm.txt-SSM-jvp]

int
sb_ssm_curvature (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                  const gsl_matrix *v, gsl_vector *curvature)
{
  if (curvature->size != x->size1)
    GSL_ERROR ("the result needs an element per row", GSL_EBADLEN);
  gsl_matrix *Jv = gsl_matrix_alloc (x->size1, x->size2);
  int status = Jv ? sb_score_jvp (score, SB_SCORE, x, t, y, v, Jv) : GSL_ENOMEM;
  if (!status)
    sb_rows_dot (1, v, Jv, curvature);
  gsl_matrix_free (Jv);
  return status;
}

// ## The loss
//
// `size` is what stands for $\|\mathbf s\|^2$.

static int
loss_along (bool plain, const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
            const gsl_matrix *v, const gsl_matrix *s, gsl_vector *size, gsl_vector *loss)
{
  int status = sb_ssm_curvature (score, x, t, y, v, loss);
  if (status)
    return status;
  sb_rows_dot (1, s, plain ? v : s, size);
  if (plain)
    gsl_vector_mul (size, size);
  gsl_vector_scale (size, 0.5);
  return gsl_vector_add (loss, size);
}

int
sb_ssm_loss_along (bool plain, const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                   const gsl_matrix *v, gsl_vector *loss)
{
  gsl_matrix *s = gsl_matrix_alloc (x->size1, x->size2);
  gsl_vector *size = gsl_vector_alloc (x->size1);
  int status = s && size ? sb_score_evaluate (score, SB_SCORE, x, t, y, s) : GSL_ENOMEM;
  if (!status)
    status = loss_along (plain, score, x, t, y, v, s, size, loss);
  gsl_vector_free (size);
  gsl_matrix_free (s);
  return status;
}

// The score itself is asked once for all $M$ directions of a row.

typedef struct
{
  gsl_matrix *s, *v;
  gsl_vector *size, *part;
} room;

static int
mean_loss (const sb_ssm *ssm, const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
           sb_stream stream, const room *w, gsl_vector *loss)
{
  gsl_vector_set_zero (loss);
  int status = sb_score_evaluate (score, SB_SCORE, x, t, y, w->s);
  for (size_t m = 0; m < ssm->projections && !status; m++)
    {
      status = sb_projection_draw (ssm->projection, stream, m, w->v);
      if (!status)
        status = loss_along (ssm->plain, score, x, t, y, w->v, w->s, w->size, w->part);
      if (!status)
        status = gsl_vector_add (loss, w->part);
    }
  return status ? status : gsl_vector_scale (loss, 1 / (double)ssm->projections);
}

int
sb_ssm_loss (const sb_ssm *ssm, const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
             sb_stream stream, gsl_vector *loss)
{
  if (loss->size != x->size1)
    GSL_ERROR ("the loss needs an element per row", GSL_EBADLEN);
  if (ssm->projections == 0)
    GSL_ERROR ("sliced score matching needs a direction", GSL_EINVAL);
  const size_t n = x->size1, d = x->size2;
  room w = { gsl_matrix_alloc (n, d), gsl_matrix_alloc (n, d), gsl_vector_alloc (n), gsl_vector_alloc (n) };
  int status = w.s && w.v && w.size && w.part ? mean_loss (ssm, score, x, t, y, stream, &w, loss) : GSL_ENOMEM;
  gsl_matrix_free (w.s);
  gsl_matrix_free (w.v);
  gsl_vector_free (w.size);
  gsl_vector_free (w.part);
  return status;
}
