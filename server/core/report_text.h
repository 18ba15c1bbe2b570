/**
 * @file report_text.h
 * @brief What a device writes in a report, made fit to be kept and shown. Pure.
 */
#ifndef CORE_REPORT_TEXT_H
#define CORE_REPORT_TEXT_H

#include "proto/limits.h"
#include "proto/text.h"

/**
 * @brief Copies a result_msg as valid UTF-8 without control characters: what is neither becomes '?'.
 * Cut at FERRY_RESULT_MSG_MAX bytes, never inside a character. Absent gives "".
 */
void report_text_copy(ferry_text said, char out[FERRY_RESULT_MSG_MAX + 1]);

#endif
