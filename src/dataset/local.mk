datasetdir = $(scorebookdir)/dataset
dataset_HEADERS =
