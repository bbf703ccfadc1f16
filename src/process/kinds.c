// # A process from a line of text
//
// A checkpoint names the process of its network, and a command line names it in the same words:
// `ve sigma_min=0.01 sigma_max=50`.

#include "kinds.h"

#include "../operator/operators.h"
#include "bands.h"
#include "ddpm.h"
#include "edm.h"
#include "loglinear.h"
#include "multispeed.h"
#include "smld.h"
#include "soft.h"
#include "subvp.h"
#include "ve.h"
#include "vp.h"

#include <errno.h>
#include <math.h>
#include <string.h>

// ## The kinds
//
// A new process is a row of the table at the end, its keys and the call that makes it.

static sb_process *
make_ve (size_t dimension, const double *key, sb_error *error)
{
  (void)error;
  return sb_ve_alloc (dimension, key[0], key[1]);
}

static sb_process *
make_vp (size_t dimension, const double *key, sb_error *error)
{
  (void)error;
  return sb_vp_alloc (dimension, key[0], key[1]);
}

static sb_process *
make_subvp (size_t dimension, const double *key, sb_error *error)
{
  (void)error;
  return sb_subvp_alloc (dimension, key[0], key[1]);
}

static sb_process *
make_smld (size_t dimension, const double *key, sb_error *error)
{
  (void)error;
  return sb_smld_alloc (dimension, (size_t)key[2], key[0], key[1]);
}

static sb_process *
make_ddpm (size_t dimension, const double *key, sb_error *error)
{
  (void)error;
  return sb_ddpm_alloc (dimension, (size_t)key[2], key[0], key[1]);
}

static sb_process *
make_edm (size_t dimension, const double *key, sb_error *error)
{
  (void)error;
  return sb_edm_alloc (dimension, key[0], key[1]);
}

static sb_process *
make_loglinear (size_t dimension, const double *key, sb_error *error)
{
  (void)error;
  const sb_vp vanilla = { key[0], key[1] };
  const sb_loglinear line = { key[2], 1, sb_vp_log_snr (&vanilla, key[2]), sb_vp_log_snr (&vanilla, 1) };
  return sb_loglinear_alloc (dimension, &line);
}

// A stage of a multi-scale model: a point consists of its bands, or is an image from which they are computed.

static sb_process *
make_bands (size_t dimension, const double *key, sb_error *error)
{
  const double *image = key + 6;
  const sb_bands bands = { (size_t)image[0], (size_t)image[1], (size_t)image[2], (size_t)key[3],
                           (size_t)key[4],   key[2],           key[0],           key[1] };
  sb_process *process = sb_bands_alloc (&bands, error);
  if (!process || process->dimension == dimension)
    return process;
  const size_t numbers = process->dimension;
  sb_process_free (process);
  SB_ERROR_NULL (error, GSL_EINVAL, "process: stage=%zu has %zu numbers, a point %zu", bands.stage, numbers, dimension);
}

static sb_process *
make_multispeed (size_t dimension, const double *key, sb_error *error)
{
  size_t x = (size_t)key[3], y = (size_t)key[4];
  x = x > 0 ? x : y > 0 && y < dimension ? dimension - y : dimension / 2;
  y = y > 0 ? y : x < dimension ? dimension - x : 0;
  if (x + y != dimension || x == 0 || y == 0)
    SB_ERROR_NULL (error, GSL_EINVAL, "process: x=%zu and y=%zu are not the %zu numbers of a point", x, y, dimension);
  if (key[2] > 0 && key[2] <= key[0])
    SB_ERROR_NULL (error, GSL_EINVAL, "process: sigma_max_y=%g is neither 0 nor above sigma_min=%g", key[2], key[0]);
  const sb_multispeed speeds = { x, y, key[0], key[1], key[2] };
  return sb_multispeed_alloc (&speeds);
}

// The keys of a soft corruption, from `noises` on: the index of each among the values.

enum
{
  KNOTS_MOST = 64,
  SOFT_NOISE = 2,
  SOFT_STAGES,
  SOFT_RANK,
  SOFT_OPERATOR,
  SOFT_CORRUPTION, // three
  SOFT_IMAGE = SOFT_CORRUPTION + 3,
  SOFT_KNOTS = SOFT_IMAGE + 4
};

// The levels without `knots`: the paper's, of a blur; of a window nothing, then everything.

static const double blur_levels[]
    = { 0.01, 0.19, 0.28, 0.37, 0.46, 0.55, 0.64, 0.73, 0.82, 0.91, 1,    1.18,  1.36, 1.54,  1.72, 1.99,
        2.26, 2.62, 2.99, 3.44, 3.98, 4.61, 5.33, 6.14, 7.13, 8.3,  9.75, 11.55, 13.8, 16.78, 22.1, 23 },
    window_levels[] = { 0, 1 };

