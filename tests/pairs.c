// # Pairs of which all is known

#include "pairs.h"
#include "process/multispeed.h"
#include "process/ve.h"
#include "scope.h"
#include "target/image_law.h"

#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

// ## Laws

const pair PAIR_G = { 1, { 1 }, { { 0, 0 } }, { 1 }, { .8 }, { 1 } },
           PAIR_M = { 2, { .4, .6 }, { { -1, -1.5 }, { 1, 1 } }, { .3, .5 }, { .1, -.1 }, { .4, .3 } };

sb_target *
pair_law (const pair *law)
{
  gsl_matrix *means = matrix (law->K, 2), *covariances = matrix (2 * law->K, 2);
  for (size_t k = 0; k < law->K; k++)
    {
      const double c[2][2] = { { law->xx[k], law->xy[k] }, { law->xy[k], law->yy[k] } };
      for (size_t i = 0; i < 2; i++)
        {
          gsl_matrix_set (means, k, i, law->mean[k][i]);
          for (size_t j = 0; j < 2; j++)
            gsl_matrix_set (covariances, 2 * k + i, j, c[i][j]);
        }
    }
  return scoped (sb_target_mixture_alloc (scope_vector (law->K, law->w), means, covariances));
}

static sb_target *
marginal (const pair *law, double x, double y)
{
  return scoped (sb_target_image_alloc (pair_law (law), scoped (sb_operator_select_alloc (vector_of (x, y)))));
}

sb_target *
pair_law_of_x (const pair *law)
{
  return marginal (law, 1, 0);
}

sb_target *
pair_law_of_y (const pair *law)
{
  return marginal (law, 0, 1);
}

pair
pair_given (const pair *law, double y)
{
  pair given = { .K = law->K };
  double sum = 0;
  for (size_t k = 0; k < law->K; k++)
    {
      const double slope = law->xy[k] / law->yy[k];
      given.w[k] = law->w[k] * gsl_ran_gaussian_pdf (y - law->mean[k][1], sqrt (law->yy[k]));
      given.mean[k][0] = law->mean[k][0] + slope * (y - law->mean[k][1]);
      given.xx[k] = law->xx[k] - slope * law->xy[k];
      sum += given.w[k];
    }
  for (size_t k = 0; k < law->K; k++)
    given.w[k] /= sum;
  return given;
}

// ## Processes

static double
straight_variance (const void *context, double s, double t)
{
  return *(const double *)context * (t - s);
}

static double
straight_rate (const void *context, double t)
{
  (void)t;
  return *(const double *)context;
}

sb_process *
pair_straight (size_t d, double rate)
{
  double *kept = scoped ((double *)malloc (sizeof *kept));
  *kept = rate;
  return sb_ve_schedule_alloc (d, &(sb_ve_schedule){ straight_variance, straight_rate, kept });
}

sb_process *
pair_geometric (size_t d, double scale)
{
  return sb_ve_gathered_alloc (d, scale * .01, scale * 10);
}

sb_process *
pair_of (sb_process *x, sb_process *y)
{
  return scoped (sb_multispeed_of (x, y, 1e-5));
}

// ## Rules

void
pair_nodes (size_t nodes, double *z, double *w)
{
  gsl_integration_fixed_workspace *table
      = gsl_integration_fixed_alloc (gsl_integration_fixed_hermite, nodes, 0, .5, 0, 0);
  cr_assert (table);
  memcpy (z, gsl_integration_fixed_nodes (table), nodes * sizeof *z);
  for (size_t k = 0; k < nodes; k++)
    w[k] = gsl_integration_fixed_weights (table)[k] / sqrt (2 * M_PI);
  gsl_integration_fixed_free (table);
}

pair_rule
pair_rule_of (const pair *law, size_t nodes, size_t noises)
{
  double z[64], w[64];
  const size_t counts[4] = { nodes, law->yy[0] > 0 ? nodes : 1, noises > 0 ? nodes : 1, noises > 1 ? nodes : 1 },
               each = counts[0] * counts[1] * counts[2] * counts[3];
  pair_nodes (nodes, z, w);
  pair_rule r = { .n = law->K * each };
  r.z_0 = matrix (r.n, 2), r.noise = matrix (r.n, 2);
  r.w = scoped ((double *)malloc (r.n * sizeof *r.w));
  for (size_t i = 0; i < r.n; i++)
    {
      const size_t k = i / each;
      double u[4] = { 0 };
      r.w[i] = law->w[k];
      for (size_t m = 0, rest = i % each; m < 4; rest /= counts[m], m++)
        if (counts[m] > 1)
          {
            u[m] = z[rest % counts[m]];
            r.w[i] *= w[rest % counts[m]];
          }
      const double sd = sqrt (law->xx[k]), slope = law->xy[k] / law->xx[k],
                   left = sqrt (fmax (0, law->yy[k] - slope * law->xy[k]));
      gsl_matrix_set (r.z_0, i, 0, law->mean[k][0] + sd * u[0]);
      gsl_matrix_set (r.z_0, i, 1, law->mean[k][1] + slope * sd * u[0] + left * u[1]);
      gsl_matrix_set (r.noise, i, 0, u[2]);
      gsl_matrix_set (r.noise, i, 1, u[3]);
    }
  return r;
}

// ## Models

