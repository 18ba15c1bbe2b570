/* The engine's turn: take a batch, run the rules, commit, let the effects out. */
#include "engine_internal.h"

#include "base/log.h"
#include "base/system.h"

#include <stdlib.h>

#define PROBE_KEY "engine.probe"

enum {
    PRUNE_EVERY_MS = 60 * 1000,
    PRUNE_MAX = 128,              /* rows removed in one turn */
    RETRY_AFTER_FAILURE_MS = 1000, /* timers, when the last transaction failed */
};

static void count_now(struct engine *e, size_t stat)
{
    atomic_fetch_add_explicit(&e->counters[stat], 1, memory_order_relaxed);
}

/* --- dispatch --------------------------------------------------------------------------------------------- */

typedef ferry_err command_handler(struct engine *e, struct command *cmd, uint64_t now_ms);

static command_handler *const command_handlers[] = {
    [CMD_PRODUCT_ADD] = registry_on_command,
    [CMD_PRODUCT_REMOVE] = registry_on_command,
    [CMD_DEVICE_ADD] = registry_on_command,
    [CMD_DEVICE_IMPORT] = registry_on_command,
    [CMD_DEVICE_REMOVE] = registry_on_command,
    [CMD_DEVICE_CHANGE] = registry_on_command,
    [CMD_DEVICE_ROTATE] = registry_on_command,
    [CMD_DEVICE_REGISTER] = registry_on_command,
    [CMD_PRODUCT_SECRET] = registry_on_command,
    [CMD_RESOURCE_ADD] = registry_on_command,
    [CMD_RESOURCE_CHANGE] = registry_on_command,
    [CMD_RESOURCE_REMOVE] = registry_on_command,
    [CMD_RESOURCE_UPLOAD_ADD] = resource_uploads_on_command,
    [CMD_RESOURCE_UPLOAD_DONE] = resource_uploads_on_command,
    [CMD_RESOURCE_UPLOAD_REMOVE] = resource_uploads_on_command,
    [CMD_DEPLOY] = deployments_on_command,
    [CMD_DEPLOYMENT_CANCEL] = deployments_on_command,
    [CMD_DEPLOYMENT_PAUSE] = deployments_on_command,
    [CMD_DEPLOYMENT_RESUME] = deployments_on_command,
    [CMD_DEPLOYMENT_RETRY] = deployments_on_command,
    [CMD_DOWNLOAD_CANCEL] = deployments_on_command,
    [CMD_DOWNLOAD_RETRY] = deployments_on_command,
    [CMD_UPLOAD_ACTIVE] = uploads_on_command,
    [CMD_UPLOAD_STORED] = uploads_on_command,
    [CMD_UPLOAD_REMOVE] = uploads_on_command,
    [CMD_TOKEN_ADD] = operators_on_command,
    [CMD_TOKEN_REMOVE] = operators_on_command,
    [CMD_USER_ADD] = operators_on_command,
    [CMD_USER_CHANGE] = operators_on_command,
    [CMD_USER_REMOVE] = operators_on_command,
    [CMD_LOGIN] = operators_on_command,
    [CMD_LOGOUT] = operators_on_command,
    [CMD_TOUCH] = operators_on_command,
    [CMD_QUOTA_SET] = quotas_on_command,
    [CMD_QUOTA_RESET] = quotas_on_command,
    [CMD_WEBHOOK_ADD] = webhooks_on_command,
    [CMD_WEBHOOK_CHANGE] = webhooks_on_command,
    [CMD_WEBHOOK_ROTATE] = webhooks_on_command,
    [CMD_WEBHOOK_RESUME] = webhooks_on_command,
    [CMD_WEBHOOK_REMOVE] = webhooks_on_command,
    [CMD_WEBHOOK_NOTE] = webhooks_on_command,
};

static ferry_err refuse_message(struct engine *e, const struct device_message *m, ferry_result why)
{
    ferry_msg refusal = answers_refusal(&m->msg, why);
    return refusal.type != FERRY_MSG_NONE ? answers_send(e, &m->device, &refusal) : FERRY_OK;
}

static ferry_err refuse_stranger(struct engine *e, const struct device_message *m)
{
    ferry_err err = engine_count(e, ENGINE_STAT(messages_unknown_device_total));
    return err == FERRY_OK ? refuse_message(e, m, FERRY_RESULT_UNKNOWN_DEVICE) : err;
}

