// # Soft Diffusion's samplers
//
// A step is $\mathbf x' = C'\hat{\mathbf x}_0 + a\,(\mathbf x - C\hat{\mathbf x}_0) + b\,\boldsymbol\eta$ with two
// numbers. [soft.txt-canonical] Against what the paper prints, for estimates of all kinds; and on Gaussian data,
// where a step is linear and the variance that it leaves is known, without Monte Carlo.

#include "process/ve.h"
#include "sampler/pc.h"
#include "scope.h"
#include "soft_laws.h"
#include "take.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE (soft_steps);

// The end of a grid at t = 0+, where the noise is still sigma_min.
static const double last = 1e-13;

static int
step_with (const sb_step_type *type, double key, const sb_score *score, double s, double t, const gsl_matrix *z,
           gsl_matrix *x)
{
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, x->size1));
  const double keys[SB_KEYS_MOST] = { key };
  return sb_step_apply (type, type->entry.key_count ? keys : NULL, work, NULL, vector_all (x->size1, s),
                        vector_all (x->size1, t), z, x);
}

// ## As they are printed
//
// An estimate that is what it is, of four numbers under a matrix without symmetry, a mask or a blur, $\sigma_t = .1 +
// .4t$.

static sb_process *
process_of (soft_kind kind)
{
  return scoped (soft_line_alloc (soft_four_operator (kind), 0, .9, .1, .5));
}

static int
given_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                gsl_matrix *out)
{
  const gsl_matrix *h = state;
  (void)view, (void)x, (void)t, (void)y;
  for (size_t i = 0; i < out->size1; i++)
    for (size_t j = 0; j < out->size2; j++)
      gsl_matrix_set (out, i, j, gsl_matrix_get (h, i % h->size1, j));
  return GSL_SUCCESS;
}

static const sb_score_type given_type = { .name = "given", .views = SB_DENOISER, .evaluate = given_evaluate };

static const sb_score *
given (gsl_matrix *h, const sb_process *process)
{
  return scoped (sb_score_alloc (&given_type, h, process));
}

static gsl_matrix *
corrupted (const sb_process *process, double t, const gsl_matrix *x)
{
  gsl_matrix *out = copy_of (x);
  ok (sb_process_apply (process, SB_A, CblasNoTrans, NULL, vector_all (x->size1, t), out));
  return out;
}

// All that the formulas are made of, coordinate by coordinate.

typedef struct
{
  double x, h, Ch, C_s_h, phi, eta, sigma, sigma_s; // Ch = C_t x_hat0, C_s_h = C_s x_hat0
} at;

static const double k_of_52 = .07;

// [soft.alg1]

static double
naive (at a)
{
  const double x_hat0 = a.C_s_h;
  return x_hat0 + a.sigma_s * a.eta;
}

// [soft.eq17]

static double
eq_17 (at a)
{
  const double v = gsl_pow_2 (a.sigma), v_s = gsl_pow_2 (a.sigma_s);
  return a.x + (a.C_s_h - a.Ch) - (v_s - v) / v * (a.Ch - a.x) + sqrt (v - v_s) * a.eta;
}

// [soft.eq15] [soft.eq16]

static double
eq_15 (at a)
{
  const double v = gsl_pow_2 (a.sigma), v_s = gsl_pow_2 (a.sigma_s), score = (a.Ch - a.x) / v;
  return a.x + (a.C_s_h - a.Ch) - (v_s - v) * score + sqrt (v - v_s) * a.eta;
}

// [soft.alg2], line by line.

static double
algorithm_2 (at a)
{
  const double v = gsl_pow_2 (a.sigma), v_s = gsl_pow_2 (a.sigma_s);
  const double y_t = a.Ch;
  const double epsilon = y_t - a.x;
  const double z = a.x - (v_s - v) / v * epsilon + sqrt (v - v_s) * a.eta;
  const double y_s = a.C_s_h;
  return z + (y_s - y_t);
}

// [soft.eq50] [soft.eq51]

static double
eq_50 (at a)
{
  const double v = gsl_pow_2 (a.sigma), v_s = gsl_pow_2 (a.sigma_s), score = (a.Ch - a.x) / v;
  return a.x + (a.C_s_h - a.Ch) - (v_s - v) / 2 * score;
}

static double
eq_51 (at a)
{
  const double v = gsl_pow_2 (a.sigma), v_s = gsl_pow_2 (a.sigma_s);
  return a.x + (a.C_s_h - a.Ch) - .5 * ((v_s - v) / v) * (a.Ch - a.x);
}

