#ifndef SCOREBOOK_EXPERIMENTS_STRIPS_H
#define SCOREBOOK_EXPERIMENTS_STRIPS_H

#include "../images.h"

// What the figures of latent codes share: a model's flow both ways, and codes between codes.

typedef struct
{
  sb_model *model;
  sb_score *score;
  double tolerance;
} coder;

coder coder_open (const char *variable, double tolerance); // the model whose path it holds
void coder_close (coder c);

// In place, the rows of x; evaluations go to the results. Decoded rows are denoised at the end, as samples are.
void coder_encode (const coder *c, gsl_matrix *x, results *r);
void coder_decode (const coder *c, gsl_matrix *x, results *r);

// Codes between rows a and b of `codes`, both included.
gsl_matrix *codes_between (const gsl_matrix *codes, size_t a, size_t b, size_t frames);

#endif
