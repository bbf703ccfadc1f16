#ifndef SCOREBOOK_TESTS_SCORE_STRETCH_H
#define SCOREBOOK_TESTS_SCORE_STRETCH_H

#include "process/process.h"

// A process in the plane whose maps are no multiples of the identity and not symmetric, from time 0: the first two
// matrices; and its G.
void stretch_A (double t, double A[2][2]);
void stretch_S (double t, double S[2][2]);
void stretch_G (double t, double G[2][2]);

sb_process *stretch_alloc (void);

#endif
