// # What must be true of the gradient of a derivative
//
// In double: the derivative along a direction against finite differences in x, and its gradient against finite
// differences in theta, through whole networks; and the two limits in which it is an ordinary gradient.

#include "net/dual.h"
#include "property.h"
#include "numbers.h"

#include <math.h>
#include <string.h>

SUITE (dual);

static const char *const networks[]
    = { "mlp inputs=3 width=7 layers=2 time=none",
        "mlp inputs=2 outputs=3 width=8 layers=3 features=4",
        "mlp inputs=4 width=6 layers=2 time=positional features=6",
        "unet image=2x4x4 channels=4 multipliers=1,2 groups=2 features=4 attention=0",
        "unet image=1x4x8 channels=4 multipliers=1,1 blocks=2 groups=4 time=none attention=0",
        "cnn image=1x4x4 outputs=3 channels=4 multipliers=1,2 blocks=1 groups=2",
        "mlp inputs=2 width=6 layers=2 features=4 classes=3 condition=2",
        "unet image=2x4x4 channels=4 multipliers=1,2 groups=2 features=4 attention=0 classes=2 condition=1",
        "unet image=1x4x4 channels=4 multipliers=1 groups=2 resample=fir skip=rescaled block=biggan dropout=0.4",
        "unet image=1x4x4 channels=4 multipliers=1,2 groups=2 resample=fir block=biggan input=residual output=residual",
        "unet image=2x4x4 channels=4 multipliers=1,2 groups=2 input=skip output=skip resample=fir" };

// Everything a check needs, at random.

typedef struct
{
  sb_net *net;
  sb_net_dual *dual;
  size_t n, in, out;
  sb_real *theta, *theta_dot, *x, *x_dot, *label, *out_bar, *out_dot_bar, *y, *y_dot;
  sb_net_condition given;
} trial;

// Pictures, and each class in turn, the first of which is none.

static const sb_stream drop = { 4, SB_FOR_DROPOUT, 10 };

static sb_net_condition
given_to (const sb_net *net, size_t n, gsl_rng *r)
{
  sb_real *classes = gaussians (r, n, 1);
  for (size_t i = 0; i < n; i++)
    classes[i] = (sb_real)(i % (net->classes + 1)) - (n > 1);
  return (sb_net_condition){ gaussians (r, n * sb_net_shape_size (sb_net_picture (net)), 0.7), classes, &drop };
}

static trial
trial_alloc (const char *network, size_t n, gsl_rng *r)
{
  sb_error error;
  trial t = { .net = scoped (sb_net_alloc (network, &error), "%s", error.message), .n = n };
  t.dual = scoped (sb_net_dual_alloc (t.net, n + 1));
  t.in = n * sb_net_shape_size (sb_net_input (t.net));
  t.out = n * sb_net_shape_size (sb_net_output (t.net));
  t.theta = gaussians (r, t.net->parameters, 0.7);
  t.theta_dot = trained_direction (t.net, r, 0.7);
  t.x = gaussians (r, t.in, 0.7);
  t.x_dot = gaussians (r, t.in, 0.7);
  t.label = gaussians (r, n, 0.7);
  t.given = given_to (t.net, n, r);
  t.out_bar = gaussians (r, t.out, 0.7);
  t.out_dot_bar = gaussians (r, t.out, 0.7);
  t.y = gaussians (r, t.out, 0.7);
  t.y_dot = gaussians (r, t.out, 0.7);
  return t;
}

// <out_bar, f> + <out_dot_bar, J x_dot> at theta + h theta_dot.

static double
value_at (trial *t, double h)
{
  sb_real *theta = moved (t->theta, h, t->theta_dot, t->net->parameters);
  ok (sb_net_dual_forward (t->dual, theta, t->n, t->x, t->label, &t->given, t->x_dot, t->y, t->y_dot));
  return dot (t->out_bar, t->y, t->out) + dot (t->out_dot_bar, t->y_dot, t->out);
}

static double
difference (trial *t)
{
  double h = 1e-3;
  return (8 * (value_at (t, h) - value_at (t, -h)) - (value_at (t, 2 * h) - value_at (t, -2 * h))) / (12 * h);
}

// ## Against differences
//
// [dsm2ddpm.txt-SSM-jvp]

