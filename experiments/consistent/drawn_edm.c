// # Samples as the tables of Consistent Diffusion Models have them

#include "drawn_edm.h"

#include <math.h>

network
network_needed (const char *name)
{
  network w = network_open (name);
  require (w.model ? GSL_SUCCESS : GSL_EINVAL, name);
  return w;
}

gsl_matrix *
classes_for (const network *w, size_t n)
{
  if (w->model->net->classes == 0)
    return NULL;
  gsl_matrix *y = require_pointer (gsl_matrix_alloc (n, 1), "classes");
  for (size_t i = 0; i < n; i++)
    gsl_matrix_set (y, i, 0, (double)(i % CLASSES));
  return y;
}

// The levels of EDM's grid above `end`, and `end` itself. [consistent.txt-early-stop]

static gsl_vector *
levels_down_to (const sb_process *process, size_t levels, double end)
{
  gsl_vector *grid = require_pointer (gsl_vector_alloc (levels + 1), "levels"),
             *times = require_pointer (gsl_vector_alloc (levels), "levels");
  require (sb_grid_edm (process->t_min, process->t_max, 7, grid), "levels");
  size_t kept = 0;
  while (kept + 1 < levels && gsl_vector_get (grid, kept) > end)
    kept++;
  for (size_t k = 0; k <= kept; k++)
    gsl_vector_set (times, k, gsl_vector_get (grid, k));
  if (end > 0)
    gsl_vector_set (times, kept, end);
  times->size = kept + 1;
  gsl_vector_free (grid);
  return times;
}

gsl_matrix *
edm_samples (results *r, const network *w, size_t levels, double end, uint64_t first, const gsl_matrix *y, size_t n)
{
  const sb_process *process = w->model->process;
  const sb_stream stream = { .seed = r->seed, .purpose = SB_FOR_PRIOR, .index = first };
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, process->dimension), "samples");
  gsl_vector *times = levels_down_to (process, levels, end);
  sb_pc pc = sb_pc_default ();
  size_t of_row;
  pc.step = sb_step_flow_heun;
  pc.corrector_steps = 0;
  require (sb_process_prior (process, stream, x), "the prior");
  require (sb_pc_sample (&pc, w->score, y, times, stream, x, &of_row), "samples");
  r->evaluations += of_row * n;
  gsl_vector_free (times);
  clip_to (w->model, x);
  return x;
}
