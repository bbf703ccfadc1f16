// # A network's passes
//
// Forward and backward through the network and its scales (preconditioning.c), for the rows of a batch: the estimate of
// the noise, its derivative along a direction, and gradients.

#include "network_pass.h"

#include "../base/checks.h"
#include "../base/error.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

sb_view
sb_network_view (const sb_network *network)
{
  return sb_prediction_view (network->prediction);
}

// ## The scales of a batch
//
// A residual has the same scale in all coordinates, and so it needs no parts.

static size_t
scale_columns (const sb_network *network)
{
  const bool alike = !network->process || network->prediction == SB_PREDICTS_RESIDUAL || network->process->parts == 0;
  return alike ? 1 : network->process->parts;
}

static int
find_noise (const sb_network *network, double t, double *a, double *sd)
{
  const sb_process *process = network->process;
  if (network->prediction == SB_PREDICTS_RESIDUAL)
    {
      *a = 1;
      return sb_process_deviation (process, 0, t, sd);
    }
  int status = sb_process_numbers (process, SB_A, 0, t, a);
  return status ? status : sb_process_numbers (process, SB_S, 0, t, sd);
}

// The label and the scales of all rows, computed in place; the pass keeps them until the next forward pass.

static int
find_scales (const sb_network *network, sb_network_pass *pass, const gsl_vector *t)
{
  const sb_process *process = network->process;
  if (sb_label_of_noise (network->label) && process->from_zero_only)
    SB_ERROR (NULL, GSL_EINVAL, "the noise of %s may be constant over a range of times: it is no label",
              process->type->name);
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < t->size && !status; i++)
    {
      const double t_i = gsl_vector_get (t, i),
                   *deviation = network->prediction == SB_PREDICTS_RESIDUAL ? NULL : network->part_deviations;
      double *c = gsl_matrix_ptr (pass->c, i, 0), *p = gsl_matrix_ptr (pass->p, i, 0),
             *q = gsl_matrix_ptr (pass->q, i, 0);
      status = find_noise (network, t_i, p, q);
      if (!status)
        pass->label[i] = (float)sb_label_at (network->label, t_i, p[0], q[0]);
      for (size_t k = 0; k < scale_columns (network) && !status; k++)
        sb_network_scales (network->prediction, p[k], q[k], deviation ? deviation[k] : network->data_deviation, &c[k],
                           &p[k], &q[k]);
    }
  return status;
}

// ## Workspace

void
sb_network_pass_free (sb_network_pass *pass)
{
  if (!pass)
    return;
  sb_net_work_free (pass->work);
  sb_net_dual_free (pass->dual);
  free (pass->in);
  free (pass->out);
  free (pass->in_dot);
  free (pass->out_dot);
  free (pass->label);
  free (pass->given);
  gsl_matrix_free (pass->numbers);
  gsl_matrix_free (pass->images);
  gsl_matrix_free (pass->c);
  gsl_matrix_free (pass->p);
  gsl_matrix_free (pass->q);
  free (pass);
}

