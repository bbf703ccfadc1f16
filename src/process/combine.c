// # Linear combinations by parts
//
// Every operation of a diagonal process on a batch (a map, a posterior's mean, a reverse step, a corrector) is a sum of
// few terms, $\sum_m W^\top \operatorname{diag}(c_m)\,W\,\mathbf{x}_m$, with a number $c_m$ per part and perhaps per
// row. Here it is computed in one pass over memory.

#include "process.h"

#include "../base/clones.h"
#include "../base/error.h"
#include "../base/shard.h"

#include <stdbool.h>

// ## A run of numbers
//
// Terms whose coefficient is 0 have been left out: `count` is from 1 to 5.

SB_CLONES static void
add_up (size_t count, const double *c, const double *const *x, size_t numbers, double *out)
{
  const double *a = x[0], *b = x[count > 1 ? 1 : 0], *d = x[count > 2 ? 2 : 0];
  if (count == 1)
    {
#pragma omp simd
      for (size_t j = 0; j < numbers; j++)
        out[j] = c[0] * a[j];
    }
  else if (count == 2)
    {
#pragma omp simd
      for (size_t j = 0; j < numbers; j++)
        out[j] = c[0] * a[j] + c[1] * b[j];
    }
  else if (count == 3)
    {
#pragma omp simd
      for (size_t j = 0; j < numbers; j++)
        out[j] = c[0] * a[j] + c[1] * b[j] + c[2] * d[j];
    }
  else
    {
      const double *e = x[3], *f = x[count - 1], last = count > 4 ? c[4] : 0;
#pragma omp simd
      for (size_t j = 0; j < numbers; j++)
        out[j] = c[0] * a[j] + c[1] * b[j] + c[2] * d[j] + c[3] * e[j] + last * f[j];
    }
}

// ## A shard of rows

enum
{
  LONG_RUN = 8 // adjacent numbers of a part that are worth a call of their own
};

typedef struct
{
  const sb_process *process;
  size_t terms;
  const sb_term *term;
  gsl_matrix *out;
  bool shared; // the coefficients are the same for all rows
  bool alike;  // and for all parts
  bool dense;  // the rows of all matrices are contiguous
} combination;

static const double *
coefficients (const sb_term *term, size_t i)
{
  return gsl_matrix_const_ptr (term->c, term->c->size1 > 1 ? i : 0, 0);
}

// The length of the run of one part in a row from j on.

static void
combine_run (const combination *w, size_t i, size_t j, size_t part, size_t numbers)
{
  double c[SB_TERMS_MOST], *out = gsl_matrix_ptr (w->out, i, j);
  const double *x[SB_TERMS_MOST];
  size_t count = 0;
  for (size_t m = 0; m < w->terms; m++)
    {
      c[count] = coefficients (&w->term[m], i)[part];
      x[count] = gsl_matrix_const_ptr (w->term[m].x, i, j);
      count += c[count] != 0;
    }
  if (count > 0)
    add_up (count, c, x, numbers, out);
  for (size_t k = 0; k < numbers && count == 0; k++)
    out[k] = 0;
}

static void
combine_by_parts (const combination *w, size_t first, size_t count)
{
  const size_t d = w->out->size2;
  for (size_t j = 0, run; j < d; j += run)
    {
      const size_t part = sb_process_part (w->process, j);
      for (run = 1; j + run < d && sb_process_part (w->process, j + run) == part;)
        run++;
      for (size_t i = first; i < first + count; i++)
        combine_run (w, i, j, part, run);
    }
}

static void
combine_by_coordinate (const combination *w, size_t i)
{
  double *out = gsl_matrix_ptr (w->out, i, 0);
  for (size_t j = 0; j < w->out->size2; j++)
    {
      double sum = 0;
      for (size_t m = 0; m < w->terms; m++)
        {
          double c = coefficients (&w->term[m], i)[sb_process_part (w->process, j)];
          sum += c != 0 ? c * gsl_matrix_get (w->term[m].x, i, j) : 0;
        }
      out[j] = sum;
    }
}

static int
combine_rows (void *context, size_t shard, size_t first, size_t count)
{
  const combination *w = context;
  (void)shard;
  const size_t d = w->out->size2;
  if (w->alike && w->shared && w->dense)
    combine_run (w, first, 0, 0, count * d);
  else if (!w->alike && d >= LONG_RUN * w->process->parts)
    combine_by_parts (w, first, count);
  else
    for (size_t i = first; i < first + count; i++)
      if (w->alike)
        combine_run (w, i, 0, 0, d);
      else
        combine_by_coordinate (w, i);
  return GSL_SUCCESS;
}

static int
combine (const sb_process *process, size_t terms, const sb_term *term, gsl_matrix *out)
{
  combination w = { process, terms, term, out, true, term->c->size2 == 1, out->tda == out->size2 };
  for (size_t m = 0; m < terms; m++)
    {
      w.shared &= term[m].c->size1 == 1;
      w.dense &= term[m].x->tda == out->size2;
    }
  return sb_shards (out->size1, sb_shard_rows (out->size2), combine_rows, &w);
}

// ## Rows with the same times
//
// In a sampler they are the same for the whole batch: times are compared a block at a time.

enum
{
  BLOCK = 256
};

SB_CLONES static size_t
count_others (const double *v, double value)
{
  size_t others = 0;
#pragma omp simd reduction(+ : others)
  for (size_t j = 0; j < BLOCK; j++)
    others += v[j] != value;
  return others;
}

