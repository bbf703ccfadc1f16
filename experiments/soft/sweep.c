// # Samplers by number of evaluations
//
// Tables 3 to 5 and Figures 3 and 10 with exact scores of Gaussian fields, whose variances are followed through the
// library's steps without Monte Carlo (tests/modes.h). [soft.tab3] [soft.tab4] [soft.tab5] [soft.tab2] [soft.fig3]
// [soft.fig10] [soft.fig11]

#include "../../tests/modes.h"
#include "../results.h"

#include <scorebook.h>

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

enum
{
  BUDGETS = 10
};
static const size_t budget[BUDGETS] = { 20, 25, 50, 100, 200, 280, 300, 400, 600, 1000 };

// ## What is run

typedef enum
{
  DDIM_0,
  TURNS_0,
  FLOW_0,
  MOMENTUM_0,
  DDIM,
  FLOW,
  MOMENTUM,
  NAIVE,
  VE_DDIM,
  VE_REVERSE,
  VE_FLOW,
  COLUMNS
} column;

static const struct
{
  const char *name;
  const sb_step_type *const *step, *const *alternate;
  bool ve, keeping;
} columns[COLUMNS]
    = { [DDIM_0] = { "No noise at the end / DDIM-type", &sb_step_soft_ddim, NULL, false, false },
        [TURNS_0] = { "No noise at the end / DDIM-type and flow in turn", &sb_step_soft_ddim, &sb_step_momentum_flow,
                      false, false },
        [FLOW_0] = { "No noise at the end / flow", &sb_step_momentum_flow, NULL, false, false },
        [MOMENTUM_0] = { "No noise at the end / momentum", &sb_step_momentum, NULL, false, false },
        [DDIM] = { "The least noise kept / DDIM-type", &sb_step_soft_ddim, NULL, false, true },
        [FLOW] = { "The least noise kept / flow", &sb_step_momentum_flow, NULL, false, true },
        [MOMENTUM] = { "The least noise kept / momentum", &sb_step_momentum, NULL, false, true },
        [NAIVE] = { "The least noise kept / naive", &sb_step_naive, NULL, false, true },
        [VE_DDIM] = { "VE, the least noise kept / DDIM", &sb_step_ddim, NULL, true, true },
        [VE_REVERSE] = { "VE, the least noise kept / reverse diffusion", &sb_step_reverse_diffusion, NULL, true, true },
        [VE_FLOW] = { "VE, the least noise kept / flow", &sb_step_probability_flow, NULL, true, true } };

typedef struct
{
  const char *name;
  double p;
  const double *knots;
  double cell[BUDGETS][COLUMNS];
} sweep;

// Tables 3, 5 and 4 on CelebA-64, and what the text says of momentum at 50 and 280.

static const char *
published (column c, size_t steps)
{
  static const struct
  {
    column c;
    size_t steps;
    const char *fid;
  } fid[]
      = { { DDIM_0, 25, "10.54" },     { DDIM_0, 50, "5.08" },     { DDIM_0, 100, "3.40" },  { DDIM_0, 200, "2.92" },
          { DDIM_0, 300, "2.83" },     { DDIM_0, 600, "2.80" },    { DDIM_0, 1000, "2.79" }, { TURNS_0, 25, "10.56" },
          { TURNS_0, 50, "5.21" },     { TURNS_0, 100, "3.21" },   { TURNS_0, 200, "2.86" }, { TURNS_0, 300, "2.71" },
          { TURNS_0, 600, "2.73" },    { TURNS_0, 1000, "2.73" },  { FLOW_0, 50, "13.77" },  { FLOW_0, 100, "3.27" },
          { FLOW_0, 200, "2.14" },     { FLOW_0, 300, "2.21" },    { FLOW_0, 600, "2.59" },  { FLOW_0, 1000, "2.49" },
          { MOMENTUM_0, 50, "30.31" }, { MOMENTUM_0, 280, "1.85" } };
  for (size_t k = 0; k < sizeof fid / sizeof *fid; k++)
    if (fid[k].c == c && fid[k].steps == steps)
      return fid[k].fid;
  return "";
}

static void
run (results *r, sweep *s)
{
  const field f = field_of (s->p);
  sb_process *soft = require_pointer (modes_soft_alloc (&f, s->knots, 0.1, false), "the corruption"),
             *ve = require_pointer (sb_ve_alloc (f.groups, 0.01, 50), "VE");
  ve->t_min = 0;
  for (size_t b = 0; b < BUDGETS; b++)
    for (column c = 0; c < COLUMNS; c++)
      {
        if (r->scale == SMOKE && budget[b] > 50 && budget[b] != 400)
          continue;
        char row[64];
        const modes m
            = { &f, columns[c].ve ? ve : soft, *columns[c].step, columns[c].alternate ? *columns[c].alternate : NULL };
        s->cell[b][c] = modes_run (&m, budget[b], columns[c].keeping, NULL);
        require (gsl_finite (s->cell[b][c]) ? GSL_SUCCESS : GSL_EFAILED, columns[c].name);
        r->evaluations += budget[b];
        snprintf (row, sizeof row, "%s, %zu", s->name, budget[b]);
        const char *fid = s->knots == field_knots_3 ? published (c, budget[b]) : "";
        results_row (r, row, columns[c].name, fid, 1e5 * s->cell[b][c], -1, "10⁻⁵",
                     *fid ? "published: FID on CelebA-64" : "");
      }
  sb_process_free (soft);
  sb_process_free (ve);
}

