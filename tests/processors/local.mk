# Tests of functions that are compiled for several processors, once more as lesser processors run them.
of_processors = %D%/lesser.c %D%/lesser.h tests/base/test_stream.c tests/engine/test_backend.c tests/engine/test_product.c tests/engine/test_winograd.c \
  tests/target/test_diagonal.c tests/target/test_points.c $(of_targets) tests/train/test_adam.c
of_targets = tests/target/ask.c tests/target/ask.h tests/target/batch.c tests/target/batch.h tests/target/truth.c tests/target/truth.h \
  tests/score/stretch.c tests/score/stretch.h
if CLONED
check_PROGRAMS += %D%/with_avx2 %D%/with_neither
endif
EXTRA_PROGRAMS += %D%/with_avx2 %D%/with_neither
%C%_with_avx2_SOURCES = %D%/without_avx512.c $(of_processors)
%C%_with_avx2_LDFLAGS = -Wl,--wrap=__cpu_indicator_init
%C%_with_neither_SOURCES = %D%/without_avx2.c $(of_processors)
%C%_with_neither_LDFLAGS = -Wl,--wrap=__cpu_indicator_init
