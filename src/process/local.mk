processdir = $(scorebookdir)/process
process_HEADERS = %D%/bands.h %D%/ddpm.h %D%/edm.h %D%/ito.h %D%/moments.h %D%/process.h %D%/scalar.h %D%/kinds.h %D%/loglinear.h %D%/multispeed.h %D%/nonuniform.h %D%/smld.h %D%/soft.h %D%/subvp.h %D%/ve.h %D%/view.h \
  %D%/vp.h
libscorebook_core_la_SOURCES += %D%/bands.c %D%/combine.c %D%/ddpm.c %D%/edm.c %D%/gaussian_prior.c %D%/gaussian_prior.h %D%/ito.c %D%/kinds.c %D%/loglinear.c %D%/moments.c %D%/multispeed.c %D%/nonuniform.c %D%/process.c %D%/scalar.c %D%/smld.c %D%/soft.c %D%/subvp.c \
  %D%/ve.c %D%/vp.c
