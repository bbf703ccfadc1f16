// # A network as a score
//
// A network maps numbers of order one to numbers of order one. To use it as a score at noise level $\varsigma$ takes
// three scales and a label, which are defined here once for sampling and training alike.

#include "network.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/pool.h"
#include "../base/shard.h"
#include "tweedie.h"

#include <float.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

// ## The scales
//
// With $x_t = a\,x_0 + \varsigma z$ and data of deviation $\sigma_d$, a coordinate of $x_t$ has deviation
// $\sqrt{a^2\sigma_d^2 + \varsigma^2}$, so the network $F$ takes $c\,x_t$ with $c$ its inverse, and the noise is
// estimated by
// $$ \hat z(x_t, t) = p\,x_t + q\,F(c\,x_t, u) . $$

// Predicting $\epsilon$ means $p = 0$, $q = 1$. At high noise that is hard: $\hat z$ must copy $x_t$ almost exactly,
// and the error that remains is multiplied by $\varsigma$ in $\hat x_0 = (x_t - \varsigma\hat z)/a$. With the blend of
// Karras et al. (2022, Table 1) the network only adds a correction to the best linear estimate of $x_0$.
// [consistent.set-edm-precond] In their coordinates $\sigma = \varsigma/a$ and $x = x_t/a$,
// $$ \hat x_0 = \frac{\sigma_d^2}{\sigma^2 + \sigma_d^2}\,x + \frac{\sigma\,\sigma_d}{\sqrt{\sigma^2 + \sigma_d^2}}\,F , $$
// and $\hat z = (x - \hat x_0)/\sigma$ gives $p$ and $q$ below.

static void
scale_mixed (double a, double sd, double sigma_d, double *c, double *p, double *q)
{
  const double total = gsl_hypot (a * sigma_d, sd);
  *c = 1 / total;
  *p = sd / gsl_pow_2 (total);
  *q = -a * sigma_d / total;
}

static void
scale_epsilon (double a, double sd, double sigma_d, double *c, double *p, double *q)
{
  *c = 1 / gsl_hypot (a * sigma_d, sd);
  *p = 0;
  *q = 1;
}

// A network may also be the score itself, $s = F(x_t, u)$: then $\hat z$ below means $s$.

static void
scale_nothing (double a, double sd, double sigma_d, double *c, double *p, double *q)
{
  (void)a, (void)sd, (void)sigma_d;
  *c = 1;
  *p = 0;
  *q = 1;
}

// Under a singular corruption an estimate of the noise does not determine the clean image, so the network predicts the
// residual of $\hat{\mathbf x}_0$ instead, [soft.eq10]
// $$ \hat{\mathbf x}_0 = \mathbf h_\theta(\mathbf x_t \mid t) = \mathbf x_t + \boldsymbol\phi_\theta(\mathbf x_t \mid t), \qquad
//    \boldsymbol\phi_\theta = \sigma_d\,F(c\,\mathbf x_t, u), $$
// the target of which is $\mathbf r_t = \mathbf x_0 - \mathbf x_t$. [soft.txt-residual] At first $F = 0$, and so
// $\hat{\mathbf x}_0 = \mathbf x_t$. $p$ and $q$ are those of the denoiser here, the same for all coordinates: anything
// from none to all of the data may be left, and $c$ allows for all.

static void
scale_residual (double a, double sd, double sigma_d, double *c, double *p, double *q)
{
  (void)a;
  *c = 1 / gsl_hypot (sigma_d, sd);
  *p = 1;
  *q = sigma_d;
}

static const struct
{
  sb_entry entry;
  sb_view view;
  void (*scale) (double a, double sd, double sigma_d, double *c, double *p, double *q);
} predictions[] = {
  { { "epsilon", "the noise", NULL, 0 }, SB_EPSILON, scale_epsilon },
  { { "mixed", "a blend of noise and denoiser, well scaled at every noise level", NULL, 0 }, SB_EPSILON, scale_mixed },
  { { "score", "the score itself, unscaled", NULL, 0 }, SB_SCORE, scale_nothing },
  { { "residual", "the denoised point minus the noisy one", NULL, 0 }, SB_DENOISER, scale_residual }
};

