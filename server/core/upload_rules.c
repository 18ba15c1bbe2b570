#include "upload_rules.h"

#include <assert.h>
#include <string.h>

/* What an event does in a state: the state it leads to (0: stays) and the answer. */
struct step {
    upload_state next;
    ferry_result answer;
};

#define STAY(answer) {0, FERRY_RESULT_##answer}
#define GO(state, answer) {UPLOAD_##state, FERRY_RESULT_##answer}

/* DONE is looked up as if there were no object; with one it is STORED and then done, see done_with_object(). */
static const struct step steps[][UPLOAD_EV_COUNT] = {
    /*                       RUNNING                 DONE              FAIL              ACTIVE                 STORED            EXPIRE            CANCEL */
    [UPLOAD_CREATED]   = {GO(UPLOADING, OK),   STAY(NO_OBJECT), GO(FAILED, OK),   GO(UPLOADING, OK),   GO(STORED, OK),   GO(EXPIRED, OK),  GO(CANCELLED, OK)},
    [UPLOAD_UPLOADING] = {STAY(OK),            STAY(NO_OBJECT), GO(FAILED, OK),   STAY(OK),            GO(STORED, OK),   GO(EXPIRED, OK),  GO(CANCELLED, OK)},
    [UPLOAD_STORED]    = {STAY(OK),            GO(DONE, OK),    STAY(OK),         STAY(OK),            STAY(OK),         STAY(OK),         STAY(OK)},
    [UPLOAD_DONE]      = {STAY(OK),            STAY(OK),        STAY(OK),         STAY(OK),            STAY(OK),         STAY(OK),         STAY(OK)},
    [UPLOAD_FAILED]    = {STAY(FINISHED),      STAY(NO_OBJECT), STAY(OK),         STAY(OK),            GO(STORED, OK),   STAY(OK),         STAY(OK)},
    [UPLOAD_EXPIRED]   = {STAY(EXPIRED),       STAY(NO_OBJECT), STAY(OK),         STAY(OK),            GO(STORED, OK),   STAY(OK),         STAY(OK)},
    [UPLOAD_CANCELLED] = {STAY(CANCELLED),     STAY(CANCELLED), STAY(OK),         STAY(CANCELLED),     STAY(CANCELLED),  STAY(OK),         STAY(OK)},
};

static bool is_end(upload_state state)
{
    return state == UPLOAD_DONE || state == UPLOAD_FAILED || state == UPLOAD_EXPIRED || state == UPLOAD_CANCELLED;
}

static struct step find_step(const struct upload_task *before, const struct upload_event *event)
{
    bool done_with_object = event->kind == UPLOAD_EV_DONE && event->object_present &&
                            before->state != UPLOAD_CANCELLED && before->state != UPLOAD_DONE;
    if (done_with_object)
        return (struct step)GO(DONE, OK);
    if (event->kind == UPLOAD_EV_DONE && !event->object_present && before->state != UPLOAD_CANCELLED)
        return (struct step)STAY(NO_OBJECT); /* also when we once had it: never confirm what is not there */
    return steps[before->state][event->kind];
}

static void set_result(struct upload_task *task, int32_t code, const char *text)
{
    task->result_code = code;
    ferry_text msg = ferry_utf8_cut(ferry_text_of(text), FERRY_RESULT_MSG_MAX);
    (void)ferry_text_copy(msg, task->result_msg, sizeof task->result_msg); /* absent: "" */
}

static void enter_state(struct upload_task *after, upload_state next, uint64_t now_ms)
{
    after->state = next;
    if ((next == UPLOAD_STORED || next == UPLOAD_DONE) && after->stored_ms == 0)
        after->stored_ms = now_ms;
    if (is_end(next))
        after->ended_ms = now_ms;
    else
        after->ended_ms = 0;
    if (next == UPLOAD_DONE || next == UPLOAD_STORED) {
        after->percent = 100; /* our own finding: every byte is there */
        set_result(after, FERRY_RESULT_OK, "");
    }
    if (next == UPLOAD_EXPIRED)
        set_result(after, FERRY_RESULT_EXPIRED, ferry_result_text(FERRY_RESULT_EXPIRED));
    if (next == UPLOAD_CANCELLED)
        set_result(after, FERRY_RESULT_CANCELLED, ferry_result_text(FERRY_RESULT_CANCELLED));
}

