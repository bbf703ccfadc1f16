// # An SDE for each group of coordinates
//
// Until now every pixel followed the same SDE, [nonuniform.eq4] $dx_t = f(x_t, t)\,dt + g(t)\,dw_t$. *Non-Uniform
// Diffusion Models* gives each its own, [nonuniform.eq8]
// $$ dx_t^i = f_i(x_t^i, t)\,dt + g_i(t)\,dw_t^i , $$
// with independent $w^i$, which together are [nonuniform.eq9]
// $$ d\mathbf x_t = \mathbf f(\mathbf x_t, t)\,dt + \mathbf G(t)\,d\mathbf w_t, \qquad
//    \mathbf f = [f_1(x_t^1, t), \ldots], \qquad \mathbf G = \operatorname{diag}([g_1, \ldots]) . $$
// Together they are an Ito SDE [nonuniform.eq1] $d\mathbf x_t = \mathbf f(\mathbf x_t, t)\,dt + \mathbf G(\mathbf x_t,
// t)\,d\mathbf w_t$ whose $\mathbf G$ is a matrix (the paper's $\mathbb R^{n_x} \times \mathbb R^{n_x}$ is no set of
// matrices) of $t$ alone.
//
// All that its multi-scale and its conditional models need is this: existing processes, stacked, with a common time.
// (The paper prints $d\bar{\mathbf w}_t$, the Wiener process of the reverse SDE, in the first of these.)

#include "nonuniform.h"

#include "../base/error.h"
#include "scalar.h"

#include <gsl/gsl_math.h>
#include <stdlib.h>
#include <string.h>

typedef struct
{
  sb_process_type type; // the functions below, under the name of the process
  size_t count;
  sb_process **block;
  size_t *part; // of each coordinate
  void *settings;
} nonuniform;

// ## The kernel
//
// With linear $f_i = a_i(t)\,x^i$ every block has a kernel of its own, whatever the others: [nonuniform.txt-kernel]
// $$ p(\mathbf x_t \mid \mathbf x_0) = \mathcal N(\mathbf D_\alpha \mathbf x_0, \mathbf D_\sigma^2), \qquad
//    \alpha_i = e^{\int_0^t a_i}, \quad \sigma_i^2 = \alpha_i^2 \int_0^t g_i^2/\alpha_i^2\,du . $$
// So the numbers of the whole are those of the blocks, one after another. A block that has ended has none.

static int
nonuniform_numbers (const void *state, sb_process_map map, double s, double t, double *c)
{
  const nonuniform *whole = state;
  int status = GSL_SUCCESS;
  for (size_t b = 0; b < whole->count && !status; b++)
    {
      const sb_process *block = whole->block[b];
      if (t <= block->t_limit)
        status = block->type->numbers (block->state, map, s, t, c);
      else
        for (size_t k = 0; k < block->parts; k++)
          c[k] = GSL_NAN;
      c += block->parts;
    }
  return status;
}

// ## The prior
//
// Each block has its own, and all are scaled from *one* row of normals: if each block drew a row, all rows would be the
// same, and the blocks copies of each other.

static int
nonuniform_prior_sd (const void *state, double *sd)
{
  const nonuniform *whole = state;
  int status = GSL_SUCCESS;
  for (size_t b = 0; b < whole->count && !status; b++)
    {
      const sb_process *block = whole->block[b];
      status = block->type->prior_sd (block->state, sd);
      sd += block->parts;
    }
  return status;
}

// ## Making one

static void
nonuniform_free (void *state)
{
  nonuniform *whole = state;
  for (size_t b = 0; b < whole->count; b++)
    sb_process_free (whole->block[b]);
  free (whole->block);
  free (whole->part);
  free (whole->settings);
  free (whole);
}

