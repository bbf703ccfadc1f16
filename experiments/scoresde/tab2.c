// # Table 2: likelihoods
//
// What the models say of test images, in bits per dimension, and how far what their flow draws is from the training
// images. [scoresde.tab2] `scorebook likelihood` and `scorebook sample --flow` have looked at the networks of the SDEs;
// here the chain is asked, its bound and the likelihood of the flow that it becomes as an SDE, and then laws in closed
// form, where all of a likelihood's error is the time at which it ends.

#include "../judge.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static double
number_in (const char *variable)
{
  const char *value = getenv (variable);
  require (value ? GSL_SUCCESS : GSL_EINVAL, variable);
  return atof (value);
}

// ## What is published

typedef struct
{
  const char *model, *row, *bits, *frechet;
  gsl_vector *nll; // ours, of each image, in bits per dimension; NULL: not there
  bool unit;       // images in [0, 1], else in [-1, 1]
  bool drawn;      // there is a distance, with its standard error
  double fid, fid_se;
} entry;

enum
{
  BOUND,
  DDPM,
  VP,
  SUBVP,
  DDPMPP,
  VE,
  MNIST_VP,
  MNIST_VE,
  ENTRIES
};

static entry table[ENTRIES] = { [BOUND] = { "", "DDPM (L_simple), its bound", "≤ 3.75", "3.17" },
                                [DDPM] = { "", "DDPM, by the flow", "3.28", "3.37" },
                                [VP] = { "fashion-vp", "DDPM cont. (VP)", "3.21", "3.69" },
                                [SUBVP] = { "fashion-subvp", "DDPM cont. (sub-VP)", "3.05", "3.56" },
                                [DDPMPP] = { "fashion-ddpmpp", "DDPM++ cont. (VP)", "3.16", "3.93" },
                                [VE] = { "fashion-ve", "DDPM cont. (VE)", "", "", .unit = true },
                                [MNIST_VP] = { "mnist-vp", "VP, digits", "", "" },
                                [MNIST_VE] = { "mnist-ve", "VE, digits", "", "" } };

// The program's numbers: model and evaluations; of each image, a line a repetition, in a file of the model; and what it
// has drawn by the flow, in another.

static gsl_vector *
read_bits (const results *r, const char *model)
{
  char path[4096];
  size_t i;
  double bits;
  const size_t n = (size_t)number_in ("N");
  gsl_vector *mean = require_pointer (gsl_vector_calloc (n), "likelihoods");
  snprintf (path, sizeof path, "%s-%s-bits.csv", r->out, model);
  FILE *file = require_pointer (fopen (path, "r"), path);
  fscanf (file, "%*[^\n]");
  while (fscanf (file, "%zu,%*[^,],%*[^,],%*[^,],%*[^,],%lf", &i, &bits) == 2 && i < n)
    *gsl_vector_ptr (mean, i) += bits / number_in ("REPEATS");
  fclose (file);
  return mean;
}

static void
judge_drawn (const judge *j, entry *e, const gsl_matrix *x, double low, double high)
{
  verdict se;
  e->fid = judged_with_errors (j, x, low, high, &se).frechet;
  e->fid_se = se.frechet;
  e->drawn = true;
}

static void
read_drawn (const results *r, const judge *j, entry *e)
{
  char path[4096];
  sb_error error = { 0 };
  snprintf (path, sizeof path, "%s-%s.npy", r->out, e->model);
  if (access (path, R_OK) != 0)
    return; // of digits no distance is asked
  gsl_matrix *x = require_pointer (sb_npy_read (path, NULL, &error), error.message);
  judge_drawn (j, e, x, e->unit ? 0 : -1, 1);
  gsl_matrix_free (x);
}

static void
read_cells (results *r, const judge *j)
{
  char path[4096], name[32];
  double evaluations;
  snprintf (path, sizeof path, "%s-cells.txt", r->out);
  FILE *file = require_pointer (fopen (path, "r"), path);
  while (fscanf (file, "%31s %lf", name, &evaluations) == 2)
    for (size_t k = 0; k < ENTRIES; k++)
      if (strcmp (table[k].model, name) == 0)
        {
          table[k].nll = read_bits (r, name);
          read_drawn (r, j, &table[k]);
          r->evaluations += (uint64_t)(evaluations * number_in ("N"));
        }
  fclose (file);
}

