#ifndef SCOREBOOK_OBJECTIVE_NCSN_H
#define SCOREBOOK_OBJECTIVE_NCSN_H

#include "../base/decls.h"
#include "../base/stream.h"
#include "../score/score.h"

SB_BEGIN_DECLS

// The objective of noise conditional score networks: denoising score matching at L levels, weighted and averaged.
typedef struct
{
  double (*lambda) (double sigma, void *params); // the weight of a level, >= 0; NULL: sigma^2
  void *params;
} sb_ncsn;

// Multiply each row's loss (n) by lambda(sigma), sigma = S(0, t) of its time t (n), and its gradient s_bar (n x d;
// NULL: none) too. With levels drawn by sb_dsm_draw under SMLD's chain, this is the objective's estimate for training.
// GSL_EBADLEN, GSL_EDOM where a weight is negative or not finite, GSL_EUNSUP where the process has no such sigma.
int sb_ncsn_weigh (const sb_ncsn *ncsn, const sb_process *process, const gsl_vector *t, gsl_vector *loss,
                   gsl_matrix *s_bar);

// The objective of each row (n) of data x (n x d): its weighted loss at every one of the L >= 1 times, averaged, with
// noise of the row's stream (stream.purpose is ignored). y: the score's condition, NULL or n rows. As above, and
// GSL_ENOMEM and what the score reports.
int sb_ncsn_objective (const sb_ncsn *ncsn, const sb_score *score, const gsl_matrix *x, const gsl_matrix *y,
                       const gsl_vector *times, sb_stream stream, gsl_vector *loss);

SB_END_DECLS

#endif
