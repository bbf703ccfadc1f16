basedir = $(scorebookdir)/base
base_HEADERS = %D%/decls.h %D%/error.h %D%/shard.h %D%/stream.h
libscorebook_core_la_SOURCES += %D%/error.c %D%/shard.c %D%/stream.c
