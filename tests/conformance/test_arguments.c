// # What every function refuses
//
// A length that no memory holds, a result that would be written over what it is computed from, and a number that is
// none, wherever it stands: at the first place, in the middle or at the last.

#include "base/integrate.h"
#include "grid/grid.h"
#include "measure/energy_distance.h"
#include "measure/twosample.h"
#include "objective/objective.h"
#include "operator/operator.h"
#include "process/edm.h"
#include "process/ddpm.h"
#include "process/kinds.h"
#include "process/smld.h"
#include "process/ve.h"
#include "process/vp.h"
#include "sampler/drift.h"
#include "sampler/flow.h"
#include "sampler/pc.h"
#include "scope.h"
#include "score/exact.h"
#include "score/network.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdint.h>

SUITE_WITH_BLAS (arguments);

static const sb_stream stream = { .seed = 1, .purpose = SB_FOR_USER };

static sb_target *
some_law (size_t d)
{
  gsl_matrix *C = matrix (d, d);
  gsl_matrix_set_identity (C);
  return scoped (sb_target_gaussian_alloc (vector_all (d, 0), C));
}

// ## Lengths
//
// Products of these with a handful, or with eight bytes, are small again: what is multiplied without a look asks for
// little memory and writes beyond it. The length $\lfloor 2^{64}/f\rfloor + 1$ does so with $f$ numbers of a row.

enum
{
  FACTORS = 100
};

static size_t
absurd (size_t k)
{
  const size_t some[] = { (size_t)1 << 61, ((size_t)1 << 61) + 1, ((size_t)1 << 62) + 3, SIZE_MAX - 1, SIZE_MAX };
  return k < 5 ? some[k] : k % 2 ? SIZE_MAX / (k - 3) + 1 : SIZE_MAX / 8 / (k - 4) + 1;
}

