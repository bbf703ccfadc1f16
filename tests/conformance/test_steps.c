// # What every step and every corrector must satisfy
//
// Each row of the two lists under each process, those of worlds.c too. A step with the exact score of a Gaussian is
// affine in $\mathbf x$ and in its normals: what it makes of mean and covariance is read off, and compared with the law
// at the earlier time.

#include "score/callback.h"
#include "score/exact.h"
#include "take.h"
#include "worlds.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE (steps);

// What a row claims: the share of $\mathbf G\mathbf G^{\mathsf T}\mathbf s$ in its drift (1: the reverse SDE, 1/2: the
// flow; 0: it is of another SDE, or of none), and its order, by which the error of one step goes with
// $h^{\mathrm{order} + 1}$. A row that is not here fails.

typedef struct
{
  const char *name;
  double share;
  int order;
} claim;

static const claim claims[] = {
  { "none", 0, 0 },
  { "euler-maruyama", 1, 1 },
  { "heun", 1, 2 },
  { "reverse-diffusion", 1, 1 },
  { "ancestral", 1, 1 },
  { "ancestral-upper", 1, 1 },
  { "ancestral-lower", 1, 1 },
  { "ancestral-optimal", 1, 1 },
  { "ddim", 0.5, 1 },
  { "probability-flow", 0.5, 1 },
  { "flow-heun", 0.5, 2 },
  { "flow-rk4", 0.5, 4 },
  { "edm-heun", 0.5, 2 },
  { "naive", 0, -1 },
  { "momentum", 0, 1 },
  { "momentum-flow", 0.5, 1 },
  { "soft-ddim", 0.5, 1 },
  { "soft-ancestral", 0, 1 },
};

static const claim *
claim_of (const sb_entry *entry)
{
  for (size_t k = 0; k < sizeof claims / sizeof *claims; k++)
    if (strcmp (claims[k].name, entry->name) == 0)
      return &claims[k];
  cr_assert_fail ("%s: nothing is claimed of this step", entry->name);
  return NULL;
}

static bool
can_take (const world *w, const sb_step_type *step)
{
  return !(step->needs & SB_NEEDS_SDE && w->lacks & NO_SDE) && !(step->take && w->lacks & NO_SDE)
         && !(step->needs & SB_NEEDS_DIVERGENCE && w->lacks & MANY_PARTS)
         && !(w->lacks & NO_PARTS && !step->maps && !step->take && !(step->needs & SB_NEEDS_NO_ESTIMATE));
}

// ## One step, read off

typedef struct
{
  gsl_matrix *mean, *covariance; // 1 x d, d x d
} moments;

static void
add_square (gsl_matrix *C, const gsl_matrix *rows) // C + rows^T rows
{
  gsl_blas_dgemm (CblasTrans, CblasNoTrans, 1, rows, rows, 1, C);
}

typedef struct
{
  gsl_matrix *mean, *root;
  sb_score *score;
} gaussian;

static gaussian
gaussian_under (const sb_process *p)
{
  const size_t d = p->dimension;
  gaussian g = { normals (1, d, 1), normals (d, d, 2), NULL };
  gsl_matrix *C = matrix_all (d, d, 0);
  gsl_matrix_scale (g.root, 0.5);
  add_square (C, g.root);
  gsl_vector_view mean = gsl_matrix_row (g.mean, 0);
  g.score = scoped (sb_score_exact_alloc (scoped (sb_target_gaussian_alloc (&mean.vector, C)), p));
  return g;
}

// The law at t of Gaussian data with covariance root^T root: maps are symmetric here.

static moments
law_at (const world *w, const gaussian *g, double t)
{
  const size_t d = w->process->dimension;
  gsl_matrix *identity = matrix (d, d);
  gsl_matrix_set_identity (identity);
  moments m = { mapped (w, SB_A, CblasNoTrans, 0, t, g->mean), matrix_all (d, d, 0) };
  add_square (m.covariance, mapped (w, SB_A, CblasNoTrans, 0, t, g->root));
  add_square (m.covariance, mapped (w, SB_S, CblasNoTrans, 0, t, identity));
  return m;
}

