measuredir = $(scorebookdir)/measure
measure_HEADERS = %D%/frechet.h
libscorebook_core_la_SOURCES += %D%/frechet.c
