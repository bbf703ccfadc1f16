// # Point masses: a data set as a law
//
// The law of the training data is the data set itself, $p_0 = \sum_k w_k\,\delta_{\boldsymbol\mu_k}$ with a point mass
// for every image, and the score to which training converges, with unlimited capacity, is this law's.
// [scoresde.txt-dsm-optimal] [dsm2ddpm.txt-qsigma] Under a process that maps $\mathbf{x}_0$ to $m\,\mathbf{x}_0 +
// \varsigma\,\mathbf{z}$,
// $$ p_t(\mathbf{x}) = \sum_k w_k\, \mathcal{N}(\mathbf{x};\; m\boldsymbol\mu_k,\, \varsigma^2\mathbf{I}), \qquad
//    r_k = P(\mathbf{x}_0 = \boldsymbol\mu_k \mid \mathbf{x}) \propto
//    w_k \exp\Bigl(-\frac{\|\mathbf{x} - m\boldsymbol\mu_k\|^2}{2\varsigma^2}\Bigr). $$
// Where $m = 1$ this density [consistent.txt-conv-density] has the score $\sum_k r_k(\boldsymbol\mu_k - \mathbf
// x)/\varsigma^2$, printed with $\mathbf x - \boldsymbol\mu_k$, [consistent.eq25] and the denoiser
// $\sum_kr_k\boldsymbol\mu_k$. [consistent.eq2]
//
// For a single point it is the kernel, and its score
// $-(\mathbf{x} - m\boldsymbol\mu)/\varsigma^2 = -\mathbf{z}/\varsigma$ the conditional score of the objectives, whose
// squared norm is $d/\varsigma^2$ on average. [scoresde.txt-weight-inverse]
//
// The law is the mixture of mixture.c with covariances of zero, but with ten thousand components or more: this file is
// about speed without loss of digits.

#include "points.h"

#include "../base/clones.h"
#include "../base/elementary.h"
#include "../base/error.h"
#include "../base/shard.h"

#include <float.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

// ## A shard of a batch
//
// The responsibilities of a shard's rows for all $K$ points are held at once. Where the points fit in a cache, each
// thread takes a shard of a few rows. Where they do not, each shard would read all of them from memory for few rows:
// there a shard has as many rows as 64 MB of responsibilities allow, shards run one after the other, and the threads
// share the work within each. Results depend only on how the work is cut, which depends on the law alone.

enum
{
  SHARD_ROWS = 64,
  LARGE_SHARD_ROWS = 512,
  FEWEST_ROWS = 8,
  MOST_NUMBERS = 1 << 23,
  LARGE = 1 << 19,    // numbers in all points
  MANY_COLUMNS = 256, // coordinates to share out
  POINTS_AT_ONCE = 2048,
  COLUMNS_AT_ONCE = 128,
  ROWS_AT_ONCE = 8
};

static int
is_large (const points *law)
{
  return law->d >= MANY_COLUMNS && law->K >= LARGE / law->d;
}

static size_t
shard_rows (const points *law)
{
  const size_t most = is_large (law) ? LARGE_SHARD_ROWS : SHARD_ROWS;
  return GSL_MAX (FEWEST_ROWS, GSL_MIN (most, MOST_NUMBERS / law->K));
}

typedef struct
{
  const points *law;
  const target_kernel *kernel; // a row each
  const sb_target_question *question;
} batch_job;

// Points are taken relative to the reference $\boldsymbol\mu_*$ of a row, the point of the largest responsibility.

typedef struct
{
  size_t reference;
  int few;        // sums over the points are better taken one by one
  double log_sum; // log sum_k r_k / r_*
} row_summary;

typedef struct
{
  const points *law;
  const target_kernel *kernel; // of the shard's rows
  target_part part;
  const gsl_matrix *x; // n x d
  row_summary *row;    // n
  gsl_matrix *r;       // n x K: responsibilities
  gsl_matrix *delta;   // n x d: x - m mu_*
} shard;

static void
shard_free (shard *s)
{
  free (s->row);
  gsl_matrix_free (s->r);
  gsl_matrix_free (s->delta);
}

