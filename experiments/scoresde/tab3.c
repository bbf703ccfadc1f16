// # Table 3: how good samples are
//
// `scorebook sample` has drawn clothes from every network that is there, by the samplers of the paper; a classifier
// looks at them. [scoresde.tab3]

#include "../judge.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ## What is published, and what stands for it
//
// A name without a network is the paper's alone.

typedef struct
{
  const char *name, *row, *frechet, *inception;
  bool unit;   // images in [0, 1], else in [-1, 1]
  bool digits; // else clothes
  bool there;
  verdict all, se;
} entry;

enum
{
  DDPM,
  VP,
  SUBVP,
  DDPMPP,
  VE,
  NCSNPP,
  VP_FLOW,
  SUBVP_FLOW,
  DDPMPP_FLOW,
  SHALLOW, // of digits
  DEEP,
  ENTRIES
};

static entry table[ENTRIES]
    = { [DDPM] = { .name = "ddpm", .row = "DDPM", .frechet = "3.17", .inception = "9.46 ± .11" },
        [VP] = { .name = "vp", .row = "DDPM cont. (VP)", .frechet = "", .inception = "" },
        [SUBVP] = { .name = "subvp", .row = "DDPM cont. (sub-VP)", .frechet = "", .inception = "" },
        [DDPMPP] = { .name = "ddpmpp", .row = "DDPM++ cont. (VP)", .frechet = "2.55", .inception = "9.58" },
        [VE] = { .name = "ve", .row = "DDPM cont. (VE)", .frechet = "", .inception = "", .unit = true },
        [NCSNPP]
        = { .name = "ncsnpp", .row = "NCSN++ cont. (VE)", .frechet = "2.38", .inception = "9.83", .unit = true },
        [VP_FLOW] = { .name = "vp-flow", .row = "DDPM cont. (VP), by the flow", .frechet = "3.69", .inception = "" },
        [SUBVP_FLOW]
        = { .name = "subvp-flow", .row = "DDPM cont. (sub-VP), by the flow", .frechet = "3.56", .inception = "" },
        [DDPMPP_FLOW]
        = { .name = "ddpmpp-flow", .row = "DDPM++ cont. (VP), by the flow", .frechet = "3.93", .inception = "" },
        [SHALLOW] = { .name = "digits",
                      .row = "DDPM cont. (VE), digits",
                      .frechet = "",
                      .inception = "",
                      .unit = true,
                      .digits = true },
        [DEEP] = { .name = "digits-deep",
                   .row = "DDPM cont. (deep, VE), digits",
                   .frechet = "",
                   .inception = "",
                   .unit = true,
                   .digits = true } };

static const struct
{
  const char *row, *frechet, *inception;
} published[] = { { "BigGAN (conditional)", "14.73", "9.22" },
                  { "StyleGAN2-ADA (conditional)", "2.42", "10.14" },
                  { "StyleGAN2-ADA", "2.92", "9.83" },
                  { "NCSN", "25.32", "8.87 ± .12" },
                  { "NCSNv2", "10.87", "8.40 ± .07" },
                  { "DDPM++", "2.78", "9.64" },
                  { "DDPM++ cont. (sub-VP)", "2.61", "9.56" },
                  { "DDPM++ cont. (deep, VP)", "2.41", "9.68" },
                  { "DDPM++ cont. (deep, sub-VP)", "2.41", "9.57" },
                  { "NCSN++", "2.45", "9.73" },
                  { "NCSN++ cont. (deep, VE)", "2.20", "9.89" } };

static void
put (results *r, const entry *e, size_t n, const char *of)
{
  char note[96];
  snprintf (note, sizeof note, "%zu %s", n, of);
  results_row (r, e->row, "Frechet distance", e->frechet, e->all.frechet, e->se.frechet, "", note);
  results_row (r, e->row, "Inception score", e->inception, e->all.inception, e->se.inception, "", note);
}

static size_t
look_at (results *r, const judge *j, entry *e)
{
  char path[4096];
  sb_error error = { 0 };
  snprintf (path, sizeof path, "%s-%s.npy", r->out, e->name);
  FILE *file = fopen (path, "r");
  if (!file)
    return 0; // there is no such network
  fclose (file);
  gsl_matrix *x = require_pointer (sb_npy_read (path, NULL, &error), error.message);
  const double low = e->unit ? 0 : -1;
  const size_t n = x->size1;
  e->there = true;
  e->all = judged_with_errors (j, x, low, 1, &e->se);
  put (r, e, n, "samples; published: CIFAR-10, 50,000 samples");
  if (!strstr (e->name, "flow") && !e->digits)
    picture (r, e->name, x, GSL_MIN (n, 16), low, 1);
  gsl_matrix_free (x);
  return n;
}