static moments
step_of (const sb_step_type *step, const sb_score *score, double s, double t, const moments *from)
{
  const size_t d = from->mean->size2;
  gsl_matrix *z = matrix_all (2 * d + 1, d, 0), *x = matrix (2 * d + 1, d), *root = copy_of (from->covariance);
  gsl_matrix_view noise = gsl_matrix_submatrix (x, d + 1, 0, d, d), moved = gsl_matrix_submatrix (x, 1, 0, d, d);
  ok (gsl_linalg_cholesky_decomp1 (root));
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < d; j++)
      gsl_matrix_set (x, i, j,
                      gsl_matrix_get (from->mean, 0, j)
                          + (1 <= i && i <= d && j >= i - 1 ? gsl_matrix_get (root, j, i - 1) : 0));
  for (size_t j = 0; j < d; j++)
    gsl_matrix_set (z, d + 1 + j, j, 1);
  ok (take_step (step, score, NULL, s, t, z, x), "%s", step->entry.name);

  moments m = { matrix (1, d), matrix_all (d, d, 0) };
  gsl_matrix_view first = gsl_matrix_submatrix (x, 0, 0, 1, d);
  gsl_matrix_memcpy (m.mean, &first.matrix);
  for (size_t i = 1; i < x->size1; i++)
    {
      gsl_vector_view row = gsl_matrix_row (x, i), mean = gsl_matrix_row (m.mean, 0);
      gsl_vector_sub (&row.vector, &mean.vector);
    }
  add_square (m.covariance, &moved.matrix);
  add_square (m.covariance, &noise.matrix);
  return m;
}

static double
distance (const moments *a, const moments *b)
{
  double largest = 0;
  for (size_t j = 0; j < a->mean->size2; j++)
    {
      largest = larger (largest, fabs (gsl_matrix_get (a->mean, 0, j) - gsl_matrix_get (b->mean, 0, j)));
      for (size_t k = 0; k < a->mean->size2; k++)
        largest = larger (largest, fabs (gsl_matrix_get (a->covariance, j, k) - gsl_matrix_get (b->covariance, j, k)));
    }
  return largest;
}

// Every step of the list in every world.

#define EACH_STEP(name)                                                                                                \
  static void each_##name (const world *w, const gaussian *g, const sb_step_type *step, const claim *c);               \
  IN_EACH_WORLD (steps, name)                                                                                          \
  {                                                                                                                    \
    const gaussian g = gaussian_under (w->process);                                                                    \
    const sb_entry *entry;                                                                                             \
    for (size_t k = 0; (entry = sb_steps (k)); k++)                                                                    \
      each_##name (w, &g, (const sb_step_type *)entry, claim_of (entry));                                              \
  }                                                                                                                    \
  static void each_##name (const world *w, const gaussian *g, const sb_step_type *step, const claim *c)

// ## Order

static double
error_of (const world *w, const gaussian *g, const sb_step_type *step, double h)
{
  moments from = law_at (w, g, w->t), to = law_at (w, g, w->t - h),
          found = step_of (step, g->score, w->t - h, w->t, &from);
  return distance (&found, &to);
}

EACH_STEP (have_the_order_they_claim)
{
  if (!can_take (w, step) || w->lacks & NO_A_INVERSE)
    return;
  double h = w->process->levels ? 0.02 : 0.01, ratio = error_of (w, g, step, h) / error_of (w, g, step, h / 2);
  cr_assert (fabs (log2 (ratio) - c->order - 1) < 0.35, "%s, %s: the error falls by %g where h is halved", w->name,
             c->name, ratio);
}

// ## Refusals

