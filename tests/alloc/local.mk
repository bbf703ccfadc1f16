check_PROGRAMS += %D%/test_alloc
%C%_test_alloc_SOURCES = %D%/test_alloc.c %D%/failing.c %D%/failing.h