/* Each sign of life puts the end off, but not by a moment: to be put off is a row of an index that moves. */
static uint64_t put_off(const struct upload_task *before, uint64_t now_ms, uint64_t life_ms)
{
    uint64_t next = now_ms + life_ms;
    bool as_good = next >= before->expires_ms && next - before->expires_ms < life_ms / UPLOAD_EXPIRY_STEPS;
    return as_good ? before->expires_ms : next;
}

ferry_result upload_apply(const struct upload_task *before, const struct upload_event *event, uint64_t now_ms,
                          uint32_t life_s, struct upload_task *ret_after)
{
    assert(before->state >= UPLOAD_CREATED && before->state <= UPLOAD_CANCELLED);
    struct step step = find_step(before, event);
    *ret_after = *before;
    bool from_outside = event->kind != UPLOAD_EV_EXPIRE && event->kind != UPLOAD_EV_CANCEL;
    if (step.next == 0 && (!from_outside || is_end(before->state)))
        return step.answer;

    ret_after->updated_ms = now_ms;
    if (from_outside)
        ret_after->expires_ms = put_off(before, now_ms, (uint64_t)life_s * 1000);
    if (event->kind == UPLOAD_EV_RUNNING)
        ret_after->percent = event->percent;
    if (event->kind == UPLOAD_EV_FAIL)
        set_result(ret_after, event->result_code, event->result_msg);
    if (step.next != 0)
        enter_state(ret_after, step.next, now_ms);
    return step.answer;
}

bool upload_changed(const struct upload_task *before, const struct upload_task *after)
{
    return before->state != after->state || before->percent != after->percent || before->result_code != after->result_code ||
           strcmp(before->result_msg, after->result_msg) != 0 || before->updated_ms != after->updated_ms ||
           before->stored_ms != after->stored_ms || before->ended_ms != after->ended_ms ||
           before->expires_ms != after->expires_ms;
}

ferry_result upload_check_request(ferry_text name, bool has_size, uint64_t size, ferry_text md5sum,
                                  uint64_t size_max)
{
    if (!ferry_name_valid(name))
        return FERRY_RESULT_BAD_NAME;
    if (!has_size || size == 0)
        return FERRY_RESULT_BAD_SIZE;
    if (size > size_max)
        return FERRY_RESULT_TOO_LARGE;
    if (!ferry_md5_valid(md5sum))
        return FERRY_RESULT_BAD_MD5;
    return FERRY_RESULT_OK;
}

struct upload_plan upload_plan_request(const struct upload_task *unfinished, size_t count, const char *name,
                                       uint64_t size, const char *md5)
{
    struct upload_plan plan = {0};
    for (size_t i = 0; i < count; i++) {
        const struct upload_task *t = &unfinished[i];
        bool open = upload_state_open(t->state);
        plan.open_count += open;
        if (open && (plan.quietest == NULL || t->updated_ms <= plan.quietest->updated_ms))
            plan.quietest = t;
        if (strcmp(t->name, name) != 0)
            continue;
        if (t->size == size && strcmp(t->md5, md5) == 0) {
            if (plan.same == NULL)
                plan.same = t;
        } else if (open && plan.replace == NULL) {
            plan.replace = t;
        }
    }
    return plan;
}

bool upload_silent(const struct upload_task *open, uint64_t now_ms)
{
    return open != NULL && now_ms - open->updated_ms >= UPLOAD_SILENT_MS;
}

const struct upload_task *upload_match_only(const struct upload_task *unfinished, size_t count, uint64_t now_ms)
{
    const struct upload_task *only = NULL;
    for (size_t i = 0; i < count; i++) {
        if (unfinished[i].expires_ms <= now_ms)
            continue;
        if (only != NULL)
            return NULL;
        only = &unfinished[i];
    }
    return only;
}
