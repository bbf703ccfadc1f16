// # Grey, apart from colour
//
// An orthogonal map of the three channels of a pixel after which grey is a channel of its own: the columns of
// [scoresde.txt-color-matrix]
// $$ \mathbf M = \begin{pmatrix} 1/\sqrt3 & -2/\sqrt6 & 0 \\ 1/\sqrt3 & 1/\sqrt6 & 1/\sqrt2 \\ 1/\sqrt3 & 1/\sqrt6 & -1/\sqrt2
//    \end{pmatrix} , \qquad \mathbf u = \mathbf M^{\mathsf T}(R, G, B)^{\mathsf T} . $$
// $u_1 = (R + G + B)/\sqrt3$, and the rest of a grey pixel is 0. (With the paper's three digits the matrix is
// orthogonal to $10^{-3}$ only, and it does not say which way it is applied: $\mathbf M\,(R, G, B)^{\mathsf T}$ does
// not isolate grey.) A standard Wiener process stays one under it, so that colouring a grey picture is imputation of
// two channels of three. [scoresde.txt-color-wiener]

#include "operator.h"

#include <math.h>

static int
colour_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
              gsl_matrix *out)
{
  const double a = 1 / sqrt (3), b = 1 / sqrt (6), c = 1 / sqrt (2);
  (void)state, (void)level;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j += 3)
      {
        const double *v = gsl_matrix_const_ptr (x, i, j);
        double *u = gsl_matrix_ptr (out, i, j);
        if (transpose == CblasNoTrans) // u = M^T v
          {
            u[0] = a * (v[0] + v[1] + v[2]);
            u[1] = b * (v[1] + v[2] - 2 * v[0]);
            u[2] = c * (v[1] - v[2]);
          }
        else // u = M v
          {
            u[0] = a * v[0] - 2 * b * v[1];
            u[1] = a * v[0] + b * v[1] + c * v[2];
            u[2] = a * v[0] + b * v[1] - c * v[2];
          }
      }
  return GSL_SUCCESS;
}

static const sb_operator_type colour_type = { .name = "colour", .apply = colour_apply, .orthonormal = 1 };

sb_operator *
sb_operator_colour_alloc (size_t pixels)
{
  return sb_operator_alloc (&colour_type, NULL, 3 * pixels, 3 * pixels);
}
