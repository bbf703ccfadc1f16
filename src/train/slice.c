// # Training by implicit and sliced score matching
//
// The score that fits data best can be found without knowing their density: but for a constant, the mean of
// $\frac12\|s_\theta(x)\|^2 + \mathrm{tr}\,\nabla_x s_\theta(x)$ over the data is half the mean squared distance from $s_\theta$ to
// the true score (objective/ism.c). This task minimises it for a network. [dsm2ddpm.txt-ISM] [dsm2ddpm.txt-SSM]

#include "slice.h"

#include "../net/dual.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <stdlib.h>
#include <string.h>

// ## Room

typedef struct
{
  sb_net_dual *dual; // a score and its derivative; or
  sb_net_work *work; // the score at twice as many points
  gsl_matrix *x, *v; // rows x d
  float *in, *along; // rows x d: x, v
  float *s, *s_dot;  // s, J v; or s_+, and behind it s_-
  float *s_bar, *w;  // gradients with respect to the two
  float *moved;      // 2 rows x d: x + hv, x - hv
} room;

static void
room_free (void *state)
{
  room *r = state;
  sb_net_dual_free (r->dual);
  sb_net_work_free (r->work);
  gsl_matrix_free (r->x);
  gsl_matrix_free (r->v);
  free (r->in);
  free (r);
}

static void *
room_alloc (const void *state, size_t rows)
{
  const sb_slicing *slicing = state;
  size_t d = sb_net_shape_size (sb_net_input (slicing->net)), size = rows * d;
  room *r = calloc (1, sizeof *r);
  if (!r)
    return NULL;
  if (slicing->slices == SB_SLICE_DIFFERENCE)
    r->work = sb_net_work_alloc (slicing->net, 2 * rows, 1);
  else
    r->dual = sb_net_dual_alloc (slicing->net, rows);
  r->x = gsl_matrix_alloc (rows, d);
  r->v = gsl_matrix_alloc (rows, d);
  r->in = calloc (8 * size, sizeof *r->in);
  if ((!r->dual && !r->work) || !r->x || !r->v || !r->in)
    {
      room_free (r);
      return NULL;
    }
  r->along = r->in + size;
  r->s = r->in + 2 * size;
  r->s_dot = r->in + 3 * size;
  r->s_bar = r->in + 4 * size;
  r->w = r->in + 5 * size;
  r->moved = r->in + 6 * size;
  return r;
}

// ## The data
//
// Examples are rows, an image's channel fastest; the network has channel after channel. The directions $v$, all
// coordinates of which are alike, are taken as the network has them.

static int
draw (const sb_slicing *slicing, sb_stream stream, room *r, gsl_matrix *x, gsl_matrix *v)
{
  sb_net_shape shape = sb_net_input (slicing->net);
  size_t d = x->size2;
  stream.purpose = SB_FOR_DATA;
  int status = slicing->examples.draw (slicing->examples.state, stream, x, NULL);
  stream.purpose = SB_FOR_FORWARD;
  if (!status && slicing->sigma > 0)
    status = sb_stream_normals (stream, 0, v);
  for (size_t k = 0; k < x->size1 * x->size2 && !status; k++)
    r->in[k - k % d + sb_net_place (shape, k % d)]
        = (float)(x->data[k] + (slicing->sigma > 0 ? slicing->sigma * v->data[k] : 0));
  stream.purpose = SB_FOR_PROBE;
  return status ? status : sb_stream_normals (stream, 0, v);
}

// ## One direction each
//
// The loss of a sample, $v^\top J v + \frac12\|s\|^2$ or, plain, $v^\top J v + \frac12(v^\top s)^2$, has the gradient $v$ with respect to
// $\dot s = Jv$, and $s$ or $(v^\top s)\,v$ with respect to $s$. `of_s` says how much of the second term to take.

static double
slice_loss (const sb_slicing *slicing, const room *r, size_t rows, size_t d, double share, double of_s)
{
  double loss = 0;
  for (size_t i = 0; i < rows; i++)
    {
      const float *s = r->s + i * d, *s_dot = r->s_dot + i * d, *v = r->along + i * d;
      double curvature = 0, square = 0, along = 0;
      for (size_t k = 0; k < d; k++)
        {
          curvature += (double)v[k] * (double)s_dot[k];
          square += (double)s[k] * (double)s[k];
          along += (double)v[k] * (double)s[k];
        }
      int plain = slicing->slices == SB_SLICE_RANDOM_PLAIN;
      for (size_t k = 0; k < d; k++)
        {
          r->s_bar[i * d + k] = (float)(share * of_s * (plain ? along * (double)v[k] : (double)s[k]));
          r->w[i * d + k] = (float)(share * (double)v[k]);
        }
      loss += curvature + of_s * (plain ? along * along : square) / 2;
    }
  return share * loss;
}