static int
shard_alloc (shard *s, const batch_job *job, size_t first, size_t n)
{
  s->law = job->law;
  s->kernel = job->kernel + first;
  target_take_part (&s->part, job->question, first, n);
  s->x = s->part.question.x;
  s->row = malloc (n * sizeof *s->row);
  s->r = gsl_matrix_alloc (n, job->law->K);
  s->delta = gsl_matrix_alloc (n, job->law->d);
  if (s->row && s->r && s->delta)
    return GSL_SUCCESS;
  shard_free (s);
  SB_ERROR (NULL, GSL_ENOMEM, "no memory for %zu rows under %zu points", n, job->law->K);
}

// ## Responsibilities, fast
//
// In $\|\mathbf{x} - m\boldsymbol\mu_k\|^2 = \|\mathbf{x}\|^2 - 2m\,\mathbf{x}\cdot\boldsymbol\mu_k +
// m^2\|\boldsymbol\mu_k\|^2$ the first term is common to all points and drops out; the second, for all rows and
// points, is one matrix product:
// $$ \log r_k = \log w_k + \frac{m}{\varsigma^2}\Bigl(\mathbf{x}\cdot\boldsymbol\mu_k - \frac{m}{2}\|\boldsymbol\mu_k\|^2\Bigr)
//    + \text{const}. $$
// Here `r` holds the products before and the logarithms after; the point with the largest one is returned.

SB_CLONES static double
take_logarithms (size_t K, double slope, double m, const double *restrict log_w, const double *restrict half_norm,
                 double *restrict r)
{
  double top = GSL_NEGINF;
#pragma omp simd reduction(max : top)
  for (size_t k = 0; k < K; k++)
    {
      r[k] = log_w[k] + slope * (r[k] - m * half_norm[k]);
      top = r[k] > top ? r[k] : top;
    }
  return top;
}

static size_t
logarithms (const points *law, target_kernel kernel, double *r)
{
  const double top
      = take_logarithms (law->K, kernel.m / gsl_pow_2 (kernel.sd), kernel.m, law->log_w, law->half_norm, r);
  size_t best = 0;
  while (best < law->K && r[best] != top)
    best++;
  return best < law->K ? best : 0; // none: NaN
}

// ## Responsibilities, carefully
//
// The products are rounded at $\epsilon\,\|\mathbf{x}\|\|\boldsymbol\mu_k\|$, and the factor $m/\varsigma^2$, which is
// $10^{10}$ at the end of sampling, magnifies that error.

static double
rounding (const points *law, target_kernel kernel, const gsl_vector *x)
{
  double reach = kernel.m * law->largest;
  return GSL_DBL_EPSILON * reach * (gsl_blas_dnrm2 (x) + reach) / gsl_pow_2 (kernel.sd);
}

// Where it matters, the points in question are compared with the reference one by one. With $\mathbf{d} =
// \boldsymbol\mu_k - \boldsymbol\mu_*$ and $\boldsymbol\delta = \mathbf{x} - m\boldsymbol\mu_*$,
// $$ \log\frac{r_k}{r_*} = \log\frac{w_k}{w_*} + \frac{m}{\varsigma^2}\, \mathbf{d}\cdot\Bigl(\boldsymbol\delta -
//    \frac{m}{2}\mathbf{d}\Bigr), $$
// in which no two large numbers are subtracted: only a point's distance to the reference matters, and the noise, never
// the distance of both from the origin, or of $\mathbf{x}$ from both.

static void
difference (const points *law, target_kernel kernel, const double *x, size_t reference, double *delta)
{
  const double *mu = gsl_matrix_const_ptr (law->mu, reference, 0);
  for (size_t j = 0; j < law->d; j++)
    delta[j] = fma (-kernel.m, mu[j], x[j]);
}

static double
log_ratio (const points *law, target_kernel kernel, const double *delta, size_t reference, size_t k)
{
  const double *mu_k = gsl_matrix_const_ptr (law->mu, k, 0), *mu = gsl_matrix_const_ptr (law->mu, reference, 0);
  const double m = kernel.m;
  double sum = 0;
  for (size_t j = 0; j < law->d; j++)
    {
      double d = mu_k[j] - mu[j];
      sum += d * (delta[j] - 0.5 * m * d);
    }
  return law->log_w[k] - law->log_w[reference] + m / gsl_pow_2 (kernel.sd) * sum;
}

