// # Between two times
//
// A step has two times, and where coefficients hardly change between them a step that takes one for the other has the
// same order. Here they change by more than themselves, from row to row too, and what one step makes is worked out from
// the papers' formulas alone.

#include "sampler/drift.h"
#include "sampler/forward.h"
#include "scope.h"
#include "score/callback.h"
#include "score/exact.h"
#include "take.h"
#include "transition/posterior.h"
#include "transition/reverse.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE (changing);

// ## A process with a clock of its own
//
// $d\mathbf x = -r\,\dot c\,\mathbf x\,dt + \sqrt{2 r v\,\dot c}\,d\mathbf w$, $\dot c(t) = 1 + 0.9\sin(20t + k)$ in
// part $k$: an Ornstein-Uhlenbeck process at time $c(t)$, or, where it stays, Brownian motion.

enum
{
  D = 3,
  N = 4
};

typedef struct
{
  const char *name;
  size_t parts;
  bool stays, maps, vanishes; // no drift; known by `apply` alone; of the last part nothing is left from t = 0.55 on
} clock_process;

static const clock_process clocks[] = { { "three parts", D, false, false, false },
                                        { "one part", 1, false, false, false },
                                        { "one part that stays", 1, true, false, false },
                                        { "three parts, by maps", D, false, true, false } };

static double
number (const clock_process *c, size_t k, sb_process_map map, double s, double t)
{
  const double phase = (double)k, r = 0.8 + 0.3 * phase, v = 1.5 - 0.4 * phase, speed = 1 + 0.9 * sin (20 * t + phase),
               age = c->vanishes && k == 2 && t > 0.55 && s < t
                         ? INFINITY
                         : r * (t - s + 0.9 * (cos (20 * s + phase) - cos (20 * t + phase)) / 20),
               sd = sqrt (c->stays ? 2 * v * age : -v * expm1 (-2 * age));
  switch (map)
    {
    case SB_A:
      return c->stays ? 1 : exp (-age);
    case SB_S:
      return sd;
    case SB_F:
      return c->stays ? 0 : -r * speed;
    case SB_G:
      return sqrt (2 * r * v * speed);
    default:
      return NAN;
    }
}

static int
numbers (const void *state, sb_process_map map, double s, double t, double *c)
{
  for (size_t k = 0; k < ((const clock_process *)state)->parts; k++)
    c[k] = number (state, k, map, s, t);
  return GSL_SUCCESS;
}

static int
apply (const void *state, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s, const gsl_vector *t,
       gsl_matrix *x)
{
  const bool inverse = map == SB_A_INVERSE || map == SB_S_INVERSE;
  const sb_process_map plain = map == SB_A_INVERSE ? SB_A : map == SB_S_INVERSE ? SB_S : map;
  (void)transpose;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < D; k++)
      {
        const double c = number (state, k, plain, s ? gsl_vector_get (s, i) : 0, gsl_vector_get (t, i));
        *gsl_matrix_ptr (x, i, k) *= inverse ? 1 / c : c;
      }
  return GSL_SUCCESS;
}

static sb_process *
process_of (const clock_process *c)
{
  static const sb_process_type by_numbers = { .name = "clock", .numbers = numbers },
                               by_maps = { .name = "clock, by its maps", .apply = apply };
  sb_process *p = scoped (sb_process_alloc (c->maps ? &by_maps : &by_numbers, (void *)(uintptr_t)c, D, 1e-3, 1, 0));
  p->parts = c->maps ? 0 : c->parts;
  return p;
}

// Its score is nobody's, and changes as fast. It is known by any one of its views.

typedef struct
{
  const clock_process *c;
  sb_view view;
} estimate;

static double
score_at (size_t j, double x, double t)
{
  return 0.5 * sin (x + 20 * t + (double)j) + 0.2 * x;
}

