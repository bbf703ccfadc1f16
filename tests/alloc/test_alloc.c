// # No memory, at every point
//
// A path is what a user does with a part of the library: allocate, use, free. Each is run once for every allocation it
// makes, with that one refused, and once more with that one and all after it refused. It must come back with GSL_ENOMEM
// and leave no block behind.

#include "conformance/worlds.h"
#include "failing.h"
#include "scorebook.h"
#include "scope.h"
#include "take.h"

#include <criterion/criterion.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#endif

// ## What a path is made of
//
// `must` ends a path where a call fails, `kept` where there is no object; what is kept is freed, newest first, when the
// path is over. The code of a function that returned NULL is what the library told GSL's handler last.

static jmp_buf end_of_path;
static int reported, outcome;

static void
remember (const char *reason, const char *file, int line, int code)
{
  (void)reason, (void)file, (void)line;
  reported = code;
}

static void
must (int status)
{
  if (status == GSL_SUCCESS)
    return;
  outcome = status;
  longjmp (end_of_path, 1);
}

#define KEEPER(type, release)                                                                                          \
  static inline type *kept_##type (type *object)                                                                       \
  {                                                                                                                    \
    must (object ? GSL_SUCCESS : reported);                                                                            \
    return scoped_##type (__FILE__, __LINE__, "an object", object, NULL);                                              \
  }
#define KEPT_CASE(type, release) , type * : kept_##type

SCOPE_TYPES (KEEPER)

#define kept(object) (_Generic((object)SCOPE_TYPES (KEPT_CASE)) (object))

static const char *in_folder (const char *name);
static const char WRITTEN[] = "written", // the file that a path may write
    GIVEN[] = "given";                   // one that a path reads and does not write

static int
run (void (*path) (void), failing_mode mode, size_t k, failing_report *report)
{
  reported = outcome = GSL_SUCCESS;
  failing_begin (mode, k);
  if (setjmp (end_of_path) == 0)
    path ();
  scope_release (0);
  *report = failing_end ();
  unlink (in_folder (WRITTEN));
  return outcome;
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

// Dropout asks for fewer numbers than a stream has, and does not look.

static bool
may_ignore (const char *path, const char *function)
{
  return strcmp (path, "network") == 0 && strcmp (function, "sb_stream_uniforms") == 0;
}

// What cannot fail for want of memory may fail for other reasons: of the library's own calls on the path, each is made
// to fail in turn. The path must come back with an error, the call's or one that its caller puts in its place, and
// leave no block.

static void
check_calls (const char *name, void (*path) (void))
{
  failing_report report;
  const char *function;
  failing_call_begin (0);
  ok (run (path, FAIL_NEVER, 0, &report), "%s fails the second time", name);
  const size_t calls = failing_call_end (&function);
  for (size_t k = 1; k <= calls; k++)
    {
      failing_call_begin (k);
      int status = run (path, FAIL_NEVER, 0, &report);
      failing_call_end (&function);
      cr_assert (*function, "%s: call %zu of %zu was not reached", name, k, calls);
      cr_assert (status != GSL_SUCCESS || may_ignore (name, function), "%s: call %zu of %zu, of %s, failed unnoticed",
                 name, k, calls, function);
      cr_assert_eq (report.live, 0, "%s: call %zu of %zu, of %s, failed: %ld blocks left", name, k, calls, function,
                    report.live);
    }
}

static void
check_path (const char *name, void (*path) (void))
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
  check_calls (name, path);
}

