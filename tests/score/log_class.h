#ifndef SCOREBOOK_TESTS_LOG_CLASS_H
#define SCOREBOOK_TESTS_LOG_CLASS_H

// The logarithm of the probability that a classifier gives a class, in double throughout, for a test that is compiled
// in float: x is what the network is shown, [channels][height][width].
double log_class (const char *configuration, const float *theta, const double *x, double label, int class);

#endif