// [soft.eq52], with $k\boldsymbol\eta$.

static double
eq_52 (at a)
{
  const double simulated = (a.x - a.Ch) / a.sigma;
  return a.C_s_h + sqrt (gsl_pow_2 (a.sigma_s) - gsl_pow_2 (k_of_52)) * simulated + k_of_52 * a.eta;
}

static double
ancestral (at a)
{
  const double v = gsl_pow_2 (a.sigma), v_s = gsl_pow_2 (a.sigma_s);
  return a.C_s_h + v_s / v * (a.x - a.Ch) + sqrt (v_s * (v - v_s) / v) * a.eta;
}

static const struct
{
  const char *name;
  const sb_step_type *const *type;
  double (*formula) (at a);
} printed[] = { { "Algorithm 1", &sb_step_naive, naive },    { "Eq. 17", &sb_step_momentum, eq_17 },
                { "Eq. 15", &sb_step_momentum, eq_15 },      { "Algorithm 2", &sb_step_momentum, algorithm_2 },
                { "Eq. 50", &sb_step_momentum_flow, eq_50 }, { "Eq. 51", &sb_step_momentum_flow, eq_51 },
                { "Eq. 52", &sb_step_soft_ddim, eq_52 },     { "ancestral", &sb_step_soft_ancestral, ancestral } };

Test (soft_steps, as_printed)
{
  const double s = .35, t = .6;
  for (soft_kind kind = 0; kind < SOFT_KINDS; kind++)
    {
      const sb_process *process = process_of (kind);
      gsl_matrix *h = normals (9, 4, 110), *x_t = normals (9, 4, 111), *eta = normals (9, 4, 112);
      const gsl_matrix *Ch = corrupted (process, t, h), *C_s_h = corrupted (process, s, h);
      for (size_t m = 0; m < sizeof printed / sizeof *printed; m++)
        {
          gsl_matrix *x = copy_of (x_t);
          ok (step_with (*printed[m].type, k_of_52, given (h, process), s, t, eta, x));
          for (size_t i = 0; i < 36; i++)
            {
              const at a = { x_t->data[i], h->data[i], Ch->data[i], C_s_h->data[i], h->data[i] - x_t->data[i],
                             eta->data[i], .34,        .24 };
              cr_assert_float_eq (x->data[i], printed[m].formula (a), 2e-13, "%s, %s: %.15g, not %.15g",
                                  printed[m].name, soft_kind_name[kind], x->data[i], printed[m].formula (a));
            }
        }
    }
}

// So is each row at times of its own, under a blur that has a basis too, and where the noise stays.
// [soft.txt-canonical] [soft.alg1] [soft.alg2] [soft.eq15] [soft.eq17] [soft.eq18] [soft.eq50] [soft.eq51] [soft.eq52]
// [soft.txt-convex]

static sb_process *
steady (sb_operator *C)
{
  return scoped (soft_line_alloc (C, 0, .9, .1, .1));
}

static void
check_rows (const sb_process *process, double rise, size_t m, const char *of)
{
  const gsl_vector *s = vector_of (.1, .35, .2), *t = vector_of (.6, .5, .9);
  gsl_matrix *h = normals (3, 4, 125), *x_t = normals (3, 4, 126), *eta = normals (3, 4, 127), *x = copy_of (x_t),
             *Ch = copy_of (h), *C_s_h = copy_of (h);
  const sb_step_type *type = *printed[m].type;
  const double keys[SB_KEYS_MOST] = { k_of_52 };
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (given (h, process), 3));
  ok (sb_process_apply (process, SB_A, CblasNoTrans, NULL, t, Ch));
  ok (sb_process_apply (process, SB_A, CblasNoTrans, NULL, s, C_s_h));
  ok (sb_step_apply (type, type->entry.key_count ? keys : NULL, work, NULL, s, t, eta, x));
  for (size_t i = 0; i < 12; i++)
    {
      const double sigma = .1 + rise * gsl_vector_get (t, i / 4), sigma_s = .1 + rise * gsl_vector_get (s, i / 4);
      const at a = { x_t->data[i], h->data[i], Ch->data[i], C_s_h->data[i], h->data[i] - x_t->data[i],
                     eta->data[i], sigma,      sigma_s };
      cr_assert_float_eq (x->data[i], printed[m].formula (a), 2e-13, "%s, %s, row %zu: %.15g, not %.15g",
                          printed[m].name, of, i / 4, x->data[i], printed[m].formula (a));
    }
}

