objectivedir = $(scorebookdir)/objective
objective_HEADERS = %D%/dsm.h
libscorebook_core_la_SOURCES += %D%/dsm.c
