/**
 * @file ferryctl_progress.h
 * @brief One line on a terminal that shows how far a transfer is, how fast, and how long it will take.
 */
#ifndef TOOLS_FERRYCTL_PROGRESS_H
#define TOOLS_FERRYCTL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct ctl_progress {
    FILE *out; /**< null: nothing is shown */
    const char *label;
    uint64_t total; /**< 0: unknown */
    uint64_t shown_ms;
    uint64_t rate_ms, rate_at; /**< where the present rate began */
    uint64_t rate;             /**< bytes a second */
    bool visible;
};

/** @brief Shows on out when that is a terminal and quiet is false. label must outlive it. */
void ctl_progress_init(struct ctl_progress *p, FILE *out, bool quiet, const char *label, uint64_t total,
                       uint64_t now_ms);
/** @brief So much is done. Draws at most ten times a second. */
void ctl_progress_update(struct ctl_progress *p, uint64_t done, uint64_t now_ms);
/** @brief Clears the line; what comes next begins on a clean one. */
void ctl_progress_end(struct ctl_progress *p);

/* --- pure --- */

enum { CTL_TEXT_SIZE = 48 };

/** @brief "17 B", "1.5 KiB", "4.0 GiB". Returns out. */
const char *ctl_size_text(uint64_t bytes, char out[CTL_TEXT_SIZE]);
/** @brief "7 s", "2 min 5 s", "3 h 20 min", "4 d 2 h". Returns out. */
const char *ctl_duration_text(uint64_t seconds, char out[CTL_TEXT_SIZE]);
/** @brief The line without its label: bar, percent, bytes, rate, time left. At most width columns. */
void ctl_progress_line(const struct ctl_progress *p, uint64_t done, size_t width, char *out, size_t cap);

#endif
