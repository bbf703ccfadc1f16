measuredir = $(scorebookdir)/measure
measure_HEADERS =
