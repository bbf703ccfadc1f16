#ifndef SCOREBOOK_CLI_GUIDANCE_H
#define SCOREBOOK_CLI_GUIDANCE_H

#include "engine.h"
#include "named_law.h"
#include "options.h"

#define NO_CLASS UINT64_MAX
#define EACH_CLASS (UINT64_MAX - 1) // 0, 1, ... in turn

// What options require of the samples beyond their law; NULL, NaN and NO_CLASS: not given.
typedef struct
{
  const char *class_text; // a number, or "each"; NULL: none
  uint64_t class;         // that number, once guidance_check has read it; EACH_CLASS
  size_t classes;         // of the model
  const char *classifier;
  double weight;
  const char *known, *mask, *grey, *start;
  const char *operator, * matrix, *measurement;
  double noise;
  bool one_path;
} guidance_options;

guidance_options guidance_options_none (void);

// -1 where they are compatible, else the exit status of a complaint. flow: samples are made by the probability flow;
// model: NULL, or the file that the score is read from.
int guidance_check (guidance_options *o, bool flow, const char *model);

// What samples are drawn with: the score given, or a guided one; its condition; and what is known of the samples. There
// are as many rows as samples, or one for all.
typedef struct
{
  const sb_score *score;
  gsl_matrix *condition; // NULL: none
  sb_known known;        // y NULL: nothing is known
  gsl_matrix *start;     // where samples begin; NULL: in the prior
  sb_inverse inverse;    // H NULL: nothing was measured

  // What these consist of, to be freed.
  sb_model *model;
  sb_timed_classifier *classifier;
  sb_operator *H, *basis;
  gsl_matrix *y;
  gsl_vector *mask;
  sb_score *guided;
} guidance;

// n samples of `look`'s kind, whose score is given and, like `look`, kept by address. EXIT_SUCCESS, or the status after
// a complaint.
int guidance_open (const guidance_options *o, const network_engine *engine, const named_law *look,
                   const sb_score *score, uint64_t n, guidance *g);
void guidance_close (guidance *g);

// Whether two processes of one dimension have the same name and levels, and do the same to points. A classifier must
// have the process of the samples, the model that a training begins with that of the training.
bool same_process (const sb_process *a, const sb_process *b);

#endif