static int
view_function (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  const estimate *e = params;
  (void)y;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j++)
      {
        const size_t k = e->c->parts == 1 ? 0 : j;
        const double time = gsl_vector_get (t, i), at = gsl_matrix_get (x, i, j), s = score_at (j, at, time),
                     S = number (e->c, k, SB_S, 0, time), A = number (e->c, k, SB_A, 0, time);
        gsl_matrix_set (out, i, j, e->view == SB_SCORE ? s : e->view == SB_EPSILON ? -S * s : (at + S * S * s) / A);
      }
  return GSL_SUCCESS;
}

static double
divergence_at (const gsl_matrix *x, size_t i, double t)
{
  double sum = 0;
  for (size_t j = 0; j < D; j++)
    sum += 0.5 * cos (gsl_matrix_get (x, i, j) + 20 * t + (double)j) + 0.2;
  return sum;
}

static int
divergence_function (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_vector *divergence,
                     void *params)
{
  (void)y, (void)params;
  for (size_t i = 0; i < x->size1; i++)
    gsl_vector_set (divergence, i, divergence_at (x, i, gsl_vector_get (t, i)));
  return GSL_SUCCESS;
}

static sb_score *
score_of (const clock_process *c, sb_view view)
{
  estimate *e = scoped (malloc (sizeof *e));
  *e = (estimate){ c, view };
  const sb_score_callback callback
      = { .view = view, .function = view_function, .divergence = divergence_function, .params = e };
  return scoped (sb_score_callback_alloc (&callback, process_of (c)));
}

// ## Steps
//
// One coordinate of one row.

typedef struct
{
  const clock_process *c;
  size_t j;
  double s, t, x, z, divergence, eta;
} coordinate;

static double
of (const coordinate *w, sb_process_map map, double s, double t)
{
  return number (w->c, w->c->parts == 1 ? 0 : w->j, map, s, t);
}

static double
reverse_drift (const coordinate *w, double x, double t, double share)
{
  return of (w, SB_F, 0, t) * x - share * gsl_pow_2 (of (w, SB_G, 0, t)) * score_at (w->j, x, t);
}

static double
euler_maruyama (const coordinate *w)
{
  const double h = w->t - w->s;
  return w->x - h * reverse_drift (w, w->x, w->t, (1 + w->eta * w->eta) / 2)
         + w->eta * sqrt (h) * of (w, SB_G, 0, w->t) * w->z;
}

static double
heun (const coordinate *w)
{
  const double h = w->t - w->s, n = sqrt (h) * of (w, SB_G, 0, (w->s + w->t) / 2) * w->z,
               b = reverse_drift (w, w->x, w->t, 1), at = w->x - h * b + n;
  return w->x - h / 2 * (b + reverse_drift (w, at, w->s, 1)) + n;
}

static double
discretised (const coordinate *w, double share)
{
  const double S = of (w, SB_S, w->s, w->t);
  return (2 - of (w, SB_A, w->s, w->t)) * w->x + share * S * S * score_at (w->j, w->x, w->t);
}

static double
reverse_diffusion (const coordinate *w)
{
  return discretised (w, 1) + of (w, SB_S, w->s, w->t) * w->z;
}

static double
probability_flow (const coordinate *w)
{
  return discretised (w, 0.5);
}

static double
upper_variance (const coordinate *w)
{
  return gsl_pow_2 (of (w, SB_S, w->s, w->t));
}

static double
lower_variance (const coordinate *w)
{
  return gsl_pow_2 (of (w, SB_S, 0, w->s) * of (w, SB_S, w->s, w->t) / of (w, SB_S, 0, w->t));
}

static double
best_variance (const coordinate *w)
{
  const double v = upper_variance (w), a = of (w, SB_A, w->s, w->t);
  return fmax (lower_variance (w), v / (a * a) * (1 + v * w->divergence / D));
}

static double
posterior_mean (const coordinate *w)
{
  return (w->x + upper_variance (w) * score_at (w->j, w->x, w->t)) / of (w, SB_A, w->s, w->t);
}

static double
ancestral_upper (const coordinate *w)
{
  return posterior_mean (w) + sqrt (upper_variance (w)) * w->z;
}

