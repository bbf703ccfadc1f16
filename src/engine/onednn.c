// # Convolutions by oneDNN
//
// oneDNN generates machine code for a convolution of given sizes: a *primitive*, made once and run many times. It has
// three for a layer (forward, gradient of the input, gradient of the weights), each of which may require the weights in
// an order of its own. Two algorithms are used. The direct one comes close to the processor's peak. Winograd's (Lavin
// and Gray, 2016) needs fewer multiplications: a 4 x 4 tile of the output takes 36 products of channels in place of
// 144, after transforms of tiles and weights that cost little where there are many tiles and channels.

#include "conv.h"

#include "blocked.h"

#include <gsl/gsl_errno.h>
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if DNNL_VERSION_MAJOR != 2
#error "written for oneDNN 2: version 3 has other functions"
#endif

// ## This processor, and this process
//
// It needs the processor's instructions, and memory that is both writable and executable, which hardened systems
// refuse. That is tried with a page.

static int
may_run_code (void)
{
  const size_t page = (size_t)sysconf (_SC_PAGESIZE);
  void *memory = mmap (NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return 1; // another failure, which the next allocation will report
  const int may = mprotect (memory, page, PROT_READ | PROT_WRITE | PROT_EXEC) == 0;
  munmap (memory, page);
  return may;
}

int
sb_onednn_usable (sb_net_precision precision)
{
  unsigned isa = (unsigned)dnnl_get_effective_cpu_isa ();
  unsigned wanted = (unsigned)(precision == SB_NET_BF16 ? dnnl_cpu_isa_avx512_core_bf16 : dnnl_cpu_isa_avx512_core);
  return (isa & wanted) == wanted && may_run_code ();
}

// ## One thread

// oneDNN uses as many threads as OpenMP offers, and its sums depend on their number. Here it has one.

static int
begin (void)
{
  int threads = omp_get_max_threads ();
  omp_set_num_threads (1);
  return threads;
}

static void
end (int threads)
{
  omp_set_num_threads (threads);
}

// ## Errors
//
// Calls are chained until one fails: `failed = failed ? failed : next ()`. Any failure but of memory means that oneDNN
// does not support the operation.

static int
status_of (dnnl_status_t failed)
{
  return failed == dnnl_success ? GSL_SUCCESS : failed == dnnl_out_of_memory ? GSL_ENOMEM : GSL_EFAILED;
}

// ## Engine

typedef struct
{
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  dnnl_primitive_attr_t plain, adding; // scratch is ours; adding: a copy that adds to its output
  dnnl_data_type_t value;
} engine;

static void
engine_free (void *shared)
{
  engine *dnn = shared;
  if (!dnn)
    return;
  dnnl_primitive_attr_destroy (dnn->adding);
  dnnl_primitive_attr_destroy (dnn->plain);
  dnnl_stream_destroy (dnn->stream);
  dnnl_engine_destroy (dnn->engine);
  free (dnn);
}

static dnnl_status_t
make_attributes (engine *dnn)
{
  dnnl_post_ops_t sum = NULL;
  dnnl_status_t failed = dnnl_primitive_attr_create (&dnn->plain);
  failed = failed ? failed : dnnl_primitive_attr_create (&dnn->adding);
  failed = failed ? failed : dnnl_primitive_attr_set_scratchpad_mode (dnn->plain, dnnl_scratchpad_mode_user);
  failed = failed ? failed : dnnl_primitive_attr_set_scratchpad_mode (dnn->adding, dnnl_scratchpad_mode_user);
  failed = failed ? failed : dnnl_post_ops_create (&sum);
  failed = failed ? failed : dnnl_post_ops_append_sum (sum, 1);
  failed = failed ? failed : dnnl_primitive_attr_set_post_ops (dnn->adding, sum);
  dnnl_post_ops_destroy (sum);
  return failed;
}

static int
engine_alloc (sb_net_precision precision, void **shared)
{
  engine *dnn = *shared = calloc (1, sizeof *dnn);
  if (!dnn)
    return GSL_ENOMEM;
  dnn->value = precision == SB_NET_BF16 ? dnnl_bf16 : dnnl_f32;
  dnnl_status_t failed = dnnl_engine_create (&dnn->engine, dnnl_cpu, 0);
  failed = failed ? failed : dnnl_stream_create (&dnn->stream, dnn->engine, dnnl_stream_default_flags);
  failed = failed ? failed : make_attributes (dnn);
  if (failed)
    {
      engine_free (dnn);
      *shared = NULL;
    }
  return status_of (failed);
}

// ## A primitive and its arguments

enum
{
  ARGUMENTS = 6
};

typedef struct
{
  dnnl_primitive_t primitive;
  const_dnnl_primitive_desc_t about; // belongs to the primitive
  dnnl_exec_arg_t argument[ARGUMENTS];
  int arguments;
  size_t scratch; // bytes
} action;

static void
action_free (action *a)
{
  for (int k = 0; k < a->arguments; k++)
    dnnl_memory_destroy (a->argument[k].memory);
  dnnl_primitive_destroy (a->primitive);
}

static dnnl_status_t
action_make (action *a, dnnl_primitive_desc_t about)
{
  dnnl_status_t failed = dnnl_primitive_create (&a->primitive, about);
  failed = failed ? failed : dnnl_primitive_get_primitive_desc (a->primitive, &a->about);
  dnnl_primitive_desc_destroy (about);
  if (!failed)
    a->scratch = dnnl_memory_desc_get_size (dnnl_primitive_desc_query_md (a->about, dnnl_query_scratchpad_md, 0));
  return failed;
}

static int
action_bind (const engine *dnn, action *a, int name, const dnnl_memory_desc_t *shape, void *where)
{
  dnnl_exec_arg_t *argument = &a->argument[a->arguments];
  int status = status_of (dnnl_memory_create (&argument->memory, shape, dnn->engine, where));
  argument->arg = name;
  a->arguments += !status;
  return status;
}

static const dnnl_memory_desc_t *
shape_of (const action *a, dnnl_query_t what)
{
  return dnnl_primitive_desc_query_md (a->about, what, 0);
}

static int
action_run (const engine *dnn, const action *a)
{
  return status_of (dnnl_primitive_execute (a->primitive, dnn->stream, a->arguments, a->argument));
}

// ## A convolution

typedef struct
{
  const engine *dnn;
  sb_conv_shape shape;
  dnnl_memory_desc_t x, y, b, stored; // stored: W, a row for each output
  action forward, of_data, of_weights;
  action lay, lay_transposed, add; // W to the order of the first and second action, the third's result back to rows
  void *W, *W_transposed;          // in these orders; the same where the orders are
  float *rows;                     // NULL: theta's own
  float *bias, *bias_bar;
  float *W_bar; // in the scratch
} convolution;

// Channels come in blocks of 16, the last padded with zeros: oneDNN takes the padding for channels too, so that blocks
// are always whole. Then the rows of W are longer than theta's, and are stored in a copy.

static int
has_own_rows (const sb_conv_shape *s)
{
  return s->in % SB_LANES || s->out % SB_LANES || s->kernel != s->stored_kernel;
}

static dnnl_status_t
describe (convolution *c)
{
  const sb_conv_shape *s = &c->shape;
  dnnl_dim_t images = (dnnl_dim_t)s->images, height = (dnnl_dim_t)s->height, width = (dnnl_dim_t)s->width,
             in = (dnnl_dim_t)sb_blocked_filled (s->in), out = (dnnl_dim_t)sb_blocked_filled (s->out),
             k = (dnnl_dim_t)s->kernel;
  dnnl_dims_t x = { images, in, height, width }, y = { images, out, height, width }, W = { out, in, k, k };
  dnnl_status_t failed = dnnl_memory_desc_init_by_tag (&c->x, 4, x, c->dnn->value, dnnl_nChw16c);
  failed = failed ? failed : dnnl_memory_desc_init_by_tag (&c->y, 4, y, c->dnn->value, dnnl_nChw16c);
  failed = failed ? failed : dnnl_memory_desc_init_by_tag (&c->b, 1, W, dnnl_f32, dnnl_x);
  return failed ? failed : dnnl_memory_desc_init_by_tag (&c->stored, 4, W, dnnl_f32, dnnl_oihw);
}

// oneDNN chooses the best order of the weights ("any"). The gradients' descriptions require the forward one as a hint.

static dnnl_status_t
about (const convolution *c, dnnl_prop_kind_t kind, dnnl_alg_kind_t algorithm, dnnl_primitive_desc_t of_forward,
       dnnl_primitive_desc_t *description)
{
  const sb_conv_shape *s = &c->shape;
  dnnl_dims_t ones = { 1, 1 }, edge = { (dnnl_dim_t)s->kernel / 2, (dnnl_dim_t)s->kernel / 2 };
  dnnl_memory_desc_t W;
  dnnl_convolution_desc_t d;
  dnnl_data_type_t type = kind == dnnl_backward_weights ? dnnl_f32 : c->dnn->value; // gradients are summed in float
  dnnl_status_t failed = dnnl_memory_desc_init_by_tag (&W, 4, c->stored.dims, type, dnnl_format_tag_any);
  if (failed)
    return failed;
  if (kind == dnnl_forward_training)
    failed = dnnl_convolution_forward_desc_init (&d, kind, algorithm, &c->x, &W, &c->b, &c->y, ones, edge, edge);
  else if (kind == dnnl_backward_data)
    failed = dnnl_convolution_backward_data_desc_init (&d, algorithm, &c->x, &W, &c->y, ones, edge, edge);
  else
    failed = dnnl_convolution_backward_weights_desc_init (&d, algorithm, &c->x, &W, &c->b, &c->y, ones, edge, edge);
  return failed ? failed : dnnl_primitive_desc_create (description, &d, c->dnn->plain, c->dnn->engine, of_forward);
}

// Winograd's where it is faster: measured on the networks of the experiments.

enum
{
  TILES = 32 // in all images; fewer, and transforming the weights costs more than is saved
};

static dnnl_alg_kind_t
best_algorithm (const convolution *c)
{
  const sb_conv_shape *s = &c->shape;
  size_t tiles = s->images * ((s->height + 3) / 4) * ((s->width + 3) / 4);
  int pays = c->dnn->value == dnnl_f32 && s->kernel == 3 && tiles >= TILES;
  return pays ? dnnl_convolution_winograd : dnnl_convolution_direct;
}

static dnnl_status_t
make_with (convolution *c, dnnl_prop_kind_t kind, dnnl_alg_kind_t algorithm, action *a)
{
  dnnl_primitive_desc_t of_forward = NULL, description = NULL;
  dnnl_status_t failed = about (c, dnnl_forward_training, algorithm, NULL, &of_forward);
  if (!failed && kind == dnnl_forward_training)
    return action_make (a, of_forward);
  failed = failed ? failed : about (c, kind, algorithm, of_forward, &description);
  dnnl_primitive_desc_destroy (of_forward);
  return failed ? failed : action_make (a, description);
}

static dnnl_status_t
make (convolution *c, dnnl_prop_kind_t kind, action *a)
{
  dnnl_alg_kind_t best = best_algorithm (c);
  dnnl_status_t failed = make_with (c, kind, best, a);
  return failed && best != dnnl_convolution_direct ? make_with (c, kind, dnnl_convolution_direct, a) : failed;
}

static dnnl_status_t
make_all (convolution *c)
{
  dnnl_status_t failed = describe (c);
  failed = failed ? failed : make (c, dnnl_forward_training, &c->forward);
  if (!c->shape.gradients)
    return failed;
  failed = failed ? failed : make (c, dnnl_backward_data, &c->of_data);
  return failed ? failed : make (c, dnnl_backward_weights, &c->of_weights);
}

// ## From one order of the weights to another

static int
make_copy (const engine *dnn, const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to,
           const_dnnl_primitive_attr_t how, action *a)
{
  dnnl_primitive_desc_t description = NULL;
  dnnl_status_t failed = dnnl_reorder_primitive_desc_create (&description, from, dnn->engine, to, dnn->engine, how);
  return status_of (failed ? failed : action_make (a, description));
}

static void *
tensor_alloc (const dnnl_memory_desc_t *shape)
{
  size_t bytes = (dnnl_memory_desc_get_size (shape) + 63) / 64 * 64;
  void *tensor = aligned_alloc (64, bytes + 64);
  if (tensor)
    memset (tensor, 0, bytes + 64);
  return tensor;
}

// The weights in the order of the second action: a copy of their own, unless that is the order of the first.

static int
copy_transposed (convolution *c)
{
  const dnnl_memory_desc_t *W = shape_of (&c->forward, dnnl_query_weights_md),
                           *T = shape_of (&c->of_data, dnnl_query_weights_md);
  if (dnnl_memory_desc_equal (W, T))
    {
      c->W_transposed = c->W;
      return GSL_SUCCESS;
    }
  c->W_transposed = tensor_alloc (T);
  return c->W_transposed ? make_copy (c->dnn, &c->stored, T, c->dnn->plain, &c->lay_transposed) : GSL_ENOMEM;
}

static int
make_copies (convolution *c)
{
  const dnnl_memory_desc_t *W = shape_of (&c->forward, dnnl_query_weights_md);
  c->W = tensor_alloc (W);
  int status = c->W ? make_copy (c->dnn, &c->stored, W, c->dnn->plain, &c->lay) : GSL_ENOMEM;
  if (status || !c->shape.gradients)
    return status;
  const dnnl_memory_desc_t *bar = shape_of (&c->of_weights, dnnl_query_diff_weights_md);
  status = copy_transposed (c);
  return status ? status : make_copy (c->dnn, bar, &c->stored, c->rows ? c->dnn->plain : c->dnn->adding, &c->add);
}

// ## Making and binding

static void
conv_free (void *conv)
{
  convolution *c = conv;
  if (!c)
    return;
  action *const actions[] = { &c->forward, &c->of_data, &c->of_weights, &c->lay, &c->lay_transposed, &c->add };
  for (size_t k = 0; k < sizeof actions / sizeof *actions; k++)
    action_free (actions[k]);
  if (c->W_transposed != c->W)
    free (c->W_transposed);
  free (c->W);
  free (c->rows);
  free (c->bias);
  free (c);
}

static int
furnish (convolution *c)
{
  size_t out = sb_blocked_filled (c->shape.out), in = sb_blocked_filled (c->shape.in);
  c->bias = calloc (2 * out, sizeof *c->bias);
  if (has_own_rows (&c->shape))
    c->rows = calloc (out * in * c->shape.kernel * c->shape.kernel, sizeof *c->rows);
  if (!c->bias || (has_own_rows (&c->shape) && !c->rows))
    return GSL_ENOMEM;
  c->bias_bar = c->bias + out;
  int status = status_of (make_all (c));
  return status ? status : make_copies (c);
}

static int
conv_alloc (void *shared, const sb_conv_shape *shape, void **conv)
{
  convolution *c = *conv = calloc (1, sizeof *c);
  if (!c)
    return GSL_ENOMEM;
  c->dnn = shared;
  c->shape = *shape;
  int status = furnish (c);
  if (status)
    {
      conv_free (c);
      *conv = NULL;
    }
  return status;
}

static size_t
weights_size (const convolution *c)
{
  if (!c->shape.gradients)
    return 0;
  return (dnnl_memory_desc_get_size (shape_of (&c->of_weights, dnnl_query_diff_weights_md)) + 63) / 64 * 64;
}

static size_t
conv_scratch (const void *conv)
{
  const convolution *c = conv;
  const action *const actions[] = { &c->forward, &c->of_data, &c->of_weights, &c->lay, &c->lay_transposed, &c->add };
  size_t most = 0;
  for (size_t k = 0; k < sizeof actions / sizeof *actions; k++)
    most = actions[k]->scratch > most ? actions[k]->scratch : most;
  return weights_size (c) + most;
}

typedef struct
{
  action *action;
  int name;
  const dnnl_memory_desc_t *shape;
  void *where;
} binding;

static int
bind_all (const engine *dnn, size_t count, const binding *bindings)
{
  int status = GSL_SUCCESS;
  for (size_t k = 0; k < count && !status; k++)
    if (bindings[k].action->primitive)
      status = action_bind (dnn, bindings[k].action, bindings[k].name, bindings[k].shape, bindings[k].where);
  return status;
}

static int
bind_scratch (convolution *c, action *a, void *scratch)
{
  if (!a->primitive || a->scratch == 0)
    return GSL_SUCCESS;
  return action_bind (c->dnn, a, DNNL_ARG_SCRATCHPAD, shape_of (a, dnnl_query_scratchpad_md), scratch);
}

static int
bind_gradients (convolution *c, void *x, void *x_bar, void *y_bar)
{
  const dnnl_memory_desc_t *T = shape_of (&c->of_data, dnnl_query_weights_md),
                           *bar = shape_of (&c->of_weights, dnnl_query_diff_weights_md);
  const binding bindings[] = { { &c->of_data, DNNL_ARG_DIFF_SRC, &c->x, x_bar },
                               { &c->of_data, DNNL_ARG_DIFF_DST, &c->y, y_bar },
                               { &c->of_data, DNNL_ARG_WEIGHTS, T, c->W_transposed },
                               { &c->of_weights, DNNL_ARG_SRC, &c->x, x },
                               { &c->of_weights, DNNL_ARG_DIFF_DST, &c->y, y_bar },
                               { &c->of_weights, DNNL_ARG_DIFF_WEIGHTS, bar, c->W_bar },
                               { &c->of_weights, DNNL_ARG_DIFF_BIAS, &c->b, c->bias_bar },
                               { &c->add, DNNL_ARG_FROM, bar, c->W_bar },
                               { &c->add, DNNL_ARG_TO, &c->stored, DNNL_MEMORY_NONE },
                               { &c->lay_transposed, DNNL_ARG_FROM, &c->stored, DNNL_MEMORY_NONE },
                               { &c->lay_transposed, DNNL_ARG_TO, T, c->W_transposed } };
  return bind_all (c->dnn, sizeof bindings / sizeof *bindings, bindings);
}

static int
conv_bind (void *conv, void *x, void *y, void *x_bar, void *y_bar, void *scratch)
{
  convolution *c = conv;
  const dnnl_memory_desc_t *W = shape_of (&c->forward, dnnl_query_weights_md);
  c->W_bar = scratch;
  void *action_scratch = (char *)scratch + weights_size (c);
  const binding bindings[] = { { &c->forward, DNNL_ARG_SRC, &c->x, x },
                               { &c->forward, DNNL_ARG_DST, &c->y, y },
                               { &c->forward, DNNL_ARG_WEIGHTS, W, c->W },
                               { &c->forward, DNNL_ARG_BIAS, &c->b, c->bias },
                               { &c->lay, DNNL_ARG_FROM, &c->stored, DNNL_MEMORY_NONE },
                               { &c->lay, DNNL_ARG_TO, W, c->W } };
  int status = bind_all (c->dnn, sizeof bindings / sizeof *bindings, bindings);
  if (!status && c->shape.gradients)
    status = bind_gradients (c, x, x_bar, y_bar);
  action *const actions[] = { &c->forward, &c->of_data, &c->of_weights, &c->lay, &c->lay_transposed, &c->add };
  for (size_t k = 0; k < sizeof actions / sizeof *actions && !status; k++)
    status = bind_scratch (c, actions[k], action_scratch);
  return status;
}

// ## Weights in and gradients out
//
// Between theta and rows of our own: every tap, or only the centre of 3 x 3.

static size_t
stored_size (const convolution *c)
{
  return c->shape.out * c->shape.in * c->shape.stored_kernel * c->shape.stored_kernel;
}

static float *
row_of (const convolution *c, size_t o, size_t i)
{
  return c->rows + (o * sb_blocked_filled (c->shape.in) + i) * c->shape.kernel * c->shape.kernel;
}

static void
fill_rows (const convolution *c, const float *theta)
{
  size_t taps = c->shape.kernel * c->shape.kernel, stored = c->shape.stored_kernel * c->shape.stored_kernel;
  for (size_t o = 0; o < c->shape.out; o++)
    for (size_t i = 0; i < c->shape.in; i++, theta += stored)
      memcpy (row_of (c, o, i), theta + (stored - taps) / 2, taps * sizeof *theta);
}

static void
add_rows (const convolution *c, float *theta_bar)
{
  size_t taps = c->shape.kernel * c->shape.kernel, stored = c->shape.stored_kernel * c->shape.stored_kernel;
  for (size_t o = 0; o < c->shape.out; o++)
    for (size_t i = 0; i < c->shape.in; i++, theta_bar += stored)
      for (size_t t = 0; t < taps; t++)
        theta_bar[(stored - taps) / 2 + t] += row_of (c, o, i)[t];
}

static int
copy_with (const convolution *c, const action *a, int name, const float *rows)
{
  for (int k = 0; k < a->arguments; k++)
    if (a->argument[k].arg == name && dnnl_memory_set_data_handle (a->argument[k].memory, (void *)rows))
      return GSL_EFAILED;
  return action_run (c->dnn, a);
}

static int
conv_weights (void *conv, const float *theta)
{
  const convolution *c = conv;
  memcpy (c->bias, theta + stored_size (c), c->shape.out * sizeof *c->bias);
  if (c->rows)
    fill_rows (c, theta);
  const float *rows = c->rows ? c->rows : theta;
  int status = copy_with (c, &c->lay, DNNL_ARG_FROM, rows);
  if (!status && c->lay_transposed.primitive)
    status = copy_with (c, &c->lay_transposed, DNNL_ARG_FROM, rows);
  return status;
}

// ## Running

static int
conv_forward (void *conv)
{
  const convolution *c = conv;
  return action_run (c->dnn, &c->forward);
}

static int
conv_backward_data (void *conv)
{
  const convolution *c = conv;
  return action_run (c->dnn, &c->of_data);
}

static int
conv_backward_weights (void *conv, float *theta_bar)
{
  const convolution *c = conv;
  int status = action_run (c->dnn, &c->of_weights);
  if (!status)
    status = copy_with (c, &c->add, DNNL_ARG_TO, c->rows ? c->rows : theta_bar);
  if (!status && c->rows)
    add_rows (c, theta_bar);
  for (size_t o = 0; o < c->shape.out && !status; o++)
    theta_bar[stored_size (c) + o] += c->bias_bar[o];
  return status;
}

const sb_conv_type sb_conv_onednn = { .begin = begin,
                                      .end = end,
                                      .alloc = engine_alloc,
                                      .free = engine_free,
                                      .conv_alloc = conv_alloc,
                                      .conv_free = conv_free,
                                      .scratch = conv_scratch,
                                      .bind = conv_bind,
                                      .weights = conv_weights,
                                      .forward = conv_forward,
                                      .backward_data = conv_backward_data,
                                      .backward_weights = conv_backward_weights };
