measuredir = $(scorebookdir)/measure
measure_HEADERS = %D%/classifier.h %D%/diversity.h %D%/energy_distance.h %D%/frechet.h %D%/sample_moments.h %D%/paired.h %D%/pairwise.h %D%/perceptual.h %D%/psnr.h %D%/sinkhorn.h %D%/sliced.h \
  %D%/ssim.h %D%/twosample.h
libscorebook_core_la_SOURCES += %D%/classifier.c %D%/diversity.c %D%/energy_distance.c %D%/framed.h %D%/frechet.c \
  %D%/sample_moments.c %D%/paired.c %D%/pairwise.c %D%/perceptual.c %D%/psnr.c %D%/sinkhorn.c %D%/sliced.c %D%/ssim.c %D%/twosample.c
