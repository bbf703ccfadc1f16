traindir = $(scorebookdir)/train
train_HEADERS = %D%/adam.h %D%/checkpoint.h %D%/classify.h %D%/slice.h %D%/trainer.h
libscorebook_core_la_SOURCES += %D%/adam.c %D%/checkpoint.c %D%/classify.c %D%/denoise.c %D%/slice.c %D%/trainer.c
