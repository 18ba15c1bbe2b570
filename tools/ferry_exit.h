/**
 * @file ferry_exit.h
 * @brief Exit codes, as in the manual page (scripts depend on them), and what a person can do about an error.
 */
#ifndef FERRY_EXIT_H
#define FERRY_EXIT_H

#include "ferry/error.h"

#include <stdbool.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REFUSED = 3, EXIT_NETWORK = 4 };

int ferry_exit_code(ferry_device_err err);
/** @brief "; do this", or "". patient: who says it tries again by itself. */
const char *ferry_exit_advice(ferry_device_err err, bool patient);

#endif
