// # Any text as what a state keeps of its training
//
// A recipe that is read can be written, and is then read as the same. A report is read after a first byte, which says
// how many steps the training has done; with a number more in each line it is still one, of as many lines.

#include "harness.h"

#include "cli/training_record.h"

#include <stdlib.h>
#include <string.h>

static void
check_recipe (char *text)
{
  training_settings s = training_settings_none (), again = s;
  if (training_settings_from (text, "text", &s) != EXIT_SUCCESS)
    return;
  char *recipe = training_recipe (&s), *kept = recipe ? strdup (recipe) : NULL;
  if (!kept || training_settings_from (kept, "recipe", &again) != EXIT_SUCCESS)
    abort ();
  char *recipe_again = training_recipe (&again);
  if (!recipe_again || strcmp (recipe, recipe_again) != 0)
    abort ();
  free (recipe_again);
  free (kept);
  free (recipe);
}

static void
check_wider (training_report *report, uint64_t step)
{
  const double least = training_report_least (report);
  training_report again = { 0 };
  const bool wider = training_report_widen (report) == EXIT_SUCCESS;
  char *written = wider ? training_report_write (report) : NULL;
  if (!written || training_report_read (written, step, "wider", &again) != EXIT_SUCCESS
      || again.numbers != CURVE_NUMBERS || strlen (report->lines) != report->length
      || strcmp (report->lines, again.lines) != 0 || training_report_least (&again) != least)
    abort ();
  free (again.lines);
  free (written);
}

static void
check_report (const char *text, uint64_t step)
{
  training_report report = { 0 };
  if (training_report_read (text, step, "text", &report) != EXIT_SUCCESS)
    return;
  char *written = training_report_write (&report);
  training_report again = { 0 };
  if (!written || training_report_read (written, step, "written", &again) != EXIT_SUCCESS
      || strcmp (report.lines, again.lines) != 0)
    abort ();
  free (again.lines);
  free (written);
  check_wider (&report, step);
  free (report.lines);
}

int
fuzz_record (const uint8_t *data, size_t size)
{
  char *text = fuzz_text (data, size);
  if (size > 0)
    check_report (text + 1, (uint64_t)data[0] * CURVE_STEPS);
  check_recipe (text);
  free (text);
  return 0;
}
