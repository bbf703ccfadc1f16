// # No memory, at every point
//
// A path is what a user does with a part of the library: allocate, use, free. Each is run once for every allocation it
// makes, with that one refused, and once more with that one and all after it refused. It must come back with GSL_ENOMEM
// and leave no block behind.

#include "failing.h"
#include "scorebook.h"
#include "scope.h"
#include "take.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// What the library told GSL's handler last: the code of a function that returned NULL.

static int reported;

static void
remember (const char *reason, const char *file, int line, int code)
{
  (void)reason;
  (void)file;
  (void)line;
  reported = code;
}

static int
status_of (const void *pointer)
{
  return pointer ? GSL_SUCCESS : reported;
}

static int
run (int (*path) (void), failing_mode mode, size_t k, failing_report *report)
{
  reported = GSL_SUCCESS;
  failing_begin (mode, k);
  int status = path ();
  *report = failing_end ();
  return status;
}

// The C library allocates buffers for its streams, and does without where it gets none: only there may a path succeed.

static bool
may_succeed (const failing_report *report)
{
  return strstr (report->caller, "/libc.") != NULL;
}

// Jansson (2.14) loses a character of a string where it gets no memory for more of them, and goes on: lex_save does not
// look whether strbuffer_append_byte could. What is read is then another text, which may be refused, or not.

static bool
may_misread (const failing_report *report, failing_mode mode, int status)
{
  return mode == FAIL_ONCE && strstr (report->caller, "/libjansson.")
         && (status == GSL_SUCCESS || status == GSL_EINVAL);
}

static void
check_path (const char *name, int (*path) (void))
{
  if (!failing_available ())
    cr_skip_test ("a sanitizer has the allocator: run without it");
  gsl_set_error_handler (remember);

  failing_report report;
  run (path, FAIL_NEVER, 0, &report); // whoever keeps memory for good takes it now
  ok (run (path, FAIL_NEVER, 0, &report), "%s fails with all the memory there is", name);
  cr_assert_eq (report.live, 0, "%s leaves %ld blocks", name, report.live);
  cr_assert_gt (report.allocations, 0, "%s allocates nothing", name);

  size_t allocations = report.allocations;
  for (size_t k = 1; k <= allocations; k++)
    for (failing_mode mode = FAIL_ONCE; mode <= FAIL_ONWARD; mode++)
      {
        int status = run (path, mode, k, &report);
        const char *which = mode == FAIL_ONCE ? "refused" : "and all after it refused";
        cr_assert (report.failed, "%s: allocation %zu of %zu was not reached", name, k, allocations);
        cr_assert (status == GSL_ENOMEM || (status == GSL_SUCCESS && may_succeed (&report))
                       || may_misread (&report, mode, status),
                   "%s: allocation %zu of %zu %s (for %s): status %d (%s)", name, k, allocations, which, report.caller,
                   status, gsl_strerror (status));
        cr_assert_eq (report.live, 0, "%s: allocation %zu of %zu %s (for %s): %ld blocks left", name, k, allocations,
                      which, report.caller, report.live);
      }
}

