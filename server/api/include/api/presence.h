/**
 * @file presence.h
 * @brief How our broker's plugin tells the platform which devices are connected. Pure; any thread.
 *
 * Messages on BUS_PRESENCE_TOPIC, text, one line after the other:
 *   changes {seq}                     what has changed; seq grows by one with each message of this kind
 *   all {seq} {part} more|end         a part of the list of all that are connected; seq: of the last "changes"
 *   +{ms} {product}/{device}          connected since then (Unix ms)
 *   -{ms} {product}/{device}          not connected since then
 * The platform answers on BUS_CONTROL_TOPIC:
 *   presence                          send the list of all
 *   presence {seq}                    that was the last "changes" that came: go on. Before, the plugin sends no further
 *                                     "changes", so that what comes meanwhile goes into one; if that is not the last one
 *                                     that it sent, it sends the list of all
 * A seq that is missing, or a part, was lost on the way: the platform asks for the list. A device is connected while any
 * of its clients is.
 */
#ifndef API_PRESENCE_H
#define API_PRESENCE_H

#include "base/buf.h"
#include "base/error.h"
#include "proto/limits.h"
#include "proto/text.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PRESENCE_NAME_SIZE = FERRY_IDENT_MAX + 1 + FERRY_IDENT_MAX + 1, /**< product/device */
    PRESENCE_MESSAGE_MAX = 32768, /**< bytes; the broker keeps 100,000 messages for us, whatever their size */
    PRESENCE_LINE_MAX = PRESENCE_NAME_SIZE + 24,
    PRESENCE_ASK_SIZE = 32,
};

typedef enum { PRESENCE_CHANGES, PRESENCE_ALL } presence_kind;

struct presence_head {
    presence_kind kind;
    uint64_t seq;
    uint64_t part; /**< PRESENCE_ALL: from 0 */
    bool end;      /**< PRESENCE_ALL: it is the last part */
};

struct presence_line {
    bool online;
    uint64_t since_ms;
    char name[PRESENCE_NAME_SIZE];
};

FERRY_MUST_CHECK ferry_err presence_write_head(struct ferry_buf *out, const struct presence_head *head);
FERRY_MUST_CHECK ferry_err presence_write_line(struct ferry_buf *out, bool online, uint64_t since_ms, const char *name);
/** @brief What the platform answers; seq PRESENCE_NO_SEQ: for the list of all. No device has such a name. */
#define PRESENCE_NO_SEQ UINT64_MAX
void presence_write_ask(uint64_t seq, char out[PRESENCE_ASK_SIZE]);
/** @brief False: it is no such answer. */
bool presence_read_ask(ferry_text text, uint64_t *ret_seq);
/** @brief Takes the first line off *inout_text. False: it is none. */
bool presence_read_head(ferry_text *inout_text, struct presence_head *ret_head);
/** @brief Takes a line off *inout_text, which is not empty. False: it is none. */
bool presence_read_line(ferry_text *inout_text, struct presence_line *ret_line);

#endif
