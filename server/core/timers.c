/* What falls due, and when the engine must look again. */
#include "engine_internal.h"

#include "base/log.h"

enum {
    PRUNE_EVERY_MS = 60 * 1000,
    RETRY_AFTER_FAILURE_MS = 1000, /* when the last transaction failed */
    LOOK_AGAIN_MS = 1000,          /* when another process is at them */
};

struct timer {
    const char *name;
    ferry_err (*run)(struct engine *e, uint64_t now_ms, bool *ret_more);
    bool of_each; /* each process has its own, of several that work on one store */
};

static ferry_err prune(struct engine *e, uint64_t now_ms, bool *ret_more)
{
    *ret_more = false;
    uint64_t keep_ms = e->settings.retention_days * 24ull * 3600 * 1000;
    if (keep_ms == 0 || now_ms < keep_ms || now_ms < e->next.prune_ms)
        return FERRY_OK;
    size_t count = 0, removed = 0, most = turn_background(e, ENGINE_DUE_STEP);
    ferry_err err = e->store->upload_ended_before(e->conn, now_ms - keep_ms, e->uploads, most, &count);
    for (size_t i = 0; err == FERRY_OK && i < count; i++) {
        err = e->store->upload_remove(e->conn, &e->uploads[i].id);
        if (err == FERRY_OK)
            err = effects_remove_object(&e->effects, &e->uploads[i].id);
    }
    if (err == FERRY_OK)
        err = e->store->download_prune(e->conn, now_ms - keep_ms, most, &removed);
    e->fetch_rights_ended |= removed > 0;
    *ret_more = count == most || removed == most;
    if (err == FERRY_OK && !*ret_more)
        e->next.prune_ms = now_ms + PRUNE_EVERY_MS;
    return err;
}

static const struct timer timers[] = {
    {"expand deployments", deployments_expand, false},
    {"resume, cancel and retry deployments", deployments_sweep, false},
    {"expire uploads", uploads_expire, false},
    {"expire uploads of resources", resource_uploads_expire, false},
    {"wake downloads", downloads_wake, false},
    {"end old secrets", registry_end_old_secrets, false},
    {"end old secrets of webhooks", webhooks_end_old_secrets, false},
    {"retention", prune, false},
    {"retention of the audit log", audit_retain, false},
    {"retention of events", events_retain, false},
    {"retention of answers", answers_retain, false},
    {"retention of statistics", statistics_retain, false},
    {"presence", presence_tick, true},
    {"part of the limits", share_count, true},
};

struct timer_call {
    const struct timer *timer;
    bool more;
};

static ferry_err timer_step(struct engine *e, void *arg, uint64_t now_ms)
{
    struct timer_call *call = arg;
    return call->timer->run(e, now_ms, &call->more);
}

/* What is done for all is done by one process at a time. *ret_mine: it was this one. */
static ferry_err take_timers(struct engine *e, bool *ret_mine)
{
    *ret_mine = true;
    return share_is_many(e) ? e->store->take_duty(e->conn, STORE_DUTY_TIMERS, ret_mine) : FERRY_OK;
}

ferry_err timers_run(struct engine *e, uint64_t now_ms, struct timers_outcome *out)
{
    ferry_err taken = take_timers(e, &out->mine);
    if (taken != FERRY_OK)
        return taken;
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
        if (!out->mine && !timers[i].of_each)
            continue;
        struct timer_call call = {.timer = &timers[i]};
        ferry_err failed = FERRY_OK;
        ferry_err err = turn_step(e, timer_step, &call, now_ms, &failed);
        if (err != FERRY_OK)
            return err;
        if (failed != FERRY_OK)
            ferry_log(FERRY_LOG_ERROR, "engine", "timer \"%s\" undone: %s", timers[i].name, ferry_err_text(failed));
        out->more |= failed == FERRY_OK && call.more;
    }
    return FERRY_OK;
}

/* Is there a deployment on which a timer works in steps? */
static bool in_steps(struct engine *e)
{
    struct deployment d;
    size_t expanding = 0, sweeping = 0;
    return (e->store->deployment_expanding(e->conn, &d, 1, &expanding) == FERRY_OK && expanding > 0) ||
           (e->store->deployment_sweeping(e->conn, &d, 1, &sweeping) == FERRY_OK && sweeping > 0);
}

static uint64_t earlier(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/* Of what the store does not know. */
static uint64_t next_of_memory(struct engine *e)
{
    uint64_t due_ms = earlier(e->next.event_cut_ms, e->next.answer_cut_ms);
    if (e->settings.retention_days != 0)
        due_ms = earlier(due_ms, e->next.prune_ms);
    if (e->settings.audit_retention_days != 0)
        due_ms = earlier(due_ms, e->next.audit_cut_ms);
    if (e->settings.statistics_days != 0)
        due_ms = earlier(due_ms, e->next.statistics_cut_ms);
    return earlier(due_ms, presence_next_ms(e));
}

/* When the timers must run next: asked of the store, so that no copy in memory can disagree with it. */
static ferry_err ask(struct engine *e, struct timers_outcome *out)
{
    if (!out->mine || out->more)
        return FERRY_OK;
    out->more = in_steps(e);
    return e->store->next_due_ms(e->conn, &out->due_ms);
}

/* Outside of the transaction each question has one of its own. Where others wait for the end of this one, it is asked behind it. */
void timers_ask(struct engine *e, struct timers_outcome *out)
{
    if (!share_is_many(e))
        out->asked = ask(e, out);
}

void timers_plan(struct engine *e, ferry_err err, struct timers_outcome *out, uint64_t now_ms)
{
    if (err == FERRY_OK)
        err = share_is_many(e) ? ask(e, out) : out->asked;
    if (err != FERRY_OK)
        e->next_due_ms = now_ms + RETRY_AFTER_FAILURE_MS;
    else if (!out->mine)
        e->next_due_ms = now_ms + LOOK_AGAIN_MS;
    else
        e->next_due_ms = out->more ? now_ms : earlier(out->due_ms, next_of_memory(e));
    if (share_is_many(e)) /* others make work, too */
        e->next_due_ms = earlier(e->next_due_ms, now_ms + LOOK_AGAIN_MS);
}
