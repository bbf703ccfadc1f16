measuredir = $(scorebookdir)/measure
measure_HEADERS = %D%/classifier.h %D%/energy.h %D%/frechet.h %D%/moments.h %D%/pairs.h %D%/twosample.h
libscorebook_core_la_SOURCES += %D%/classifier.c %D%/energy.c %D%/frechet.c %D%/moments.c %D%/pairs.c %D%/twosample.c
