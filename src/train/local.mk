traindir = $(scorebookdir)/train
train_HEADERS = %D%/adam.h %D%/checkpoint.h %D%/classify.h %D%/observed_examples.h %D%/score_matching.h %D%/trainer.h
libscorebook_core_la_SOURCES += %D%/adam.c %D%/checkpoint.c %D%/classify.c  %D%/observed_examples.c %D%/score_matching.c %D%/training_data.c %D%/trainer.c