static double
ancestral_lower (const coordinate *w)
{
  return posterior_mean (w) + sqrt (lower_variance (w)) * w->z;
}

static double
ancestral_optimal (const coordinate *w)
{
  return posterior_mean (w) + sqrt (best_variance (w)) * w->z;
}

static double
ancestral (const coordinate *w)
{
  return w->c->stays ? ancestral_lower (w) : ancestral_upper (w);
}

static double
ddim (const coordinate *w)
{
  const double S_t = of (w, SB_S, 0, w->t), S_s = of (w, SB_S, 0, w->s), epsilon = -S_t * score_at (w->j, w->x, w->t),
               b = w->eta * sqrt (lower_variance (w)), x_0 = (w->x - S_t * epsilon) / of (w, SB_A, 0, w->t);
  return of (w, SB_A, 0, w->s) * x_0 + sqrt (S_s * S_s - b * b) * epsilon + b * w->z;
}

// Soft Diffusion's: the denoised point at s, a share of the noise that is there, and new noise.

static double
soft_step (const coordinate *w, double share, double b)
{
  const double S_t = of (w, SB_S, 0, w->t), A_t = of (w, SB_A, 0, w->t),
               x_0 = (w->x + S_t * S_t * score_at (w->j, w->x, w->t)) / A_t;
  return of (w, SB_A, 0, w->s) * x_0 + share * (w->x - A_t * x_0) + b * w->z;
}

static double
variance (const coordinate *w, double t)
{
  return gsl_pow_2 (of (w, SB_S, 0, t));
}

static double
naive (const coordinate *w)
{
  return soft_step (w, 0, of (w, SB_S, 0, w->s));
}

static double
momentum (const coordinate *w)
{
  return soft_step (w, variance (w, w->s) / variance (w, w->t), sqrt (variance (w, w->t) - variance (w, w->s)));
}

static double
momentum_flow (const coordinate *w)
{
  return soft_step (w, 0.5 + variance (w, w->s) / variance (w, w->t) / 2, 0);
}

static double
soft_ddim (const coordinate *w)
{
  return soft_step (w, sqrt (variance (w, w->s) / variance (w, w->t)), 0);
}

static double
soft_ancestral (const coordinate *w)
{
  const double share = variance (w, w->s) / variance (w, w->t);
  return soft_step (w, share, sqrt (share * (variance (w, w->t) - variance (w, w->s))));
}

// The flow's velocity, at two and at four points.

static double
flow_heun (const coordinate *w)
{
  const double h = w->s - w->t, a = reverse_drift (w, w->x, w->t, 0.5), b = reverse_drift (w, w->x + h * a, w->s, 0.5);
  return w->x + h / 2 * (a + b);
}

static double
flow_rk4 (const coordinate *w)
{
  const double h = w->s - w->t, half = (w->s + w->t) / 2, a = reverse_drift (w, w->x, w->t, 0.5),
               b = reverse_drift (w, w->x + h / 2 * a, half, 0.5), c = reverse_drift (w, w->x + h / 2 * b, half, 0.5),
               d = reverse_drift (w, w->x + h * c, w->s, 0.5);
  return w->x + h / 6 * (a + 2 * b + 2 * c + d);
}

static double
none (const coordinate *w)
{
  return w->x;
}

static const struct
{
  const char *name;
  double (*step) (const coordinate *w);
} steps[] = { { "none", none },
              { "euler-maruyama", euler_maruyama },
              { "heun", heun },
              { "reverse-diffusion", reverse_diffusion },
              { "ancestral", ancestral },
              { "ancestral-upper", ancestral_upper },
              { "ancestral-lower", ancestral_lower },
              { "ancestral-optimal", ancestral_optimal },
              { "ddim", ddim },
              { "probability-flow", probability_flow },
              { "flow-heun", flow_heun },
              { "flow-rk4", flow_rk4 },
              { "edm-heun", flow_heun },
              { "naive", naive },
              { "momentum", momentum },
              { "momentum-flow", momentum_flow },
              { "soft-ddim", soft_ddim },
              { "soft-ancestral", soft_ancestral } };