// What perfect samples would have, at this number, and noise.

static void
put_test_images (results *r, const judge *j, size_t n)
{
  entry e = { .row = "test images", .frechet = "", .inception = "" };
  gsl_matrix *x = test_clothes (0, GSL_MIN (n, 500), -1, 1);
  e.all = judged_with_errors (j, x, -1, 1, &e.se);
  put (r, &e, x->size1, "images");
  require (sb_stream_uniforms ((sb_stream){ .seed = r->seed, .purpose = SB_FOR_USER }, 0, x), "noise");
  e.row = "uniform noise";
  e.all = judged_with_errors (j, x, 0, 1, &e.se);
  put (r, &e, x->size1, "images");
  gsl_matrix_free (x);
}

static void
put_published (results *r)
{
  for (size_t k = 0; k < sizeof published / sizeof *published; k++)
    fprintf (r->rows, "\"%s\",Frechet distance,%s,,,,published only\n\"%s\",Inception score,%s,,,,published only\n",
             published[k].row, published[k].frechet, published[k].row, published[k].inception);
}

// ## Claims

static void
claim_untested (results *r, const char *claim, const char *reason)
{
  fprintf (r->claims, "\"%s\",untested,%s\n", claim, reason);
}

// Where the order is the wrong one but within two standard errors, so many samples cannot tell.

static void
claim_at_most (results *r, const char *claim, int better, int worse)
{
  const entry *a = &table[better], *b = &table[worse];
  const double above = a->all.frechet - b->all.frechet, noise = 2 * gsl_hypot (a->se.frechet, b->se.frechet);
  char reason[128] = "a few samples in two steps say nothing";
  if (!a->there || !b->there)
    snprintf (reason, sizeof reason, "the network of %s is not there", a->there ? b->row : a->row);
  else if (r->scale != SMOKE)
    snprintf (reason, sizeof reason, "distances %.3g and %.3g: two standard errors of the difference are %.2g",
              a->all.frechet, b->all.frechet, noise);
  if (r->scale == SMOKE || !a->there || !b->there || (above > 0 && above <= noise))
    claim_untested (r, claim, reason);
  else
    results_claim (r, claim, above <= 0, "%s", reason);
}

int
main (void)
{
  results r = results_open ();
  judge j = judge_open ("fashion"), of_digits = judge_open ("mnist");
  size_t n = 0;
  for (size_t k = 0; k < ENTRIES; k++)
    {
      const size_t drawn = look_at (&r, table[k].digits ? &of_digits : &j, &table[k]);
      n = GSL_MAX (n, drawn);
    }
  require (n ? GSL_SUCCESS : GSL_EINVAL, "a network");
  put_test_images (&r, &j, n);
  put_published (&r);
  claim_at_most (&r, "Continuous training is at least as good as discrete training", VP, DDPM);
  claim_at_most (&r, "DDPM++ is at least as good as DDPM's architecture (VP)", DDPMPP, VP);
  claim_at_most (&r, "NCSN++ is at least as good as DDPM's architecture (VE)", NCSNPP, VE);
  claim_at_most (&r, "VE draws at least as good samples as VP", NCSNPP, DDPMPP); // [scoresde.txt-arch-claims]
  claim_at_most (&r, "... with DDPM's architecture", VE, VP);
  claim_at_most (&r, "Table 3's sampler is at least as good as Table 2's flow: DDPM cont. (VP)", VP, VP_FLOW);
  claim_at_most (&r, "Table 3's sampler is at least as good as Table 2's flow: DDPM cont. (sub-VP)", SUBVP, SUBVP_FLOW);
  claim_at_most (&r, "Table 3's sampler is at least as good as Table 2's flow: DDPM++ cont. (VP)", DDPMPP, DDPMPP_FLOW);
  claim_at_most (&r, "Twice as many residual blocks are at least as good: DDPM's architecture (VE), digits", DEEP,
                 SHALLOW);
  judge_close (of_digits);
  judge_close (j);
  results_close (&r);
  return EXIT_SUCCESS;
}