Test (soft_steps, as_printed_with_times_by_rows)
{
  sb_operator *blur = sb_operator_blur_alloc (2, 2, 1, 5, SB_BOUNDARY_SYMMETRIC);
  const sb_process *in_basis = scoped (soft_line_alloc (blur, 0, .9, .1, .5));
  for (size_t m = 0; m < sizeof printed / sizeof *printed; m++)
    {
      for (soft_kind kind = 0; kind < SOFT_KINDS; kind++)
        {
          check_rows (process_of (kind), .4, m, soft_kind_name[kind]);
          if (*printed[m].type != sb_step_soft_ddim) // its k is above that noise
            check_rows (steady (soft_four_operator (kind)), 0, m, soft_kind_name[kind]);
        }
      check_rows (in_basis, .4, m, "blur in its basis");
    }
}

// ## Coefficients
//
// Momentum's on $(C'\hat{\mathbf x}_0, \mathbf x, C\hat{\mathbf x}_0)$ are $1, \rho, -\rho$: their sum is 1, but the
// combination that Section 1 calls convex has a negative one, unless both $C$ are $\mathbf I$. Where $C$ is a matrix
// they are the same: each of the three alone is multiplied by its own, and where $\mathbf x = C\hat{\mathbf x}_0$ the
// last two cancel. [soft.txt-convex]

static double
moves (const sb_process *process, double x, double h)
{
  gsl_matrix *moved = matrix_of (1, 1, x);
  ok (step_with (sb_step_momentum, 0, given (matrix_of (1, 1, h), process), .3, .6, NULL, moved));
  return gsl_matrix_get (moved, 0, 0);
}

Test (soft_steps, erratum_convex)
{
  const sb_process *process = soft_of (&soft_gmm1, 1),
                   *ve = scoped (sb_soft_pair_alloc (scoped (sb_ve_alloc (1, .01, 50))));
  const double rho = gsl_pow_2 (.2 / .35), c = .46, c_s = .73;
  cr_assert_float_eq (moves (process, 1, 0), rho, 1e-14);
  cr_assert_float_eq (moves (process, 0, 1), c_s - rho * c, 1e-14);
  cr_assert_lt ((moves (process, 0, 1) - c_s) / c, 0);
  const double of_x = moves (ve, 1, 0), of_h = moves (ve, 0, 1);
  cr_assert (of_x > 0 && of_h > 0 && fabs (of_x + of_h - 1) < 1e-14);

  for (soft_kind kind = 0; kind < SOFT_KINDS; kind++)
    {
      const double s = .35, t = .6, kept = gsl_pow_2 (.24 / .34);
      const sb_process *matrices = process_of (kind);
      gsl_matrix *none = matrix_all (5, 4, 0), *h = normals (5, 4, 113), *alone = normals (5, 4, 114),
                 *x = copy_of (alone), *clean = corrupted (matrices, t, h);
      ok (step_with (sb_step_momentum, 0, given (none, matrices), s, t, NULL, x));
      gsl_matrix_scale (alone, kept);
      cr_assert_lt (largest_difference (x, alone), 1e-14, "%s", soft_kind_name[kind]);
      ok (step_with (sb_step_momentum, 0, given (h, matrices), s, t, NULL, clean));
      cr_assert_lt (largest_difference (clean, corrupted (matrices, s, h)), 1e-14, "%s", soft_kind_name[kind]);
    }
}

// ## Where the noise stays the same
//
// [soft.txt-coincide] All but naive are one map, bit for bit, whatever the noise that is drawn; the schedule of the
// paper has it so for more than 80 % of the time. [soft.eq18]

static bool
same_bits (const gsl_matrix *a, const gsl_matrix *b)
{
  return memcmp (a->data, b->data, a->size1 * a->size2 * sizeof (double)) == 0;
}