// ## A denoiser that is not exact
//
// On FIELD(1), of all its estimates so many percent too large or too small, with no noise at the end. [soft.txt-ushape]

typedef struct
{
  size_t best;   // the number of steps with the least error,
  double excess; // and the error at the most steps over it
} valley;

static valley
run_imperfect (results *r, double gain, column c)
{
  const field f = field_of (1);
  sb_process *soft = require_pointer (modes_soft_alloc (&f, field_knots_1, 0.1, false), "the corruption");
  double least = INFINITY, error = 0;
  valley found = { 0 };
  for (size_t b = 1; b < BUDGETS; b++)
    {
      char row[64];
      if (r->scale == SMOKE && budget[b] > 50 && budget[b] != 400)
        continue;
      error = modes_run_imperfect (&(modes){ &f, soft, *columns[c].step, NULL }, gain, budget[b], false, NULL);
      require (gsl_finite (error) ? GSL_SUCCESS : GSL_EFAILED, columns[c].name);
      r->evaluations += budget[b];
      snprintf (row, sizeof row, "FIELD(1), denoiser times %g, %zu", 1 + gain, budget[b]);
      results_row (r, row, columns[c].name, "", 1e5 * error, -1, "10⁻⁵", "");
      if (error < least)
        {
          least = error;
          found.best = budget[b];
        }
    }
  found.excess = error / least;
  sb_process_free (soft);
  return found;
}

static void
run_all_imperfect (results *r)
{
  static const column of[] = { MOMENTUM_0, FLOW_0, DDIM_0 };
  valley large[3], small[3];
  for (size_t k = 0; k < 3; k++)
    {
      large[k] = run_imperfect (r, 0.02, of[k]);
      small[k] = run_imperfect (r, -0.02, of[k]);
    }
  results_claim (r, "With a denoiser 2 % too large momentum has a best number of steps, and is worse with more",
                 large[0].excess > 2, "best at %zu steps, %.1f times as far off at 1000", large[0].best,
                 large[0].excess);
  results_claim (r, "... and with one 2 % too small", small[0].excess > 2, "best at %zu steps, %.1f times at 1000",
                 small[0].best, small[0].excess);
  results_claim (r, "With such a denoiser the DDIM-type sampler gets no worse with more steps", large[2].excess == 1,
                 "best at %zu steps, %.1f times as far off at 1000; its flow %zu and %.1f", large[2].best,
                 large[2].excess, large[1].best, large[1].excess);
}

// The knots to a wider blur: the shortest path through 256 levels with as many nodes.

static void
shortest_path (const field *f, double widest, double *knots)
{
  enum
  {
    LEVELS = 256
  };
  gsl_matrix *distance = require_pointer (gsl_matrix_calloc (LEVELS, LEVELS), "distances");
  size_t node[LEVELS];
  double epsilon, cost;
  for (size_t i = 0; i < LEVELS; i++)
    for (size_t j = i + 1; j < LEVELS; j++)
      gsl_matrix_set (distance, i, j,
                      sqrt (field_squared_distance (f, 0.01 + (widest - 0.01) * (double)i / (LEVELS - 1), 0.1,
                                                    0.01 + (widest - 0.01) * (double)j / (LEVELS - 1), 0.1)));
  require (sb_schedule_search (distance, FIELD_KNOTS, &epsilon, node, &cost), "the path");
  for (size_t k = 0; k < FIELD_KNOTS; k++)
    knots[k] = 0.01 + (widest - 0.01) * (double)node[k] / (LEVELS - 1);
  gsl_matrix_free (distance);
}

static void
draw (results *r, const sweep *s, const char *file)
{
  FILE *data = results_data (r, file);
  for (size_t b = 0; b < BUDGETS; b++)
    if (s->cell[b][DDIM] > 0)
      fprintf (data, "%zu %.6g %.6g %.6g %.6g %.6g\n", budget[b], s->cell[b][MOMENTUM], s->cell[b][DDIM],
               s->cell[b][NAIVE], s->cell[b][VE_REVERSE], s->cell[b][VE_DDIM]);
  require (fclose (data) ? GSL_EFAILED : GSL_SUCCESS, "the figure's data");
}

// ## The claims

// At how many of the budgets a is below b.

static size_t
wins (const sweep *s, column a, column b, size_t *of)
{
  size_t count = 0;
  *of = 0;
  for (size_t k = 0; k < BUDGETS; k++)
    if (s->cell[k][a] > 0)
      count += s->cell[k][a] < s->cell[k][b], ++*of;
  return count;
}

