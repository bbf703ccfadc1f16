basedir = $(scorebookdir)/base
base_HEADERS = %D%/decls.h %D%/error.h %D%/file.h %D%/shard.h %D%/stream.h
libscorebook_core_la_SOURCES += %D%/error.c %D%/file.c %D%/shard.c %D%/stream.c
