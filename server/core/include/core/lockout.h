/**
 * @file lockout.h
 * @brief How long somebody who guesses passwords has to wait. Pure.
 */
#ifndef CORE_LOCKOUT_H
#define CORE_LOCKOUT_H

#include "api/operators.h"

enum {
    LOCKOUT_FREE = 5,              /**< wrong passwords that cost nothing: fingers slip */
    LOCKOUT_FIRST_S = 5,           /**< the first wait; each further failure doubles it */
    LOCKOUT_MAX_S = 15 * 60,       /**< ... up to this: who is locked out by a stranger comes in soon */
    LOCKOUT_FORGET_S = 24 * 3600,  /**< failures count no more when none came for that long */
    LOCKOUT_NAMES_MAX = 1024,      /**< names that are remembered, besides those of users */
};

/** @brief The wait after that many failures of which some were free. */
uint64_t lockout_wait_ms(uint32_t failures, uint32_t free);
/** @brief Counts one more failure now. */
void lockout_fail(struct lockout *l, uint32_t free, uint64_t now_ms);

#endif
