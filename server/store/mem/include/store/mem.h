/**
 * @file mem.h
 * @brief A store in memory, for tests and simulations: the whole contract, except that it ends with the process.
 */
#ifndef STORE_MEM_H
#define STORE_MEM_H

#include "api/store.h"

/** @brief Makes an empty store. @retval FERRY_E_NOMEM. Threads: any; connections as api/store.h says. */
FERRY_MUST_CHECK ferry_err store_mem_open(struct store **ret_store);

#endif
