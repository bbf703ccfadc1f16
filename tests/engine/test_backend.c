// # Several backends, one network
//
// The reference and the fast backends compute the same sums in another order, in part by another algorithm. Over random
// configurations and numbers of samples, their outputs and the gradients of each tensor differ by less than $10^{-4}$
// of their norms.

#include <config.h>

#include "engine/choose.h"
#include "engine/conv.h"
#include "property.h"
#include "net/numbers.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

SUITE_WITH_BLAS (backend);

// The fast ones are all but the last. One is always there; for half precision there may be none.

static size_t
fast_backends (sb_net_precision precision)
{
  size_t count = 0;
  for (size_t k = 0; sb_net_backend_at (k + 1); k++)
    count += sb_net_backend_usable (sb_net_backend_at (k), precision) != 0;
  return count;
}

// ## A network and all that goes in and comes out

typedef struct
{
  sb_net *net;
  size_t n, in, out, hidden;
  float *theta, *x, *label, *out_bar, *pictures, *classes;
} problem;

typedef struct
{
  float *out, *theta_bar, *x_bar, *out_dot, *hidden;
} answer;

static problem
problem_alloc (const char *configuration, size_t n, gsl_rng *r)
{
  sb_error error = { 0 };
  problem p = { .net = scoped (sb_net_alloc (configuration, &error), "%s: %s", configuration, error.message), .n = n };
  sb_net_shape last = p.net->layers[p.net->layers[p.net->count - 1].from[0]].out;
  p.in = n * sb_net_shape_size (sb_net_input (p.net));
  p.out = n * sb_net_shape_size (sb_net_output (p.net));
  p.hidden = n * sb_net_shape_size (last);
  p.theta = zeros (p.net->parameters);
  ok (sb_net_initialise (p.net, (sb_stream){ 1, SB_FOR_USER, 0 }, p.theta));
  for (size_t k = 0; k < p.net->parameters; k++)
    p.theta[k] += (float)gsl_ran_gaussian (r, 0.05); // first weights are zero here and there; these are not
  p.x = gaussians (r, p.in, 1);
  p.label = gaussians (r, n, 1);
  p.pictures = gaussians (r, n * sb_net_shape_size (sb_net_picture (p.net)), 1);
  p.classes = gaussians (r, n, 1);
  for (size_t i = 0; i < n; i++)
    p.classes[i] = (float)((i + 1) % (p.net->classes + 1)) - 1;
  p.out_bar = gaussians (r, p.out, 1);
  return p;
}

static answer
answer_alloc (const problem *p)
{
  return (answer){ zeros (p->out), zeros (p->net->parameters), zeros (p->in), zeros (p->out), zeros (p->hidden) };
}

// `room` samples at a time: the last time fewer, where they do not go into n.

static answer
solve (const problem *p, const char *backend, sb_net_precision precision, size_t room)
{
  sb_error error = { 0 };
  answer a = answer_alloc (p);
  ok (sb_net_choose (p->net, backend, precision, &error), "%s", error.message);
  sb_net_work *work = scoped (sb_net_work_alloc (p->net, room, 1));
  size_t in = p->in / p->n, out = p->out / p->n, hidden = p->hidden / p->n;
  for (size_t i = 0; i < p->n; i += room)
    {
      size_t n = p->n - i < room ? p->n - i : room;
      const sb_stream drop = { 5, SB_FOR_DROPOUT, i };
      sb_net_condition y = { p->pictures + i * sb_net_shape_size (sb_net_picture (p->net)), p->classes + i, &drop };
      ok (sb_net_forward (p->net, p->theta, n, p->x + i * in, p->label + i, &y, work, a.out + i * out));
      sb_net_hidden (p->net, work, a.hidden + i * hidden);
      ok (sb_net_backward (p->net, p->theta, work, p->out_bar + i * out, a.theta_bar, a.x_bar + i * in));
      ok (sb_net_jvp (p->net, p->theta, work, p->x + i * in, a.out_dot + i * out));
    }
  return a;
}

static double
apart (const float *a, const float *b, size_t count)
{
  double sum = 0;
  for (size_t k = 0; k < count; k++)
    sum += gsl_pow_2 ((double)a[k] - (b ? (double)b[k] : 0));
  return sqrt (sum);
}

