check_PROGRAMS += %D%/test_exp %D%/test_layers %D%/test_network
%C%_test_layers_SOURCES = %D%/test_layers.c
%C%_test_layers_CPPFLAGS = $(AM_CPPFLAGS) -DSB_NET_DOUBLE
%C%_test_layers_LDADD = libscorebook-net-double.la $(LDADD)
%C%_test_network_SOURCES = %D%/test_network.c %D%/in_double.c %D%/in_double.h
%C%_test_network_LDADD = libscorebook-net-double.la $(LDADD)
%C%_test_exp_SOURCES = %D%/test_exp.c