#define PATH(name)                                                                                                     \
  static void name (void);                                                                                             \
  Test (alloc, name) { check_path (#name, name); }                                                                     \
  static void name (void)

// ## The harness itself
//
// It must notice a path that swallows the failure, and one that leaks on its way out. `stderr` of a failed assertion
// would be noise, so these ask the allocator directly. (`volatile`: a compiler may do without a block that nobody
// uses.)

static void
swallows (void)
{
  void *volatile block = malloc (10);
  free (block);
}

static void
leaks (void)
{
  void *volatile first = malloc (10), *volatile second = first ? calloc (2, 5) : NULL;
  must (second ? GSL_SUCCESS : GSL_ENOMEM);
  free (second);
  free (first);
}

// ... and one that takes no notice of a failing call.

static void
ignores (void)
{
  (void)failing_call ("the first");
  (void)failing_call ("the second");
}

Test (alloc, harness_hears_of_failing_calls)
{
  failing_report report;
  const char *function;
  gsl_set_error_handler (remember);
  for (size_t k = 0; k <= 3; k++)
    {
      failing_call_begin (k);
      cr_assert_eq (run (ignores, FAIL_NEVER, 0, &report), GSL_SUCCESS);
      cr_assert_eq (failing_call_end (&function), (size_t)2);
      cr_assert_str_eq (function, k == 1 ? "the first" : k == 2 ? "the second" : "");
    }
  failing_call_begin (1);
  cr_assert_eq (sb_process_numbers (NULL, SB_A, 0, 0, NULL), GSL_EBADFUNC, "the linker does not put it first");
  failing_call_end (&function);
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

// ## Files and threads
//
// Paths that write do so in a folder of their own, where a failure leaves nothing. The allocations of several threads
// would come in another order each time.

static char folder[] = "/tmp/scorebook-alloc-XXXXXX";

static void
begin (void)
{
#ifdef _OPENMP
  omp_set_num_threads (1);
#endif
  cr_assert (mkdtemp (folder));
}

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
  sb_file *file = sb_file_create (in_folder (WRITTEN), NULL);
  must (file ? GSL_SUCCESS : reported);
  fputs ("all of it", file->stream);
  must (sb_file_commit (file, NULL));
}

// At the end of a link to nothing.

PATH (file_behind_a_link)
{
  static char link[256];
  strcpy (link, in_folder ("link"));
  must (symlink (WRITTEN, link) == 0 ? GSL_SUCCESS : GSL_EFAILED);
  sb_file *file = sb_file_create (link, NULL);
  unlink (link);
  must (file ? GSL_SUCCESS : reported);
  must (sb_file_commit (file, NULL));
}

PATH (idx_gzip) { kept (sb_idx_read (in_source ("data/t10k-labels-idx1-ubyte.gz"), NULL)); }

// ## Numbers to work with

static gsl_vector *
all (size_t n, double value)
{
  gsl_vector *v = kept (gsl_vector_alloc (n));
  gsl_vector_set_all (v, value);
  return v;
}

static gsl_vector *
times (size_t n) // 1, 1/2, 1/5, 1/10, ...
{
  gsl_vector *t = kept (gsl_vector_alloc (n));
  for (size_t k = 0; k < n; k++)
    gsl_vector_set (t, k, 1 / (double)(k * k + 1));
  return t;
}

static gsl_matrix *
units (size_t n, size_t d) // the rows of the identity, over and over
{
  gsl_matrix *x = kept (gsl_matrix_calloc (n, d));
  for (size_t i = 0; i < n; i++)
    gsl_matrix_set (x, i, i % d, 1);
  return x;
}

PATH (npy)
{
  must (sb_npy_write (in_folder (WRITTEN), units (2, 2), NULL, SB_NPY_FLOAT32, NULL));
  kept (sb_npy_read (in_folder (WRITTEN), NULL, NULL));
}

PATH (png)
{
  sb_png_grid grid = { .height = 2, .width = 2, .channels = 1, .low = 0, .high = 1 };
  must (sb_png_write (in_folder (WRITTEN), units (1, 4), &grid, NULL));
  kept (sb_png_read (in_folder (WRITTEN), NULL));
}

PATH (pictures) { kept (sb_folder_read (in_source ("data/models"), 8, NULL)); }

PATH (cifar)
{
  static const char record[3073];
  sb_bytes *labels = NULL;
  sb_file *file = sb_file_create (in_folder (WRITTEN), NULL);
  must (file ? GSL_SUCCESS : reported);
  fwrite (record, 1, sizeof record, file->stream);
  must (sb_file_commit (file, NULL));
  kept (sb_cifar_read (in_folder (WRITTEN), &labels, NULL));
  kept (labels);
  kept (sb_cifar_read (in_folder (WRITTEN), NULL, NULL));
}

// ## Differential equations
//
// A step of our own type, without GSL's driver: gsl_odeiv2_control_y_new (GSL 2.7) looks into a control that it got no
// memory for.

static int
decay (double t, const double *y, double *f, void *params)
{
  (void)t, (void)params;
  for (size_t i = 0; i < 3; i++)
    f[i] = -y[i];
  return GSL_SUCCESS;
}

PATH (dopri5)
{
  gsl_odeiv2_system system = { .function = decay, .dimension = 3 };
  gsl_odeiv2_step *step = kept (gsl_odeiv2_step_alloc (sb_odeiv2_step_dopri5, 3));
  double y[3] = { 1, 2, 3 }, yerr[3];
  must (gsl_odeiv2_step_apply (step, 0, 0.1, y, yerr, NULL, NULL, &system));
}

PATH (integrate)
{
  gsl_odeiv2_system system = { .function = decay, .dimension = 3 };
  double y[3] = { 1, 2, 3 };
  must (sb_odeiv2_integrate (&system, 0, 1, 1e-3, 1e-3, y, NULL, NULL, NULL));
}

// ## Grids

PATH (largest_distance)
{
  double distance;
  must (sb_grid_largest_distance (units (300, 2), &distance));
}

// ## Processes

PATH (vp) { kept (sb_vp_alloc (3, SB_VP_BETA_MIN, SB_VP_BETA_MAX)); }

PATH (subvp) { kept (sb_subvp_alloc (3, SB_VP_BETA_MIN, SB_VP_BETA_MAX)); }

PATH (smld) { kept (sb_smld_alloc (3, 10, SB_VE_SIGMA_MIN, SB_VE_SIGMA_MAX)); }

PATH (ddpm) { kept (sb_ddpm_alloc (3, 10, SB_VP_BETA_MIN / 10, SB_VP_BETA_MAX / 10)); }

PATH (ve) { kept (sb_ve_alloc (3, SB_VE_SIGMA_MIN, SB_VE_SIGMA_MAX)); }

static sb_process *
in_the_plane (void)
{
  return kept (sb_vp_alloc (2, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
}

PATH (moments)
{
  const sb_process *process = in_the_plane ();
  gsl_vector *mean = all (2, 0.5);
  gsl_matrix *covariance = units (2, 2), *z = units (2, 2);
  must (sb_process_transition (process, NULL, mean, z, covariance));
  must (sb_moments_transition (process, 0, 1, mean, covariance));
  must (sb_moments_solve (process, 0.5, 1, 1, mean, covariance));
}

// ## Laws
//
// Everything that can be asked of a law, at two points.

static void
ask_law_under (const sb_process *process, const sb_target *law)
{
  const size_t d = process->dimension;
  gsl_matrix *x = units (2, d), *out = units (2, d), *covariance = units (d, d);
  gsl_vector *t = times (2), *answer = times (2);
  must (sb_target_sample (law, (sb_stream){ .seed = 1 }, x));
  must (sb_target_log_density (law, process, x, t, answer));
  for (sb_view view = SB_SCORE; view <= SB_EPSILON; view *= 2)
    must (sb_target_evaluate (law, process, view, x, t, out));
  must (sb_target_divergence (law, process, x, t, answer));
  gsl_vector_const_view first = gsl_matrix_const_row (x, 0);
  must (sb_target_posterior_covariance (law, process, &first.vector, 0.5, covariance));
  must (sb_target_jvp (law, process, x, t, x, out));
}

static void
ask_law (const sb_target *law)
{
  ask_law_under (in_the_plane (), law);
}

PATH (gaussian) { ask_law (kept (sb_target_gaussian_alloc (all (2, 1), units (2, 2)))); }

PATH (mixture) { ask_law (kept (sb_target_mixture_alloc (all (2, 1), units (2, 2), units (4, 2)))); }

static gsl_matrix *
tilted (size_t K, size_t d) // covariances that are not diagonal
{
  gsl_matrix *C = units (K * d, d);
  for (size_t k = 0; k < K * d; k += d)
    {
      gsl_matrix_set (C, k, 1, 0.5);
      gsl_matrix_set (C, k + 1, 0, 0.5);
    }
  return C;
}

PATH (mixture_with_axes) { ask_law (kept (sb_target_mixture_alloc (NULL, units (2, 2), tilted (2, 2)))); }

PATH (image_law)
{
  ask_law (kept (sb_target_image_alloc (kept (sb_target_mixture_alloc (NULL, units (2, 2), tilted (2, 2))),
                                        kept (sb_operator_identity_alloc (2)))));
}

PATH (points) { ask_law (kept (sb_target_points_alloc (units (4, 2), NULL))); }

PATH (pca_mixture)
{
  gsl_vector *v = all (2, 1);
  gsl_matrix *means = units (2, 2), *loadings = units (2, 2);
  must (sb_pca_mixture_fit (units (4, 2), 2, (sb_stream){ .seed = 1 }, all (2, 1), means, loadings, v, NULL));
  ask_law (kept (sb_target_pca_mixture_alloc (v, means, loadings, v)));
}

// The same under processes that are no multiples of the identity: one that is diagonal in a basis, and one known by its
// maps. They are made once, and kept.

static sb_process_type type_of_own;

static int
failing_numbers (const void *state, sb_process_map map, double s, double t, double *c)
{
  const int status = failing_call ("numbers");
  return status ? status : type_of_own.numbers (state, map, s, t, c);
}

static int
failing_prior_sd (const void *state, double *sd)
{
  const int status = failing_call ("prior_sd");
  return status ? status : type_of_own.prior_sd (state, sd);
}

static const sb_process *
not_isotropic (const char *name)
{
  static const sb_process *known[2];
  static sb_process_type failing;
  const size_t which = strstr (name, "maps") != NULL;
  world w;
  for (size_t k = 0; !known[which] && world_of (k, &w); k++)
    if (strcmp (w.name, name) == 0)
      known[which] = unscoped (w.process);
  if (which == 0 && !failing.numbers)
    {
      failing = type_of_own = *known[0]->type;
      failing.numbers = failing_numbers;
      failing.prior_sd = failing_prior_sd;
      ((sb_process *)known[0])->type = &failing;
    }
  return known[which];
}

#define IN_BASIS not_isotropic ("own, diagonal in a cosine basis")
#define BY_MAPS not_isotropic ("the same by its maps")

static sb_target *
some_law (const sb_process *process, size_t components)
{
  const size_t d = process->dimension;
  return kept (components == 0   ? sb_target_points_alloc (units (4, d), NULL)
               : components == 1 ? sb_target_gaussian_alloc (all (d, 1), units (d, d))
                                 : sb_target_mixture_alloc (all (2, 1), units (2, d), units (2 * d, d)));
}

PATH (gaussian_in_a_basis) { ask_law_under (IN_BASIS, some_law (IN_BASIS, 1)); }

PATH (mixture_in_a_basis) { ask_law_under (IN_BASIS, some_law (IN_BASIS, 2)); }

static void
ask_pca_mixture_under (const sb_process *process)
{
  const size_t d = process->dimension;
  ask_law_under (process, kept (sb_target_pca_mixture_alloc (NULL, units (2, d), units (4, d), all (2, 1))));
}

PATH (pca_mixture_in_a_basis) { ask_pca_mixture_under (IN_BASIS); }

PATH (tilted_mixture_in_a_basis)
{
  const size_t d = IN_BASIS->dimension;
  ask_law_under (IN_BASIS, kept (sb_target_mixture_alloc (NULL, units (2, d), tilted (2, d))));
}

PATH (points_in_a_basis) { ask_law_under (IN_BASIS, some_law (IN_BASIS, 0)); }

PATH (gaussian_under_maps) { ask_law_under (BY_MAPS, some_law (BY_MAPS, 1)); }

PATH (mixture_under_maps) { ask_law_under (BY_MAPS, some_law (BY_MAPS, 2)); }

PATH (points_under_maps) { ask_law_under (BY_MAPS, some_law (BY_MAPS, 0)); }

PATH (process_in_a_basis)
{
  const sb_process *process = IN_BASIS;
  const size_t d = process->dimension, parts = process->parts;
  gsl_matrix *x = units (2, d), *z = units (2, d), *v = kept (gsl_matrix_alloc (2, parts));
  gsl_vector *answer = times (2);
  gsl_matrix_set_all (v, 0.5);
  must (sb_process_prior (process, (sb_stream){ .seed = 1 }, z));
  must (sb_process_prior_log_density (process, z, answer));
  must (sb_process_transition (process, NULL, times (2), z, x));
  must (sb_process_log_det (process, NULL, times (2), answer));
  must (sb_process_trace (process, times (2), answer));
  must (sb_parts_log_density (process, x, v, answer));
  must (sb_parts_kl (process, x, v, v, answer));
  must (sb_posterior_mean (process, SB_SCORE, NULL, times (2), x, z));
  must (sb_posterior_log_density (process, all (2, 0.1), times (2), x, x, z, answer));
}

// A soft corruption, diagonal in a basis and not, from text; its prior, its maps, its SDE.

static void
corrupt (const char *line)
{
  sb_process *soft = kept (sb_process_from_text (line, 4, NULL));
  gsl_matrix *x = units (3, 4), *out = units (3, 4);
  gsl_vector *t = kept (gsl_vector_alloc (3)), *answer = times (3);
  gsl_vector_set_all (t, 0.3);
  must (sb_soft_fit (soft, x));
  must (sb_soft_fit_colours (soft, 1, x));
  must (sb_soft_check (soft, 3, NULL));
  must (sb_process_prior (soft, (sb_stream){ .seed = 1 }, x));
  must (sb_process_prior_log_density (soft, x, answer));
  must (sb_process_log_det (soft, NULL, t, answer));
  for (sb_process_map map = SB_A; map <= SB_S_RATE; map++)
    if (map != SB_F && map != SB_G)
      must (sb_process_apply (soft, map, CblasTrans, NULL, t, x));
  sb_score *score = kept (sb_score_exact_alloc (kept (sb_target_points_alloc (units (4, 4), NULL)), soft));
  must (sb_reverse_drift (score, NULL, t, x, out));
  must (sb_forward_drift (score, NULL, t, x, out));
  must (sb_forward_step (score, NULL, 0.5, 1, x, out));
  must (sb_flow_run (&(sb_flow){ .relative = 0.1, .absolute = 0.1, .final = SB_FINAL_SAMPLE }, score, NULL, 0.3, 0.25,
                     x, NULL));
}

PATH (corruption) { corrupt ("soft image=1x2x2 half=2 knots=0.01,0.8 rank=2"); }

PATH (pair_of_another)
{
  sb_process *pair = kept (sb_soft_pair_alloc (in_the_plane ()));
  gsl_matrix *x = units (2, 2);
  gsl_vector *t = all (2, 0.5);
  double level, sigma;
  must (sb_soft_at (pair, 0.5, &level, &sigma));
  for (sb_process_map map = SB_A; map <= SB_S_RATE; map++)
    if (map != SB_F && map != SB_G)
      must (sb_process_apply (pair, map, CblasNoTrans, NULL, t, x));
  must (sb_process_log_det (pair, NULL, t, all (2, 0)));
  must (sb_process_transition (pair, NULL, t, units (2, 2), x));
  must (sb_process_prior (pair, (sb_stream){ .seed = 1 }, x));
}

PATH (stages)
{
  const sb_soft_stages of = { .sigma_min = 0.01, .sigma_max = 0.1, .noise = 0.2, .levels = all (3, 1), .rank = 1 };
  sb_process *soft = kept (sb_soft_stages_alloc (sb_operator_multiple_alloc (2), &of));
  must (sb_soft_set_prior (soft, all (2, 0), units (1, 2)));
  must (sb_soft_fit_prior (soft, 1, units (3, 2)));
}

PATH (corruption_in_a_basis) { corrupt ("soft image=1x2x2 half=2 knots=0.01,0.8 boundary=symmetric"); }

static int
level_itself (const void *params, int rate, double level, gsl_matrix *A)
{
  (void)params;
  gsl_matrix_set_identity (A);
  return gsl_matrix_scale (A, rate ? 1 : level);
}

static void
release_vector (void *params)
{
  gsl_vector_free (params);
}

PATH (operators_with_levels)
{
  gsl_vector *params = unscoped (all (1, 0)); // the operator's, which releases it, also where it cannot be made
  sb_operator *A[] = { kept (sb_operator_family_alloc (4, level_itself, 1, params, release_vector)),
                       kept (sb_operator_blur_alloc (2, 2, 1, 0, SB_BOUNDARY_PERIODIC)),
                       kept (sb_operator_window_alloc (2, 2, 1, SB_KEEP_BORDER)), kept (sb_operator_multiple_alloc (4)),
                       kept (sb_operator_blur_alloc (4, 1, 1, 2, SB_BOUNDARY_ZERO)) };
  gsl_matrix *x = units (1, 4), *out = units (1, 4);
  const gsl_vector_view level = gsl_vector_view_array ((double[]){ 0.5 }, 1);
  for (size_t k = 0; k < sizeof A / sizeof *A; k++)
    {
      must (sb_operator_apply (A[k], CblasTrans, &level.vector, x, out));
      if (A[k]->type->rate)
        must (sb_operator_rate (A[k], CblasNoTrans, &level.vector, x, out));
      if (A[k]->type->inverse)
        must (sb_operator_inverse (A[k], CblasNoTrans, &level.vector, x, out));
      must (gsl_isnan (sb_operator_norm (A[k], 0.5, 2)) ? GSL_ENOMEM : GSL_SUCCESS);
    }
}

// ## Scores
//
// From a law to samples: the whole of what a user does.

PATH (exact)
{
  sb_process *ve = kept (sb_ve_alloc (2, SB_VE_SIGMA_MIN, SB_VE_SIGMA_MAX));
  sb_score *score = kept (sb_score_exact_alloc (kept (sb_target_points_alloc (units (4, 2), NULL)), ve));
  gsl_matrix *x = units (2, 2);
  sb_pc pc = sb_pc_default ();
  must (sb_process_prior (ve, (sb_stream){ .seed = 1 }, x));
  must (sb_pc_sample (&pc, score, NULL, times (3), (sb_stream){ .seed = 1 }, x, NULL));
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
  sb_score_callback callback = { .view = SB_DENOISER, .function = shrink };
  sb_score *score = kept (sb_score_callback_alloc (&callback, in_the_plane ()));
  gsl_matrix *x = units (2, 2), *out = units (2, 2);
  must (sb_score_evaluate (score, SB_SCORE, x, times (2), NULL, out));
  must (sb_score_evaluate (score, SB_EPSILON, x, times (2), NULL, out));
}

// ## Samplers
//
// On the score of a standard normal law, which needs no memory of its own; with a Jacobian, for the objectives, and
// with its divergence, for DDPM's reverse chain.

static int
towards_zero (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
              gsl_matrix *out)
{
  (void)state, (void)view, (void)t, (void)y;
  gsl_matrix_memcpy (out, x);
  gsl_matrix_scale (out, -1);
  return failing_call ("towards_zero");
}

static int
minus_v (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
         const gsl_matrix *v, gsl_matrix *out)
{
  (void)state, (void)view, (void)x, (void)t, (void)y;
  gsl_matrix_memcpy (out, v);
  gsl_matrix_scale (out, -1);
  return failing_call ("minus_v");
}

static int
minus_v_too (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
             const gsl_matrix *v, gsl_matrix *out)
{
  return minus_v (state, view, x, t, y, v, out);
}

static int
minus_d (const void *state, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_vector *divergence)
{
  (void)state, (void)t, (void)y;
  gsl_vector_set_all (divergence, -(double)x->size2);
  return failing_call ("minus_d");
}

static const sb_score_type TOWARDS_ZERO
    = { .name = "towards zero",
        .views = SB_SCORE | SB_DENOISER,
        .derivatives = SB_SCORE,
        .evaluate = towards_zero,
        .jvp = minus_v,
        .vjp = minus_v_too },
    WITH_DIVERGENCE
    = { .name = "towards zero", .views = SB_SCORE | SB_DENOISER, .evaluate = towards_zero, .divergence = minus_d };

static sb_score *
in_the_plane_towards_zero (void)
{
  return kept (sb_score_alloc (&TOWARDS_ZERO, NULL, in_the_plane ()));
}

static void
sample (const sb_step_type *step, sb_norm norm)
{
  sb_pc pc = sb_pc_default ();
  pc.step = step;
  pc.corrector.norm = norm;
  sb_score *score = in_the_plane_towards_zero ();
  must (sb_pc_sample (&pc, score, NULL, times (3), (sb_stream){ .seed = 1 }, units (3, 2), NULL));
}

PATH (reverse_diffusion) { sample (sb_step_reverse_diffusion, SB_NORM_BATCH); }

PATH (ancestral) { sample (sb_step_ancestral, SB_NORM_ROW); }

PATH (heun) { sample (sb_step_heun, SB_NORM_ROOT_D); }

PATH (euler_maruyama) { sample (sb_step_euler_maruyama, SB_NORM_BATCH); }

// Without numbers, by maps: the steps that have a form for them.

PATH (steps_by_maps)
{
  const sb_score *score = kept (sb_score_alloc (&TOWARDS_ZERO, NULL, BY_MAPS));
  const sb_step_type *steps[] = { sb_step_euler_maruyama, sb_step_reverse_diffusion, sb_step_heun, sb_step_flow_heun };
  gsl_matrix *x = units (2, BY_MAPS->dimension), *z = units (2, BY_MAPS->dimension);
  for (size_t k = 0; k < sizeof steps / sizeof *steps; k++)
    must (take_step (steps[k], score, NULL, 0.3, 0.6, z, x));
}

PATH (steps_by_deviation)
{
  sb_process *soft = kept (sb_process_from_text ("soft image=1x2x2 half=2 knots=0.01,0.8 rank=2", 4, NULL));
  const sb_score *score = kept (sb_score_alloc (&TOWARDS_ZERO, NULL, soft));
  const sb_step_type *steps[] = { sb_step_naive, sb_step_momentum, sb_step_soft_ddim };
  gsl_matrix *x = units (2, 4), *z = units (2, 4);
  for (size_t k = 0; k < sizeof steps / sizeof *steps; k++)
    must (take_step (steps[k], score, NULL, 0.3, 0.6, z, x));
}

PATH (edm_heun)
{
  const sb_score *score = kept (sb_score_alloc (&TOWARDS_ZERO, NULL, kept (sb_edm_alloc (2, .002, 80))));
  gsl_matrix *x = units (2, 2), *z = units (2, 2);
  must (take_step (sb_step_edm_heun, score, NULL, 1, 2, z, x));
  must (take_step (sb_step_edm_heun, score, NULL, 0, 1, z, x));
}

PATH (hmc)
{
  const sb_corrector hmc = { .type = sb_corrector_hmc, .epsilon = 0.1, .leaps = 2 };
  gsl_matrix *x = units (3, 2);
  must (take_correction (&hmc, in_the_plane_towards_zero (), NULL, 0.1, 0.2, x, x));
}

PATH (fixed)
{
  sb_corrector fixed = { .type = sb_corrector_fixed, .epsilon = 0.1 };
  gsl_matrix *x = units (3, 2);
  must (take_correction (&fixed, in_the_plane_towards_zero (), NULL, 0.1, 0.2, x, x));
}

PATH (flow)
{
  const sb_flow flow = { .relative = 1e-2, .absolute = 1e-2 };
  const sb_score *score = in_the_plane_towards_zero ();
  gsl_matrix *x = units (3, 2);
  must (sb_flow_run (&flow, score, NULL, 1, 0.5, x, NULL));
  must (sb_forward_euler_maruyama (score->process, 0.5, 1, x, x));
}

static int
along_x (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)params;
  gsl_vector_memcpy (f, x);
  return failing_call ("along_x");
}

static int
in_each (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)t, (void)x, (void)params;
  gsl_matrix_set_identity (G);
  return failing_call ("in_each");
}

static int
no_divergence (double t, const gsl_vector *x, gsl_vector *divergence, void *params)
{
  (void)t, (void)x, (void)params;
  gsl_vector_set_zero (divergence);
  return failing_call ("no_divergence");
}

PATH (sde_of_our_own)
{
  const sb_ito by_differences = { 2, along_x, in_each, NULL, NULL },
               known = { 2, along_x, in_each, no_divergence, NULL };
  gsl_vector *t = times (2), *s = all (2, 0.1);
  gsl_matrix *x = units (2, 2), *z = units (2, 2), *score = units (2, 2), *out = units (2, 2);
  for (size_t k = 0; k < 2; k++)
    {
      const sb_ito *ito = k ? &known : &by_differences;
      must (sb_ito_divergence (ito, t, x, out));
      must (sb_ito_reverse_drift (ito, t, x, score, out));
      must (sb_ito_flow_velocity (ito, t, x, score, out));
      must (sb_ito_step (ito, s, t, score, z, x));
      must (sb_ito_step (ito, t, s, NULL, z, x));
      must (sb_ito_step (ito, t, s, NULL, NULL, x));
      must (sb_ito_simulate (ito, 2, (sb_stream){ .seed = 1 }, t, x));
    }
}

PATH (of_a_field)
{
  const sb_ito ito = { 2, along_x, in_each, NULL, NULL };
  const sb_stream stream = { .seed = 1 };
  const sb_score *score = kept (sb_score_alloc (&TOWARDS_ZERO, NULL, kept (sb_edm_alloc (2, .002, 80))));
  gsl_matrix *x = units (3, 2), *rate = units (3, 2);
  gsl_vector *t = times (3), *number = times (3);
  double sum;
  must (sb_fokker_planck (score, NULL, t, x, number));
  must (sb_fokker_planck_ito (&ito, score, NULL, t, x, number));
  must (sb_ito_rate (&ito, true, score, SB_SCORE, NULL, t, x, rate));
  must (sb_score_pde (score, SB_DENOISER, NULL, t, x, rate));
  must (sb_score_asymmetry (score, SB_DENOISER, NULL, t, x, 2, stream, number));
  must (sb_score_circulation (score, SB_SCORE, t, 1, x, 3, &sum));
}

PATH (annealed)
{
  langevin_run annealed = { .epsilon = 0.1, .steps = 2 };
  const sb_score *score = in_the_plane_towards_zero ();
  must (annealed_sample (&annealed, score, NULL, times (2), (sb_stream){ .seed = 1 }, units (3, 2)));
}

// ## Objectives
//
// On the same score.

static void
lose (const sb_objective_type *type, bool gradient)
{
  sb_score *score = in_the_plane_towards_zero ();
  sb_objective how = sb_objective_of (type, score->process, 0.1);
  how.truth = score;
  if (gradient)
    must (sb_objective_gradient (&how, score, units (3, 2), NULL, (sb_stream){ .seed = 1 }, 1, all (3, 0)));
  else
    must (sb_objective_loss (&how, score, units (3, 2), NULL, (sb_stream){ .seed = 1 }, all (3, 0)));
}

PATH (esm) { lose (sb_objective_esm, false); }

PATH (ism) { lose (sb_objective_ism, false); }

PATH (ssm) { lose (sb_objective_ssm, false); }

PATH (fdssm) { lose (sb_objective_fdssm, true); }

PATH (vlb_weight)
{
  sb_process *ddpm = kept (sb_ddpm_alloc (2, 3, 0.1, 1));
  must (gsl_isnan (sb_vlb_weight (ddpm, 2, 0.1)) ? GSL_ENOMEM : GSL_SUCCESS);
}

PATH (denoising_in_a_basis)
{
  sb_score *score = kept (sb_score_alloc (&TOWARDS_ZERO, NULL, IN_BASIS));
  const sb_objective_type *types[] = { sb_objective_dsm, sb_objective_denoising, sb_objective_clean };
  gsl_matrix *x = units (3, IN_BASIS->dimension);
  for (size_t k = 0; k < 3; k++)
    {
      const sb_objective how = sb_objective_of (types[k], IN_BASIS, 0.1);
      must (sb_objective_gradient (&how, score, x, NULL, (sb_stream){ .seed = 1 }, 1, all (3, 0)));
    }
}

PATH (levels)
{
  sb_process *smld = kept (sb_smld_alloc (2, 3, 0.1, 1));
  sb_score *score = kept (sb_score_alloc (&TOWARDS_ZERO, NULL, smld));
  const sb_objective how = sb_objective_of (sb_objective_ncsn, smld, 0.1);
  must (sb_objective_gradient (&how, score, units (3, 2), NULL, (sb_stream){ .seed = 1 }, 1, all (3, 0)));
}

// Every weighting, by numbers, and by maps where it has any.

static void
weigh (const sb_weighting *weighting, const sb_process *process, double at)
{
  const size_t d = process->dimension;
  static double numbers[100];
  gsl_matrix *c = process->parts ? kept (gsl_matrix_alloc (2, process->parts)) : NULL;
  static const sb_view views[] = { SB_SCORE, SB_DENOISER, SB_EPSILON };
  for (size_t k = 0; k < 3; k++)
    must (sb_weighting_apply (weighting, process, views[k], all (2, at), units (2, d), numbers, c, NULL, units (2, d)));
}

PATH (weightings)
{
  const sb_process *vp = in_the_plane (), *ddpm = kept (sb_ddpm_alloc (2, 4, 0.1, 1));
  for (size_t k = 0; sb_weightings (k); k++)
    {
      const sb_weighting one = { .type = (const sb_weighting_type *)sb_weightings (k) };
      const bool of_chain = one.type == sb_weighting_bound || one.type == sb_weighting_bound_tilde;
      weigh (&one, of_chain ? ddpm : vp, 0.5);
      if (!of_chain)
        weigh (&one, IN_BASIS, 0.5);
      if (one.type->apply)
        weigh (&one, BY_MAPS, 0.5);
    }
  const sb_weighting by_matrix = { sb_weighting_matrix, units (2, 2) };
  weigh (&by_matrix, vp, 0.5);
}

PATH (denoising_at_a_level) { lose (sb_objective_denoising, false); }

// A view's derivatives by way of another's.

PATH (vjp_of_the_denoiser)
{
  sb_score *score = in_the_plane_towards_zero ();
  must (sb_score_vjp (score, SB_DENOISER, units (3, 2), times (3), NULL, units (3, 2), units (3, 2)));
}

// ## Gaussians

PATH (moments_of_a_run)
{
  const sb_pc pc = { .step = sb_step_euler_maruyama, .final = SB_FINAL_DENOISE };
  sb_process *ve = kept (sb_ve_alloc (2, 0.01, 5));
  const sb_condition condition = { ve, false };
  sb_pc conditioned = pc;
  conditioned.condition = &condition;
  const sb_score *score = in_the_plane_towards_zero ();
  must (sb_gaussian_run (&pc, score, NULL, times (3), all (2, 0), units (2, 2)));
  must (sb_gaussian_run (&conditioned, score, all (2, 1), times (3), all (2, 0), units (2, 2)));
}

PATH (divergence_of_gaussians)
{
  double kl;
  must (sb_gaussian_kl (all (2, 0), units (2, 2), NULL, units (2, 2), &kl));
}

// ## DDPM's reverse chain and its bound

static sb_reverse
chain (void)
{
  sb_process *ddpm = kept (sb_ddpm_alloc (2, 3, 0.1, 1));
  return (sb_reverse){ kept (sb_score_alloc (&WITH_DIVERGENCE, NULL, ddpm)), SB_EPSILON, SB_VARIANCE_OPTIMAL,
                       SB_VARIANCE_BETA };
}

PATH (ancestral_optimal)
{
  const sb_reverse reverse = chain ();
  must (take_step (sb_step_ancestral_optimal, reverse.score, NULL, 1. / 3, 2. / 3, units (3, 2), units (3, 2)));
}

PATH (vlb)
{
  sb_vlb vlb = { .reverse = chain () };
  must (sb_vlb_bound (&vlb, NULL, units (3, 2), (sb_stream){ .seed = 1 }, 1, all (3, 0)));
  must (sb_vlb_spectrum (&vlb, NULL, units (3, 2), (sb_stream){ .seed = 1 }, all (4, 0), NULL));
}

PATH (vlb_path)
{
  const sb_reverse reverse = chain ();
  double ratio;
  must (sb_vlb_path (&reverse, NULL, units (4, 2), &ratio));
  must (sb_vlb_path_terms (&reverse, NULL, units (4, 2), all (4, 0)));
}

PATH (marginal)
{
  const sb_reverse reverse = chain ();
  gsl_vector *mean = all (2, 0);
  gsl_matrix *covariance = units (2, 2);
  double nll;
  must (sb_marginal_chain (&reverse, mean, covariance));
  must (sb_marginal_step (&reverse, 0, 1. / 3, mean, covariance));
  must (sb_marginal_nll (mean, covariance, mean, covariance, &nll));
}

PATH (marginal_in_a_basis)
{
  const sb_process *process = IN_BASIS;
  const sb_reverse reverse = { .score = kept (sb_score_exact_alloc (some_law (process, 1), process)),
                               .view = SB_SCORE,
                               .variance = SB_VARIANCE_BETA };
  must (sb_marginal_step (&reverse, 0.3, 0.6, all (process->dimension, 1),
                          units (process->dimension, process->dimension)));
}

PATH (clip) { kept (sb_score_clip_alloc (chain ().score, -1, 1)); }

PATH (rescale)
{
  const sb_score *own = chain ().score;
  const sb_score *score = kept (sb_score_rescale_alloc (own, own->process, true));
  gsl_matrix *x = units (2, 2), *out = units (2, 2);
  must (sb_score_evaluate (score, SB_DENOISER, x, all (2, 2. / 3), NULL, out));
}

PATH (rescaled_derivatives)
{
  const sb_process *ve = kept (sb_ve_alloc (2, 0.01, 10)), *ddpm = kept (sb_ddpm_alloc (2, 10, 0.1, 1));
  gsl_matrix *x = units (2, 2), *v = units (2, 2), *out = units (2, 2);
  gsl_vector *t = all (2, 0.5);
  const sb_score *own[] = { in_the_plane_towards_zero (), kept (sb_score_alloc (&TOWARDS_ZERO, NULL, ddpm)),
                            kept (sb_score_alloc (&WITH_DIVERGENCE, NULL, in_the_plane ())) };
  for (size_t k = 0; k < 3; k++)
    {
      const sb_score *score = kept (sb_score_rescale_alloc (own[k], ve, k == 1));
      must (sb_score_evaluate (score, SB_SCORE, x, t, NULL, out));
      if (k < 2)
        {
          must (sb_score_jvp (score, SB_SCORE, x, t, NULL, v, out));
          must (sb_score_vjp ((sb_score *)score, SB_SCORE, x, t, NULL, v, out));
        }
      must (sb_score_divergence (score, x, t, NULL, all (2, 0)));
    }
}

PATH (slice)
{
  sb_score *pair = in_the_plane_towards_zero ();
  sb_process *of_x = kept (sb_ve_alloc (1, 0.01, 10));
  sb_score *score = kept (sb_score_slice_alloc (pair, of_x));
  gsl_matrix *x = units (2, 1), *y = units (2, 1), *v = units (2, 1), *out = units (2, 1);
  must (sb_score_evaluate (score, SB_SCORE, x, times (2), y, out));
  must (sb_score_vjp (score, SB_SCORE, x, times (2), y, v, out));
}

// ## Blocks, conditions and stages

PATH (bands)
{
  const sb_bands of = { 1, 4, 4, 2, 1, 1e-3, 0.1, 20 };
  sb_process *process = kept (sb_bands_alloc (&of, NULL));
  gsl_matrix *x = units (2, 16), *out = units (2, 16);
  must (sb_process_prior (process, (sb_stream){ .seed = 1 }, x));
  must (sb_operator_apply (kept (sb_bands_transform_alloc (&of)), CblasTrans, NULL, x, out));
}

static sb_score *
of_a_pair (sb_process **joint)
{
  const sb_multispeed speeds = { 1, 1, 0.01, 5, 2 };
  *joint = kept (sb_multispeed_alloc (&speeds));
  sb_target *law = kept (sb_target_gaussian_alloc (all (2, 0), units (2, 2)));
  return kept (sb_score_slice_alloc (kept (sb_score_exact_alloc (law, *joint)), sb_nonuniform_block (*joint, 0)));
}

PATH (diffused_condition)
{
  sb_process *joint;
  const sb_score *score = of_a_pair (&joint);
  const sb_condition condition = { sb_nonuniform_block (joint, 1), true };
  const sb_pc pc = { .step = sb_step_euler_maruyama, .final = SB_FINAL_SAMPLE, .condition = &condition };
  gsl_vector *grid = all (3, 0.9);
  gsl_vector_set (grid, 1, 0.5);
  gsl_vector_set (grid, 2, 0.2);
  must (sb_pc_sample (&pc, score, units (2, 1), grid, (sb_stream){ .seed = 1 }, units (2, 1), NULL));
  const sb_condition at_once = { condition.process, false };
  const sb_flow flow = { .relative = 0.1, .absolute = 0.1, .final = SB_FINAL_DENOISE, .condition = &at_once };
  must (sb_flow_run (&flow, score, units (2, 1), 0.6, 0.5, units (2, 1), NULL));
}

PATH (multiscale)
{
  gsl_vector *first = all (2, 1), *second = all (2, 0.5);
  gsl_vector_set (first, 1, 0.5);
  gsl_vector_set (second, 1, 0.1);
  sb_process *vp = kept (sb_vp_alloc (1, 0.1, 20)), *both = kept (sb_vp_alloc (2, 0.1, 20));
  sb_target *law = kept (sb_target_gaussian_alloc (all (1, 0), units (1, 1))),
            *of_both = kept (sb_target_gaussian_alloc (all (2, 0), units (2, 2)));
  const sb_stage stage[]
      = { { kept (sb_score_exact_alloc (law, vp)), first }, { kept (sb_score_exact_alloc (of_both, both)), second } };
  const sb_multiscale frozen = { { .step = sb_step_euler_maruyama, .final = SB_FINAL_SAMPLE }, true };
  must (sb_multiscale_sample (&frozen, 2, stage, (sb_stream){ .seed = 1 }, units (2, 2), NULL));
}

PATH (bound)
{
  sb_bound_sides sides;
  const sb_bound b = {
    .process = kept (sb_vp_alloc (2, 0.1, 20)), .mean = all (2, 0), .covariance = units (2, 2), .T = 1, .steps = 2
  };
  must (sb_bound_find (&b, &sides, NULL, NULL));
}

// ## Likelihoods
//
// The exact trace and the estimates, of a score that differentiates forwards, of one that does it backwards, and of a
// process that is no multiple of the identity; codes.

static const sb_score_type BACKWARD = { .name = "towards zero",
                                        .views = SB_SCORE,
                                        .derivatives = SB_SCORE,
                                        .evaluate = towards_zero,
                                        .jvp = minus_v,
                                        .vjp = minus_v_too,
                                        .backward_first = true };

static void
ask_likelihood (const sb_score *score)
{
  const size_t d = score->process->dimension;
  static const sb_trace traces[] = { SB_TRACE_EXACT, SB_TRACE_SIGNS, SB_TRACE_NORMAL };
  sb_likelihood_report report = { .log_p = all (2, 0) };
  gsl_vector *t = all (2, 0.5), *divergence = all (2, 0);
  gsl_matrix *x = units (2, d), *v = units (2, d), *velocity = units (2, d);
  for (size_t k = 0; k < 3; k++)
    {
      const sb_likelihood how
          = { .t_min = 0.9, .relative = 1, .absolute = 1, .trace = traces[k], .group = 2, .directions = 2 };
      must (sb_log_likelihood (&how, score, NULL, (sb_stream){ .seed = 1 }, x, &report));
    }
  must (sb_flow_divergence (score, NULL, t, x, NULL, divergence));
  must (sb_flow_velocity_and_divergence (score, NULL, t, x, v, velocity, divergence));
}

PATH (likelihood) { ask_likelihood (in_the_plane_towards_zero ()); }

PATH (likelihood_backwards) { ask_likelihood (kept (sb_score_alloc (&BACKWARD, NULL, in_the_plane ()))); }

PATH (divergence_in_a_basis)
{
  const sb_score *score = kept (sb_score_alloc (&BACKWARD, NULL, IN_BASIS));
  gsl_vector *t = all (2, 0.5), *divergence = all (2, 0);
  gsl_matrix *x = units (2, IN_BASIS->dimension), *v = units (2, IN_BASIS->dimension),
             *velocity = units (2, IN_BASIS->dimension);
  must (sb_flow_divergence (score, NULL, t, x, NULL, divergence));
  must (sb_flow_velocity_and_divergence (score, NULL, t, x, v, velocity, divergence));
}

PATH (codes)
{
  const sb_score *score = in_the_plane_towards_zero ();
  const sb_flow flow = { .relative = 1, .absolute = 1, .final = SB_FINAL_SAMPLE };
  must (sb_encode (&flow, score, NULL, 0.9, 1, units (2, 2), NULL));
  must (sb_decode (&flow, score, NULL, 0.9, 1, units (2, 2), NULL));
}

PATH (dequantised)
{
  static unsigned char pixels[4];
  static const sb_bytes two = { .shape = { .rank = 2, .length = { 2, 2 } }, .data = pixels };
  must (sb_dequantise (&(sb_quantisation){ 256, 0, 1 }, &two, 0, (sb_stream){ .seed = 1 }, 0, units (2, 2)));
}

// ## Networks
//
// Weights, inputs and outputs are the caller's: zeros will do.

static const char UNET[] = "unet image=1x4x4 channels=2 multipliers=1,2 groups=2 attention=2 time=fourier features=4 "
                           "classes=2 condition=1 dropout=0.5",
                  CNN[] = "cnn image=1x4x4 outputs=2 channels=4 multipliers=1 groups=1 blocks=1";

enum
{
  PIXELS = 16,
  IMAGES = 3,
  WEIGHTS = 10000 // more than either has
};

PATH (network)
{
  static float theta[WEIGHTS], theta_bar[WEIGHTS], x[IMAGES * PIXELS], out[IMAGES * PIXELS], kinds[IMAGES];
  const sb_net_condition given = { x, kinds, &(sb_stream){ .purpose = SB_FOR_DROPOUT } };
  sb_net *net = kept (sb_net_alloc (UNET, NULL));
  sb_net_work *work = kept (sb_net_work_alloc (net, IMAGES, 1));
  cr_assert_lt (net->parameters, WEIGHTS);
  must (sb_net_initialise (net, (sb_stream){ .seed = 1 }, theta));
  must (sb_net_forward (net, theta, IMAGES, x, NULL, &given, work, out));
  must (sb_net_backward (net, theta, work, out, theta_bar, x));
  must (sb_net_jvp (net, theta, work, x, out));
}

// A file that could not be written whole is not there: the folder is empty in the end. One that could not be read
// leaves no tensor.

PATH (safetensors)
{
  static float numbers[6];
  sb_tensors *tensors = kept (sb_tensors_alloc ());
  must (sb_tensors_add (tensors, "a", 2, (size_t[]){ 2, 2 }, numbers));
  must (sb_tensors_add (tensors, "b", 1, (size_t[]){ 2 }, numbers + 4));
  must (sb_tensors_note_add (tensors, "key", "value"));
  must (sb_safetensors_write (tensors, in_folder (WRITTEN), NULL));
  kept (sb_safetensors_read (in_folder (WRITTEN), NULL));
}

// ## Training
//
// Alloc and a step, of a score and of a classifier.

static const char MLP[] = "mlp inputs=16 width=2 layers=1 time=none",
                  PROCESS[] = "ddpm levels=10 beta_min=0.1 beta_max=5";

static unsigned char bytes[IMAGES * PIXELS], classes[IMAGES];
static const sb_bytes images = { .shape = { .rank = 3, .length = { IMAGES, 4, 4 } }, .data = bytes },
                      labels = { .shape = { .rank = 1, .length = { IMAGES } }, .data = classes };

static void
step_once (sb_task task, sb_training *training)
{
  double loss, norm;
  const sb_recipe recipe = { .task = task, .adam = sb_adam_defaults, .batch = 5, .shard_rows = 2, .seed = 1 };
  must (sb_trainer_step (kept (sb_trainer_alloc (&recipe, training)), &loss, &norm, NULL));
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
  return sb_training_alloc (model->net, (sb_stream){ .seed = 1 });
}

static void
denoise_once (sb_model *model, sb_examples examples)
{
  sb_training *training = kept (training_of (model));
  sb_score_matching matching = { .network = model->network,
                                 .objective = sb_objective_of (sb_objective_dsm, model->process, 1e-3),
                                 .examples = examples };
  matching.network.theta = training->theta;
  step_once (sb_score_matching_task (&matching), training);
}

PATH (denoising)
{
  const sb_byte_examples examples = { .bytes = &images, .low = -1, .high = 1 };
  denoise_once (kept (score_model ()), sb_examples_of_bytes (&examples));
}

PATH (denoising_with_labels)
{
  const sb_byte_examples examples = { .bytes = &images, .low = -1, .high = 1 };
  const sb_labelled_examples labelled = { sb_examples_of_bytes (&examples), &labels, 0.5 };
  denoise_once (kept (sb_model_alloc ("mlp inputs=16 width=2 layers=1 features=2 classes=2", PROCESS, "mixed", "time",
                                      0.5, -1, 1, NULL)),
                sb_examples_with_labels (&labelled));
}

// ## With consistency
//
// A path, the loss, both parts of its gradient; as an objective, of all rows and of some; and a training by it.

static const char EDM[] = "edm sigma_min=0.002 sigma_max=80", TOLD[] = "mlp inputs=16 width=2 layers=1 classes=2";

static sb_model *
consistent_model (void)
{
  return sb_model_alloc (TOLD, EDM, "mixed", "quarter-log-noise", 0.5, -1, 1, NULL);
}

static const sb_partial_path *
two_steps (void)
{
  static sb_partial_path path;
  path = (sb_partial_path){ sb_step_euler_maruyama, NULL, 2, 7 };
  return &path;
}

PATH (partial_path)
{
  const sb_model *model = kept (consistent_model ());
  const sb_score *score = kept (sb_score_network_alloc (&model->network));
  sb_path_record record = { units (6, 16), units (6, 16), all (6, 0), all (6, 0) };
  gsl_vector *t = all (3, 1), *s = all (3, 0.5);
  gsl_matrix *x = units (3, 16), *y = units (3, 1);
  sb_path_work *w = sb_path_work_alloc (score, 3);
  must (w ? GSL_SUCCESS : reported);
  int status = sb_partial_path_take (two_steps (), w, y, t, s, (sb_stream){ .seed = 1 }, 1, NULL, &record, x);
  sb_path_work_free (w);
  must (status);
}

PATH (consistency)
{
  static sb_real theta_bar[WEIGHTS];
  const sb_model *model = kept (consistent_model ());
  const sb_score *score = kept (sb_score_network_gradient_alloc (&model->network, theta_bar));
  gsl_vector *t = all (3, 1), *s = all (3, 0.5), *loss = all (3, 0), *of_one = all (3, 0);
  gsl_matrix *x = units (3, 16), *y = units (3, 1);
  const sb_stream stream = { .seed = 1 };
  must (sb_consistency_loss (score, two_steps (), 2, y, t, s, x, stream, loss, of_one));
  must (sb_consistency_loss_with_error (score, two_steps (), 3, y, t, s, x, stream, loss, of_one));
  must (sb_consistency_gradient (score, two_steps (), SB_CONSISTENCY_TRUNCATED | SB_CONSISTENCY_PATH, y, t, s, x,
                                 stream, 1, loss));
}

static sb_objective
consistency_on (const sb_process *process, double share)
{
  sb_objective o = sb_objective_of (sb_objective_consistency, process, 0.002);
  o.weighting.type = sb_weighting_edm;
  o.key[2] = 2; // steps
  o.key[3] = share;
  return o;
}

PATH (consistency_as_an_objective)
{
  enum
  {
    ROWS = 2 * SB_NETWORK_ROWS
  };
  static sb_real theta_bar[WEIGHTS];
  const sb_model *model = kept (consistent_model ());
  const sb_score *score = kept (sb_score_network_gradient_alloc (&model->network, theta_bar));
  gsl_vector *loss = all (ROWS, 0);
  gsl_matrix *x = units (ROWS, 16), *y = units (ROWS, 1);
  for (double share = 0.5; share <= 1; share += 0.5)
    {
      const sb_objective o = consistency_on (model->process, share);
      must (sb_objective_gradient (&o, score, x, y, (sb_stream){ .seed = 1 }, 1, loss));
    }
}

PATH (training_with_consistency)
{
  const sb_byte_examples examples = { .bytes = &images, .low = -1, .high = 1 };
  const sb_labelled_examples labelled = { sb_examples_of_bytes (&examples), &labels, 0.5 };
  sb_model *model = kept (consistent_model ());
  sb_training *training = kept (training_of (model));
  sb_score_matching matching = { .network = model->network,
                                 .objective = consistency_on (model->process, 1),
                                 .examples = sb_examples_with_labels (&labelled) };
  matching.network.theta = training->theta;
  step_once (sb_score_matching_task (&matching), training);
}

PATH (examples)
{
  const sb_stream stream = { .seed = 1 };
  gsl_matrix *rows = units (3, 16), *x = units (3, 16), *y = units (3, 16), *both = kept (gsl_matrix_alloc (3, 32));
  sb_observation *seen = sb_observation_from_text ("inpaint", 4, 4, 1, NULL);
  must (seen ? GSL_SUCCESS : reported);
  const sb_examples plain = sb_examples_of_rows (rows);
  const sb_observed_examples given = { plain, seen, false }, pairs = { plain, seen, true };
  const sb_examples a = sb_examples_observed (&given), b = sb_examples_observed (&pairs);
  int status = a.draw (a.state, stream, x, y);
  if (!status)
    status = b.draw (b.state, stream, both, NULL);
  sb_observation_free (seen);
  must (status);
}

PATH (bands_and_deviations)
{
  const sb_stream stream = { .seed = 1 };
  double deviation;
  gsl_matrix *x = kept (gsl_matrix_alloc (3, 4));
  const sb_band_examples bands = { sb_examples_of_rows (units (3, 16)), kept (sb_operator_haar_alloc (4, 4, 1, 1)) };
  const sb_examples e = sb_examples_of_bands (&bands), plain = sb_examples_of_rows (x);
  must (e.draw (e.state, stream, x, NULL));
  must (sb_examples_deviations (&plain, kept (sb_vp_alloc (4, 0.1, 20)), 3, stream, &deviation));
}

PATH (deviations) { must (sb_model_set_deviations (kept (score_model ()), 1, (double[]){ 0.3 }, NULL)); }

static void
slice_once (const sb_objective_type *type)
{
  const sb_byte_examples examples = { .bytes = &images, .low = -1, .high = 1 };
  sb_model *model = kept (score_model ());
  sb_training *training = kept (training_of (model));
  sb_score_matching slicing = { .network = model->network,
                                .objective = sb_objective_of (type, model->process, 0.1),
                                .examples = sb_examples_of_bytes (&examples) };
  slicing.network.theta = training->theta;
  slicing.network.prediction = SB_PREDICTS_SCORE;
  step_once (sb_score_matching_task (&slicing), training);
}

PATH (slicing) { slice_once (sb_objective_ssm); }

PATH (slicing_by_differences) { slice_once (sb_objective_fdssm); }

PATH (denoising_of_a_corruption)
{
  const sb_byte_examples examples = { .bytes = &images, .low = 0, .high = 1 };
  sb_model *model
      = kept (sb_model_alloc ("mlp inputs=16 width=2 layers=1 features=2",
                              "soft image=1x4x4 half=2 knots=0.01,0.8 rank=1", "residual", "time", 0.5, 0, 1, NULL));
  sb_training *training = kept (training_of (model));
  sb_score_matching matching = { .network = model->network,
                                 .objective = sb_objective_of (sb_objective_soft, model->process, 1e-3),
                                 .examples = sb_examples_of_bytes (&examples) };
  sb_tensors *tensors = kept (sb_tensors_alloc ());
  matching.network.theta = training->theta;
  step_once (sb_score_matching_task (&matching), training);
  must (sb_model_fit_prior (model, units (3, 16)));
  must (sb_model_put_prior (model, tensors));
  must (sb_model_get_prior (model, tensors, "", NULL));
}

PATH (classifying)
{
  sb_model *model = kept (classifier_model ());
  sb_training *training = kept (training_of (model));
  const sb_byte_examples examples = { &images, 0, 1, 1, true };
  const sb_labelled_examples labelled = { sb_examples_of_bytes (&examples), &labels, 0 };
  const sb_classifying classifying
      = { { .net = model->net, .theta = training->theta }, sb_examples_with_labels (&labelled), 0 };
  step_once (sb_classifying_task (&classifying), training);
}

static const char TIMED[] = "cnn image=1x4x4 outputs=2 channels=2 multipliers=1 groups=1 time=fourier features=2";

static sb_model *
timed_model (void)
{
  return sb_model_alloc (TIMED, PROCESS, "epsilon", "log-noise", 0.5, 0, 1, NULL);
}

PATH (classifying_noisy_points)
{
  sb_model *model = kept (timed_model ());
  sb_training *training = kept (training_of (model));
  const sb_byte_examples examples = { &images, 0, 1, 1, true };
  const sb_labelled_examples labelled = { sb_examples_of_bytes (&examples), &labels, 0 };
  sb_classifying classifying = { model->network, sb_examples_with_labels (&labelled), 0 };
  classifying.network.theta = training->theta;
  step_once (sb_classifying_task (&classifying), training);
}

// Their files. The training is made outside of the path, and so is the file where it is the reading that may fail.

PATH (checkpoint)
{
  static sb_model *model;
  static sb_training *training;
  model = model ? model : score_model ();
  training = training ? training : training_of (model);
  const sb_provenance provenance = { PROCESS, "recipe", "command", "data", 1, "report", NULL };
  must (sb_checkpoint_write (in_folder (WRITTEN), model, training, &provenance, NULL));
  must (sb_checkpoint_read (in_folder (WRITTEN), model->net, training, NULL));
}

static const char *
exported_once (sb_model *(*make) (void), const char *process)
{
  static bool there;
  if (!there)
    {
      const sb_provenance provenance = { process, "recipe", "command", "data", 1, NULL, "F16" };
      sb_model *model = make ();
      sb_training *training = training_of (model);
      there = sb_checkpoint_export (in_folder (GIVEN), model, training, &provenance, NULL) == GSL_SUCCESS;
      sb_training_free (training);
      sb_model_free (model);
    }
  return in_folder (GIVEN);
}

static gsl_matrix *
batch (void)
{
  return kept (gsl_matrix_calloc (IMAGES, PIXELS));
}

PATH (model)
{
  sb_model *model = kept (sb_model_read (exported_once (score_model, PROCESS), NULL));
  sb_score *score = kept (sb_score_network_alloc (&model->network));
  must (sb_score_evaluate (score, SB_SCORE, batch (), times (IMAGES), NULL, batch ()));
}

// Its derivatives, in shards that take turns and in shards that do not.

static void
differentiate (bool with_gradient)
{
  static sb_real theta_bar[WEIGHTS];
  sb_model *model = kept (score_model ());
  sb_score *score = kept (sb_score_network_gradient_alloc (&model->network, with_gradient ? theta_bar : NULL));
  gsl_matrix *x = batch (), *out = batch ();
  gsl_vector *t = times (IMAGES);
  must (sb_score_jvp (score, SB_SCORE, x, t, NULL, x, out));
  must (sb_score_vjp (score, SB_SCORE, x, t, NULL, x, out));
  must (sb_score_divergence (score, x, t, NULL, all (IMAGES, 0)));
}

PATH (network_derivatives) { differentiate (false); }

PATH (network_gradient) { differentiate (true); }

PATH (classifier)
{
  sb_classifier *classifier = kept (sb_classifier_read (exported_once (classifier_model, NULL), NULL));
  must (sb_classifier_look (classifier, batch (), 0, 1, units (IMAGES, 2), units (IMAGES, 4)));
  double distance;
  must (sb_perceptual (classifier, 0, NULL, batch (), batch (), 0, 1, NULL, &distance));
}

PATH (timed_classifier)
{
  sb_model *model = kept (sb_model_read_classifier (exported_once (timed_model, PROCESS), NULL));
  sb_timed_classifier *classifier = kept (sb_timed_classifier_alloc (&model->network));
  gsl_vector *t = all (IMAGES, 0.5);
  must (sb_timed_classifier_probabilities (classifier, batch (), t, units (IMAGES, 2)));
  sb_target *law = kept (sb_target_gaussian_alloc (all (PIXELS, 0), units (PIXELS, PIXELS)));
  const sb_guidance guidance = { sb_timed_classifier_gradient, classifier, 1 };
  sb_score *guided = kept (sb_score_guided_alloc (kept (sb_score_exact_alloc (law, model->process)), &guidance));
  must (sb_score_evaluate (guided, SB_SCORE, batch (), t, units (IMAGES, 1), units (IMAGES, PIXELS)));
}

// ## What is known, and measured

PATH (known)
{
  sb_process *vp = kept (sb_process_from_text ("vp", 3, NULL));
  const sb_known known = { units (2, 3), all (3, 1), false, kept (sb_operator_colour_alloc (1)) };
  must (sb_known_impute (&known, vp, (sb_stream){ .seed = 1 }, 0, 0.5, units (2, 3)));
}

PATH (inverse)
{
  const sb_operator_setting of = { 3, 1, 1, 3, units (2, 3) }, of_images = { 3, 1, 1, 3, NULL };
  kept (sb_operator_from_text ("colour", &of_images, NULL));
  sb_inverse inverse = { .process = kept (sb_process_from_text ("vp", 3, NULL)),
                         .H = kept (sb_operator_from_text ("dense", &of, NULL)),
                         .tau = 1 };
  must (sb_inverse_gradient (units (2, 3), all (2, 0.5), units (2, 2), units (2, 3), &inverse));
}

// ## Operators

PATH (operators)
{
  kept (sb_operator_identity_alloc (4));
  kept (sb_operator_scalar_alloc (4, 2));
  kept (sb_operator_diagonal_alloc (all (4, 1)));
  kept (sb_operator_mask_alloc (all (4, 1)));
  kept (sb_operator_select_alloc (all (4, 1)));
  kept (sb_operator_dense_alloc (units (2, 2)));
  sb_operator *cosine = kept (sb_operator_cosine_alloc (2, 2, 1));
  must (sb_operator_apply (cosine, CblasNoTrans, NULL, units (1, 4), units (1, 4)));
  kept (sb_operator_downscale_alloc (2, 2, 1, 2));
  kept (sb_operator_enlarge_alloc (2, 2, 1, 2));
  sb_operator *haar = kept (sb_operator_haar_alloc (2, 2, 1, 1));
  must (sb_operator_apply (haar, CblasNoTrans, NULL, units (1, 4), units (1, 4)));
}

PATH (operators_of_two)
{
  must (sb_operator_apply (
      kept (sb_operator_product_alloc (sb_operator_identity_alloc (4), sb_operator_scalar_alloc (4, 2))), CblasNoTrans,
      NULL, units (1, 4), units (1, 4)));
  must (sb_operator_apply (
      kept (sb_operator_difference_alloc (sb_operator_identity_alloc (4), sb_operator_scalar_alloc (4, 2))),
      CblasNoTrans, NULL, units (1, 4), units (1, 4)));
}

PATH (operators_from_text)
{
  const sb_operator_setting of = { .dimension = 4, .height = 2, .width = 2, .channels = 1 };
  kept (sb_operator_from_text ("cosine", &of, NULL));
  kept (sb_corruption_from_text ("blur half=2 boundary=symmetric", &of, NULL));
  kept (sb_corruption_from_text ("window", &of, NULL));
  sb_operator *blur = kept (sb_operator_from_text ("blur std=1 half=2", &of, NULL));
  must (sb_operator_apply (blur, CblasNoTrans, NULL, units (2, 4), units (2, 4)));
}

static void
observe (const char *task)
{
  sb_observation *of = sb_observation_from_text (task, 2, 2, 1, NULL);
  must (of ? GSL_SUCCESS : reported);
  gsl_matrix *x = gsl_matrix_calloc (1, 4), *y = gsl_matrix_calloc (1, sb_observation_numbers (of));
  int status = x && y ? sb_observe (of, (sb_stream){ 0 }, x, y) : GSL_ENOMEM;
  if (!status)
    status = sb_observation_show (of, y, x);
  gsl_matrix_free (x);
  gsl_matrix_free (y);
  sb_observation_free (of);
  must (status);
}

PATH (observing_a_hole) { observe ("inpaint"); }

PATH (observing_fewer_pixels) { observe ("super-resolve factor=2"); }

PATH (observing_edges) { observe ("edges"); }

// ## The autoencoder of patches

PATH (patches)
{
  gsl_matrix *x = units (2, 4), *z = units (2, 4);
  must (sb_patches_write (kept (sb_patches_fit (x, 2, 2, 1, 1, 1)), "", in_folder (WRITTEN), NULL));
  sb_patches *patches = kept (sb_patches_read (in_folder (WRITTEN), NULL));
  must (sb_patches_encode (patches, x, z));
  must (sb_patches_decode (patches, z, x));
}

// ## Measures

PATH (frechet)
{
  gsl_matrix *x = units (3, 2);
  double distance;
  must (sb_frechet (x, x, &distance));
  must (sb_frechet_joint (x, x, x, x, &distance));
}

PATH (moments_in_a_file)
{
  must (sb_moments_file_write (kept (sb_moments_file_of (units (3, 2), "x")), in_folder (WRITTEN), NULL));
  kept (sb_moments_file_read (in_folder (WRITTEN), NULL));
}

PATH (two_samples)
{
  gsl_matrix *x = units (2, 2);
  sb_stream stream = { 1, SB_FOR_PROBE, 0 };
  double distance, p_value;
  must (sb_ks_projections (x, x, 1, stream, &distance, &p_value));
  must (sb_energy_test (x, x, 3, stream, &distance, &p_value));
  must (sb_sliced_wasserstein_2 (x, x, 2, stream, &distance, NULL));
  must (sb_paired_distances (x, x, 3, stream, &(sb_pairing){ 0 }));
  must (sb_psnr (x, x, 1, NULL, &distance));
  must (sb_ssim (units (2, 121), units (2, 121), 11, 11, 1, 1, NULL, &distance));
  must (sb_diversity (x, 2, NULL, &distance));
}

PATH (samples_on_a_line)
{
  gsl_vector *x = times (3), *y = times (4);
  double distance, p_value;
  must (sb_ks_two_sample (x, y, &distance, &p_value));
  must (sb_wasserstein_1 (x, y, &distance));
  must (sb_wasserstein_2 (x, y, &distance));
  must (sb_paired_bootstrap (x, x, 0.9, 3, (sb_stream){ 0 }, &(sb_paired_mean){ 0 }));
}

static double
displacement (double level, void *params)
{
  (void)params;
  return level;
}

PATH (schedule)
{
  sb_operator *blur = kept (sb_operator_blur_alloc (2, 2, 1, 2, SB_BOUNDARY_ZERO));
  gsl_matrix *x = units (3, 4), *distance = kept (gsl_matrix_alloc (2, 2));
  gsl_vector *level = times (2);
  gsl_vector_reverse (level);
  static const char *const metrics[] = { "coupled", "gaussian", "sinkhorn noise=0.1" };
  size_t node[2], count;
  double epsilon, cost, mean;
  for (size_t k = 0; k < 3; k++)
    must (sb_level_distances (metrics[k], blur, level, x, (sb_stream){ 0 }, distance, NULL));
  must (sb_schedule_least_epsilon (distance, &epsilon));
  must (sb_schedule_path (distance, epsilon, node, &count, &cost));
  must (sb_shortest_path (distance, epsilon, 0, 1, node, &count, &cost));
  must (sb_schedule_search (distance, 2, &epsilon, node, &cost));
  must (sb_mean_displacement (blur, 1, x, &mean));
  must (sb_matched_level (&(sb_matched){ { displacement, NULL }, 0, 2, 1 }, 0, 0, 0.5, &mean));
}

PATH (transport)
{
  gsl_matrix *x = units (2, 2);
  sb_transport found;
  double mean;
  must (sb_sinkhorn_divergence (&(sb_sinkhorn){ 1, false, 1e-6, 100 }, x, NULL, x, NULL, &found));
  must (sb_mean_squared_distance (x, x, &mean));
}

PATH (nearest)
{
  gsl_matrix *x = units (2, 2);
  size_t index[2];
  must (sb_nearest (x, x, index, all (2, 0)));
}
