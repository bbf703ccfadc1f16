check_PROGRAMS += %D%/test_classifier %D%/test_energy %D%/test_frechet %D%/test_moments %D%/test_pairs %D%/test_twosample
%C%_test_classifier_SOURCES = %D%/test_classifier.c
%C%_test_energy_SOURCES = %D%/test_energy.c
%C%_test_frechet_SOURCES = %D%/test_frechet.c
%C%_test_moments_SOURCES = %D%/test_moments.c
%C%_test_pairs_SOURCES = %D%/test_pairs.c
%C%_test_twosample_SOURCES = %D%/test_twosample.c
