// # What a state keeps of its training

#include <config.h>
#include "training_record.h"

#include "../base/number.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ## The numbers

static const char *const ema_warmups[] = { "none", "steps", "images", NULL }; // in the order of sb_ema_warmup

static const char *const answers[] = { "no", "yes", NULL };

const sb_key training_keys[TRAINING_KEYS] = {
  [BATCH] = { .name = "batch", .usual = 64, .low = 1, .high = 1e6, .whole = true, .help = "samples per step" },
  [SHARD] = { .name = "shard",
              .usual = 8,
              .low = 1,
              .high = 1e6,
              .whole = true,
              .help = "samples that a thread processes at a time" },
  [RATE] = { .name = "rate", .usual = 2e-4, .high = 1, .above = true, .help = "Adam's learning rate" },
  [WARMUP] = { .name = "warmup", .usual = 5000, .high = HUGE_VAL, .help = "steps over which the learning rate rises" },
  [CLIP] = { .name = "clip", .usual = 1, .high = HUGE_VAL, .help = "maximum norm of the gradient, 0: no clipping" },
  [EMA] = { .name = "ema", .usual = 0.9999, .high = 1, .help = "decay rate of the moving average of the weights" },
  [EMA_WARMUP]
  = { .name = "ema-warmup",
      .words = ema_warmups,
      .usual = 1,
      .help = "how that rate rises: none, at once; steps, at step n at most (1 + n) / (10 + n); images, with a "
              "half-life of at most 5% of the images seen" },
  [T_MIN] = { .name = "t-min",
              .usual = SB_VP_EPSILON_TRAINING,
              .high = 0.5,
              .above = true,
              .help = "smallest training time of an SDE; not below the process's own, such as sigma_min with edm" },
  [DROP_LABELS] = { .name = "drop-labels",
                    .usual = 0,
                    .high = 1,
                    .help = "for a score: probability that a sample's class is dropped, for classifier-free guidance" },
  [SHIFT] = { .name = "shift",
              .usual = 2,
              .high = 1000,
              .whole = true,
              .help = "for a classifier: shift images at random by up to N pixels" },
  [FLIP] = { .name = "flip", .words = answers, .help = "flip each image horizontally at random" },
  [DSM_ABOVE] = { .name = "dsm-above",
                  .usual = 0,
                  .high = HUGE_VAL,
                  .help = "ignore the data at times up to T: no denoising loss there" },
  [RAMP] = { .name = "ramp",
             .usual = 0,
             .high = HUGE_VAL,
             .help = "images over which the learning rate rises from 0; 0: use --warmup" },
  [HALF_LIFE] = { .name = "half-life",
                  .usual = 0,
                  .high = HUGE_VAL,
                  .help = "half-life of the weights' average, in images, at most 5% of those seen; 0: use --ema" },
  [CLEAN] = { .name = "clean-gradient",
              .words = answers,
              .help = "replace NaN in the gradient by 0 and infinities by 1e5, and continue" },
  [GUARD] = { .name = "guard",
              .usual = 10,
              .high = HUGE_VAL,
              .help = "stop when consistency exceeds X times the smallest loss of the data; 0: never" }
};

static const sb_entry numbers = { "training", "its numbers", training_keys, TRAINING_KEYS };

static const sb_entry *
numbers_family (size_t k)
{
  return k == 0 ? &numbers : NULL;
}

training_settings
training_settings_none (void)
{
  training_settings s = { .range = { NAN, NAN }, .deviation = NAN };
  for (size_t k = 0; k < TRAINING_KEYS; k++)
    s.number[k] = (key_value){ &training_keys[k], NAN };
  return s;
}

static void
fill_numbers (training_settings *s, const double *value)
{
  for (size_t k = 0; k < TRAINING_KEYS; k++)
    s->number[k].value = isnan (s->number[k].value) ? value[k] : s->number[k].value;
}

static void
fill_line (const char **line, const char *otherwise)
{
  *line = *line ? *line : otherwise;
}

void
training_settings_fill (training_settings *s)
{
  double usual[SB_KEYS_MOST];
  sb_entry_usual (&numbers, usual);
  fill_numbers (s, usual);
  fill_line (&s->process, "vp");
  fill_line (&s->prediction, "epsilon");
  fill_line (&s->label, "time");
  fill_line (&s->objective, "dsm");
  fill_line (&s->levels, "uniform");
}

