scoredir = $(scorebookdir)/score
score_HEADERS = %D%/asymmetry.h %D%/callback.h %D%/clip.h %D%/cross_entropy.h %D%/energy.h %D%/exact.h %D%/guided.h \
  %D%/inverse.h %D%/model.h %D%/network.h %D%/pde.h %D%/preconditioning.h %D%/rescale.h %D%/score.h %D%/slice.h \
  %D%/timed_classifier.h %D%/tweedie.h
libscorebook_core_la_SOURCES += %D%/asymmetry.c %D%/callback.c %D%/clip.c %D%/cross_entropy.c %D%/energy.c \
  %D%/exact.c %D%/guided.c %D%/inverse.c %D%/model.c %D%/network.c %D%/network_pass.h %D%/network_score.c %D%/pde.c \
  %D%/preconditioning.c %D%/rescale.c %D%/score.c %D%/slice.c %D%/timed_classifier.c %D%/tweedie.c
