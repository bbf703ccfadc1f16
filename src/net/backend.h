#ifndef SCOREBOOK_NET_BACKEND_H
#define SCOREBOOK_NET_BACKEND_H

#include "graph.h"

// A backend computes what a list of layers says. It is given room for one thread at a time, and by the functions of
// passes.h arguments that fit: samples are there, and not more of them than there is room for. Numbers come and go as
// in passes.h, samples first.
struct sb_net_backend
{
  const char *name;
  unsigned precisions;                        // an OR of 1 << sb_net_precision
  int (*usable) (sb_net_precision precision); // on this processor
  int (*fast) (void);                         // whether it is to be chosen unasked; NULL: wherever it is usable

  // With `gradients` a backward pass can follow a forward pass. On failure `room` is NULL: GSL_ENOMEM, or GSL_EFAILED where a
  // library that computes for the backend cannot.
  int (*room_alloc) (const sb_net *net, size_t samples, int gradients, void **room);
  void (*room_free) (void *room);

  int (*forward) (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label, void *room,
                  sb_real *out);

  // Once after each forward pass: it may use up what that one left. theta_bar is added to, x_bar written; or NULL.
  int (*backward) (const sb_net *net, const sb_real *theta, size_t n, void *room, const sb_real *out_bar,
                   sb_real *theta_bar, sb_real *x_bar);

  // After a forward pass: what the last layer has read.
  void (*hidden) (const sb_net *net, size_t n, const void *room, sb_real *out);
};

#endif
