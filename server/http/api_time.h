/**
 * @file api_time.h
 * @brief Times as the API takes them. Pure.
 */
#ifndef HTTP_API_TIME_H
#define HTTP_API_TIME_H

#include <stdbool.h>
#include <stdint.h>

#define API_TIME_RULE "a time in UTC: 2026-01-02T03:04:05Z (a fraction of three digits may be there) or 2026-01-02"

/** @brief Reads a time after 1970 into Unix ms. False: it is none. */
bool api_time_read(const char *text, uint64_t *ret_ms);

#endif
