#include <stdio.h>

int
main (void)
{
  puts ("scorebook");
  return 0;
}
