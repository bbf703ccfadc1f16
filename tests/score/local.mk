check_PROGRAMS += %D%/test_network
%C%_test_network_SOURCES = %D%/test_network.c
