samplerdir = $(scorebookdir)/sampler
sampler_HEADERS = %D%/condition.h %D%/drift.h %D%/flow.h %D%/forward.h %D%/gaussian_run.h %D%/known.h %D%/multiscale.h %D%/partial_path.h %D%/pc.h %D%/sampler.h
libscorebook_core_la_SOURCES += %D%/ancestral.c %D%/condition.c %D%/correctors.c %D%/ddim.c %D%/drift.c %D%/edm_heun.c %D%/euler_maruyama.c %D%/flow.c %D%/flow_steps.c %D%/forward.c %D%/gaussian_run.c \
  %D%/heun.c %D%/hmc.c %D%/known.c %D%/langevin.c %D%/langevin_snr.c %D%/multiscale.c %D%/none.c %D%/partial_path.c %D%/pc.c %D%/probability_flow.c %D%/reverse_diffusion.c \
  %D%/soft_steps.c %D%/steps.c %D%/work.c %D%/work.h
