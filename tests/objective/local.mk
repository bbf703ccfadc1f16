check_PROGRAMS += %D%/test_dsm
%C%_test_dsm_SOURCES = %D%/test_dsm.c
