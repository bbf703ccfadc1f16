// # Samples scale by scale
//
// A multi-scale model is several files, a network for each of its stages.

#include <config.h>
#include "stages.h"
#include "options.h"
#include "progress.h"
#include "setup.h"

#include <stdlib.h>
#include <string.h>

void
stages_close (staged *s)
{
  for (size_t k = 0; k < STAGES_MOST; k++)
    {
      sb_score_free (s->score[k]);
      sb_model_free (s->model[k]);
      gsl_vector_free (s->times[k]);
    }
  sb_operator_free (s->haar);
  *s = (staged){ 0 };
}

// ## Opening
//
// Each is stored in the order of its stage: the last stage, which has a_n alone, is sampled first.

static const sb_bands *
bands_of (const staged *s, size_t k)
{
  return s->model[k] ? sb_bands_of (s->model[k]->process) : NULL;
}

static bool
same_image (const sb_bands *a, const sb_bands *b)
{
  return a->channels == b->channels && a->height == b->height && a->width == b->width && a->levels == b->levels;
}

static bool
same_noise (const sb_bands *a, const sb_bands *b)
{
  return a->epsilon == b->epsilon && a->beta_min == b->beta_min && a->beta_max == b->beta_max;
}

// Compare with any stage that is there already.

static int
check_fits (const staged *s, const char *path, const sb_model *model)
{
  const sb_bands *own = sb_bands_of (model->process);
  for (size_t k = 0; k < STAGES_MOST; k++)
    {
      const sb_bands *other = bands_of (s, k);
      if (other && !same_image (own, other))
        return failure ("%s: its bands are those of image=%zux%zux%zu levels=%zu, another's of image=%zux%zux%zu "
                        "levels=%zu",
                        path, own->channels, own->height, own->width, own->levels, other->channels, other->height,
                        other->width, other->levels);
      if (other && !same_noise (own, other))
        return failure ("%s: epsilon=%g beta_min=%g beta_max=%g, another's are %g, %g and %g", path, own->epsilon,
                        own->beta_min, own->beta_max, other->epsilon, other->beta_min, other->beta_max);
      if (other && (s->model[k]->low != model->low || s->model[k]->high != model->high))
        return failure ("%s: its images range from %g to %g, another's from %g to %g", path, model->low, model->high,
                        s->model[k]->low, s->model[k]->high);
    }
  return EXIT_SUCCESS;
}

static int
open_one (const char *path, const network_engine *engine, staged *s)
{
  sb_error error = { 0 };
  sb_model *model = sb_model_read (path, &error);
  if (!model)
    return failure ("%s", error.message);
  const sb_bands *own = sb_bands_of (model->process);
  int status = own ? check_fits (s, path, model)
                   : failure ("%s: its process is %s, not bands", path, model->process->type->name);
  const size_t place = own ? own->levels + 1 - own->stage : 0;
  if (status == EXIT_SUCCESS && s->model[place])
    status = failure ("%s: a second file with stage %zu", path, own->stage);
  if (status == EXIT_SUCCESS)
    status = set_engine (model->net, engine);
  if (status != EXIT_SUCCESS)
    {
      sb_model_free (model);
      return status;
    }
  s->model[place] = model;
  s->count++;
  return EXIT_SUCCESS;
}

static int
check_all_there (const staged *s)
{
  const sb_bands *any = NULL;
  for (size_t k = 0; k < STAGES_MOST && !any; k++)
    any = bands_of (s, k);
  for (size_t k = 0; any && k <= any->levels; k++)
    if (!s->model[k])
      return usage_error ("--stages: stage %zu of %zu is missing", any->levels + 1 - k, any->levels + 1);
  return any ? EXIT_SUCCESS : usage_error ("--stages: no file is named");
}