Test (arguments, no_memory_for_absurd_lengths)
{
  sb_process *vp = scoped (sb_vp_alloc (3, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  sb_score *score = scoped (sb_score_exact_alloc (some_law (3), vp));
  sb_process *smld = scoped (sb_smld_alloc (3, 4, 0.1, 1));
  sb_process *edm = scoped (sb_edm_alloc (3, 0.1, 1));
  sb_net *net = scoped (sb_net_alloc ("mlp inputs=3 width=4 layers=1", NULL));
  const sb_network network = { .net = net, .process = vp, .data_deviation = 1 };
  gsl_matrix *x = normals (5, 3, 1), *y = normals (6, 3, 2);
  for (size_t k = 0; k < 2 * FACTORS; k++)
    {
      const size_t length = absurd (k);
      double distance = 17, p = 17;
      cr_assert_null (sb_smld_alloc (1, length, 0.01, 1), "%zu", length);
      cr_assert_null (sb_ddpm_alloc (1, length, 0.1, 20));
      for (size_t j = 0; sb_processes (j); j++)
        {
          const sb_process_kind *kind = (const sb_process_kind *)sb_processes (j);
          double key[SB_KEYS_MOST];
          sb_entry_usual (&kind->entry, key);
          cr_assert_null (kind->alloc (length, key, NULL), "%s", kind->entry.name);
        }
      cr_assert_null (sb_operator_identity_alloc (length));
      cr_assert_null (sb_operator_scalar_alloc (length, 1));
      cr_assert_null (sb_operator_cosine_alloc (length, 2, 1));
      cr_assert_null (sb_operator_cosine_alloc (2, 2, length));
      cr_assert_null (sb_operator_haar_alloc (length, 2, 1, 1));
      cr_assert_null (sb_operator_downscale_alloc (length, 2, 1, 1));
      cr_assert_null (sb_operator_enlarge_alloc (2, 2, 1, length));
      cr_assert_null (sb_operator_haar_alloc (2, 2, length, 1));
      cr_assert_null (sb_sampler_work_alloc (score, length));
      cr_assert_null (sb_net_work_alloc (net, length, 1));
      cr_assert_null (sb_net_dual_alloc (net, length));
      cr_assert_null (sb_network_pass_alloc (&network, length, 1));
      cr_assert_null (sb_network_pass_dual_alloc (&network, length));
      for (size_t j = 0; sb_objectives (j); j++)
        {
          const sb_objective_type *type = (const sb_objective_type *)sb_objectives (j);
          sb_objective o
              = { .type = type, .process = type->draw_more ? edm : smld, .t_min = 0.1, .t_max = 1, .truth = score };
          sb_entry_usual (&type->entry, o.key);
          if (type->weighting)
            o.weighting.type = *type->weighting;
          if (k == 0)
            scoped (sb_objective_batch_alloc (&o, 5), "%s", type->entry.name);
          cr_assert_null (sb_objective_batch_alloc (&o, length), "%s", type->entry.name);
        }
      refused (GSL_ENOMEM, sb_energy_test (x, y, length, stream, &distance, &p));
      refused (GSL_ENOMEM, sb_ks_projections (x, y, length, stream, &distance, &p));
      gsl_odeiv2_system system = { NULL, NULL, length, NULL };
      refused (GSL_ENOMEM, sb_odeiv2_integrate (&system, 0, 1, 1, 1, &distance, NULL, NULL, NULL));
      cr_assert (distance == 17 && p == 17);
    }
}

// ## Results over what they are computed from

Test (arguments, results_lie_apart)
{
  sb_process *vp = scoped (sb_vp_alloc (2, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  sb_target *law = some_law (2);
  sb_score *score = scoped (sb_score_exact_alloc (law, vp));
  gsl_matrix *x = normals (4, 2, 3), *v = normals (4, 2, 4), *before = copy_of (x), *before_v = copy_of (v);
  gsl_vector *t = vector_all (4, 0.5);
  const sb_view views[] = { SB_SCORE, SB_DENOISER, SB_EPSILON };
  for (size_t k = 0; k < 3; k++)
    {
      refused (GSL_EINVAL, sb_target_evaluate (law, vp, views[k], x, t, x));
      refused (GSL_EINVAL, sb_score_evaluate (score, views[k], x, t, NULL, x));
      refused (GSL_EINVAL, sb_score_evaluate (score, views[k], x, t, v, v));
      refused (GSL_EINVAL, sb_score_estimate (score, views[k], x, t, NULL, x));
      refused (GSL_EINVAL, sb_score_jvp (score, views[k], x, t, NULL, v, x));
      refused (GSL_EINVAL, sb_score_jvp (score, views[k], x, t, NULL, v, v));
    }
  refused (GSL_EINVAL, sb_target_jvp (law, vp, x, t, v, x));
  refused (GSL_EINVAL, sb_target_jvp (law, vp, x, t, v, v));
  refused (GSL_EINVAL, sb_reverse_drift (score, NULL, t, x, x));
  refused (GSL_EINVAL, sb_flow_velocity (score, NULL, t, x, x));
  refused (GSL_EINVAL, sb_operator_apply (scoped (sb_operator_identity_alloc (2)), CblasNoTrans, NULL, x, x));
  cr_assert_eq (largest_difference (x, before), 0);
  cr_assert_eq (largest_difference (v, before_v), 0);
}

// ## Numbers that are none
//
// Each maker of something from a row of numbers is given a good row, then the same with one wrong, at three places.

enum
{
  ROW = 7
};

static int
smld_of (const gsl_vector *row)
{
  sb_process *made = sb_smld_sigmas_alloc (1, row);
  sb_process_free (made);
  return !made;
}

static int
ddpm_of (const gsl_vector *row)
{
  gsl_vector *beta = copy_of (row);
  gsl_vector_scale (beta, 0.1);
  sb_process *made = sb_ddpm_betas_alloc (1, beta);
  sb_process_free (made);
  return !made;
}

static int
diagonal_of (const gsl_vector *row)
{
  sb_operator *made = sb_operator_diagonal_alloc (row);
  sb_operator_free (made);
  return !made;
}

static int
dense_of (const gsl_vector *row)
{
  gsl_matrix_const_view A = gsl_matrix_const_view_vector (row, ROW, 1);
  sb_operator *made = sb_operator_dense_alloc (&A.matrix);
  sb_operator_free (made);
  return !made;
}

static int
scalar_of (const gsl_vector *row)
{
  int status = 0;
  for (size_t k = 0; k < ROW; k++)
    {
      sb_operator *made = sb_operator_scalar_alloc (1, gsl_vector_get (row, k));
      sb_operator_free (made);
      status |= !made;
    }
  return status;
}

static int
weights_of (const gsl_vector *row)
{
  sb_target *made = sb_target_points_alloc (normals (ROW, 2, 5), row);
  sb_target_free (made);
  return !made;
}

static int
mean_of_law (const gsl_vector *row)
{
  gsl_matrix *C = matrix (ROW, ROW);
  gsl_matrix_set_identity (C);
  sb_target *made = sb_target_gaussian_alloc (row, C);
  sb_target_free (made);
  return !made;
}

static int
points_of_law (const gsl_vector *row)
{
  gsl_matrix_const_view x = gsl_matrix_const_view_vector (row, ROW, 1);
  sb_target *made = sb_target_points_alloc (&x.matrix, NULL);
  sb_target_free (made);
  return !made;
}

static int
means_of_mixture (const gsl_vector *row)
{
  gsl_matrix_const_view means = gsl_matrix_const_view_vector (row, ROW, 1);
  sb_target *made = sb_target_mixture_alloc (vector_all (ROW, 1), &means.matrix, matrix_all (ROW, 1, 1));
  sb_target_free (made);
  return !made;
}

static int
covariance_of_law (const gsl_vector *row) // its first row and column
{
  gsl_matrix *C = matrix (ROW, ROW);
  gsl_matrix_set_identity (C);
  gsl_matrix_scale (C, 1000);
  gsl_matrix_set_row (C, 0, row);
  gsl_matrix_set_col (C, 0, row);
  *gsl_matrix_ptr (C, 0, 0) *= 1000;
  sb_target *made = sb_target_gaussian_alloc (vector_all (ROW, 0), C);
  sb_target_free (made);
  return !made;
}

static int
variances_of_law (const gsl_vector *row)
{
  gsl_matrix *C = matrix_all (ROW, ROW, 0);
  gsl_vector_view diagonal = gsl_matrix_diagonal (C);
  gsl_vector_memcpy (&diagonal.vector, row);
  sb_target *made = sb_target_gaussian_alloc (vector_all (ROW, 0), C);
  sb_target_free (made);
  return !made;
}

static int
times_of_sampler (const gsl_vector *row)
{
  sb_process *vp = scoped (sb_vp_alloc (1, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  sb_score *score = scoped (sb_score_exact_alloc (some_law (1), vp));
  gsl_vector *times = copy_of (row);
  gsl_vector_reverse (times);
  gsl_vector_scale (times, 0.1);
  const sb_pc pc = sb_pc_default ();
  return sb_pc_sample (&pc, score, NULL, times, stream, normals (2, 1, 6), NULL);
}

static int
start_of_sampler (const gsl_vector *row)
{
  sb_process *vp = scoped (sb_vp_alloc (1, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  sb_score *score = scoped (sb_score_exact_alloc (some_law (1), vp));
  const sb_pc pc = sb_pc_default ();
  gsl_matrix *x = matrix (ROW, 1);
  gsl_matrix_set_col (x, 0, row);
  int status = sb_pc_sample (&pc, score, NULL, vector_of (1, 0.5, 0.1), stream, x, NULL);
  return status == GSL_EBADFUNC ? GSL_SUCCESS : status; // it is not the score that is wrong
}

static int
start_of_flow (const gsl_vector *row)
{
  sb_process *vp = scoped (sb_vp_alloc (1, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  sb_score *score = scoped (sb_score_exact_alloc (some_law (1), vp));
  const sb_flow flow = sb_flow_default ();
  gsl_matrix *x = matrix (ROW, 1);
  gsl_matrix_set_col (x, 0, row);
  return sb_flow_run (&flow, score, NULL, 1, 0.1, x, NULL);
}

static int
points_of_score (const gsl_vector *row)
{
  sb_process *vp = scoped (sb_vp_alloc (1, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  sb_score *score = scoped (sb_score_exact_alloc (some_law (1), vp));
  gsl_matrix_const_view x = gsl_matrix_const_view_vector (row, ROW, 1);
  return sb_score_estimate (score, SB_SCORE, &x.matrix, vector_all (ROW, 0.5), NULL, matrix (ROW, 1));
}

static int
times_of_score (const gsl_vector *row)
{
  sb_process *vp = scoped (sb_vp_alloc (1, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  sb_score *score = scoped (sb_score_exact_alloc (some_law (1), vp));
  gsl_vector *t = copy_of (row);
  gsl_vector_scale (t, 0.1);
  return sb_score_estimate (score, SB_SCORE, normals (ROW, 1, 7), t, NULL, matrix (ROW, 1));
}

static const struct
{
  const char *name;
  int (*of) (const gsl_vector *row);
} makers[] = { { "SMLD's scales", smld_of },
               { "DDPM's betas", ddpm_of },
               { "a diagonal", diagonal_of },
               { "a matrix", dense_of },
               { "a scalar", scalar_of },
               { "weights", weights_of },
               { "a mean", mean_of_law },
               { "points", points_of_law },
               { "means", means_of_mixture },
               { "a covariance", covariance_of_law },
               { "variances", variances_of_law },
               { "a sampler's times", times_of_sampler },
               { "a sampler's points", start_of_sampler },
               { "a flow's points", start_of_flow },
               { "a score's points", points_of_score },
               { "a score's times", times_of_score } };

Test (arguments, numbers_that_are_none_are_refused_anywhere)
{
  const double wrong[] = { NAN, INFINITY, -INFINITY };
  for (size_t k = 0; k < sizeof makers / sizeof *makers; k++)
    {
      gsl_vector *row = vector (ROW);
      for (size_t i = 0; i < ROW; i++)
        gsl_vector_set (row, i, (double)(i + 1));
      ok (makers[k].of (row), "%s", makers[k].name);
      for (size_t place = 0; place < 3; place++)
        for (size_t w = 0; w < 3; w++)
          {
            gsl_vector *planted = copy_of (row);
            gsl_vector_set (planted, place * (ROW - 1) / 2, wrong[w]);
            cr_assert (makers[k].of (planted), "%s, place %zu: %g was taken", makers[k].name, place, wrong[w]);
          }
    }
}

// A ladder of noise does not begin at 0, nor stand still, nor turn.

Test (arguments, ladders_rise_from_above_zero)
{
  const double ladders[][4] = { { 0, 1, 2, 3 }, { -0.0, 1, 2, 3 }, { -1, 1, 2, 3 }, { 1, 1, 2, 3 }, { 1, 2, 2, 3 },
                                { 1, 2, 3, 3 }, { 2, 1, 3, 4 },    { 1, 3, 2, 4 },  { 1, 2, 4, 3 } };
  for (size_t k = 0; k < sizeof ladders / sizeof *ladders; k++)
    cr_assert_null (sb_smld_sigmas_alloc (1, scope_vector (4, ladders[k])), "ladder %zu", k);
  gsl_vector *grid = vector (4);
  refused (GSL_EINVAL, sb_grid_geometric (0, 1, grid));
  refused (GSL_EINVAL, sb_grid_edm (0, 1, 7, grid));
}

// A step that is far too long leaves the range of doubles, at the end too, where no score is asked any more.

Test (arguments, samples_are_numbers)
{
  sb_process *vp = scoped (sb_vp_alloc (1, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  sb_score *score = scoped (sb_score_exact_alloc (some_law (1), vp));
  for (size_t steps = 1; steps <= 3; steps++)
    {
      const sb_pc pc = sb_pc_langevin (1e308, steps);
      refused (GSL_EBADFUNC, sb_pc_sample (&pc, score, NULL, vector_of (0.5), stream, matrix_all (3, 1, 100), NULL));
    }
}