static int
find_levels (const double *key, const double **levels, size_t *level_count, sb_error *error)
{
  const bool window = strcmp (sb_corruption_words[(size_t)key[SOFT_OPERATOR]], "window") == 0;
  const double *knots = key + SOFT_KNOTS + 1;
  size_t count = (size_t)key[SOFT_KNOTS];
  if (count == 0)
    {
      knots = window ? window_levels : blur_levels;
      count = window ? 2 : sizeof blur_levels / sizeof *blur_levels;
    }
  for (size_t k = 1; k < count; k++)
    if (knots[k] < knots[k - 1])
      SB_ERROR (error, GSL_EINVAL, "process: knots: %g follows %g, and levels must not decrease", knots[k],
                knots[k - 1]);
  if (count < 2)
    SB_ERROR (error, GSL_EINVAL, "process: knots: two levels or more are needed");
  if (window && knots[count - 1] > 1)
    SB_ERROR (error, GSL_EINVAL, "process: knots: a window's levels are shares of an image, from 0 to 1: %g to %g",
              knots[0], knots[count - 1]);
  *levels = knots;
  *level_count = count;
  return GSL_SUCCESS;
}

static sb_process *
make_soft (size_t dimension, const double *key, sb_error *error)
{
  const double *image = key + SOFT_IMAGE + 1;
  const sb_operator_setting of
      = { .dimension = dimension, .height = (size_t)image[1], .width = (size_t)image[2], .channels = (size_t)image[0] };
  if (image[0] * image[1] * image[2] != (double)dimension)
    SB_ERROR_NULL (error, GSL_EINVAL, "process: image=%gx%gx%g has not the %zu numbers of a point", image[0], image[1],
                   image[2], dimension);
  const double *knots = NULL;
  size_t count = 0;
  if (find_levels (key, &knots, &count, error))
    return NULL;
  const gsl_vector_const_view levels = gsl_vector_const_view_array (knots, count);
  const sb_soft_stages stages = { .sigma_min = key[0],
                                  .sigma_max = key[1],
                                  .noise = key[SOFT_NOISE],
                                  .joint = key[SOFT_STAGES] == 1,
                                  .levels = &levels.vector,
                                  .rank = (size_t)key[SOFT_RANK],
                                  .channels = of.channels };
  sb_operator *C = sb_corruption_alloc ((size_t)key[SOFT_OPERATOR], key + SOFT_CORRUPTION, &of);
  sb_process *soft = C ? sb_soft_stages_alloc (C, &stages) : NULL;
  sb_error at_start = { 0 };
  if (!soft || !sb_soft_check (soft, 0, &at_start))
    return soft;
  sb_process_free (soft);
  SB_ERROR_NULL (error, at_start.code, "process: knots: %g: %s", *knots, at_start.message);
}

#define RATES                                                                                                          \
  { .name = "beta_min", .usual = SB_VP_BETA_MIN, .high = HUGE_VAL, .above = true, .help = "rate at t = 0" },           \
  {                                                                                                                    \
    .name = "beta_max", .usual = SB_VP_BETA_MAX, .high = HUGE_VAL, .above = true, .help = "rate at t = 1"              \
  }
#define EPSILON                                                                                                        \
  {                                                                                                                    \
    .name = "epsilon", .usual = SB_VP_EPSILON_SAMPLING, .high = 0.999, .above = true,                                  \
    .help = "time at which it begins"                                                                                  \
  }
#define IMAGE                                                                                                          \
  {                                                                                                                    \
    .name = "image", .low = 1, .high = 65536, .whole = true, .most = 3, .between = 'x',                                \
    .help = "channels x height x width"                                                                                \
  }

static const char *const stages_words[] = { "two", "joint", NULL };

static const sb_key of_soft[] = {
  { .name = "sigma_min", .usual = 0.01, .high = HUGE_VAL, .above = true, .help = "smallest noise scale" },
  { .name = "sigma_max", .usual = 0.1, .high = HUGE_VAL, .above = true, .help = "largest noise scale" },
  { .name = "noise", .usual = 0.2, .high = 0.999, .above = true, .help = "time at which the stage of noise ends" },
  { .name = "stages", .words = stages_words, .help = "two: noise, then levels; joint: both at once" },
  { .name = "rank",
    .usual = 16,
    .high = 255,
    .whole = true,
    .help = "principal directions of the prior; 0: one colour" },
  { .name = "operator", .words = sb_corruption_words, .help = "kind of corruption" },
  SB_CORRUPTION_KEYS,
  IMAGE,
  { .name = "knots",
    .high = HUGE_VAL,
    .most = KNOTS_MOST,
    .between = ',',
    .list = "",
    .help = "levels, evenly in time; of a blur 0.01 to 23, of a window 0,1" }
};

static const sb_key of_edm[] = {
  { .name = "sigma_min", .usual = SB_EDM_SIGMA_MIN, .high = HUGE_VAL, .above = true, .help = "smallest noise level" },
  { .name = "sigma_max", .usual = SB_EDM_SIGMA_MAX, .high = HUGE_VAL, .above = true, .help = "largest noise level" }
};

static const sb_key of_loglinear[] = { RATES, EPSILON };

static const sb_key of_bands[]
    = { RATES,
        EPSILON,
        { .name = "levels", .usual = 3, .low = 1, .high = 16, .whole = true, .help = "of the Haar transform" },
        { .name = "stage", .usual = 1, .low = 1, .high = 17, .whole = true, .help = "1: all bands; levels+1: one" },
        IMAGE };

