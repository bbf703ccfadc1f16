check_PROGRAMS += %D%/test_idx %D%/test_npy %D%/test_png
%C%_test_idx_SOURCES = %D%/test_idx.c %D%/scratch.c %D%/scratch.h
%C%_test_idx_LDFLAGS = -Wl,--wrap=realloc
%C%_test_idx_LDADD = $(LDADD) $(LIBRARIES_USED)
%C%_test_npy_SOURCES = %D%/test_npy.c %D%/scratch.c %D%/scratch.h
%C%_test_npy_LDFLAGS = -Wl,--wrap=realloc
%C%_test_npy_LDADD = $(LDADD) $(LIBRARIES_USED)
%C%_test_png_SOURCES = %D%/test_png.c %D%/scratch.c %D%/scratch.h
%C%_test_png_LDFLAGS = -Wl,--wrap=malloc
%C%_test_png_LDADD = $(LDADD) $(LIBRARIES_USED)