#define PATH(name)                                                                                                     \
  static int name (void);                                                                                              \
  Test (alloc, name) { check_path (#name, name); }                                                                     \
  static int name (void)

// ## The harness itself
//
// It must notice a path that swallows the failure, and one that leaks on its way out. `stderr` of a failed assertion
// would be noise, so these ask the allocator directly. (`volatile`: a compiler may do without a block that nobody uses.)

static int
swallows (void)
{
  void *volatile block = malloc (10);
  free (block);
  return GSL_SUCCESS;
}

static int
leaks (void)
{
  void *volatile first = malloc (10), *volatile second = first ? calloc (2, 5) : NULL;
  if (!second)
    return GSL_ENOMEM;
  free (second);
  free (first);
  return GSL_SUCCESS;
}

Test (alloc, harness_hears_faults)
{
  if (!failing_available ())
    cr_skip_test ("a sanitizer has the allocator: run without it");
  failing_report report;
  cr_assert (run (swallows, FAIL_ONCE, 1, &report) == GSL_SUCCESS && report.failed && !may_succeed (&report));
  cr_assert (run (leaks, FAIL_NEVER, 0, &report) == GSL_SUCCESS && report.live == 0 && report.allocations == 2);
  cr_assert (run (leaks, FAIL_ONCE, 1, &report) == GSL_ENOMEM && report.live == 0);
  cr_assert (run (leaks, FAIL_ONCE, 2, &report) == GSL_ENOMEM && report.live == 1);
  cr_assert (run (leaks, FAIL_ONWARD, 1, &report) == GSL_ENOMEM && report.live == 0 && report.allocations == 1);
}

// ## Files
//
// Paths that write do so in a folder of their own, where a failure leaves nothing.

static char folder[] = "/tmp/scorebook-alloc-XXXXXX";

static void
begin (void)
{
  cr_assert (mkdtemp (folder));
}

static const char *in_folder (const char *name);
static const char GIVEN[] = "given"; // a file that a path reads and does not write

static void
end (void)
{
  unlink (in_folder (GIVEN));
  cr_assert_eq (rmdir (folder), 0, "%s is not empty", folder);
}

TestSuite (alloc, .init = begin, .fini = end);

static const char *
in_folder (const char *name)
{
  static char path[256];
  snprintf (path, sizeof path, "%s/%s", folder, name);
  return path;
}

static const char *
in_source (const char *name)
{
  static char path[4096];
  const char *source = getenv ("srcdir");
  snprintf (path, sizeof path, "%s/%s", source ? source : ".", name);
  return path;
}

PATH (whole_file)
{
  const char *name = in_folder ("out");
  sb_file *file = sb_file_create (name, NULL);
  if (!file)
    return reported;
  fputs ("all of it", file->stream);
  int status = sb_file_commit (file, NULL);
  unlink (name);
  return status;
}

PATH (idx_gzip)
{
  sb_bytes *labels = sb_idx_read (in_source ("data/t10k-labels-idx1-ubyte.gz"), NULL);
  int status = status_of (labels);
  sb_bytes_free (labels);
  return status;
}

// ## Differential equations
//
// A step of our own type, without GSL's driver: gsl_odeiv2_control_y_new (GSL 2.7) looks into a control that it got no
// memory for.

static int
decay (double t, const double *y, double *f, void *params)
{
  (void)t;
  (void)params;
  for (size_t i = 0; i < 3; i++)
    f[i] = -y[i];
  return GSL_SUCCESS;
}

PATH (dopri5)
{
  gsl_odeiv2_system system = { .function = decay, .dimension = 3 };
  gsl_odeiv2_step *step = gsl_odeiv2_step_alloc (sb_odeiv2_step_dopri5, 3);
  if (!step)
    return reported;
  double y[3] = { 1, 2, 3 }, yerr[3];
  int status = gsl_odeiv2_step_apply (step, 0, 0.1, y, yerr, NULL, NULL, &system);
  gsl_odeiv2_step_free (step);
  return status;
}

PATH (integrate)
{
  gsl_odeiv2_system system = { .function = decay, .dimension = 3 };
  double y[3] = { 1, 2, 3 };
  return sb_odeiv2_integrate (&system, 0, 1, 1e-3, 1e-3, y, NULL, NULL, NULL);
}

static const double NUMBERS[] = { 0, 0.25, 0.5, 1 };

static int
read_npy_back (const char *name)
{
  gsl_matrix *x = sb_npy_read (name, NULL, NULL);
  int status = status_of (x);
  gsl_matrix_free (x);
  return status;
}

PATH (npy)
{
  gsl_matrix_const_view x = gsl_matrix_const_view_array (NUMBERS, 2, 2);
  const char *name = in_folder ("x.npy");
  int status = sb_npy_write (name, &x.matrix, NULL, SB_NPY_FLOAT32, NULL);
  if (status == GSL_SUCCESS)
    status = read_npy_back (name);
  unlink (name);
  return status;
}

static int
read_png_back (const char *name)
{
  sb_bytes *page = sb_png_read (name, NULL);
  int status = status_of (page);
  sb_bytes_free (page);
  return status;
}

PATH (png)
{
  gsl_matrix_const_view x = gsl_matrix_const_view_array (NUMBERS, 1, 4);
  sb_png_grid grid = { .height = 2, .width = 2, .channels = 1, .low = 0, .high = 1 };
  const char *name = in_folder ("x.png");
  int status = sb_png_write (name, &x.matrix, &grid, NULL);
  if (status == GSL_SUCCESS)
    status = read_png_back (name);
  unlink (name);
  return status;
}

// ## Grids

PATH (largest_distance)
{
  gsl_matrix *x = gsl_matrix_calloc (300, 2);
  if (!x)
    return reported;
  double distance;
  int status = sb_grid_largest_distance (x, &distance);
  gsl_matrix_free (x);
  return status;
}

// ## Processes

static int
use_process (sb_process *process)
{
  int status = status_of (process);
  sb_process_free (process);
  return status;
}

PATH (vp) { return use_process (sb_vp_alloc (3, SB_VP_BETA_MIN, SB_VP_BETA_MAX)); }

PATH (subvp) { return use_process (sb_subvp_alloc (3, SB_VP_BETA_MIN, SB_VP_BETA_MAX)); }

PATH (smld) { return use_process (sb_smld_alloc (3, 10, SB_VE_SIGMA_MIN, SB_VE_SIGMA_MAX)); }

PATH (ddpm) { return use_process (sb_ddpm_alloc (3, 10, SB_VP_BETA_MIN / 10, SB_VP_BETA_MAX / 10)); }

PATH (ve) { return use_process (sb_ve_alloc (3, SB_VE_SIGMA_MIN, SB_VE_SIGMA_MAX)); }

static int
use_moments (const sb_process *process, gsl_vector *mean, gsl_matrix *covariance, gsl_matrix *z)
{
  if (!mean || !covariance || !z)
    return reported;
  gsl_vector_set_all (mean, 0.5);
  gsl_matrix_set_identity (covariance);
  gsl_matrix_set_identity (z);
  int status = sb_process_transition (process, NULL, mean, z, covariance);
  if (!status)
    status = sb_moments_transition (process, 0, 1, mean, covariance);
  return status ? status : sb_moments_solve (process, 0.5, 1, 1, mean, covariance);
}

PATH (moments)
{
  sb_process *vp = sb_vp_alloc (2, SB_VP_BETA_MIN, SB_VP_BETA_MAX);
  if (!vp)
    return reported;
  gsl_vector *mean = gsl_vector_alloc (2);
  gsl_matrix *covariance = gsl_matrix_alloc (2, 2), *z = gsl_matrix_alloc (2, 2);
  int status = use_moments (vp, mean, covariance, z);
  gsl_vector_free (mean);
  gsl_matrix_free (covariance);
  gsl_matrix_free (z);
  sb_process_free (vp);
  return status;
}

// ## Laws
//
// Everything that can be asked of a law, at two points.

enum
{
  N = 2, // points
  D = 2  // dimensions
};

static const double some_numbers[] = { 1, 0.2, 0.2, 2, 0.5, 0.1, 0.1, 1 };

static int
ask_law (const sb_target *law, const sb_process *process, gsl_matrix *x, gsl_matrix *out)
{
  double times[N] = { 0.5, 0.7 }, answers[N];
  gsl_vector_const_view t = gsl_vector_const_view_array (times, N);
  gsl_vector_view answer = gsl_vector_view_array (answers, N);
  gsl_vector_const_view point = gsl_vector_const_view_array (some_numbers, D);
  int status = sb_target_sample (law, (sb_stream){ .seed = 1 }, x);
  if (status == GSL_SUCCESS)
    status = sb_target_log_density (law, process, x, &t.vector, &answer.vector);
  for (sb_view view = SB_SCORE; view <= SB_EPSILON && status == GSL_SUCCESS; view *= 2)
    status = sb_target_evaluate (law, process, view, x, &t.vector, out);
  if (status == GSL_SUCCESS)
    status = sb_target_divergence (law, process, x, &t.vector, &answer.vector);
  if (status == GSL_SUCCESS)
    status = sb_target_posterior_covariance (law, process, &point.vector, 0.5, out);
  if (status == GSL_SUCCESS)
    status = sb_target_jvp (law, process, x, &t.vector, x, out);
  return status;
}

// The process and the batches are the caller's: made outside of the path, so that what fails is the law's.

static int
use_law (sb_target *law)
{
  static double in[N * D], back[N * D];
  static sb_process *process;
  gsl_matrix_view x = gsl_matrix_view_array (in, N, D), out = gsl_matrix_view_array (back, N, D);
  if (!process)
    process = sb_vp_alloc (D, SB_VP_BETA_MIN, SB_VP_BETA_MAX);
  int status = law ? ask_law (law, process, &x.matrix, &out.matrix) : reported;
  sb_target_free (law);
  return status;
}

PATH (gaussian)
{
  gsl_vector_const_view mean = gsl_vector_const_view_array (some_numbers, D);
  gsl_matrix_const_view covariance = gsl_matrix_const_view_array (some_numbers, D, D);
  return use_law (sb_target_gaussian_alloc (&mean.vector, &covariance.matrix));
}

PATH (mixture)
{
  gsl_vector_const_view weights = gsl_vector_const_view_array (some_numbers, 2);
  gsl_matrix_const_view means = gsl_matrix_const_view_array (some_numbers, 2, D);
  gsl_matrix_const_view covariances = gsl_matrix_const_view_array (some_numbers, 2 * D, D);
  return use_law (sb_target_mixture_alloc (&weights.vector, &means.matrix, &covariances.matrix));
}

PATH (points)
{
  gsl_matrix_const_view points = gsl_matrix_const_view_array (some_numbers, 4, D);
  return use_law (sb_target_points_alloc (&points.matrix, NULL));
}

// ## Scores
//
// From a law to samples: the whole of what a user does.

static int
sample_points (const sb_process *process, const sb_target *law)
{
  double from[N * D], levels[] = { 1, 0.5, 0.25 };
  gsl_matrix_view x = gsl_matrix_view_array (from, N, D);
  gsl_vector_view times = gsl_vector_view_array (levels, 3);
  sb_pc pc = sb_pc_default ();
  sb_score *score = sb_score_exact_alloc (law, process);
  int status = score ? sb_process_prior (process, (sb_stream){ .seed = 1 }, &x.matrix) : reported;
  if (status == GSL_SUCCESS)
    status = sb_pc_sample (&pc, score, NULL, &times.vector, (sb_stream){ .seed = 1 }, &x.matrix, NULL);
  sb_score_free (score);
  return status;
}

PATH (exact)
{
  gsl_matrix_const_view points = gsl_matrix_const_view_array (some_numbers, 4, D);
  sb_process *ve = sb_ve_alloc (D, SB_VE_SIGMA_MIN, SB_VE_SIGMA_MAX);
  sb_target *law = ve ? sb_target_points_alloc (&points.matrix, NULL) : NULL;
  int status = law ? sample_points (ve, law) : reported;
  sb_target_free (law);
  sb_process_free (ve);
  return status;
}

// A score by callback that knows the denoiser; Tweedie's formula gives the others.

static int
shrink (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)t, (void)y, (void)params;
  gsl_matrix_memcpy (out, x);
  return gsl_matrix_scale (out, 0.5);
}

PATH (tweedie)
{
  double from[N * D] = { 0 }, to[N * D], times[N] = { 0.5, 0.7 };
  gsl_matrix_view x = gsl_matrix_view_array (from, N, D), out = gsl_matrix_view_array (to, N, D);
  gsl_vector_view t = gsl_vector_view_array (times, N);
  sb_score_callback callback = { .view = SB_DENOISER, .function = shrink };
  sb_process *process = sb_vp_alloc (D, SB_VP_BETA_MIN, SB_VP_BETA_MAX);
  sb_score *score = process ? sb_score_callback_alloc (&callback, process) : NULL;
  int status = score ? sb_score_evaluate (score, SB_SCORE, &x.matrix, &t.vector, NULL, &out.matrix) : reported;
  if (status == GSL_SUCCESS)
    status = sb_score_evaluate (score, SB_EPSILON, &x.matrix, &t.vector, NULL, &out.matrix);
  sb_score_free (score);
  sb_process_free (process);
  return status;
}

// ## Samplers
//
// On the score of a standard normal law, which needs no memory of its own.

static int
towards_zero (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
              gsl_matrix *out)
{
  (void)state, (void)view, (void)t, (void)y;
  gsl_matrix_memcpy (out, x);
  return gsl_matrix_scale (out, -1);
}

static const sb_score_type TOWARDS_ZERO
    = { .name = "towards zero", .views = SB_SCORE | SB_DENOISER, .evaluate = towards_zero };

typedef int (*sampling) (const sb_score *score, gsl_matrix *x);

static int
use_sampler (sampling sample)
{
  sb_process *vp = sb_vp_alloc (2, SB_VP_BETA_MIN, SB_VP_BETA_MAX);
  sb_score *score = vp ? sb_score_alloc (&TOWARDS_ZERO, NULL, vp) : NULL;
  gsl_matrix *x = score ? gsl_matrix_alloc (3, 2) : NULL;
  int status = status_of (x);
  if (x)
    {
      gsl_matrix_set_all (x, 1);
      status = sample (score, x);
    }
  gsl_matrix_free (x);
  sb_score_free (score);
  sb_process_free (vp);
  return status;
}

static int
sample_pc (const sb_step_type *predictor, sb_norm norm, const sb_score *score, gsl_matrix *x)
{
  double grid[] = { 1, 0.5, 0.1 };
  gsl_vector_const_view times = gsl_vector_const_view_array (grid, 3);
  sb_pc pc = sb_pc_default ();
  pc.step = predictor;
  pc.corrector.norm = norm;
  return sb_pc_sample (&pc, score, NULL, &times.vector, (sb_stream){ .seed = 1 }, x, NULL);
}

static int
sample_reverse_diffusion (const sb_score *score, gsl_matrix *x)
{
  return sample_pc (sb_step_reverse_diffusion, SB_NORM_BATCH, score, x);
}

static int
sample_ancestral (const sb_score *score, gsl_matrix *x)
{
  return sample_pc (sb_step_ancestral, SB_NORM_ROW, score, x);
}

static int
sample_heun (const sb_score *score, gsl_matrix *x)
{
  return sample_pc (sb_step_heun, SB_NORM_ROOT_D, score, x);
}

static int
sample_euler_maruyama (const sb_score *score, gsl_matrix *x)
{
  sb_corrector fixed = { .type = sb_corrector_fixed, .epsilon = 0.1 };
  int status = sample_pc (sb_step_euler_maruyama, SB_NORM_BATCH, score, x);
  return status ? status : take_correction (&fixed, score, NULL, 0.1, 0.2, x, x);
}

static int
sample_flow (const sb_score *score, gsl_matrix *x)
{
  const sb_flow flow = { .relative = 1e-2, .absolute = 1e-2 };
  int status = sb_flow_run (&flow, score, NULL, 1, 0.5, x, NULL);
  return status ? status : sb_forward_euler_maruyama (score->process, 0.5, 1, x, x);
}

static int
sample_annealed (const sb_score *score, gsl_matrix *x)
{
  double grid[] = { 1, 0.5 };
  gsl_vector_const_view times = gsl_vector_const_view_array (grid, 2);
  langevin_run annealed = { .epsilon = 0.1, .steps = 2 };
  return annealed_sample (&annealed, score, NULL, &times.vector, (sb_stream){ .seed = 1 }, x);
}

PATH (reverse_diffusion) { return use_sampler (sample_reverse_diffusion); }

PATH (ancestral) { return use_sampler (sample_ancestral); }

PATH (heun) { return use_sampler (sample_heun); }

PATH (euler_maruyama) { return use_sampler (sample_euler_maruyama); }

PATH (flow) { return use_sampler (sample_flow); }

PATH (annealed) { return use_sampler (sample_annealed); }

// ## Objectives
//
// On the same score, with a Jacobian.

static int
minus_v (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
         const gsl_matrix *v, gsl_matrix *out)
{
  (void)state, (void)view, (void)x, (void)t, (void)y;
  gsl_matrix_memcpy (out, v);
  return gsl_matrix_scale (out, -1);
}

static int
minus_v_too (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
             const gsl_matrix *v, gsl_matrix *out)
{
  return minus_v (state, view, x, t, y, v, out);
}

typedef int (*objective) (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, gsl_vector *loss,
                          gsl_matrix *s_bar);

static int
use_objective (objective find)
{
  sb_score_type type = TOWARDS_ZERO;
  double numbers[6] = { 1, 2, 3, 4, 5, 6 }, times[3] = { 0.5, 0.5, 0.5 }, losses[3], bars[6];
  gsl_matrix_view x = gsl_matrix_view_array (numbers, 3, 2), s_bar = gsl_matrix_view_array (bars, 3, 2);
  gsl_vector_view t = gsl_vector_view_array (times, 3), loss = gsl_vector_view_array (losses, 3);
  type.derivatives = SB_SCORE;
  type.jvp = minus_v;
  type.vjp = minus_v_too;
  sb_process *vp = sb_vp_alloc (2, SB_VP_BETA_MIN, SB_VP_BETA_MAX);
  sb_score *score = vp ? sb_score_alloc (&type, NULL, vp) : NULL;
  int status = score ? find (score, &x.matrix, &t.vector, &loss.vector, &s_bar.matrix) : reported;
  sb_score_free (score);
  sb_process_free (vp);
  return status;
}

static int
lose (const sb_objective_type *type, const sb_score *score, const gsl_matrix *x, gsl_vector *loss)
{
  sb_objective how = sb_objective_of (type, score->process, 0.1);
  how.truth = score;
  return sb_objective_loss (&how, score, x, NULL, (sb_stream){ .seed = 1 }, loss);
}

static int
find_esm (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, gsl_vector *loss, gsl_matrix *s_bar)
{
  (void)t, (void)s_bar;
  return lose (sb_objective_esm, score, x, loss);
}

static int
find_ism (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, gsl_vector *loss, gsl_matrix *s_bar)
{
  (void)t, (void)s_bar;
  return lose (sb_objective_ism, score, x, loss);
}

static int
find_ssm (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, gsl_vector *loss, gsl_matrix *s_bar)
{
  (void)t, (void)s_bar;
  return lose (sb_objective_ssm, score, x, loss);
}

static int
find_fdssm (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, gsl_vector *loss, gsl_matrix *s_bar)
{
  const sb_objective how = sb_objective_of (sb_objective_fdssm, score->process, 0.1);
  (void)t, (void)s_bar;
  return sb_objective_gradient (&how, score, x, NULL, (sb_stream){ .seed = 1 }, 1, loss);
}

static int
find_denoising (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, gsl_vector *loss, gsl_matrix *s_bar)
{
  (void)t, (void)s_bar;
  return lose (sb_objective_denoising, score, x, loss);
}

PATH (esm) { return use_objective (find_esm); }

PATH (ism) { return use_objective (find_ism); }

PATH (ssm) { return use_objective (find_ssm); }

PATH (fdssm) { return use_objective (find_fdssm); }

PATH (denoising_at_a_level) { return use_objective (find_denoising); }

// A view's derivatives by way of another's.

static int
find_vjp (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, gsl_vector *loss, gsl_matrix *s_bar)
{
  (void)loss;
  return sb_score_vjp (score, SB_DENOISER, x, t, NULL, x, s_bar);
}

PATH (vjp_of_the_denoiser) { return use_objective (find_vjp); }

// ## DDPM's reverse chain and its bound
//
// The score $-\mathbf{x}$, which is that of standard normal data under DDPM's chain, with its divergence.

static int
minus_d (const void *state, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_vector *divergence)
{
  (void)state, (void)t, (void)y;
  gsl_vector_set_all (divergence, -(double)x->size2);
  return GSL_SUCCESS;
}

typedef int (*reverse_use) (const sb_reverse *reverse, double *states);

static int
use_reverse (reverse_use use)
{
  sb_score_type type = TOWARDS_ZERO;
  double states[8] = { 0.1, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7, -0.8 };
  type.divergence = minus_d;
  sb_process *ddpm = sb_ddpm_alloc (2, 3, 0.1, 1);
  sb_score *score = ddpm ? sb_score_alloc (&type, NULL, ddpm) : NULL;
  sb_reverse reverse = { score, SB_EPSILON, SB_VARIANCE_OPTIMAL, SB_VARIANCE_BETA };
  int status = score ? use (&reverse, states) : reported;
  sb_score_free (score);
  sb_process_free (ddpm);
  return status;
}

static int
sample_optimal (const sb_reverse *reverse, double *states)
{
  gsl_matrix_view x = gsl_matrix_view_array (states, 3, 2), z = gsl_matrix_view_array (states + 2, 3, 2);
  return take_step (sb_step_ancestral_optimal, reverse->score, NULL, 1. / 3, 2. / 3, &z.matrix, &x.matrix);
}

static int
find_bound (const sb_reverse *reverse, double *states)
{
  sb_vlb vlb = { .reverse = *reverse };
  double bounds[3], means[4];
  gsl_matrix_view x_0 = gsl_matrix_view_array (states, 3, 2);
  gsl_vector_view bound = gsl_vector_view_array (bounds, 3), mean = gsl_vector_view_array (means, 4);
  int status = sb_vlb_bound (&vlb, NULL, &x_0.matrix, (sb_stream){ .seed = 1 }, 1, &bound.vector);
  return status ? status : sb_vlb_spectrum (&vlb, NULL, &x_0.matrix, (sb_stream){ .seed = 1 }, &mean.vector, NULL);
}

static int
find_ratio (const sb_reverse *reverse, double *states)
{
  double ratio, parts[4];
  gsl_matrix_view path = gsl_matrix_view_array (states, 4, 2);
  gsl_vector_view terms = gsl_vector_view_array (parts, 4);
  int status = sb_vlb_path (reverse, NULL, &path.matrix, &ratio);
  return status ? status : sb_vlb_path_terms (reverse, NULL, &path.matrix, &terms.vector);
}

static int
find_marginal (const sb_reverse *reverse, double *states)
{
  double covariances[4], nll;
  gsl_vector_view mean = gsl_vector_view_array (states, 2);
  gsl_matrix_view covariance = gsl_matrix_view_array (covariances, 2, 2);
  int status = sb_marginal_chain (reverse, &mean.vector, &covariance.matrix);
  if (!status)
    status = sb_marginal_step (reverse, 0, 1. / 3, &mean.vector, &covariance.matrix);
  return status ? status : sb_marginal_nll (&mean.vector, &covariance.matrix, &mean.vector, &covariance.matrix, &nll);
}

static int
clip_score (const sb_reverse *reverse, double *states)
{
  (void)states;
  sb_score *clipped = sb_score_clip_alloc (reverse->score, -1, 1);
  int status = status_of (clipped);
  sb_score_free (clipped);
  return status;
}

PATH (ancestral_optimal) { return use_reverse (sample_optimal); }

PATH (vlb) { return use_reverse (find_bound); }

PATH (vlb_path) { return use_reverse (find_ratio); }

PATH (marginal) { return use_reverse (find_marginal); }

PATH (clip) { return use_reverse (clip_score); }

// ## Networks
//
// Weights, inputs and outputs are the caller's: zeros will do.

static const char UNET[] = "unet image=1x4x4 channels=2 multipliers=1,2 groups=2 attention=2 time=fourier features=4 "
                           "classes=2 condition=1",
                  CNN[] = "cnn image=1x4x4 outputs=2 channels=4 multipliers=1 groups=1 blocks=1";

enum
{
  PIXELS = 16,
  IMAGES = 3,
  WEIGHTS = 10000 // more than either has
};

static int
use_net (const sb_net *net, sb_net_work *work)
{
  static float theta[WEIGHTS], theta_bar[WEIGHTS], x[IMAGES * PIXELS], out[IMAGES * PIXELS], kinds[IMAGES];
  const sb_net_condition given = { x, kinds };
  cr_assert_lt (net->parameters, WEIGHTS);
  int status = sb_net_initialise (net, (sb_stream){ .seed = 1 }, theta);
  if (status == GSL_SUCCESS)
    status = sb_net_forward (net, theta, IMAGES, x, NULL, &given, work, out);
  if (status == GSL_SUCCESS)
    status = sb_net_backward (net, theta, work, out, theta_bar, x);
  return status == GSL_SUCCESS ? sb_net_jvp (net, theta, work, x, out) : status;
}

PATH (network)
{
  sb_net *net = sb_net_alloc (UNET, NULL);
  sb_net_work *work = net ? sb_net_work_alloc (net, IMAGES, 1) : NULL;
  int status = work ? use_net (net, work) : reported;
  sb_net_work_free (work);
  sb_net_free (net);
  return status;
}

// A file that could not be written whole is not there: the folder is empty in the end. One that could not be read
// leaves no tensor.

static int
write_tensors (const char *name)
{
  static float numbers[6];
  sb_tensors *tensors = sb_tensors_alloc ();
  int status = status_of (tensors);
  if (status == GSL_SUCCESS)
    status = sb_tensors_add (tensors, "a", 2, (size_t[]){ 2, 2 }, numbers);
  if (status == GSL_SUCCESS)
    status = sb_tensors_add (tensors, "b", 1, (size_t[]){ 2 }, numbers + 4);
  if (status == GSL_SUCCESS)
    status = sb_tensors_note_add (tensors, "key", "value");
  if (status == GSL_SUCCESS)
    status = sb_safetensors_write (tensors, name, NULL);
  sb_tensors_free (tensors);
  return status;
}

PATH (safetensors)
{
  const char *name = in_folder ("x.safetensors");
  int status = write_tensors (name);
  if (status == GSL_SUCCESS)
    {
      sb_tensors *tensors = sb_safetensors_read (name, NULL);
      status = status_of (tensors);
      sb_tensors_free (tensors);
    }
  unlink (name);
  return status;
}

// ## Training
//
// Alloc and a step, of a score and of a classifier.

static const char MLP[] = "mlp inputs=16 width=2 layers=1 time=none",
                  PROCESS[] = "ddpm levels=10 beta_min=0.1 beta_max=5";

static unsigned char bytes[IMAGES * PIXELS], classes[IMAGES];
static const sb_bytes images = { .shape = { .rank = 3, .length = { IMAGES, 4, 4 } }, .data = bytes },
                      labels = { .shape = { .rank = 1, .length = { IMAGES } }, .data = classes };

static int
step_once (sb_task task, sb_training *training)
{
  double loss, norm;
  const sb_recipe recipe = { .task = task, .adam = sb_adam_defaults, .batch = 5, .shard_rows = 2, .seed = 1 };
  sb_trainer *trainer = sb_trainer_alloc (&recipe, training);
  int status = trainer ? sb_trainer_step (trainer, &loss, &norm, NULL) : reported;
  sb_trainer_free (trainer);
  return status;
}

static sb_model *
score_model (void)
{
  return sb_model_alloc (MLP, PROCESS, "mixed", "log-noise", 0.5, -1, 1, NULL);
}

static sb_model *
classifier_model (void)
{
  return sb_model_classifier_alloc (CNN, 0, 1, NULL);
}

static sb_training *
training_of (const sb_model *model)
{
  return model ? sb_training_alloc (model->net, (sb_stream){ .seed = 1 }) : NULL;
}

static int
denoising_step (sb_model *model, sb_examples examples)
{
  sb_training *training = training_of (model);
  int status = status_of (training);
  if (status == GSL_SUCCESS)
    {
      sb_score_matching matching = { .network = model->network,
                                     .objective = sb_objective_of (sb_objective_dsm, model->process, 1e-3),
                                     .examples = examples };
      matching.network.theta = training->theta;
      status = step_once (sb_score_matching_task (&matching), training);
    }
  sb_training_free (training);
  sb_model_free (model);
  return status;
}

PATH (denoising)
{
  const sb_byte_examples examples = { &images, -1, 1 };
  return denoising_step (score_model (), sb_examples_of_bytes (&examples));
}

PATH (denoising_with_labels)
{
  const sb_byte_examples examples = { &images, -1, 1 };
  const sb_labelled_examples labelled = { sb_examples_of_bytes (&examples), &labels, 0.5 };
  return denoising_step (sb_model_alloc ("mlp inputs=16 width=2 layers=1 features=2 classes=2", PROCESS, "mixed",
                                         "time", 0.5, -1, 1, NULL),
                         sb_examples_with_labels (&labelled));
}

PATH (deviations)
{
  sb_model *model = score_model ();
  int status = model ? sb_model_set_deviations (model, 1, (double[]){ 0.3 }, NULL) : reported;
  sb_model_free (model);
  return status;
}

static int
slicing_step (const sb_objective_type *type)
{
  const sb_byte_examples examples = { &images, -1, 1 };
  sb_model *model = score_model ();
  sb_training *training = training_of (model);
  int status = status_of (training);
  if (status == GSL_SUCCESS)
    {
      sb_score_matching slicing = { .network = model->network,
                                    .objective = sb_objective_of (type, model->process, 0.1),
                                    .examples = sb_examples_of_bytes (&examples) };
      slicing.network.theta = training->theta;
      slicing.network.prediction = SB_PREDICTS_SCORE;
      status = step_once (sb_score_matching_task (&slicing), training);
    }
  sb_training_free (training);
  sb_model_free (model);
  return status;
}

PATH (slicing) { return slicing_step (sb_objective_ssm); }

PATH (slicing_by_differences) { return slicing_step (sb_objective_fdssm); }

PATH (classifying)
{
  sb_model *model = classifier_model ();
  sb_training *training = training_of (model);
  int status = status_of (training);
  if (status == GSL_SUCCESS)
    {
      sb_classifying classifying = { model->net, training->theta, &images, &labels, 0, 1, 1 };
      status = step_once (sb_classifying_task (&classifying), training);
    }
  sb_training_free (training);
  sb_model_free (model);
  return status;
}

// Their files. The training is made outside of the path, and so is the file where it is the reading that may fail.

PATH (checkpoint)
{
  static sb_model *model;
  static sb_training *training;
  model = model ? model : score_model ();
  training = training ? training : training_of (model);
  const sb_provenance provenance = { PROCESS, "recipe", "command", "data", 1 };
  const char *name = in_folder ("state");
  char *recipe = NULL;
  int status = sb_checkpoint_write (name, model, training, &provenance, NULL);
  if (status == GSL_SUCCESS)
    status = sb_checkpoint_read (name, model->net, training, &recipe, NULL);
  free (recipe);
  unlink (name);
  return status;
}

static const char *
exported_once (sb_model *(*make) (void), const char *process)
{
  static bool there;
  if (!there)
    {
      const sb_provenance provenance = { process, "recipe", "command", "data", 1 };
      sb_model *model = make ();
      sb_training *training = training_of (model);
      there = sb_checkpoint_export (in_folder (GIVEN), model, training, &provenance, NULL) == GSL_SUCCESS;
      sb_training_free (training);
      sb_model_free (model);
    }
  return in_folder (GIVEN);
}

PATH (model)
{
  static double at[IMAGES * PIXELS], to[IMAGES * PIXELS], times[IMAGES] = { 0.2, 0.5, 1 };
  gsl_matrix_view x = gsl_matrix_view_array (at, IMAGES, PIXELS), out = gsl_matrix_view_array (to, IMAGES, PIXELS);
  gsl_vector_view t = gsl_vector_view_array (times, IMAGES);
  sb_model *model = sb_model_read (exported_once (score_model, PROCESS), NULL);
  sb_score *score = model ? sb_score_network_alloc (&model->network) : NULL;
  int status = score ? sb_score_evaluate (score, SB_SCORE, &x.matrix, &t.vector, NULL, &out.matrix) : reported;
  sb_score_free (score);
  sb_model_free (model);
  return status;
}

// Its derivatives, in shards that take turns and in shards that do not.

static int
use_derivatives (sb_score *score, const gsl_matrix *x, const gsl_vector *t, gsl_matrix *out)
{
  double trace[IMAGES];
  gsl_vector_view divergence = gsl_vector_view_array (trace, IMAGES);
  int status = sb_score_jvp (score, SB_SCORE, x, t, NULL, x, out);
  if (status == GSL_SUCCESS)
    status = sb_score_vjp (score, SB_SCORE, x, t, NULL, x, out);
  return status ? status : sb_score_divergence (score, x, t, NULL, &divergence.vector);
}

static int
differentiate (int with_gradient)
{
  static double at[IMAGES * PIXELS], to[IMAGES * PIXELS], times[IMAGES] = { 0.2, 0.5, 1 };
  gsl_matrix_view x = gsl_matrix_view_array (at, IMAGES, PIXELS), out = gsl_matrix_view_array (to, IMAGES, PIXELS);
  gsl_vector_view t = gsl_vector_view_array (times, IMAGES);
  sb_model *model = score_model ();
  float *theta_bar = model ? calloc (model->net->parameters, sizeof *theta_bar) : NULL;
  int status = theta_bar ? GSL_SUCCESS : GSL_ENOMEM;
  sb_score *score
      = theta_bar ? sb_score_network_gradient_alloc (&model->network, with_gradient ? theta_bar : NULL) : NULL;
  if (status == GSL_SUCCESS)
    status = score ? use_derivatives (score, &x.matrix, &t.vector, &out.matrix) : reported;
  sb_score_free (score);
  free (theta_bar);
  sb_model_free (model);
  return status;
}

PATH (network_derivatives) { return differentiate (0); }

PATH (network_gradient) { return differentiate (1); }

PATH (classifier)
{
  static double at[IMAGES * PIXELS], seen[IMAGES * 4], said[IMAGES * 2];
  gsl_matrix_view x = gsl_matrix_view_array (at, IMAGES, PIXELS), features = gsl_matrix_view_array (seen, IMAGES, 4),
                  probabilities = gsl_matrix_view_array (said, IMAGES, 2);
  sb_classifier *classifier = sb_classifier_read (exported_once (classifier_model, NULL), NULL);
  int status = classifier ? sb_classifier_look (classifier, &x.matrix, 0, 1, &probabilities.matrix, &features.matrix)
                          : reported;
  sb_classifier_free (classifier);
  return status;
}

// ## Operators

PATH (operators)
{
  double m[] = { 1, 0, 0, 1 };
  gsl_vector_view v = gsl_vector_view_array (m, 4);
  gsl_matrix_view M = gsl_matrix_view_array (m, 2, 2);
  sb_operator *A[6] = { NULL };
  int status = status_of (A[0] = sb_operator_identity_alloc (4));
  if (!status)
    status = status_of (A[1] = sb_operator_scalar_alloc (4, 2));
  if (!status)
    status = status_of (A[2] = sb_operator_diagonal_alloc (&v.vector));
  if (!status)
    status = status_of (A[3] = sb_operator_mask_alloc (&v.vector));
  if (!status)
    status = status_of (A[4] = sb_operator_dense_alloc (&M.matrix));
  if (!status)
    status = status_of (A[5] = sb_operator_cosine_alloc (2, 2, 1));
  double y[4];
  gsl_matrix_view x = gsl_matrix_view_array (m, 1, 4), out = gsl_matrix_view_array (y, 1, 4);
  if (!status)
    status = sb_operator_apply (A[5], CblasNoTrans, NULL, &x.matrix, &out.matrix);
  for (size_t k = 0; k < 6; k++)
    sb_operator_free (A[k]);
  return status;
}

// ## The autoencoder of patches

PATH (patches)
{
  static double pixels[8] = { 1, 2, 5, 3, 2, 7, 1, 1 }, codes[4];
  gsl_matrix_view x = gsl_matrix_view_array (pixels, 2, 4);
  sb_patches *fitted = sb_patches_fit (&x.matrix, 2, 2, 1, 1, 1), *patches = NULL;
  const char *name = in_folder ("patches");
  gsl_matrix_view four = gsl_matrix_view_array (pixels, 1, 4), latents = gsl_matrix_view_array (codes, 1, 4);
  int status = fitted ? sb_patches_write (fitted, "", name, NULL) : reported;
  if (status == GSL_SUCCESS)
    status = status_of (patches = sb_patches_read (name, NULL));
  if (status == GSL_SUCCESS)
    status = sb_patches_encode (patches, &four.matrix, &latents.matrix);
  if (status == GSL_SUCCESS)
    status = sb_patches_decode (patches, &latents.matrix, &four.matrix);
  unlink (name);
  sb_patches_free (fitted);
  sb_patches_free (patches);
  return status;
}

// ## Measures

PATH (frechet)
{
  gsl_matrix *x = gsl_matrix_calloc (3, 2);
  if (!x)
    return reported;
  gsl_matrix_set_identity (x);
  double distance;
  int status = sb_frechet (x, x, &distance);
  gsl_matrix_free (x);
  return status;
}

PATH (two_samples)
{
  gsl_matrix_const_view x = gsl_matrix_const_view_array (NUMBERS, 2, 2);
  sb_stream stream = { 1, SB_FOR_PROBE, 0 };
  double distance, p_value;
  int status = sb_ks_projections (&x.matrix, &x.matrix, 1, stream, &distance, &p_value);
  if (status == GSL_SUCCESS)
    status = sb_energy_test (&x.matrix, &x.matrix, 3, stream, &distance, &p_value);
  return status;
}

PATH (samples_on_a_line)
{
  gsl_vector_const_view x = gsl_vector_const_view_array (NUMBERS, 3), y = gsl_vector_const_view_array (NUMBERS, 4);
  double distance, p_value;
  int status = sb_ks_two_sample (&x.vector, &y.vector, &distance, &p_value);
  if (status == GSL_SUCCESS)
    status = sb_wasserstein_1 (&x.vector, &y.vector, &distance);
  return status;
}

PATH (nearest)
{
  gsl_matrix_const_view x = gsl_matrix_const_view_array (NUMBERS, 2, 2);
  double distances[2];
  gsl_vector_view distance = gsl_vector_view_array (distances, 2);
  size_t index[2];
  return sb_nearest (&x.matrix, &x.matrix, index, &distance.vector);
}
