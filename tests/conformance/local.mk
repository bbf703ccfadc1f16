check_PROGRAMS += %D%/test_arguments %D%/test_learning %D%/test_processes %D%/test_steps
%C%_test_arguments_SOURCES = %D%/test_arguments.c
%C%_test_learning_SOURCES = %D%/test_learning.c %D%/worlds.c %D%/worlds.h
%C%_test_processes_SOURCES = %D%/test_processes.c %D%/worlds.c %D%/worlds.h
%C%_test_steps_SOURCES = %D%/test_steps.c %D%/worlds.c %D%/worlds.h