// ## Batches
//
// Each row has its own times; of some, s is 0, where only a kernel is asked.

static const double earlier[2][N] = { { 0.3, 0.31, 0.2, 0.52 }, { 0, 0.31, 0, 0.52 } },
                    later[N] = { 0.47, 0.42, 0.63, 0.6 };

typedef struct
{
  gsl_vector *s, *t;
  gsl_matrix *x, *z;
} batch;

static batch
batch_at (int first)
{
  return (batch){ scope_vector (N, earlier[first]), scope_vector (N, later), normals (N, D, 1), normals (N, D, 2) };
}

static coordinate
at (const clock_process *c, const batch *b, size_t i, size_t j)
{
  const double t = gsl_vector_get (b->t, i);
  return (coordinate){ c,
                       j,
                       gsl_vector_get (b->s, i),
                       t,
                       gsl_matrix_get (b->x, i, j),
                       gsl_matrix_get (b->z, i, j),
                       divergence_at (b->x, i, t),
                       0.6 };
}

static void
check (const clock_process *c, const batch *b, const gsl_matrix *found, double (*wanted) (const coordinate *w),
       const char *name)
{
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < D; j++)
      {
        const coordinate w = at (c, b, i, j);
        const double number = wanted (&w);
        cr_assert_float_eq (gsl_matrix_get (found, i, j), number, 1e-11 * (1 + fabs (number)),
                            "%s, %s, row %zu: %.15g, not %.15g", c->name, name, i, gsl_matrix_get (found, i, j),
                            number);
      }
}

// By every clock, `c`, with its process and a score of each view.

#define IN_EACH_CLOCK(name)                                                                                            \
  static void each_##name (const clock_process *c, const sb_score *score);                                             \
  Test (changing, name)                                                                                                \
  {                                                                                                                    \
    static const sb_view views[] = { SB_SCORE, SB_DENOISER, SB_EPSILON };                                              \
    for (size_t k = 0; k < sizeof clocks / sizeof *clocks; k++)                                                        \
      for (int v = 0; v < 3; v++)                                                                                      \
        each_##name (&clocks[k], score_of (&clocks[k], views[v]));                                                     \
  }                                                                                                                    \
  static void each_##name (const clock_process *c, const sb_score *score)

static bool
can_take (const clock_process *c, const sb_step_type *step)
{
  return c->maps ? step->maps || step->take || step->needs & SB_NEEDS_NO_ESTIMATE
                 : !(step->needs & SB_NEEDS_DIVERGENCE) || c->parts == 1;
}

IN_EACH_CLOCK (steps_take_each_number_at_its_time)
{
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, N));
  const sb_step_type *step;
  for (size_t k = 0; (step = (const sb_step_type *)sb_steps (k)); k++)
    for (int first = 0; first < 2; first++)
      {
        double (*wanted) (const coordinate *w) = NULL;
        const double eta = 0.6;
        batch b = batch_at (first);
        gsl_matrix *x = copy_of (b.x);
        for (size_t j = 0; j < sizeof steps / sizeof *steps; j++)
          wanted = strcmp (steps[j].name, step->entry.name) == 0 ? steps[j].step : wanted;
        cr_assert (wanted, "%s: nothing is known of this step", step->entry.name);
        if (!can_take (c, step) || (first == 1 && (wanted == euler_maruyama || step->take)))
          continue;
        const bool has_eta = wanted == ddim || wanted == euler_maruyama;
        ok (sb_step_apply (step, has_eta ? &eta : NULL, work, NULL, b.s, b.t, b.z, x), "%s", step->entry.name);
        check (c, &b, x, wanted, step->entry.name);
      }
}

// Where nothing is left of some rows, each is moved as it is alone.

