// # Sampling scale by scale
//
// [nonuniform.txt-mssample] Section 3.3.2:
//
// 1. Sample $a_n(1)$ from the stationary distribution and integrate the reverse SDE for $a_n$ from $t = 1$ to
//    $\frac{n}{n+1}$.
// 2. Sample $d_n(\frac{n}{n+1})$ from the stationary distribution and solve the reverse SDE for $[a_n, d_n]$ until
//    $\frac{n-1}{n+1}$.
// 3. Continue until $d_1(\frac{1}{n+1})$ is sampled, and solve the reverse SDE for $[a_n, d_n, \ldots, d_1]$ until
//    $\epsilon$.
// 4. Transform the coefficients back into an image.
//
// Drawing $d_k$ from a normal law independent of the rest neglects the signal still in it at the end of its band. The
// earlier bands evolve further: [nonuniform.txt-compound] an error in them at time $t$ is multiplied by
// $\partial\,\mathbb E[\mathbf x_0 \mid \mathbf x_t]/\partial\mathbf x_t$, less than the $1/\alpha_t$ of a cascade,
// which takes the coarse image as final.

#include "multiscale.h"

#include "../base/error.h"

#include <gsl/gsl_math.h>

static size_t
numbers_of (const sb_stage *stage)
{
  return stage->score->process->dimension;
}

static int
check (size_t stages, const sb_stage *stage, const gsl_matrix *x)
{
  if (stages == 0)
    SB_ERROR (NULL, GSL_EINVAL, "a multi-scale model has a stage or more");
  for (size_t k = 0; k < stages; k++)
    {
      if (stage[k].times->size < 2)
        SB_ERROR (NULL, GSL_EINVAL, "stage %zu has %zu times, and needs two", k, stage[k].times->size);
      if (k == 0)
        continue;
      const gsl_vector *above = stage[k - 1].times;
      const double ends = gsl_vector_get (above, above->size - 1), begins = gsl_vector_get (stage[k].times, 0);
      if (numbers_of (&stage[k]) <= numbers_of (&stage[k - 1]))
        SB_ERROR (NULL, GSL_EINVAL, "stage %zu has %zu numbers, no more than the one before it, %zu", k,
                  numbers_of (&stage[k]), numbers_of (&stage[k - 1]));
      if (ends != begins)
        SB_ERROR (NULL, GSL_EINVAL, "stage %zu begins at %.17g, and the one before it ends at %.17g", k, begins, ends);
    }
  if (x->size2 != numbers_of (&stage[stages - 1]))
    SB_ERROR (NULL, GSL_EBADLEN, "x has %zu columns, the last stage %zu", x->size2, numbers_of (&stage[stages - 1]));
  return GSL_SUCCESS;
}

// ## A band enters
//
// The prior is drawn for all columns of the stage, so that a band takes the same numbers of its row's stream whatever
// stages came before; then the old columns are restored.

static int
enter (const sb_stage *stage, size_t old, sb_stream stream, gsl_matrix *x)
{
  const size_t n = x->size1, d = numbers_of (stage);
  gsl_matrix *drawn = gsl_matrix_calloc (n, d);
  stream.purpose = SB_FOR_PRIOR;
  int status = drawn ? sb_process_prior (stage->score->process, stream, drawn) : GSL_ENOMEM;
  if (!status)
    {
      gsl_matrix_view to = gsl_matrix_submatrix (x, 0, old, n, d - old);
      const gsl_matrix_const_view band = gsl_matrix_const_submatrix (drawn, 0, old, n, d - old);
      gsl_matrix_memcpy (&to.matrix, &band.matrix);
    }
  gsl_matrix_free (drawn);
  return status;
}

// ## A cascade
//
// The columns of the earlier stages are final, $\hat{\mathbf x}_0 = \mathbf D_\alpha^{-1}\mathbf x_t$, and known from
// here on. Those that were known before are free of noise already.

typedef struct
{
  size_t clean, old, d; // columns that were known before, that are now, and all
} columns;

static int
finish (const sb_process *process, const columns *of, double t, const gsl_matrix *x, gsl_matrix *known,
        gsl_vector *mask)
{
  gsl_vector *at = gsl_vector_alloc (x->size1);
  int status = at ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status)
    {
      gsl_vector_set_all (at, t);
      gsl_matrix_memcpy (known, x);
      status = sb_process_apply (process, SB_A_INVERSE, CblasNoTrans, NULL, at, known);
    }
  for (size_t i = 0; i < x->size1 && !status; i++)
    for (size_t j = 0; j < of->clean; j++)
      gsl_matrix_set (known, i, j, gsl_matrix_get (x, i, j));
  for (size_t j = 0; j < of->d; j++)
    gsl_vector_set (mask, j, j < of->old);
  gsl_vector_free (at);
  return status;
}

static int
run_frozen (sb_pc pc, const sb_stage *stage, const columns *of, sb_stream stream, gsl_matrix *x, size_t *evaluations)
{
  gsl_matrix *y = gsl_matrix_alloc (x->size1, of->d);
  gsl_vector *mask = gsl_vector_alloc (of->d);
  int status
      = y && mask ? finish (stage->score->process, of, gsl_vector_get (stage->times, 0), x, y, mask) : GSL_ENOMEM;
  const sb_known known = { .y = y, .mask = mask };
  pc.known = &known;
  if (!status)
    status = sb_pc_sample (&pc, stage->score, NULL, stage->times, stream, x, evaluations);
  gsl_matrix_free (y);
  gsl_vector_free (mask);
  return status;
}

// ## Stage by stage
//
// Every stage continues its streams where the one before it stopped: restarted at 0, two stages would share normals, at
// different steps, as their rows differ in length.

int
sb_multiscale_sample (const sb_multiscale *multiscale, size_t stages, const sb_stage *stage, sb_stream stream,
                      gsl_matrix *x, size_t *evaluations)
{
  columns of = { 0 };
  size_t none;
  evaluations = evaluations ? evaluations : &none;
  *evaluations = 0;
  int status = check (stages, stage, x);
  sb_pc pc = multiscale->pc;
  for (size_t k = 0; k < stages && !status && x->size1 > 0; k++)
    {
      of = (columns){ of.old, of.d, numbers_of (&stage[k]) };
      gsl_matrix_view part = gsl_matrix_submatrix (x, 0, 0, x->size1, of.d);
      size_t of_stage = 0;
      pc.final = k + 1 < stages ? SB_FINAL_SAMPLE : multiscale->pc.final;
      status = enter (&stage[k], of.old, stream, &part.matrix);
      if (!status)
        status = multiscale->frozen && k > 0
                     ? run_frozen (pc, &stage[k], &of, stream, &part.matrix, &of_stage)
                     : sb_pc_sample (&pc, stage[k].score, NULL, stage[k].times, stream, &part.matrix, &of_stage);
      pc.taken += (uint64_t)stage[k].times->size * GSL_MAX (1, pc.corrector_steps) * of.d;
      *evaluations += of_stage;
    }
  return status;
}
