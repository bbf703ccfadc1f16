bin_PROGRAMS += scorebook
scorebook_SOURCES = %D%/main.c %D%/commands.h %D%/options.c %D%/options.h %D%/engine.c %D%/engine.h %D%/setup.c \
  %D%/setup.h %D%/shell_words.c %D%/shell_words.h %D%/training_record.c %D%/training_record.h %D%/training.h \
  %D%/training_setup.c %D%/progress.c %D%/progress.h %D%/point_files.c %D%/point_files.h %D%/examples.c \
  %D%/examples.h %D%/named_law.c %D%/named_law.h %D%/draw.c %D%/draw.h %D%/guidance.c %D%/guidance.h %D%/output.c \
  %D%/output.h %D%/conditional.c %D%/conditional.h %D%/observe.c %D%/stages.c %D%/stages.h %D%/sample.c %D%/train.c \
  %D%/likelihood.c %D%/measure.c %D%/schedule.c %D%/info.c
dist_man_MANS += doc/scorebook.1
scorebook_LDADD = libscorebook.la $(LIBRARIES_USED)
