processdir = $(scorebookdir)/process
process_HEADERS = %D%/process.h %D%/scalar.h %D%/subvp.h %D%/ve.h %D%/view.h %D%/vp.h
libscorebook_core_la_SOURCES += %D%/process.c %D%/scalar.c %D%/subvp.c %D%/ve.c %D%/vp.c
