/* Deployments: an operator's orders, spread into one download task a device. */
#include "engine_internal.h"

#include "download_rules.h"

#include <stdlib.h>
#include <string.h>

enum {
    STEP_TASKS = 50,    /* tasks of one step at most */
    STEPS_AT_ONCE = 10, /* that a command makes itself, when nobody waits */
    FAILED_STATES = 3,
};
_Static_assert((int)STEP_TASKS + (int)FAILED_STATES <= (int)ENGINE_ROWS_MAX, "they are read into the rows of the engine");

/* --- settling ------------------------------------------------------------------------------------------ */

static ferry_err has_open_task(struct engine *e, const ferry_id *id, bool *ret_open)
{
    static const download_state open_states[] = {DOWNLOAD_QUEUED, DOWNLOAD_OFFERED, DOWNLOAD_DOWNLOADING};
    struct store_page page = {.after = "", .limit = 1};
    *ret_open = false;
    for (size_t i = 0; i < sizeof open_states / sizeof open_states[0] && !*ret_open; i++) {
        struct download_filter filter = {.deployment = id, .state = open_states[i]};
        struct download_task task;
        size_t count = 0;
        ferry_err err = e->store->download_list(e->conn, &filter, &page, &task, &count);
        if (err != FERRY_OK)
            return err;
        *ret_open = count > 0;
    }
    return FERRY_OK;
}

static ferry_err change_state(struct engine *e, struct deployment *d, deployment_state state, uint64_t now_ms)
{
    const char *before = deployment_state_name(d->state);
    d->state = state;
    d->updated_ms = now_ms;
    ferry_err err = e->store->deployment_put(e->conn, d);
    return err == FERRY_OK ? events_deployment(e, before, d) : err;
}

ferry_err deployments_settle(struct engine *e, const ferry_id *id, uint64_t now_ms)
{
    struct deployment d;
    ferry_err err = e->store->deployment_get(e->conn, id, &d);
    bool going_on = d.state == DEPLOYMENT_ACTIVE || d.state == DEPLOYMENT_PAUSED;
    if (err != FERRY_OK || !going_on || !d.expand_done || d.sweep == SWEEP_RETRY)
        return err;
    bool open = false;
    err = has_open_task(e, id, &open);
    if (err != FERRY_OK || open)
        return err;
    return change_state(e, &d, DEPLOYMENT_FINISHED, now_ms);
}

ferry_err deployments_settle_later(struct engine *e, const ferry_id *id, uint64_t now_ms)
{
    for (size_t i = 0; i < e->settling_count; i++) {
        if (ferry_id_equal(&e->settling[i], id))
            return FERRY_OK;
    }
    if (e->settling_count == ENGINE_SETTLING_MAX)
        return deployments_settle(e, id, now_ms);
    e->settling[e->settling_count++] = *id;
    return FERRY_OK;
}

/* --- tasks, some at a time ------------------------------------------------------------------------------ */

static struct download_task new_task(struct engine *e, const struct deployment *d, const struct device_key *device, uint64_t now_ms)
{
    ferry_id id = engine_new_id(e, now_ms);
    return download_new(&id, d, device, download_release_ms(d->start_ms, d->rate_per_min, d->expanded), now_ms);
}

ferry_err deployments_add_task(struct engine *e, struct deployment *d, const struct device_key *device, uint64_t now_ms)
{
    struct download_task task = new_task(e, d, device, now_ms);
    ferry_err err = downloads_add(e, &task, now_ms);
    if (err == FERRY_OK)
        d->expanded++;
    return err;
}

/* The same, and what can be offered is. */
static ferry_err add_and_offer(struct engine *e, struct deployment *d, const struct resource *resource, const struct device_key *device,
                               uint64_t now_ms)
{
    struct download_task task = new_task(e, d, device, now_ms);
    ferry_err err = downloads_add_and_offer(e, &task, d, resource, now_ms);
    if (err == FERRY_OK)
        d->expanded++;
    return err;
}

