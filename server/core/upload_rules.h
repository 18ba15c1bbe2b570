/**
 * @file upload_rules.h
 * @brief What may happen to an upload task (docs/architecture.md). Pure: no I/O, no clock, no globals.
 */
#ifndef CORE_UPLOAD_RULES_H
#define CORE_UPLOAD_RULES_H

#include "api/model.h"
#include "base/error.h"
#include "proto/result.h"
#include "proto/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    UPLOAD_EV_RUNNING = 0, /**< the device reports uploading */
    UPLOAD_EV_DONE,        /**< the device reports done; object_present tells what we have */
    UPLOAD_EV_FAIL,        /**< the device reports fail */
    UPLOAD_EV_ACTIVE,      /**< bytes are arriving over HTTP */
    UPLOAD_EV_STORED,      /**< the object is whole, verified and durable */
    UPLOAD_EV_EXPIRE,      /**< nothing was heard until expires_ms */
    UPLOAD_EV_CANCEL,      /**< replaced by another content, or the operator's word */
    UPLOAD_EV_COUNT
} upload_event_kind;

struct upload_event {
    upload_event_kind kind;
    bool object_present;   /**< DONE: the object store has the whole object */
    int32_t percent;       /**< RUNNING */
    int32_t result_code;   /**< FAIL: the device's */
    const char *result_msg; /**< FAIL: may be null */
};

/**
 * @brief The rule: (task as stored, event, now) -> (task as it becomes, answer).
 * @param[out] ret_after  the task as it becomes; equal to before when nothing changes. Always written.
 * @return what the device is told (result_code of the report's answer); for HTTP and timers: FERRY_RESULT_OK, or
 *         FERRY_RESULT_CANCELLED when the task takes no bytes any more.
 */
ferry_result upload_apply(const struct upload_task *before, const struct upload_event *event, uint64_t now_ms,
                          uint32_t life_s, struct upload_task *ret_after);
/** @brief Did the rule change the task? Looks at what it may change, not at what lies between the fields or behind a text's end. */
bool upload_changed(const struct upload_task *before, const struct upload_task *after);

/** @brief Checks a create_upload_task request; FERRY_RESULT_OK or the reason of the refusal. */
ferry_result upload_check_request(ferry_text name, bool has_size, uint64_t size, ferry_text md5sum,
                                  uint64_t size_max);

/** @brief What a valid request meets among the device's unfinished tasks. */
struct upload_plan {
    const struct upload_task *same;    /**< go on with this one: same name, size, MD5. Null: make a new one */
    const struct upload_task *replace; /**< cancel this one, also with same: same name, other content, still open. Null: none */
    size_t open_count;                 /**< created and uploading */
    const struct upload_task *quietest; /**< of these the one that was heard of longest ago. Null: none is open */
};
struct upload_plan upload_plan_request(const struct upload_task *unfinished, size_t count, const char *name,
                                       uint64_t size, const char *md5);

/** @brief An open task that nothing was heard of for so long that it gives way when its device needs a slot: a device
 *  that uploads is heard of every few seconds, and its bytes every UPLOAD_SILENT_MS / 4 at least. Null gives false. */
bool upload_silent(const struct upload_task *open, uint64_t now_ms);

#define UPLOAD_SILENT_MS (2u * 60u * 1000u)

/** The life of a task is put off by this part of it at least, or not at all. So it ends up to so much earlier behind the last sign of
 *  life, and never before the URL does. */
#define UPLOAD_EXPIRY_STEPS 60u

/**
 * @brief Which unfinished task a report means when its name fits none exactly: the only one, if there is
 * only one that was heard of within its life (docs/protocol.md: devices cut and garble names). Null: none.
 */
const struct upload_task *upload_match_only(const struct upload_task *unfinished, size_t count, uint64_t now_ms);

#endif
