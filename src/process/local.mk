processdir = $(scorebookdir)/process
process_HEADERS = %D%/ddpm.h %D%/isotropic.h %D%/moments.h %D%/path.h %D%/posterior.h %D%/process.h %D%/scalar.h \
  %D%/smld.h %D%/subvp.h %D%/text.h %D%/ve.h %D%/view.h %D%/vp.h
libscorebook_core_la_SOURCES += %D%/ddpm.c %D%/isotropic.c %D%/moments.c %D%/path.c %D%/posterior.c %D%/process.c %D%/scalar.c %D%/smld.c %D%/subvp.c %D%/text.c %D%/ve.c %D%/vp.c
