check_PROGRAMS += %D%/test_field
%C%_test_field_SOURCES = %D%/test_field.c tests/field.c tests/field.h
check_PROGRAMS += %D%/test_path
%C%_test_path_SOURCES = %D%/test_path.c tests/field.c tests/field.h
check_PROGRAMS += %D%/test_distances %D%/test_matched
%C%_test_distances_SOURCES = %D%/test_distances.c
%C%_test_matched_SOURCES = %D%/test_matched.c tests/field.c tests/field.h
check_PROGRAMS += %D%/test_ablations
%C%_test_ablations_SOURCES = %D%/test_ablations.c tests/modes.c tests/modes.h tests/field.c tests/field.h \
  tests/soft_laws.c tests/soft_laws.h
