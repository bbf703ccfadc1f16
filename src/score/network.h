#ifndef SCOREBOOK_SCORE_NETWORK_H
#define SCOREBOOK_SCORE_NETWORK_H

#include "../net/dual.h"
#include "../net/passes.h"
#include "preconditioning.h"
#include "score.h"

SB_BEGIN_DECLS

// A network as an estimate of the noise in x_t, for any process with parts; or of x_0.
typedef struct
{
  const sb_net *net;         // not owned
  const sb_process *process; // not owned; NULL: a classifier that does not take the time
  float *theta;              // not owned
  sb_prediction prediction;
  sb_label label;
  double data_deviation;         // sigma_data: the standard deviation of a coordinate of the data
  const double *part_deviations; // the same of the coordinates of each part (parts), not owned; NULL: data_deviation

  // How a row becomes the network's input, if not as one image. transform: W, orthonormal and not owned; a row is W
  // times the input. NULL: they are the same. first_channels: the input is two images of one size, one after the other
  // in a row, and this many of its channels are the first's. 0: one image.
  const sb_operator *transform;
  size_t first_channels;
} sb_network;

// Memory for a forward and a backward pass of up to `rows` rows, for one thread. `in` and `out` have the network's
// order, [channels][height][width]; the rows of a batch have that of files, the channel fastest (sb_net_place).
typedef struct
{
  sb_net_work *work; // or
  sb_net_dual *dual;
  size_t rows;
  float *in, *out, *label; // `in` and `out` hold gradients too
  float *given;            // the conditions: pictures, then classes
  float *in_dot, *out_dot; // of a dual pass
  gsl_matrix *numbers;     // rows x d: the input or output, in the order of files
  gsl_matrix *images;      // the same, on the network's side of its transform; NULL: it has none
  gsl_matrix *c, *p, *q;   // rows x parts: the scales at each row's time
  const sb_stream *drop; // what dropout draws from (sb_net_condition), not owned; NULL, as at first: nothing is dropped
} sb_network_pass;

// The view that the passes below are of: the score or the denoiser where the network predicts it or its residual, else
// epsilon.
sb_view sb_network_view (const sb_network *network);

// NULL: as for sb_net_work_alloc.
sb_network_pass *sb_network_pass_alloc (const sb_network *network, size_t rows, int gradients);
void sb_network_pass_free (sb_network_pass *pass);

// estimate (n x d) <- the estimate, in the network's own view, at x (n x d), t (n), given y (n x sb_net_conditions): in
// each row the numbers of the picture, then the class, as far as the network's line has them; class -1 is none. y NULL:
// pictures of zeros, no class. Rows of images, here and below: the channel varies fastest. GSL_EBADLEN where shapes do
// not fit each other or the network, or n is over the rows of the workspace; GSL_EUNSUP where the process has no parts
// (for a residual: where S is no multiple of I), or the network takes no condition; GSL_EDOM where a number of a
// picture is not finite, or a class neither -1 nor one of the network's; else as for the process's numbers and of
// sb_net_forward.
int sb_network_forward (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t,
                        const gsl_matrix *y, gsl_matrix *estimate);

// After it, with the same x and t: estimate_bar is a gradient with respect to the estimate; its gradient with respect
// to theta is added to theta_bar (NULL: not computed), that with respect to x is written to x_bar (n x d, NULL
// likewise; it may be estimate_bar). GSL_EBADLEN also where estimate_bar has not as many rows as x had; GSL_EINVAL
// where the pass was allocated without gradients.
int sb_network_backward (const sb_network *network, sb_network_pass *pass, const gsl_vector *t,
                         const gsl_matrix *estimate_bar, float *theta_bar, gsl_matrix *x_bar);

// After it likewise: estimate_dot <- the derivative of the estimate along x_dot (both n x d; they may be one). By the
// reference backend, which runs the network again. Both need a pass with gradients: GSL_EINVAL; GSL_EBADLEN,
// GSL_ENOMEM.
int sb_network_jvp (const sb_network *network, sb_network_pass *pass, const gsl_vector *t, const gsl_matrix *x_dot,
                    gsl_matrix *estimate_dot);

// A pass of the estimate and its derivative along a direction together, forward and backward: shapes and errors as
// above, in memory of its own. NULL: as for sb_net_dual_alloc (GSL_EUNSUP where the network has self-attention).
sb_network_pass *sb_network_pass_dual_alloc (const sb_network *network, size_t rows);
int sb_network_dual_forward (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t,
                             const gsl_matrix *y, const gsl_matrix *x_dot, gsl_matrix *estimate,
                             gsl_matrix *estimate_dot);
// The gradients of some number with respect to the estimate and estimate_dot: that with respect to theta is added to
// theta_bar.
int sb_network_dual_backward (const sb_network *network, sb_network_pass *pass, const gsl_vector *t,
                              const gsl_matrix *estimate_bar, const gsl_matrix *estimate_dot_bar, float *theta_bar);

// A classifier in place of an estimate: logits (n x the network's outputs) <- F(c x_t, u), a number for each class.
// Where `process` is NULL its input is x unscaled, without the time, and t is ignored. GSL_EBADLEN, and as for
// sb_network_forward.
int sb_network_logits (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t,
                       gsl_matrix *logits);
// After it: logits_bar is a gradient with respect to the logits; theta_bar and x_bar as for sb_network_backward.
int sb_network_logits_backward (const sb_network *network, sb_network_pass *pass, const gsl_matrix *logits_bar,
                                float *theta_bar, gsl_matrix *x_bar);

enum
{
  SB_NETWORK_ROWS = 8
};

// The network as a score, whose condition is the network's, with the same errors. It keeps a pointer to `network`.
// SB_NETWORK_ROWS rows of a batch are evaluated together, on one thread: results are the same to the bit for any number
// of threads, but a row's last bits depend on its place among these, as a matrix product's do on its shape. A batch cut
// at multiples of SB_NETWORK_ROWS gives the same results as the whole. NULL: GSL_ENOMEM.
//
// It has every derivative of a score. sb_score_jvp costs about three evaluations, sb_score_vjp as much as a training
// step, sb_score_divergence, the exact trace, 2 d + 1 evaluations: for images, estimate it from random directions.
sb_score *sb_score_network_alloc (const sb_network *network);

// Allocate its memory for evaluations on one thread now, not in the first of them. GSL_ENOMEM.
int sb_score_network_prepare (const sb_score *score);

// The same, whose sb_score_vjp adds the gradient of sum_i <v_i, view(x_i, t_i)> with respect to theta to theta_bar (a
// number for each of the network's parameters; not owned; NULL: not computed). That gradient is the same to the bit for
// any number of threads, for it is computed on one.
sb_score *sb_score_network_gradient_alloc (const sb_network *network, float *theta_bar);

SB_END_DECLS

#endif
