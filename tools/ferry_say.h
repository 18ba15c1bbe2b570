/**
 * @file ferry_say.h
 * @brief Words for people on standard error; with the priority that journald understands when it listens there.
 */
#ifndef FERRY_SAY_H
#define FERRY_SAY_H

#include <stdbool.h>

/** @brief The numbers are syslog's. */
typedef enum { SAY_ERROR = 3, SAY_WARNING = 4, SAY_NOTICE = 5, SAY_INFO = 6 } ferry_say_level;

/** @brief One line: "ferry: ...", or "<4>ferry: ..." for journald. Control characters in it become spaces. */
void ferry_say(ferry_say_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** @brief Does the descriptor lead to the journal that $JOURNAL_STREAM ("DEVICE:INODE") speaks of? */
bool ferry_is_journal(int fd, const char *journal_stream);

#endif