static int
check_block (const sb_process *block)
{
  if (block->levels > 0 || block->from_zero_only || block->basis || block->parts == 0 || !block->type->prior_sd)
    SB_ERROR (NULL, GSL_EUNSUP, "%s is a chain, or not given by numbers for each coordinate: no block of a process",
              block->type->name);
  return GSL_SUCCESS;
}

// The coordinates of block $b$ follow those of the blocks before it, and so do its parts.

static void
number_parts (const nonuniform *whole)
{
  size_t *part = whole->part, parts = 0;
  for (size_t b = 0; b < whole->count; b++)
    {
      const sb_process *block = whole->block[b];
      for (size_t j = 0; j < block->dimension; j++)
        *part++ = parts + sb_process_part (block, j);
      parts += block->parts;
    }
}

sb_process *
sb_nonuniform_alloc (const char *name, size_t count, sb_process *const *block, double t_min, double t_max,
                     void *settings)
{
  size_t dimension = 0, parts = 0;
  double limit = t_max;
  int status = count > 0 ? GSL_SUCCESS : GSL_EINVAL;
  for (size_t b = 0; b < count; b++)
    {
      if (!status)
        status = block[b] ? check_block (block[b]) : GSL_EINVAL;
      dimension += block[b] ? block[b]->dimension : 0;
      parts += block[b] ? block[b]->parts : 0;
      limit = block[b] ? GSL_MAX_DBL (limit, block[b]->t_limit) : limit;
    }

  // From here on all that was given is the state's.
  nonuniform *whole = calloc (1, sizeof *whole);
  sb_process **own = malloc ((count + 1) * sizeof *own);
  if (!whole || !own)
    {
      for (size_t b = 0; b < count; b++)
        sb_process_free (block[b]);
      free (settings);
      free (whole);
      free (own);
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for the process %s", name);
    }
  if (count > 0)
    memcpy (own, block, count * sizeof *own);
  *whole = (nonuniform){
    .type = { .name = name, .numbers = nonuniform_numbers, .prior_sd = nonuniform_prior_sd, .free = nonuniform_free },
    .count = count,
    .block = own,
    .part = malloc ((dimension + 1) * sizeof *whole->part),
    .settings = settings
  };
  if (status || !whole->part)
    {
      nonuniform_free (whole);
      SB_ERROR_NULL (NULL, status ? status : GSL_ENOMEM, "the process %s cannot be made of %zu blocks", name, count);
    }
  number_parts (whole);
  sb_process *process = sb_process_alloc (&whole->type, whole, dimension, t_min, t_max, 0);
  if (!process)
    return NULL;
  process->parts = parts;
  process->part = whole->part;
  process->t_limit = limit;
  return process;
}

const sb_process *
sb_nonuniform_block (const sb_process *process, size_t b)
{
  const nonuniform *whole = process->type->numbers == nonuniform_numbers ? process->state : NULL;
  return whole && b < whole->count ? whole->block[b] : NULL;
}

const void *
sb_nonuniform_settings (const sb_process *process, const char *name)
{
  if (process->type->numbers != nonuniform_numbers || strcmp (process->type->name, name) != 0)
    return NULL;
  const nonuniform *whole = process->state;
  return whole->settings;
}

// ## A constant block
//
// A block may be constant: $f = g = 0$, and $\mathbf x_t = \mathbf x_0$ at all times. This is used for conditions; its
// likelihood weight is $g^2 = 0$.

static double
no_variance (const void *nothing, double s, double t)
{
  (void)nothing, (void)s, (void)t;
  return 0;
}

static double
no_rate (const void *nothing, double t)
{
  (void)nothing, (void)t;
  return 0;
}

static double
no_prior (const void *nothing)
{
  (void)nothing;
  return 0;
}

static const sb_scalar_type still_type
    = { .name = "still", .variance = no_variance, .diffusion = no_rate, .prior_sd = no_prior };

sb_process *
sb_still_alloc (size_t dimension)
{
  return sb_scalar_alloc (&still_type, malloc (1), dimension, 0, 1, 0);
}
