netdir = $(scorebookdir)/net
net_HEADERS = %D%/dual.h %D%/graph.h %D%/layer.h %D%/passes.h %D%/real.h
NET_SOURCES = %D%/attention.h %D%/backend.h %D%/dropout.h %D%/exp.h %D%/names.h %D%/plan.h %D%/reference.h %D%/attention.c \
  %D%/configure.c %D%/convolution.c %D%/dropout.c %D%/dual.c %D%/embedding.c %D%/fir.c %D%/graph.c %D%/group_norm.c %D%/input.c %D%/join.c \
  %D%/passes.c %D%/reference.c %D%/resample.c %D%/silu.c
libscorebook_core_la_SOURCES += $(NET_SOURCES) %D%/plan.c

# The same in double, for the gradient checks.
check_LTLIBRARIES = libscorebook-net-double.la
libscorebook_net_double_la_SOURCES = $(NET_SOURCES)
libscorebook_net_double_la_CPPFLAGS = $(AM_CPPFLAGS) -DSB_NET_DOUBLE
