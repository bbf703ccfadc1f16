check_PROGRAMS += %D%/test_colour
%C%_test_colour_SOURCES = %D%/test_colour.c
check_PROGRAMS += %D%/test_cosine_transform %D%/test_operator %D%/test_patches
%C%_test_cosine_transform_SOURCES = %D%/test_cosine_transform.c
%C%_test_operator_SOURCES = %D%/test_operator.c
%C%_test_patches_SOURCES = %D%/test_patches.c tests/chain.c tests/chain.h
check_PROGRAMS += %D%/test_operators
%C%_test_operators_SOURCES = %D%/test_operators.c
