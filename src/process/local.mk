processdir = $(scorebookdir)/process
process_HEADERS = %D%/process.h %D%/view.h
