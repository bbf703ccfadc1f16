# Shell tests: the program, from outside.
dist_check_SCRIPTS += %D%/test_help %D%/test_sample %D%/test_train %D%/test_data %D%/test_guidance %D%/test_likelihood %D%/test_measure %D%/test_reconstructions %D%/test_schedule %D%/test_conditional %D%/test_refusals %D%/test_interrupt \
  %D%/test_backend %D%/test_numpy %D%/test_malformed %D%/test_progress %D%/test_models %D%/test_resume
EXTRA_DIST += %D%/lib.sh %D%/read_model.py
