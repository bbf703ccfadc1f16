check_PROGRAMS += %D%/test_mixture
%C%_test_mixture_SOURCES = %D%/test_mixture.c %D%/truth.c %D%/truth.h
check_PROGRAMS += %D%/test_points
%C%_test_points_SOURCES = %D%/test_points.c %D%/truth.c %D%/truth.h
