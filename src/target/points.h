#ifndef SCOREBOOK_TARGET_POINTS_H
#define SCOREBOOK_TARGET_POINTS_H

// Shared by the files on point masses; not installed.

#include "law.h"

typedef struct
{
  size_t K, d;
  gsl_matrix *mu;           // K x d
  const gsl_matrix *values; // K x d: the points that the denoiser averages; mu itself, unless a process has mapped mu
  double *half_norm;        // K: |mu_k|^2 / 2
  double *log_w;            // K
  double *cumulative;       // K
  double largest;           // max_k |mu_k|
} points;

extern const sb_target_type points_type; // the functions of sb_target_type; the state is `points`

void points_measure_norms (points *law); // half_norm and largest, of mu

// Answers a question under any process whose maps can be applied (points_under_maps.c).
int points_answer_under_maps (const points *law, const sb_process *process, const sb_target_question *question);

#endif
