# Shell tests: the program, from outside.
dist_check_SCRIPTS += %D%/test_sample
EXTRA_DIST += %D%/lib.sh
