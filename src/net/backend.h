#ifndef SCOREBOOK_NET_BACKEND_H
#define SCOREBOOK_NET_BACKEND_H

#include "graph.h"

// A backend evaluates a list of layers, in a workspace for one thread at a time. The functions of passes.h check
// arguments: there is at least one sample, and no more than the workspace is for. Inputs and outputs are as in
// passes.h, samples first.
struct sb_net_backend
{
  const char *name;
  unsigned precisions;                        // an OR of 1 << sb_net_precision
  int (*usable) (sb_net_precision precision); // on this processor
  int (*fast) (void);                         // whether it is a default choice; NULL: wherever it is usable

  // With `gradients` a backward pass can follow a forward pass. On failure `workspace` is NULL: GSL_ENOMEM, or
  // GSL_EFAILED where a library that computes for the backend cannot.
  int (*workspace_alloc) (const sb_net *net, size_t samples, int gradients, void **workspace);
  void (*workspace_free) (void *workspace);

  int (*forward) (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
                  const sb_net_condition *y, void *workspace, sb_real *out);

  // Once after each forward pass, whose saved numbers it may overwrite. theta_bar is added to, x_bar written; or NULL.
  int (*backward) (const sb_net *net, const sb_real *theta, size_t n, void *workspace, const sb_real *out_bar,
                   sb_real *theta_bar, sb_real *x_bar);

  // After a forward pass: the input of the last layer.
  void (*hidden) (const sb_net *net, size_t n, const void *workspace, sb_real *out);
};

#endif