// In question are the points whose logarithm may lie within 80 of the best: $e^{-80}$ is negligible beside 1, for any
// $K$ that fits in memory. The others get $-\infty$. The matrix product may have taken a wrong point for the best, and
// then another becomes the reference. One change is enough unless points are equal to rounding; after the third, any of
// them will do.

static const double NEGLIGIBLE = -80;

SB_CLONES static void
keep_candidates (size_t K, double *r, double threshold)
{
#pragma omp simd
  for (size_t k = 0; k < K; k++)
    r[k] = r[k] < threshold ? GSL_NEGINF : r[k];
}

static size_t
compare (const points *law, target_kernel kernel, const double *delta, size_t reference, double *r)
{
  size_t best = reference;
  for (size_t k = 0; k < law->K; k++)
    if (r[k] != GSL_NEGINF)
      {
        r[k] = log_ratio (law, kernel, delta, reference, k);
        if (r[k] > r[best])
          best = k;
      }
  return best;
}

static size_t
compare_closely (const points *law, target_kernel kernel, const double *x, size_t best, double *delta, double *r)
{
  size_t reference;
  int changes = 0;
  do
    {
      reference = best;
      r[reference] = 0;
      difference (law, kernel, x, reference, delta);
      best = compare (law, kernel, delta, reference, r);
    }
  while (best != reference && ++changes <= 2);
  return reference;
}

static void
compare_at_once (const points *law, size_t reference, double *r)
{
  const double best = r[reference];
#pragma omp simd
  for (size_t k = 0; k < law->K; k++)
    r[k] -= best;
}

// From logarithms to responsibilities. Negligible ones become zero, never a denormal number, which would slow down the
// matrix products that follow.

SB_CLONES static double
exponentials (double *r, size_t K, size_t *left)
{
  double top = GSL_NEGINF, sum = 0, count = 0;
#pragma omp simd reduction(max : top)
  for (size_t k = 0; k < K; k++)
    top = r[k] > top ? r[k] : top;
#pragma omp simd reduction(+ : sum, count)
  for (size_t k = 0; k < K; k++)
    {
      double share = sb_vexp (r[k] - top);
      share = r[k] - top < NEGLIGIBLE ? 0 : share;
      r[k] = share;
      sum += share;
      count += share != 0 ? 1.0 : 0.0;
    }
  const double scale = 1 / sum;
#pragma omp simd
  for (size_t k = 0; k < K; k++)
    r[k] *= scale;
  *left = (size_t)count;
  return top + log (sum);
}

// The careful way is taken where the product's rounding error, in a responsibility, could exceed the 12th digit. Noise
// is small there, and few points are in question. Sums over the points are then taken one by one as well, and also
// where so few points are left that this is faster than a matrix product.

static const double TOLERANCE = 1e-12;

enum
{
  WORTH_A_PRODUCT = 64 // one point in so many
};

static void
weigh_row (shard *s, size_t i)
{
  const points *law = s->law;
  const target_kernel kernel = s->kernel[i];
  gsl_vector_const_view x = gsl_matrix_const_row (s->x, i);
  double *r = gsl_matrix_ptr (s->r, i, 0), *delta = gsl_matrix_ptr (s->delta, i, 0);
  row_summary *row = &s->row[i];
  size_t left;

  double error = rounding (law, kernel, &x.vector);
  size_t best = logarithms (law, kernel, r);
  const int careful = error > TOLERANCE;
  if (careful)
    {
      keep_candidates (law->K, r, r[best] + NEGLIGIBLE - 2 * (double)law->d * error);
      row->reference = compare_closely (law, kernel, x.vector.data, best, delta, r);
    }
  else
    {
      row->reference = best;
      difference (law, kernel, x.vector.data, best, delta);
      compare_at_once (law, best, r);
    }
  row->log_sum = exponentials (r, law->K, &left);
  row->few = careful || left * WORTH_A_PRODUCT <= law->K;
}