EACH_STEP (refuse_what_they_cannot)
{
  gsl_matrix *x = normals (3, w->process->dimension, 3), *z = normals (3, w->process->dimension, 4);
  refused (can_take (w, step) ? GSL_SUCCESS : GSL_EUNSUP, take_step (step, g->score, NULL, w->s, w->t, z, x), "%s, %s",
           w->name, c->name);
  for (size_t j = 0; j < x->size2; j++)
    cr_assert (gsl_finite (gsl_matrix_get (x, 2, j)), "%s, %s: column %zu", w->name, c->name, j);
  w->process->from_zero_only = true;
  int status = take_step (step, g->score, NULL, w->s, w->t, z, x);
  if (step->needs & SB_NEEDS_KERNEL)
    refused (GSL_EUNSUP, status, "%s, %s, with no kernel from s > 0", w->name, c->name);
  w->process->from_zero_only = false;
}

// ## Near t = s
//
// At $h = 10^{-9}$ a step is its drift and its noise: $-h\,(\mathbf F\mathbf x - \kappa\,\mathbf G\mathbf G^{\mathsf
// T}\mathbf s)$ and $\sqrt h\,\mathbf G\mathbf z$. Numbers that cancelled would be far from it. The score is 1
// everywhere.

static int
one (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)x, (void)t, (void)y, (void)params;
  gsl_matrix_set_all (out, 1);
  return GSL_SUCCESS;
}

static sb_score *
score_of_one (const world *w)
{
  return scoped (sb_score_callback_alloc (&(sb_score_callback){ .view = SB_SCORE, .function = one }, w->process));
}

EACH_STEP (do_not_cancel_near_the_present)
{
  const double h = 1e-9;
  const size_t d = w->process->dimension;
  (void)g;
  if (w->lacks & NO_SDE || !can_take (w, step) || step->needs & SB_NEEDS_DIVERGENCE
      || (c->share == 0 && step != sb_step_none))
    return;
  sb_score *score = score_of_one (w);
  gsl_matrix *z = matrix_all (1, d, 1), *noise = mapped (w, SB_G, CblasNoTrans, 0, w->t, z),
             *drift = mapped (w, SB_G, CblasNoTrans, 0, w->t, noise), *x = matrix_all (1, d, 0),
             *with_z = matrix_all (1, d, 0);
  ok (take_step (step, score, NULL, w->t - h, w->t, NULL, x), "%s, %s", w->name, c->name);
  ok (take_step (step, score, NULL, w->t - h, w->t, z, with_z), "%s, %s", w->name, c->name);
  for (size_t j = 0; j < d; j++)
    {
      double moved = gsl_matrix_get (x, 0, j), wanted = h * c->share * gsl_matrix_get (drift, 0, j),
             b = gsl_matrix_get (with_z, 0, j) - moved,
             b_wanted = c->share == 1 ? sqrt (h) * gsl_matrix_get (noise, 0, j) : 0;
      cr_assert (fabs (moved - wanted) <= 2e-7 * fabs (wanted), "%s, %s: moves by %.12g, not %.12g", w->name, c->name,
                 moved, wanted);
      cr_assert (fabs (b - b_wanted) <= 2e-7 * fabs (b_wanted), "%s, %s: noise %.12g, not %.12g", w->name, c->name, b,
                 b_wanted);
    }
}

// ## A score by any view
//
// A row says its step by the denoiser and by the score: with the same estimate both are the same step.

static int
of_view (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  const sb_score_callback *c = params;
  return sb_score_evaluate (c->params, c->view, x, t, y, out);
}

EACH_STEP (are_the_same_by_any_view)
{
  static const sb_view views[] = { SB_SCORE, SB_DENOISER, SB_EPSILON };
  gsl_matrix *x[3], *z = normals (2, w->process->dimension, 4);
  if (!can_take (w, step) || step->needs & SB_NEEDS_DIVERGENCE || w->lacks & (NO_A_INVERSE | NO_S_INVERSE))
    return;
  for (int v = 0; v < 3; v++)
    {
      sb_score_callback inner = { .view = views[v], .params = g->score };
      sb_score *score = scoped (sb_score_callback_alloc (
          &(sb_score_callback){ .view = views[v], .function = of_view, .params = &inner }, w->process));
      x[v] = normals (2, w->process->dimension, 3);
      ok (take_step (step, score, NULL, w->s, w->t, z, x[v]), "%s, %s", w->name, c->name);
      for (size_t j = 0; j < x[0]->size2; j++)
        cr_assert_float_eq (gsl_matrix_get (x[v], 1, j), gsl_matrix_get (x[0], 1, j), 1e-10, "%s, %s, view %d", w->name,
                            c->name, v);
    }
}

