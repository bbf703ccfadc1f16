bin_PROGRAMS += scorebook
scorebook_SOURCES = %D%/main.c %D%/commands.h %D%/options.c %D%/options.h %D%/setup.c %D%/setup.h %D%/progress.c \
  %D%/progress.h %D%/points.c %D%/points.h %D%/info.c
scorebook_LDADD = libscorebook.la $(LIBRARIES_USED)
