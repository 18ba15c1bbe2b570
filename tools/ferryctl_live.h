/**
 * @file ferryctl_live.h
 * @brief How a deployment goes, as a picture on a terminal: a bar for all devices, and one for each that is at work.
 */
#ifndef TOOLS_FERRYCTL_LIVE_H
#define TOOLS_FERRYCTL_LIVE_H

#include "base/buf.h"
#include "base/error.h"
#include "ferryctl_commands.h"

#include <jansson.h>
#include <stddef.h>

enum { CTL_LIVE_DEVICES_MAX = 12 }; /* lines of devices */

struct ctl_live {
    struct ferry_buf shown; /**< the picture on the screen; starts and ends as an empty buffer */
    unsigned lines;
};

/**
 * @brief The picture, without a newline at its end. Pure.
 * @param[in] words  what stands behind the bar of all
 * @param[in] tasks  an array: the devices shown
 * @param[in] width  columns that a line may have, at least 40
 */
FERRY_MUST_CHECK
ferry_err ctl_live_text(const json_t *deployment, const char *words, const json_t *tasks, size_t width,
                        struct ferry_buf *out);

/** @brief Asks for the tasks at work and draws over the former picture, when it is another one. */
enum ctl_exit ctl_live_draw(struct ctl *ctl, struct ctl_live *live, const json_t *deployment, const char *words);

#endif
