check_PROGRAMS += %D%/test_patches
%C%_test_patches_SOURCES = %D%/test_patches.c tests/chain.c tests/chain.h
