targetdir = $(scorebookdir)/target
target_HEADERS = %D%/target.h
