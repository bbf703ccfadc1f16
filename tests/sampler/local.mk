check_PROGRAMS += %D%/test_known
%C%_test_known_SOURCES = %D%/test_known.c tests/conformance/worlds.c tests/conformance/worlds.h
check_PROGRAMS += %D%/test_annealed %D%/test_corrector %D%/test_drift %D%/test_dynamics %D%/test_flow %D%/test_forward \
  %D%/test_mixture %D%/test_pc %D%/test_predictor %D%/test_spectrum
%C%_test_annealed_SOURCES = %D%/test_annealed.c %D%/line.c %D%/line.h tests/recursion.c tests/recursion.h
%C%_test_corrector_SOURCES = %D%/test_corrector.c %D%/linear.c %D%/linear.h tests/recursion.c tests/recursion.h
%C%_test_drift_SOURCES = %D%/test_drift.c %D%/linear.c %D%/linear.h tests/recursion.c tests/recursion.h
%C%_test_dynamics_SOURCES = %D%/test_dynamics.c %D%/line.c %D%/line.h
%C%_test_flow_SOURCES = %D%/test_flow.c %D%/gmm3.c %D%/gmm3.h %D%/linear.c %D%/linear.h tests/recursion.c tests/recursion.h
%C%_test_forward_SOURCES = %D%/test_forward.c %D%/gmm3.c %D%/gmm3.h %D%/linear.c %D%/linear.h
%C%_test_mixture_SOURCES = %D%/test_mixture.c %D%/gmm3.c %D%/gmm3.h
%C%_test_pc_SOURCES = %D%/test_pc.c %D%/gmm3.c %D%/gmm3.h tests/recursion.c tests/recursion.h
%C%_test_predictor_SOURCES = %D%/test_predictor.c %D%/linear.c %D%/linear.h tests/recursion.c tests/recursion.h
%C%_test_spectrum_SOURCES = %D%/test_spectrum.c tests/recursion.c tests/recursion.h
check_PROGRAMS += %D%/test_scaled
%C%_test_scaled_SOURCES = %D%/test_scaled.c
check_PROGRAMS += %D%/test_soft_sde
%C%_test_soft_sde_SOURCES = %D%/test_soft_sde.c tests/soft_laws.c tests/soft_laws.h
