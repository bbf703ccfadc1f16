check_PROGRAMS += %D%/test_idx %D%/test_npy %D%/test_png
of_scratch = %D%/scratch.c %D%/scratch.h
that_asks = -Wl,--wrap=malloc -Wl,--wrap=realloc
%C%_test_idx_SOURCES = %D%/test_idx.c $(of_scratch)
%C%_test_idx_LDFLAGS = $(that_asks)
%C%_test_idx_LDADD = $(LDADD) $(LIBRARIES_USED)
%C%_test_npy_SOURCES = %D%/test_npy.c $(of_scratch)
%C%_test_npy_LDFLAGS = $(that_asks)
%C%_test_npy_LDADD = $(LDADD) $(LIBRARIES_USED)
%C%_test_png_SOURCES = %D%/test_png.c $(of_scratch)
%C%_test_png_LDFLAGS = $(that_asks)
%C%_test_png_LDADD = $(LDADD) $(LIBRARIES_USED)