static ferry_err expand_some(struct engine *e, struct deployment *d, uint64_t now_ms)
{
    struct device_filter filter = {.product = d->product, .tag = d->target_tag[0] != '\0' ? d->target_tag : NULL};
    struct store_page page = {.after = d->expand_cursor, .limit = (uint32_t)turn_background(e, STEP_TASKS)};
    struct resource resource;
    size_t count = 0, made = 0;
    ferry_err err = e->store->resource_get(e->conn, &d->resource, &resource);
    if (err == FERRY_OK)
        err = e->store->device_list(e->conn, &filter, &page, e->devices, &count);
    while (err == FERRY_OK && made < count && !turn_gives_way(e, made))
        err = add_and_offer(e, d, &resource, &e->devices[made++].key, now_ms);
    if (err != FERRY_OK)
        return err;
    if (made > 0)
        memcpy(d->expand_cursor, e->devices[made - 1].key.device, sizeof d->expand_cursor);
    d->expand_done = made == count && count < page.limit;
    d->updated_ms = now_ms;
    err = e->store->deployment_put(e->conn, d);
    return err == FERRY_OK && d->expand_done ? deployments_settle(e, &d->id, now_ms) : err;
}

ferry_err deployments_expand(struct engine *e, uint64_t now_ms, bool *ret_more)
{
    struct deployment d;
    size_t count = 0;
    *ret_more = false;
    ferry_err err = e->store->deployment_expanding(e->conn, &d, 1, &count);
    if (err != FERRY_OK || count == 0)
        return err;
    *ret_more = true;
    return d.sweep != SWEEP_NONE ? FERRY_OK : expand_some(e, &d, now_ms); /* tasks that are made now have their right time already */
}

/* A step of a sweep: at most so many tasks. One that a command makes itself is done whole. */
struct step {
    uint32_t most;
    bool whole;
};

static bool step_is_over(struct engine *e, const struct step *step, size_t done, size_t count)
{
    return done == count || (!step->whole && turn_gives_way(e, done));
}

static ferry_err resume_some(struct engine *e, struct deployment *d, const struct step *step, uint64_t now_ms)
{
    struct download_filter filter = {.deployment = &d->id, .state = DOWNLOAD_QUEUED};
    struct store_page page = {.after = d->sweep_cursor.text, .limit = step->most};
    size_t count = 0, done = 0;
    ferry_err err = e->store->download_list(e->conn, &filter, &page, e->downloads, &count);
    while (err == FERRY_OK && !step_is_over(e, step, done, count))
        err = downloads_resume(e, &e->downloads[done++], d, now_ms);
    if (err != FERRY_OK)
        return err;
    if (done > 0)
        d->sweep_cursor = e->downloads[done - 1].id;
    d->sweep = done < count || count == step->most ? SWEEP_RESUME : SWEEP_NONE;
    return FERRY_OK;
}

/* Those that run first: they are to stop. */
static ferry_err cancel_some(struct engine *e, struct deployment *d, const struct step *step, uint64_t now_ms)
{
    static const download_state order[] = {DOWNLOAD_DOWNLOADING, DOWNLOAD_OFFERED, DOWNLOAD_QUEUED};
    struct store_page page = {.after = "", .limit = step->most};
    ferry_err err = FERRY_OK;
    size_t count = 0, done = 0;
    for (size_t s = 0; err == FERRY_OK && count == 0 && s < sizeof order / sizeof order[0]; s++) {
        struct download_filter filter = {.deployment = &d->id, .state = order[s]};
        err = e->store->download_list(e->conn, &filter, &page, e->downloads, &count);
        while (err == FERRY_OK && !step_is_over(e, step, done, count))
            err = downloads_cancel(e, &e->downloads[done++], now_ms);
    }
    d->sweep = count > 0 ? SWEEP_CANCEL : SWEEP_NONE;
    return err == FERRY_OK && count > 0 ? engine_revoked(e) : err;
}

