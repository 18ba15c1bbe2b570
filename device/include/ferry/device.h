/**
 * @file device.h
 * @brief The device engine: a machine that knows what to do, and a port that does it.
 *
 * Tell it what happened (ferry_device_event), ask what to do next (ferry_device_next), do it, tell
 * it how that went. The engine waits for nothing, allocates nothing, reads no clock and calls
 * nobody. All memory is the caller's; several devices in one process are several structs.
 *
 *     ferry_action act;
 *     for (;;) {
 *         ferry_device_next(&device, now_ms(), &act);
 *         if (act.kind == FERRY_ACT_WAIT)
 *             wait_for_network_until(act.deadline_ms);  // what arrives goes to ferry_device_event()
 *         else
 *             carry_out(&act);                          // its result goes to ferry_device_event()
 *     }
 *
 * One transfer each way can run at once: two lanes. Times are monotonic milliseconds of any start.
 * Freestanding C99; needs mem*() and str*() only. Not thread-safe: one device, one thread.
 */
#ifndef FERRY_DEVICE_H
#define FERRY_DEVICE_H

#include "ferry/error.h"
#include "ferry/md5.h"
#include "proto/limits.h"
#include "proto/result.h"
#include "proto/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- what is built in ------------------------------------------------------------------------ */

/*
 * Options of the whole build, the port's files included: each 0 (default) or 1.
 *
 * FERRY_WITHOUT_UPLOAD, FERRY_WITHOUT_DOWNLOAD: a direction that is left out costs no code and no memory; what is
 * asked of it or told about it answers FERRY_DEVICE_E_ARG or FERRY_DEVICE_E_STATE, or does nothing.
 * FERRY_WITHOUT_MD5: the port defines the three functions of ferry/md5.h, for hardware that computes it.
 */
#ifndef FERRY_WITHOUT_UPLOAD
#define FERRY_WITHOUT_UPLOAD 0
#endif
#ifndef FERRY_WITHOUT_DOWNLOAD
#define FERRY_WITHOUT_DOWNLOAD 0
#endif
#ifndef FERRY_WITHOUT_MD5
#define FERRY_WITHOUT_MD5 0
#endif
#if FERRY_WITHOUT_UPLOAD && FERRY_WITHOUT_DOWNLOAD
#error "FERRY_WITHOUT_UPLOAD and FERRY_WITHOUT_DOWNLOAD leave nothing to do"
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { FERRY_LANE_UP = 0, FERRY_LANE_DOWN = 1 } ferry_lane;
enum { FERRY_LANES = 2 };
/** Private to the engine: how many of them are built in. */
enum { FERRY__LANES = FERRY_LANES - FERRY_WITHOUT_UPLOAD - FERRY_WITHOUT_DOWNLOAD };

/* ---- what can go wrong outside the engine ---------------------------------------------------- */

#define FERRY_FAULT_LIST(X)                                                             \
    X(FERRY_FAULT_NONE, 0, "no fault")                                                  \
    X(FERRY_FAULT_DNS, 1, "the host name cannot be resolved")                           \
    X(FERRY_FAULT_CONNECT, 2, "the connection cannot be made")                          \
    X(FERRY_FAULT_TIMEOUT, 3, "nothing moves any more")                                 \
    X(FERRY_FAULT_LOST, 4, "the connection broke off")                                  \
    X(FERRY_FAULT_TLS, 5, "the certificate is not trusted, or TLS failed")              \
    X(FERRY_FAULT_GARBLED, 6, "the other side does not speak the protocol")             \
    X(FERRY_FAULT_READ, 7, "the source file cannot be read or changed")                 \
    X(FERRY_FAULT_WRITE, 8, "the file cannot be written")                               \
    X(FERRY_FAULT_SPACE, 9, "not enough free space")                                    \
    X(FERRY_FAULT_NAME, 10, "the file name cannot be used here")                        \
    X(FERRY_FAULT_REFUSED, 11, "the broker refused the credential or the subscription") \
    X(FERRY_FAULT_UNAVAILABLE, 12, "the broker is not available at the moment")         \
    X(FERRY_FAULT_SYSTEM, 13, "the port lacks a resource")                              \
    X(FERRY_FAULT_GONE, 14, "the partial file is gone")

