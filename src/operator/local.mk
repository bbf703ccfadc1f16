operatordir = $(scorebookdir)/operator
operator_HEADERS = %D%/operator.h
libscorebook_core_la_SOURCES += %D%/operator.c