static sb_network_pass *
pass_alloc (const sb_network *network, size_t rows, int gradients, bool dual)
{
  size_t in = sb_net_shape_size (sb_net_input (network->net)), out = sb_net_shape_size (sb_net_output (network->net));
  size_t allocated = rows > 0 ? rows : 1, parts = scale_columns (network);
  if (sb_check_lengths ("rows of a network", allocated, in + out + sb_net_conditions (network->net) + parts, 1))
    return NULL;
  sb_network_pass *pass = calloc (1, sizeof *pass);
  if (!pass)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for %zu rows to go through a network", rows);
  pass->rows = rows;
  pass->in = calloc (rows * in + 1, sizeof *pass->in);
  pass->out = calloc (rows * out + 1, sizeof *pass->out);
  pass->label = calloc (rows + 1, sizeof *pass->label);
  pass->given = calloc (rows * sb_net_conditions (network->net) + 1, sizeof *pass->given);
  pass->numbers = gsl_matrix_alloc (allocated, in);
  pass->images = network->transform ? gsl_matrix_alloc (allocated, in) : NULL;
  pass->c = gsl_matrix_alloc (allocated, parts);
  pass->p = gsl_matrix_alloc (allocated, parts);
  pass->q = gsl_matrix_alloc (allocated, parts);
  pass->in_dot = dual ? calloc (rows * in + 1, sizeof *pass->in) : NULL;
  pass->out_dot = dual ? calloc (rows * out + 1, sizeof *pass->out) : NULL;
  pass->work = dual ? NULL : sb_net_work_alloc (network->net, rows, gradients);
  pass->dual = dual ? sb_net_dual_alloc (network->net, rows) : NULL;
  if (!pass->in || !pass->out || !pass->label || !pass->given || !pass->numbers || !pass->c || !pass->p || !pass->q
      || (network->transform && !pass->images) || (dual ? !pass->in_dot || !pass->out_dot || !pass->dual : !pass->work))
    {
      sb_network_pass_free (pass);
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for %zu rows to go through a network", rows);
    }
  return pass;
}

sb_network_pass *
sb_network_pass_alloc (const sb_network *network, size_t rows, int gradients)
{
  return pass_alloc (network, rows, gradients, false);
}

sb_network_pass *
sb_network_pass_dual_alloc (const sb_network *network, size_t rows)
{
  return pass_alloc (network, rows, 1, true);
}

static int
check_rows (const sb_network *network, const sb_network_pass *pass, const gsl_vector *t, const gsl_matrix *x)
{
  size_t d = sb_net_shape_size (sb_net_input (network->net)), times = network->process ? t->size : x->size1;
  if (x->size2 != d || times != x->size1 || x->size1 > pass->rows)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, with %zu times; the network has %zu inputs and room for %zu rows",
              x->size1, x->size2, times, d, pass->rows);
  return GSL_SUCCESS;
}

static int
check_output (const sb_network *network)
{
  size_t d = sb_net_shape_size (sb_net_input (network->net)), out = sb_net_shape_size (sb_net_output (network->net));
  if (out != d)
    SB_ERROR (NULL, GSL_EBADLEN, "the network makes %zu numbers of %zu: no estimate of noise", out, d);
  return GSL_SUCCESS;
}

// ## Forward
//
// Rows of the batch are points in the order of files, in images the channel fastest; in the network each channel is a
// plane. `sb_net_place` maps a position in one to that in the other.

static gsl_matrix_view
first_rows (gsl_matrix *m, size_t n)
{
  return gsl_matrix_submatrix (m, 0, 0, n, m->size2);
}

// Two images are stored one after the other in a row, [nonuniform.set-concat] and in the network the channels of the
// second come after the `first` channels of the first.

static size_t
place_of (sb_net_shape shape, size_t first, size_t k)
{
  const size_t start = first * sb_net_shape_pixels (shape);
  const sb_net_shape one = { first, shape.height, shape.width },
                     other = { shape.channels - first, shape.height, shape.width };
  return k < start ? sb_net_place (one, k) : start + sb_net_place (other, k - start);
}

static void
place_rows (sb_net_shape shape, size_t first, const gsl_matrix *rows, float *samples)
{
  for (size_t i = 0; i < rows->size1; i++)
    for (size_t j = 0; j < rows->size2; j++)
      samples[i * rows->size2 + place_of (shape, first, j)] = (float)gsl_matrix_get (rows, i, j);
}

// A condition's row is a picture in the same order, and a class.

int
network_check_condition (const sb_net *net, size_t rows, const gsl_matrix *y)
{
  const size_t columns = sb_net_conditions (net);
  if (columns == 0)
    SB_ERROR (NULL, GSL_EUNSUP, "this network takes no condition");
  if (y->size1 != rows || y->size2 != columns)
    SB_ERROR (NULL, GSL_EBADLEN, "the condition is %zu x %zu; %zu rows of this network take %zu numbers each", y->size1,
              y->size2, rows, columns);
  return GSL_SUCCESS;
}