/* The next failed tasks behind the cursor, in no order. *ret_last: up to there they are all; "": to the end. */
static ferry_err read_failed(struct engine *e, const struct deployment *d, const struct step *step, ferry_id *ret_last,
                             size_t *ret_count)
{
    static const download_state states[FAILED_STATES] = {DOWNLOAD_FAILED, DOWNLOAD_TIMED_OUT, DOWNLOAD_REJECTED};
    uint32_t of_each = (step->most + FAILED_STATES - 1) / FAILED_STATES;
    struct store_page page = {.after = d->sweep_cursor.text, .limit = d->retry.state != 0 ? step->most : of_each};
    *ret_count = 0;
    *ret_last = (ferry_id){""};
    for (size_t s = 0; s < sizeof states / sizeof states[0]; s++) {
        struct download_filter filter = {.deployment = &d->id, .state = states[s]};
        struct download_task *tasks = e->downloads + *ret_count;
        size_t count = 0;
        if (d->retry.state != 0 && d->retry.state != states[s])
            continue;
        ferry_err err = e->store->download_list(e->conn, &filter, &page, tasks, &count);
        if (err != FERRY_OK)
            return err;
        if (count == page.limit && (ret_last->text[0] == '\0' || strcmp(tasks[count - 1].id.text, ret_last->text) < 0))
            *ret_last = tasks[count - 1].id;
        *ret_count += count;
    }
    return FERRY_OK;
}

/* What is tried again has turns of its own at the deployment's rate: behind those of the devices that wait for their first
 * one it could come days later. */
static uint64_t take_turn(struct deployment *d)
{
    return download_release_ms(d->pace_ms, d->rate_per_min, d->paced++);
}

static int compare_ids(const void *a, const void *b)
{
    const struct download_task *const *x = a, *const *y = b;
    return strcmp((*x)->id.text, (*y)->id.text);
}

/* The tasks up to last by their ids, so that a step can end behind each of them. */
static size_t sort_failed(const struct engine *e, size_t count, const ferry_id *last, const struct download_task **ret_sorted)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (last->text[0] == '\0' || strcmp(e->downloads[i].id.text, last->text) <= 0)
            ret_sorted[kept++] = &e->downloads[i];
    }
    qsort(ret_sorted, kept, sizeof *ret_sorted, compare_ids);
    return kept;
}

/* Over all states with one cursor: a task that fails again meanwhile lies behind it. */
static ferry_err retry_failed(struct engine *e, struct deployment *d, const struct step *step, uint64_t now_ms)
{
    const struct download_task *sorted[STEP_TASKS + FAILED_STATES];
    ferry_id last;
    size_t count = 0, done = 0;
    ferry_err err = read_failed(e, d, step, &last, &count);
    if (err == FERRY_OK)
        count = sort_failed(e, count, &last, sorted);
    for (; err == FERRY_OK && !step_is_over(e, step, done, count); done++) {
        if (sorted[done]->ended_ms <= d->sweep_ms && retry_cause_fits(&d->retry, sorted[done]))
            err = downloads_retry(e, sorted[done], d, take_turn(d), now_ms);
    }
    if (err != FERRY_OK)
        return err;
    if (done == count && last.text[0] == '\0')
        d->sweep = SWEEP_NONE;
    else
        d->sweep_cursor = done < count ? sorted[done - 1]->id : last;
    return FERRY_OK;
}

static ferry_err retry_some(struct engine *e, struct deployment *d, const struct step *step, uint64_t now_ms)
{
    bool over = d->end_ms != 0 && now_ms >= d->end_ms;
    if (!over)
        return retry_failed(e, d, step, now_ms);
    d->sweep = SWEEP_NONE;
    return FERRY_OK;
}

typedef ferry_err sweep_step(struct engine *e, struct deployment *d, const struct step *step, uint64_t now_ms);

static sweep_step *const sweep_steps[] = {
    [SWEEP_RESUME] = resume_some,
    [SWEEP_CANCEL] = cancel_some,
    [SWEEP_RETRY] = retry_some,
};

/* The row says where it goes on. */
static ferry_err keep_sweep(struct engine *e, const struct deployment *d, uint64_t now_ms)
{
    ferry_err err = e->store->deployment_put(e->conn, d);
    return err == FERRY_OK && d->sweep == SWEEP_NONE ? deployments_settle(e, &d->id, now_ms) : err;
}

/* What a command does of it by itself: a small one is done when the answer comes. Of a larger one the first step, and more while
 * nobody waits. */
static ferry_err sweep_at_once(struct engine *e, struct deployment *d, uint64_t now_ms)
{
    const struct step step = {.most = STEP_TASKS, .whole = true};
    ferry_err err = FERRY_OK;
    for (unsigned i = 0; err == FERRY_OK && d->sweep != SWEEP_NONE && i < STEPS_AT_ONCE; i++) {
        if (i > 0 && turn_is_waited_for(e))
            break;
        err = sweep_steps[d->sweep](e, d, &step, now_ms);
    }
    return err == FERRY_OK ? keep_sweep(e, d, now_ms) : err;
}

