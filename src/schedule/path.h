#ifndef SCOREBOOK_SCHEDULE_PATH_H
#define SCOREBOOK_SCHEDULE_PATH_H

#include "../base/decls.h"

#include <gsl/gsl_matrix.h>

SB_BEGIN_DECLS

// Common to all: distance (n x n) holds finite distances, not negative, from row i to column j, and only hops of at
// most epsilon (HUGE_VAL: any) are taken. node (of length n) receives the nodes of the path, `count` of them, both ends
// included; cost the sum of its hops. Of paths whose costs agree to rounding the one with the fewest hops is taken.
// GSL_EBADLEN; GSL_EDOM where a distance or epsilon is not valid, or there is no path: the message then names the least
// epsilon that would do; GSL_ENOMEM.

// The shortest path from node 0 to node n - 1 that never goes back: levels are in order of growing corruption.
// Distances above the diagonal are read.
int sb_schedule_path (const gsl_matrix *distance, double epsilon, size_t *node, size_t *count, double *cost);

// The least epsilon that has such a path.
int sb_schedule_least_epsilon (const gsl_matrix *distance, double *epsilon);

// Such a path with `wanted` nodes, by the smallest epsilon that gives it. Also GSL_EINVAL where wanted is not from 2 to
// n; GSL_EDOM where no epsilon does: the message names the nearest possible numbers. Takes at most n^4/2 operations,
// usually about n^3.
int sb_schedule_search (const gsl_matrix *distance, size_t wanted, double *epsilon, size_t *node, double *cost);

// The shortest path between any two nodes in any order (Dijkstra). Also GSL_EINVAL where a node does not exist.
int sb_shortest_path (const gsl_matrix *distance, double epsilon, size_t from, size_t to, size_t *node, size_t *count,
                      double *cost);

SB_END_DECLS

#endif
