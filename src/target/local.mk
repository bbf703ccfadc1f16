targetdir = $(scorebookdir)/target
target_HEADERS = %D%/target.h
libscorebook_core_la_SOURCES += %D%/diagonal.c %D%/diagonal.h %D%/law.h %D%/mixture.c %D%/points.c %D%/target.c
