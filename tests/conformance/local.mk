check_PROGRAMS += %D%/test_arguments %D%/test_changing %D%/test_choices %D%/test_learning %D%/test_processes %D%/test_steps %D%/test_streams
%C%_test_arguments_SOURCES = %D%/test_arguments.c
%C%_test_changing_SOURCES = %D%/test_changing.c
%C%_test_choices_SOURCES = %D%/test_choices.c tests/losses.c tests/losses.h
%C%_test_learning_SOURCES = %D%/test_learning.c %D%/worlds.c %D%/worlds.h
%C%_test_processes_SOURCES = %D%/test_processes.c %D%/worlds.c %D%/worlds.h
%C%_test_steps_SOURCES = %D%/test_steps.c %D%/worlds.c %D%/worlds.h
%C%_test_streams_SOURCES = %D%/test_streams.c tests/losses.c tests/losses.h
%C%_test_streams_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sb_stream_normals -Wl,--wrap=sb_stream_uniforms -Wl,--wrap=sb_rng_philox_seek