// ## The recipe
//
// A line for the numbers, and one for each other choice: "objective dsm".

char *
training_recipe (const training_settings *s)
{
  double value[TRAINING_KEYS];
  char numbers_line[1024], low[32], high[32], deviation[32];
  for (size_t k = 0; k < TRAINING_KEYS; k++)
    value[k] = s->number[k].value;
  if (sb_entry_write (&numbers, value, numbers_line, sizeof numbers_line))
    return NULL;
  sb_number_write (low, sizeof low, s->range[0]);
  sb_number_write (high, sizeof high, s->range[1]);
  sb_number_write (deviation, sizeof deviation, s->deviation);
  const char *format
      = "%s\nobjective %s\nweighting %s\nlevels %s\nprocess %s\nprediction %s\nlabel %s\ndata-range %s %s\n"
        "data-deviation %s\nseed %llu%s%s";
  const char *weighting = s->weighting ? s->weighting : "";
  const char *task = s->task ? s->task : "", *task_line = s->task ? "\ntask " : "";
  char *recipe;
  const int length
      = asprintf (&recipe, format, numbers_line, s->objective, weighting, s->levels, s->process, s->prediction,
                  s->label, low, high, deviation, (unsigned long long)s->seed, task_line, task);
  return length < 0 ? NULL : recipe;
}

static int
read_seed (const char *text, training_settings *s)
{
  char *end;
  errno = 0;
  unsigned long long seed = strtoull (text, &end, 10);
  if (!(*text >= '0' && *text <= '9') || *end || errno)
    return GSL_EINVAL;
  s->seed = s->seeded ? s->seed : seed;
  return GSL_SUCCESS;
}

static int
read_line (const char *line, training_settings *s, sb_error *error)
{
  const struct
  {
    const char *what, **to;
  } lines[] = { { "objective ", &s->objective },
                { "weighting ", &s->weighting },
                { "levels ", &s->levels },
                { "process ", &s->process },
                { "prediction ", &s->prediction },
                { "label ", &s->label },
                { "task ", &s->task } };
  for (size_t k = 0; k < sizeof lines / sizeof *lines; k++)
    if (strncmp (line, lines[k].what, strlen (lines[k].what)) == 0)
      {
        const char *value = line + strlen (lines[k].what);
        fill_line (lines[k].to, *value ? value : NULL);
        return GSL_SUCCESS;
      }
  double value[SB_KEYS_MOST];
  if (strncmp (line, "data-range ", 11) == 0 && sb_numbers_read (line + 11, 2, value) == 2)
    memcpy (s->range, isnan (s->range[0]) ? value : s->range, sizeof s->range);
  else if (strncmp (line, "data-deviation ", 15) == 0 && sb_numbers_read (line + 15, 1, value) == 1)
    s->deviation = isnan (s->deviation) ? *value : s->deviation;
  else if (strncmp (line, "training ", 9) == 0)
    {
      if (!sb_entry_read (numbers_family, "recipe", line, value, error))
        return error->code;
      fill_numbers (s, value);
    }
  else if (strncmp (line, "seed ", 5) != 0 || read_seed (line + 5, s))
    SB_ERROR (error, GSL_EINVAL, "recipe: '%.60s' is not a line of a recipe", line);
  return GSL_SUCCESS;
}

int
training_settings_from (char *recipe, const char *path, training_settings *s)
{
  char *rest = NULL;
  for (char *line = strtok_r (recipe, "\n", &rest); line; line = strtok_r (NULL, "\n", &rest))
    {
      sb_error error = { 0 };
      if (read_line (line, s, &error))
        return failure ("%s: %s", path, error.message);
    }
  training_settings_fill (s);
  return EXIT_SUCCESS;
}

// ## The report

const char *
training_report_header (const training_report *r)
{
  return r->numbers == CURVE_NUMBERS ? "step,loss,norm,consistency,data" : "step,loss,norm";
}

int
training_report_add (training_report *r, uint64_t step, const double *number)
{
  char line[128];
  const double since = (double)++r->since;
  for (size_t k = 0; k < r->numbers; k++)
    r->sum[k] += number[k];
  if (step % CURVE_STEPS != 0)
    return EXIT_SUCCESS;
  int length = snprintf (line, sizeof line, "%llu", (unsigned long long)step);
  for (size_t k = 0; k < r->numbers; k++)
    {
      r->last[k] = r->sum[k] / since;
      r->sum[k] = 0;
      length += snprintf (line + length, sizeof line - (size_t)length, ",%.6g", r->last[k]);
    }
  char *more = realloc (r->lines, r->length + (size_t)length + 2);
  if (!more)
    return failure ("no memory for the curve");
  sprintf (more + r->length, "%s\n", line);
  r->since = 0;
  r->lines = more;
  r->length += (size_t)length + 1;
  return EXIT_SUCCESS;
}