typedef enum {
#define X(name, number, text) name = (number),
    FERRY_FAULT_LIST(X)
#undef X
} ferry_fault;

/* ---- configuration --------------------------------------------------------------------------- */

/** @brief Constant settings; the struct and its texts must outlive the device (flash will do). */
typedef struct {
    const char *product;       /**< 1 .. 64 of A-Z a-z 0-9 _ : - */
    const char *device;        /**< as product */
    uint16_t name_max;         /**< longest name in bytes, 1 .. FERRY_NAME_MAX */
    uint16_t url_max;          /**< longest object URL, 64 ..; FERRY_URL_MAX fits every platform of ours */
    uint8_t tries_max;         /**< attempts in a row without progress, 1 .. 255 */
    uint8_t restarts_max;      /**< beginnings from zero because a file changed or came damaged */
    uint8_t asks_max;          /**< questions for a file that stay unanswered, then "nothing there" */
    uint32_t answer_ms;        /**< the platform's time to answer, doubling with each repetition */
    uint32_t connect_ms;       /**< for the connection to the broker and for the subscription */
    uint32_t stall_ms;         /**< an HTTP request in which nothing moves that long is ended */
    uint32_t backoff_first_ms; /**< first pause after a failure, doubling ... */
    uint32_t backoff_max_ms;   /**< ... up to this; each is drawn between its half and its whole */
    uint32_t give_up_ms;       /**< time without progress after which a transfer ends */
    uint32_t confirm_ms;       /**< time for the platform to confirm a result, then it is kept for later */
    uint32_t progress_ms;      /**< shortest time between two progress reports */
    uint32_t poll_ms;          /**< while listening: ask again just before this, pushes can be lost; 0 = never */
    uint32_t save_ms;          /**< shortest time between two snapshots of a running download ... */
    uint32_t save_bytes;       /**< ... and fewest bytes between them: flash wears out */
    uint32_t resumable_bytes;  /**< uploads from this size are sent resumably (one more round trip) */
} ferry_device_config;

/** Defaults for everything but product and device: `{.product = "p", .device = "d", FERRY_DEVICE_DEFAULTS}`. */
#define FERRY_DEVICE_DEFAULTS                                                                                     \
    .name_max = FERRY_NAME_MAX, .url_max = FERRY_URL_MAX, .tries_max = 20, .restarts_max = 3, .asks_max = 3,      \
    .answer_ms = 5000, .connect_ms = 10000, .stall_ms = 60000, .backoff_first_ms = 1000, .backoff_max_ms = 60000, \
    .give_up_ms = 24u * 3600000u, .confirm_ms = 24u * 3600000u, .progress_ms = 1000, .poll_ms = 600000,           \
    .save_ms = 5000, .save_bytes = 1u << 20, .resumable_bytes = 1u << 20

/** Bytes of work space, for what is handed out: topic and payload, or a snapshot. */
#define FERRY_DEVICE_WORK(name_max) ((size_t)2 * (name_max) + 384)
/** Bytes of memory that ferry_device_init() needs for given name_max and url_max. */
#define FERRY_DEVICE_MEM(name_max, url_max) \
    (FERRY_DEVICE_WORK(name_max) + FERRY__LANES * ((size_t)(name_max) + (url_max) + 2))
/** Bytes that hold any snapshot of a device with this name_max. */
#define FERRY_SNAPSHOT_MAX(name_max) ((size_t)(name_max) + 192)

/* ---- events: what happened ------------------------------------------------------------------- */