// ## The chain
//
// Its network is asked at the chain's levels; between them, and under the SDE that the chain tends to, it can be asked
// as well, for it sees the time as a number. The bound is on bytes, the other on dequantised images.

static sb_bytes *
clothes (void)
{
  char path[4096];
  sb_error error = { 0 };
  data_path ("fashion-test-images-idx3-ubyte.gz", path, sizeof path);
  return require_pointer (sb_idx_read (path, &error), path);
}

static void
find_bound (const sb_model *model, const gsl_matrix *x, results *r)
{
  const sb_vlb vlb
      = { .reverse = { sb_score_network_alloc (&model->network), SB_EPSILON, SB_VARIANCE_CLIPPED, SB_VARIANCE_CLIPPED },
          .decoder = { .levels = 256, .low = model->low, .high = model->high } };
  gsl_vector *bound = require_pointer (gsl_vector_alloc (x->size1), "bounds");
  const size_t draws = (size_t)number_in ("DRAWS");
  require_pointer ((void *)vlb.reverse.score, "the score");
  require (sb_vlb_bound (&vlb, NULL, x, (sb_stream){ .seed = r->seed }, draws, bound), "the bound");
  r->evaluations += (draws + 1) * x->size1;
  for (size_t i = 0; i < x->size1; i++)
    gsl_vector_set (bound, i, sb_vlb_bits (gsl_vector_get (bound, i), x->size2));
  table[BOUND].nll = bound;
  sb_score_free ((sb_score *)(uintptr_t)vlb.reverse.score);
}

static void
find_likelihood (const sb_score *score, const sb_quantisation *q, const sb_bytes *bytes, size_t n, results *r)
{
  const size_t repeats = (size_t)number_in ("REPEATS");
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, PIXELS), "images");
  gsl_vector *log_p = require_pointer (gsl_vector_alloc (n), "likelihoods"),
             *mean = require_pointer (gsl_vector_calloc (n), "likelihoods");
  sb_likelihood likelihood = sb_likelihood_default ();
  likelihood.relative = likelihood.absolute = number_in ("TOLERANCE");
  sb_likelihood_report report = { .log_p = log_p };
  for (size_t k = 0; k < repeats; k++)
    {
      const sb_stream stream = { .seed = r->seed, .index = k * n };
      require (sb_dequantise (q, bytes, 0, (sb_stream){ .seed = r->seed }, k, x), "dequantised images");
      require (sb_log_likelihood (&likelihood, score, NULL, stream, x, &report), "the likelihood");
      r->evaluations += (uint64_t)(report.evaluations * (double)n);
      for (size_t i = 0; i < n; i++)
        *gsl_vector_ptr (mean, i) += sb_bits_per_dimension (q, PIXELS, gsl_vector_get (log_p, i)) / (double)repeats;
    }
  table[DDPM].nll = mean;
  gsl_vector_free (log_p);
  gsl_matrix_free (x);
}

static void
draw_by_flow (const sb_score *score, const judge *j, double low, double high, results *r)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc ((size_t)number_in ("DRAWN"), PIXELS), "samples");
  sb_flow flow = sb_flow_default ();
  double evaluations;
  flow.relative = flow.absolute = number_in ("TOLERANCE");
  flow.final = SB_FINAL_DENOISE;
  require (sb_process_prior (score->process, (sb_stream){ .seed = r->seed, .purpose = SB_FOR_PRIOR }, x), "the prior");
  require (sb_decode (&flow, score, NULL, 1e-3, 8, x, &evaluations), "the flow");
  r->evaluations += (uint64_t)(evaluations * (double)x->size1);
  judge_drawn (j, &table[DDPM], x, low, high);
  gsl_matrix_free (x);
}