static int
place_condition (const sb_net *net, size_t rows, const gsl_matrix *y, float *given, sb_net_condition *to)
{
  const size_t size = sb_net_shape_size (sb_net_picture (net));
  to->pictures = given;
  to->classes = given + rows * size;
  int status = network_check_condition (net, rows, y);
  if (status)
    return status;
  for (size_t i = 0; i < rows && net->classes > 0; i++)
    {
      const double k = gsl_matrix_get (y, i, size);
      if (!(k >= -1 && k < (double)net->classes && k == floor (k)))
        SB_ERROR (NULL, GSL_EDOM, "row %zu: class %g is not one of %zu, nor -1", i, k, net->classes);
      given[rows * size + i] = (float)k;
    }
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < size; j++)
      {
        if (!isfinite (gsl_matrix_get (y, i, j)))
          SB_ERROR (NULL, GSL_EDOM, "row %zu: number %zu of the condition is %g", i, j, gsl_matrix_get (y, i, j));
        given[i * size + sb_net_place (sb_net_picture (net), j)] = (float)gsl_matrix_get (y, i, j);
      }
  return GSL_SUCCESS;
}

static void
fetch_rows (sb_net_shape shape, size_t first, const float *samples, gsl_matrix *rows)
{
  for (size_t i = 0; i < rows->size1; i++)
    for (size_t j = 0; j < rows->size2; j++)
      gsl_matrix_set (rows, i, j, (double)samples[i * rows->size2 + place_of (shape, first, j)]);
}

// A transform $W$ turns the bands of a multi-scale model into an image before the network, and back after it.

static int
place_numbers (const sb_network *network, const sb_network_pass *pass, sb_net_shape shape, const gsl_matrix *numbers,
               float *samples)
{
  gsl_matrix image = *numbers;
  int status = GSL_SUCCESS;
  if (network->transform)
    {
      image = first_rows (pass->images, numbers->size1).matrix;
      status = sb_operator_apply (network->transform, CblasTrans, NULL, numbers, &image);
    }
  place_rows (shape, network->first_channels, &image, samples);
  return status;
}

static int
fetch_numbers (const sb_network *network, const sb_network_pass *pass, sb_net_shape shape, const float *samples,
               gsl_matrix *numbers)
{
  gsl_matrix image = network->transform ? first_rows (pass->images, numbers->size1).matrix : *numbers;
  fetch_rows (shape, network->first_channels, samples, &image);
  return network->transform ? sb_operator_apply (network->transform, CblasNoTrans, NULL, &image, numbers) : GSL_SUCCESS;
}

static int
put_in (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t, float *in)
{
  int status = check_rows (network, pass, t, x);
  if (status || x->size1 == 0)
    return status;
  if (!network->process)
    {
      place_rows (sb_net_input (network->net), 0, x, in);
      return GSL_SUCCESS;
    }
  gsl_matrix_view c = first_rows (pass->c, x->size1), cx = first_rows (pass->numbers, x->size1);
  status = find_scales (network, pass, t);
  if (!status)
    status = sb_process_combine (network->process, 1, &(sb_term){ &c.matrix, x }, NULL, &cx.matrix);
  return status ? status : place_numbers (network, pass, sb_net_input (network->net), &cx.matrix, in);
}

int
network_show (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t,
              const gsl_matrix *y)
{
  sb_net_condition given = { .drop = pass->drop };
  int status = put_in (network, pass, x, t, pass->in);
  if (!status && y)
    status = place_condition (network->net, x->size1, y, pass->given, &given);
  if (!status)
    status
        = sb_net_forward (network->net, network->theta, x->size1, pass->in, pass->label, &given, pass->work, pass->out);
  return status;
}

// The output is the skip connection's plus the network's, $p\,x + q\,F$, for $\hat z$ and, below, its derivative.