const sb_entry *
sb_predictions (size_t k)
{
  return k < sizeof predictions / sizeof *predictions ? &predictions[k].entry : NULL;
}

void
sb_network_scales (sb_prediction prediction, double a, double sd, double sigma_d, double *c, double *p, double *q)
{
  predictions[prediction].scale (a, sd, sigma_d, c, p, q);
}

sb_view
sb_network_view (const sb_network *network)
{
  return predictions[network->prediction].view;
}

// The label is one number, also where the process has several parts: the time, or the logarithm of the noise of the
// first part. Without noise the label is that of a tiny noise: $\hat x_0$ is $x_t$ there, whatever the output.

static double
label_time (double t, double a, double sd)
{
  (void)a, (void)sd;
  return 1000 * t;
}

static double
label_log_noise (double t, double a, double sd)
{
  (void)t;
  return log (GSL_MAX_DBL (sd / a, DBL_MIN));
}

// Karras et al. (2022, Table 1) use $c_{\text{noise}}(\sigma) = \frac14\ln\sigma$. [consistent.set-edm-precond]

static double
label_quarter_log_noise (double t, double a, double sd)
{
  return label_log_noise (t, a, sd) / 4;
}

static const struct
{
  sb_entry entry;
  double (*at) (double t, double a, double sd);
  bool of_noise;
} labels[] = { { { "time", "1000 t", NULL, 0 }, label_time, false },
               { { "log-noise", "the logarithm of the noise-to-signal ratio", NULL, 0 }, label_log_noise, true },
               { { "quarter-log-noise", "a quarter of it, as in EDM", NULL, 0 }, label_quarter_log_noise, true } };

const sb_entry *
sb_labels (size_t k)
{
  return k < sizeof labels / sizeof *labels ? &labels[k].entry : NULL;
}

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
  if (labels[network->label].of_noise && process->from_zero_only)
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
        pass->label[i] = (float)labels[network->label].at (t_i, p[0], q[0]);
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

static int
check_condition (const sb_net *net, size_t rows, const gsl_matrix *y)
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
  int status = check_condition (net, rows, y);
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
      given[i * size + sb_net_place (sb_net_picture (net), j)] = (float)gsl_matrix_get (y, i, j);
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

static int
show (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y)
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

static int
blend (const sb_network *network, const sb_network_pass *pass, const gsl_matrix *x, const float *out,
       gsl_matrix *epsilon)
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
                             epsilon);
}

int
sb_network_forward (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t,
                    const gsl_matrix *y, gsl_matrix *epsilon)
{
  int status = show (network, pass, x, t, y);
  return status ? status : blend (network, pass, x, pass->out, epsilon);
}

// ## Along a direction
//
// Where $x$ moves in the direction $\dot x$, the network's input moves by $c\,\dot x$, and with $F'$ its Jacobian
// $$ \dot{\hat z} = p\,\dot x + q\,F'\,c\,\dot x . $$

int
sb_network_jvp (const sb_network *network, sb_network_pass *pass, const gsl_vector *t, const gsl_matrix *x_dot,
                gsl_matrix *epsilon_dot)
{
  int status = put_in (network, pass, x_dot, t, pass->in);
  if (!status)
    status = sb_net_jvp (network->net, network->theta, pass->work, pass->in, pass->out);
  return status ? status : blend (network, pass, x_dot, pass->out, epsilon_dot);
}

// ## Backward
//
// $\bar F = q\,\bar z$, and $\bar x = p\,\bar z + c\,(\partial F)^\top \bar F$.