static void
ask_chain (const judge *j, results *r)
{
  sb_model *model = model_of ("DDPM");
  sb_bytes *bytes = clothes ();
  const size_t n = (size_t)number_in ("N");
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, PIXELS), "images");
  require (sb_bytes_rows (bytes, 0, model->low, model->high, x), "images");
  find_bound (model, x, r);

  sb_process *vp = require_pointer (sb_vp_alloc (PIXELS, 0.1, 20), "the SDE");
  sb_network continuous = model->network;
  continuous.process = vp;
  sb_score *score = require_pointer (sb_score_network_alloc (&continuous), "the score");
  const sb_quantisation q = { 256, model->low, model->high };
  find_likelihood (score, &q, bytes, n, r);
  draw_by_flow (score, j, model->low, model->high, r);
  sb_score_free (score);
  sb_process_free (vp);
  gsl_matrix_free (x);
  sb_bytes_free (bytes);
  sb_model_free (model);
}

// ## In closed form
//
// Data $\mathcal N(0, \lambda)$ that are as thin as a byte's dequantisation: what the likelihood at $\epsilon$ instead
// of at 0 costs, $\tfrac12(\ln\tfrac q\lambda + \tfrac\lambda q - 1)$ nats a direction with $q$ the variance at
// $\epsilon$. The log-likelihood is quadratic in $x$, so that its mean is its value at $x = \sqrt\lambda$.

typedef struct
{
  const char *name;
  sb_process *process;
  double closed, found;
} thin;

static void
measure_thin (thin *of, double lambda)
{
  const double epsilon = 1e-5, entropy = 0.5 * (log (2 * M_PI * lambda) + 1);
  double a, sd, log_p;
  gsl_vector *zero = require_pointer (gsl_vector_calloc (1), "the mean");
  gsl_matrix *variance = require_pointer (gsl_matrix_alloc (1, 1), "the variance");
  gsl_matrix_set_all (variance, lambda);
  sb_target *law = require_pointer (sb_target_gaussian_alloc (zero, variance), "the law");
  sb_score *score = require_pointer (sb_score_exact_alloc (law, of->process), "the score");
  require (sb_process_scalars (of->process, 0, epsilon, &a, &sd), "the kernel");
  const double q = a * a * lambda + sd * sd;
  of->closed = 0.5 * (log1p (q / lambda - 1) + lambda / q - 1);

  // The prior stands for the exact law at T, whose density differs; that is not what is asked for here.
  sb_likelihood likelihood = sb_likelihood_default ();
  likelihood.t_min = epsilon;
  likelihood.trace = SB_TRACE_EXACT;
  likelihood.relative = likelihood.absolute = 1e-9;
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (1, 1), "the point"),
             *code = require_pointer (gsl_matrix_alloc (1, 1), "the code");
  gsl_vector_view one = gsl_vector_view_array (&log_p, 1);
  double integral;
  gsl_vector_view whole = gsl_vector_view_array (&integral, 1);
  sb_likelihood_report report = { .integral = &whole.vector, .code = code };
  gsl_matrix_set_all (x, sqrt (lambda));
  require (sb_log_likelihood (&likelihood, score, NULL, (sb_stream){ .seed = 0 }, x, &report), "the likelihood");
  gsl_vector *T = require_pointer (gsl_vector_alloc (1), "the time");
  gsl_vector_set_all (T, 1);
  require (sb_target_log_density (law, of->process, code, T, &one.vector), "the density at T");
  of->found = -(log_p + integral) - entropy;
  gsl_vector_free (T);
  gsl_matrix_free (code);
  gsl_matrix_free (x);
  sb_score_free (score);
  sb_target_free (law);
  gsl_matrix_free (variance);
  gsl_vector_free (zero);
}

