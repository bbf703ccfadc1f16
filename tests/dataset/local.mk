check_PROGRAMS += %D%/test_idx
%C%_test_idx_SOURCES = %D%/test_idx.c %D%/scratch.c %D%/scratch.h
%C%_test_idx_LDFLAGS = -Wl,--wrap=realloc
%C%_test_idx_LDADD = $(LDADD) $(LIBRARIES_USED)