// The sums and the steps that they are of, then the lines.

char *
training_report_write (const training_report *r)
{
  char *text = malloc (r->length + 160);
  size_t length = 0;
  for (size_t k = 0; k < r->numbers && text; k++)
    {
      char sum[32];
      sb_number_write (sum, sizeof sum, r->sum[k]);
      length += (size_t)sprintf (text + length, "%s ", sum);
    }
  if (text)
    sprintf (text + length, "%llu\n%s", (unsigned long long)r->since, r->lines ? r->lines : "");
  return text;
}

// Lines of a curve: steps that rise by CURVE_STEPS up to `step`, and two or four numbers each, which may be NaN where
// a training went on with a clean gradient.

static bool
is_curve (const char *text, uint64_t step, size_t columns)
{
  unsigned long long before = 0;
  while (*text)
    {
      char *end;
      unsigned long long at = strtoull (text, &end, 10);
      if (*text < '0' || *text > '9' || *end != ',' || at % CURVE_STEPS || at <= before || at > step)
        return false;
      before = at;
      for (size_t k = 0; k < columns; k++)
        {
          const char *number = end + 1;
          if (*end != ',' || isspace ((unsigned char)*number))
            return false;
          sb_number_read (number, &end);
          if (end == number)
            return false;
        }
      if (*end != '\n')
        return false;
      text = end + 1;
    }
  return true;
}

int
training_report_read (const char *text, uint64_t step, const char *path, training_report *r)
{
  double sums[CURVE_NUMBERS + 1] = { 0 };
  char first[128];
  size_t length = strcspn (text, "\n");
  snprintf (first, sizeof first, "%.*s", (int)(length < sizeof first ? length : 0), text);
  const size_t count = (size_t)sb_numbers_read (first, CURVE_NUMBERS + 1, sums), columns = count > 0 ? count - 1 : 0;
  const double since = sums[columns];
  if (text[length] != '\n' || (columns != 2 && columns != CURVE_NUMBERS)
      || !(since >= 0 && since < CURVE_STEPS && since == rint (since)) || !is_curve (text + length + 1, step, columns))
    return failure ("%s: report: not that of a training of %llu steps", path, (unsigned long long)step);
  *r = (training_report){ .numbers = columns,
                          .since = (uint64_t)since,
                          .lines = strdup (text + length + 1),
                          .length = strlen (text + length + 1) };
  memcpy (r->sum, sums, columns * sizeof *sums);
  return r->lines ? EXIT_SUCCESS : failure ("%s: no memory", path);
}

int
training_report_widen (training_report *r)
{
  if (r->numbers == CURVE_NUMBERS)
    return EXIT_SUCCESS;
  char *wider = malloc (3 * r->length + 1), *to = wider; // a line is longer than what it gains
  if (!wider)
    return failure ("no memory for the curve");
  *to = 0;
  for (const char *at = r->lines, *end; *at; at = end + 1)
    {
      const char *loss = strchr (at, ',');
      end = strchr (at, '\n');
      to += sprintf (to, "%.*s,0%.*s\n", (int)(end - at), at, (int)strcspn (loss + 1, ",") + 1, loss);
    }
  free (r->lines);
  r->lines = wider;
  r->length = (size_t)(to - wider);
  r->sum[3] = r->sum[0];
  r->numbers = CURVE_NUMBERS;
  return EXIT_SUCCESS;
}

double
training_report_least (const training_report *r)
{
  double least = INFINITY;
  for (const char *at = r->lines; *at; at = strchr (at, '\n') + 1)
    {
      double of[CURVE_NUMBERS] = { 0 };
      char *end = strchr (at, ',');
      for (size_t k = 0; k < r->numbers; k++)
        of[k] = sb_number_read (end + 1, &end);
      if (strtoull (at, NULL, 10) > r->from)
        least = fmin (least, of[r->numbers == CURVE_NUMBERS ? 3 : 0]);
    }
  return least;
}