Test (changing, rows_are_moved_as_they_are_alone)
{
  static const clock_process vanishing = { "three parts, one without signal", D, false, false, true };
  const batch b = batch_at (0);
  sb_process *process = process_of (&vanishing);
  gsl_matrix *C = matrix (D, D);
  gsl_matrix_set_identity (C);
  sb_score *score = scoped (sb_score_exact_alloc (scoped (sb_target_gaussian_alloc (vector_all (D, 2), C)), process));
  const sb_step_type *alike[] = { sb_step_ancestral_upper, sb_step_ancestral_lower, sb_step_ddim,
                                  sb_step_reverse_diffusion, sb_step_probability_flow };
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, N));
  for (size_t k = 0; k < sizeof alike / sizeof *alike; k++)
    {
      gsl_matrix *x = copy_of (b.x), *apart = copy_of (b.x);
      ok (sb_step_apply (alike[k], NULL, work, NULL, b.s, b.t, b.z, x), "%s", alike[k]->entry.name);
      for (size_t i = 0; i < N; i++)
        {
          gsl_matrix_view row = gsl_matrix_submatrix (apart, i, 0, 1, D), z = gsl_matrix_submatrix (b.z, i, 0, 1, D);
          gsl_vector_view s = gsl_vector_subvector (b.s, i, 1), t = gsl_vector_subvector (b.t, i, 1);
          ok (sb_step_apply (alike[k], NULL, work, NULL, &s.vector, &t.vector, &z.matrix, &row.matrix));
        }
      cr_assert_lt (largest_difference (x, apart), 1e-11, "%s", alike[k]->entry.name);
    }
}

// ## Correctors, and the SDE both ways

static void
check_corrector (const clock_process *c, const sb_score *score, const batch *b, const sb_corrector *corrector)
{
  const double s = 0.3, t = 0.47;
  double S[D], mean = 0, square = 0, of_z = 0;
  gsl_matrix_view x = gsl_matrix_submatrix (b->x, 0, 0, 1, D), z = gsl_matrix_submatrix (b->z, 0, 0, 1, D);
  gsl_matrix *moved = copy_of (&x.matrix);
  ok (take_correction (corrector, score, NULL, s, t, &z.matrix, moved));
  for (size_t j = 0; j < D; j++)
    {
      S[j] = number (c, c->parts == 1 ? 0 : j, SB_S, 0, t);
      mean += S[j] * S[j] / D;
      of_z += gsl_pow_2 (gsl_matrix_get (b->z, 0, j));
    }
  for (size_t j = 0; j < D; j++)
    square += S[j] * S[j] / mean * gsl_pow_2 (score_at (j, gsl_matrix_get (b->x, 0, j), t));
  for (size_t j = 0; j < D; j++)
    {
      const double from = corrector->alpha == SB_ALPHA_STEP ? s : 0, x_j = gsl_matrix_get (b->x, 0, j),
                   A = number (c, c->parts == 1 ? 0 : j, SB_A, from, t),
                   d = corrector->norm == SB_NORM_ROOT_D ? D : of_z, P = S[j] * S[j] / mean,
                   e = corrector->type == sb_corrector_constant ? corrector->epsilon
                       : corrector->type == sb_corrector_fixed  ? corrector->epsilon * S[j] * S[j]
                       : corrector->type == sb_corrector_hmc    ? gsl_pow_2 (corrector->epsilon * S[j]) / 2
                                                             : 2 * A * A * P * gsl_pow_2 (corrector->snr) * d / square,
                   wanted = x_j + e * score_at (j, x_j, t) + sqrt (2 * e) * gsl_matrix_get (b->z, 0, j);
      cr_assert_float_eq (gsl_matrix_get (moved, 0, j), wanted, 1e-11 * (1 + fabs (wanted)), "%s, %s: %.15g, not %.15g",
                          c->name, corrector->type->entry.name, gsl_matrix_get (moved, 0, j), wanted);
    }
}

