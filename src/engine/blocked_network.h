#ifndef SCOREBOOK_ENGINE_BLOCKED_NETWORK_H
#define SCOREBOOK_ENGINE_BLOCKED_NETWORK_H

#include "../net/backend.h"

extern const sb_net_backend sb_net_winograd; // blocked layouts, and convolutions by Winograd's algorithm
extern const sb_net_backend sb_net_onednn;   // blocked layouts and oneDNN's convolutions, where built

#endif
