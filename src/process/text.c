// # A process from a line of text
//
// A checkpoint says under which process its network was trained, and a person says it on a command line, in the same
// words.

#include "text.h"

#include "ddpm.h"
#include "smld.h"
#include "subvp.h"
#include "ve.h"
#include "vp.h"

#include <errno.h>
#include <gsl/gsl_math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ## The kinds
//
// Two numbers each, and for a chain a count of levels.

typedef struct
{
  const char *kind, *low, *high;
  double default_low, default_high;
  sb_process *(*alloc) (size_t dimension, double low, double high);
  sb_process *(*chain_alloc) (size_t dimension, size_t levels, double low, double high);
} kind;

static const kind kinds[] = {
  { "ve", "sigma_min", "sigma_max", 0.01, 50, sb_ve_alloc, NULL },
  { "vp", "beta_min", "beta_max", 0.1, 20, sb_vp_alloc, NULL },
  { "subvp", "beta_min", "beta_max", 0.1, 20, sb_subvp_alloc, NULL },
  { "smld", "sigma_min", "sigma_max", 0.01, 50, NULL, sb_smld_alloc },
  { "ddpm", "beta_min", "beta_max", 0.1, 20, NULL, sb_ddpm_alloc },
};

typedef struct
{
  const kind *kind;
  double low, high, levels;
} settings;

enum
{
  LEVELS = 1000, // unless said
  MOST_LEVELS = 10000000,
  LONGEST = 256 // of a line
};

// ## Reading

static double *
number_called (settings *s, const char *key)
{
  if (strcmp (key, s->kind->low) == 0)
    return &s->low;
  if (strcmp (key, s->kind->high) == 0)
    return &s->high;
  return s->kind->chain_alloc && strcmp (key, "levels") == 0 ? &s->levels : NULL;
}

static int
read_words (char *line, settings *s, sb_error *error)
{
  char *rest = NULL, *word = strtok_r (line, " ", &rest), *end;
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    if (word && strcmp (word, kinds[k].kind) == 0)
      *s = (settings){ &kinds[k], kinds[k].default_low, kinds[k].default_high, LEVELS };
  if (!s->kind)
    SB_ERROR (error, GSL_EINVAL, "process: '%s': it begins with ve, vp, subvp, smld or ddpm", word ? word : "");

  while ((word = strtok_r (NULL, " ", &rest)))
    {
      char *value = strchr (word, '=');
      if (value)
        *value++ = 0;
      double *number = number_called (s, word);
      if (!value || !number)
        SB_ERROR (error, GSL_EINVAL, "process: %s has no key '%s'", s->kind->kind, word);
      *number = strtod (value, &end);
      if (*value == 0 || *end || !gsl_finite (*number))
        SB_ERROR (error, GSL_EINVAL, "process: %s=%s: not a number", word, value);
    }
  if (s->levels < 2 || s->levels > MOST_LEVELS || s->levels != rint (s->levels))
    SB_ERROR (error, GSL_EINVAL, "process: levels=%g: not a whole number from 2 to %d", s->levels, MOST_LEVELS);
  if (!(0 < s->low && s->low < s->high))
    SB_ERROR (error, GSL_EINVAL, "process: %s=%g %s=%g: not 0 < %s < %s", s->kind->low, s->low, s->kind->high, s->high,
              s->kind->low, s->kind->high);
  return GSL_SUCCESS;
}

sb_process *
sb_process_from_text (const char *text, size_t dimension, sb_error *error)
{
  char line[LONGEST];
  settings s = { 0 };
  if (strlen (text) >= sizeof line)
    SB_ERROR_NULL (error, GSL_EINVAL, "process: a line of %d characters at most", LONGEST - 1);
  snprintf (line, sizeof line, "%s", text);
  if (read_words (line, &s, error))
    return NULL;
  errno = 0;
  sb_process *process = s.kind->alloc ? s.kind->alloc (dimension, s.low, s.high)
                                      : s.kind->chain_alloc (dimension, (size_t)s.levels, s.low, s.high);
  if (!process)
    SB_ERROR_NULL (error, errno == ENOMEM ? GSL_ENOMEM : GSL_EINVAL, "process: '%s' cannot be made", text);
  return process;
}