int
sb_network_backward (const sb_network *network, sb_network_pass *pass, const gsl_vector *t,
                     const gsl_matrix *epsilon_bar, float *theta_bar, gsl_matrix *x_bar)
{
  const sb_net *net = network->net;
  const size_t n = epsilon_bar->size1;
  int status = check_rows (network, pass, t, epsilon_bar);
  if (!status)
    status = check_output (network);
  if (!status && n != pass->work->n)
    SB_ERROR (NULL, GSL_EBADLEN, "gradients of %zu rows, after %zu rows went forward", n, pass->work->n);
  if (status || n == 0)
    return status;
  gsl_matrix_view c = first_rows (pass->c, n), p = first_rows (pass->p, n), q = first_rows (pass->q, n),
                  numbers = first_rows (pass->numbers, n);

  // Scale the gradient to that with respect to F, and backpropagate it through the network.
  status = sb_process_combine (network->process, 1, &(sb_term){ &q.matrix, epsilon_bar }, NULL, &numbers.matrix);
  if (!status)
    status = place_numbers (network, pass, sb_net_output (net), &numbers.matrix, pass->out);
  if (!status)
    status = sb_net_backward (net, network->theta, pass->work, pass->out, theta_bar, x_bar ? pass->in : NULL);
  if (status || !x_bar)
    return status;

  // Add the network's gradient to that of the skip connection.
  status = fetch_numbers (network, pass, sb_net_input (net), pass->in, &numbers.matrix);
  return status ? status
                : sb_process_combine (network->process, 2,
                                      (sb_term[]){ { &p.matrix, epsilon_bar }, { &c.matrix, &numbers.matrix } }, NULL,
                                      x_bar);
}

// ## Both at once, forward and backward
//
// For objectives that use the derivative as well: $\hat z$ and $\dot{\hat z}$, and the gradient of both in $\theta$.

int
sb_network_dual_forward (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t,
                         const gsl_matrix *y, const gsl_matrix *x_dot, gsl_matrix *epsilon, gsl_matrix *epsilon_dot)
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
    status = blend (network, pass, x, pass->out, epsilon);
  return status ? status : blend (network, pass, x_dot, pass->out_dot, epsilon_dot);
}

static int
put_back (const sb_network *network, sb_network_pass *pass, const gsl_matrix *bar, float *out)
{
  gsl_matrix_view q = first_rows (pass->q, bar->size1), numbers = first_rows (pass->numbers, bar->size1);
  int status = sb_process_combine (network->process, 1, &(sb_term){ &q.matrix, bar }, NULL, &numbers.matrix);
  return status ? status : place_numbers (network, pass, sb_net_output (network->net), &numbers.matrix, out);
}

int
sb_network_dual_backward (const sb_network *network, sb_network_pass *pass, const gsl_vector *t,
                          const gsl_matrix *epsilon_bar, const gsl_matrix *epsilon_dot_bar, float *theta_bar)
{
  int status = check_rows (network, pass, t, epsilon_bar);
  if (!status)
    status = check_rows (network, pass, t, epsilon_dot_bar);
  if (!status)
    status = put_back (network, pass, epsilon_bar, pass->out);
  if (!status)
    status = put_back (network, pass, epsilon_dot_bar, pass->out_dot);
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
  int status = show (network, pass, x, t, NULL);
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

// ## As a score
//
// A batch is cut into shards of a few rows, each with a workspace of its own, which is kept for the next batch.
// Tweedie's formula gives the views that the network does not predict.

typedef struct
{
  const sb_network *network;
  float *theta_bar;           // not owned; NULL: not computed
  sb_pool *passes;            // forward only
  sb_pool *derivative_passes; // with memory for derivatives
} learned;

static void *
make_pass (const void *network)
{
  return sb_network_pass_alloc (network, SB_NETWORK_ROWS, 0);
}

static void *
make_derivative_pass (const void *network)
{
  return sb_network_pass_alloc (network, SB_NETWORK_ROWS, 1);
}

static void
release_pass (void *pass)
{
  sb_network_pass_free (pass);
}

// The arguments of a call for a batch, and then for a shard's rows.

typedef struct question question;

struct question
{
  int (*answer) (const question *rows, sb_network_pass *pass);
  const learned *score;
  sb_pool *pool;
  const gsl_matrix *x, *v; // v: directions, where there are any, else x again
  const gsl_vector *t;
  const gsl_matrix *y;  // NULL: no condition
  gsl_matrix *out;      // of one column, where the result is a number per row
  gsl_matrix *estimate; // NULL: not wanted
};

static int
answer_shard (void *context, size_t shard, size_t first, size_t count)
{
  (void)shard;
  const question *q = context;
  sb_network_pass *pass = sb_pool_take (q->pool);
  if (!pass)
    return GSL_ENOMEM;
  gsl_matrix_const_view x = gsl_matrix_const_submatrix (q->x, first, 0, count, q->x->size2),
                        v = gsl_matrix_const_submatrix (q->v, first, 0, count, q->v->size2);
  const gsl_matrix *given = q->y ? q->y : q->x;
  gsl_matrix_const_view y = gsl_matrix_const_submatrix (given, first, 0, count, given->size2);
  gsl_vector_const_view t = gsl_vector_const_subvector (q->t, first, count);
  gsl_matrix_view out = gsl_matrix_submatrix (q->out, first, 0, count, q->out->size2);
  gsl_matrix *all = q->estimate ? q->estimate : q->out;
  gsl_matrix_view estimate = gsl_matrix_submatrix (all, first, 0, count, all->size2);
  const question rows = { q->answer,
                          q->score,
                          q->pool,
                          &x.matrix,
                          &v.matrix,
                          &t.vector,
                          q->y ? &y.matrix : NULL,
                          &out.matrix,
                          q->estimate ? &estimate.matrix : NULL };
  int status = q->answer (&rows, pass);
  sb_pool_give (q->pool, pass);
  return status;
}

static int
ask (question q)
{
  int status = q.y ? check_condition (q.score->network->net, q.x->size1, q.y) : GSL_SUCCESS;
  return status ? status : sb_shards (q.x->size1, SB_NETWORK_ROWS, answer_shard, &q);
}

static int
evaluate_rows (const question *q, sb_network_pass *pass)
{
  return sb_network_forward (q->score->network, pass, q->x, q->t, q->y, q->out);
}

static int
evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          gsl_matrix *out)
{
  const learned *score = state;
  (void)view;
  return ask ((question){ evaluate_rows, score, score->passes, x, x, t, y, out, NULL });
}

