#ifndef SCOREBOOK_NET_PASSES_H
#define SCOREBOOK_NET_PASSES_H

#include "graph.h"

SB_BEGIN_DECLS

// A workspace for passes of up to `samples` samples, by the network's backend; `gradients`: for backward and jvp too.
typedef struct
{
  size_t samples, n; // at most; in the last forward pass
  int gradients;
  int spent;            // a backward pass has overwritten the numbers saved by the forward pass
  const sb_real *theta; // of the last forward pass, not owned
  sb_real *x, *label;   // a copy of its input
  sb_real *given;       // and of its condition,
  sb_net_condition y;   // whose pointers are to that copy, or NULL
  sb_stream drop;       // and there its stream
  sb_real *out;         // for an output that the caller does not need
  const sb_net_backend *backend;
  void *workspace; // the backend's
  void *along;     // for jvp, from its first call on
} sb_net_work;

// NULL: GSL_ENOMEM, or GSL_EFAILED where oneDNN cannot compute one of the layers.
sb_net_work *sb_net_work_alloc (const sb_net *net, size_t samples, int gradients);
void sb_net_work_free (sb_net_work *work);

// out = f(x, label, y; theta). x, out: n samples one after the other, each [channels][height][width] (rows of a batch
// go through sb_net_place); label: n numbers, or NULL: zeros; y: the condition, NULL: none. GSL_EINVAL where n is over
// work->samples.
int sb_net_forward (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
                    const sb_net_condition *y, sb_net_work *work, sb_real *out);

// After sb_net_forward with the same theta and work: given out_bar, the gradient of some number with respect to out,
// add its gradient with respect to theta to theta_bar (NULL: not computed) and write that with respect to x to x_bar
// (NULL likewise). A second time after the same forward pass, it runs that again first. GSL_EINVAL where `work` was
// allocated without gradients. After a forward pass of no samples nothing is added, and nothing written to x_bar.
int sb_net_backward (const sb_net *net, const sb_real *theta, sb_net_work *work, const sb_real *out_bar,
                     sb_real *theta_bar, sb_real *x_bar);

// After sb_net_forward, likewise: out_dot = (d out / d x) x_dot. Computed by the reference, whatever the backend, in a
// workspace that is allocated at the first call: GSL_ENOMEM. GSL_EINVAL, and no samples, as above.
int sb_net_jvp (const sb_net *net, const sb_real *theta, sb_net_work *work, const sb_real *x_dot, sb_real *out_dot);

// After sb_net_forward, with theta unchanged: the input of the last layer, n samples one after the other, each
// sb_net_shape_size (net->layers[net->count - 1].in[0]) numbers. (For a classifier, its features.) After
// sb_net_backward it runs forward again first.
int sb_net_hidden (const sb_net *net, sb_net_work *work, sb_real *hidden);

// After sb_net_forward, with theta unchanged: the name of the first layer whose output is not finite, NULL where all
// are. It computes them all again.
const char *sb_net_not_finite (const sb_net *net, const sb_net_work *work);

// The number of the layer with this name; net->count where none has it, or more than one ("add").
size_t sb_net_layer_named (const sb_net *net, const char *name);

// The outputs of `count` layers, by number, for n samples, given as to sb_net_forward: out[k], n samples one after the
// other, each sb_net_shape_size (net->layers[layer[k]].out) numbers. Computed by the reference, whatever the backend,
// in a workspace of its own, without a forward pass before. GSL_EINVAL where there is no such layer, GSL_ENOMEM.
int sb_net_layer_outputs (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
                          const sb_net_condition *y, size_t count, const size_t *layer, sb_real *const *out);

SB_END_DECLS

#endif
