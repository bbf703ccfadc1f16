// # Any line as a member of each family
//
// What is read can be written, and what is written is read as the same.

#include "harness.h"

#include "base/entry.h"
#include "net/graph.h"
#include "objective/objective.h"
#include "objective/weightings.h"
#include "process/kinds.h"
#include "sampler/sampler.h"
#include "score/network.h"

#include <stdlib.h>
#include <string.h>

static const sb_family families[] = { sb_net_architectures, sb_processes,  sb_steps,       sb_correctors,
                                      sb_objectives,        sb_weightings, sb_predictions, sb_labels };

static void
check_line (sb_family family, const char *line)
{
  sb_error error;
  double value[SB_KEYS_MOST], again[SB_KEYS_MOST];
  char text[1024], text_again[1024];
  const sb_entry *entry = sb_entry_read (family, "line", line, value, &error);
  if (entry
      && (sb_entry_check (entry, value, &error) || sb_entry_write (entry, value, text, sizeof text)
          || sb_entry_read (family, "line", text, again, &error) != entry
          || sb_entry_write (entry, again, text_again, sizeof text_again) || strcmp (text, text_again) != 0))
    abort ();
}

int
fuzz_entry (const uint8_t *data, size_t size)
{
  sb_error error;
  char *line = fuzz_text (data, size);
  for (size_t k = 0; k < sizeof families / sizeof *families; k++)
    check_line (families[k], line);
  sb_process_free (sb_process_from_text (line, 3, &error));
  free (line);
  return 0;
}