static void
compare (const problem *p, const answer *a, const answer *b, double most, const char *what)
{
  const float *const pairs[][2]
      = { { a->out, b->out }, { a->x_bar, b->x_bar }, { a->out_dot, b->out_dot }, { a->hidden, b->hidden } };
  const size_t counts[] = { p->out, p->in, p->out, p->hidden };
  const char *const names[] = { "outputs", "input gradients", "directional derivatives", "features" };
  for (int k = 0; k < 4; k++)
    {
      double off = apart (pairs[k][0], pairs[k][1], counts[k]) / (apart (pairs[k][1], NULL, counts[k]) + 1e-300);
      cr_assert_lt (off, most, "%s, %zu samples (%s): %s %g apart", p->net->configuration, p->n, what, names[k], off);
    }
}

// Gradients of weights tensor by tensor, so that a small one that is wrong does not hide behind large ones. What
// attention adds to all keys of an image changes nothing: the gradient of the keys' bias is zero but for rounding, of
// which there is as much as in their weights', the tensor before.

static void
compare_tensors (const problem *p, const answer *a, const answer *b, double most, const char *what)
{
  for (size_t k = 0; k < sb_net_tensors (p->net); k++)
    {
      sb_net_tensor tensor = sb_net_tensor_at (p->net, k),
                    scale = sb_net_tensor_at (p->net, strstr (tensor.name, "key.bias") ? k - 1 : k);
      double off = apart (a->theta_bar + tensor.offset, b->theta_bar + tensor.offset, tensor.count)
                   / (apart (b->theta_bar + scale.offset, NULL, scale.count) + 1e-300);
      cr_assert_lt (off, most, "%s, %zu samples (%s): gradient of %s %g apart", p->net->configuration, p->n, what,
                    tensor.name, off);
    }
}

// A bfloat16 has eight significant bits: each stored number is off by up to $2^{-9}$ of itself. Each layer stores once
// forward and once backward, and the errors of so many layers add up as a random walk does. Three times that is allowed
// (1.7 times is the most that is seen below): 0.08 of the norm for the deepest network. Where a term is lost, all of it
// is off.

static double
tolerance (const sb_net *net, sb_net_precision precision)
{
  return precision == SB_NET_FLOAT ? 1e-4 : 3 * ldexp (1, -9) * sqrt (2 * (double)net->count);
}

static void
check (const char *configuration, size_t n, size_t room, sb_net_precision precision, gsl_rng *r)
{
  char what[60];
  size_t mark = scope_mark ();
  problem p = problem_alloc (configuration, n, r);
  answer reference = solve (&p, "openblas", SB_NET_FLOAT, n);
  double most = tolerance (p.net, precision);
  for (size_t k = 0; sb_net_backend_at (k + 1); k++)
    {
      const char *name = sb_net_backend_name (sb_net_backend_at (k));
      if (!sb_net_backend_usable (sb_net_backend_at (k), precision))
        continue;
      snprintf (what, sizeof what, "%s, %zu at a time", name, room);
      answer fast = solve (&p, name, precision, room);
      compare (&p, &fast, &reference, most, what);
      compare_tensors (&p, &fast, &reference, most, what);
    }
  scope_release (mark);
}

// ## What the experiments use

static const char *const networks[]
    = { "unet image=1x28x28 channels=32 multipliers=1,2,2 groups=8",
        "ncsnpp image=1x28x28 channels=16 multipliers=1,2,2 blocks=1 attention=7 time=fourier",
        "ddpmpp image=1x28x28 channels=16 multipliers=1,2,2 blocks=1 attention=7 dropout=0.1",
        "unet image=1x28x28 channels=24 multipliers=1,2,2 attention=7",
        "cnn image=1x28x28 outputs=10",
        "mlp inputs=2 width=64 layers=3",
        "unet image=1x28x28 channels=16 multipliers=1,2 classes=10 condition=1" };

Test (backend, the_experiments_networks)
{
  cr_assert_geq (fast_backends (SB_NET_FLOAT), 1);
  gsl_rng *r = property_rng (1);
  for (size_t k = 0; k < sizeof networks / sizeof *networks; k++)
    {
      check (networks[k], 1, 1, SB_NET_FLOAT, r);
      check (networks[k], 11, 8, SB_NET_FLOAT, r);
    }
  for (size_t n = 1; n <= 11; n += 10)
    check ("unet image=3x16x16 channels=16 multipliers=1,2 blocks=2 groups=4 time=fourier", n, n < 8 ? n : 8,
           SB_NET_FLOAT, r);
}

// ## Odd ones
//
// Channels that fill no block of 16, groups of all sizes (but of four numbers at least: the fewer a group has, the less
// of their differences its norm lets through, and two numbers become 1 and -1), images that are halved to single
// pixels, attention at every level, several blocks, the components of Appendix H, dropout, with and without time,
// classes and pictures.

