measuredir = $(scorebookdir)/measure
measure_HEADERS = %D%/classifier.h %D%/frechet.h
libscorebook_core_la_SOURCES += %D%/classifier.c %D%/frechet.c
