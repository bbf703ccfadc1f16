// # Sliced score matching by differences
//
// A product with the Jacobian, and more so its gradient, asks more of a network than values and a backward pass. A
// difference asks no more (after Pang et al., 2020): with $\mathbf s_\pm = \mathbf s_\theta(\mathbf x \pm h\mathbf v)$,
// $$ \frac{\mathbf v^\top(\mathbf s_+ - \mathbf s_-)}{2h} = \mathbf v^\top\nabla_{\mathbf x}\mathbf s_\theta\,\mathbf v
//    + O(h^2), \qquad \mathbf m = \frac{\mathbf s_+ + \mathbf s_-}{2} = \mathbf s_\theta(\mathbf x) + O(h^2), $$
// so that the loss $\mathbf v^\top(\mathbf s_+ - \mathbf s_-)/2h + \tfrac12\|\mathbf m\|^2$ is that of sliced score
// matching to the second order in $h$, at the cost of two evaluations.

#include "fdssm.h"
#include "rows.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>

typedef struct
{
  gsl_matrix *moved;     // x + hv or x - hv
  gsl_matrix *up, *down; // s_+ and s_-, then their gradients
  gsl_matrix *mean;      // m
  gsl_vector *along;     // v^T m; variance-reduced: |m|^2 / 2
} room;

static void
room_free (room *w)
{
  gsl_matrix_free (w->moved);
  gsl_matrix_free (w->up);
  gsl_matrix_free (w->down);
  gsl_matrix_free (w->mean);
  gsl_vector_free (w->along);
}

static int
room_alloc (room *w, size_t n, size_t d)
{
  *w = (room){ gsl_matrix_alloc (n, d), gsl_matrix_alloc (n, d), gsl_matrix_alloc (n, d), gsl_matrix_alloc (n, d),
               gsl_vector_alloc (n) };
  if (w->moved && w->up && w->down && w->mean && w->along)
    return GSL_SUCCESS;
  room_free (w);
  GSL_ERROR ("no memory for differences of a score", GSL_ENOMEM);
}

// ## The loss

static void
move (const gsl_matrix *x, double h, const gsl_matrix *v, gsl_matrix *moved)
{
  gsl_matrix_memcpy (moved, x);
  sb_rows_add (h, NULL, v, moved);
}

static void
find_loss (const sb_fdssm *fdssm, const gsl_matrix *v, room *w, gsl_vector *loss)
{
  gsl_matrix_memcpy (w->mean, w->up);
  gsl_matrix_add (w->mean, w->down);
  gsl_matrix_scale (w->mean, 0.5);
  gsl_matrix_sub (w->up, w->down);
  sb_rows_dot (0.5 / fdssm->h, v, w->up, loss);
  if (fdssm->plain)
    {
      sb_rows_dot (1, v, w->mean, w->along);
      for (size_t i = 0; i < loss->size; i++)
        *gsl_vector_ptr (loss, i) += 0.5 * gsl_pow_2 (gsl_vector_get (w->along, i));
    }
  else
    {
      sb_rows_dot (0.5, w->mean, w->mean, w->along);
      gsl_vector_add (loss, w->along);
    }
}

static int
evaluate (const sb_fdssm *fdssm, const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          const gsl_matrix *v, room *w, gsl_vector *loss)
{
  move (x, fdssm->h, v, w->moved);
  int status = sb_score_evaluate (score, SB_SCORE, w->moved, t, y, w->up);
  if (status)
    return status;
  move (x, -fdssm->h, v, w->moved);
  status = sb_score_evaluate (score, SB_SCORE, w->moved, t, y, w->down);
  if (!status)
    find_loss (fdssm, v, w, loss);
  return status;
}

// ## The gradient
//
// With respect to $\mathbf s_\pm$ it is $\tfrac12\mathbf m \pm \mathbf v/2h$ (plain: $\tfrac12(\mathbf v^\top\mathbf
// m)\,\mathbf v \pm \mathbf v/2h$), and a backward pass at each of the two points carries it on to the parameters.

static int
carry_back (const sb_fdssm *fdssm, const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
            const gsl_matrix *v, double weight, room *w)
{
  int status = GSL_SUCCESS;
  for (int sign = 1; sign >= -1 && !status; sign -= 2)
    {
      gsl_matrix_set_zero (w->up);
      sb_rows_add (weight * sign / (2 * fdssm->h), NULL, v, w->up);
      if (fdssm->plain)
        sb_rows_add (weight / 2, w->along, v, w->up);
      else
        sb_rows_add (weight / 2, NULL, w->mean, w->up);
      move (x, sign * fdssm->h, v, w->moved);
      status = sb_score_vjp (score, SB_SCORE, w->moved, t, y, w->up, w->down);
    }
  return status;
}

// ## From outside

static int
check (const sb_fdssm *fdssm, const gsl_matrix *x, const gsl_matrix *v, const gsl_vector *loss)
{
  if (!(fdssm->h > 0 && gsl_finite (fdssm->h)))
    GSL_ERROR ("a difference needs a step that is positive and finite", GSL_EDOM);
  if (v->size1 != x->size1 || v->size2 != x->size2 || loss->size != x->size1)
    GSL_ERROR ("x, v and the loss do not fit together", GSL_EBADLEN);
  return GSL_SUCCESS;
}

int
sb_fdssm_loss (const sb_fdssm *fdssm, const sb_score *score, const gsl_matrix *x, const gsl_vector *t,
               const gsl_matrix *y, const gsl_matrix *v, gsl_vector *loss)
{
  room w;
  int status = check (fdssm, x, v, loss);
  if (!status)
    status = room_alloc (&w, x->size1, x->size2);
  if (status)
    return status;
  status = evaluate (fdssm, score, x, t, y, v, &w, loss);
  room_free (&w);
  return status;
}

int
sb_fdssm_gradient (const sb_fdssm *fdssm, const sb_score *score, const gsl_matrix *x, const gsl_vector *t,
                   const gsl_matrix *y, const gsl_matrix *v, double weight, gsl_vector *loss)
{
  room w;
  int status = check (fdssm, x, v, loss);
  if (!status)
    status = room_alloc (&w, x->size1, x->size2);
  if (status)
    return status;
  status = evaluate (fdssm, score, x, t, y, v, &w, loss);
  if (!status)
    status = carry_back (fdssm, score, x, t, y, v, weight, &w);
  room_free (&w);
  return status;
}
