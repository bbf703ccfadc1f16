# The library's own calls for memory pass through scratch.c, where each in turn can be made to fail.
SCRATCH_WRAP = -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=gsl_matrix_alloc \
  -Wl,--wrap=gsl_vector_alloc -Wl,--wrap=inflateInit2_

check_PROGRAMS += %D%/test_idx
%C%_test_idx_SOURCES = %D%/test_idx.c %D%/scratch.c %D%/scratch.h
%C%_test_idx_LDFLAGS = $(SCRATCH_WRAP)
%C%_test_idx_LDADD = $(LDADD) $(LIBRARIES_USED)
