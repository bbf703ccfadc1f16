// # A condition that diffuses at its own speed
//
// To learn the score of $x_t$ given a condition one may diffuse both and learn the score of the pair. They need not
// diffuse alike: [nonuniform.txt-cmde-sde]
// $$ d\mathbf x = \mu(\mathbf x, t)\,dt + \sigma^x(t)\,d\mathbf w, \qquad d\mathbf y = \mu(\mathbf y, t)\,dt +
//    \sigma^y(t)\,d\mathbf w', $$
// with independent $\mathbf w$ and $\mathbf w'$ (printed as one, which is impossible: they differ in dimension, and
// Lemma 4 needs $p(\mathbf y_t \mid \mathbf y, \mathbf x_t) = p(\mathbf y_t \mid \mathbf y)$). As one SDE of
// $\mathbf z = (\mathbf x, \mathbf y)$, [nonuniform.txt-zsde]
// $$ d\mathbf z = \mu_z\,dt + \Sigma_z(t)\,d\mathbf w, \qquad \mu_z = (\mu_x(\mathbf x, t), \mu_y(\mathbf y, t)), \qquad
//    \Sigma_z = \operatorname{diag}(\sigma^x\mathbf I_{n_x}, \sigma^y\mathbf I_{n_y}) . $$
// If $\sigma^y = \sigma^x$ this is CDiffE, with constant $\mathbf y$ CDE, between them CMDE. [nonuniform.set-cond]

#include "multispeed.h"

#include "nonuniform.h"
#include "ve.h"

#include <string.h>

static const char name[] = "multispeed";

sb_process *
sb_multispeed_of (sb_process *x, sb_process *y, double t_min)
{
  return sb_nonuniform_alloc (name, 2, (sb_process *const[]){ x, y }, t_min, 1, NULL);
}

// The kernel of $\mathbf x$, and of $\mathbf y$ unless it is constant, is VE's, [nonuniform.txt-vesde]
// $$ d\mathbf x = \sqrt{\tfrac{d}{dt}\sigma^2(t)}\,d\mathbf w, \qquad
//    \sigma(t) = \sigma_{\min}\Bigl(\frac{\sigma_{\max}}{\sigma_{\min}}\Bigr)^t, $$
// whose $g^2/\sigma^2 = 2\ln(\sigma_{\max}/\sigma_{\min})$ is constant: likelihood weighting has unit weights of the
// noise, except that the weight of $\mathbf y$ is that of $\mathbf x$ times the ratio of these logarithms.

sb_process *
sb_multispeed_alloc (const sb_multispeed *speeds)
{
  const double last = speeds->sigma_max_y;
  sb_process *x = sb_ve_alloc (speeds->x, speeds->sigma_min, speeds->sigma_max),
             *y = !x          ? NULL
                  : last == 0 ? sb_still_alloc (speeds->y)
                              : sb_ve_alloc (speeds->y, speeds->sigma_min, last);
  if (!x || !y)
    {
      sb_process_free (x);
      return NULL;
    }
  return sb_multispeed_of (x, y, SB_VE_EPSILON);
}

size_t
sb_multispeed_x (const sb_process *process)
{
  const sb_process *x = sb_nonuniform_block (process, 0);
  return x && strcmp (process->type->name, name) == 0 ? x->dimension : 0;
}
