check_PROGRAMS += %D%/test_guided
%C%_test_guided_SOURCES = %D%/test_guided.c
check_PROGRAMS += %D%/test_energy
%C%_test_energy_SOURCES = %D%/test_energy.c
check_PROGRAMS += %D%/test_network
%C%_test_network_SOURCES = %D%/test_network.c tests/colours.c tests/colours.h
check_PROGRAMS += %D%/test_score
%C%_test_score_SOURCES = %D%/test_score.c tests/target/truth.c tests/target/truth.h
check_PROGRAMS += %D%/test_tweedie
%C%_test_tweedie_SOURCES = %D%/test_tweedie.c %D%/stretch.c %D%/stretch.h tests/target/ask.c tests/target/ask.h \
  tests/target/truth.c tests/target/truth.h
check_PROGRAMS += %D%/test_noise
%C%_test_noise_SOURCES = %D%/test_noise.c tests/chain.c tests/chain.h
check_PROGRAMS += %D%/test_jacobian
%C%_test_jacobian_SOURCES = %D%/test_jacobian.c %D%/learned.c %D%/learned.h tests/chain.c tests/chain.h
%C%_test_jacobian_LDADD = libscorebook-net-double.la $(LDADD)
check_PROGRAMS += %D%/test_derivatives
%C%_test_derivatives_SOURCES = %D%/test_derivatives.c %D%/stretch.c %D%/stretch.h
