basedir = $(scorebookdir)/base
base_HEADERS = %D%/decls.h %D%/dopri5.h %D%/entry.h %D%/error.h %D%/file.h %D%/integrate.h %D%/number.h %D%/pool.h %D%/rms_control.h %D%/shard.h \
  %D%/stream.h
libscorebook_core_la_SOURCES += %D%/checks.c %D%/checks.h %D%/clones.h %D%/dopri5.c %D%/elementary.h %D%/entry.c \
  %D%/error.c %D%/file.c %D%/frame.c %D%/frame.h %D%/integrate.c %D%/number.c %D%/pool.c %D%/rms_control.c %D%/rows.c %D%/rows.h %D%/shard.c %D%/stream.c
