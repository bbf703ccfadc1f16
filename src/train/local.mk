traindir = $(scorebookdir)/train
train_HEADERS = %D%/adam.h %D%/train.h
libscorebook_core_la_SOURCES += %D%/adam.c %D%/train.c
