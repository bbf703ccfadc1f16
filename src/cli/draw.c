// # Drawing samples
//
// Samples are drawn a batch at a time. Sample $i$ takes its random numbers from stream $i$, whatever batch it is in.

#include <config.h>
#include "draw.h"
#include "options.h"
#include "progress.h"
#include "setup.h"

#include <gsl/gsl_math.h>
#include <stdlib.h>

// ## The state of a run

typedef struct
{
  const drawing *drawing;
  drawn_samples *drawn;
  progress_bar progress;
  size_t first; // the batch's first sample
  size_t steps_before, steps_of_batch;
  size_t next_state;
} run;

// ## Trajectories
//
// Of the steps $0, \dots, N$ those nearest to evenly spaced ones are kept; the last state is the finished sample.

static size_t
step_of_state (size_t k, size_t states, size_t steps)
{
  return (size_t)rint ((double)k * (double)steps / (double)(states - 1));
}

static void
keep_state (run *r, size_t k, double t, const gsl_matrix *x)
{
  size_t states = r->drawing->states;
  for (size_t i = 0; i < x->size1; i++)
    {
      gsl_vector_view to = gsl_matrix_row (r->drawn->x, (r->first + i) * states + k);
      gsl_vector_const_view from = gsl_matrix_const_row (x, i);
      gsl_vector_memcpy (&to.vector, &from.vector);
    }
  gsl_vector_set (r->drawn->t, k, t);
}

// ## Between two steps
//
// Store the state if it is wanted, show the progress, and stop if Ctrl-C was pressed. Several states may fall
// on one step where there are more states than steps.

static int
between_steps (void *context, size_t done, size_t steps, double t, const gsl_matrix *x)
{
  run *r = context;
  size_t states = r->drawing->states;
  while (r->next_state + 1 < states && done >= step_of_state (r->next_state, states, steps))
    keep_state (r, r->next_state++, t, x);
  progress_show (&r->progress, r->steps_before + done);
  return interrupted () ? GSL_EFAILED : GSL_SUCCESS;
}

// ## The adaptive flow
//
// From one wanted time to the next; with no trajectory there is one leg. The flow reports the time it has reached, not
// the steps that are left, so progress is counted in parts of the time.

enum
{
  PARTS = 1000 // of a batch's time
};

typedef struct
{
  run *run;
  double from, to; // of the whole batch
} leg;

static int
between_flow_steps (void *context, size_t done, size_t total, double t, const gsl_matrix *x)
{
  const leg *l = context;
  (void)done, (void)total, (void)x;
  progress_show (&l->run->progress,
                 l->run->steps_before + (size_t)(PARTS * (l->from - GSL_MAX (t, l->to)) / (l->from - l->to)));
  return interrupted () ? GSL_EFAILED : GSL_SUCCESS;
}

static int
run_flow (run *r, sb_stream stream, const gsl_matrix *y, gsl_matrix *x, size_t *evaluations)
{
  const drawing *d = r->drawing;
  size_t last = d->times->size - 1;
  leg l = { r, gsl_vector_get (d->times, 0), gsl_vector_get (d->times, last) };
  sb_flow flow = { d->tolerance, d->tolerance, SB_FINAL_SAMPLE, between_flow_steps, &l, d->pc.condition, stream };
  int status = GSL_SUCCESS;
  for (size_t k = 0; !status && k < last; k++)
    {
      size_t of_leg = 0;
      if (d->states)
        keep_state (r, k, gsl_vector_get (d->times, k), x);
      if (k + 1 == last)
        flow.final = d->pc.final;
      status = sb_flow_run (&flow, d->score, y, gsl_vector_get (d->times, k), gsl_vector_get (d->times, k + 1), x,
                            &of_leg);
      *evaluations += of_leg;
    }
  return status;
}

// ## Rows of a batch
//
// Its own rows of a matrix, or the only row for each sample. NULL: no memory.

static gsl_matrix *
rows_of_batch (const gsl_matrix *all, size_t first, size_t count)
{
  gsl_matrix *rows = gsl_matrix_alloc (count, all->size2);
  for (size_t i = 0; rows && i < count; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (all, all->size1 == 1 ? 0 : first + i);
      gsl_matrix_set_row (rows, i, &row.vector);
    }
  return rows;
}

// ## One batch
//
// From a draw of the prior to the end of the grid.

