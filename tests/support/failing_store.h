/**
 * @file failing_store.h
 * @brief A store whose n-th call fails, as on a disk that cannot be read or with a server that is gone: for tests.
 */
#ifndef CORE_FAILING_STORE_H
#define CORE_FAILING_STORE_H

#include "api/store.h"

#include <stdbool.h>

/** @brief Puts slots that can fail into ops, a copy of real_ops: all that read or write, none of transactions. One store at a time.
 */
void failing_store_install(struct store_ops *ops, const struct store_ops *real_ops);
/** @brief The n-th call from now on gives FERRY_E_IO and does nothing; 0: none does. Only calls between a savepoint and its end count:
 *  those of one command or message. */
void failing_store_at(unsigned n);
/** @brief The same, of all calls: also those of the engine's start and of timers. */
void failing_store_anywhere_at(unsigned n);
/** @brief The n-th call of each transaction from now on: one that begins again meets it at the same place. */
void failing_store_each_at(unsigned n);
/** @brief That call has come. */
bool failing_store_struck(void);
/** @brief The same, and it was one of this slot. */
bool failing_store_struck_in(const char *slot);

#endif
