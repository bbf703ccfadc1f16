check_PROGRAMS += %D%/test_error
%C%_test_error_SOURCES = %D%/test_error.c
