check_PROGRAMS += %D%/test_classifier %D%/test_frechet
%C%_test_frechet_SOURCES = %D%/test_frechet.c
%C%_test_classifier_SOURCES = %D%/test_classifier.c
