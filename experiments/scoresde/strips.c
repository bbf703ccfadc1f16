// # A model's flow, both ways

#include "strips.h"

#include <gsl/gsl_math.h>
#include <math.h>

static const double t_min = 1e-3;

coder
coder_open (const char *variable, double tolerance)
{
  coder c = { .model = model_of (variable), .tolerance = tolerance };
  c.score = require_pointer (sb_score_network_alloc (&c.model->network), "the score");
  return c;
}

void
coder_close (coder c)
{
  sb_score_free (c.score);
  sb_model_free (c.model);
}

static void
carry (const coder *c, bool encode, gsl_matrix *x, results *r)
{
  const sb_flow flow
      = { .relative = c->tolerance, .absolute = c->tolerance, .final = encode ? SB_FINAL_SAMPLE : SB_FINAL_DENOISE };
  double evaluations;
  require ((encode ? sb_encode : sb_decode) (&flow, c->score, NULL, t_min, 8, x, &evaluations), "the flow");
  r->evaluations += (uint64_t)(evaluations * (double)x->size1);
}

void
coder_encode (const coder *c, gsl_matrix *x, results *r)
{
  carry (c, true, x, r);
}

void
coder_decode (const coder *c, gsl_matrix *x, results *r)
{
  carry (c, false, x, r);
}

static void
codes_between (const gsl_matrix *codes, size_t a, size_t b, gsl_matrix *out)
{
  gsl_vector_const_view first = gsl_matrix_const_row (codes, a), last = gsl_matrix_const_row (codes, b);
  for (size_t k = 0; k < out->size1; k++)
    {
      gsl_vector_view row = gsl_matrix_row (out, k);
      require (sb_code_between (&first.vector, &last.vector, (double)k / (double)(out->size1 - 1), &row.vector),
               "a code");
    }
}

static double
largest_jump (const gsl_matrix *strip)
{
  double most = 0, sum = 0;
  for (size_t k = 1; k < strip->size1; k++)
    {
      double square = 0;
      for (size_t j = 0; j < strip->size2; j++)
        square += gsl_pow_2 (gsl_matrix_get (strip, k, j) - gsl_matrix_get (strip, k - 1, j));
      most = fmax (most, sqrt (square));
      sum += sqrt (square);
    }
  return most / (sum / (double)(strip->size1 - 1));
}

double
strips_between (const coder *c, const gsl_matrix *codes, size_t frames, results *r)
{
  const size_t strips = codes->size1 / 2;
  gsl_matrix *all = require_pointer (gsl_matrix_alloc (strips * frames, codes->size2), "strips");
  double worst = 0;
  for (size_t k = 0; k < strips; k++)
    {
      gsl_matrix_view strip = gsl_matrix_submatrix (all, k * frames, 0, frames, codes->size2);
      codes_between (codes, 2 * k, 2 * k + 1, &strip.matrix);
    }
  coder_decode (c, all, r);
  for (size_t k = 0; k < strips; k++)
    {
      const gsl_matrix_const_view strip = gsl_matrix_const_submatrix (all, k * frames, 0, frames, codes->size2);
      worst = fmax (worst, largest_jump (&strip.matrix));
    }
  picture (r, "between", all, frames, c->model->low, c->model->high);
  gsl_matrix_free (all);
  return worst;
}