// ## The Jacobian
//
// That of $\hat z$ is $p\,I + q\,c\,F'$, and $\dot{\hat z}$ above is its product with $v$. Where the network predicts
// $\epsilon$ it is the network's own, scaled; the blend adds a multiple of the identity, which at high noise is nearly
// all of it. Nothing makes the score's, $J = -S^{-\top}(p\,I + q\,c\,F')$, symmetric: a network need not be the
// gradient of anything.

static int
jvp_rows (const question *q, sb_network_pass *pass)
{
  int status = show (q->score->network, pass, q->x, q->t, q->y);
  return status ? status : sb_network_jvp (q->score->network, pass, q->t, q->v, q->out);
}

static int
jvp (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
     const gsl_matrix *v, gsl_matrix *out)
{
  const learned *score = state;
  (void)view;
  return ask ((question){ jvp_rows, score, score->derivative_passes, x, v, t, y, out, NULL });
}

// A backward pass of the network from $\bar z = v$ gives its transpose times $v$, and on its way the gradient in
// $\theta$.

static int
vjp_rows (const question *q, sb_network_pass *pass)
{
  const sb_network *network = q->score->network;
  int status = show (network, pass, q->x, q->t, q->y);
  if (!status && q->estimate)
    status = blend (network, pass, q->x, pass->out, q->estimate);
  return status ? status : sb_network_backward (network, pass, q->t, q->v, q->score->theta_bar, q->out);
}

// The gradient in $\theta$ is a sum over rows, and its last bits depend on the order: where it is computed the shards
// run one after the other.

static int
evaluate_vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
              const gsl_matrix *v, gsl_matrix *estimate, gsl_matrix *out)
{
  const learned *score = state;
  (void)view;
  question q = { vjp_rows, score, score->derivative_passes, x, v, t, y, out, estimate };
  if (!score->theta_bar)
    return ask (q);
  int status = y ? check_condition (score->network->net, x->size1, y) : GSL_SUCCESS;
  for (size_t first = 0; first < x->size1 && !status; first += SB_NETWORK_ROWS)
    status = answer_shard (&q, first / SB_NETWORK_ROWS, first, GSL_MIN (x->size1 - first, SB_NETWORK_ROWS));
  return status;
}

static int
vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v,
     gsl_matrix *out)
{
  return evaluate_vjp (state, view, x, t, y, v, NULL, out);
}

// The trace takes a product for each of the $d$ coordinates, [dsm2ddpm.txt-A1-divergence]
// $$ \operatorname{tr} J = \sum_k e_k^\top J\,e_k . $$

