check_PROGRAMS += %D%/test_isotropic %D%/test_marginal %D%/test_path %D%/test_posterior %D%/test_reverse
%C%_test_isotropic_SOURCES = %D%/test_isotropic.c tests/chain.c tests/chain.h
%C%_test_marginal_SOURCES = %D%/test_marginal.c tests/chain.c tests/chain.h tests/recursion.c tests/recursion.h
%C%_test_path_SOURCES = %D%/test_path.c tests/chain.c tests/chain.h
%C%_test_posterior_SOURCES = %D%/test_posterior.c tests/chain.c tests/chain.h
%C%_test_reverse_SOURCES = %D%/test_reverse.c tests/chain.c tests/chain.h
