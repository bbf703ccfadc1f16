// # The shortest path between levels
//
// Corruptions at levels $\theta_1 < \dots < \theta_n$ turn the data's law into $\mathcal D_{\theta_i}$, and it takes a
// network to go back from one to another. The paper's graph has an edge where that is not too far [soft.eq20],
// $$ w(\mathcal D_{\theta_i}, \mathcal D_{\theta_j}) = \begin{cases} \mathcal M(\mathcal D_{\theta_i},
//    \mathcal D_{\theta_j}) & \text{if } \mathcal M \le \epsilon, \\ \infty & \text{otherwise,} \end{cases} $$
// and the schedule is the shortest path from the first to the last. Without a bound it is the direct one, as $\mathcal
// M$ is a metric [soft.txt-epsinf]; the smaller $\epsilon$ is, the closer the path keeps to the curve $\theta \mapsto
// \mathcal D_\theta$, in steps of about $\epsilon$ [soft.txt-geodesic]. The metric is Wasserstein's also because it is
// what training makes small between data and model. [soft.txt-kwon]

#include "path.h"
#include "../base/checks.h"
#include "../base/error.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct
{
  double cost; // of the best path to here that is known; infinite: none
  size_t hops, before;
  bool settled;
} place;

typedef struct
{
  const gsl_matrix *distance;
  double epsilon;
  bool ordered; // hops lead to later nodes alone
  bool longest; // a path costs its longest hop, not their sum
  size_t from;
  place *place; // n
} search;

// ## The better of two
//
// Levels on a geodesic, or levels that do the same to the data, make paths that cost the same but for rounding, and
// without a rule for these the path would be arbitrary.

static const double ROUNDING = 1e-13;

static bool
better (double cost, size_t hops, const place *than)
{
  if (than->cost == HUGE_VAL)
    return cost < HUGE_VAL;
  const double rounding = ROUNDING * than->cost;
  return cost < than->cost - rounding || (cost <= than->cost + rounding && hops < than->hops);
}

// ## The search
//
// Dijkstra's: of the nodes that are not settled the nearest can get no nearer, as no distance is negative; it is
// settled, and the paths through it are tried. In a graph whose edges all lead forward, the nodes are settled in
// their order, and nothing need be compared.

static size_t
next_node (const search *s, size_t done)
{
  const size_t n = s->distance->size1;
  if (s->ordered)
    return done;
  size_t nearest = n;
  for (size_t k = 0; k < n; k++)
    if (!s->place[k].settled && (nearest == n || better (s->place[k].cost, s->place[k].hops, &s->place[nearest])))
      nearest = k;
  return nearest;
}

static void
relax_from (const search *s, size_t i)
{
  const place *here = &s->place[i];
  const double *distance = gsl_matrix_const_ptr (s->distance, i, 0);
  for (size_t j = s->ordered ? i + 1 : 0; j < s->distance->size2; j++)
    if (distance[j] <= s->epsilon && !s->place[j].settled)
      {
        const double cost = s->longest ? fmax (here->cost, distance[j]) : here->cost + distance[j];
        if (better (cost, here->hops + 1, &s->place[j]))
          s->place[j] = (place){ cost, here->hops + 1, i, false };
      }
}

static void
run (const search *s)
{
  const size_t n = s->distance->size1;
  for (size_t k = 0; k < n; k++)
    s->place[k] = (place){ k == s->from ? 0 : HUGE_VAL, 0, k, false };
  for (size_t done = 0; done < n; done++)
    {
      const size_t i = next_node (s, done);
      s->place[i].settled = true;
      if (s->place[i].cost < HUGE_VAL)
        relax_from (s, i);
    }
}

// ## What was found

static int
read_path (const search *s, size_t to, size_t *node, size_t *count, double *cost)
{
  if (s->place[to].cost == HUGE_VAL)
    {
      search least = *s;
      least.epsilon = HUGE_VAL, least.longest = true;
      run (&least);
      SB_ERROR (NULL, GSL_EDOM, "no path has hops of at most %g: the least bound that has one is %.17g", s->epsilon,
                least.place[to].cost);
    }
  *cost = s->place[to].cost;
  *count = s->place[to].hops + 1;
  for (size_t k = *count, i = to; k-- > 0; i = s->place[i].before)
    node[k] = i;
  return GSL_SUCCESS;
}

