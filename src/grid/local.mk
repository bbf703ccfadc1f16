griddir = $(scorebookdir)/grid
grid_HEADERS =
