/**
 * @file wait.h
 * @brief Waiting for another thread with a time limit that does not move when somebody sets the clock.
 */
#ifndef BASE_WAIT_H
#define BASE_WAIT_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/** @brief As pthread_cond_init, on the monotonic clock. End with pthread_cond_destroy. */
void ferry_cond_init(pthread_cond_t *cond);
/** @brief The moment that many milliseconds from now, for pthread_cond_timedwait on such a condition. */
struct timespec ferry_deadline_in(uint64_t ms);

#endif
