check_PROGRAMS += %D%/test_alloc %D%/test_steps
%C%_test_alloc_SOURCES = %D%/test_alloc.c %D%/failing.c %D%/failing.h tests/conformance/worlds.c tests/conformance/worlds.h
%C%_test_steps_SOURCES = %D%/test_steps.c %D%/failing.c %D%/failing.h
