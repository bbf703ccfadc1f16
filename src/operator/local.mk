operatordir = $(scorebookdir)/operator
operator_HEADERS = %D%/patches.h
libscorebook_core_la_SOURCES += %D%/patches.c
