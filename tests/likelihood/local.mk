check_PROGRAMS += %D%/test_trace
%C%_test_trace_SOURCES = %D%/test_trace.c tests/conformance/worlds.c tests/conformance/worlds.h
check_PROGRAMS += %D%/test_likelihood
%C%_test_likelihood_SOURCES = %D%/test_likelihood.c
check_PROGRAMS += %D%/test_codes
%C%_test_codes_SOURCES = %D%/test_codes.c
check_PROGRAMS += %D%/test_bits
%C%_test_bits_SOURCES = %D%/test_bits.c
