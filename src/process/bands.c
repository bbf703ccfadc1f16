// # Bands that enter one after another
//
// Section 3.3 gives every band of Haar's transform a diffusion of its own. Fine details lose their signal first, and so
// are generated last: [nonuniform.txt-order] the natural order of generation is $a_n, d_n, d_{n-1}, \ldots, d_1$, and
// "we choose to diffuse lower frequency coefficients slower than high frequency coefficients".

#include "bands.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "nonuniform.h"
#include "vp.h"

#include <gsl/gsl_math.h>
#include <stdlib.h>

enum
{
  MOST_LEVELS = 16
};

// ## Ends
//
// [nonuniform.txt-Tscale] Band $d_i$ diffuses until $T_{d_i} = \frac{i}{n+1}$, and $a_n$ until $T_{a_n} = 1$. Band $k$
// here is $d_{n-k+1}$, and $a_n$ for $k = 0$: both end at $\frac{n + 1 - k}{n + 1}$.

static double
end_of (const sb_bands *bands, size_t k)
{
  return (double)(bands->levels + 1 - k) / (double)(bands->levels + 1);
}

// [nonuniform.txt-equalsnr] "All coefficients reach the same signal-to-noise ratio at the end of their diffusion time",
// and all begin with the same at $\epsilon$: those that the vanilla model's beta-linear VP has at $\epsilon$ and at
// $1$. The paper does not define the ratio; it is the kernel's here, $\alpha^2/\sigma^2$, without the data's variance.

sb_loglinear
sb_bands_line (const sb_bands *bands, size_t k)
{
  const sb_vp vanilla = { bands->beta_min, bands->beta_max };
  return (sb_loglinear){ .epsilon = bands->epsilon,
                         .end = end_of (bands, k),
                         .log_snr_max = sb_vp_log_snr (&vanilla, bands->epsilon),
                         .log_snr_min = sb_vp_log_snr (&vanilla, 1) };
}

// ## Groups
//
// [nonuniform.txt-groups] Between $\frac{i-1}{n+1}$ and $\frac{i}{n+1}$ the bands $c_i = [a_n, d_n, \ldots, d_i]$ have
// not ended, and $s_i(c_i, t)$ is the score of their *marginal* density, the others integrated out: not their part of
// the score of all bands. On $[\frac{n}{n+1}, 1]$ there is $c_{n+1} = a_n$ alone. Each group is a quarter of the one
// before.

size_t
sb_bands_count (const sb_bands *bands)
{
  return bands->levels + 2 - bands->stage;
}

size_t
sb_bands_size (const sb_bands *bands, size_t k)
{
  const size_t level = k == 0 ? bands->levels : bands->levels + 1 - k;
  return (k == 0 ? 1 : 3) * bands->channels * (bands->height >> level) * (bands->width >> level);
}

size_t
sb_bands_dimension (const sb_bands *bands)
{
  size_t sum = 0;
  for (size_t k = 0; k < sb_bands_count (bands); k++)
    sum += sb_bands_size (bands, k);
  return sum;
}

// ## A stage as a process

static int
check_bands (const sb_bands *bands, sb_error *error)
{
  const size_t n = bands->levels, side = n <= MOST_LEVELS ? (size_t)1 << n : 0;
  if (n < 1 || n > MOST_LEVELS)
    SB_ERROR (error, GSL_EINVAL, "bands: levels=%zu is not 1 to %d", n, MOST_LEVELS);
  if (bands->stage < 1 || bands->stage > n + 1)
    SB_ERROR (error, GSL_EINVAL, "bands: stage=%zu is not 1 to %zu", bands->stage, n + 1);
  if (!bands->channels || !bands->height || !bands->width || bands->height % side || bands->width % side)
    SB_ERROR (error, GSL_EINVAL, "bands: image=%zux%zux%zu: a side is no multiple of %zu, as levels=%zu asks",
              bands->channels, bands->height, bands->width, side, n);
  if (!(0 < bands->epsilon && bands->epsilon < end_of (bands, n)))
    SB_ERROR (error, GSL_EINVAL, "bands: epsilon=%g is not between 0 and %g, where the first band ends", bands->epsilon,
              end_of (bands, n));
  if (!(0 < bands->beta_min && bands->beta_min <= bands->beta_max && gsl_finite (bands->beta_max)))
    SB_ERROR (error, GSL_EINVAL, "bands: rates beta_min=%g beta_max=%g are not positive and rising", bands->beta_min,
              bands->beta_max);
  return sb_check_lengths ("an image's numbers", bands->height, bands->width, bands->channels);
}

sb_process *
sb_bands_alloc (const sb_bands *bands, sb_error *error)
{
  if (check_bands (bands, error))
    return NULL;
  const size_t n = bands->levels, count = sb_bands_count (bands);
  sb_process *block[MOST_LEVELS + 1];
  for (size_t k = 0; k < count; k++)
    {
      const sb_loglinear line = sb_bands_line (bands, k);
      block[k] = sb_loglinear_alloc (sb_bands_size (bands, k), &line);
    }
  sb_bands *copy = malloc (sizeof *copy);
  if (copy)
    *copy = *bands;
  const double from = bands->stage > 1 ? (double)(bands->stage - 1) / (double)(n + 1) : bands->epsilon;
  sb_process *process = sb_nonuniform_alloc ("bands", count, block, from, (double)bands->stage / (double)(n + 1), copy);
  if (process && !copy)
    {
      sb_process_free (process);
      process = NULL;
    }
  if (!process)
    SB_ERROR_NULL (error, GSL_ENOMEM, "bands: no memory");
  return process;
}

const sb_bands *
sb_bands_of (const sb_process *process)
{
  return sb_nonuniform_settings (process, "bands");
}

// ## The network's input
//
// Bands of several sizes are no image. $a_i$, computed from the coarser bands, is one of height $h/2^i$, and $d_i$ is
// one of the same size with three times the channels.

sb_operator *
sb_bands_transform_alloc (const sb_bands *bands)
{
  const size_t n = bands->levels, i = bands->stage, d = sb_bands_dimension (bands);
  if (i >= n)
    return sb_operator_identity_alloc (d);
  return sb_operator_leading_alloc (
      sb_operator_haar_alloc (bands->height >> i, bands->width >> i, bands->channels, n - i), d);
}
