/**
 * @file store_suite.h
 * @brief One suite for every implementation of the store (api/store.h).
 *
 * A new implementation is done when its test file, a few lines around store_suite_run(), passes.
 */
#ifndef TESTS_STORE_SUITE_H
#define TESTS_STORE_SUITE_H

#include "api/store.h"

/** @brief Opens an empty store; whatever it needs goes into the empty folder. */
typedef ferry_err store_suite_open(const char *folder, struct store **ret_store);

/** @brief Runs every test; the number of failed ones. name appears in the output. */
int store_suite_run(const char *name, store_suite_open *open_store);

#endif
