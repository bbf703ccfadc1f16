# What a user gets: the headers, scorebook.pc and the library, tried from an installation.

dist_check_SCRIPTS += %D%/test_headers %D%/test_package
EXTRA_DIST += %D%/example.c %D%/example.out %D%/blas.c
