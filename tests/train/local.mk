check_PROGRAMS += %D%/test_adam %D%/test_checkpoint %D%/test_classify %D%/test_faces %D%/test_overfit %D%/test_slice \
  %D%/test_trainer
%C%_test_adam_SOURCES = %D%/test_adam.c
%C%_test_checkpoint_SOURCES = %D%/test_checkpoint.c
%C%_test_classify_SOURCES = %D%/test_classify.c
%C%_test_faces_SOURCES = %D%/test_faces.c tests/losses.c tests/losses.h
%C%_test_overfit_SOURCES = %D%/test_overfit.c tests/losses.c tests/losses.h
%C%_test_slice_SOURCES = %D%/test_slice.c tests/colours.c tests/colours.h tests/losses.c tests/losses.h
check_PROGRAMS += %D%/test_soft_training
%C%_test_soft_training_SOURCES = %D%/test_soft_training.c tests/losses.c tests/losses.h tests/soft_laws.c tests/soft_laws.h
%C%_test_trainer_SOURCES = %D%/test_trainer.c tests/losses.c tests/losses.h
check_PROGRAMS += %D%/test_observed_examples
%C%_test_observed_examples_SOURCES = %D%/test_observed_examples.c
