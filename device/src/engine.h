/**
 * @file engine.h
 * @brief What the files of the engine share. Private.
 */
#ifndef FERRY_DEVICE_ENGINE_H
#define FERRY_DEVICE_ENGINE_H

#include "decide.h"
#include "ferry/device.h"
#include "proto/topic.h"

/* things to hand out before anything else of the lane */
enum {
    FERRY__TODO_ABORT = 1u << 1,
    FERRY__TODO_DISCARD = 1u << 2,
    FERRY__TODO_SAVE = 1u << 3,
    FERRY__TODO_ERASE = 1u << 4,
};

enum {
    FERRY__LINK_DOWN = 0,
    FERRY__LINK_CONNECTING,
    FERRY__LINK_CONNECTED, /* SUBSCRIBE is next */
    FERRY__LINK_SUBSCRIBING,
    FERRY__LINK_UP,
};

/* The last byte of a request id says what was asked, the rest is the lane's nonce. */
enum { FERRY__ID_ASK = 0, FERRY__ID_PROGRESS = 1, FERRY__ID_REPORT = 2 };

/* Where the payload begins in the work space, behind the topic. */
enum { FERRY__TOPIC_SPACE = (FERRY_TOPIC_SIZE + 3) / 4 * 4 };

typedef ferry__lane_state lane_state;

/* --- lane.c: what both directions do alike --- */

static inline ferry_lane ferry__lane_of(const ferry_device *d, const lane_state *l)
{
    return l == &d->lane[FERRY_LANE_UP] ? FERRY_LANE_UP : FERRY_LANE_DOWN;
}
static inline bool ferry__lane_is_up(const ferry_device *d, const lane_state *l)
{
    return l == &d->lane[FERRY_LANE_UP];
}

uint32_t ferry__random(ferry_device *d);
/** A pause for the n-th failure (1 ...), between half and whole of first << (n - 1), capped. */
uint32_t ferry__backoff(ferry_device *d, unsigned n);
void ferry__lane_enter(lane_state *l, ferry_phase phase);
/** A new transfer in this lane: new nonce, counters at zero. */
void ferry__lane_begin(ferry_device *d, lane_state *l);
/** Bytes are safe that were not before: the counters start again. */
void ferry__lane_moved(ferry_device *d, lane_state *l, uint64_t safe_bytes);
void ferry__lane_rewind(lane_state *l);
/** Begins again at byte 0; too often: reports err. */
void ferry__lane_restart(ferry_device *d, lane_state *l, ferry_device_err err);
/** Ends the transfer. kept: the snapshot stays. */
void ferry__lane_end(lane_state *l, ferry_device_err err, bool kept);
/** Reports `done` (err OK) or `fail`. */
void ferry__lane_report(ferry_device *d, lane_state *l, ferry_device_err err);
/** The phase that begins or resumes the transfer itself. */
ferry_phase ferry__lane_first(const ferry_device *d, const lane_state *l);
/** Does what the rule says; retry is the phase to which LATER leads. */
void ferry__lane_settle(ferry_device *d, lane_state *l, unsigned source, int code, ferry_phase retry,
                        uint32_t least_ms);
/** Notes that the link is to blame for what comes next. */
static inline void ferry__lane_blame_link(const ferry_device *d, lane_state *l)
{
    l->why = FERRY_WHY_FAULT;
    l->detail = d->link_fault;
}
/** The time of the phase is over. */
void ferry__lane_timeout(ferry_device *d, lane_state *l);
/* --- talk.c: messages, both directions --- */

/** The answer to a report, or the platform's word on a running transfer. */
void ferry__lane_answer(ferry_device *d, lane_state *l, const ferry_msg *msg);
/** False when the message carries the id of another transfer. Notes whether the platform echoes ids. */
bool ferry__lane_id_fits(lane_state *l, const ferry_msg *msg, int *ret_kind);
void ferry__hex_write(const uint8_t *bytes, size_t len, char *out);
bool ferry__md5_parse(ferry_text hex, uint8_t ret_md5[FERRY_MD5_BYTES]);
/** Copies an object URL; false when it is none or too long. */
bool ferry__lane_take_url(const ferry_device *d, lane_state *l, ferry_text url);
/** Fills in a PUBLISH of msg, with the lane's name and an id of this kind. */
void ferry__lane_publish(ferry_device *d, lane_state *l, ferry_msg *msg, int kind, int qos, ferry_action *act);
void ferry__lane_publish_progress(ferry_device *d, lane_state *l, ferry_action *act);
void ferry__lane_publish_report(ferry_device *d, lane_state *l, ferry_action *act);

/* --- transfer.c: HTTP, both directions --- */

ferry_device_err ferry__lane_head(ferry_device *d, lane_state *l, const ferry_http_head *head);
ferry_device_err ferry__lane_http_end(ferry_device *d, lane_state *l, ferry_fault fault);
ferry_device_err ferry__lane_sent(ferry_device *d, lane_state *l, uint64_t offset);
/** Fills in the HTTP action of PROBE and MOVE. */
void ferry__lane_request(ferry_device *d, lane_state *l, ferry_action *act);

/* --- upload.c --- */
void ferry__upload_ask(ferry_device *d, lane_state *l, ferry_action *act);
void ferry__upload_answer(ferry_device *d, lane_state *l, const ferry_msg *msg);
void ferry__upload_read(ferry_device *d, lane_state *l, const void *bytes, size_t len);
bool ferry__upload_head(ferry_device *d, lane_state *l, const ferry_http_head *head);
void ferry__upload_http_end(ferry_device *d, lane_state *l);

/* --- download.c --- */
/** A name that can become a file name in a folder: no path, no hidden file. */
bool ferry__name_usable(const ferry_device *d, ferry_text name);
void ferry__download_ask(ferry_device *d, lane_state *l, ferry_action *act);
void ferry__download_offer(ferry_device *d, lane_state *l, const ferry_msg *msg);
/** Nobody has a file for us. */
void ferry__download_nothing(ferry_device *d, lane_state *l, ferry_device_err err);
void ferry__download_opened(ferry_device *d, lane_state *l, uint64_t usable);
bool ferry__download_head(ferry_device *d, lane_state *l, const ferry_http_head *head);
ferry_device_err ferry__download_body(ferry_device *d, lane_state *l, const void *bytes, size_t len);
void ferry__download_http_end(ferry_device *d, lane_state *l);

/* --- link.c --- */
bool ferry__link_next(ferry_device *d, ferry_action *act, uint64_t *deadline_ms);
ferry_device_err ferry__link_event(ferry_device *d, const ferry_event *event);

/* --- snapshot.c --- */
/** Writes at most FERRY_SNAPSHOT_MAX bytes. */
size_t ferry__snapshot_write(const ferry_device *d, const lane_state *l, uint8_t *out);
/** Fills the lane; its phase stays. */
bool ferry__snapshot_read(ferry_device *d, const uint8_t *in, size_t len, lane_state **ret_lane);

/** The earlier of two deadlines. */
static inline uint64_t ferry__earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

#endif
