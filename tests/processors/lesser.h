#ifndef SCOREBOOK_TESTS_PROCESSORS_LESSER_H
#define SCOREBOOK_TESTS_PROCESSORS_LESSER_H

// Of the features that the processor is not to have, how many it has.
int features_left (void);

#endif
