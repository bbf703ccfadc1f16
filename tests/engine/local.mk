check_PROGRAMS += %D%/test_backend %D%/test_choose %D%/test_lanes %D%/test_product %D%/test_winograd
%C%_test_backend_SOURCES = %D%/test_backend.c
%C%_test_choose_SOURCES = %D%/test_choose.c
%C%_test_lanes_SOURCES = %D%/test_lanes.c
%C%_test_product_SOURCES = %D%/test_product.c
%C%_test_winograd_SOURCES = %D%/test_winograd.c
