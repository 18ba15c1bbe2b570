/**
 * @file log.h
 * @brief One line to standard error for each thing that happened. Any thread.
 *
 * Libraries return errors and do not log above debug; who handles an error logs it once, with
 * ids. What came from outside goes through FERRY_LOG_QUOTE first: quoted and cut.
 *
 *     ferry_log(FERRY_LOG_INFO, "broker", "started mosquitto, pid %d", pid);
 *     2026-01-02T03:04:05.678Z info  broker: started mosquitto, pid 4711
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

typedef enum { FERRY_LOG_ERROR, FERRY_LOG_WARN, FERRY_LOG_INFO, FERRY_LOG_DEBUG } ferry_log_level;

/** @brief Lines above this level are dropped. Set once at start (default: info). */
void ferry_log_set_level(ferry_log_level level);
/** @brief Lines become JSON objects with time, level, area and message. Set once at start (default: text). */
void ferry_log_set_json(bool json);
/** @brief "error", "warn", "info", "debug"; false when the text is none of them. */
bool ferry_log_level_parse(const char *text, ferry_log_level *ret_level);

void ferry_log(ferry_log_level level, const char *area, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum { FERRY_LOG_QUOTE_SIZE = 160 };
/** @brief Bytes from outside as printable text in quotes, control and non-UTF-8 bytes as \xNN, cut
 *  to fit FERRY_LOG_QUOTE_SIZE. Returns out. */
const char *ferry_log_quote(const void *bytes, size_t len, char out[FERRY_LOG_QUOTE_SIZE]);

#endif
