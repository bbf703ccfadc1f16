// # What must be true of every law, wherever it lies
//
// A law that is shifted, or given in another unit, with the noise and the points it is asked of, says the same, shifted
// and scaled: a score is per unit, a denoiser moves along. Where doubles do not reach it is refused, or what it says is
// no number; never another number.

#include "scope.h"
#include "truth.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE_WITH_BLAS (units);

enum
{
  d = 3,
  K = 5,
  n = 40
};

// ## The laws
//
// One of each kind: with full covariances, with diagonal ones, with round ones, with some that are singular, a
// Gaussian, few points and a data set.

typedef struct
{
  const char *name;
  size_t components;
  gsl_matrix *(*covariances) (void); // NULL: points
} kind;

static gsl_matrix *
full (void)
{
  gsl_matrix *C = matrix_all (K * d, d, 0);
  for (size_t k = 0; k < K; k++)
    for (size_t i = 0; i < d; i++)
      for (size_t j = 0; j < d; j++)
        gsl_matrix_set (C, k * d + i, j, i == j ? 1 + (double)k : 0.5);
  return C;
}

static gsl_matrix *
diagonal (void)
{
  gsl_matrix *C = matrix_all (K * d, d, 0);
  for (size_t i = 0; i < K * d; i++)
    gsl_matrix_set (C, i, i % d, 0.25 + (double)(i % 7));
  return C;
}

static gsl_matrix *
all_round (void)
{
  gsl_matrix *C = matrix_all (K * d, d, 0);
  for (size_t i = 0; i < K * d; i++)
    gsl_matrix_set (C, i, i % d, 0.5);
  return C;
}

static gsl_matrix *
singular (void)
{
  gsl_matrix *C = full ();
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++)
      gsl_matrix_set (C, i, j, 1);
  return C;
}

static const kind kinds[]
    = { { "full", K, full },     { "diagonal", K, diagonal }, { "round", K, all_round }, { "singular", K, singular },
        { "Gaussian", 1, full }, { "points", K, NULL },       { "data", 300, NULL } };

enum
{
  KINDS = sizeof kinds / sizeof *kinds
};

// Whole multiples of $2^{-20}$, which a shift does not round.

static gsl_matrix *
lattice (size_t rows, uint64_t seed)
{
  gsl_matrix *x = normals (rows, d, seed);
  for (size_t i = 0; i < rows * d; i++)
    x->data[i] = rint (x->data[i] * 0x1.8p20) / 0x1p20;
  return x;
}

static sb_target *
law_of (const kind *k, double unit, double shift)
{
  gsl_matrix *mu = lattice (k->components, 1);
  gsl_matrix_add_constant (mu, shift);
  gsl_matrix_scale (mu, unit);
  if (!k->covariances)
    return scoped (sb_target_points_alloc (mu, NULL));
  gsl_matrix *C = k->covariances ();
  gsl_matrix_scale (C, unit);
  gsl_matrix_scale (C, unit);
  gsl_matrix_const_view part = gsl_matrix_const_submatrix (C, 0, 0, k->components * d, d);
  return scoped (sb_target_mixture_alloc (NULL, mu, &part.matrix));
}

// ## The processes
//
// $\mathbf{x}_t = \mathbf{x}_0 + \varsigma\mathbf{z}$, by its numbers and by its maps alone.

static int
by_maps (const void *state, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s, const gsl_vector *t,
         gsl_matrix *x)
{
  const double sd = *(const double *)state;
  (void)transpose, (void)s, (void)t;
  return gsl_matrix_scale (x, map == SB_S ? sd : map == SB_S_INVERSE ? 1 / sd : 1);
}

static int
log_det_of_maps (const void *state, const gsl_vector *s, const gsl_vector *t, gsl_vector *log_det)
{
  (void)s, (void)t;
  gsl_vector_set_all (log_det, d * log (*(const double *)state));
  return GSL_SUCCESS;
}

static const sb_process_type maps = { .name = "maps", .apply = by_maps, .log_det = log_det_of_maps };

static double noise; // of the process by maps

static sb_process *
process_of (int mapped, double sd)
{
  noise = sd;
  return mapped ? scoped (sb_process_alloc (&maps, &noise, d, 0, 1, 0)) : fixed_process (d, 1, sd);
}

