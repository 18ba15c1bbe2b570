/**
 * @file platform.h
 * @brief Every part of ferryd, put together in order, and taken apart in the opposite one.
 */
#ifndef DAEMON_PLATFORM_H
#define DAEMON_PLATFORM_H

#include "config.h"

#include "base/error.h"

struct platform;

/**
 * @brief Starts everything. Failures are logged here, in one line each.
 * @param[in] config  must outlive the platform
 * @retval FERRY_OK ready | any error: nothing is left running
 * Blocking: until it is ready. Signals should be blocked before: threads inherit that.
 */
FERRY_MUST_CHECK ferry_err platform_start(const struct config *config, struct platform **ret_platform);

/** @brief Replaces what the configuration wants replaced: the operator's first token, the key of object URLs, the key of
 *  the secrets; nothing else is started. Errors are logged. */
FERRY_MUST_CHECK ferry_err platform_change_secrets(const struct config *config);

/**
 * @brief Has every listener take the certificates that are on the disk now; what is under way goes on. What is wrong
 * with them is logged, and the old ones stay in use. By the thread that waits for signals.
 */
void platform_reload(struct platform *platform);

/** @brief To be called now and then by the same thread: says once a day when the certificate is about to expire. */
void platform_tick(struct platform *platform);

/** @brief Stops taking in, finishes what was begun, commits, answers, ends the broker, frees. Accepts null. */
void platform_stop(struct platform *platform);

#endif