int
stages_open (const char *files, const network_engine *engine, staged *s)
{
  *s = (staged){ 0 };
  char *list = strdup (files), *rest = NULL;
  int status = list ? EXIT_SUCCESS : failure ("no memory");
  for (char *path = list ? strtok_r (list, ",", &rest) : NULL; path && status == EXIT_SUCCESS;
       path = strtok_r (NULL, ",", &rest))
    status = open_one (path, engine, s);
  free (list);
  if (status == EXIT_SUCCESS)
    status = check_all_there (s);
  for (size_t k = 0; k < s->count && status == EXIT_SUCCESS; k++)
    {
      s->score[k] = sb_score_network_alloc (&s->model[k]->network);
      status = s->score[k] ? EXIT_SUCCESS : failure ("the score: %s", why (GSL_FAILURE));
    }
  if (status == EXIT_SUCCESS)
    {
      const sb_bands *b = bands_of (s, 0);
      s->haar = sb_operator_haar_alloc (b->height, b->width, b->channels, b->levels);
      status = s->haar ? EXIT_SUCCESS : failure ("no memory for Haar's transform");
    }
  if (status != EXIT_SUCCESS)
    stages_close (s);
  return status;
}

// ## Times

int
stages_divide (staged *s, uint64_t steps)
{
  if (steps < s->count)
    return usage_error ("--steps: %llu are fewer than the %zu stages", (unsigned long long)steps, s->count);
  for (size_t k = 0; k < s->count; k++)
    {
      const size_t first = (size_t)steps * k / s->count, N = (size_t)steps * (k + 1) / s->count - first;
      const sb_process *process = s->model[k]->process;
      s->times[k] = gsl_vector_alloc (N + 1);
      if (!s->times[k])
        return failure ("no memory for the grid of times");
      sb_grid_linear (process->t_max, process->t_min, s->times[k]);
      gsl_vector_set (s->times[k], 0, k > 0 ? s->model[k - 1]->process->t_min : process->t_max);
    }
  return EXIT_SUCCESS;
}

// ## Drawing
//
// Batch after batch; at the end of each its bands become images.

typedef struct
{
  progress_bar bar;
  size_t done; // steps of stages and batches that are over
} watch;

static int
between_steps (void *context, size_t done, size_t steps, double t, const gsl_matrix *x)
{
  watch *w = context;
  (void)t, (void)x;
  progress_show (&w->bar, w->done + done);
  w->done += done == steps ? steps : 0;
  return interrupted () ? GSL_EFAILED : GSL_SUCCESS;
}

int
stages_draw (const staged *s, const staged_drawing *d, gsl_matrix *images, size_t *evaluations)
{
  sb_stage stage[STAGES_MOST];
  size_t steps = 0;
  for (size_t k = 0; k < s->count; k++)
    {
      stage[k] = (sb_stage){ s->score[k], s->times[k] };
      steps += s->times[k]->size - 1;
    }
  const size_t n = images->size1, batches = (n + d->batch - 1) / d->batch;
  watch w = { progress_start ("sampling", "steps", steps * batches, d->quiet), 0 };
  sb_multiscale how = { d->pc, d->frozen };
  how.pc.progress = between_steps;
  how.pc.context = &w;
  catch_interrupts ();
  int status = GSL_SUCCESS;
  for (size_t first = 0; first < n && !status; first += d->batch)
    {
      const size_t rows = n - first < d->batch ? n - first : d->batch;
      gsl_matrix_view to = gsl_matrix_submatrix (images, first, 0, rows, images->size2);
      gsl_matrix *bands = gsl_matrix_alloc (rows, images->size2);
      w.done = first / d->batch * steps;
      status = bands ? sb_multiscale_sample (&how, s->count, stage, (sb_stream){ .seed = d->seed, .index = first },
                                             bands, evaluations)
                     : GSL_ENOMEM;
      if (!status)
        status = sb_operator_apply (s->haar, CblasTrans, NULL, bands, &to.matrix);
      gsl_matrix_free (bands);
    }
  die_if_interrupted ("nothing was written");
  if (status)
    return failure ("sampling: %s", why (status));
  progress_end (&w.bar, steps * batches);
  return EXIT_SUCCESS;
}
