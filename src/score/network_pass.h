#ifndef SCOREBOOK_SCORE_NETWORK_PASS_H
#define SCOREBOOK_SCORE_NETWORK_PASS_H

// Pieces of a network's passes (network.c) that its score takes too; not installed.

#include "network.h"

// The network's output for x, t and y is in pass->out afterwards, in the network's order.
int network_show (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t,
                  const gsl_matrix *y);

// estimate <- p x + q F, with F from `out` and the scales of the last pass.
int network_blend (const sb_network *network, const sb_network_pass *pass, const gsl_matrix *x, const float *out,
                   gsl_matrix *estimate);

// GSL_EUNSUP, GSL_EBADLEN where y is no condition of so many rows.
int network_check_condition (const sb_net *net, size_t rows, const gsl_matrix *y);

#endif