static int
one_slice (const sb_slicing *slicing, room *r, size_t rows, double share, double of_s, float *gradient, double *loss)
{
  size_t d = r->x->size2;
  int status = sb_net_dual_forward (r->dual, slicing->theta, rows, r->in, NULL, NULL, r->along, r->s, r->s_dot);
  if (status)
    return status;
  *loss += slice_loss (slicing, r, rows, d, share, of_s);
  return sb_net_dual_backward (r->dual, slicing->theta, r->s_bar, r->w, gradient);
}

// ## All of them
//
// The trace is the sum over the $d$ unit vectors of $e_k^\top J e_k$; $\frac12\|s\|^2$ is counted with the first.

static void
unit_vectors (room *r, size_t rows, size_t d, size_t k)
{
  for (size_t j = 0; j < rows * d; j++)
    r->along[j] = (float)(j % d == k);
}

static int
all_slices (const sb_slicing *slicing, room *r, size_t rows, double share, float *gradient, double *loss)
{
  size_t d = r->x->size2;
  int status = GSL_SUCCESS;
  for (size_t k = 0; k < d && !status; k++)
    {
      unit_vectors (r, rows, d, k);
      status = one_slice (slicing, r, rows, share, k == 0, gradient, loss);
    }
  return status;
}

// ## By differences
//
// Without a derivative of the network (objective/fdssm.c): with $s_\pm = s_\theta(x \pm hv)$ and
// $m = \frac12(s_+ + s_-)$ the loss of a sample is
// $$ \frac{v^\top(s_+ - s_-)}{2h} + \tfrac12\|m\|^2, \qquad
//    \frac{\partial}{\partial s_\pm} = \pm\frac{v}{2h} + \tfrac12 m . $$

static double
difference_loss (double h, const room *r, size_t rows, size_t d, double share)
{
  double loss = 0;
  for (size_t k = 0; k < rows * d; k++)
    {
      double up = (double)r->s[k], down = (double)r->s[rows * d + k], v = (double)r->along[k], m = (up + down) / 2;
      loss += v * (up - down) / (2 * h) + m * m / 2;
      r->s_bar[k] = (float)(share * (m / 2 + v / (2 * h)));
      r->s_bar[rows * d + k] = (float)(share * (m / 2 - v / (2 * h)));
    }
  return share * loss;
}

// The points on both sides go through the network together, and back.

static int
one_difference (const sb_slicing *slicing, room *r, size_t rows, double share, float *gradient, double *loss)
{
  size_t d = r->x->size2;
  double h = slicing->h;
  if (!(h > 0 && gsl_finite (h)))
    GSL_ERROR ("a difference needs a step that is positive and finite", GSL_EDOM);
  for (size_t k = 0; k < rows * d; k++)
    {
      r->moved[k] = (float)((double)r->in[k] + h * (double)r->along[k]);
      r->moved[rows * d + k] = (float)((double)r->in[k] - h * (double)r->along[k]);
    }
  int status = sb_net_forward (slicing->net, slicing->theta, 2 * rows, r->moved, NULL, NULL, r->work, r->s);
  if (status)
    return status;
  *loss += difference_loss (h, r, rows, d, share);
  return sb_net_backward (slicing->net, slicing->theta, r->work, r->s_bar, gradient, NULL);
}

// ## A shard

static int
work (const void *state, void *of_thread, sb_stream stream, size_t rows, double share, float *gradient, double *loss,
      const char **culprit)
{
  const sb_slicing *slicing = state;
  room *r = of_thread;
  size_t d = r->x->size2;
  gsl_matrix_view x = gsl_matrix_view_array (r->x->data, rows, d), v = gsl_matrix_view_array (r->v->data, rows, d);
  int status = draw (slicing, stream, r, &x.matrix, &v.matrix);
  for (size_t k = 0; k < rows * d; k++)
    r->along[k] = (float)r->v->data[k];
  *loss = 0;
  if (!status)
    status = slicing->slices == SB_SLICE_ALL          ? all_slices (slicing, r, rows, share, gradient, loss)
             : slicing->slices == SB_SLICE_DIFFERENCE ? one_difference (slicing, r, rows, share, gradient, loss)
                                                      : one_slice (slicing, r, rows, share, 1, gradient, loss);
  *culprit = gsl_finite (*loss) ? NULL
             : r->work          ? sb_net_not_finite (slicing->net, r->work)
                                : "(the score or its derivative)";
  return status;
}

static const sb_task_type type = { "sliced score matching", room_alloc, room_free, work };

sb_task
sb_slicing_task (const sb_slicing *slicing)
{
  return (sb_task){ &type, slicing, slicing->net };
}