static ferry_err handle_message(struct engine *e, const struct device_message *m, uint64_t now_ms)
{
    struct device device;
    ferry_err err = e->store->device_get(e->conn, &m->device, &device);
    if (err == FERRY_E_NOT_FOUND || (err == FERRY_OK && device.disabled))
        return refuse_stranger(e, m);
    if (err != FERRY_OK)
        return err;
    if (device.unheard)
        err = registry_heard(e, &device);
    if (err != FERRY_OK)
        return err;
    presence_heard(e, &m->device, now_ms);
    bool upload = m->msg.type == FERRY_MSG_CREATE_UPLOAD_TASK || m->msg.type == FERRY_MSG_REPORT_UPLOAD_PROGRESS;
    return upload ? uploads_on_message(e, m, now_ms) : downloads_on_message(e, m, now_ms);
}

static ferry_err handle_command(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    size_t known = sizeof command_handlers / sizeof command_handlers[0];
    if ((size_t)cmd->kind >= known || command_handlers[cmd->kind] == NULL)
        return FERRY_E_UNSUPPORTED;
    ferry_err err = cmd->condition != NULL ? cmd->condition(cmd, e->conn) : FERRY_OK;
    if (err != FERRY_OK)
        return err;
    err = audit_command(e, cmd, now_ms, command_handlers[cmd->kind]);
    return err == FERRY_OK && cmd->completion != NULL ? cmd->completion(cmd, e->conn) : err;
}

static ferry_err handle_item(struct engine *e, struct inbox_item item, uint64_t now_ms)
{
    if (item.message != NULL)
        return handle_message(e, item.message, now_ms);
    if (item.report != NULL) {
        presence_take(e, item.report, now_ms);
        return FERRY_OK;
    }
    item.command->detail[0] = '\0';
    item.command->count = 0;
    return handle_command(e, item.command, now_ms);
}

/* --- one step of a batch, undone alone when it fails -------------------------------------------------------- */

typedef ferry_err step(struct engine *e, void *arg, uint64_t now_ms);

/* *ret_failed: what the step said. The return value is an error of the whole transaction. */
static ferry_err run_step(struct engine *e, step *run, void *arg, uint64_t now_ms, ferry_err *ret_failed)
{
    struct effects_mark mark = effects_mark(&e->effects);
    ferry_err err = e->store->savepoint(e->conn);
    if (err != FERRY_OK)
        return err;
    *ret_failed = run(e, arg, now_ms);
    if (*ret_failed == FERRY_OK)
        return e->store->release(e->conn);
    effects_rewind(&e->effects, mark);
    return e->store->rewind(e->conn);
}

static ferry_err item_step(struct engine *e, void *arg, uint64_t now_ms)
{
    return handle_item(e, *(const struct inbox_item *)arg, now_ms);
}

static ferry_err run_item(struct engine *e, size_t i, uint64_t now_ms)
{
    struct inbox_item item = e->batch[i];
    ferry_err failed = FERRY_OK;
    ferry_err err = run_step(e, item_step, &item, now_ms, &failed);
    if (err != FERRY_OK)
        return err;
    if (item.command != NULL)
        item.command->result = failed;
    if (failed == FERRY_OK)
        return FERRY_OK;
    count_now(e, ENGINE_STAT(commands_failed_total));
    if (item.command != NULL)
        return FERRY_OK;
    ferry_log(FERRY_LOG_ERROR, "engine", "message of %s/%s undone: %s", item.message->device.product,
              item.message->device.device, ferry_err_text(failed));
    return refuse_message(e, item.message, FERRY_RESULT_INTERNAL);
}

/* --- timers -------------------------------------------------------------------------------------------------- */

struct timer {
    const char *name;
    ferry_err (*run)(struct engine *e, uint64_t now_ms, bool *ret_more);
};

static ferry_err prune(struct engine *e, uint64_t now_ms, bool *ret_more)
{
    *ret_more = false;
    uint64_t keep_ms = e->settings.retention_days * 24ull * 3600 * 1000;
    if (keep_ms == 0 || now_ms < keep_ms || now_ms < e->next_prune_ms)
        return FERRY_OK;
    size_t count = 0, removed = 0;
    ferry_err err = e->store->upload_ended_before(e->conn, now_ms - keep_ms, e->uploads, PRUNE_MAX, &count);
    for (size_t i = 0; err == FERRY_OK && i < count; i++) {
        err = e->store->upload_remove(e->conn, &e->uploads[i].id);
        if (err == FERRY_OK)
            err = effects_remove_object(&e->effects, &e->uploads[i].id);
    }
    if (err == FERRY_OK)
        err = e->store->download_prune(e->conn, now_ms - keep_ms, PRUNE_MAX, &removed);
    *ret_more = count == PRUNE_MAX || removed == PRUNE_MAX;
    if (err == FERRY_OK && !*ret_more)
        e->next_prune_ms = now_ms + PRUNE_EVERY_MS;
    return err;
}