static void begin_sweep(struct deployment *d, deployment_sweep sweep, uint64_t now_ms)
{
    d->sweep = sweep;
    d->sweep_cursor = (ferry_id){""};
    d->sweep_ms = now_ms;
}

ferry_err deployments_sweep(struct engine *e, uint64_t now_ms, bool *ret_more)
{
    struct deployment d;
    size_t count = 0;
    *ret_more = false;
    ferry_err err = e->store->deployment_sweeping(e->conn, &d, 1, &count);
    if (err != FERRY_OK || count == 0)
        return err;
    *ret_more = true;
    struct step step = {.most = (uint32_t)turn_background(e, STEP_TASKS)};
    err = sweep_steps[d.sweep](e, &d, &step, now_ms);
    return err == FERRY_OK ? keep_sweep(e, &d, now_ms) : err;
}

/* --- the operator's other words --------------------------------------------------------------------------- */

/* Two sweeps of one deployment would need two cursors. */
static ferry_err check_sweep(struct command *cmd, const struct deployment *d, deployment_sweep sweep)
{
    static const char *const doing[] = {
        [SWEEP_RESUME] = "resumed", [SWEEP_CANCEL] = "cancelled", [SWEEP_RETRY] = "retried"};
    if (sweep == SWEEP_NONE || d->sweep != sweep)
        return FERRY_OK;
    return engine_fail(cmd, FERRY_E_STATE, "deployment %s is still being %s: try again soon", d->id.text, doing[sweep]);
}

/* A large one is cancelled in steps: others do not wait for it. Nothing of it is offered any more from now on, and nothing is
 * tried again. */
static ferry_err on_cancel(struct engine *e, struct command *cmd, struct deployment *d, uint64_t now_ms)
{
    if (d->state != DEPLOYMENT_ACTIVE && d->state != DEPLOYMENT_PAUSED)
        return engine_fail(cmd, FERRY_E_STATE, "deployment %s has ended already", d->id.text);
    d->expand_done = true;
    begin_sweep(d, SWEEP_CANCEL, now_ms);
    ferry_err err = change_state(e, d, DEPLOYMENT_CANCELLED, now_ms);
    if (err == FERRY_OK)
        err = sweep_at_once(e, d, now_ms);
    cmd->deployment = *d;
    return err;
}

static ferry_err make_active(struct engine *e, struct deployment *d, uint64_t now_ms)
{
    if (d->state == DEPLOYMENT_PAUSED) /* what is tried again waits like the rest */
        return FERRY_OK;
    return change_state(e, d, DEPLOYMENT_ACTIVE, now_ms);
}

/* Nothing more is offered; what runs goes on. */
static ferry_err on_pause(struct engine *e, struct command *cmd, struct deployment *d, uint64_t now_ms)
{
    if (d->state != DEPLOYMENT_ACTIVE)
        return engine_fail(cmd, FERRY_E_STATE, "deployment %s is %s: only an active one can be paused", d->id.text,
                           deployment_state_name(d->state));
    ferry_err err = check_sweep(cmd, d, SWEEP_RESUME);
    if (err != FERRY_OK)
        return err;
    d->paused_ms = now_ms;
    err = change_state(e, d, DEPLOYMENT_PAUSED, now_ms);
    cmd->deployment = *d;
    return err;
}

/* The pace goes on where it stopped, also for tasks that are not made yet. */
static ferry_err on_resume(struct engine *e, struct command *cmd, struct deployment *d, uint64_t now_ms)
{
    if (d->state != DEPLOYMENT_PAUSED)
        return engine_fail(cmd, FERRY_E_STATE, "deployment %s is %s, not paused", d->id.text,
                           deployment_state_name(d->state));
    ferry_err err = check_sweep(cmd, d, SWEEP_RETRY);
    if (err != FERRY_OK)
        return err;
    d->shift_ms = now_ms > d->paused_ms ? now_ms - d->paused_ms : 0;
    d->start_ms += d->shift_ms;
    d->pace_ms += d->shift_ms;
    begin_sweep(d, SWEEP_RESUME, now_ms);
    err = change_state(e, d, DEPLOYMENT_ACTIVE, now_ms);
    cmd->deployment = *d;
    return err;
}