static size_t
below (gsl_rng *r, size_t n)
{
  return gsl_rng_uniform_int (r, n);
}

static int
random_components (gsl_rng *r, char *line, size_t size)
{
  static const char *const progressions[] = { "none", "skip", "residual" };
  return snprintf (line, size, " resample=%s skip=%s block=%s input=%s output=%s joins=%s dropout=%g",
                   below (r, 2) ? "fir" : "plain", below (r, 2) ? "rescaled" : "sum", below (r, 2) ? "biggan" : "ddpm",
                   progressions[below (r, 3)], progressions[below (r, 3)], below (r, 2) ? "block" : "level",
                   below (r, 2) ? 0.3 : 0);
}

static void
random_network (gsl_rng *r, char *line, size_t size)
{
  static const char *const times[] = { "none", "positional", "fourier" };
  size_t groups = 1 + below (r, 4), channels = groups * (4 + below (r, 9)), levels = 1 + below (r, 3);
  size_t edge = 1U << (levels - 1), height = edge * (1 + below (r, 4)), width = edge * (1 + below (r, 4));
  const char *time = times[below (r, 3)];
  const char *const multipliers[] = { "1", "1,2", "2,1,3" };
  int used, told = 1;
  switch (below (r, 4))
    {
    case 0:
      used = snprintf (line, size, "mlp inputs=%zu outputs=%zu width=%zu layers=%zu time=%s", 1 + below (r, 40),
                       1 + below (r, 40), 1 + below (r, 70), 1 + below (r, 3), time);
      break;
    case 1:
      told = 0;
      used = snprintf (line, size, "cnn image=%zux%zux%zu outputs=%zu channels=%zu multipliers=%s groups=%zu time=%s",
                       1 + below (r, 3), height, width, 1 + below (r, 20), channels, multipliers[levels - 1], groups,
                       time);
      break;
    default:
      used = snprintf (
          line, size,
          "unet image=%zux%zux%zu outputs=%zu channels=%zu multipliers=%s blocks=%zu groups=%zu attention=%zu time=%s",
          1 + below (r, 3), height, width, 1 + below (r, 3), channels, multipliers[levels - 1], 1 + below (r, 2),
          groups, height >> below (r, levels), time);
      used += random_components (r, line + used, size - (size_t)used);
    }
  if (told && below (r, 2))
    used += snprintf (line + used, size - (size_t)used, " condition=%zu", 1 + below (r, 20));
  if (told && time != times[0] && below (r, 2))
    snprintf (line + used, size - (size_t)used, " classes=%zu", 1 + below (r, 5));
}

Test (backend, random_networks)
{
  gsl_rng *r = property_rng (2);
  char line[400];
  for (int k = 0; k < 60; k++)
    {
      random_network (r, line, sizeof line);
      size_t n = 1 + below (r, 6);
      check (line, n, 1 + below (r, 5), SB_NET_FLOAT, r);
    }
}

// ## Half of the bits

Test (backend, half_precision_is_close)
{
  if (fast_backends (SB_NET_BF16) == 0)
    cr_skip_test ("no half precision here");
  gsl_rng *r = property_rng (3);
  for (size_t k = 0; k < sizeof networks / sizeof *networks; k++)
    check (networks[k], 5, 4, SB_NET_BF16, r);
  check ("unet image=2x8x8 channels=20 multipliers=1,2 groups=4 time=fourier", 5, 4, SB_NET_BF16, r);
}

// ## What oneDNN cannot do
//
// A convolution of an image that has fewer than no lines: that is not a matter of memory, and the next is made as if
// nothing had been.

Test (backend, what_a_library_cannot_do_is_no_lack_of_memory)
{
#ifdef HAVE_ONEDNN
  const sb_conv_type *type = &sb_conv_onednn;
  sb_conv_shape shape = { 1, 4, 4, 16, 16, 3, 3, 1 }, impossible = shape;
  impossible.height = (size_t)-4;
  for (int precision = SB_NET_FLOAT; precision <= SB_NET_BF16; precision++)
    {
      if (!sb_onednn_usable ((sb_net_precision)precision))
        continue;
      void *shared, *conv;
      int begun = type->begin ();
      ok (type->alloc ((sb_net_precision)precision, &shared));
      refused (GSL_EFAILED, type->conv_alloc (shared, &impossible, &conv));
      cr_assert_null (conv);
      ok (type->conv_alloc (shared, &shape, &conv));
      type->conv_free (conv);
      type->free (shared);
      type->end (begun);
    }
#else
  cr_skip_test ("built without oneDNN");
#endif
}

