scheduledir = $(scorebookdir)/schedule
schedule_HEADERS = %D%/distances.h %D%/matched.h %D%/path.h
libscorebook_core_la_SOURCES += %D%/distances.c %D%/matched.c %D%/path.c