static int
search_alloc (const gsl_matrix *distance, double epsilon, bool ordered, search *s)
{
  const size_t n = distance->size1;
  *s = (search){ .distance = distance, .epsilon = epsilon, .ordered = ordered };
  if (n == 0 || distance->size2 != n)
    SB_ERROR (NULL, GSL_EBADLEN, "the distances are %zu x %zu, not square or empty", n, distance->size2);
  if (!(epsilon >= 0))
    SB_ERROR (NULL, GSL_EDOM, "epsilon is %g, not 0 or above", epsilon);
  for (size_t i = 0; i < n; i++)
    for (size_t j = ordered ? i + 1 : 0; j < n; j++)
      if (!(gsl_matrix_get (distance, i, j) >= 0 && gsl_finite (gsl_matrix_get (distance, i, j))))
        SB_ERROR (NULL, GSL_EDOM, "the distance from node %zu to node %zu is %g", i, j,
                  gsl_matrix_get (distance, i, j));
  s->place = calloc (n, sizeof *s->place);
  if (!s->place)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for paths between %zu nodes", n);
  return GSL_SUCCESS;
}

int
sb_schedule_path (const gsl_matrix *distance, double epsilon, size_t *node, size_t *count, double *cost)
{
  search s;
  int status = search_alloc (distance, epsilon, true, &s);
  if (status)
    return status;
  run (&s);
  status = read_path (&s, distance->size1 - 1, node, count, cost);
  free (s.place);
  return status;
}

int
sb_shortest_path (const gsl_matrix *distance, double epsilon, size_t from, size_t to, size_t *node, size_t *count,
                  double *cost)
{
  search s;
  if (from >= distance->size1 || to >= distance->size1)
    SB_ERROR (NULL, GSL_EINVAL, "a path from node %zu to node %zu, where there are %zu", from, to, distance->size1);
  int status = search_alloc (distance, epsilon, false, &s);
  if (status)
    return status;
  s.from = from;
  run (&s);
  status = read_path (&s, to, node, count, cost);
  free (s.place);
  return status;
}

int
sb_schedule_least_epsilon (const gsl_matrix *distance, double *epsilon)
{
  search s;
  int status = search_alloc (distance, HUGE_VAL, true, &s);
  if (status)
    return status;
  s.longest = true;
  run (&s);
  *epsilon = s.place[distance->size1 - 1].cost;
  free (s.place);
  return GSL_SUCCESS;
}

// ## A number of nodes
//
// The paper uses 32. Their number mostly falls as $\epsilon$ grows, but not always, so bisection is not safe. It
// changes at distances only, so that these are tried in order.

static size_t
distances_in_order (const gsl_matrix *distance, double *value)
{
  size_t count = 0, kept = 0;
  for (size_t i = 0; i < distance->size1; i++)
    for (size_t j = i + 1; j < distance->size2; j++)
      value[count++] = gsl_matrix_get (distance, i, j);
  gsl_sort (value, 1, count);
  for (size_t k = 0; k < count; k++)
    if (k == 0 || value[k] > value[kept - 1])
      value[kept++] = value[k];
  return kept;
}

static int
scan (search *s, const double *value, size_t count, size_t wanted, double *epsilon)
{
  const place *last = &s->place[s->distance->size1 - 1];
  size_t below = 0, above = 0;
  for (size_t k = 0; k < count; k++)
    {
      s->epsilon = *epsilon = value[k];
      run (s);
      const size_t nodes = last->cost < HUGE_VAL ? last->hops + 1 : 0;
      if (nodes == wanted)
        return GSL_SUCCESS;
      below = nodes < wanted ? GSL_MAX (nodes, below) : below;
      above = nodes > wanted && (nodes < above || above == 0) ? nodes : above;
    }
  if (above == 0)
    SB_ERROR (NULL, GSL_EDOM, "no bound on hops makes a path of %zu nodes: at most it has %zu", wanted, below);
  SB_ERROR (NULL, GSL_EDOM, "no bound on hops makes a path of %zu nodes, but one of %zu and one of %zu", wanted, below,
            above);
}

int
sb_schedule_search (const gsl_matrix *distance, size_t wanted, double *epsilon, size_t *node, double *cost)
{
  const size_t n = distance->size1;
  search s;
  int status = search_alloc (distance, HUGE_VAL, true, &s);
  if (status)
    return status;
  double *value = wanted < 2 || wanted > n ? NULL : malloc (n * (n - 1) / 2 * sizeof *value), found = 0;
  if (wanted < 2 || wanted > n)
    status = sb_error_report (NULL, __FILE__, __LINE__, GSL_EINVAL, "a path of %zu nodes among %zu", wanted, n);
  else if (!value)
    status = sb_error_report (NULL, __FILE__, __LINE__, GSL_ENOMEM, "no memory for the distances of %zu nodes", n);
  if (!status)
    status = scan (&s, value, distances_in_order (distance, value), wanted, &found);
  if (!status)
    {
      *epsilon = found;
      status = read_path (&s, n - 1, node, &wanted, cost);
    }
  free (value);
  free (s.place);
  return status;
}