typedef enum {
    FERRY_EV_LINK_UP = 1, /**< CONNECT done: the broker accepted */
    FERRY_EV_LINK_DOWN,   /**< fault: the connection failed, was refused or was lost */
    FERRY_EV_SUBSCRIBED,  /**< SUBSCRIBE done */
    FERRY_EV_MESSAGE,     /**< payload, len: a message on the device's down topic; altered in place */
    FERRY_EV_READ,        /**< bytes, len: answer to READ, from the offset asked for */
    FERRY_EV_OPENED,      /**< offset: answer to OPEN, the bytes of the partial file that can be used */
    FERRY_EV_COMMITTED,   /**< answer to COMMIT */
    FERRY_EV_FILE_FAILED, /**< fault: answer to READ, OPEN or COMMIT */
    FERRY_EV_HTTP_HEAD,   /**< head: status and header of the final answer (no 1xx) */
    FERRY_EV_BODY,        /**< bytes, len: body of a GET; already written at the lane's offset */
    FERRY_EV_SENT,        /**< offset: bytes of the file that went out so far, counted from its start */
    FERRY_EV_HTTP_END,    /**< fault: NONE when the whole answer arrived */
} ferry_event_kind;

/** @brief The head of an HTTP answer, as far as the engine looks at it. */
typedef struct {
    uint16_t status;
    bool has_range;         /**< Content-Range: bytes range_start-…/range_total */
    bool has_length;        /**< Content-Length */
    bool has_upload_offset; /**< Upload-Offset (tus) */
    uint16_t retry_after_s; /**< Retry-After in seconds, 0 when absent; more than an hour is an hour, see to it */
    uint64_t range_start;
    uint64_t range_total; /**< 0 when not told */
    uint64_t length;
    uint64_t upload_offset;
    const char *etag; /**< as sent, with its quotes; absent: null */
} ferry_http_head;

/** @brief One event; only the members named at its kind are looked at, and only during the call. */
typedef struct {
    ferry_event_kind kind;
    ferry_lane lane;
    ferry_fault fault;
    uint64_t offset;
    const void *bytes;
    char *payload;
    size_t len;
    const ferry_http_head *head;
} ferry_event;

/* ---- actions: what to do --------------------------------------------------------------------- */

typedef enum {
    FERRY_ACT_WAIT = 1,   /**< until an event or deadline_ms (UINT64_MAX: no deadline) */
    FERRY_ACT_CONNECT,    /**< connect to the broker → LINK_UP | LINK_DOWN */
    FERRY_ACT_DISCONNECT, /**< drop the connection to the broker; no event */
    FERRY_ACT_SUBSCRIBE,  /**< topic, qos → SUBSCRIBED | LINK_DOWN */
    FERRY_ACT_PUBLISH,    /**< topic, payload, len, qos; no event */
    FERRY_ACT_READ,       /**< name: the source file, from offset, at most size - offset → READ | FILE_FAILED */
    FERRY_ACT_OPEN,       /**< name, size, offset: keep the first offset bytes of the partial file (0: new),
                               make sure that the rest has room → OPENED | FILE_FAILED */
    FERRY_ACT_COMMIT,     /**< name, size: make the partial file durable, give it its name. To repeat it
                               must do no harm → COMMITTED | FILE_FAILED, with GONE when neither the partial nor
                               the named file is there */
    FERRY_ACT_DISCARD,    /**< remove the partial file; no event */
    FERRY_ACT_HTTP,       /**< http: begin a request → HTTP_HEAD, BODY or SENT, HTTP_END */
    FERRY_ACT_HTTP_ABORT, /**< end the lane's request; no event */
    FERRY_ACT_SAVE,       /**< bytes, len: keep this snapshot of the lane instead of the last, after the bytes
                               of the partial file are durable; len 0: forget it. No event */
    FERRY_ACT_FINISHED,   /**< err, why, detail, kept: the lane's transfer has ended; no event */
} ferry_action_kind;

typedef enum {
    FERRY_HTTP_PUT = 0,   /**< whole file; Content-Length: size, Content-MD5: md5 in base64 (ferry_http_md5) */
    FERRY_HTTP_PROBE = 1, /**< HEAD with Tus-Resumable: 1.0.0: how much is there? */
    FERRY_HTTP_PATCH = 2, /**< Tus-Resumable: 1.0.0, Upload-Offset: offset, the file from there on */
    FERRY_HTTP_GET = 3,   /**< Range: bytes=offset- when offset > 0, then also If-Range when it is not null */
} ferry_http_kind;

