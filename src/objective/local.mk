objectivedir = $(scorebookdir)/objective
objective_HEADERS = %D%/cross_entropy.h %D%/dsm.h
libscorebook_core_la_SOURCES += %D%/cross_entropy.c %D%/dsm.c
