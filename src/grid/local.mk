griddir = $(scorebookdir)/grid
grid_HEADERS = %D%/grid.h %D%/interpolate.h
libscorebook_core_la_SOURCES += %D%/grid.c %D%/interpolate.c
