check_PROGRAMS += %D%/test_denoising %D%/test_dsm %D%/test_esm %D%/test_fdssm %D%/test_ism %D%/test_ncsn \
  %D%/test_objective %D%/test_ssm %D%/test_ssm_in_time
objective_models = %D%/models.c %D%/models.h tests/losses.c tests/losses.h
%C%_test_denoising_SOURCES = %D%/test_denoising.c $(objective_models)
%C%_test_dsm_SOURCES = %D%/test_dsm.c tests/losses.c tests/losses.h tests/score/stretch.c tests/score/stretch.h
%C%_test_esm_SOURCES = %D%/test_esm.c $(objective_models)
%C%_test_fdssm_SOURCES = %D%/test_fdssm.c $(objective_models)
%C%_test_ism_SOURCES = %D%/test_ism.c $(objective_models)
%C%_test_ncsn_SOURCES = %D%/test_ncsn.c $(objective_models)
%C%_test_objective_SOURCES = %D%/test_objective.c $(objective_models) tests/score/stretch.c tests/score/stretch.h
%C%_test_ssm_SOURCES = %D%/test_ssm.c $(objective_models)
%C%_test_ssm_in_time_SOURCES = %D%/test_ssm_in_time.c $(objective_models) tests/conformance/worlds.c tests/conformance/worlds.h
check_PROGRAMS += %D%/test_decoder %D%/test_vlb
%C%_test_decoder_SOURCES = %D%/test_decoder.c tests/chain.c tests/chain.h
%C%_test_vlb_SOURCES = %D%/test_vlb.c tests/losses.c tests/losses.h tests/chain.c tests/chain.h
check_PROGRAMS += %D%/test_simple
%C%_test_simple_SOURCES = %D%/test_simple.c tests/losses.c tests/losses.h tests/chain.c tests/chain.h