int
network_blend (const sb_network *network, const sb_network_pass *pass, const gsl_matrix *x, const float *out,
               gsl_matrix *estimate)
{
  int status = check_output (network);
  if (status || x->size1 == 0)
    return status;
  gsl_matrix_view p = first_rows (pass->p, x->size1), q = first_rows (pass->q, x->size1),
                  F = first_rows (pass->numbers, x->size1);
  status = fetch_numbers (network, pass, sb_net_output (network->net), out, &F.matrix);
  if (status)
    return status;
  return sb_process_combine (network->process, 2, (sb_term[]){ { &p.matrix, x }, { &q.matrix, &F.matrix } }, NULL,
                             estimate);
}

int
sb_network_forward (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t,
                    const gsl_matrix *y, gsl_matrix *estimate)
{
  int status = network_show (network, pass, x, t, y);
  return status ? status : network_blend (network, pass, x, pass->out, estimate);
}

// ## Along a direction
//
// Where $x$ moves in the direction $\dot x$, the network's input moves by $c\,\dot x$, and with $F'$ its Jacobian
// $$ \dot{\hat z} = p\,\dot x + q\,F'\,c\,\dot x . $$

int
sb_network_jvp (const sb_network *network, sb_network_pass *pass, const gsl_vector *t, const gsl_matrix *x_dot,
                gsl_matrix *estimate_dot)
{
  int status = put_in (network, pass, x_dot, t, pass->in);
  if (!status)
    status = sb_net_jvp (network->net, network->theta, pass->work, pass->in, pass->out);
  return status ? status : network_blend (network, pass, x_dot, pass->out, estimate_dot);
}

// ## Backward
//
// $\bar F = q\,\bar z$, and $\bar x = p\,\bar z + c\,(\partial F)^\top \bar F$.

static int
backward_scaling (const sb_network *network, sb_network_pass *pass, const gsl_matrix *bar, float *out)
{
  gsl_matrix_view q = first_rows (pass->q, bar->size1), numbers = first_rows (pass->numbers, bar->size1);
  int status = sb_process_combine (network->process, 1, &(sb_term){ &q.matrix, bar }, NULL, &numbers.matrix);
  return status ? status : place_numbers (network, pass, sb_net_output (network->net), &numbers.matrix, out);
}

int
sb_network_backward (const sb_network *network, sb_network_pass *pass, const gsl_vector *t,
                     const gsl_matrix *estimate_bar, float *theta_bar, gsl_matrix *x_bar)
{
  const sb_net *net = network->net;
  const size_t n = estimate_bar->size1;
  int status = check_rows (network, pass, t, estimate_bar);
  if (!status)
    status = check_output (network);
  if (!status && n != pass->work->n)
    SB_ERROR (NULL, GSL_EBADLEN, "gradients of %zu rows, after %zu rows went forward", n, pass->work->n);
  if (status || n == 0)
    return status;
  gsl_matrix_view c = first_rows (pass->c, n), p = first_rows (pass->p, n), numbers = first_rows (pass->numbers, n);

  // Scale the gradient to that with respect to F, and backpropagate it through the network.
  status = backward_scaling (network, pass, estimate_bar, pass->out);
  if (!status)
    status = sb_net_backward (net, network->theta, pass->work, pass->out, theta_bar, x_bar ? pass->in : NULL);
  if (status || !x_bar)
    return status;

  // Add the network's gradient to that of the skip connection.
  status = fetch_numbers (network, pass, sb_net_input (net), pass->in, &numbers.matrix);
  return status ? status
                : sb_process_combine (network->process, 2,
                                      (sb_term[]){ { &p.matrix, estimate_bar }, { &c.matrix, &numbers.matrix } }, NULL,
                                      x_bar);
}

// ## Both at once, forward and backward
//
// For objectives that use the derivative as well: $\hat z$ and $\dot{\hat z}$, and the gradient of both in $\theta$.

