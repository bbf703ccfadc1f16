samplerdir = $(scorebookdir)/sampler
sampler_HEADERS = %D%/annealed.h %D%/drift.h %D%/dynamics.h %D%/flow.h %D%/forward.h %D%/pc.h %D%/sampler.h
libscorebook_core_la_SOURCES += %D%/step.c %D%/step.h %D%/forward.c %D%/drift.c %D%/euler_maruyama.c %D%/heun.c \
  %D%/reverse_diffusion.c %D%/probability_flow.c %D%/ancestral.c %D%/none.c %D%/langevin.c %D%/fixed.c %D%/pc.c %D%/flow.c \
  %D%/dynamics.c %D%/annealed.c
