#include "download_rules.h"

#include "proto/text.h"

#include <assert.h>
#include <string.h>

/* Who connects subscribes then, and hears nothing before. */
enum { CAME_MS = 1000 };

/* What an event does in a state: the state it leads to (0: stays) and the answer. */
struct step {
    download_state next;
    ferry_result answer;
};

#define STAY(answer) {0, FERRY_RESULT_##answer}
#define GO(state, answer) {DOWNLOAD_##state, FERRY_RESULT_##answer}
#define OPEN_ROW(running, fail, hold, came) {GO(OFFERED, OK), GO(OFFERED, OK), STAY(OK), running, GO(DONE, OK), fail, \
                  GO(TIMED_OUT, OK), GO(CANCELLED, OK), STAY(FINISHED), STAY(hold), STAY(hold), STAY(came)}

static const struct step steps[][DOWNLOAD_EV_COUNT] = {
    /*                          OFFER            PUSH            WAIT            RUNNING              DONE              FAIL              TIME_OUT   CANCEL          RETRY              HOLD            RESUME          CAME */
    /* What was not offered neither runs nor fails: that is said of an earlier try, twice or late. */
    [DOWNLOAD_QUEUED]      = OPEN_ROW(STAY(OK), STAY(OK), OK, FINISHED),
    [DOWNLOAD_OFFERED]     = OPEN_ROW(GO(DOWNLOADING, OK), GO(FAILED, OK), FINISHED, OK),
    [DOWNLOAD_DOWNLOADING] = {GO(OFFERED, OK), STAY(OK),        STAY(OK),       STAY(OK),            GO(DONE, OK),     GO(FAILED, OK),   GO(TIMED_OUT, OK), GO(CANCELLED, OK), STAY(FINISHED), STAY(FINISHED), STAY(FINISHED), STAY(FINISHED)},
    [DOWNLOAD_DONE]        = {STAY(FINISHED),  STAY(FINISHED),  STAY(FINISHED), STAY(OK),            STAY(OK),         STAY(OK),         STAY(OK),  STAY(FINISHED), STAY(FINISHED), STAY(FINISHED), STAY(FINISHED), STAY(FINISHED)},
    /* The device's word that it has the file is better than our belief that it has not. */
    [DOWNLOAD_FAILED]      = {STAY(FINISHED),  STAY(FINISHED),  STAY(FINISHED), STAY(FINISHED),      GO(DONE, OK),     STAY(OK),         STAY(OK),  STAY(FINISHED), GO(QUEUED, OK), STAY(FINISHED), STAY(FINISHED), STAY(FINISHED)},
    [DOWNLOAD_TIMED_OUT]   = {STAY(FINISHED),  STAY(FINISHED),  STAY(FINISHED), STAY(EXPIRED),       GO(DONE, OK),     STAY(OK),         STAY(OK),  STAY(FINISHED), GO(QUEUED, OK), STAY(FINISHED), STAY(FINISHED), STAY(FINISHED)},
    [DOWNLOAD_CANCELLED]   = {STAY(FINISHED),  STAY(FINISHED),  STAY(FINISHED), STAY(CANCELLED),     STAY(CANCELLED),  STAY(OK),         STAY(OK),  STAY(FINISHED), GO(QUEUED, OK), STAY(FINISHED), STAY(FINISHED), STAY(FINISHED)},
    [DOWNLOAD_REJECTED]    = {STAY(FINISHED),  STAY(FINISHED),  STAY(FINISHED), STAY(FINISHED),      GO(DONE, OK),     STAY(OK),         STAY(OK),  STAY(FINISHED), GO(QUEUED, OK), STAY(FINISHED), STAY(FINISHED), STAY(FINISHED)},
};

/* A device that gives a task back before it began, for a reason that is not the transport's, does not want it. */
static bool is_rejection(const struct download_task *before, const struct download_event *event)
{
    bool transport = event->result_code == FERRY_RESULT_TIME_OUT || event->result_code == FERRY_RESULT_URL_REFUSED ||
                     event->result_code == FERRY_RESULT_MD5_MISMATCH;
    return event->kind == DOWNLOAD_EV_FAIL && !transport && before->state == DOWNLOAD_OFFERED;
}

static void set_result(struct download_task *task, int32_t code, const char *text)
{
    task->result_code = code;
    ferry_text msg = ferry_utf8_cut(ferry_text_of(text), FERRY_RESULT_MSG_MAX);
    (void)ferry_text_copy(msg, task->result_msg, sizeof task->result_msg); /* absent: "" */
}

