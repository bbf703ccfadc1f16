operatordir = $(scorebookdir)/operator
operator_HEADERS = %D%/observations.h %D%/operator.h %D%/operators.h %D%/patches.h
libscorebook_core_la_SOURCES += %D%/at_level.c %D%/blur.c %D%/colour.c %D%/cosine_transform.c %D%/dense_operator.c %D%/diagonal_operator.c %D%/downscale.c \
  %D%/haar.c %D%/identity_operator.c %D%/invert.c %D%/invert.h %D%/leading.c %D%/mask_operator.c %D%/matrix_family.c %D%/multiple_operator.c %D%/observations.c %D%/operator.c %D%/operators.c %D%/pairs.c %D%/patches.c %D%/scalar_operator.c %D%/separable.c %D%/separable.h %D%/symmetric.c \
  %D%/symmetric.h %D%/values_family.c %D%/window_operator.c