static size_t
run_length (const gsl_vector *v, size_t first)
{
  const double *at = v->data + first * v->stride;
  const size_t left = v->size - first;
  size_t same = 1;
  if (left > 1 && at[v->stride] != *at) // as in a training
    return same;
  while (v->stride == 1 && same + BLOCK <= left && count_others (at + same, *at) == 0)
    same += BLOCK;
  while (same < left && at[same * v->stride] == *at)
    same++;
  return same;
}

size_t
sb_same_times (const gsl_vector *s, const gsl_vector *t, size_t first)
{
  const size_t of_t = run_length (t, first), of_s = s ? run_length (s, first) : of_t;
  return of_s < of_t ? of_s : of_t;
}

// ## In another basis
//
// Each term is transformed to it, and added to the sum; the sum is transformed back. A term whose numbers are the same
// for all parts is only scaled, in any basis, and needs no transform.

static bool
is_alike (const gsl_matrix *c)
{
  for (size_t i = 0; i < c->size1; i++)
    for (size_t k = 1; k < c->size2; k++)
      if (gsl_matrix_get (c, i, k) != gsl_matrix_get (c, i, 0))
        return false;
  return true;
}

static int
sum_in_basis (const sb_process *process, size_t terms, const sb_term *term, gsl_matrix *y, gsl_matrix *sum)
{
  gsl_matrix *ones = gsl_matrix_alloc (1, process->parts);
  int status = ones ? GSL_SUCCESS : GSL_ENOMEM;
  if (ones)
    gsl_matrix_set_all (ones, 1);
  for (size_t m = 0; m < terms && !status; m++)
    {
      status = sb_operator_apply (process->basis, CblasNoTrans, NULL, term[m].x, y);
      if (!status)
        status = combine (process, m > 0 ? 2 : 1, (sb_term[]){ { term[m].c, y }, { ones, sum } }, sum);
    }
  gsl_matrix_free (ones);
  return status;
}

static int
combine_in_basis (const sb_process *process, size_t terms, const sb_term *term, gsl_matrix *work, gsl_matrix *out)
{
  const size_t n = out->size1, d = out->size2;
  gsl_matrix_view y = gsl_matrix_submatrix (work, 0, 0, n, d), sum = gsl_matrix_submatrix (work, n, 0, n, d);
  gsl_matrix first[SB_TERMS_MOST];
  sb_term alike[SB_TERMS_MOST + 1], other[SB_TERMS_MOST];
  size_t stay = 0, turn = 0;
  for (size_t m = 0; m < terms; m++)
    if (is_alike (term[m].c))
      {
        first[stay] = gsl_matrix_const_submatrix (term[m].c, 0, 0, term[m].c->size1, 1).matrix;
        alike[stay] = (sb_term){ &first[stay], term[m].x };
        stay++;
      }
    else
      other[turn++] = term[m];
  if (turn == 0)
    return combine (process, stay, alike, out);
  int status = sum_in_basis (process, turn, other, &y.matrix, &sum.matrix);
  if (!status)
    status = sb_operator_apply (process->basis, CblasTrans, NULL, &sum.matrix, stay ? &y.matrix : out);
  const gsl_matrix_const_view one = gsl_matrix_const_view_array ((const double[]){ 1 }, 1, 1);
  alike[stay] = (sb_term){ &one.matrix, &y.matrix };
  return status || stay == 0 ? status : combine (process, stay + 1, alike, out);
}

// ## From outside

static int
check (const sb_process *process, size_t terms, const sb_term *term, const gsl_matrix *work, const gsl_matrix *out)
{
  if (terms == 0 || terms > SB_TERMS_MOST)
    SB_ERROR (NULL, GSL_EINVAL, "a combination has from 1 to %d terms, not %zu", SB_TERMS_MOST, terms);
  const size_t n = out->size1, d = process->dimension, parts = term->c->size2;
  if (parts > 1 && sb_process_check_parts (process, "a combination"))
    return GSL_EUNSUP;
  if (out->size2 != d || (work && (work->size1 < 2 * n || work->size2 != d)))
    SB_ERROR (NULL, GSL_EBADLEN, "out is %zu x %zu, the process has %zu coordinates", n, out->size2, d);
  for (size_t m = 0; m < terms; m++)
    if (term[m].x->size1 != n || term[m].x->size2 != d || term[m].c->size2 != parts
        || (parts != 1 && parts != process->parts) || (term[m].c->size1 != 1 && term[m].c->size1 != n))
      SB_ERROR (NULL, GSL_EBADLEN,
                "term %zu is %zu x %zu with %zu x %zu coefficients; %zu x %zu with %zu parts are wanted", m,
                term[m].x->size1, term[m].x->size2, term[m].c->size1, term[m].c->size2, n, d, process->parts);
  return GSL_SUCCESS;
}

int
sb_process_combine (const sb_process *process, size_t terms, const sb_term *term, gsl_matrix *work, gsl_matrix *out)
{
  int status = check (process, terms, term, work, out);
  if (status || out->size1 == 0)
    return status;
  if (!process->basis || term->c->size2 == 1)
    return combine (process, terms, term, out);
  gsl_matrix *own = work ? NULL : gsl_matrix_alloc (2 * out->size1, out->size2);
  status = work || own ? combine_in_basis (process, terms, term, work ? work : own, out) : GSL_ENOMEM;
  gsl_matrix_free (own);
  return status;
}
