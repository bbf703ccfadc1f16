harness_sources = %D%/harness.h %D%/harnesses.c %D%/fuzz_checkpoint.c %D%/fuzz_cifar.c %D%/fuzz_entry.c %D%/fuzz_idx.c %D%/fuzz_law.c %D%/fuzz_model.c \
  %D%/fuzz_network.c %D%/fuzz_npy.c %D%/fuzz_options.c %D%/fuzz_png.c %D%/fuzz_record.c %D%/fuzz_safetensors.c \
  src/cli/named_law.c src/cli/options.c src/cli/point_files.c src/cli/setup.c src/cli/training_record.c
check_PROGRAMS += %D%/test_corpus
%C%_test_corpus_SOURCES = %D%/test_corpus.c $(harness_sources)
%C%_test_corpus_LDADD = $(LDADD) $(LIBRARIES_USED)

# By `make fuzz` alone.
EXTRA_PROGRAMS += %D%/fuzzer
%C%_fuzzer_SOURCES = %D%/fuzzer.c $(harness_sources)
%C%_fuzzer_LDFLAGS = -fsanitize=fuzzer
%C%_fuzzer_LDADD = libscorebook-core.la $(LIBRARIES_USED)

# The program, from outside.
dist_check_SCRIPTS += %D%/test_commands
EXTRA_DIST += %D%/corpus %D%/dictionary %D%/run
