enginedir = $(scorebookdir)/engine
engine_HEADERS = %D%/choose.h
libscorebook_core_la_SOURCES += %D%/blocked.h %D%/blocked_network.h %D%/conv.h %D%/lanes.h %D%/product.h %D%/blocked.c \
  %D%/blocked_attention.c %D%/blocked_network.c %D%/blocked_norm.c %D%/choose.c %D%/product.c %D%/winograd.c
if HAVE_ONEDNN
libscorebook_core_la_SOURCES += %D%/onednn.c
else
EXTRA_DIST += %D%/onednn.c
endif
