// # Any line as a network
//
// What is made of it has as many parameters as its tensors together, one after another.

#include "harness.h"

#include "net/graph.h"

#include <stdlib.h>

static void
check_tensors (const sb_net *net)
{
  size_t next = 0;
  for (size_t k = 0; k < sb_net_tensors (net); k++)
    {
      const sb_net_tensor tensor = sb_net_tensor_at (net, k);
      size_t product = 1;
      for (size_t axis = 0; axis < tensor.rank; axis++)
        product *= tensor.size[axis];
      if (tensor.offset != next || tensor.count != product)
        abort ();
      next += tensor.count;
    }
  if (next != net->parameters)
    abort ();
}

int
fuzz_network (const uint8_t *data, size_t size)
{
  sb_error error;
  char *line = fuzz_text (data, size);
  sb_net *net = sb_net_alloc (line, &error);
  if (net)
    check_tensors (net);
  sb_net_free (net);
  free (line);
  return 0;
}
