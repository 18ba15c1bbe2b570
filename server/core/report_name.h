/**
 * @file report_name.h
 * @brief What a vendor device makes of a name in its reports (docs/protocol.md), and which task it then means. Pure.
 */
#ifndef CORE_REPORT_NAME_H
#define CORE_REPORT_NAME_H

#include "proto/text.h"

#include <stdbool.h>

typedef enum {
    NAME_OTHER = 0,
    NAME_CUT,   /**< the name's first 31 bytes: a guess that needs to be the only one */
    NAME_LONG,  /**< the name's first 64 bytes, directly followed by the MD5 */
    NAME_EXACT,
} report_name_fit;

/** @brief How well what a device said fits a task's name. */
report_name_fit report_name_fits(ferry_text said, const char *name, const char *md5);

/** @brief Does a report say the MD5 of its file? Devices on the vendor's SDK do not. */
bool report_says_md5(ferry_text said);
/** @brief May a report that said this, or nothing, mean a task of that MD5? */
bool report_md5_fits(ferry_text said, const char *md5);

/** @brief The best fit so far of a walk over a device's tasks; all zero to begin. */
struct report_best {
    report_name_fit fit;
    const void *task; /**< null: none, or several that are cut alike */
};

void report_best_add(struct report_best *best, report_name_fit fit, const void *task);

#endif