// The product is split by points, the rest by rows.

static int
multiply_points (void *context, size_t number, size_t first, size_t count)
{
  shard *s = context;
  (void)number;
  gsl_matrix_const_view mu = gsl_matrix_const_submatrix (s->law->mu, first, 0, count, s->law->d);
  gsl_matrix_view r = gsl_matrix_submatrix (s->r, 0, first, s->x->size1, count);
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, s->x, &mu.matrix, 0, &r.matrix);
  return GSL_SUCCESS;
}

static int
weigh_rows (void *context, size_t number, size_t first, size_t count)
{
  (void)number;
  for (size_t i = first; i < first + count; i++)
    weigh_row (context, i);
  return GSL_SUCCESS;
}

static void
weigh (shard *s)
{
  sb_shards (s->law->K, POINTS_AT_ONCE, multiply_points, s);
  sb_shards (s->x->size1, ROWS_AT_ONCE, weigh_rows, s);
}

// ## Sums over the points
//
// What remains are sums $\sum_k c_k(\boldsymbol\mu_k - \boldsymbol\mu_*)$ with coefficients $c_k$ per row: by a
// second matrix product, or one by one.

static void
add_difference (const points *law, size_t k, size_t reference, double c, double *sum)
{
  const double *mu_k = gsl_matrix_const_ptr (law->values, k, 0), *mu = gsl_matrix_const_ptr (law->values, reference, 0);
  for (size_t j = 0; j < law->d; j++)
    sum[j] += c * (mu_k[j] - mu[j]);
}

static int
all_few (const shard *s)
{
  size_t i = 0;
  while (i < s->x->size1 && s->row[i].few)
    i++;
  return i == s->x->size1;
}

static void
sum_one_by_one (const shard *s, size_t i, const double *c, double *sum)
{
  for (size_t j = 0; j < s->law->d; j++)
    sum[j] = 0;
  for (size_t k = 0; k < s->law->K; k++)
    if (c[k] != 0)
      add_difference (s->law, k, s->row[i].reference, c[k], sum);
}

static void
subtract_reference (const shard *s, size_t i, const double *c, double *sum)
{
  double total = 0;
  for (size_t k = 0; k < s->law->K; k++)
    total += c[k];
  cblas_daxpy ((int)s->law->d, -total, gsl_matrix_const_ptr (s->law->values, s->row[i].reference, 0), 1, sum, 1);
}

// The product is split by coordinates.

typedef struct
{
  const shard *s;
  const gsl_matrix *c;
  gsl_matrix *out;
} summation;

static int
multiply_columns (void *context, size_t number, size_t first, size_t count)
{
  const summation *sum = context;
  (void)number;
  gsl_matrix_const_view mu = gsl_matrix_const_submatrix (sum->s->law->values, 0, first, sum->s->law->K, count);
  gsl_matrix_view out = gsl_matrix_submatrix (sum->out, 0, first, sum->out->size1, count);
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, sum->c, &mu.matrix, 0, &out.matrix);
  return GSL_SUCCESS;
}

static int
finish_rows (void *context, size_t number, size_t first, size_t count)
{
  const summation *sum = context;
  (void)number;
  for (size_t i = first; i < first + count; i++)
    {
      const double *c = gsl_matrix_const_ptr (sum->c, i, 0);
      double *out = gsl_matrix_ptr (sum->out, i, 0);
      if (sum->s->row[i].few)
        sum_one_by_one (sum->s, i, c, out);
      else
        subtract_reference (sum->s, i, c, out);
    }
  return GSL_SUCCESS;
}

static void
sums (const shard *s, const gsl_matrix *c, gsl_matrix *out)
{
  summation sum = { s, c, out };
  if (!all_few (s))
    sb_shards (s->law->d, COLUMNS_AT_ONCE, multiply_columns, &sum);
  sb_shards (out->size1, ROWS_AT_ONCE, finish_rows, &sum);
}

// ## Log density
//
// $$ \log p_t(\mathbf{x}) = \log w_* - \frac{\|\boldsymbol\delta\|^2}{2\varsigma^2} - \frac{d}{2}\log 2\pi\varsigma^2
//    + \log\sum_k \frac{r_k}{r_*}. $$

