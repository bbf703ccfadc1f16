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

// A strip for each two rows of `codes`: the images of so many codes between them, both included, in the picture
// "between". Returns the largest step between two neighbours of a strip over the strip's mean step.
double strips_between (const coder *c, const gsl_matrix *codes, size_t frames, results *r);

#endif
