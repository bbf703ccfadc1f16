check_PROGRAMS += %D%/test_classifier %D%/test_energy_distance %D%/test_frechet \
  %D%/test_invariance %D%/test_sample_moments %D%/test_pairwise %D%/test_twosample
%C%_test_classifier_SOURCES = %D%/test_classifier.c
%C%_test_energy_distance_SOURCES = %D%/test_energy_distance.c
%C%_test_frechet_SOURCES = %D%/test_frechet.c
%C%_test_invariance_SOURCES = %D%/test_invariance.c
%C%_test_sample_moments_SOURCES = %D%/test_sample_moments.c
%C%_test_pairwise_SOURCES = %D%/test_pairwise.c
%C%_test_twosample_SOURCES = %D%/test_twosample.c
check_PROGRAMS += %D%/test_sinkhorn
%C%_test_sinkhorn_SOURCES = %D%/test_sinkhorn.c
check_PROGRAMS += %D%/test_paired %D%/test_sliced
check_PROGRAMS += %D%/test_psnr %D%/test_ssim
%C%_test_psnr_SOURCES = %D%/test_psnr.c
%C%_test_ssim_SOURCES = %D%/test_ssim.c
%C%_test_paired_SOURCES = %D%/test_paired.c
%C%_test_sliced_SOURCES = %D%/test_sliced.c
