# What every test program shares, then the tests, which mirror src/.

check_LIBRARIES += tests/libproperty.a
tests_libproperty_a_SOURCES = %D%/property.c %D%/property.h %D%/scope.c %D%/take.c %D%/take.h %D%/scope.h
tests_libproperty_a_CPPFLAGS = $(AM_CPPFLAGS) $(CRITERION_CFLAGS)
AM_CPPFLAGS += -I$(top_srcdir)/tests $(CRITERION_CFLAGS)

include tests/base/local.mk
include tests/dataset/local.mk
include tests/operator/local.mk
include tests/grid/local.mk
include tests/process/local.mk
include tests/target/local.mk
include tests/net/local.mk
include tests/engine/local.mk
include tests/score/local.mk
include tests/transition/local.mk
include tests/conformance/local.mk
include tests/sampler/local.mk
include tests/objective/local.mk
include tests/train/local.mk
include tests/likelihood/local.mk
include tests/measure/local.mk
include tests/schedule/local.mk
include tests/threads/local.mk
include tests/processors/local.mk
include tests/cli/local.mk
include tests/alloc/local.mk
include tests/fuzz/local.mk
include tests/faults/local.mk