IN_EACH_CLOCK (correctors_take_each_number_at_its_time)
{
  const batch b = batch_at (0);
  for (size_t k = 0; sb_correctors (k) && !c->maps; k++)
    for (int norm = SB_NORM_BATCH; norm <= SB_NORM_ROOT_D; norm++)
      for (int alpha = SB_ALPHA_STEP; alpha <= SB_ALPHA_CUMULATIVE; alpha++)
        {
          const sb_corrector corrector
              = { (const sb_corrector_type *)sb_correctors (k), 0.16, 0.05, (sb_norm)norm, (sb_alpha)alpha, 1 };
          check_corrector (c, score, &b, &corrector);
        }
}

static double
drift_at_t (const coordinate *w)
{
  return reverse_drift (w, w->x, w->t, 1);
}

static double
velocity_at_t (const coordinate *w)
{
  return reverse_drift (w, w->x, w->t, 0.5);
}

static double
forward (const coordinate *w)
{
  const double h = w->t - w->s;
  return w->x + h * of (w, SB_F, 0, w->s) * w->x + sqrt (h) * of (w, SB_G, 0, w->s) * w->z;
}

static double
transition (const coordinate *w)
{
  return of (w, SB_A, w->s, w->t) * w->x + of (w, SB_S, w->s, w->t) * w->z;
}

IN_EACH_CLOCK (sdes_take_each_number_at_its_time)
{
  batch b = batch_at (0);
  gsl_matrix *out = matrix (N, D);
  ok (sb_reverse_drift (score, NULL, b.t, b.x, out));
  check (c, &b, out, drift_at_t, "the reverse drift");
  ok (sb_flow_velocity (score, NULL, b.t, b.x, out));
  check (c, &b, out, velocity_at_t, "the flow");
  gsl_matrix_memcpy (out, b.x);
  ok (sb_process_transition (score->process, b.s, b.t, b.z, out));
  check (c, &b, out, transition, "the transition");
  gsl_vector_set_all (b.s, 0.3);
  gsl_vector_set_all (b.t, 0.47);
  gsl_matrix_memcpy (out, b.x);
  ok (sb_forward_euler_maruyama (score->process, 0.3, 0.47, b.z, out));
  check (c, &b, out, forward, "a forward step");
}

// ## Weightings, of an error in each view
//
// An error $e$ of the score has the weight $\lambda e$; one of $\epsilon$ is $-S$ times as large as the score's, one of
// the denoiser $S^2/A$ times.

static double
weight (const coordinate *w, const char *name)
{
  const double S = of (w, SB_S, 0, w->t), A = of (w, SB_A, 0, w->t);
  return strcmp (name, "variance") == 0           ? S * S
         : strcmp (name, "likelihood") == 0       ? gsl_pow_2 (of (w, SB_G, 0, w->t))
         : strcmp (name, "unit") == 0             ? 1
         : strcmp (name, "variance-squared") == 0 ? gsl_pow_4 (S)
         : strcmp (name, "edm") == 0              ? S * S * (1 + gsl_pow_2 (S / (A / 2)))
                                                  : S * S * fmin (1, 5 * S * S / (A * A)); // min-snr
}

IN_EACH_CLOCK (weightings_take_each_number_at_its_time)
{
  const sb_process *process = score->process;
  const sb_view view = (sb_view)score->type->views;
  const batch b = batch_at (0);
  const sb_entry *entry;
  gsl_matrix *out = matrix (N, D);
  gsl_vector_set (b.t, N - 1, 0.03); // early enough that Min-SNR has the lower weight
  for (size_t k = 0; (entry = sb_weightings (k)); k++)
    {
      const sb_weighting weighting = { .type = (const sb_weighting_type *)entry };
      if (strncmp (entry->name, "bound", 5) == 0 || (c->maps && !weighting.type->apply))
        continue;
      ok (sb_weighting_apply (&weighting, process, view, b.t, b.x, vector (2 * D)->data,
                              matrix (N, D == c->parts ? D : 1), matrix (2 * N, D), out),
          "%s", entry->name);
      for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < D; j++)
          {
            const coordinate w = at (c, &b, i, j);
            const double S = of (&w, SB_S, 0, w.t),
                         size = view == SB_SCORE     ? 1
                                : view == SB_EPSILON ? S
                                                     : S * S / of (&w, SB_A, 0, w.t),
                         wanted = weight (&w, entry->name) * w.x / (size * size);
            cr_assert_float_eq (gsl_matrix_get (out, i, j), wanted, 1e-11 * (1 + fabs (wanted)),
                                "%s, %s, view %d: %g, not %g", c->name, entry->name, (int)view,
                                gsl_matrix_get (out, i, j), wanted);
          }
    }
}

