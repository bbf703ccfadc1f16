datasetdir = $(scorebookdir)/dataset
dataset_HEADERS = %D%/bytes.h %D%/idx.h %D%/source.h
libscorebook_core_la_SOURCES += %D%/bytes.c %D%/idx.c %D%/source.c
