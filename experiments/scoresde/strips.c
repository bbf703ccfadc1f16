// # A model's flow, both ways

#include "strips.h"

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

gsl_matrix *
codes_between (const gsl_matrix *codes, size_t a, size_t b, size_t frames)
{
  gsl_matrix *out = require_pointer (gsl_matrix_alloc (frames, codes->size2), "codes");
  gsl_vector_const_view first = gsl_matrix_const_row (codes, a), last = gsl_matrix_const_row (codes, b);
  for (size_t k = 0; k < frames; k++)
    {
      gsl_vector_view row = gsl_matrix_row (out, k);
      require (sb_code_between (&first.vector, &last.vector, (double)k / (double)(frames - 1), &row.vector), "a code");
    }
  return out;
}