Test (soft_steps, coincide_at_fixed_noise)
{
  const sb_step_type *const types[]
      = { sb_step_momentum, sb_step_momentum_flow, sb_step_soft_ddim, sb_step_soft_ancestral };
  const sb_process *const of[] = { steady (soft_four_operator (SOFT_DENSE)), steady (soft_four_operator (SOFT_BLUR)),
                                   steady (sb_operator_blur_alloc (2, 2, 1, 5, SB_BOUNDARY_SYMMETRIC)),
                                   steady (sb_operator_multiple_alloc (4)) };
  gsl_matrix *h = normals (9, 4, 113), *x_t = normals (9, 4, 114), *eta = normals (9, 4, 115);
  for (size_t p = 0; p < 4; p++)
    {
      gsl_matrix *first = copy_of (x_t);
      ok (step_with (types[0], 0, given (h, of[p]), .4, .7, eta, first));
      const gsl_matrix *Ch = corrupted (of[p], .7, h), *C_s_h = corrupted (of[p], .4, h);
      for (size_t i = 0; i < 36; i++)
        cr_assert_float_eq (first->data[i], x_t->data[i] + C_s_h->data[i] - Ch->data[i], 1e-14);
      for (size_t m = 0; m < 4; m++)
        for (int noisy = 0; noisy < 2; noisy++)
          {
            gsl_matrix *x = copy_of (x_t);
            ok (step_with (types[m], 0, given (h, of[p]), .4, .7, noisy ? eta : NULL, x));
            cr_assert (same_bits (x, first), "%s, process %zu", types[m]->entry.name, p);
          }
    }
}

// [soft.txt-ddimlimits] [soft.eq52] $k = \sigma_s$ is the naive step, bit for bit; $k = 0$ takes no noise; $k^2 =
// \sigma_s^2(\sigma^2 - \sigma_s^2)/\sigma^2$ is momentum's mean with ancestral noise.

Test (soft_steps, ddim_and_its_limits)
{
  const sb_process *process = process_of (SOFT_DENSE);
  gsl_matrix *h = normals (9, 4, 116), *x_t = normals (9, 4, 117), *eta = normals (9, 4, 118);
  gsl_matrix *x = copy_of (x_t), *y = copy_of (x_t);
  ok (step_with (sb_step_naive, 0, given (h, process), .35, .6, eta, x));
  ok (step_with (sb_step_soft_ddim, .1 + .4 * .35, given (h, process), .35, .6, eta, y));
  cr_assert (same_bits (x, y));
  gsl_matrix_memcpy (y, x_t);
  ok (step_with (sb_step_soft_ddim, .4, given (h, process), .35, .6, eta, y)); // no more than there is
  cr_assert (same_bits (x, y));
  for (double k = 0; k < 2; k += .01)
    cr_assert_eq (sb_step_noisy (sb_step_soft_ddim, &k), k > 0);
  gsl_matrix_memcpy (x, x_t), gsl_matrix_memcpy (y, x_t);
  ok (step_with (sb_step_soft_ddim, 0, given (h, process), .35, .6, eta, x));
  ok (step_with (sb_step_soft_ddim, 0, given (h, process), .35, .6, NULL, y));
  cr_assert (same_bits (x, y));
  gsl_matrix_memcpy (x, x_t), gsl_matrix_memcpy (y, x_t);
  ok (step_with (sb_step_soft_ancestral, 0, given (h, process), .35, .6, eta, x));
  ok (step_with (sb_step_soft_ddim, .24 * sqrt (1 - gsl_pow_2 (.24 / .34)), given (h, process), .35, .6, eta, y));
  cr_assert_lt (largest_difference (x, y), 1e-14);
}

// ## Of one image
//
// Its estimate is right, and a step leaves $\sigma_s^2$ for every $k$ and from ancestral sampling, more from
// momentum: "filtered image at $t - \Delta t$ with noise at $t - \Delta t$" (Algorithm 2) it is not. Printed with
// $k^2\boldsymbol\eta$, Eq. 52 would leave .1681 where it should be .25. [soft.eq52] [soft.alg2]

static double
variance_left (const sb_step_type *type, double key, const sb_process *process, double s, double t, double sigma,
               double *b)
{
  gsl_matrix *x = matrix_of (2, 1, 1, 0), *z = matrix_of (2, 1, 0, 1);
  ok (step_with (type, key, given (matrix_of (1, 1, 0), process), s, t, z, x));
  *b = gsl_matrix_get (x, 1, 0);
  return gsl_pow_2 (gsl_matrix_get (x, 0, 0) * sigma) + *b * *b;
}

static sb_process *
louder (void) // c = 1 - .9 t, sigma = .3 + .5 t
{
  return scoped (soft_line_alloc (sb_operator_multiple_alloc (1), 1, .1, .3, .8));
}

Test (soft_steps, erratum_eq52_k)
{
  const sb_process *process = louder ();
  double b;
  for (double k = 0; k <= .5; k += .1)
    cr_assert_float_eq (variance_left (sb_step_soft_ddim, k, process, .4, .8, .7, &b), .25, 1e-12, "k = %g", k);
  cr_assert_float_eq (variance_left (sb_step_soft_ancestral, 0, process, .4, .8, .7, &b), .25, 1e-12);
  const double v = variance_left (sb_step_soft_ddim, .3, process, .4, .8, .7, &b);
  cr_assert_float_eq (b, .3, 1e-14);
  cr_assert_float_eq (v - b * b + gsl_pow_4 (b), .1681, 1e-12);
}

