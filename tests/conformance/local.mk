check_PROGRAMS += %D%/test_processes
%C%_test_processes_SOURCES = %D%/test_processes.c %D%/worlds.c %D%/worlds.h