// ## Correctors
//
// In each part $\mathbf x + \epsilon\,\mathbf s + \sqrt{2\epsilon}\,\mathbf z$ with an $\epsilon$ of its own.

static gsl_matrix *
in_the_basis (const world *w, gsl_matrix *x)
{
  if (!w->process->basis)
    return x;
  gsl_matrix *y = matrix (x->size1, x->size2);
  ok (sb_operator_apply (w->process->basis, CblasNoTrans, NULL, x, y));
  return y;
}

static void
check_corrector (const world *w, const sb_score *score, const sb_entry *entry)
{
  const size_t d = w->process->dimension;
  double key[SB_KEYS_MOST], S[8], A[8];
  sb_corrector corrector = { .type = (const sb_corrector_type *)entry };
  sb_entry_usual (entry, key);
  corrector.type->set (key, &corrector);
  corrector.leaps = 1; // of hmc, which then is Langevin's
  gsl_matrix *x = matrix_all (1, d, 0), *with_z = matrix_all (1, d, 0), *z = matrix_all (1, d, 1);
  int status = take_correction (&corrector, score, NULL, w->s, w->t, z, with_z);
  if (w->lacks & NO_PARTS)
    refused (GSL_EUNSUP, status, "%s, %s", w->name, entry->name);
  if (w->lacks & (NO_PARTS | NO_A_INVERSE | NO_S_INVERSE))
    return;
  ok (status, "%s, %s", w->name, entry->name);
  ok (sb_process_numbers (w->process, SB_S, 0, w->t, S));
  ok (sb_process_numbers (w->process, SB_A, w->s, w->t, A));
  ok (take_correction (&corrector, score, NULL, w->s, w->t, NULL, x), "%s, %s", w->name, entry->name);
  gsl_matrix_sub (with_z, x);
  const gsl_matrix *of_s = in_the_basis (w, x), *of_z = in_the_basis (w, with_z), *ones = in_the_basis (w, z);
  for (size_t j = 0; j < d; j++)
    {
      double e = gsl_matrix_get (of_s, 0, j), b = gsl_matrix_get (of_z, 0, j), u = gsl_matrix_get (ones, 0, j);
      if (fabs (u) < 1e-9)
        continue;
      const size_t k = sb_process_part (w->process, j), l = sb_process_part (w->process, 0);
      const double first = gsl_matrix_get (of_s, 0, 0) / gsl_matrix_get (ones, 0, 0);
      double wanted = strcmp (entry->name, "constant") == 0 ? key[0]
                      : strcmp (entry->name, "fixed") == 0  ? key[0] * gsl_pow_2 (S[k])
                      : strcmp (entry->name, "hmc") == 0    ? gsl_pow_2 (key[0] * S[k]) / 2
                                                            : first * gsl_pow_2 (A[k] * S[k] / (A[l] * S[l]));
      cr_assert_float_eq (gsl_pow_2 (b / u), 2 * e / u, 1e-11 * e / u, "%s, %s: %g and %g", w->name, entry->name, e / u,
                          b / u);
      cr_assert_float_eq (e / u, wanted, 1e-12 * (1 + wanted), "%s, %s: epsilon %g, not %g", w->name, entry->name,
                          e / u, wanted);
    }
}

IN_EACH_WORLD (steps, correctors_are_langevin_steps_in_each_part)
{
  const sb_entry *entry;
  for (size_t k = 0; (entry = sb_correctors (k)); k++)
    check_corrector (w, score_of_one (w), entry);
}

