#ifndef SCOREBOOK_TRAIN_OBSERVED_EXAMPLES_H
#define SCOREBOOK_TRAIN_OBSERVED_EXAMPLES_H

#include "../operator/observations.h"
#include "trainer.h"

SB_BEGIN_DECLS

// Images and an observation of each, drawn anew with it: as a pair in one row, the observation after the image, or as
// the image's condition; shown at the image's size (sb_observation_show). The address is kept.
typedef struct
{
  sb_examples images;
  const sb_observation *observation; // not owned
  bool pairs;                        // rows are pairs, and there are no conditions
} sb_observed_examples;

sb_examples sb_examples_observed (const sb_observed_examples *examples);

// The first d of the bands of images, where rows have d numbers: those of a stage of a multi-scale model.
typedef struct
{
  sb_examples images;
  const sb_operator *haar; // not owned
} sb_band_examples;

sb_examples sb_examples_of_bands (const sb_band_examples *examples);

// The deviation of the coordinates of each part of the process around their mean, over `rows` draws from the stream;
// part_deviation (parts). 0 becomes 1. GSL_ENOMEM, and what drawing returns.
int sb_examples_deviations (const sb_examples *examples, const sb_process *process, size_t rows, sb_stream stream,
                            double *part_deviation);

SB_END_DECLS

#endif
