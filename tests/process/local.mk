check_PROGRAMS += %D%/test_vp
%C%_test_vp_SOURCES = %D%/test_vp.c