static int
run_pc_with_known (run *r, sb_pc *pc, sb_stream stream, const gsl_matrix *y, gsl_matrix *x, size_t *evaluations)
{
  const drawing *d = r->drawing;
  gsl_matrix *rows = rows_of_batch (d->known->y, r->first, x->size1);
  if (!rows)
    return GSL_ENOMEM;
  sb_known known = *d->known;
  known.y = rows;
  pc->known = &known;
  int status = sb_pc_sample (pc, d->score, y, d->times, stream, x, evaluations);
  gsl_matrix_free (rows);
  return status;
}

static int
run_pc (run *r, sb_stream stream, const gsl_matrix *y, gsl_matrix *x, size_t *evaluations)
{
  sb_pc pc = r->drawing->pc;
  pc.progress = between_steps;
  pc.context = r;
  return r->drawing->known->y ? run_pc_with_known (r, &pc, stream, y, x, evaluations)
                              : sb_pc_sample (&pc, r->drawing->score, y, r->drawing->times, stream, x, evaluations);
}

static int
begin (const drawing *d, size_t first, sb_stream stream, gsl_matrix *x)
{
  if (!d->start)
    return sb_process_prior (d->score->process, stream, x);
  gsl_matrix *rows = rows_of_batch (d->start, first, x->size1);
  int status = rows ? gsl_matrix_memcpy (x, rows) : GSL_ENOMEM;
  gsl_matrix_free (rows);
  return status;
}

static int
draw_batch (run *r, const gsl_matrix *y, gsl_matrix *x, size_t *evaluations)
{
  const drawing *d = r->drawing;
  sb_stream stream = { .seed = d->seed, .purpose = SB_FOR_PRIOR, .index = r->first };
  d->inverse->stream = stream;
  d->inverse->count = 0;
  int status = begin (d, r->first, stream, x);
  r->next_state = 0;
  if (!status)
    status = d->flow ? run_flow (r, stream, y, x, evaluations) : run_pc (r, stream, y, x, evaluations);
  if (status)
    return status;
  if (d->states)
    keep_state (r, d->states - 1, d->pc.final == SB_FINAL_SAMPLE ? gsl_vector_get (d->times, d->times->size - 1) : 0,
                x);
  else
    {
      gsl_matrix_view to = gsl_matrix_submatrix (r->drawn->x, r->first, 0, x->size1, x->size2);
      gsl_matrix_memcpy (&to.matrix, x);
    }
  return GSL_SUCCESS;
}

// ## All of them

static int
draw_all (run *r, size_t n)
{
  const drawing *d = r->drawing;
  double evaluations = 0;
  for (r->first = 0; r->first < n; r->first += d->batch)
    {
      size_t rows = GSL_MIN (d->batch, n - r->first), of_batch = 0;
      gsl_matrix *x = gsl_matrix_alloc (rows, d->score->process->dimension);
      gsl_matrix *y = d->condition ? rows_of_batch (d->condition, r->first, rows) : NULL;
      int status = GSL_ENOMEM;
      if (x && (y || !d->condition))
        status = draw_batch (r, y, x, &of_batch);
      gsl_matrix_free (y);
      gsl_matrix_free (x);
      if (status)
        return status;
      r->steps_before += r->steps_of_batch;
      evaluations += (double)of_batch * (double)rows / (double)n;
    }
  r->drawn->evaluations = (size_t)rint (evaluations);
  return GSL_SUCCESS;
}

int
draw_samples (const drawing *d, size_t n, drawn_samples *drawn)
{
  size_t columns = d->score->process->dimension, batches = (n + d->batch - 1) / d->batch;
  size_t states = d->states ? d->states : 1, most = SIZE_MAX / sizeof (double) / columns;
  *drawn = (drawn_samples){ 0 };
  if (n <= most / states)
    drawn->x = gsl_matrix_alloc (n * states, columns);
  drawn->t = d->states ? gsl_vector_alloc (d->states) : NULL;
  if (!drawn->x || (d->states && !drawn->t))
    {
      drawn_free (drawn);
      return failure ("no memory for %zu x %zu x %zu numbers", n, states, columns);
    }

  catch_interrupts ();
  run r = { .drawing = d, .drawn = drawn, .steps_of_batch = d->flow ? PARTS : d->times->size - 1 };
  size_t total = batches * r.steps_of_batch;
  r.progress = progress_start ("sampling", d->flow ? "parts" : "steps", total, d->quiet);
  int status = draw_all (&r, n);
  die_if_interrupted ("nothing was written");
  if (!status)
    {
      progress_end (&r.progress, total);
      return EXIT_SUCCESS;
    }
  drawn_free (drawn);
  return failure ("sampling: %s", why (status));
}

void
drawn_free (drawn_samples *drawn)
{
  gsl_matrix_free (drawn->x);
  gsl_vector_free (drawn->t);
  *drawn = (drawn_samples){ 0 };
}