/** @brief What a detail number is. */
typedef enum { FERRY_WHY_NONE, FERRY_WHY_FAULT, FERRY_WHY_HTTP, FERRY_WHY_RESULT } ferry_why;

/**
 * @brief One action. Each is handed out once; what has an event is answered by exactly that event.
 *
 * Carry an action without event out before asking for the next one. Every pointer is valid until
 * the next call for the same device, except name and url of a lane: until its FINISHED, or the next
 * HTTP action of the lane.
 */
typedef struct {
    ferry_action_kind kind;
    ferry_lane lane;
    ferry_http_kind http;
    ferry_device_err err;
    ferry_why why;
    bool kept; /**< the snapshot stays: the transfer can be taken up again */
    int qos;
    int detail; /**< ferry_fault, HTTP status or result_code, as why says */
    uint64_t deadline_ms;
    const char *topic;
    const char *payload;
    const void *bytes;
    size_t len;
    const char *name;
    const char *url;
    const uint8_t *md5; /**< HTTP, COMMIT, FINISHED: of the whole file, 16 bytes */
    const char *if_range;
    uint64_t size;
    uint64_t offset;
    uint64_t tag; /**< READ: as given to ferry_device_upload() */
} ferry_action;

/* ---- the device ------------------------------------------------------------------------------ */

/** What a lane is doing. */
typedef enum {
    FERRY_PHASE_IDLE = 0,
    FERRY_PHASE_KEPT,   /**< an upload came back from a snapshot and waits for ferry_device_upload() */
    FERRY_PHASE_HASH,   /**< reads the source for its MD5 */
    FERRY_PHASE_ASK,    /**< asks the platform */
    FERRY_PHASE_OPEN,   /**< prepares the partial file */
    FERRY_PHASE_PROBE,  /**< asks the object store how much it has */
    FERRY_PHASE_MOVE,   /**< transfers */
    FERRY_PHASE_COMMIT, /**< gives the verified file its name */
    FERRY_PHASE_REPORT, /**< waits for the platform to confirm the result */
    FERRY_PHASE_PAUSE,  /**< waits before the next attempt */
    FERRY_PHASE_END,    /**< FINISHED is about to be handed out */
} ferry_phase;

/** @brief Private to the engine: what a snapshot keeps of one direction, as it lies there. */
typedef struct {
    uint64_t size, offset, tag;
    ferry_md5 hash;
    uint8_t md5[FERRY_MD5_BYTES];
    char etag[44];
    uint8_t stage, result, unused, lane; /* the first two: the lane's own when it is written; lane: see snapshot.c */
} ferry__kept;

/** @brief Private to the engine: times of a direction that run down, in milliseconds left. */
typedef struct {
    uint32_t due, give_up, progress, save;
} ferry__timers;

/** @brief Private to the engine: one direction. The small members stand first, where short instructions reach. */
typedef struct {
    uint8_t phase, next_phase, todo, request, tries, restarts, err, why, result;
    bool echoes, known, told, partial, whole, live, answered, down, issued;
    uint8_t stage;
    char nonce[7];
    int32_t detail;
    ferry__timers left;
    struct ferry_device *d;
    const ferry_device_config *cfg;
    char *name, *url;
    uint64_t mark;
    uint32_t unsaved;
    ferry__kept kept;
} ferry__lane_state;

/** @brief A device. The caller gives the memory, looks at nothing inside and leaves it where it is. */
typedef struct ferry_device {
    uint8_t link, link_tries, link_fault, turn;
    bool listening;
    const ferry_device_config *cfg;
    char *work;
    uint32_t random, link_left;
    uint64_t now_ms;
    ferry__lane_state lane[FERRY__LANES];
} ferry_device;

/**
 * @brief Makes a device that has nothing to do yet.
 * @param[in]  cfg   kept, not copied
 * @param[in]  mem   at least FERRY_DEVICE_MEM() bytes; kept until the device is dropped
 * @param[in]  seed  random bits for back-off and request ids; should differ between devices and starts
 * @param[out] reterr_need  may be null; the bytes that mem must have, written on FERRY_DEVICE_E_MEMORY
 * @retval FERRY_DEVICE_OK | FERRY_DEVICE_E_ARG a setting is out of range | FERRY_DEVICE_E_MEMORY
 * Blocking: never.
 */
