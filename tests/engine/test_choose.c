// # Choosing a backend

#include <config.h>

#include "engine/choose.h"
#include "net/backend.h"

#include <criterion/criterion.h>
#include <string.h>

static void
setup (void)
{
  gsl_set_error_handler_off ();
}

TestSuite (choose, .init = setup);

// A new network has the reference, which is last in the list and can always be used in float, and only there. What is
// chosen by name is what was named. What cannot be chosen is named in a line, and leaves the choice as it was.

static int
choose (const char *name, sb_net_precision precision, const sb_net_backend **backend, sb_error *error)
{
  sb_net *net = sb_net_alloc ("mlp inputs=2 outputs=2 width=5 layers=1 time=none", NULL);
  const sb_net_backend *before = net->backend;
  cr_assert_str_eq (sb_net_backend_name (before), "openblas");
  *error = (sb_error){ 0 };
  int status = sb_net_choose (net, name, precision, error);
  cr_assert (!status || (net->backend == before && net->precision == SB_NET_FLOAT));
  cr_assert (status || net->precision == precision);
  cr_assert_eq (error->code, status);
  *backend = net->backend;
  sb_net_free (net);
  return status;
}

Test (choose, backends_are_what_they_are_called)
{
  sb_error error;
  const sb_net_backend *chosen, *last = NULL;
  for (size_t k = 0; (chosen = sb_net_backend_at (k)); k++)
    {
      const sb_net_backend *named;
      last = chosen;
      for (sb_net_precision precision = SB_NET_FLOAT; precision <= SB_NET_BF16; precision++)
        if (choose (sb_net_backend_name (last), precision, &named, &error) == GSL_SUCCESS)
          cr_assert (named == last && sb_net_backend_usable (last, precision), "%s", sb_net_backend_name (last));
        else
          {
            cr_assert_eq (error.code, GSL_EUNSUP);
            cr_assert_not (sb_net_backend_usable (last, precision));
          }
    }
  cr_assert_not_null (last);
  cr_assert_str_eq (sb_net_backend_name (last), "openblas");
  cr_assert (sb_net_backend_usable (last, SB_NET_FLOAT) && !sb_net_backend_usable (last, SB_NET_BF16));
  cr_assert_eq (choose (NULL, SB_NET_FLOAT, &chosen, &error), GSL_SUCCESS, "whichever is fastest: %s", error.message);
  cr_assert_eq (choose ("abacus", SB_NET_FLOAT, &chosen, &error), GSL_EINVAL);
  cr_assert (strstr (error.message, "'abacus'"), "%s", error.message);
  for (size_t k = 0; sb_net_backend_at (k); k++)
    cr_assert (strstr (error.message, sb_net_backend_name (sb_net_backend_at (k))), "%s", error.message);
  cr_assert_eq (choose ("openblas", SB_NET_BF16, &chosen, &error), GSL_EUNSUP);
  cr_assert (strstr (error.message, "bf16") && strstr (error.message, "onednn"), "%s", error.message);
  cr_assert_eq (choose ("winograd", SB_NET_BF16, &chosen, &error), GSL_EUNSUP);
  cr_assert_eq (choose ("winograd", SB_NET_FLOAT, &chosen, &error), GSL_SUCCESS, "%s", error.message);
#ifndef HAVE_ONEDNN
  cr_assert_eq (choose ("onednn", SB_NET_FLOAT, &chosen, &error), GSL_EUNSUP);
  cr_assert (strstr (error.message, "onednn: not built in"), "%s", error.message);
  cr_assert_eq (choose (NULL, SB_NET_BF16, &chosen, &error), GSL_EUNSUP);
  cr_assert (strstr (error.message, "bf16"), "%s", error.message);
#endif
}
