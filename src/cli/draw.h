#ifndef SCOREBOOK_CLI_DRAW_H
#define SCOREBOOK_CLI_DRAW_H

#include <scorebook.h>

// How samples are drawn: predictor and corrector on a grid of times, or the adaptive probability flow.
typedef struct
{
  const sb_score *score;
  sb_pc pc; // progress and context are the drawing's own
  bool flow;
  double tolerance;            // of the flow
  const gsl_matrix *condition; // the score's, n rows or one for all; NULL: none
  const sb_known *known;       // likewise; y NULL: nothing is known
  sb_inverse *inverse;         // of the score; H NULL: not of an inverse problem. Its streams are set for each batch
  const gsl_matrix *start;     // where they begin, likewise; NULL: drawn from the prior
  const gsl_vector *times;     // strictly decreasing: the grid, or where the flow's states are wanted
  uint64_t seed;
  size_t batch, states; // states: how many of a trajectory are kept, 0: only the end
  bool quiet;
} drawing;

// The samples (n x d), or with states > 0 the trajectories: row i states + k is sample i at the time t[k].
typedef struct
{
  gsl_matrix *x;
  gsl_vector *t;      // NULL where states is 0
  size_t evaluations; // of the score, per sample; the mean where batches differ
} drawn_samples;

// EXIT_SUCCESS, or EXIT_FAILURE after a complaint. Does not return if it was interrupted.
int draw_samples (const drawing *d, size_t n, drawn_samples *drawn);
void drawn_free (drawn_samples *drawn);

#endif
