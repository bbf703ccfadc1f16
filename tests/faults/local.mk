dist_check_SCRIPTS += %D%/test_faults
EXTRA_DIST += %D%/inject.c