static const struct timer timers[] = {
    {"expand deployments", deployments_expand},
    {"resume, cancel and retry deployments", deployments_sweep},
    {"expire uploads", uploads_expire},
    {"expire uploads of resources", resource_uploads_expire},
    {"wake downloads", downloads_wake},
    {"end old secrets", registry_end_old_secrets},
    {"end old secrets of webhooks", webhooks_end_old_secrets},
    {"retention", prune},
    {"retention of the audit log", audit_retain},
    {"retention of events", events_retain},
    {"retention of answers", answers_retain},
    {"retention of statistics", statistics_retain},
    {"presence", presence_tick},
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

static ferry_err run_timers(struct engine *e, uint64_t now_ms, bool *ret_more)
{
    *ret_more = false;
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
        struct timer_call call = {.timer = &timers[i]};
        ferry_err failed = FERRY_OK;
        ferry_err err = run_step(e, timer_step, &call, now_ms, &failed);
        if (err != FERRY_OK)
            return err;
        if (failed != FERRY_OK)
            ferry_log(FERRY_LOG_ERROR, "engine", "timer \"%s\" undone: %s", timers[i].name, ferry_err_text(failed));
        *ret_more |= failed == FERRY_OK && call.more;
    }
    return FERRY_OK;
}

/* --- effects ---------------------------------------------------------------------------------------------------- */

static void publish(struct engine *e, const struct effect *effect)
{
    const char *bytes = e->effects.bytes.data;
    struct bus *bus = e->parts.bus;
    ferry_err err = bus->ops->publish(bus, bytes + effect->topic_at, bytes + effect->payload_at, effect->payload_len);
    count_now(e, err == FERRY_OK ? ENGINE_STAT(published_total) : ENGINE_STAT(publish_failed_total));
    if (err == FERRY_OK && effect->counter != EFFECTS_COUNT_NOTHING)
        count_now(e, effect->counter);
}

static void remove_bytes(struct engine *e, const struct effect *effect)
{
    struct objects *objects = e->parts.objects;
    ferry_err err = effect->kind == EFFECT_REMOVE_OBJECT ? objects->ops->remove(objects, &effect->key)
                                                         : objects->ops->partial_remove(objects, &effect->key);
    if (err != FERRY_OK && err != FERRY_E_BUSY)
        ferry_log(FERRY_LOG_WARN, "engine", "object %s could not be removed: %s", effect->key.text,
                  ferry_err_text(err));
}

static void let_out_effects(struct engine *e)
{
    for (size_t i = 0; i < e->effects.count; i++) {
        const struct effect *effect = &e->effects.list[i];
        switch (effect->kind) {
        case EFFECT_PUBLISH:
            publish(e, effect);
            break;
        case EFFECT_REMOVE_OBJECT:
        case EFFECT_REMOVE_PARTIAL:
            remove_bytes(e, effect);
            break;
        case EFFECT_COUNT_ONE:
            count_now(e, effect->counter);
            break;
        case EFFECT_OPERATORS_CHANGED:
            atomic_fetch_add(&e->operators_generation, 1);
            break;
        case EFFECT_WEBHOOKS_CHANGED:
            atomic_fetch_add(&e->webhooks_generation, 1);
            events_wake(e);
            break;
        }
    }
    effects_reset(&e->effects);
}

static void finish_items(struct engine *e, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct command *cmd = e->batch[i].command;
        free(e->batch[i].message);
        free(e->batch[i].report);
        if (cmd == NULL)
            continue;
        count_now(e, ENGINE_STAT(commands_total));
        if (cmd->result != FERRY_OK && cmd->detail[0] == '\0')
            (void)engine_fail(cmd, cmd->result, "the platform could not do it: %s", ferry_err_text(cmd->result));
        cmd->done(cmd, cmd->arg);
    }
}

/* Nothing of the batch happened: everybody is told so. */
static void fail_batch(struct engine *e, size_t count, ferry_err err)
{
    effects_reset(&e->effects);
    count_now(e, ENGINE_STAT(batches_failed_total));
    if (atomic_exchange(&e->health, (int)err) != (int)err)
        ferry_log(FERRY_LOG_ERROR, "engine", "the store cannot take changes: %s", ferry_err_text(err));
    for (size_t i = 0; i < count; i++) {
        if (e->batch[i].command != NULL) {
            e->batch[i].command->result = err;
            e->batch[i].command->detail[0] = '\0';
        } else if (e->batch[i].message != NULL) {
            (void)refuse_message(e, e->batch[i].message, FERRY_RESULT_INTERNAL);
        } else {
            presence_missed(e); /* perhaps: the batch ended before it */
        }
    }
}

