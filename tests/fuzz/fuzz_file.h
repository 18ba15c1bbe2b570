/* A file in memory with these bytes, for what is read by its path. */
#ifndef TESTS_FUZZ_FILE_H
#define TESTS_FUZZ_FILE_H

#include "fuzz.h"

enum { FUZZ_PATH_SIZE = 32 };

/* The descriptor, to be closed; what does not work ends the fuzzer. */
int fuzz_file(const void *bytes, size_t size, char ret_path[FUZZ_PATH_SIZE]);

#endif
