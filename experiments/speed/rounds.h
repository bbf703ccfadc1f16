#ifndef SCOREBOOK_EXPERIMENTS_SPEED_ROUNDS_H
#define SCOREBOOK_EXPERIMENTS_SPEED_ROUNDS_H

// A side of the benchmark: it warms up, then works when told to and says how long it took. For each line "N" of
// standard input: work (context, N), then a line with the seconds of one unit of it. At the end of input: a line with
// the largest memory the process had, in MB. `facts` stands in the first line, when it is ready.
void serve (void (*work) (void *context, unsigned long n), void *context, const char *facts);

double seconds_now (void);

// The number in the environment variable `name`, which is whole and positive; `otherwise` where there is none.
unsigned long environment_number (const char *name, unsigned long otherwise);

// OpenBLAS on one thread, OpenMP on THREADS (2 unless said).
void set_up (void);

// The program's K-th argument as a whole positive number; ends the program where it is none.
unsigned long argument_number (int argc, char **argv, int k);

#endif
