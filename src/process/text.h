#ifndef SCOREBOOK_PROCESS_TEXT_H
#define SCOREBOOK_PROCESS_TEXT_H

#include "../base/error.h"
#include "process.h"

SB_BEGIN_DECLS

// A process from a line of text: a kind, then key=value pairs in any order, the paper's values where a key is left
// out.
//
//   ve sigma_min=0.01 sigma_max=50          vp beta_min=0.1 beta_max=20          subvp beta_min=0.1 beta_max=20
//   smld levels=1000 sigma_min=0.01 sigma_max=50                                  ddpm levels=1000 beta_min=0.1 beta_max=20
//
// NULL on failure: GSL_EINVAL with a line in `error` that names the word at fault; else as the processes' own alloc
// functions.
sb_process *sb_process_from_text (const char *text, size_t dimension, sb_error *error);

SB_END_DECLS

#endif