static void
ask_closed_forms (results *r)
{
  thin of[] = { { "VE", sb_ve_alloc (1, 0.01, 50), 0, 0 },
                { "VP", sb_vp_alloc (1, 0.1, 20), 0, 0 },
                { "sub-VP", sb_subvp_alloc (1, 0.1, 20), 0, 0 } };
  const double width[] = { 2. / 256, 1. / 256 };
  int ordered = 0;
  double worst = 0;
  for (size_t w = 0; w < 2; w++)
    {
      for (size_t k = 0; k < 3; k++)
        {
          char column[64], note[64];
          require_pointer (of[k].process, of[k].name);
          measure_thin (&of[k], width[w] * width[w] / 12);
          snprintf (column, sizeof column, "excess at ε = 10⁻⁵, data in [%d,1]", w == 0 ? -1 : 0);
          snprintf (note, sizeof note, "a direction that dequantisation makes; closed form %.4g", of[k].closed);
          results_row (r, of[k].name, column, "", of[k].found, -1, "nats", note);
          worst = fmax (worst, fabs (of[k].found - of[k].closed));
        }
      ordered += of[0].closed > of[1].closed && of[1].closed > of[2].closed;
    }
  for (size_t k = 0; k < 3; k++)
    sb_process_free (of[k].process);
  results_claim (
      r, "Exact scores: sub-VP has a higher likelihood than VP, and VP than VE", ordered == 2 && worst < 1e-3,
      "in thin directions, by the time at which it ends; found and closed form differ by %.1e at most", worst);
}

// ## The table and its claims

static double
mean_of (const gsl_vector *v, double *se)
{
  *se = gsl_stats_sd (v->data, v->stride, v->size) / sqrt ((double)v->size);
  return gsl_stats_mean (v->data, v->stride, v->size);
}

static void
put (results *r, const entry *e, size_t n, size_t drawn)
{
  const char *published = e->bits[0] ? "; published: CIFAR-10" : "";
  char note[64];
  double se;
  snprintf (note, sizeof note, "%zu test images%s", n, published);
  if (e->nll)
    {
      const double bits = mean_of (e->nll, &se);
      results_row (r, e->row, "bits/dim", e->bits, bits, se, "", note);
    }
  snprintf (note, sizeof note, "%zu samples of the flow%s", drawn, published);
  if (e->drawn)
    results_row (r, e->row, "Frechet distance", e->frechet, e->fid, e->fid_se, "", note);
}

// All models are asked of the same images, whose scatter leaves the differences. A claim is decided where the mean
// difference has two standard errors.

static void
claim_below (results *r, const char *claim, int lower, int higher)
{
  const entry *a = &table[lower], *b = &table[higher];
  if (!a->nll || !b->nll)
    return;
  char reason[128];
  double se, se_of_one;
  gsl_vector *apart = require_pointer (gsl_vector_alloc (a->nll->size), "differences");
  gsl_vector_memcpy (apart, a->nll);
  gsl_vector_sub (apart, b->nll);
  const double mean = mean_of (apart, &se);
  snprintf (reason, sizeof reason, "%.4g and %.4g bits/dim, the difference is %.2g +- %.2g",
            mean_of (a->nll, &se_of_one), mean_of (b->nll, &se_of_one), mean, se);
  if (fabs (mean) > 2 * se)
    results_claim (r, claim, mean < 0, "%s", reason);
  else
    untested (r, claim, reason);
  gsl_vector_free (apart);
}

int
main (void)
{
  results r = results_open ();
  judge j = judge_open ("fashion");
  read_cells (&r, &j);
  if (*getenv ("DDPM"))
    ask_chain (&j, &r);
  for (size_t k = 0; k < ENTRIES; k++)
    put (&r, &table[k], (size_t)number_in ("N"), (size_t)number_in ("DRAWN"));
  put_floor_and_noise (&r, &j, (size_t)number_in ("DRAWN"), "Frechet distance");
  claim_below (&r, "(i) The likelihood of DDPM's flow is better than its bound", DDPM,
               BOUND); // [scoresde.txt-nll-claims]
  claim_below (&r, "(ii) Training in continuous time is better still", VP, DDPM);
  claim_below (&r, "(iii) sub-VP has a higher likelihood than VP", SUBVP, VP);
  claim_below (&r, "DDPM++ has a higher likelihood than DDPM", DDPMPP, VP);
  claim_below (&r, "VE has a lower likelihood than VP", VP, VE); // [scoresde.txt-arch-claims]
  ask_closed_forms (&r);
  for (size_t k = 0; k < ENTRIES; k++)
    gsl_vector_free (table[k].nll);
  judge_close (j);
  results_close (&r);
  return EXIT_SUCCESS;
}
