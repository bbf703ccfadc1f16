#ifndef SCOREBOOK_SCORE_TIMED_CLASSIFIER_H
#define SCOREBOOK_SCORE_TIMED_CLASSIFIER_H

#include "network.h"

SB_BEGIN_DECLS

// A time-dependent classifier p_t(y | x_t): a network's class probabilities of x_t, with the time as an input. Rows are
// evaluated as those of a score by a network (SB_NETWORK_ROWS), and results are the same to the bit for any number of
// threads.
typedef struct sb_timed_classifier sb_timed_classifier;

// Keeps a pointer to the network, whose outputs are the classes' logits and whose process is that of x_t. NULL:
// GSL_EINVAL where it has no process, GSL_ENOMEM.
sb_timed_classifier *sb_timed_classifier_alloc (const sb_network *network);
void sb_timed_classifier_free (sb_timed_classifier *classifier); // NULL is allowed

size_t sb_timed_classifier_classes (const sb_timed_classifier *classifier);

// p (n x classes) <- the probabilities of the classes at x (n x d), t (n). GSL_EBADLEN, GSL_ENOMEM, and as for the
// process's numbers.
int sb_timed_classifier_probabilities (const sb_timed_classifier *classifier, const gsl_matrix *x, const gsl_vector *t,
                                       gsl_matrix *p);

// out_i (n x d) <- the gradient of log p_t(y_i | x_i) with respect to x_i: as sb_guidance's gradient, its params an
// sb_timed_classifier. y (n x 1) are the classes, from 0. Errors as above, and GSL_EDOM where one is not the
// classifier's.
int sb_timed_classifier_gradient (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out,
                                  void *params);

SB_END_DECLS

#endif
