// Prints the file of the library that a call of cblas_dgemm reaches in this process.

#include <dlfcn.h>
#include <scorebook/scorebook.h>
#include <stdio.h>

int
main (void)
{
  Dl_info where;
  void *dgemm = dlsym (RTLD_DEFAULT, "cblas_dgemm");
  if (sb_shard_count (10, 3) != 4 || !dgemm || !dladdr (dgemm, &where))
    return 1;
  puts (where.dli_fname);
  return 0;
}