Test (soft_steps, erratum_alg2_of_one_image)
{
  double b;
  const double v = .49, v_s = .25, left = variance_left (sb_step_momentum, 0, louder (), .4, .8, .7, &b);
  cr_assert_float_eq (left, v_s + gsl_pow_2 (v - v_s) / v, 1e-12);
  cr_assert_gt (left, v_s + .1);
  cr_assert_float_eq (variance_left (sb_step_momentum_flow, 0, louder (), .4, .8, .7, &b),
                      v_s + gsl_pow_2 (v - v_s) / (4 * v), 1e-12);
}

// Algorithm 2 again: (a) its loop, "for $t = 1$ to 0", would step from $t = 0$ too; $N$ steps of one evaluation lead
// to 0. (b) $\hat{\boldsymbol\epsilon} = \hat{\mathbf y} - \mathbf x$ is minus $\sigma$ times the noise. (c) Where
// $\sigma_0 = 0$ the last step adds $\sigma_{\Delta t}\boldsymbol\eta$ again, which SB_FINAL_MEAN leaves out.
// [soft.alg2] [soft.set-nfe]

static gsl_vector *
grid (size_t N, double end)
{
  gsl_vector *times = level_times (N, 0, N);
  gsl_vector_set (times, N, end);
  return times;
}

Test (soft_steps, erratum_alg2_loop_and_last_step)
{
  const sb_process *process = soft_of (&soft_gmm1, 1);
  const sb_score *score = given (matrix_of (1, 1, .8), process);
  gsl_matrix *x = matrix_of (1, 1, .3);
  refused (GSL_EDOM, step_with (sb_step_momentum, 0, score, -.1, 0, NULL, x));
  refused (GSL_EDOM, step_with (sb_step_momentum, 0, score, 0, 0, NULL, x));
  const sb_step_type *const types[]
      = { sb_step_naive,          sb_step_momentum,  sb_step_momentum_flow, sb_step_soft_ddim,
          sb_step_soft_ancestral, sb_step_flow_heun, sb_step_flow_rk4 };
  for (size_t m = 0; m < 7; m++)
    {
      const sb_pc pc = { .step = types[m], .final = SB_FINAL_SAMPLE };
      size_t evaluations;
      ok (sb_pc_sample (&pc, score, NULL, grid (10, 1e-4), (sb_stream){ .seed = 1 }, x, &evaluations));
      cr_assert_eq (evaluations, m < 5 ? 10 : m == 5 ? 20 : 40, "%s", types[m]->entry.name);
    }

  // (b)
  gsl_matrix *x_t = matrix_of (1, 1, .8), *noise = matrix (1, 1);
  ok (sb_process_transition (process, NULL, vector_of (.6), matrix_of (1, 1, 1.3), x_t));
  ok (sb_score_estimate (score, SB_EPSILON, x_t, vector_of (.6), NULL, noise));
  cr_assert_float_eq (noise->data[0], 1.3, 1e-13);
  cr_assert_float_eq (corrupted (process, .6, matrix_of (1, 1, .8))->data[0] - x_t->data[0],
                      -soft_gmm1.sigma (.6) * noise->data[0], 1e-14);

  // (c)
  double sum[2] = { 0 }, square[2] = { 0 };
  const size_t n = 20000;
  for (int mean = 0; mean < 2; mean++)
    {
      const sb_pc pc = { .step = sb_step_momentum, .final = mean ? SB_FINAL_MEAN : SB_FINAL_SAMPLE };
      gsl_matrix *many = matrix_all (n, 1, .3);
      ok (sb_pc_sample (&pc, score, NULL, grid (10, 0), (sb_stream){ .seed = 2 }, many, NULL));
      for (size_t i = 0; i < n; i++)
        sum[mean] += many->data[i], square[mean] += gsl_pow_2 (many->data[i] - .8);
    }
  const double v = gsl_pow_2 (soft_gmm1.sigma (.1));
  cr_assert_float_eq (square[0] / (double)n, v, 4.89 * v * sqrt (2. / (double)n));
  cr_assert_lt (square[1], 1e-20);
}