FERRY_DEVICE_MUST_CHECK ferry_device_err ferry_device_init(ferry_device *d, const ferry_device_config *cfg, void *mem,
                                                           size_t mem_bytes, uint32_t seed, size_t *reterr_need);

/**
 * @brief Gives back a snapshot that a SAVE action handed out, before the first ferry_device_next().
 *
 * A download goes on by itself; so does an unconfirmed result. An upload waits for the
 * ferry_device_upload() that names the same file.
 * @retval FERRY_DEVICE_E_SNAPSHOT damaged, another version or another device; nothing has changed
 * @retval FERRY_DEVICE_E_STATE the lane is not idle
 */
ferry_device_err ferry_device_restore(ferry_device *d, uint64_t now_ms, const void *bytes, size_t len);

/** @brief What to upload; texts are copied. */
typedef struct {
    const char *name;   /**< valid by ferry_name_valid(), at most name_max bytes */
    uint64_t size;      /**< 1 .. */
    uint64_t tag;       /**< changes when the file does (e.g. from its time of change); opaque to the engine */
    const uint8_t *md5; /**< its 16 bytes if known, null: the engine asks for the bytes first */
} ferry_upload_request;

/**
 * @brief Begins an upload, or goes on with the one from a snapshot when name, size and tag are the same.
 * @retval FERRY_DEVICE_E_ARG name or size | FERRY_DEVICE_E_STATE an upload is running
 */
FERRY_DEVICE_MUST_CHECK ferry_device_err ferry_device_upload(ferry_device *d, uint64_t now_ms,
                                                             const ferry_upload_request *request);

/**
 * @brief Asks once for a file; ends with FINISHED, FERRY_DEVICE_E_NO_TASK when there is none.
 *
 * Does nothing when a download is running already.
 */
void ferry_device_fetch(ferry_device *d, uint64_t now_ms);

/** @brief From now on: take every file that is offered or pushed, ask after each connect. Off: only the running one. */
void ferry_device_listen(ferry_device *d, uint64_t now_ms, bool on);

/** How a transfer is stopped. */
typedef enum {
    FERRY_STOP_FOR_NOW,  /**< SAVE, then FINISHED with FERRY_DEVICE_E_STOPPED; the platform is not told */
    FERRY_STOP_FOR_GOOD, /**< the platform is told; FINISHED with FERRY_DEVICE_E_STOPPED when it has confirmed that */
} ferry_stop;

/**
 * @brief Stops a transfer. For now: also for a port that is about to end.
 *
 * A transfer that was stopped for now goes on as after a reboot: an upload with the ferry_device_upload() that names the
 * same file, a download with its next offer, an unconfirmed result when the snapshot is given back. To a
 * listening device it is offered again at once: call ferry_device_listen() with off before.
 * @retval FERRY_DEVICE_E_STATE nothing is running, or FINISHED comes anyway; for good: its result is already reported
 */
ferry_device_err ferry_device_stop(ferry_device *d, uint64_t now_ms, ferry_lane lane, ferry_stop how);

/**
 * @brief Tells the engine what happened.
 * @retval FERRY_DEVICE_OK
 * @retval FERRY_DEVICE_E_UNWANTED after HTTP_HEAD or BODY: end this request now, without another event for it
 * @retval FERRY_DEVICE_E_STATE the event does not fit (late, repeated); nothing has changed
 * Time: now_ms that goes back is taken as the latest seen.
 */
ferry_device_err ferry_device_event(ferry_device *d, uint64_t now_ms, const ferry_event *event);

/** @brief What to do next. Never fails; with nothing to do the action is FERRY_ACT_WAIT. */
void ferry_device_next(ferry_device *d, uint64_t now_ms, ferry_action *ret_action);

#ifdef __cplusplus
}
#endif

#endif
