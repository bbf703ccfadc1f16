check_PROGRAMS += %D%/test_field
%C%_test_field_SOURCES = %D%/test_field.c tests/field.c tests/field.h
