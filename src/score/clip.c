// # An estimate within the data's range
//
// From a noise prediction the estimate of the data is [dsm2ddpm.txt-x0-from-eps]
// $$ \hat{\mathbf{x}}_0 = \frac{\mathbf{x}_t - \sqrt{1 - \bar\alpha_t}\,\varepsilon_\theta(\mathbf{x}_t,
//    t)}{\sqrt{\bar\alpha_t}}, $$
// as in `tweedie.c`. At the last levels of DDPM's chain $\sqrt{\bar\alpha_t}$ is 0.006, and an error of the network
// that is small beside the noise puts the estimate far outside of any image. Where the data are known to lie in a
// range, so does their mean, and clipping an estimate to the range can only improve it. (Ho et al. do this in their
// code; their report does not say so.)

#include "clip.h"
#include "../base/error.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <stdlib.h>

typedef struct
{
  const sb_score *score;
  double low, high;
} clip;

// NaN stays NaN: a failure of the network is not hidden.

static double
within (const clip *state, double x)
{
  return x < state->low ? state->low : x > state->high ? state->high : x;
}

static int
clip_evaluate (const void *clipped, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
               gsl_matrix *out)
{
  const clip *state = clipped;
  int status = sb_score_evaluate (state->score, view, x, t, y, out);
  for (size_t i = 0; i < out->size1 && !status; i++)
    for (size_t j = 0; j < out->size2; j++)
      gsl_matrix_set (out, i, j, within (state, gsl_matrix_get (out, i, j)));
  return status;
}

static const sb_score_type clip_type
    = { .name = "clip", .views = SB_DENOISER, .evaluate = clip_evaluate, .free = free };

sb_score *
sb_score_clip_alloc (const sb_score *score, double low, double high)
{
  if (!(low < high))
    SB_ERROR_NULL (NULL, GSL_EINVAL, "a range from %g to %g has no lower end", low, high);
  clip *state = malloc (sizeof *state);
  if (!state)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a score");
  *state = (clip){ .score = score, .low = low, .high = high };
  return sb_score_alloc (&clip_type, state, score->process);
}