static void
features (const pair_model *m, const gsl_matrix *x, const gsl_matrix *y, size_t i, double *phi, double *slope)
{
  const double a = gsl_matrix_get (x, i, 0), b = m->d == 2 ? gsl_matrix_get (x, i, 1) : gsl_matrix_get (y, i, 0),
               f = m->theta[m->parameters - 1];
  phi[0] = 1, phi[1] = a, phi[2] = b, phi[3] = sin (f * a + b);
  *slope = cos (f * a + b);
}

static int
model_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                gsl_matrix *out)
{
  const pair_model *m = state;
  (void)view, (void)t;
  for (size_t i = 0; i < x->size1; i++)
    {
      double phi[4], slope;
      features (m, x, y, i, phi, &slope);
      for (size_t j = 0; j < m->d; j++)
        {
          const double *w = m->theta + 4 * j;
          gsl_matrix_set (out, i, j, w[0] + w[1] * phi[1] + w[2] * phi[2] + w[3] * phi[3]);
        }
    }
  return GSL_SUCCESS;
}

static int
model_vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
           const gsl_matrix *v, gsl_matrix *out)
{
  pair_model *m = state;
  (void)view, (void)t;
  gsl_matrix_set_zero (out);
  for (size_t i = 0; i < x->size1; i++)
    {
      double phi[4], slope;
      features (m, x, y, i, phi, &slope);
      for (size_t j = 0; j < m->d; j++)
        {
          const double bar = gsl_matrix_get (v, i, j), *w = m->theta + 4 * j, f = m->theta[m->parameters - 1];
          for (size_t k = 0; k < 4; k++)
            m->theta_bar[4 * j + k] += bar * phi[k];
          m->theta_bar[m->parameters - 1] += bar * w[3] * slope * phi[1];
          *gsl_matrix_ptr (out, i, 0) += bar * (w[1] + w[3] * f * slope);
          if (m->d == 2)
            *gsl_matrix_ptr (out, i, 1) += bar * (w[2] + w[3] * slope);
        }
    }
  return GSL_SUCCESS;
}

pair_model
pair_model_of (size_t d)
{
  return (pair_model){ .d = d, .parameters = 4 * d + 1 };
}

sb_score *
pair_score (pair_model *model, const sb_process *process)
{
  static const sb_score_type type = {
    .name = "pair model", .views = SB_SCORE, .evaluate = model_evaluate, .derivatives = SB_SCORE, .vjp = model_vjp
  };
  return scoped (sb_score_alloc (&type, model, process));
}

// ## Losses

static void
place (const pair_rule *r, double t, gsl_matrix *y, sb_objective_batch *b)
{
  const size_t d = b->x.size2;
  gsl_vector_set_all (&b->t, t);
  for (size_t i = 0; i < r->n; i++)
    {
      gsl_matrix_set (y, i, 0, gsl_matrix_get (r->z_0, i, 1));
      for (size_t j = 0; j < d; j++)
        {
          gsl_matrix_set (&b->x_0, i, j, gsl_matrix_get (r->z_0, i, j));
          gsl_matrix_set (&b->z, i, j, gsl_matrix_get (r->noise, i, j));
        }
    }
  gsl_matrix_memcpy (&b->x, &b->x_0);
  ok (sb_process_transition (b->objective->process, NULL, &b->t, &b->z, &b->x));
}

double
pair_mean (const sb_objective *o, const sb_score *score, const pair_rule *r, double t, pair_model *back)
{
  const size_t mark = scope_mark ();
  double sum = 0;
  gsl_matrix *y = matrix (r->n, 1);
  sb_objective_batch *b = scoped (sb_objective_batch_alloc (o, r->n));
  place (r, t, y, b);
  ok (sb_objective_evaluate (score, o->process->dimension == 1 ? y : NULL, b));
  ok (sb_objective_find_loss (b));
  for (size_t i = 0; i < r->n; i++)
    {
      gsl_vector_view bar = gsl_matrix_row (&b->bar, i);
      sum += r->w[i] * gsl_vector_get (&b->loss, i);
      gsl_vector_scale (&bar.vector, r->w[i]);
    }
  if (back)
    {
      memset (back->theta_bar, 0, sizeof back->theta_bar);
      ok (sb_objective_backward (score, 1, b));
    }
  scope_release (mark);
  return sum;
}

void
pair_minimise (pair_model *model, size_t count, const size_t *free, double (*loss) (void *context), void *context,
               gsl_matrix *hessian)
{
  const size_t mark = scope_mark ();
  gsl_matrix *H = matrix (count, count), *copy = matrix (count, count);
  gsl_vector *g = vector (count), *x = vector (count);

  // The gradient at 0, and how it changes with each parameter.
  for (size_t k = 0; k < count; k++)
    model->theta[free[k]] = 0;
  loss (context);
  for (size_t k = 0; k < count; k++)
    gsl_vector_set (g, k, model->theta_bar[free[k]]);
  for (size_t k = 0; k < count; k++)
    {
      model->theta[free[k]] = 1;
      loss (context);
      for (size_t m = 0; m < count; m++)
        gsl_matrix_set (H, m, k, model->theta_bar[free[m]] - gsl_vector_get (g, m));
      model->theta[free[k]] = 0;
    }

  gsl_matrix_memcpy (copy, H);
  ok (gsl_linalg_cholesky_decomp1 (copy), "the loss has no minimum");
  ok (gsl_linalg_cholesky_solve (copy, g, x));
  for (size_t k = 0; k < count; k++)
    model->theta[free[k]] = -gsl_vector_get (x, k);
  if (hessian)
    gsl_matrix_memcpy (hessian, H);
  scope_release (mark);
}