// ## The reverse transition, in every combination of its choices
//
// Rows of s = 0 take `last`, the others `variance`; the best one is for one part.

static double
variance_of (const coordinate *w, const sb_reverse *reverse)
{
  const sb_variance choice = w->s > 0 ? reverse->variance : reverse->last;
  return choice == SB_VARIANCE_BETA      ? upper_variance (w)
         : choice == SB_VARIANCE_OPTIMAL ? best_variance (w)
                                         : lower_variance (w); // clipped is that for s > 0
}

static void
check_reverse (const clock_process *c, const sb_reverse *reverse, const batch *b)
{
  const size_t parts = reverse->score->process->parts;
  const bool best = reverse->variance == SB_VARIANCE_OPTIMAL || reverse->last == SB_VARIANCE_OPTIMAL,
             dense = reverse->last == SB_VARIANCE_BETA || reverse->last == SB_VARIANCE_OPTIMAL;
  gsl_matrix *mean = matrix (N, D), *v = matrix (N, parts);
  gsl_vector *log_p = vector (N);
  ok (sb_reverse_mean (reverse, NULL, b->s, b->t, b->x, mean));
  check (c, b, mean, posterior_mean, "the mean");
  int status = sb_reverse_variance (reverse, NULL, b->s, b->t, b->x, v);
  if (reverse->last == SB_VARIANCE_CLIPPED || (best && parts > 1))
    {
      refused (GSL_EUNSUP, status, "only of a chain, or of one part");
      return;
    }
  ok (status);
  status = sb_reverse_log_density (reverse, NULL, b->s, b->t, b->x, b->z, log_p); // z: a point
  cr_assert_eq (status, dense ? GSL_SUCCESS : GSL_EDOM);
  for (size_t i = 0; i < N; i++)
    {
      double wanted = 0;
      for (size_t j = 0; j < D; j++)
        {
          const coordinate w = at (c, b, i, j);
          const double variance = variance_of (&w, reverse), found = gsl_matrix_get (v, i, parts == 1 ? 0 : j);
          cr_assert_float_eq (found, variance, 1e-12, "%s, choices %d and %d, row %zu: %.15g, not %.15g", c->name,
                              (int)reverse->variance, (int)reverse->last, i, found, variance);
          wanted -= 0.5 * (gsl_pow_2 (w.z - posterior_mean (&w)) / variance + log (2 * M_PI * variance));
        }
      if (dense)
        cr_assert_float_eq (gsl_vector_get (log_p, i), wanted, 1e-11 * (1 + fabs (wanted)), "%s, row %zu", c->name, i);
    }
}

IN_EACH_CLOCK (reverse_transitions_in_every_combination)
{
  static const sb_view views[] = { SB_SCORE, SB_DENOISER, SB_EPSILON };
  const batch b = batch_at (1);
  for (int v = 0; v < 3 && !c->maps; v++)
    for (int variance = SB_VARIANCE_BETA; variance <= SB_VARIANCE_OPTIMAL; variance++)
      for (int last = SB_VARIANCE_BETA; last <= SB_VARIANCE_OPTIMAL; last++)
        {
          const sb_reverse reverse = { score, views[v], (sb_variance)variance, (sb_variance)last };
          check_reverse (c, &reverse, &b);
        }
}
