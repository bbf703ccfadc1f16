# `make check` ends with what of the papers was verified, and writes it to tests/equations.tsv and tests/equations.html.
# `make check PAPER=soft` and `make check ID=scoresde.eq46` run the programs that hold these, and of them, for ID, the tests that do.

ID =
AM_LOG_FLAGS = $(SHELL) '$(top_srcdir)/tests/run' '$(top_srcdir)' '$(ID)'
EQUATIONS = $(SHELL) '$(top_srcdir)/tests/equations'
EXTRA_DIST += tests/run tests/equations

# In place of Automake's rule, which ends where a test has failed.
check-TESTS: $(check_PROGRAMS) $(check_LIBRARIES) $(dist_check_SCRIPTS)
	@rm -f $(RECHECK_LOGS) $(RECHECK_LOGS:.log=.trs) $(TEST_SUITE_LOG)
	@find tests experiments -name '*.tap' -exec rm -f {} +
	@tests='$(TESTS)'; test -z '$(PAPER)$(ID)' || tests=`$(EQUATIONS) programs '$(top_srcdir)' '$(PAPER)' '$(ID)'` || exit 2; \
	$(MAKE) $(AM_MAKEFLAGS) $(TEST_SUITE_LOG) TESTS="`echo $$tests`"; status=$$?; \
	$(EQUATIONS) report '$(top_srcdir)' '$(PAPER)' '$(ID)' || status=1; exit $$status

# Further ways to run the tests. Each that listens for faults first proves that it hears one.

EXTRA_PROGRAMS += tests/sanitize/planted
tests_sanitize_planted_SOURCES = tests/sanitize/planted.c
tests_sanitize_planted_LDADD = $(CRITERION_LIBS)
EXTRA_DIST += tests/sanitize/watch tests/sanitize/prove tests/sanitize/uncovered.c tests/sanitize/warnings
.PHONY: format check-long check-sanitize check-threads check-valgrind check-warnings coverage fuzz clean-extra

# Sources in the layout of .clang-format, which tests/house/test_format keeps.

format:
	cd '$(srcdir)' && find src tests experiments doc/examples -name '*.[ch]' -exec clang-format -i {} +

# More cases of every property, and the tests that take minutes.

check-long: all
	+SCOREBOOK_LONG=1; export SCOREBOOK_LONG; $(MAKE) check

# Out of bounds, use after free, leaks, undefined behaviour: a build of its own, below this one.

SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

sanitize/config.status: $(top_srcdir)/configure
	$(MKDIR_P) sanitize
	cd sanitize && '$(abs_top_srcdir)/configure' --quiet --disable-static CC='$(CC)' CFLAGS='-O1 -g $(SANITIZE)' >/dev/null

check-sanitize: sanitize/config.status
	+$(MAKE) -C sanitize tests/sanitize/planted all
	cd sanitize && '$(abs_top_srcdir)/tests/sanitize/prove' sanitizers tests/sanitize/planted
	+$(MAKE) -C sanitize check LOG_COMPILER='$(abs_top_srcdir)/tests/sanitize/watch sanitizers'

# Races between threads of the caller's own, without OpenMP, whose barriers ThreadSanitizer does not see.

threads/config.status: $(top_srcdir)/configure
	$(MKDIR_P) threads
	cd threads && '$(abs_top_srcdir)/configure' --quiet --disable-static --disable-openmp CC='$(CC)' CFLAGS='-O1 -g -fsanitize=thread' >/dev/null

check-threads: threads/config.status
	+TSAN_OPTIONS=halt_on_error=1; export TSAN_OPTIONS; $(MAKE) -C threads check check_PROGRAMS=tests/threads/test_threads TESTS=tests/threads/test_threads

# Whatever bytes libFuzzer invents: a build of its own, by clang.

FUZZ_SECONDS = 60
FUZZ_CFLAGS = -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

fuzz/config.status: $(top_srcdir)/configure
	@command -v clang >/dev/null || { echo "fuzz needs clang: apt-get install clang"; exit 1; }
	$(MKDIR_P) fuzz
	cd fuzz && '$(abs_top_srcdir)/configure' --quiet --disable-static --disable-openmp --without-onednn CC=clang CFLAGS='$(FUZZ_CFLAGS)' >/dev/null

