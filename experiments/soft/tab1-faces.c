// # Table 1 on faces
//
// Faces under blur and noise by Momentum, under noise alone (VE) by reverse diffusion, and under DDPM's chain by its
// own sampler and by DDIM, at the same number of evaluations: distances of two kinds of features to those of the
// training faces. [soft.tab1] [soft.fig2]

#include "../faces.h"
#include "drawn.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

enum
{
  SOFT,
  VE,
  DDPM,
  DDIM,
  ROWS,
  SIDE32 = 32,
  SHOWN = 48 // in a picture
};

static const struct
{
  const char *name, *row, *published;
  way by;
} entries[ROWS] = {
  { "faces32-soft", "Blur and noise", "1.85", { "Momentum", &sb_step_momentum, NULL } },
  { "faces32-ve", "DDPM cont. (VE; NCSN++ there)", "3.25", { "reverse diffusion", &sb_step_reverse_diffusion, NULL } },
  { "faces32-ddpm", "DDPM (VP)", "3.26", { "ancestral", &sb_step_ancestral, NULL } },
  { "faces32-ddpm", "DDIM (VP)", "3.51", { "DDIM", &sb_step_ddim, NULL } }
};

static void
put (results *r, const char *row, const char *published, const gsl_matrix *x, found *of)
{
  for (kind k = 0; k < KINDS; k++)
    {
      char column[64];
      sb_moments_file *training = training_moments (k, SIDE32);
      of[k].distance = frechet_with_error (training, k, x, SIDE32, &of[k].se);
      snprintf (column, sizeof column, "Frechet distance by %s", kind_name[k]);
      results_row (r, row, column, published, of[k].distance, of[k].se, "", kind_note[k]);
      sb_moments_file_free (training);
    }
}

// Features are of faces in [-1, 1], the range of DDPM; the others' is [0, 1].

static void
look_at (results *r, int k, size_t evaluations, size_t n, found *of)
{
  network w = network_open (entries[k].name);
  require (w.model ? GSL_SUCCESS : GSL_EINVAL, entries[k].name);
  gsl_matrix *x = drawn (r, &w, &entries[k].by, evaluations, n);
  if (w.model->low == 0)
    {
      gsl_matrix_scale (x, 2);
      gsl_matrix_add_constant (x, -1);
    }
  put (r, entries[k].row, entries[k].published, x, of);
  const gsl_matrix_const_view some = gsl_matrix_const_submatrix (x, 0, 0, GSL_MIN (n, (size_t)SHOWN), x->size2);
  picture_faces (r, k == DDIM ? "faces32-ddim" : entries[k].name, &some.matrix, SIDE32, 8);
  gsl_matrix_free (x);
  network_close (w);
}

int
main (void)
{
  results r = results_open ();
  const size_t evaluations = r.scale == SMOKE   ? 2
                             : r.scale == QUICK ? 50
                                                : 1000,
               n = r.scale == SMOKE   ? 9
                   : r.scale == QUICK ? 144
                                      : 1000;
  found of[ROWS][KINDS], of_test[KINDS];
  for (int k = 0; k < ROWS; k++)
    look_at (&r, k, evaluations, n, of[k]);
  gsl_matrix *test = test_faces (SIDE32, GSL_MIN (n, (size_t)TEST_FACES));
  put (&r, "test faces", "", test, of_test);
  gsl_matrix_free (test);
  claim_below (&r, "Blur and noise is better than noise alone (VE): by colours", of[SOFT][BY_MEANS], 1,
               of[VE][BY_MEANS]);
  claim_below (&r, "... than noise alone: by edges and textures", of[SOFT][BY_FILTERS], 1, of[VE][BY_FILTERS]);
  claim_below (&r, "... than DDPM: by colours", of[SOFT][BY_MEANS], 1, of[DDPM][BY_MEANS]);
  claim_below (&r, "... than DDPM: by edges and textures", of[SOFT][BY_FILTERS], 1, of[DDPM][BY_FILTERS]);
  claim_below (&r, "... than DDIM: by colours", of[SOFT][BY_MEANS], 1, of[DDIM][BY_MEANS]);
  claim_below (&r, "... than DDIM: by edges and textures", of[SOFT][BY_FILTERS], 1, of[DDIM][BY_FILTERS]);
  results_close (&r);
  return EXIT_SUCCESS;
}