// ## The questions, with the power of the unit

typedef struct
{
  gsl_vector *log_p, *divergence;
  gsl_matrix *score, *denoiser, *epsilon, *jvp, *covariance;
  int status;
} said;

static said
ask_all (const sb_target *law, const sb_process *process, const gsl_matrix *x)
{
  gsl_matrix *v = matrix_all (n, d, 1);
  gsl_vector *t = vector_all (n, 0.5);
  gsl_vector_const_view first = gsl_matrix_const_row (x, 0);
  said a = { vector (n), vector (n), matrix (n, d), matrix (n, d), matrix (n, d), matrix (n, d), matrix (d, d), 0 };
  const int statuses[] = { sb_target_log_density (law, process, x, t, a.log_p),
                           sb_target_divergence (law, process, x, t, a.divergence),
                           sb_target_evaluate (law, process, SB_SCORE, x, t, a.score),
                           sb_target_evaluate (law, process, SB_DENOISER, x, t, a.denoiser),
                           sb_target_evaluate (law, process, SB_EPSILON, x, t, a.epsilon),
                           sb_target_jvp (law, process, x, t, v, a.jvp),
                           sb_target_posterior_covariance (law, process, &first.vector, 0.5, a.covariance) };
  for (size_t k = 0; k < sizeof statuses / sizeof *statuses; k++)
    if (statuses[k])
      a.status = statuses[k];
  return a;
}

// The largest difference of numbers found to those expected, which are of the given size; infinite for no number.

static double
off (const double *found, const double *expected, size_t count, double factor, double shift)
{
  double size = 1e-3, worst = 0;
  for (size_t i = 0; i < count; i++)
    {
      double difference = fabs (factor * found[i] - shift - expected[i]);
      size = larger (size, fabs (expected[i]));
      worst = difference <= worst ? worst : isnan (difference) ? INFINITY : difference;
    }
  return worst / size;
}

static void
must_agree (const said *a, const said *b, double unit, double shift, double bound, const char *name, int mapped)
{
  const double per = 1 / unit;
  for (size_t i = 0; i < n; i++) // squares are taken in two steps
    gsl_vector_set (a->divergence, i, unit * gsl_vector_get (a->divergence, i));
  gsl_matrix_scale (a->jvp, unit);
  gsl_matrix_scale (a->covariance, per);
  const double worst[] = { off (a->log_p->data, b->log_p->data, n, 1, -d * log (unit)),
                           off (a->divergence->data, b->divergence->data, n, unit, 0),
                           off (a->score->data, b->score->data, n * d, unit, 0),
                           off (a->denoiser->data, b->denoiser->data, n * d, per, shift),
                           off (a->epsilon->data, b->epsilon->data, n * d, 1, 0),
                           off (a->jvp->data, b->jvp->data, n * d, unit, 0),
                           off (a->covariance->data, b->covariance->data, d * d, per, 0) };
  const char *const what[] = { "log density", "divergence", "score", "denoiser", "epsilon", "Jacobian", "covariance" };
  for (size_t k = 0; k < sizeof worst / sizeof *worst; k++)
    cr_assert_leq (worst[k], k == 3 && shift != 0 ? 1e-7 : bound, "%s, %s, unit %g, shift %g, maps %d: off by %g", name,
                   what[k], unit, shift, mapped, worst[k]);
}

static const double noises[] = { 0.125, 1, 20 };

static void
check (const kind *k, double unit, double shift, double bound)
{
  for (size_t s = 0; s < 3; s++)
    for (int mapped = 0; mapped < 2; mapped++)
      {
        gsl_matrix *x = lattice (n, 2);
        const said plain = ask_all (law_of (k, 1, 0), process_of (mapped, noises[s]), x);
        ok (plain.status);
        gsl_matrix_add_constant (x, shift);
        gsl_matrix_scale (x, unit);
        const said moved = ask_all (law_of (k, unit, shift), process_of (mapped, unit * noises[s]), x);
        ok (moved.status, "%s, unit %g, shift %g, maps %d", k->name, unit, shift, mapped);
        must_agree (&moved, &plain, unit, shift, bound, k->name, mapped);
      }
}

