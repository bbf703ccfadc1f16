#ifndef SCOREBOOK_CLI_STAGES_H
#define SCOREBOOK_CLI_STAGES_H

#include "engine.h"

#include <scorebook.h>

// The models of a multi-scale model's stages, in the order of sampling.
enum
{
  STAGES_MOST = 17
};

typedef struct
{
  size_t count;
  sb_model *model[STAGES_MOST];
  sb_score *score[STAGES_MOST];
  gsl_vector *times[STAGES_MOST];
  sb_operator *haar;
} staged;

// `files`: as many as there are stages, separated by commas, in any order, all of one model. EXIT_SUCCESS, or the
// status after a complaint that names the file.
int stages_open (const char *files, const network_engine *engine, staged *s);
void stages_close (staged *s);

// Divide `steps` steps evenly among the stages. EXIT_SUCCESS, or the status after a complaint.
int stages_divide (staged *s, uint64_t steps);

// How samples are drawn: n, by `pc`, a batch at a time; images (n x d). EXIT_SUCCESS, or EXIT_FAILURE after a
// complaint.
typedef struct
{
  sb_pc pc;
  bool frozen, quiet;
  uint64_t seed;
  size_t batch;
} staged_drawing;

int stages_draw (const staged *s, const staged_drawing *d, gsl_matrix *images, size_t *evaluations);

#endif
