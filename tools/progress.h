/**
 * @file progress.h
 * @brief One line on a terminal that shows how far a transfer is, how fast, and how long it will take.
 */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *out; /**< null: nothing is shown, the rate is measured all the same */
    const char *label;
    uint64_t total; /**< 0: unknown */
    uint64_t shown_ms;
    uint64_t rate_ms, rate_at; /**< where the present rate began */
    uint64_t rate;             /**< bytes a second */
    bool visible;
};

/** @brief Shows on out when that is a terminal (and not a dumb one) and quiet is false. */
void progress_init(struct progress *p, FILE *out, bool quiet);
/** @brief A new transfer, of which so much is done already. label must outlive it. */
void progress_begin(struct progress *p, const char *label, uint64_t total, uint64_t done, uint64_t now_ms);
/** @brief So much is done. Draws at most ten times a second. */
void progress_update(struct progress *p, uint64_t done, uint64_t now_ms);
/** @brief Clears the line; what comes next begins on a clean one. */
void progress_end(struct progress *p);

/** @brief Columns of the terminal, at most 120; 80 when it does not say. */
size_t progress_terminal_width(FILE *out);

/* --- pure --- */

enum { PROGRESS_TEXT_SIZE = 48, PROGRESS_LINE_SIZE = 512 };

/** @brief "17 B", "1.5 KiB", "4.0 GiB". Returns out. */
const char *progress_size_text(uint64_t bytes, char out[PROGRESS_TEXT_SIZE]);
/** @brief "7 s", "2 min 5 s", "3 h 20 min", "4 d 2 h". Returns out. */
const char *progress_duration_text(uint64_t seconds, char out[PROGRESS_TEXT_SIZE]);
/**
 * @brief The line for a terminal of that width, in at most so many columns.
 *
 * What does not fit whole is left out: first the bytes, then the label, the bar, the rate, the time left.
 */
void progress_line(const struct progress *p, uint64_t done, size_t width, char out[PROGRESS_LINE_SIZE]);
/** @brief "[###...]" of that width, at least 3; out has one byte more. total 0: an empty one. */
void progress_bar(char *out, size_t width, uint64_t done, uint64_t total);

#endif