/* The nth pause (from 1): each is twice the one before. */
static uint64_t pause_ms(uint32_t first_s, uint32_t max_s, uint32_t nth)
{
    uint64_t wait_s = first_s;
    for (uint32_t i = 1; i < nth && wait_s < max_s; i++)
        wait_s *= 2;
    return 1000 * (wait_s < max_s ? wait_s : max_s);
}

static void set_wake(struct download_task *after, const struct download_event *event, uint64_t now_ms,
                     const struct push_pace *pace)
{
    if (event->kind == DOWNLOAD_EV_HOLD || event->kind == DOWNLOAD_EV_RESUME || event->kind == DOWNLOAD_EV_RETRY)
        return; /* they say it themselves */
    if (!download_state_open(after->state) || event->kind == DOWNLOAD_EV_WAIT)
        after->wake_ms = 0;
    else if (event->kind == DOWNLOAD_EV_RUNNING || event->away)
        after->wake_ms = now_ms + 1000ull * pace->max_s; /* silent that long: it may have lost the order */
    else if (event->kind == DOWNLOAD_EV_CAME)
        after->wake_ms = now_ms + CAME_MS;
    else
        after->wake_ms = now_ms + pause_ms(pace->first_s, pace->max_s, after->pushes);
}

static uint64_t deadline_ms(const struct deployment *d, uint64_t release_ms)
{
    uint64_t deadline = release_ms + 1000ull * d->timeout_s;
    return d->end_ms != 0 && d->end_ms < deadline ? d->end_ms : deadline;
}

/* The task waits for its release as a new one does. */
static void queue_again(struct download_task *after, const struct deployment *d, uint64_t release_ms)
{
    after->state = DOWNLOAD_QUEUED;
    after->pushes = 0;
    after->percent = 0;
    after->release_ms = release_ms;
    after->wake_ms = release_ms;
    after->deadline_ms = deadline_ms(d, release_ms);
}

/* From when on the pause before the next try counts: while a deployment is paused, time stands still for it. */
static uint64_t retry_base_ms(const struct download_task *task, const struct deployment *d, uint64_t now_ms)
{
    struct download_task waiting = *task;
    waiting.state = DOWNLOAD_QUEUED;
    return download_is_held(&waiting, d) ? d->paused_ms : now_ms;
}

/* A failure is no end yet when the deployment says so and there is time. The result stays: it says why. */
static bool try_again(struct download_task *after, const struct download_event *event, uint64_t now_ms,
                      const struct push_pace *pace)
{
    const struct deployment *d = event->deployment;
    if ((after->state != DOWNLOAD_FAILED && after->state != DOWNLOAD_TIMED_OUT) || d == NULL ||
        d->state == DEPLOYMENT_CANCELLED || after->retries >= d->retries)
        return false;
    uint64_t release_ms = retry_base_ms(after, d, now_ms) +
                          pause_ms(pace->retry_first_s, pace->retry_max_s, after->retries + 1);
    if (d->end_ms != 0 && release_ms >= d->end_ms)
        return false;
    after->retries++;
    queue_again(after, d, release_ms);
    return true;
}

/* Its time does not run while nothing may be offered; only the deployment's end counts. */
static void hold(struct download_task *after, const struct deployment *d)
{
    after->wake_ms = 0;
    after->deadline_ms = d->end_ms;
}

/* As if the pause had not been: who had his turn before has it now, who comes later comes so much later. */
static void resume(struct download_task *after, const struct deployment *d, uint64_t now_ms)
{
    uint64_t release_ms = after->release_ms > d->paused_ms ? after->release_ms + d->shift_ms : now_ms;
    after->release_ms = release_ms;
    after->wake_ms = release_ms;
    after->deadline_ms = deadline_ms(d, release_ms);
}

static void start_again(struct download_task *after, const struct download_event *event, uint64_t now_ms)
{
    const struct deployment *d = event->deployment;
    queue_again(after, d, event->release_ms != 0 ? event->release_ms : retry_base_ms(after, d, now_ms));
    after->retries = 0;
    set_result(after, FERRY_RESULT_OK, "");
}

