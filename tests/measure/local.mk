check_PROGRAMS += %D%/test_frechet
%C%_test_frechet_SOURCES = %D%/test_frechet.c