static int
answer_density (shard *s, const sb_target_question *q)
{
  const points *law = s->law;
  weigh (s);
  for (size_t i = 0; i < s->x->size1; i++)
    {
      gsl_vector_const_view delta = gsl_matrix_const_row (s->delta, i);
      double sd = s->kernel[i].sd, log_normaliser = -(double)law->d * (0.5 * log (2 * M_PI) + log (sd));
      double nearest = law->log_w[s->row[i].reference] - 0.5 * gsl_pow_2 (gsl_blas_dnrm2 (&delta.vector) / sd);
      gsl_vector_set (q->number, i, log_normaliser + nearest + s->row[i].log_sum);
    }
  return GSL_SUCCESS;
}

// ## Score, denoiser, epsilon
//
// The denoiser is the average of the points, $\hat{\mathbf{x}}_0 = \boldsymbol\mu_* + \sum_k r_k(\boldsymbol\mu_k -
// \boldsymbol\mu_*) = \boldsymbol\mu_* + \mathbf{o}$. The others follow by Tweedie's formula [scoresde.txt-denoise]
// $\nabla\log p_t = (m\hat{\mathbf{x}}_0 - \mathbf{x})/\varsigma^2$, with its terms reordered: $\mathbf{x}$ and
// $m\boldsymbol\mu_*$ may agree to ten digits, and their difference $\boldsymbol\delta$ is already known, so
// $$ \nabla\log p_t(\mathbf{x}) = \frac{m\,\mathbf{o} - \boldsymbol\delta}{\varsigma^2}, \qquad
//    \mathbb{E}[\mathbf{z} \mid \mathbf{x}] = \frac{\boldsymbol\delta - m\,\mathbf{o}}{\varsigma}. $$

static void
view_row (const shard *s, sb_view view, size_t i, double *o)
{
  const double *mu = gsl_matrix_const_ptr (s->law->values, s->row[i].reference, 0);
  const double *delta = gsl_matrix_const_ptr (s->delta, i, 0);
  const double m = s->kernel[i].m, sd = s->kernel[i].sd;
  for (size_t j = 0; j < s->law->d; j++)
    if (view == SB_DENOISER)
      o[j] += mu[j];
    else
      o[j] = (delta[j] - m * o[j]) / (view == SB_EPSILON ? sd : -sd * sd);
}

static int
answer_view (shard *s, const sb_target_question *q)
{
  weigh (s);
  sums (s, s->r, q->out);
  for (size_t i = 0; i < s->x->size1; i++)
    view_row (s, q->view, i, gsl_matrix_ptr (q->out, i, 0));
  return GSL_SUCCESS;
}

// ## The Jacobian of the score
//
// Differentiating the score, responsibilities included, leaves the posterior covariance of $\mathbf{x}_0$:
// $$ \mathbf{J} = -\frac{\mathbf{I}}{\varsigma^2} + \frac{m^2}{\varsigma^4} \operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}],
//    \qquad \operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}]\,\mathbf{v} = \sum_k r_k (q_k - \bar q)\, \boldsymbol\mu_k,
//    \quad q_k = (\boldsymbol\mu_k - \boldsymbol\mu_*)\cdot\mathbf{v}, \quad \bar q = \sum_k r_k q_k. $$
// The coefficients $r_k(q_k - \bar q)$ sum to zero, so that $\boldsymbol\mu_k$ may again be replaced by its
// difference to the reference. Here `q` holds the $\boldsymbol\mu_k\cdot\mathbf{v}$ before and the coefficients
// after.

static double
product_with_difference (const points *law, size_t k, size_t reference, const double *v)
{
  const double *mu_k = gsl_matrix_const_ptr (law->mu, k, 0), *mu = gsl_matrix_const_ptr (law->mu, reference, 0);
  double sum = 0;
  for (size_t j = 0; j < law->d; j++)
    sum += (mu_k[j] - mu[j]) * v[j];
  return sum;
}