/* --- the turn ------------------------------------------------------------------------------------------------------ */

static ferry_err run_batch(struct engine *e, size_t count, bool timers_due, uint64_t now_ms, bool *ret_more)
{
    ferry_err err = FERRY_OK;
    for (size_t i = 0; err == FERRY_OK && i < count; i++)
        err = run_item(e, i, now_ms);
    if (err == FERRY_OK && timers_due)
        err = run_timers(e, now_ms, ret_more);
    return err;
}

static ferry_err commit(struct engine *e)
{
    uint64_t began_us = ferry_mono_us();
    ferry_err err = e->store->commit(e->conn);
    if (err == FERRY_OK)
        ferry_histogram_add(&e->histograms[ENGINE_COMMIT], ferry_mono_us() - began_us);
    return err;
}

static ferry_err transact(struct engine *e, size_t count, bool timers_due, uint64_t now_ms, bool *ret_more)
{
    ferry_err err = e->store->begin(e->conn);
    if (err != FERRY_OK)
        return err;
    if (atomic_load(&e->health) != FERRY_OK) /* a transaction that writes nothing would prove nothing */
        err = e->store->value_put(e->conn, PROBE_KEY, &now_ms, sizeof now_ms);
    if (err == FERRY_OK)
        err = run_batch(e, count, timers_due, now_ms, ret_more);
    if (err == FERRY_OK)
        return commit(e);
    e->store->rollback(e->conn);
    return err;
}

/* Is there a deployment on which a timer works in steps? */
static bool in_steps(struct engine *e)
{
    struct deployment d;
    size_t expanding = 0, sweeping = 0;
    return (e->store->deployment_expanding(e->conn, &d, 1, &expanding) == FERRY_OK && expanding > 0) ||
           (e->store->deployment_sweeping(e->conn, &d, 1, &sweeping) == FERRY_OK && sweeping > 0);
}

/* When the timers must run next: asked of the store, so that no copy in memory can disagree with it. */
static void plan_next(struct engine *e, ferry_err err, bool more, uint64_t now_ms)
{
    uint64_t due_ms = UINT64_MAX;
    if (err != FERRY_OK || e->store->next_due_ms(e->conn, &due_ms) != FERRY_OK) {
        e->next_due_ms = now_ms + RETRY_AFTER_FAILURE_MS;
        return;
    }
    if (e->settings.retention_days != 0 && due_ms > e->next_prune_ms)
        due_ms = e->next_prune_ms;
    if (e->settings.audit_retention_days != 0 && due_ms > e->next_audit_cut_ms)
        due_ms = e->next_audit_cut_ms;
    if (due_ms > e->next_event_cut_ms)
        due_ms = e->next_event_cut_ms;
    if (due_ms > e->next_answer_cut_ms)
        due_ms = e->next_answer_cut_ms;
    if (e->settings.statistics_days != 0 && due_ms > e->next_statistics_cut_ms)
        due_ms = e->next_statistics_cut_ms;
    uint64_t presence_ms = presence_next_ms(e);
    if (due_ms > presence_ms)
        due_ms = presence_ms;
    e->next_due_ms = more || in_steps(e) ? now_ms : due_ms;
}

void engine_turn(struct engine *e, uint64_t *ret_again_ms)
{
    uint64_t now_ms = engine_now_ms(e);
    size_t count = inbox_take(&e->inbox, e->batch, e->settings.batch_max);
    bool timers_due = now_ms >= e->next_due_ms;
    if (count > 0 || timers_due) {
        bool more = false;
        ferry_err err = transact(e, count, timers_due, now_ms, &more);
        presence_committed(e, err == FERRY_OK);
        if (err != FERRY_OK) {
            fail_batch(e, count, err);
        } else {
            count_now(e, ENGINE_STAT(batches_total));
            events_committed(e);
            if (atomic_exchange(&e->health, FERRY_OK) != FERRY_OK)
                ferry_log(FERRY_LOG_INFO, "engine", "the store takes changes again");
        }
        let_out_effects(e);
        if (err == FERRY_OK)
            measures_batch(e, count);
        finish_items(e, count);
        plan_next(e, err, more, now_ms);
    }
    *ret_again_ms = e->next_due_ms;
}
