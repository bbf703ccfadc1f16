objectivedir = $(scorebookdir)/objective
objective_HEADERS = %D%/cross_entropy.h %D%/denoising.h %D%/dsm.h %D%/esm.h %D%/fdssm.h %D%/ism.h %D%/ncsn.h %D%/ssm.h
libscorebook_core_la_SOURCES += %D%/cross_entropy.c %D%/denoising.c %D%/dsm.c %D%/esm.c %D%/fdssm.c %D%/ism.c \
  %D%/ncsn.c %D%/rows.c %D%/rows.h %D%/ssm.c
objective_HEADERS += %D%/decoder.h %D%/vlb.h
libscorebook_core_la_SOURCES += %D%/decoder.c %D%/vlb.c
