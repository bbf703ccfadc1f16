scheduledir = $(scorebookdir)/schedule
schedule_HEADERS = %D%/path.h
libscorebook_core_la_SOURCES += %D%/path.c
