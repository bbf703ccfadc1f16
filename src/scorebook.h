#ifndef SCOREBOOK_H
#define SCOREBOOK_H

// All of Scorebook. Each header can be included on its own as well: #include <scorebook/process/process.h>

#include "base/dopri5.h"
#include "base/error.h"
#include "base/file.h"
#include "base/integrate.h"
#include "base/rms_control.h"
#include "base/shard.h"
#include "base/stream.h"
#include "dataset/bytes.h"
#include "dataset/idx.h"
#include "dataset/source.h"
#include "grid/grid.h"
#include "grid/interpolate.h"
#include "measure/frechet.h"
#include "process/ddpm.h"
#include "process/moments.h"
#include "process/process.h"
#include "process/scalar.h"
#include "process/smld.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "sampler/drift.h"
#include "sampler/forward.h"
#include "sampler/pc.h"
#include "sampler/sampler.h"
#include "score/callback.h"
#include "score/exact.h"
#include "score/score.h"
#include "score/tweedie.h"
#include "target/target.h"

#endif
