check_PROGRAMS += %D%/test_mixture
%C%_test_mixture_SOURCES = %D%/test_mixture.c %D%/ask.c %D%/ask.h %D%/truth.c %D%/truth.h
check_PROGRAMS += %D%/test_points
%C%_test_points_SOURCES = %D%/test_points.c %D%/ask.c %D%/ask.h %D%/truth.c %D%/truth.h
check_PROGRAMS += %D%/test_perturbation
%C%_test_perturbation_SOURCES = %D%/test_perturbation.c %D%/ask.c %D%/ask.h %D%/truth.c %D%/truth.h
check_PROGRAMS += %D%/test_target
%C%_test_target_SOURCES = %D%/test_target.c %D%/truth.c %D%/truth.h
