check_PROGRAMS += %D%/test_distance %D%/test_grid %D%/test_interpolate
%C%_test_grid_SOURCES = %D%/test_grid.c
%C%_test_interpolate_SOURCES = %D%/test_interpolate.c
%C%_test_distance_SOURCES = %D%/test_distance.c
check_PROGRAMS += %D%/test_piecewise
%C%_test_piecewise_SOURCES = %D%/test_piecewise.c
