datasetdir = $(scorebookdir)/dataset
dataset_HEADERS = %D%/bytes.h %D%/cifar.h %D%/edges.h %D%/folder.h %D%/idx.h %D%/npy.h %D%/png.h %D%/safetensors.h %D%/source.h
libscorebook_core_la_SOURCES += %D%/bytes.c %D%/cifar.c %D%/edges.c %D%/folder.c %D%/half.h %D%/idx.c \
  %D%/npy.c %D%/png.c %D%/resize.c %D%/safetensors.c %D%/source.c
