// # Samples of a network, and how far they are from the data

#include "drawn.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

static void
network_path (const char *name, char *path, size_t size)
{
  const char *folder = getenv ("MODELS"), *data = getenv ("DATA");
  snprintf (path, size, "%s%s/%s.safetensors", folder && *folder ? folder : data, folder && *folder ? "" : "/models",
            name);
}

double
network_steps (const char *name)
{
  char path[4096];
  sb_error error = { 0 };
  network_path (name, path, sizeof path);
  sb_tensors *file = require_pointer (sb_safetensors_read (path, &error), error.message);
  const char *steps = sb_tensors_note_find (file, "step");
  const double count = steps ? atof (steps) : GSL_NAN;
  sb_tensors_free (file);
  return count;
}

network
network_open (const char *name)
{
  char path[4096];
  sb_error error = { 0 };
  network_path (name, path, sizeof path);
  FILE *file = fopen (path, "rb");
  if (!file)
    return (network){ NULL, NULL };
  fclose (file);
  network w = { .model = require_pointer (sb_model_read (path, &error), error.message) };
  w.score = require_pointer (sb_score_network_alloc (&w.model->network), "the score");
  return w;
}

void
network_close (network w)
{
  sb_score_free (w.score);
  sb_model_free (w.model);
}

gsl_matrix *
drawn (results *r, const network *w, const way *by, size_t evaluations, size_t n)
{
  const sb_process *process = w->model->process;
  const sb_stream stream = { .seed = r->seed, .purpose = SB_FOR_PRIOR };
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, process->dimension), "samples");
  gsl_vector *times = require_pointer (gsl_vector_alloc (evaluations), "times");
  sb_pc pc = sb_pc_default ();
  size_t of_row;
  pc.step = *by->step;
  pc.alternate = by->second ? *by->second : NULL;
  pc.corrector_steps = 0;
  require (sb_grid_linear (process->t_max, process->t_min, times), "times");
  for (size_t k = 0; k < evaluations && process->levels > 0; k++) // the nearest levels of a chain
    gsl_vector_set (times, k, rint (gsl_vector_get (times, k) * (double)process->levels) / (double)process->levels);
  require (sb_process_prior (process, stream, x), "the prior");
  require (sb_pc_sample (&pc, w->score, NULL, times, stream, x, &of_row), by->name);
  r->evaluations += of_row * n;
  gsl_vector_free (times);
  clip_to (w->model, x);
  return x;
}

void
clip_to (const sb_model *model, gsl_matrix *x)
{
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j++)
      gsl_matrix_set (x, i, j, GSL_MIN (GSL_MAX (gsl_matrix_get (x, i, j), model->low), model->high));
}

found
put_distance (results *r, const judge *j, const gsl_matrix *x, double low, double high, const char *row,
              const char *column, const char *paper, const char *note)
{
  verdict se;
  const verdict v = judged_with_errors (j, x, low, high, &se);
  results_row (r, row, column, paper, v.frechet, se.frechet, "", note);
  return (found){ v.frechet, se.frechet };
}

void
claim_below (results *r, const char *claim, found a, double factor, found b)
{
  const double bound = factor * b.distance, noise = 2 * gsl_hypot (a.se, factor * b.se);
  if (r->scale == SMOKE)
    untested (r, claim, "a few samples in few steps say nothing");
  else if (fabs (a.distance - bound) <= noise)
    {
      char reason[160];
      snprintf (reason, sizeof reason, "distances %.3g and %.3g: two standard errors of the difference are %.2g",
                a.distance, b.distance, noise);
      untested (r, claim, reason);
    }
  else
    results_claim (r, claim, a.distance < bound, "distances %.3g and %.3g, two standard errors %.2g", a.distance,
                   b.distance, noise);
}
