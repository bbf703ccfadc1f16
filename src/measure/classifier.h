#ifndef SCOREBOOK_MEASURE_CLASSIFIER_H
#define SCOREBOOK_MEASURE_CLASSIFIER_H

#include "../base/error.h"
#include "../net/passes.h"

#include <gsl/gsl_matrix.h>

SB_BEGIN_DECLS

// A classifier of images. Its features, the means of its last channels, replace the Inception network's in the Frechet
// distance; its probabilities, those in the Inception score.
typedef struct
{
  sb_net *net;
  float *theta;
  double low, high; // the range of values it was trained on
  size_t classes, features;
} sb_classifier;

// Read an exported checkpoint: weights, and the notes network and data_range. NULL on failure, with a line in `error`.
sb_classifier *sb_classifier_read (const char *path, sb_error *error);
void sb_classifier_free (sb_classifier *classifier); // NULL is allowed

// Evaluate it on images x (n x d, the channel varies fastest) whose values range from low to high: probabilities (n x
// classes) and features (n x features), either NULL: not wanted. GSL_EBADLEN, GSL_ENOMEM, GSL_EDOM where low is not
// below high, or an image, or the network's output for it, is not finite.
int sb_classifier_look (const sb_classifier *classifier, const gsl_matrix *x, double low, double high,
                        gsl_matrix *probabilities, gsl_matrix *features);

// The network's input for images first, ..., first + count - 1 of x, as above: in, count samples one after the other.
// Errors as above.
int sb_classifier_show (const sb_classifier *classifier, const gsl_matrix *x, double low, double high, size_t first,
                        size_t count, float *in);

// exp(mean of KL(p(y|x) || p(y))), from 1 (the same probabilities for all images) to the number of classes (certain of
// each, all classes equally often). [scoresde.tab3] GSL_EDOM where there are no rows, or one holds no
// probabilities.
int sb_inception_score (const gsl_matrix *probabilities, double *score);

// How many rows (counts, of length K) fall to each class, and how many of all have a probability over `sure`.
// GSL_EDOM as above.
int sb_class_histogram (const gsl_matrix *probabilities, double sure, size_t *counts, size_t *sure_rows);

SB_END_DECLS

#endif
