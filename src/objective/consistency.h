#ifndef SCOREBOOK_OBJECTIVE_CONSISTENCY_H
#define SCOREBOOK_OBJECTIVE_CONSISTENCY_H

#include "../sampler/partial_path.h"

SB_BEGIN_DECLS

// How far a denoiser h is from being consistent (Daras et al., 2023): from row x_i at time t_i to time s_i <= t_i,
//     L^2 = 1/2 |E[h(x_s, s) | x_t = x] - h(x, t)|^2,
// x_s being reached by paths of the reverse SDE that h itself drives. x (n x d), t, s (n); y NULL or n rows. Row i
// takes its random numbers from index + i of the stream, whose purpose is ignored. Where t_i - s_i <= 1e-9 t_i all is
// 0. Errors: GSL_EBADLEN, GSL_EINVAL for fewer than 2 paths, GSL_EUNSUP for a chain, GSL_ENOMEM, and those of
// sb_partial_path_take and of the score.

// loss (n) <- an unbiased estimate of L^2 from m paths of each row, with r_p = h(x_s^p, s) - h(x, t):
//     (|sum r|^2 - sum |r|^2) / 2 m (m - 1).
// of_one (n; NULL: not wanted) <- sum |r|^2 / 2 m, the estimate by single paths: it is too large by half the variance
// of h(x_s, s).
int sb_consistency_loss (const sb_score *score, const sb_partial_path *path, size_t paths, const gsl_matrix *y,
                         const gsl_vector *t, const gsl_vector *s, const gsl_matrix *x, sb_stream stream,
                         gsl_vector *loss, gsl_vector *of_one);

// The same from 3 paths or more, and error (n) <- the standard error of each row's estimate over its paths, by the
// jackknife. It keeps the residuals of all paths.
int sb_consistency_loss_with_error (const sb_score *score, const sb_partial_path *path, size_t paths,
                                    const gsl_matrix *y, const gsl_vector *t, const gsl_vector *s, const gsl_matrix *x,
                                    sb_stream stream, gsl_vector *loss, gsl_vector *error);

// The gradient of L^2 with respect to the score's parameters has two parts: that through h at both ends of a path whose
// points are held fixed, and that through the law of the path.
enum
{
  SB_CONSISTENCY_TRUNCATED = 1, // the first alone, as the paper trains
  SB_CONSISTENCY_PATH = 2       // the second alone; of euler-maruyama and reverse-diffusion, else GSL_EUNSUP
};

// loss (n) <- the estimate of L^2 from two paths; weight x (the gradient of their sum), of the parts in `of`, is added
// to what the score's state accumulates (sb_score_vjp).
int sb_consistency_gradient (const sb_score *score, const sb_partial_path *path, unsigned of, const gsl_matrix *y,
                             const gsl_vector *t, const gsl_vector *s, const gsl_matrix *x, sb_stream stream,
                             double weight, gsl_vector *loss);

SB_END_DECLS

#endif
