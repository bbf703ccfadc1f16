check_PROGRAMS += %D%/test_ito
%C%_test_ito_SOURCES = %D%/test_ito.c
check_PROGRAMS += %D%/test_kinds %D%/test_ddpm %D%/test_moments %D%/test_process \
  %D%/test_smld %D%/test_subvp %D%/test_ve %D%/test_vp
%C%_test_ddpm_SOURCES = %D%/test_ddpm.c
%C%_test_process_SOURCES = %D%/test_process.c
%C%_test_smld_SOURCES = %D%/test_smld.c
%C%_test_subvp_SOURCES = %D%/test_subvp.c %D%/rates.h
%C%_test_ve_SOURCES = %D%/test_ve.c
%C%_test_vp_SOURCES = %D%/test_vp.c %D%/rates.h
%C%_test_moments_SOURCES = %D%/test_moments.c
%C%_test_kinds_SOURCES = %D%/test_kinds.c
check_PROGRAMS += %D%/test_soft
%C%_test_soft_SOURCES = %D%/test_soft.c tests/soft_laws.c tests/soft_laws.h
check_PROGRAMS += %D%/test_soft_kernels
%C%_test_soft_kernels_SOURCES = %D%/test_soft_kernels.c tests/soft_laws.c tests/soft_laws.h
check_PROGRAMS += %D%/test_nonuniform
%C%_test_nonuniform_SOURCES = %D%/test_nonuniform.c