static void
covariance_coefficients (const shard *s, size_t i, const double *v, double *q)
{
  const double *r = gsl_matrix_const_ptr (s->r, i, 0);
  const size_t reference = s->row[i].reference;
  const double q_reference = s->row[i].few ? 0 : q[reference];
  double mean = 0;
  for (size_t k = 0; k < s->law->K; k++)
    if (r[k] != 0)
      {
        q[k] = s->row[i].few ? product_with_difference (s->law, k, reference, v) : q[k] - q_reference;
        mean += r[k] * q[k];
      }
  for (size_t k = 0; k < s->law->K; k++)
    q[k] = r[k] != 0 ? r[k] * (q[k] - mean) : 0;
}

static void
jacobian_row (const shard *s, size_t i, const double *v, double *out)
{
  const double precision = 1 / gsl_pow_2 (s->kernel[i].sd), slope = s->kernel[i].m * precision;
  for (size_t j = 0; j < s->law->d; j++)
    out[j] = slope * (slope * out[j]) - precision * v[j];
}

static int
answer_jvp (shard *s, const sb_target_question *q)
{
  const size_t n = s->x->size1;
  gsl_matrix *c = gsl_matrix_alloc (n, s->law->K);
  if (!c)
    return GSL_ENOMEM;
  weigh (s);
  if (!all_few (s))
    gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, q->v, s->law->mu, 0, c);
  for (size_t i = 0; i < n; i++)
    covariance_coefficients (s, i, gsl_matrix_const_ptr (q->v, i, 0), gsl_matrix_ptr (c, i, 0));
  sums (s, c, q->out);
  for (size_t i = 0; i < n; i++)
    jacobian_row (s, i, gsl_matrix_const_ptr (q->v, i, 0), gsl_matrix_ptr (q->out, i, 0));
  gsl_matrix_free (c);
  return GSL_SUCCESS;
}

// Its trace needs the trace of the covariance, $\sum_k r_k\|\boldsymbol\mu_k - \hat{\mathbf{x}}_0\|^2$, or, as a dot
// product, $\sum_k r_k\|\boldsymbol\mu_k\|^2 - \|\hat{\mathbf{x}}_0\|^2$.

static double
spread_one_by_one (const shard *s, size_t i, const double *o)
{
  const double *r = gsl_matrix_const_ptr (s->r, i, 0), *mu = gsl_matrix_const_ptr (s->law->mu, s->row[i].reference, 0);
  double spread = 0;
  for (size_t k = 0; k < s->law->K; k++)
    if (r[k] != 0)
      {
        const double *mu_k = gsl_matrix_const_ptr (s->law->mu, k, 0);
        double square = 0;
        for (size_t j = 0; j < s->law->d; j++)
          square += gsl_pow_2 (mu_k[j] - mu[j] - o[j]);
        spread += r[k] * square;
      }
  return spread;
}

static double
spread_at_once (const shard *s, size_t i, const double *o)
{
  const double *r = gsl_matrix_const_ptr (s->r, i, 0), *mu = gsl_matrix_const_ptr (s->law->mu, s->row[i].reference, 0);
  double spread = 2 * cblas_ddot ((int)s->law->K, r, 1, s->law->half_norm, 1);
  for (size_t j = 0; j < s->law->d; j++)
    spread -= gsl_pow_2 (mu[j] + o[j]);
  return spread;
}

static int
answer_divergence (shard *s, const sb_target_question *q)
{
  const int status = q->out ? answer_view (s, q) : GSL_SUCCESS;
  if (status)
    return status;
  gsl_matrix *o = gsl_matrix_alloc (s->x->size1, s->law->d);
  if (!o)
    return GSL_ENOMEM;
  weigh (s);
  sums (s, s->r, o);
  for (size_t i = 0; i < s->x->size1; i++)
    {
      const double *o_i = gsl_matrix_const_ptr (o, i, 0), precision = 1 / gsl_pow_2 (s->kernel[i].sd),
                   slope = s->kernel[i].m * precision;
      double spread = s->row[i].few ? spread_one_by_one (s, i, o_i) : spread_at_once (s, i, o_i);
      gsl_vector_set (q->number, i, slope * (slope * spread) - (double)s->law->d * precision);
    }
  gsl_matrix_free (o);
  return GSL_SUCCESS;
}

