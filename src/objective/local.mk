objectivedir = $(scorebookdir)/objective
objective_HEADERS = %D%/consistency.h %D%/decoder.h %D%/levels.h %D%/objective.h %D%/vlb.h %D%/weightings.h
libscorebook_core_la_SOURCES += %D%/consistency.c %D%/decoder.c %D%/denoising.c %D%/dsm.c %D%/esm.c %D%/fdssm.c \
  %D%/ism.c %D%/levels.c %D%/ncsn.c %D%/objective.c %D%/soft.c %D%/ssm.c %D%/vlb.c %D%/weightings.c
