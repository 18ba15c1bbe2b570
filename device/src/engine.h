/**
 * @file engine.h
 * @brief What the files of the engine share. Private.
 */
#ifndef FERRY_DEVICE_ENGINE_H
#define FERRY_DEVICE_ENGINE_H

#include "decide.h"
#include "ferry/device.h"

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

/* A function that is smaller apart: inlined, its lane is no register but an address to compute at each use. */
#define FERRY__APART __attribute__((noinline))

/* A time that never comes. */
#define FERRY__NEVER UINT32_MAX

/* The last character of a request id, behind the lane's nonce: in which phase the message was sent. */
#define FERRY__ID_OF(phase) ('0' + (phase))

typedef ferry__lane_state lane_state;

/* With one direction built in this is a constant, and the compiler drops the code of the other. */
static inline bool ferry__is_down(const lane_state *l)
{
    return FERRY_WITHOUT_UPLOAD || (!FERRY_WITHOUT_DOWNLOAD && l->down);
}

static inline bool ferry__listens(const ferry_device *d)
{
    return !FERRY_WITHOUT_DOWNLOAD && d->listening;
}

static inline bool ferry__is_built_in(ferry_lane lane)
{
    return lane == FERRY_LANE_DOWN ? !FERRY_WITHOUT_DOWNLOAD : lane == FERRY_LANE_UP && !FERRY_WITHOUT_UPLOAD;
}

/* The lane must be built in. */
static inline const lane_state *ferry__const_lane_at(const ferry_device *d, ferry_lane lane)
{
    return &d->lane[FERRY__LANES > 1 && lane == FERRY_LANE_DOWN];
}
static inline lane_state *ferry__lane_at(ferry_device *d, ferry_lane lane)
{
    return &d->lane[FERRY__LANES > 1 && lane == FERRY_LANE_DOWN];
}

/* 1 to name_max bytes without control characters, also not DEL; UTF-8 is what the platform sees to. */
bool ferry__name_fits(const lane_state *l, const char *name);

/* --- lane.c: what both directions do alike --- */

uint32_t ferry__random(ferry_device *d);
/** A pause for the n-th failure (1 ...), between half and whole of first << (n - 1), capped. */
uint32_t ferry__backoff(ferry_device *d, unsigned n);
void ferry__lane_enter(lane_state *l, ferry_phase phase);
/** A new transfer in this lane: new nonce, counters at zero. */
void ferry__lane_begin(lane_state *l);
/** The next bytes of the file; false when it should have no more so many. */
bool ferry__lane_hash(lane_state *l, const void *bytes, size_t len);
/** Bytes are safe that were not before: the counters start again. */
void ferry__lane_moved(lane_state *l);
void ferry__lane_rewind(lane_state *l);
/** Begins again at byte 0; too often: reports err. */
void ferry__lane_restart(lane_state *l, ferry_device_err err);
/** Ends the transfer. remember: the snapshot stays. */
void ferry__lane_end(lane_state *l, ferry_device_err err, bool remember);
/** Reports `done` (err OK) or `fail`. */
void ferry__lane_report(lane_state *l, ferry_device_err err);
/** Hands out a snapshot. */
void ferry__lane_save(lane_state *l);
/** Makes a pause that long, but no longer than until giving up: then comes the last attempt. */
void ferry__lane_wait(lane_state *l, uint32_t ms);
/** Does what the rule says. */
void ferry__lane_settle(lane_state *l, unsigned source, int code);
/** Nothing answers or moves: as if the request had ended with this fault. */
void ferry__lane_fault(lane_state *l, ferry_fault fault);
/** Ends the transfer, remembered, because of the link. */
void ferry__lane_end_by_link(lane_state *l, ferry_device_err err);
/** The time of the phase is over. */
void ferry__lane_timeout(lane_state *l);

/* --- downlink.c: reads what the platform says --- */

enum { FERRY__SAYS_UPLOAD_TASK, FERRY__SAYS_UPLOAD_RESULT, FERRY__SAYS_DOWNLOAD_TASK, FERRY__SAYS_DOWNLOAD_RESULT };
enum { FERRY__TYPE, FERRY__NAME, FERRY__MD5SUM, FERRY__URL, FERRY__REQUEST_ID, FERRY__SIZE, FERRY__RESULT_CODE,
       FERRY__NESTED_RESULT_CODE, FERRY__TEXTS };

typedef struct {
    uint8_t says; /* FERRY__SAYS_...; the small members stand first, where short instructions reach */
    bool has_result;
    bool has_md5;
    uint8_t md5[FERRY_MD5_BYTES];   /* md5sum, when it is one */
    int32_t result_code;            /* 0 also when there is none */
    uint64_t size;                  /* 0: none that can be used */
    const char *text[FERRY__TEXTS]; /* absent: ""; a number ends where its digits do */
} ferry__downlink;

/** False when it is no whole JSON object or none of the six messages for devices. Alters text. */
bool ferry__downlink_read(char *text, size_t len, ferry__downlink *ret_msg);

/* --- uplink.c: writes what the device says --- */

/** The topic of what the platform says, at the beginning of the work space. */
void ferry__topic_write(ferry_device *d, ferry_action *act);
/** A PUBLISH of what the phase has to say: the question, progress or the result. */
void ferry__lane_publish(const lane_state *l, ferry_action *act);

/* --- talk.c: messages, both directions --- */

void ferry__message(ferry_device *d, const ferry__downlink *msg);
/** Copies an object URL; false when it is none or too long. */
bool ferry__lane_take_url(lane_state *l, const char *url);

/* --- transfer.c: HTTP, both directions --- */

ferry_device_err ferry__lane_head(lane_state *l, const ferry_http_head *head);
void ferry__lane_http_end(lane_state *l, ferry_fault fault);
ferry_device_err ferry__lane_sent(lane_state *l, uint64_t offset);
/** Fills in the HTTP action of PROBE and MOVE. */
void ferry__lane_request(lane_state *l, ferry_action *act);

/* --- upload.c --- */
/** The phase that begins or resumes the transfer itself. */
ferry_phase ferry__upload_first(const lane_state *l);
/** answers: it carries the id of our question. */
void ferry__upload_answer(lane_state *l, const ferry__downlink *msg, bool answers);
void ferry__upload_read(lane_state *l, const void *bytes, size_t len);
void ferry__upload_head(lane_state *l, const ferry_http_head *head);

/* --- download.c --- */
void ferry__download_offer(lane_state *l, const ferry__downlink *msg);
/** Nobody has a file for us. */
void ferry__download_nothing(lane_state *l, ferry_device_err err);
void ferry__download_opened(lane_state *l, uint64_t usable);
/** False: this answer is not wanted, and what comes next is settled. */
bool ferry__download_head(lane_state *l, const ferry_http_head *head);
ferry_device_err ferry__download_body(lane_state *l, const void *bytes, size_t len);
/** All bytes are there: are they the right ones? */
void ferry__download_verify(lane_state *l);

/* --- device.c --- */
/** The time goes on, never back. */
void ferry__tick(ferry_device *d, uint64_t now_ms);

/* --- link.c --- */
bool ferry__link_next(ferry_device *d, ferry_action *act, uint32_t *left);
ferry_device_err ferry__link_event(ferry_device *d, const ferry_event *event);

/* --- snapshot.c --- */
/* The last byte of a snapshot is this plus its lane; the next version is two more. */
enum { FERRY__SNAPSHOT_VERSION = 4 };
/** Writes at most FERRY_SNAPSHOT_MAX bytes. */
size_t ferry__snapshot_write(const lane_state *l, uint8_t *out);

#endif