int
sb_network_dual_forward (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t,
                         const gsl_matrix *y, const gsl_matrix *x_dot, gsl_matrix *estimate, gsl_matrix *estimate_dot)
{
  sb_net_condition given = { .drop = pass->drop };
  int status = put_in (network, pass, x, t, pass->in);
  if (!status && y)
    status = place_condition (network->net, x->size1, y, pass->given, &given);
  if (!status)
    status = put_in (network, pass, x_dot, t, pass->in_dot);
  if (!status)
    status = sb_net_dual_forward (pass->dual, network->theta, x->size1, pass->in, pass->label, &given, pass->in_dot,
                                  pass->out, pass->out_dot);
  if (!status)
    status = network_blend (network, pass, x, pass->out, estimate);
  return status ? status : network_blend (network, pass, x_dot, pass->out_dot, estimate_dot);
}

int
sb_network_dual_backward (const sb_network *network, sb_network_pass *pass, const gsl_vector *t,
                          const gsl_matrix *estimate_bar, const gsl_matrix *estimate_dot_bar, float *theta_bar)
{
  int status = check_rows (network, pass, t, estimate_bar);
  if (!status)
    status = check_rows (network, pass, t, estimate_dot_bar);
  if (!status)
    status = backward_scaling (network, pass, estimate_bar, pass->out);
  if (!status)
    status = backward_scaling (network, pass, estimate_dot_bar, pass->out_dot);
  return status ? status : sb_net_dual_backward (pass->dual, network->theta, pass->out, pass->out_dot, theta_bar);
}

// ## A number for each class
//
// A classifier has no skip connection: $l = F(c\,x, u)$, and $\bar x = c\,(\partial F)^\top\,\bar l$.

int
sb_network_logits (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t,
                   gsl_matrix *logits)
{
  const sb_net_shape out = sb_net_output (network->net);
  if (logits->size1 != x->size1 || logits->size2 != sb_net_shape_size (out))
    SB_ERROR (NULL, GSL_EBADLEN, "logits are %zu x %zu, of %zu rows and a network with %zu outputs", logits->size1,
              logits->size2, x->size1, sb_net_shape_size (out));
  int status = network_show (network, pass, x, t, NULL);
  if (!status)
    fetch_rows (out, 0, pass->out, logits);
  return status;
}

int
sb_network_logits_backward (const sb_network *network, sb_network_pass *pass, const gsl_matrix *logits_bar,
                            float *theta_bar, gsl_matrix *x_bar)
{
  const sb_net *net = network->net;
  const size_t n = logits_bar->size1;
  if (n != pass->work->n || logits_bar->size2 != sb_net_shape_size (sb_net_output (net)))
    SB_ERROR (NULL, GSL_EBADLEN, "gradients of %zu x %zu logits, after %zu rows went forward", n, logits_bar->size2,
              pass->work->n);
  if (n == 0)
    return GSL_SUCCESS;
  place_rows (sb_net_output (net), 0, logits_bar, pass->out);
  int status = sb_net_backward (net, network->theta, pass->work, pass->out, theta_bar, x_bar ? pass->in : NULL);
  if (status || !x_bar)
    return status;
  if (x_bar->size1 != n || x_bar->size2 != sb_net_shape_size (sb_net_input (net)))
    SB_ERROR (NULL, GSL_EBADLEN, "x_bar is %zu x %zu, of %zu rows of %zu", x_bar->size1, x_bar->size2, n,
              sb_net_shape_size (sb_net_input (net)));
  fetch_rows (sb_net_input (net), 0, pass->in, x_bar);
  if (!network->process)
    return GSL_SUCCESS;
  gsl_matrix_view c = first_rows (pass->c, n), numbers = first_rows (pass->numbers, n);
  gsl_matrix_memcpy (&numbers.matrix, x_bar);
  return sb_process_combine (network->process, 1, &(sb_term){ &c.matrix, &numbers.matrix }, NULL, x_bar);
}
