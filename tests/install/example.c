// Two points of two normals each.

#include <gsl/gsl_matrix.h>
#include <scorebook/scorebook.h>
#include <stdio.h>

int
main (void)
{
  gsl_matrix *z = gsl_matrix_alloc (2, 2);
  if (!z || sb_stream_normals ((sb_stream){ .seed = 1, .purpose = SB_FOR_USER }, 0, z) != GSL_SUCCESS)
    return 1;
  for (size_t i = 0; i < 2; i++)
    printf ("%.6f %.6f\n", gsl_matrix_get (z, i, 0), gsl_matrix_get (z, i, 1));
  gsl_matrix_free (z);
  return 0;
}
