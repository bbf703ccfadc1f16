griddir = $(scorebookdir)/grid
grid_HEADERS = %D%/distance.h %D%/grid.h %D%/interpolate.h %D%/piecewise.h
libscorebook_core_la_SOURCES += %D%/distance.c %D%/grid.c %D%/interpolate.c %D%/piecewise.c
