samplerdir = $(scorebookdir)/sampler
sampler_HEADERS = %D%/sampler.h