Test (dual, gradient_of_a_derivative_is_what_differences_say)
{
  gsl_rng *r = property_rng (20260711);
  for (size_t k = 0; k < sizeof networks / sizeof *networks; k++)
    for (size_t n = 1; n <= 3; n += 2)
      {
        trial t = trial_alloc (networks[k], n, r);
        double slope = difference (&t), value = value_at (&t, 0);
        sb_real *theta_bar = zeros (t.net->parameters);
        ok (sb_net_dual_backward (t.dual, t.theta, t.out_bar, t.out_dot_bar, theta_bar));
        double found = dot (theta_bar, t.theta_dot, t.net->parameters), scale = fabs (slope) + fabs (value) + 1;
        cr_assert_float_eq (found, slope, 1e-6 * scale, "%s: %.12g, differences %.12g", networks[k], found, slope);

        // Added, not written.
        sb_net_dual_backward (t.dual, t.theta, t.out_bar, t.out_dot_bar, theta_bar);
        cr_assert_float_eq (dot (theta_bar, t.theta_dot, t.net->parameters), 2 * found, 1e-11 * scale);
      }
}

// ## Against the other passes
//
// The pair is what forward and jvp give; without out_dot_bar the gradient is backward's.

Test (dual, agrees_with_forward_jvp_and_backward)
{
  gsl_rng *r = property_rng (20260712);
  for (size_t k = 0; k < sizeof networks / sizeof *networks; k++)
    {
      trial t = trial_alloc (networks[k], 2, r);
      size_t P = t.net->parameters;
      sb_net_work *work = scoped (sb_net_work_alloc (t.net, 2, 1));
      sb_real *y = zeros (t.out), *y_dot = zeros (t.out), *wanted = zeros (P), *found = zeros (P),
              *zero = zeros (t.out);
      value_at (&t, 0);
      ok (sb_net_forward (t.net, t.theta, 2, t.x, t.label, &t.given, work, y));
      ok (sb_net_jvp (t.net, t.theta, work, t.x_dot, y_dot));
      ok (sb_net_backward (t.net, t.theta, work, t.out_bar, wanted, NULL));
      ok (sb_net_dual_backward (t.dual, t.theta, t.out_bar, zero, found));
      for (size_t j = 0; j < t.out; j++)
        {
          cr_assert_float_eq (t.y[j], y[j], 1e-12 * (1 + fabs (y[j])));
          cr_assert_float_eq (t.y_dot[j], y_dot[j], 1e-12 * (1 + fabs (y_dot[j])));
        }
      double size = sqrt (dot (wanted, wanted, P));
      for (size_t j = 0; j < P; j++)
        cr_assert_float_eq (found[j], wanted[j], 1e-12 * size, "%s, parameter %zu", networks[k], j);
    }
}

// A linear network, J = W: the gradient of w^T J v is w v^T, and none for the bias.

Test (dual, of_a_linear_map_is_an_outer_product)
{
  sb_net *net = scoped (sb_net_alloc ("cnn image=1x1x1 outputs=2 channels=1 multipliers=1 blocks=1 groups=1", NULL));
  const sb_layer *last = &net->layers[net->count - 1];
  sb_layer alone = *last;
  sb_real x[1] = { 0.3 }, x_dot[1] = { -1.7 }, y[2], y_bar[2] = { 0 }, y_dot_bar[2] = { 0.4, 2.5 }, x_bar[1] = { 0 },
          x_dot_bar[1] = { 0 }, theta[4] = { 1, 2, 3, 4 }, theta_bar[4] = { 0 };
  const sb_real *in_dot[SB_LAYER_INPUTS] = { x_dot };
  sb_real *in_bar[SB_LAYER_INPUTS] = { x_bar }, *in_dot_bar[SB_LAYER_INPUTS] = { x_dot_bar };
  sb_pass pass = { .n = 1, .x = { x }, .y = y };
  sb_dual d = { in_dot, y_bar, y_dot_bar, in_bar, in_dot_bar };
  alone.type->dual_backward (&alone, theta, &pass, &d, theta_bar);
  cr_assert_float_eq (theta_bar[0], 0.4 * -1.7, 1e-15);
  cr_assert_float_eq (theta_bar[1], 2.5 * -1.7, 1e-15);
  cr_assert (theta_bar[2] == 0 && theta_bar[3] == 0 && x_bar[0] == 0);
  cr_assert_float_eq (x_dot_bar[0], 0.4 * 1 + 2.5 * 2, 1e-15);
}

// ## What is refused

Test (dual, refuses_attention_and_too_many_samples)
{
  sb_net *net
      = scoped (sb_net_alloc ("unet image=1x4x4 channels=4 multipliers=1,1 groups=2 features=4 attention=4", NULL));
  cr_assert_null (sb_net_dual_alloc (net, 2));

  gsl_rng *r = property_rng (20260714);
  trial t = trial_alloc (networks[0], 1, r);
  refused (GSL_EINVAL, sb_net_dual_forward (t.dual, t.theta, 3, t.x, NULL, NULL, t.x_dot, t.y, t.y_dot));
  ok (sb_net_dual_forward (t.dual, t.theta, 0, NULL, NULL, NULL, NULL, NULL, NULL));
  ok (sb_net_dual_backward (t.dual, t.theta, NULL, NULL, NULL));
  sb_net_dual_free (NULL);
}