static ferry_err check_retry(struct command *cmd, const struct deployment *d, uint64_t now_ms)
{
    ferry_err err = check_sweep(cmd, d, SWEEP_CANCEL);
    if (err != FERRY_OK || d->end_ms == 0 || now_ms < d->end_ms)
        return err;
    return engine_fail(cmd, FERRY_E_STATE, "the time of deployment %s is over: make another one", d->id.text);
}

static ferry_err check_retry_all(struct command *cmd, const struct deployment *d, uint64_t now_ms)
{
    download_state state = cmd->retry.state;
    ferry_err err = check_retry(cmd, d, now_ms);
    if (err == FERRY_OK)
        err = check_sweep(cmd, d, d->sweep);
    if (err == FERRY_OK && state != 0 && !download_state_failed(state))
        return engine_fail(cmd, FERRY_E_ARG, "only tasks that failed, timed_out or were rejected are tried again, not those that are %s",
                           download_state_name(state));
    return err;
}

/* The turns go on behind those of an earlier retry that are still to come. */
static void begin_turns(struct deployment *d, uint64_t now_ms)
{
    uint64_t from_ms = d->state == DEPLOYMENT_PAUSED ? d->paused_ms : now_ms;
    if (download_release_ms(d->pace_ms, d->rate_per_min, d->paced) >= from_ms)
        return;
    d->pace_ms = from_ms;
    d->paced = 0;
}

/* In steps; the first ones at once, so that a small one is done when the answer comes. */
static ferry_err on_retry(struct engine *e, struct command *cmd, struct deployment *d, uint64_t now_ms)
{
    ferry_err err = check_retry_all(cmd, d, now_ms);
    if (err == FERRY_OK)
        err = e->store->deployment_failed(e->conn, &d->id, &cmd->retry, &cmd->count);
    if (err == FERRY_OK && cmd->count > 0) {
        begin_sweep(d, SWEEP_RETRY, now_ms);
        d->retry = cmd->retry;
        begin_turns(d, now_ms);
        err = make_active(e, d, now_ms);
    }
    if (err == FERRY_OK && cmd->count > 0)
        err = sweep_at_once(e, d, now_ms);
    cmd->deployment = *d;
    return err;
}

static ferry_err on_task(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct download_task task;
    ferry_err err = e->store->download_get(e->conn, &cmd->id, &task);
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "there is no download task %s", cmd->id.text);
    struct deployment d;
    if (err == FERRY_OK)
        err = e->store->deployment_get(e->conn, &task.deployment, &d);
    if (err != FERRY_OK)
        return err;
    bool retry = cmd->kind == CMD_DOWNLOAD_RETRY;
    err = retry ? check_retry(cmd, &d, now_ms) : FERRY_OK;
    if (err != FERRY_OK)
        return err;
    err = retry ? downloads_retry(e, &task, &d, 0, now_ms) : downloads_cancel(e, &task, now_ms);
    if (err == FERRY_E_STATE)
        return engine_fail(cmd, err, "download task %s is %s: it cannot be %s", task.id.text,
                           download_state_name(task.state), retry ? "repeated" : "cancelled");
    if (err != FERRY_OK)
        return err;
    return retry ? make_active(e, &d, now_ms) : engine_revoked(e);
}

typedef ferry_err word(struct engine *e, struct command *cmd, struct deployment *d, uint64_t now_ms);

static word *const words[] = {
    [CMD_DEPLOYMENT_CANCEL] = on_cancel,
    [CMD_DEPLOYMENT_PAUSE] = on_pause,
    [CMD_DEPLOYMENT_RESUME] = on_resume,
    [CMD_DEPLOYMENT_RETRY] = on_retry,
};

ferry_err deployments_on_command(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    if (cmd->kind == CMD_DEPLOY)
        return deployments_order(e, cmd, now_ms);
    if (cmd->kind == CMD_DOWNLOAD_CANCEL || cmd->kind == CMD_DOWNLOAD_RETRY)
        return on_task(e, cmd, now_ms);
    struct deployment d;
    ferry_err err = e->store->deployment_get(e->conn, &cmd->id, &d);
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "there is no deployment %s", cmd->id.text);
    if (err != FERRY_OK)
        return err;
    return words[cmd->kind](e, cmd, &d, now_ms);
}
