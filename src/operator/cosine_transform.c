// # The cosine transform, and Fourier's
//
// It maps $N$ numbers $x_n$ to as many frequencies,
// $$ y_k = c_k \sum_{n=0}^{N-1} x_n \cos\frac{\pi k (2n + 1)}{2N}, \qquad c_0 = \sqrt{1/N}, \quad c_k = \sqrt{2/N}, $$
// which is called DCT-II. With these $c_k$ the matrix is orthonormal, and its transpose, the DCT-III, its inverse. Its
// rows are the eigenvectors of every symmetric blur of a signal that is mirrored at its ends, and it is here because
// such a blur is diagonal in this basis. An image is transformed along its columns and along its rows.

#include "separable.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdbool.h>

// ## The matrix
//
// The angle is a whole multiple of $\pi/2N$. Whole periods are subtracted in integers, and $2\pi - \theta$ is replaced
// by $\theta$: a large argument would cost the cosine its last digits.

static gsl_matrix *
cosine_matrix (size_t N)
{
  gsl_matrix *C = gsl_matrix_alloc (N, N);
  for (size_t k = 0; k < N && C; k++)
    for (size_t n = 0; n < N; n++)
      {
        size_t steps = k * (2 * n + 1) % (4 * N);
        double angle = M_PI * (double)(steps > 2 * N ? 4 * N - steps : steps) / (2 * (double)N);
        gsl_matrix_set (C, k, n, sqrt ((k ? 2 : 1) / (double)N) * cos (angle));
      }
  return C;
}

// For a periodic signal the eigenvectors are cosines and sines of whole periods, row $2f-1$ and row $2f$ those of
// frequency $f$, $\sqrt{2/N}\cos(2\pi f n/N)$ and $\sqrt{2/N}\sin(2\pi f n/N)$; the first row and, where $N$ is even,
// the last have $\sqrt{1/N}$.

static gsl_matrix *
fourier_matrix (size_t N)
{
  gsl_matrix *C = gsl_matrix_alloc (N, N);
  for (size_t k = 0; k < N && C; k++)
    for (size_t n = 0; n < N; n++)
      {
        const bool single = k == 0 || (k == N - 1 && N % 2 == 0);
        double angle = 2 * M_PI * (double)((k + 1) / 2 * n % N) / (double)N;
        gsl_matrix_set (C, k, n,
                        sqrt ((single ? 1 : 2) / (double)N) * (k % 2 == 1 || k == 0 ? cos (angle) : sin (angle)));
      }
  return C;
}

// ## As operators

static const sb_operator_type cosine_type
    = { .name = "cosine", .apply = sb_separable_apply, .free = sb_separable_free, .orthonormal = 1 },
    fourier_type = { .name = "fourier", .apply = sb_separable_apply, .free = sb_separable_free, .orthonormal = 1 };

sb_operator *
sb_operator_cosine_alloc (size_t height, size_t width, size_t channels)
{
  if (sb_separable_check (cosine_type.name, height, width, channels))
    return NULL;
  return sb_separable_alloc (&cosine_type, cosine_matrix (height), cosine_matrix (width), channels);
}

sb_operator *
sb_operator_fourier_alloc (size_t height, size_t width, size_t channels)
{
  if (sb_separable_check (fourier_type.name, height, width, channels))
    return NULL;
  return sb_separable_alloc (&fourier_type, fourier_matrix (height), fourier_matrix (width), channels);
}
