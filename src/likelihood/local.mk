likelihooddir = $(scorebookdir)/likelihood
likelihood_HEADERS = %D%/bits.h %D%/bound.h %D%/codes.h %D%/likelihood.h %D%/trace.h
libscorebook_core_la_SOURCES += %D%/bits.c %D%/bound.c %D%/codes.c %D%/down_to.h %D%/likelihood.c %D%/trace.c