// [soft.eq18] Without noise a step is $C_s\hat{\mathbf x}_0 - C_t\hat{\mathbf x}_0$, whose second term the paper
// takes for the naive update "of the image at level $t - \Delta t$". The naive step to $C_t\hat{\mathbf x}_0$ is the
// one from $t + \Delta t$.

Test (soft_steps, erratum_eq18_level)
{
  const sb_process *process = process_of (SOFT_BLUR);
  gsl_matrix *h = normals (1, 4, 119), *x = normals (1, 4, 120), *y = copy_of (x);
  ok (step_with (sb_step_naive, 0, given (h, process), .5, .6, NULL, x));
  cr_assert_lt (largest_difference (x, corrupted (process, .5, h)), 1e-15);
  ok (step_with (sb_step_naive, 0, given (h, process), .4, .5, NULL, y));
  cr_assert_lt (largest_difference (y, corrupted (process, .4, h)), 1e-15);
  cr_assert_gt (largest_difference (y, corrupted (process, .5, h)), 1e-3);
}

// ## Errors that cancel
//
// An estimate that is the same at all levels, right or not: at fixed noise the steps telescope to $\mathbf x_1 + (C_0
// - C_1)\mathbf a$, on any grid; naive returns $\mathbf a + \sigma_0\boldsymbol\eta$. A periodic blur leaves
// constants alone, so that an estimate too bright by $\mu$ costs momentum nothing. [soft.eq18] [soft.alg2]
// [soft.alg1]

Test (soft_steps, constant_estimates_telescope)
{
  const sb_process *process = steady (sb_operator_blur_alloc (4, 4, 1, 9, SB_BOUNDARY_PERIODIC));
  gsl_matrix *image = normals (1, 16, 121), *bright = copy_of (image);
  gsl_matrix_add_constant (bright, 3);
  const gsl_matrix *x_1 = normals (1, 16, 122), *blurred = corrupted (process, 1, image);
  const size_t N[] = { 1, 7, 40 };
  for (size_t k = 0; k < 3; k++)
    {
      const sb_pc pc = { .step = sb_step_momentum, .final = SB_FINAL_SAMPLE };
      gsl_matrix *x = copy_of (x_1), *y = copy_of (blurred);
      gsl_vector *times = grid (N[k], last);
      if (k == 2)
        for (size_t i = 1; i < N[k]; i++)
          gsl_vector_set (times, i, pow (gsl_vector_get (times, i), 2.5));
      ok (sb_pc_sample (&pc, given (image, process), NULL, times, (sb_stream){ .seed = 3 }, x, NULL));
      for (size_t i = 0; i < 16; i++)
        cr_assert_float_eq (x->data[i], x_1->data[i] + image->data[i] - blurred->data[i], 1e-12);
      ok (sb_pc_sample (&pc, given (bright, process), NULL, times, (sb_stream){ .seed = 3 }, y, NULL));
      cr_assert_lt (largest_difference (y, image), 1e-12);
      const sb_pc corrupting = { .step = sb_step_naive, .final = SB_FINAL_MEAN };
      ok (sb_pc_sample (&corrupting, given (bright, process), NULL, times, (sb_stream){ .seed = 3 }, y, NULL));
      cr_assert_lt (largest_difference (y, bright), 1e-12);
    }
}

// ## What a mask reveals
//
// [soft.txt-nullspace] Any vector that $\hat{\mathbf x}_0$ has on masked pixels, which neither the loss nor the score
// knows of, goes into those that the step reveals, as it is.

Test (soft_steps, a_mask_reveals_what_it_hid)
{
  const sb_process *process = process_of (SOFT_MASK);
  gsl_matrix *h = normals (1, 4, 123), *moved = copy_of (h), *x = normals (1, 4, 124), *y = copy_of (x);
  const gsl_matrix *all = matrix_all (1, 4, 1), *before = corrupted (process, .6, all),
                   *after = corrupted (process, .1, all);
  for (size_t j = 0; j < 4; j++)
    moved->data[j] += before->data[j] == 0 ? 10 + (double)j : 0;
  ok (step_with (sb_step_momentum, 0, given (h, process), .1, .6, NULL, x));
  ok (step_with (sb_step_momentum, 0, given (moved, process), .1, .6, NULL, y));
  size_t revealed = 0;
  for (size_t j = 0; j < 4; j++)
    {
      const bool opens = before->data[j] == 0 && after->data[j] == 1;
      revealed += opens;
      cr_assert_float_eq (y->data[j] - x->data[j], opens ? 10 + (double)j : 0, 1e-13);
    }
  cr_assert_gt (revealed, 0);
}
