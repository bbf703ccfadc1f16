transitiondir = $(scorebookdir)/transition
transition_HEADERS = %D%/isotropic.h %D%/marginal.h %D%/path.h %D%/posterior.h %D%/reverse.h
libscorebook_core_la_SOURCES += %D%/isotropic.c %D%/marginal.c %D%/path.c %D%/posterior.c %D%/reverse.c
