targetdir = $(scorebookdir)/target
target_HEADERS = %D%/target.h
libscorebook_core_la_SOURCES += %D%/law.h %D%/mixture.c %D%/points.c %D%/target.c
