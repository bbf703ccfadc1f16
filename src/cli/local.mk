bin_PROGRAMS += scorebook
scorebook_SOURCES = %D%/main.c
scorebook_LDADD = libscorebook.la $(LIBRARIES_USED)
