processdir = $(scorebookdir)/process
process_HEADERS = %D%/ddpm.h %D%/edm.h %D%/ito.h %D%/moments.h %D%/process.h %D%/scalar.h %D%/kinds.h %D%/smld.h %D%/soft.h %D%/subvp.h %D%/ve.h %D%/view.h \
  %D%/vp.h
libscorebook_core_la_SOURCES += %D%/combine.c %D%/ddpm.c %D%/edm.c %D%/gaussian_prior.c %D%/gaussian_prior.h %D%/ito.c %D%/kinds.c %D%/moments.c %D%/process.c %D%/scalar.c %D%/smld.c %D%/soft.c %D%/subvp.c \
  %D%/ve.c %D%/vp.c