static int
sum_diagonal (const question *q, sb_network_pass *pass, gsl_matrix *e, gsl_matrix *Je)
{
  const sb_network *network = q->score->network;
  int status = show (network, pass, q->x, q->t, q->y);
  gsl_matrix_set_zero (q->out);
  for (size_t k = 0; k < e->size2 && !status; k++)
    {
      gsl_matrix_set_zero (e);
      for (size_t i = 0; i < e->size1; i++)
        gsl_matrix_set (e, i, k, 1);
      status = sb_network_jvp (network, pass, q->t, e, Je);
      if (!status)
        status = sb_tweedie (network->process, sb_network_view (network), SB_SCORE, e, q->t, Je);
      for (size_t i = 0; i < e->size1 && !status; i++)
        *gsl_matrix_ptr (q->out, i, 0) += gsl_matrix_get (Je, i, k);
    }
  return status;
}

static int
divergence_rows (const question *q, sb_network_pass *pass)
{
  gsl_matrix *e = gsl_matrix_alloc (q->x->size1, q->x->size2), *Je = gsl_matrix_alloc (q->x->size1, q->x->size2);
  int status = e && Je ? sum_diagonal (q, pass, e, Je) : GSL_ENOMEM;
  gsl_matrix_free (e);
  gsl_matrix_free (Je);
  return status;
}

static int
divergence (const void *state, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_vector *trace)
{
  const learned *score = state;
  if (x->size1 == 0)
    return GSL_SUCCESS;
  gsl_matrix_view column = gsl_matrix_view_array_with_tda (trace->data, trace->size, 1, trace->stride);
  return ask ((question){ divergence_rows, score, score->derivative_passes, x, x, t, y, &column.matrix, NULL });
}

// ## Making one

static void
release (void *state)
{
  learned *score = state;
  sb_pool_free (score->passes);
  sb_pool_free (score->derivative_passes);
  free (score);
}

// Every backend has a backward pass, only the reference a forward product. So vjp is preferred where it does not
// accumulate a gradient in $\theta$.

#define NETWORK_SCORE(view, backward)                                                                                  \
  {                                                                                                                    \
    .name = "network", .views = view, .evaluate = evaluate, .derivatives = view, .jvp = jvp, .vjp = vjp,               \
    .evaluate_vjp = evaluate_vjp, .backward_first = backward, .divergence = divergence, .free = release                \
  }

static const sb_score_type of_epsilon[2] = { NETWORK_SCORE (SB_EPSILON, true), NETWORK_SCORE (SB_EPSILON, false) },
                           of_score[2] = { NETWORK_SCORE (SB_SCORE, true), NETWORK_SCORE (SB_SCORE, false) },
                           of_denoiser[2] = { NETWORK_SCORE (SB_DENOISER, true), NETWORK_SCORE (SB_DENOISER, false) };

sb_score *
sb_score_network_gradient_alloc (const sb_network *network, float *theta_bar)
{
  const sb_pool_recipe passes = { make_pass, release_pass, network },
                       derivative_passes = { make_derivative_pass, release_pass, network };
  learned *score = calloc (1, sizeof *score);
  if (!score)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a score");
  score->network = network;
  score->theta_bar = theta_bar;
  score->passes = sb_pool_alloc (&passes);
  score->derivative_passes = score->passes ? sb_pool_alloc (&derivative_passes) : NULL;
  if (!score->derivative_passes)
    {
      release (score);
      return NULL;
    }
  const sb_view view = sb_network_view (network);
  const sb_score_type *type = view == SB_SCORE ? of_score : view == SB_DENOISER ? of_denoiser : of_epsilon;
  return sb_score_alloc (&type[theta_bar != NULL], score, network->process);
}

sb_score *
sb_score_network_alloc (const sb_network *network)
{
  return sb_score_network_gradient_alloc (network, NULL);
}

int
sb_score_network_prepare (const sb_score *score)
{
  const learned *state = score->state;
  sb_network_pass *pass = sb_pool_take (state->passes);
  if (!pass)
    return GSL_ENOMEM;
  sb_pool_give (state->passes, pass);
  return GSL_SUCCESS;
}