Test (units, under_a_shift)
{
  for (size_t k = 0; k < KINDS; k++)
    {
      check (&kinds[k], 1, 1e8, 1e-9);
      check (&kinds[k], 1, -0x1p26, 1e-9);
    }
}

Test (units, under_a_change_of_unit)
{
  for (size_t k = 0; k < KINDS; k++)
    {
      check (&kinds[k], 1e150, 0, 1e-9);
      check (&kinds[k], 1e-150, 0, 1e-9);
    }
}

// Further out squares are no doubles. Of each answer all is refused, or no number, or right.

static int
wrong (double found, double expected)
{
  return gsl_finite (found) && !(fabs (found - expected) <= 1e-6 * (1 + fabs (expected)));
}

Test (units, beyond_the_squares)
{
  const double units[] = { 1e-155, 1e-158, 1e-161, 1e-170, 1e-200, 1e-300, 1e153, 1e155, 1e170, 1e200, 1e300 };
  for (size_t k = 0; k < KINDS; k++)
    for (size_t u = 0; u < sizeof units / sizeof *units; u++)
      for (int mapped = 0; mapped < 2; mapped++)
        {
          gsl_matrix *x = lattice (n, 2), *mu = lattice (kinds[k].components, 1), *C = NULL, *epsilon = matrix (n, d);
          gsl_vector *log_p = vector (n), *t = vector_all (n, 0.5);
          const said plain = ask_all (law_of (&kinds[k], 1, 0), process_of (mapped, 1), x);
          gsl_matrix_scale (x, units[u]);
          gsl_matrix_scale (mu, units[u]);
          if (kinds[k].covariances)
            {
              if (units[u] < 1)
                continue; // there is no such covariance
              C = kinds[k].covariances ();
              gsl_matrix_scale (C, units[u]);
              gsl_matrix_scale (C, units[u]);
              C->size1 = kinds[k].components * d;
            }
          sb_target *law = C ? sb_target_mixture_alloc (NULL, mu, C) : sb_target_points_alloc (mu, NULL);
          if (!law)
            continue;
          sb_process *process = process_of (mapped, units[u]);
          if (!sb_target_evaluate (law, process, SB_EPSILON, x, t, epsilon))
            for (size_t i = 0; i < n * d; i++)
              cr_assert (!wrong (epsilon->data[i], plain.epsilon->data[i]), "%s, unit %g, maps %d: epsilon %g, not %g",
                         kinds[k].name, units[u], mapped, epsilon->data[i], plain.epsilon->data[i]);
          if (!sb_target_log_density (law, process, x, t, log_p))
            for (size_t i = 0; i < n; i++)
              cr_assert (!wrong (log_p->data[i], plain.log_p->data[i] - d * log (units[u])),
                         "%s, unit %g, maps %d: log density %g, not %g", kinds[k].name, units[u], mapped,
                         log_p->data[i], plain.log_p->data[i] - d * log (units[u]));
          sb_target_free (law);
        }
}

// ## No numbers
//
// In a point, a mean or a covariance, in any place.

Test (units, a_law_is_of_numbers)
{
  const double bad[] = { NAN, INFINITY, -INFINITY };
  for (size_t k = 0; k < KINDS; k++)
    for (size_t place = 0; place < 3; place++)
      for (size_t b = 0; b < 3; b++)
        {
          const size_t numbers = kinds[k].components * d;
          gsl_matrix *mu = lattice (kinds[k].components, 1);
          mu->data[place * (numbers - 1) / 2] = bad[b];
          if (!kinds[k].covariances)
            {
              cr_assert_null (sb_target_points_alloc (mu, NULL));
              continue;
            }
          gsl_matrix *C = kinds[k].covariances ();
          C->size1 = numbers;
          cr_assert_null (sb_target_mixture_alloc (NULL, mu, C));
          mu = lattice (kinds[k].components, 1);
          C->data[place * (numbers * d - 1) / 2] = bad[b];
          cr_assert_null (sb_target_mixture_alloc (NULL, mu, C), "%s, place %zu, %g", kinds[k].name, place, bad[b]);
        }
}
