// # The choice of a backend
//
// The fastest first, the reference last: it can always be used.

#include <config.h>

#include "choose.h"

#include "../net/reference.h"
#include "blocked_network.h"

#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <string.h>

static const sb_net_backend *const backends[] = {
#ifdef HAVE_ONEDNN
  &sb_net_onednn,
#endif
  &sb_net_winograd, &sb_net_openblas
};

enum
{
  BACKENDS = sizeof backends / sizeof *backends
};

const sb_net_backend *
sb_net_backend_at (size_t k)
{
  return k < BACKENDS ? backends[k] : NULL;
}

const char *
sb_net_backend_name (const sb_net_backend *backend)
{
  return backend->name;
}

int
sb_net_backend_usable (const sb_net_backend *backend, sb_net_precision precision)
{
  return (backend->precisions >> precision & 1) && backend->usable (precision);
}

static const sb_net_backend *
find_backend (const char *name)
{
  for (size_t k = 0; k < BACKENDS; k++)
    if (strcmp (name, backends[k]->name) == 0)
      return backends[k];
  return NULL;
}

static int
complain_of_name (const char *name, sb_error *error)
{
  char list[128] = "";
  size_t length = 0;
  for (size_t k = 0; k < BACKENDS && length < sizeof list; k++)
    length += (size_t)snprintf (list + length, sizeof list - length, "%s%s",
                                k == 0             ? ""
                                : k + 1 < BACKENDS ? ", "
                                                   : " or ",
                                backends[k]->name);
  SB_ERROR (error, GSL_EINVAL, "backend: %s, not '%s'", list, name);
}

static int
complain_of_backend (const char *name, sb_net_precision precision, sb_error *error)
{
  if (name && strcmp (name, "onednn") == 0 && !find_backend (name))
    SB_ERROR (error, GSL_EUNSUP, "backend onednn: not built in (configure --with-onednn)");
  if (name && !find_backend (name))
    return complain_of_name (name, error);
  if (precision == SB_NET_FLOAT)
    SB_ERROR (error, GSL_EUNSUP,
              "backend onednn: this processor has no AVX-512, or this process may run no code that it writes");
  if (!find_backend ("onednn") || (name && strcmp (name, "onednn") != 0))
    SB_ERROR (error, GSL_EUNSUP, "precision bf16: only with the backend onednn%s",
              find_backend ("onednn") ? "" : ", which is not built in");
  SB_ERROR (
      error, GSL_EUNSUP,
      "precision bf16: this processor has neither AVX512-BF16 nor AMX, or this process may run no code that it writes");
}

static int
is_wanted (const sb_net_backend *backend, const char *name)
{
  return name ? strcmp (name, backend->name) == 0 : !backend->fast || backend->fast ();
}

int
sb_net_choose (sb_net *net, const char *name, sb_net_precision precision, sb_error *error)
{
  for (size_t k = 0; k < BACKENDS; k++)
    if (is_wanted (backends[k], name) && sb_net_backend_usable (backends[k], precision))
      {
        net->backend = backends[k];
        net->precision = precision;
        return GSL_SUCCESS;
      }
  return complain_of_backend (name, precision, error);
}
