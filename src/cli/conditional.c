// # Samples from observations
//
// What a model of images given observations needs for sampling. It does not need the images that were observed.

#include <config.h>
#include "conditional.h"
#include "options.h"
#include "point_files.h"
#include "setup.h"

#include <stdlib.h>

void
conditional_close (conditional *c)
{
  sb_score_free (c->slice);
  sb_score_free (c->of_network);
  gsl_matrix_free (c->condition);
  *c = (conditional){ 0 };
}

// Observations are given to the network at the images' size, each repeated for every sample of it.

static int
repeat_shown (const sb_observation *seen, const gsl_matrix *y, size_t times, gsl_matrix **all)
{
  gsl_matrix *shown = gsl_matrix_alloc (y->size1, sb_observation_shown (seen));
  *all = gsl_matrix_alloc (y->size1 * times, sb_observation_shown (seen));
  int status = shown && *all ? sb_observation_show (seen, y, shown) : GSL_ENOMEM;
  for (size_t i = 0; !status && i < (*all)->size1; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (shown, i / times);
      gsl_matrix_set_row (*all, i, &row.vector);
    }
  gsl_matrix_free (shown);
  return status;
}

static int
read_observations (const sb_model *model, const char *path, size_t times, gsl_matrix **all)
{
  const sb_observation *seen = model->observation;
  const double range[] = { model->low, model->high };
  points p;
  int status = points_read (path, range, 0, &p);
  if (status != EXIT_SUCCESS)
    return status;
  if (p.rows->size2 != sb_observation_numbers (seen))
    status = failure ("%s: %zu points of %zu numbers; an observation of the model (%s) has %zu", path, p.rows->size1,
                      p.rows->size2, model->task, sb_observation_numbers (seen));
  else
    status = points_finite (path, &p);
  if (status == EXIT_SUCCESS)
    {
      const int code = repeat_shown (seen, p.rows, times, all);
      status = code ? failure ("%s: %s", path, why (code)) : EXIT_SUCCESS;
    }
  points_free (&p);
  return status;
}

// The score of a pair is restricted to its first part, and its condition diffuses at its own speed; a network that
// takes a condition is a score of x as it is.

int
conditional_open (const sb_model *model, const char *path, uint64_t per_condition, conditional *c)
{
  *c = (conditional){ .process = model->process, .of_network = sb_score_network_alloc (&model->network) };
  c->score = c->of_network;
  if (c->of_network && sb_multispeed_x (model->process) > 0)
    {
      const sb_process *of_y = sb_nonuniform_block (model->process, 1);
      c->process = sb_nonuniform_block (model->process, 0);
      c->score = c->slice = sb_score_slice_alloc (c->of_network, c->process);
      c->diffused.process = of_y;
    }
  int status = c->score ? read_observations (model, path, (size_t)per_condition, &c->condition)
                        : failure ("the score: %s", why (GSL_FAILURE));
  if (status != EXIT_SUCCESS)
    conditional_close (c);
  return status;
}