static double
largest_ratio (const sweep *s, column a, column b)
{
  double most = 0;
  for (size_t k = 0; k < BUDGETS; k++)
    if (s->cell[k][a] > 0)
      most = fmax (most, s->cell[k][a] / s->cell[k][b]);
  return most;
}

static bool
falls (const sweep *s, column c)
{
  double before = INFINITY;
  for (size_t k = 0; k < BUDGETS; k++)
    if (s->cell[k][c] > 0)
      {
        if (s->cell[k][c] >= before)
          return false;
        before = s->cell[k][c];
      }
  return true;
}

static void
claim_wins (results *r, const char *claim, const sweep *s, column a, column b)
{
  size_t of;
  const size_t count = wins (s, a, b, &of);
  results_claim (r, claim, count == of, "%s: at %zu of %zu budgets; their ratio is %.2g to %.2g", s->name, count, of,
                 1 / largest_ratio (s, b, a), largest_ratio (s, a, b));
}

static void
write_claims (results *r, const sweep *smooth, const sweep *natural)
{
  claim_wins (r, "Blur needs fewer steps than VE (momentum below reverse diffusion)", smooth, MOMENTUM, VE_REVERSE);
  claim_wins (r, "... on the field nearest to photographs", natural, MOMENTUM, VE_REVERSE);
  claim_wins (r, "... DDIM's steps on both sides", smooth, DDIM, VE_DDIM);
  claim_wins (r, "... on the field nearest to photographs, DDIM's steps on both sides", natural, DDIM, VE_DDIM);
  claim_wins (r, "... on that field, momentum below VE's DDIM", natural, MOMENTUM, VE_DDIM);
  claim_wins (r, "The DDIM-type sampler is ahead of the flow at few steps", smooth, DDIM_0, FLOW_0);
  claim_wins (r, "The flow is ahead of momentum at few steps", smooth, FLOW_0, MOMENTUM_0);
  claim_wins (r, "Momentum is best at many steps", smooth, MOMENTUM_0, DDIM_0);
  results_claim (r, "Momentum has a best number of steps, beyond which it gets worse",
                 !falls (smooth, MOMENTUM_0) || !falls (natural, MOMENTUM), "with exact scores its error %s",
                 falls (smooth, MOMENTUM_0) && falls (natural, MOMENTUM) ? "falls throughout" : "rises");
  results_claim (r, "The DDIM-type sampler does not get worse with more steps",
                 falls (smooth, DDIM_0) && falls (natural, DDIM_0), "it %s",
                 falls (smooth, DDIM_0) && falls (natural, DDIM_0) ? "falls throughout" : "rises");
  size_t of;
  const size_t below = wins (smooth, TURNS_0, FLOW_0, &of);
  results_claim (r, "The two in turn are better than both", below == of && wins (smooth, TURNS_0, DDIM_0, &of) == of,
                 "below the flow at %zu of %zu budgets, below DDIM-type at %zu", below, of,
                 wins (smooth, TURNS_0, DDIM_0, &of));
  results_claim (r, "Momentum and its flow are alike, while VE's flow is far behind",
                 largest_ratio (natural, FLOW, MOMENTUM) < 1.1 && largest_ratio (natural, VE_REVERSE, VE_FLOW) < 1. / 3,
                 "FIELD(1): within %.0f %%; VE's flow is %.1f to %.0f times its reverse diffusion",
                 100 * (largest_ratio (natural, FLOW, MOMENTUM) - 1), 1 / largest_ratio (natural, VE_REVERSE, VE_FLOW),
                 largest_ratio (natural, VE_FLOW, VE_REVERSE));
  results_claim (r, "Naive is more than ten times as far off as momentum",
                 natural->cell[7][NAIVE] > 10 * natural->cell[7][MOMENTUM], "FIELD(1): %.0f times at %zu steps",
                 natural->cell[7][NAIVE] / natural->cell[7][MOMENTUM], budget[7]);
}

int
main (void)
{
  results r = results_open ();
  sweep smooth = { .name = "FIELD(3)", .p = 3, .knots = field_knots_3 },
        natural = { .name = "FIELD(1)", .p = 1, .knots = field_knots_1 };
  double knots[FIELD_KNOTS];
  const field f = field_of (3);
  shortest_path (&f, 36, knots);
  sweep wider = { .name = "FIELD(3), blur to 36", .p = 3, .knots = knots };
  run (&r, &smooth);
  run (&r, &natural);
  run (&r, &wider);
  draw (&r, &smooth, "smooth.dat");
  draw (&r, &natural, "natural.dat");
  write_claims (&r, &smooth, &natural);
  claim_wins (&r, "Blur needs fewer steps than VE with the blur of CIFAR-10 (Figure 10)", &wider, MOMENTUM, VE_REVERSE);
  run_all_imperfect (&r);
  results_close (&r);
  return EXIT_SUCCESS;
}
