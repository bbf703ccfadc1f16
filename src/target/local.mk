targetdir = $(scorebookdir)/target
target_HEADERS = %D%/gaussian_kl.h %D%/image_law.h %D%/target.h
libscorebook_core_la_SOURCES += %D%/diagonal.c %D%/diagonal.h %D%/diagonal_rows.c %D%/diagonal_rows.h %D%/gaussian_kl.c %D%/image_law.c %D%/image_law.h %D%/law.h %D%/mixture.c %D%/mixture.h %D%/mixture_in_basis.c \
  %D%/mixture_under_maps.c %D%/pca_mixture.c %D%/pca_mixture.h %D%/responsibilities.h \
  %D%/pca_mixture_fit.c %D%/points.c %D%/points.h %D%/points_under_maps.c %D%/target.c