// ## Nothing is dropped unasked
//
// Without a stream, a network with dropout is the one without, to the bit, forward and backward.

Test (backend, nothing_is_dropped_unasked)
{
  const char *const lines[] = { "unet image=1x8x8 channels=20 multipliers=1,2 groups=4 dropout=0.5",
                                "unet image=1x8x8 channels=20 multipliers=1,2 groups=4" };
  for (size_t k = 0; sb_net_backend_at (k); k++)
    {
      answer a[2];
      if (!sb_net_backend_usable (sb_net_backend_at (k), SB_NET_FLOAT))
        continue;
      const char *name = sb_net_backend_name (sb_net_backend_at (k));
      for (int one = 0; one < 2; one++)
        {
          problem p = problem_alloc (lines[one], 2, property_rng (5));
          sb_error error = { 0 };
          ok (sb_net_choose (p.net, name, SB_NET_FLOAT, &error), "%s", error.message);
          sb_net_work *work = scoped (sb_net_work_alloc (p.net, 2, 1));
          const sb_net_condition y = { .drop = &(sb_stream){ 5, SB_FOR_DROPOUT, 0 } };
          a[one] = answer_alloc (&p);
          ok (sb_net_forward (p.net, p.theta, 2, p.x, p.label, &y, work, a[one].out)); // not asked any more:
          ok (sb_net_forward (p.net, p.theta, 2, p.x, p.label, NULL, work, a[one].out));
          ok (sb_net_backward (p.net, p.theta, work, p.out_bar, a[one].theta_bar, a[one].x_bar));
          cr_assert (one == 0 || memcmp (a[0].out, a[1].out, p.out * sizeof (float)) == 0, "%s", name);
          cr_assert (one == 0 || memcmp (a[0].x_bar, a[1].x_bar, p.in * sizeof (float)) == 0, "%s", name);
          cr_assert (one == 0 || memcmp (a[0].theta_bar, a[1].theta_bar, p.net->parameters * sizeof (float)) == 0, "%s",
                     name);
        }
    }
}

// ## Asked again
//
// Weights that change between two passes are noticed; a second backward pass, and one after a derivative along a
// direction, give what the first gave, and so do features that are asked for after all this.

Test (backend, nothing_is_left_from_before)
{
  gsl_rng *r = property_rng (4);
  for (size_t k = 0; sb_net_backend_at (k); k++)
    {
      if (!sb_net_backend_usable (sb_net_backend_at (k), SB_NET_FLOAT))
        continue;
      const char *name = sb_net_backend_name (sb_net_backend_at (k));
      problem p = problem_alloc (
          "unet image=1x8x8 channels=20 multipliers=1,2 groups=4 classes=2 condition=17 dropout=0.2", 3, r);
      const sb_net_condition y = { p.pictures, p.classes, &(sb_stream){ 5, SB_FOR_DROPOUT, 0 } };
      answer once = solve (&p, name, SB_NET_FLOAT, 3), again = answer_alloc (&p);
      sb_net_work *work = scoped (sb_net_work_alloc (p.net, 3, 1));
      float *other = gaussians (r, p.net->parameters, 0.1);
      ok (sb_net_forward (p.net, other, 3, p.x, p.label, NULL, work, again.out));
      ok (sb_net_backward (p.net, other, work, p.out_bar, NULL, NULL));
      ok (sb_net_forward (p.net, p.theta, 3, p.x, p.label, &y, work, again.out));
      ok (sb_net_backward (p.net, p.theta, work, p.out_bar, NULL, again.x_bar));
      ok (sb_net_jvp (p.net, p.theta, work, p.x, again.out_dot));
      ok (sb_net_backward (p.net, p.theta, work, p.out_bar, again.theta_bar, NULL));
      sb_net_hidden (p.net, work, again.hidden);
      cr_assert_eq (memcmp (again.out, once.out, p.out * sizeof (float)), 0, "%s", name);
      cr_assert_eq (memcmp (again.hidden, once.hidden, p.hidden * sizeof (float)), 0, "%s", name);
      cr_assert_eq (memcmp (again.x_bar, once.x_bar, p.in * sizeof (float)), 0, "%s", name);
      cr_assert_eq (memcmp (again.theta_bar, once.theta_bar, p.net->parameters * sizeof (float)), 0, "%s", name);
      cr_assert_eq (memcmp (again.out_dot, once.out_dot, p.out * sizeof (float)), 0, "%s", name);
    }
}
