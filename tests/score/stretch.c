// # A process that turns and stretches

#include "stretch.h"
#include "scope.h"

#include <math.h>
#include <string.h>

void
stretch_A (double t, double A[2][2])
{
  const double values[2][2] = { { exp (-t), 0.3 * t }, { -0.5 * t, exp (-2 * t) } };
  memcpy (A, values, sizeof values);
}

void
stretch_S (double t, double S[2][2])
{
  const double values[2][2] = { { t, 0.4 * t }, { -0.1 * t, sqrt (t) } };
  memcpy (S, values, sizeof values);
}

void
stretch_G (double t, double G[2][2])
{
  const double values[2][2] = { { 1 + t, 0.7 }, { -0.3, 0.5 } };
  memcpy (G, values, sizeof values);
}

static void
invert (double M[2][2])
{
  double det = M[0][0] * M[1][1] - M[0][1] * M[1][0];
  double values[2][2] = { { M[1][1] / det, -M[0][1] / det }, { -M[1][0] / det, M[0][0] / det } };
  memcpy (M, values, sizeof values);
}

static int
stretch_apply (const void *state, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s,
               const gsl_vector *t, gsl_matrix *x)
{
  (void)state, (void)s;
  for (size_t i = 0; i < x->size1; i++)
    {
      double M[2][2], a = gsl_matrix_get (x, i, 0), b = gsl_matrix_get (x, i, 1);
      if (map == SB_A || map == SB_A_INVERSE)
        stretch_A (gsl_vector_get (t, i), M);
      else if (map == SB_S || map == SB_S_INVERSE)
        stretch_S (gsl_vector_get (t, i), M);
      else if (map == SB_G)
        stretch_G (gsl_vector_get (t, i), M);
      else
        return GSL_EUNSUP;
      if (map == SB_A_INVERSE || map == SB_S_INVERSE)
        invert (M);
      int turned = transpose == CblasTrans;
      gsl_matrix_set (x, i, 0, M[0][0] * a + (turned ? M[1][0] : M[0][1]) * b);
      gsl_matrix_set (x, i, 1, (turned ? M[0][1] : M[1][0]) * a + M[1][1] * b);
    }
  return GSL_SUCCESS;
}

static int
stretch_log_det (const void *state, const gsl_vector *s, const gsl_vector *t, gsl_vector *log_det)
{
  (void)state, (void)s;
  for (size_t i = 0; i < t->size; i++)
    {
      double S[2][2];
      stretch_S (gsl_vector_get (t, i), S);
      gsl_vector_set (log_det, i, log (S[0][0] * S[1][1] - S[0][1] * S[1][0]));
    }
  return GSL_SUCCESS;
}

static const sb_process_type stretch_type = { .name = "stretch", .apply = stretch_apply, .log_det = stretch_log_det };

sb_process *
stretch_alloc (void)
{
  return scoped (sb_process_alloc (&stretch_type, NULL, 2, 0, 1, 0));
}