static const sb_key of_multispeed[] = {
  { .name = "sigma_min", .usual = 0.005, .high = HUGE_VAL, .above = true, .help = "smallest noise scale" },
  { .name = "sigma_max", .usual = 55, .high = HUGE_VAL, .above = true, .help = "largest noise scale of x" },
  { .name = "sigma_max_y",
    .usual = 1,
    .high = HUGE_VAL,
    .help = "largest noise scale of its condition y; 0: no noise" },
  { .name = "x", .high = 1 << 24, .whole = true, .help = "dimension of x; 0: half of a point's" },
  { .name = "y", .high = 1 << 24, .whole = true, .help = "dimension of y; 0: the rest" },
};

#define LEVELS(usual_levels)                                                                                           \
  {                                                                                                                    \
    .name = "levels", .usual = usual_levels, .low = 2, .high = 1e7, .whole = true, .help = "noise levels"              \
  }

static const sb_key noises[] = {
  { .name = "sigma_min", .usual = SB_VE_SIGMA_MIN, .high = HUGE_VAL, .above = true, .help = "smallest noise scale" },
  { .name = "sigma_max", .usual = SB_VE_SIGMA_MAX, .high = HUGE_VAL, .above = true, .help = "largest noise scale" },
  LEVELS (SB_SMLD_LEVELS)
};
static const sb_key rates[] = { RATES, LEVELS (SB_DDPM_LEVELS) };

static const sb_process_kind table[] = {
  { { "ve", "variance exploding SDE", noises, 2 }, false, false, 0, 1, "reverse-diffusion", "linear", make_ve },
  { { "vp", "variance preserving SDE", rates, 2 }, true, false, -1, 1, "euler-maruyama", "linear", make_vp },
  { { "subvp", "sub-VP SDE", rates, 2 }, true, false, -1, 1, "euler-maruyama", "linear", make_subvp },
  { { "smld", "chain of noise scales, geometric", noises, 3 },
    false,
    false,
    0,
    1,
    "reverse-diffusion",
    "linear",
    make_smld },
  { { "ddpm", "chain of denoising diffusion, linear", rates, 3 },
    true,
    false,
    -1,
    1,
    "reverse-diffusion",
    "linear",
    make_ddpm },
  { { "edm", "Karras et al.: the time is the noise level", of_edm, 2 },
    false,
    true,
    -1,
    1,
    "flow-heun",
    "edm",
    make_edm },
  { { "soft", "blur or a mask, and a little noise", of_soft, sizeof of_soft / sizeof *of_soft },
    true,
    false,
    0,
    1,
    "momentum",
    "linear",
    make_soft },
  { { "loglinear", "VP with log signal-to-noise ratio linear in time", of_loglinear, 3 },
    true,
    true,
    -1,
    1,
    "euler-maruyama",
    "linear",
    make_loglinear },
  { { "bands", "a stage of a multi-scale model, in Haar bands", of_bands, 6 },
    true,
    true,
    -1,
    1,
    "euler-maruyama",
    "linear",
    make_bands },
  { { "multispeed", "VE for a point and its condition", of_multispeed, 5 },
    false,
    false,
    0,
    1,
    "reverse-diffusion",
    "linear",
    make_multispeed },
};

const sb_entry *
sb_processes (size_t k)
{
  return k < sizeof table / sizeof *table ? &table[k].entry : NULL;
}

const sb_process_kind *
sb_process_kind_of (const sb_process *process)
{
  return (const sb_process_kind *)sb_entry_find (sb_processes, process->type->name);
}

// ## Reading
//
// The first two keys of every kind are the start and the end of its noise.

const sb_process_kind *
sb_process_kind_read (const char *what, const char *text, double *key, sb_error *error)
{
  const sb_entry *entry = sb_entry_read (sb_processes, what, text, key, error);
  if (!entry)
    return NULL;
  const sb_process_kind *kind = (const sb_process_kind *)entry;
  if (!(key[0] < key[1] || (kind->equal && key[0] == key[1])))
    SB_ERROR_NULL (error, GSL_EINVAL, "%s: %s %s=%g %s=%g: not %s %s %s", what, entry->name, entry->keys[0].name,
                   key[0], entry->keys[1].name, key[1], entry->keys[0].name, kind->equal ? "<=" : "<",
                   entry->keys[1].name);
  return kind;
}

sb_process *
sb_process_from_text (const char *text, size_t dimension, sb_error *error)
{
  double key[SB_KEYS_MOST];
  const sb_process_kind *kind = sb_process_kind_read ("process", text, key, error);
  if (!kind)
    return NULL;
  errno = 0;
  sb_error own = { 0 };
  sb_process *process = kind->alloc (dimension, key, &own);
  if (!process && own.code)
    {
      if (error)
        *error = own;
      return NULL;
    }
  if (!process)
    SB_ERROR_NULL (error, errno == ENOMEM ? GSL_ENOMEM : GSL_EINVAL, "process: '%s' cannot be made", text);
  return process;
}
