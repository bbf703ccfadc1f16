// # Figure 12: faces
//
// `scorebook sample` has drawn faces by the sampler of Appendix H.3; here they are shown, and their distance to the
// training faces is put beside that of test faces and of noise. [scoresde.fig12]

#include "../faces.h"

#include <gsl/gsl_math.h>
#include <stdlib.h>
#include <string.h>

enum
{
  LARGE = 64
};

// The network of VE has learned faces in [0, 1]; features are taken in [-1, 1].

static gsl_matrix *
drawn_faces (const results *r, bool unit)
{
  char path[4096];
  snprintf (path, sizeof path, "%s-x.npy", r->out);
  gsl_matrix *x = rows_of_file (path, face_size (LARGE));
  if (unit)
    {
      gsl_matrix_scale (x, 2);
      gsl_matrix_add_constant (x, -1);
    }
  return x;
}

int
main (void)
{
  results r = results_open ();
  const char *network = getenv ("NETWORK"),
             *nearer = "Faces drawn are ten times nearer to the training faces than noise";
  const bool progressive = network && strcmp (network, "faces64-ncsnpp") == 0;
  gsl_matrix *x = drawn_faces (&r, progressive), *test = test_faces (LARGE, x->size1),
             *z = require_pointer (gsl_matrix_alloc (x->size1, x->size2), "noise");
  double drawn[KINDS], noise[KINDS];
  require (sb_stream_normals ((sb_stream){ .seed = r.seed, .purpose = SB_FOR_PRIOR }, 0, z), "noise");
  picture_faces (&r, "faces", x, LARGE, GSL_MIN (x->size1, 8));
  for (kind k = 0; k < KINDS; k++)
    {
      char column[64];
      sb_moments_file *training = training_moments (k, LARGE);
      double of_x, of_z, of_test;
      drawn[k] = frechet_with_error (training, k, x, LARGE, &of_x);
      noise[k] = frechet_with_error (training, k, z, LARGE, &of_z);
      const double floor = frechet_with_error (training, k, test, LARGE, &of_test);
      snprintf (column, sizeof column, "Frechet distance by %s", kind_name[k]);
      results_row (&r, "samples", column, "", drawn[k], of_x, "", kind_note[k]);
      results_row (&r, "test faces", column, "", floor, of_test, "", kind_note[k]);
      results_row (&r, "noise", column, "", noise[k], of_z, "", kind_note[k]);
      sb_moments_file_free (training);
    }
  if (r.scale == SMOKE)
    untested (&r, nearer, "two faces say nothing");
  else
    results_claim (&r, nearer, drawn[BY_MEANS] < noise[BY_MEANS] / 10 && drawn[BY_FILTERS] < noise[BY_FILTERS] / 10,
                   "by means of colours %.3g and %.3g, by filters %.3g and %.3g; by the network %s", drawn[BY_MEANS],
                   noise[BY_MEANS], drawn[BY_FILTERS], noise[BY_FILTERS], network);
  untested (&r, "NCSN++ with progressive input and output draws faces of high fidelity",
            progressive ? "fidelity is for the eye" : "no such network comes with the data: another drew these");
  untested (&r, "It does so at 1024x1024 pixels", "faces here have 64x64");
  gsl_matrix_free (z);
  gsl_matrix_free (test);
  gsl_matrix_free (x);
  results_close (&r);
  return EXIT_SUCCESS;
}
