check_PROGRAMS += %D%/test_threads
%C%_test_threads_SOURCES = %D%/test_threads.c
