#ifndef SCOREBOOK_SCORE_PRECONDITIONING_H
#define SCOREBOOK_SCORE_PRECONDITIONING_H

#include "../base/decls.h"
#include "../base/entry.h"
#include "../process/view.h"

#include <stdbool.h>

SB_BEGIN_DECLS

// What the network's output means. x_t has mean a x_0 and standard deviation sd around it.
typedef enum
{
  SB_PREDICTS_EPSILON, // E[z | x_t] = F(c x_t, u), as DDPM and NCSN do
  SB_PREDICTS_MIXED, // a blend of denoiser and epsilon that is well scaled at every noise level (Karras et al., 2022, Table 1)
  SB_PREDICTS_SCORE, // the score is F(x, u), nothing scaled: for score matching on data that have a score of their own
  SB_PREDICTS_RESIDUAL // E[x_0 | x_t] = x_t + sigma_data F(c x_t, u): for any process where S = sd I
} sb_prediction;

// How the time is given to the network.
typedef enum
{
  SB_LABEL_TIME,             // u = 1000 t: DDPM's step index, from 0 to 1000
  SB_LABEL_LOG_NOISE,        // u = log(sd / a): NCSN++'s
  SB_LABEL_QUARTER_LOG_NOISE // a quarter of it: EDM's c_noise
} sb_label;

const sb_entry *sb_predictions (size_t k); // the families: entry k is that of the value k above
const sb_entry *sb_labels (size_t k);

// The scales of a part, where x_t has mean a x_0 and deviation sd around it and x_0 has deviation sigma_d: the network
// takes c x_t, and its view is p x_t + q F.
void sb_network_scales (sb_prediction prediction, double a, double sd, double sigma_d, double *c, double *p, double *q);
sb_view sb_prediction_view (sb_prediction prediction); // that the network's output with its scales is

// The label u at time t, where x_t has mean a x_0 and deviation sd; and whether it is of the noise, not of the time.
double sb_label_at (sb_label label, double t, double a, double sd);
bool sb_label_of_noise (sb_label label);

SB_END_DECLS

#endif