fuzz: fuzz/config.status
	+$(MAKE) -C fuzz tests/fuzz/fuzzer
	cd fuzz && '$(abs_top_srcdir)/tests/fuzz/run' tests/fuzz/fuzzer '$(FUZZ_SECONDS)' '$(abs_top_srcdir)/tests/fuzz/corpus'

# Values used before they are set, and the above once more, without the compiler's help: the tests that allocate,
# index or parse by hand. Slow, so not all.

VALGRIND_TESTS = tests/base/test_error tests/base/test_file tests/conformance/test_choices tests/dataset/test_idx \
  tests/dataset/test_npy tests/dataset/test_png tests/measure/test_frechet tests/process/test_ddpm \
  tests/target/test_points tests/score/test_tweedie

check-valgrind: all tests/sanitize/planted
	@test -n '$(VALGRIND)' || { echo "check-valgrind needs valgrind: apt-get install valgrind, then configure again"; exit 1; }
	'$(abs_top_srcdir)/tests/sanitize/prove' valgrind tests/sanitize/planted
	+$(MAKE) check TESTS='$(VALGRIND_TESTS)' LOG_COMPILER='$(abs_top_srcdir)/tests/sanitize/watch valgrind'

# Every warning of gcc and clang, where they are installed, is an error. Objects are thrown away.

check-warnings:
	CPPFLAGS='$(DEFS) -I. $(AM_CPPFLAGS)' CFLAGS='$(AM_CFLAGS)' '$(abs_top_srcdir)/tests/sanitize/warnings' '$(srcdir)'

# Lines and branches that `make check` reaches. The thresholds are proved able to fail on a file that nothing runs.

COVERAGE_LINES = 90
COVERAGE_BRANCHES = 60
COVERED = source=$$(cd '$(top_srcdir)' && pwd); $(GCOVR) --root "$$source" --fail-under-line $(COVERAGE_LINES) --fail-under-branch $(COVERAGE_BRANCHES)

coverage/config.status: $(top_srcdir)/configure
	$(MKDIR_P) coverage
	cd coverage && '$(abs_top_srcdir)/configure' --quiet --disable-static CC='$(CC)' CPPFLAGS=-DSB_CLONES= CFLAGS='-O0 -g --coverage' >/dev/null

coverage: coverage/config.status
	@test -n '$(GCOVR)' || { echo "coverage needs gcovr: apt-get install gcovr, then configure again"; exit 1; }
	find coverage '(' -name '*.gcda' -o -name '*conftest*' ')' -exec rm {} +
	+CRITERION_NO_EARLY_EXIT=1; export CRITERION_NO_EARLY_EXIT; $(MAKE) -C coverage check
	$(CC) --coverage -c -o coverage/uncovered.o '$(abs_top_srcdir)/tests/sanitize/uncovered.c'
	@$(COVERED) --filter '.*/uncovered\.c' coverage >coverage/planted.log 2>&1 \
	  && { echo "FAIL: coverage does not notice a file that nothing runs"; exit 1; } || :
	@grep -q 'uncovered.c .* 0%' coverage/planted.log || { cat coverage/planted.log; exit 1; }
	@echo "PASS: coverage notices a file that nothing runs"
	rm -f coverage/uncovered.*
	$(COVERED) --filter "$$source/src/" --exclude-unreachable-branches --html-details coverage/index.html --csv coverage/files.csv --txt --print-summary coverage
	@awk -F, 'NR > 1 { split($$1, part, "/"); some[part[2]] += $$6; all[part[2]] += $$5 } \
	  END { for (room in all) printf "branches of %s: %.1f%% of %d\n", room, all[room] ? 100 * some[room] / all[room] : 100, all[room] }' coverage/files.csv

clean-local: clean-extra
clean-extra:
	rm -rf sanitize threads coverage fuzz planted.log tests/equations.tsv tests/equations.html
	-find tests experiments -name '*.tap' -exec rm -f {} +