// ## The posterior of $\mathbf{x}_0$
//
// $\operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}] = \sum_k r_k (\boldsymbol\mu_k -
// \hat{\mathbf{x}}_0)(\boldsymbol\mu_k - \hat{\mathbf{x}}_0)^\top$, a product $\mathbf{B}^\top\mathbf{B}$ whose rows
// $\sqrt{r_k}\,(\boldsymbol\mu_k - \hat{\mathbf{x}}_0)$ are formed and multiplied a block at a time.

enum
{
  BLOCK = 256
};

static void
add_block (gsl_matrix *B, size_t rows, gsl_matrix *covariance)
{
  if (rows == 0)
    return;
  gsl_matrix_const_view filled = gsl_matrix_const_submatrix (B, 0, 0, rows, B->size2);
  gsl_blas_dsyrk (CblasLower, CblasTrans, 1, &filled.matrix, 1, covariance);
}

static void
posterior (const shard *s, const double *o, gsl_matrix *B, gsl_matrix *covariance)
{
  const double *r = gsl_matrix_const_ptr (s->r, 0, 0),
               *mu = gsl_matrix_const_ptr (s->law->values, s->row[0].reference, 0);
  size_t rows = 0;
  gsl_matrix_set_zero (covariance);
  for (size_t k = 0; k < s->law->K; k++)
    if (r[k] != 0)
      {
        const double *mu_k = gsl_matrix_const_ptr (s->law->values, k, 0);
        double *b = gsl_matrix_ptr (B, rows++, 0);
        for (size_t j = 0; j < s->law->d; j++)
          b[j] = sqrt (r[k]) * (mu_k[j] - mu[j] - o[j]);
        if (rows == BLOCK)
          {
            add_block (B, rows, covariance);
            rows = 0;
          }
      }
  add_block (B, rows, covariance);
}

static int
answer_covariance (shard *s, const sb_target_question *q)
{
  gsl_matrix *o = gsl_matrix_alloc (1, s->law->d), *B = gsl_matrix_alloc (BLOCK, s->law->d);
  const int status = o && B ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status)
    {
      weigh (s);
      sums (s, s->r, o);
      posterior (s, o->data, B, q->out);
    }
  gsl_matrix_free (o);
  gsl_matrix_free (B);
  return status;
}

// ## The distribution function
//
// In one dimension, $P(x_t \le x) = \sum_k w_k\,\Phi\bigl((x - m\mu_k)/\varsigma\bigr)$.

static int
answer_cdf (shard *s, const sb_target_question *q)
{
  for (size_t i = 0; i < s->x->size1; i++)
    {
      double sum = 0, x = gsl_matrix_get (s->x, i, 0);
      for (size_t k = 0; k < s->law->K; k++)
        {
          double delta = fma (-s->kernel[i].m, gsl_matrix_get (s->law->mu, k, 0), x);
          sum += exp (s->law->log_w[k]) * gsl_cdf_ugaussian_P (delta / s->kernel[i].sd);
        }
      gsl_vector_set (q->number, i, sum);
    }
  return GSL_SUCCESS;
}

// ## From a batch to its shards

static int
answer_rows (void *context, size_t number, size_t first, size_t n)
{
  static int (*const answer[SB_TARGET_QUESTIONS]) (shard *, const sb_target_question *)
      = { [SB_TARGET_LOG_DENSITY] = answer_density,
          [SB_TARGET_VIEW] = answer_view,
          [SB_TARGET_JVP] = answer_jvp,
          [SB_TARGET_DIVERGENCE] = answer_divergence,
          [SB_TARGET_COVARIANCE] = answer_covariance,
          [SB_TARGET_CDF] = answer_cdf };
  const batch_job *job = context;
  shard s;
  (void)number;
  int status = shard_alloc (&s, job, first, n);
  if (status)
    return status;
  status = answer[job->question->asked](&s, &s.part.question);
  shard_free (&s);
  return status;
}