// ## Rows of one's own
//
// A step that first goes up: the forward transition to $\hat t$ with the step's own normals, and down from there
// without any.

static double
higher (double t, const double *key, double *noise)
{
  (void)key;
  *noise = 3;
  return 1.1 * t;
}

Test (steps, may_go_up_first)
{
  world w;
  world_of (5, &w);
  const gaussian g = gaussian_under (w.process);
  sb_step_type up = *sb_step_ddim;
  up.t_hat = higher;
  up.needs &= ~(unsigned)SB_NEEDS_NOISE_KEY;
  gsl_matrix *x = normals (3, 3, 6), *z = normals (3, 3, 7), *by_hand = copy_of (x);
  double share;
  const double t_hat = higher (w.t, NULL, &share);
  gsl_matrix *noise = copy_of (z);
  gsl_matrix_scale (noise, share);
  ok (sb_process_transition (w.process, vector_all (3, w.t), vector_all (3, t_hat), noise, by_hand));
  ok (take_step (sb_step_ddim, g.score, NULL, w.s, t_hat, NULL, by_hand));
  ok (take_step (&up, g.score, NULL, w.s, w.t, z, x));
  cr_assert_leq (largest_difference (x, by_hand), 1e-14);
}

// Where only the noise is a number: $\mathbf A$ turns the plane by the angle $t$, $S = t\,\mathbf I$, and the step that
// keeps the share $s/t$ of the noise is $\mathbf A_s\hat{\mathbf x}_0 + \frac st(\mathbf x_t - \mathbf A_t\hat{\mathbf
// x}_0)$.

static int
turn (const void *state, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s, const gsl_vector *t,
      gsl_matrix *x)
{
  (void)state, (void)transpose, (void)s;
  for (size_t i = 0; i < x->size1; i++)
    {
      const double at = gsl_vector_get (t, i), a = gsl_matrix_get (x, i, 0), b = gsl_matrix_get (x, i, 1);
      gsl_matrix_set (x, i, 0, map == SB_S ? at * a : cos (at) * a - sin (at) * b);
      gsl_matrix_set (x, i, 1, map == SB_S ? at * b : sin (at) * a + cos (at) * b);
    }
  return GSL_SUCCESS;
}

static int
time_itself (const void *state, double s, double t, double *sd)
{
  (void)state, (void)s;
  *sd = t;
  return GSL_SUCCESS;
}

static sb_step_numbers
share_of_noise (const sb_step_at *at, const double *key)
{
  (void)key;
  return (sb_step_numbers){ .c = 2.5 * at->h, .a = at->S_s / at->S_t }; // h is 0.4
}

Test (steps, need_but_one_noise_for_all)
{
  static const sb_process_type type = { .name = "turning", .apply = turn, .deviation = time_itself };
  static const sb_step_type naive = { .entry = { .name = "naive" }, .numbers = share_of_noise };
  sb_process *turning = scoped (sb_process_alloc (&type, NULL, 2, 0.1, 1, 0));
  sb_score_callback ones = { .view = SB_DENOISER, .function = one };
  sb_score *score = scoped (sb_score_callback_alloc (&ones, turning));
  gsl_matrix *x = matrix_of (1, 2, 0.3, -0.7);
  turning->from_zero_only = true;
  ok (take_step (&naive, score, NULL, 0.4, 0.8, NULL, x));
  cr_assert_float_eq (gsl_matrix_get (x, 0, 0), cos (0.4) - sin (0.4) + (0.3 - cos (0.8) + sin (0.8)) / 2, 1e-15);
  cr_assert_float_eq (gsl_matrix_get (x, 0, 1), sin (0.4) + cos (0.4) + (-0.7 - sin (0.8) - cos (0.8)) / 2, 1e-15);
  refused (GSL_EUNSUP, take_step (sb_step_ddim, score, NULL, 0.4, 0.8, NULL, x));
}