static void note_event(struct download_task *after, const struct download_event *event, uint64_t now_ms)
{
    switch (event->kind) {
    case DOWNLOAD_EV_PUSH:
        after->pushes += !event->away;
        break;
    case DOWNLOAD_EV_RUNNING:
        after->percent = event->percent;
        break;
    case DOWNLOAD_EV_FAIL:
        set_result(after, event->result_code, event->result_msg);
        break;
    case DOWNLOAD_EV_RETRY:
        start_again(after, event, now_ms);
        break;
    case DOWNLOAD_EV_DONE:
        after->percent = 100;
        set_result(after, FERRY_RESULT_OK, "");
        break;
    case DOWNLOAD_EV_TIME_OUT:
        set_result(after, FERRY_RESULT_EXPIRED, ferry_result_text(FERRY_RESULT_EXPIRED));
        break;
    case DOWNLOAD_EV_CANCEL:
        set_result(after, FERRY_RESULT_CANCELLED, ferry_result_text(FERRY_RESULT_CANCELLED));
        break;
    case DOWNLOAD_EV_HOLD:
        hold(after, event->deployment);
        break;
    case DOWNLOAD_EV_RESUME:
        resume(after, event->deployment, now_ms);
        break;
    case DOWNLOAD_EV_OFFER:
    case DOWNLOAD_EV_WAIT:
    case DOWNLOAD_EV_CAME:
    case DOWNLOAD_EV_COUNT:
        break;
    }
}

ferry_result download_apply(const struct download_task *before, const struct download_event *event,
                            uint64_t now_ms, const struct push_pace *pace, struct download_task *ret_after)
{
    assert(before->state >= DOWNLOAD_QUEUED && before->state <= DOWNLOAD_REJECTED);
    struct step step = steps[before->state][event->kind];
    *ret_after = *before;
    bool of_earlier_try = before->state == DOWNLOAD_QUEUED &&
                          (event->kind == DOWNLOAD_EV_RUNNING || event->kind == DOWNLOAD_EV_FAIL);
    if (of_earlier_try || (step.next == 0 && !download_state_open(before->state)))
        return step.answer;
    if (step.answer != FERRY_RESULT_OK)
        return step.answer;

    if (step.next != 0)
        ret_after->state = is_rejection(before, event) ? DOWNLOAD_REJECTED : step.next;
    ret_after->updated_ms = now_ms;
    note_event(ret_after, event, now_ms);
    bool fails = event->kind == DOWNLOAD_EV_FAIL || event->kind == DOWNLOAD_EV_TIME_OUT;
    if (!fails || !try_again(ret_after, event, now_ms, pace))
        set_wake(ret_after, event, now_ms, pace);
    ret_after->ended_ms = download_state_open(ret_after->state) ? 0 : now_ms;
    return step.answer;
}

bool download_changed(const struct download_task *before, const struct download_task *after)
{
    return before->state != after->state || before->percent != after->percent || before->result_code != after->result_code ||
           strcmp(before->result_msg, after->result_msg) != 0 || before->pushes != after->pushes ||
           before->retries != after->retries || before->release_ms != after->release_ms || before->wake_ms != after->wake_ms ||
           before->deadline_ms != after->deadline_ms || before->updated_ms != after->updated_ms ||
           before->ended_ms != after->ended_ms;
}

struct download_task download_new(const ferry_id *id, const struct deployment *deployment,
                                  const struct device_key *device, uint64_t release_ms, uint64_t now_ms)
{
    return (struct download_task){
        .id = *id,
        .deployment = deployment->id,
        .resource = deployment->resource,
        .device = *device,
        .state = DOWNLOAD_QUEUED,
        .release_ms = release_ms,
        .wake_ms = release_ms,
        .deadline_ms = deadline_ms(deployment, release_ms),
        .created_ms = now_ms,
        .updated_ms = now_ms,
    };
}

uint64_t download_release_ms(uint64_t start_ms, uint32_t rate_per_min, uint64_t nth)
{
    return rate_per_min == 0 ? start_ms : start_ms + nth * 60000u / rate_per_min;
}

/* While a deployment is resumed, its tasks have their turn one after the other. */
bool download_is_held(const struct download_task *task, const struct deployment *deployment)
{
    bool stopped = deployment->state == DEPLOYMENT_PAUSED || deployment->state == DEPLOYMENT_CANCELLED;
    bool waits = deployment->sweep == SWEEP_RESUME && strcmp(task->id.text, deployment->sweep_cursor.text) > 0;
    return task->state == DOWNLOAD_QUEUED && (stopped || waits);
}

bool download_running(const struct download_task *task)
{
    return task->state == DOWNLOAD_OFFERED || task->state == DOWNLOAD_DOWNLOADING;
}

/* What no timer looks at any more has had its turn, and waits for the device alone: also when the worker that saw the turn come has a
 * clock ahead of this one's. */
static bool is_released(const struct download_task *task, uint64_t now_ms)
{
    return task->release_ms <= now_ms || task->wake_ms == 0;
}

const struct download_task *download_current(const struct download_task *open, size_t count, uint64_t now_ms)
{
    const struct download_task *oldest = NULL;
    for (size_t i = 0; i < count; i++) {
        if (download_running(&open[i]))
            return &open[i];
        if (oldest == NULL && is_released(&open[i], now_ms))
            oldest = &open[i];
    }
    return oldest;
}
