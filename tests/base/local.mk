check_PROGRAMS += %D%/test_error
%C%_test_error_SOURCES = %D%/test_error.c
check_PROGRAMS += %D%/test_shard
%C%_test_shard_SOURCES = %D%/test_shard.c
check_PROGRAMS += %D%/test_stream
%C%_test_stream_SOURCES = %D%/test_stream.c
check_PROGRAMS += %D%/test_file
%C%_test_file_SOURCES = %D%/test_file.c
