check_PROGRAMS += %D%/test_cross_entropy %D%/test_dsm
%C%_test_cross_entropy_SOURCES = %D%/test_cross_entropy.c
%C%_test_dsm_SOURCES = %D%/test_dsm.c tests/score/stretch.c tests/score/stretch.h