static int
check_density (const target_kernel *kernel, size_t rows)
{
  for (size_t i = 0; i < rows; i++)
    if (gsl_pow_2 (kernel[i].sd) < DBL_MIN)
      SB_ERROR (NULL, GSL_EDOM, "point masses under noise of deviation %g have no density: row %zu", kernel[i].sd, i);
  return GSL_SUCCESS;
}

static int
one_after_the_other (size_t n, size_t rows_at_once, batch_job *job)
{
  int status = GSL_SUCCESS;
  for (size_t first = 0; first < n && !status; first += rows_at_once)
    status = answer_rows (job, first / rows_at_once, first, GSL_MIN (rows_at_once, n - first));
  return status;
}

static int
points_answer (const void *state, const sb_process *process, const sb_target_question *q)
{
  const points *law = state;
  const size_t n = q->t->size;
  if (process->parts != 1)
    return points_answer_under_maps (law, process, q);
  target_kernel *kernel;
  int status = target_kernels (process, q->t, &kernel);
  batch_job job = { law, kernel, q };
  if (!status)
    status = check_density (kernel, n);
  if (!status)
    status = is_large (law) ? one_after_the_other (n, shard_rows (law), &job)
                            : sb_shards (n, shard_rows (law), answer_rows, &job);
  free (kernel);
  return status;
}

// ## Drawing from it

static int
points_sample (const void *state, sb_stream stream, gsl_matrix *x)
{
  const points *law = state;
  size_t *k = malloc (x->size1 * sizeof *k);
  if (!k)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for a draw of %zu points", x->size1);
  int status = target_pick_rows (law->cumulative, law->K, stream, x->size1, k);
  for (size_t i = 0; i < x->size1 && !status; i++)
    {
      gsl_vector_const_view mu = gsl_matrix_const_row (law->mu, k[i]);
      status = gsl_matrix_set_row (x, i, &mu.vector);
    }
  free (k);
  return status;
}

// ## Making one

static void
points_free (void *state)
{
  points *law = state;
  gsl_matrix_free (law->mu);
  free (law->half_norm);
  free (law->log_w);
  free (law->cumulative);
  free (law);
}

const sb_target_type points_type
    = { .name = "points", .sample = points_sample, .answer = points_answer, .free = points_free };

static points *
points_room (size_t K, size_t d)
{
  points *law = calloc (1, sizeof *law);
  if (!law)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a law of %zu points", K);
  law->K = K;
  law->d = d;
  law->mu = gsl_matrix_alloc (K, d);
  law->half_norm = malloc (K * sizeof *law->half_norm);
  law->log_w = malloc (K * sizeof *law->log_w);
  law->cumulative = malloc (K * sizeof *law->cumulative);
  if (law->mu && law->half_norm && law->log_w && law->cumulative)
    return law;
  points_free (law);
  SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a law of %zu points", K);
}

void
points_measure_norms (points *law)
{
  law->largest = 0;
  for (size_t k = 0; k < law->K; k++)
    {
      gsl_vector_const_view mu = gsl_matrix_const_row (law->mu, k);
      double norm = gsl_blas_dnrm2 (&mu.vector);
      law->half_norm[k] = 0.5 * gsl_pow_2 (norm);
      law->largest = GSL_MAX_DBL (law->largest, norm);
    }
}

static const double FARTHEST = 1e153;

sb_target *
sb_target_points_alloc (const gsl_matrix *given, const gsl_vector *weights)
{
  const size_t K = given->size1, d = given->size2;
  if (K == 0 || d == 0)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "a law of points needs a point and a dimension, not %zu x %zu", K, d);
  points *law = points_room (K, d);
  if (!law)
    return NULL;
  if (target_weights (weights, K, law->log_w, law->cumulative) || target_copy (given, law->mu))
    {
      points_free (law);
      return NULL;
    }
  points_measure_norms (law);
  if (!(law->largest < FARTHEST))
    {
      points_free (law);
      SB_ERROR_NULL (NULL, GSL_EOVRFLW, "a point is farther from the origin than %g: its square overflows", FARTHEST);
    }
  law->values = law->mu;
  return target_alloc (&points_type, law, d);
}
