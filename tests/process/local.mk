check_PROGRAMS += %D%/test_ddpm %D%/test_smld %D%/test_vp
%C%_test_ddpm_SOURCES = %D%/test_ddpm.c
%C%_test_smld_SOURCES = %D%/test_smld.c
%C%_test_vp_SOURCES = %D%/test_vp.c
