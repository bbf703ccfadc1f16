check_PROGRAMS += %D%/test_architecture %D%/test_dual %D%/test_exp %D%/test_layers %D%/test_network %D%/test_patches \
  %D%/test_plan
%C%_test_architecture_SOURCES = %D%/test_architecture.c
%C%_test_architecture_CPPFLAGS = $(AM_CPPFLAGS) -DSB_NET_DOUBLE
%C%_test_architecture_LDADD = libscorebook-net-double.la $(LDADD)
%C%_test_layers_SOURCES = %D%/test_layers.c
%C%_test_layers_CPPFLAGS = $(AM_CPPFLAGS) -DSB_NET_DOUBLE
%C%_test_layers_LDADD = libscorebook-net-double.la $(LDADD)
%C%_test_network_SOURCES = %D%/test_network.c %D%/in_double.c %D%/in_double.h
%C%_test_network_LDADD = libscorebook-net-double.la $(LDADD)
%C%_test_exp_SOURCES = %D%/test_exp.c
%C%_test_dual_SOURCES = %D%/test_dual.c
%C%_test_dual_CPPFLAGS = $(AM_CPPFLAGS) -DSB_NET_DOUBLE
%C%_test_dual_LDADD = libscorebook-net-double.la $(LDADD)
%C%_test_plan_SOURCES = %D%/test_plan.c
%C%_test_patches_SOURCES = %D%/test_patches.c tests/chain.c tests/chain.h
