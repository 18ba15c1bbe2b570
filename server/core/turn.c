/* The engine's turn: take a batch, run the rules, commit, let the effects out. */
#include "engine_internal.h"

#include "base/log.h"
#include "base/system.h"

#include <stdlib.h>

#define PROBE_KEY "engine.probe"

enum { TRIES_MAX = 8 }; /* of a transaction that others, a lost connection, or a message that fails, undo */

static void count_many(struct engine *e, size_t stat, size_t count)
{
    atomic_fetch_add_explicit(&e->counters[stat], count, memory_order_relaxed);
}

static void count_now(struct engine *e, size_t stat)
{
    count_many(e, stat, 1);
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
    [CMD_RESOURCE_UPLOAD_CAME] = resource_uploads_on_command,
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
    [CMD_UPLOAD_UNWANTED] = uploads_on_command,
    [CMD_UPLOAD_EXPIRE] = uploads_on_command,
    [CMD_UPLOAD_REMOVE] = uploads_on_command,
    [CMD_RESOURCE_UPLOAD_SEEN] = resource_uploads_on_command,
    [CMD_OBJECTS_VERIFY] = damage_on_command,
    [CMD_OBJECTS_VERIFY_END] = damage_on_command,
    [CMD_OBJECT_DAMAGED] = damage_on_command,
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
    if (item.report != NULL)
        return FERRY_OK; /* taken in already */
    item.command->detail[0] = '\0';
    item.command->count = 0;
    return handle_command(e, item.command, now_ms);
}

/* --- what nobody waits for --------------------------------------------------------------------------------- */

static struct background_load load_of(const struct engine *e)
{
    return (struct background_load){.items = e->batch_count, .late = e->late_count, .answered = share_is_many(e)};
}

size_t turn_background(const struct engine *e, size_t step)
{
    struct background_load load = load_of(e);
    return background_share(&load, step);
}

bool turn_gives_way(struct engine *e, size_t done)
{
    struct background_load load = load_of(e);
    return background_gives_way(&load, done, inbox_depth(&e->inbox));
}

bool turn_is_waited_for(struct engine *e)
{
    return e->batch_count > 1 || inbox_depth(&e->inbox) > 0;
}

/* --- one step of a batch, undone alone when it fails -------------------------------------------------------- */

ferry_err turn_step(struct engine *e, turn_work *run, void *arg, uint64_t now_ms, ferry_err *ret_failed)
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

/* A message fails hardly ever, and a savepoint costs a copy of each page that is changed behind it. */
static ferry_err run_unmarked(struct engine *e, struct inbox_item item, uint64_t now_ms)
{
    ferry_err err = handle_item(e, item, now_ms);
    if (err == FERRY_OK)
        return FERRY_OK;
    e->careful = true;
    return FERRY_E_AGAIN;
}

static ferry_err run_item(struct engine *e, size_t i, uint64_t now_ms)
{
    struct inbox_item item = e->batch[i];
    e->item = i;
    if (item.command == NULL && !e->careful)
        return run_unmarked(e, item, now_ms);
    ferry_err failed = FERRY_OK;
    ferry_err err = turn_step(e, item_step, &item, now_ms, &failed);
    if (err != FERRY_OK)
        return err;
    if (item.command != NULL)
        item.command->result = failed;
    if (failed == FERRY_OK)
        return FERRY_OK;
    e->failed_count++;
    if (item.command != NULL)
        return FERRY_OK;
    ferry_log(FERRY_LOG_ERROR, "engine", "message of %s/%s undone: %s", item.message->device.product,
              item.message->device.device, ferry_err_text(failed));
    return refuse_message(e, item.message, FERRY_RESULT_INTERNAL);
}

/* --- deployments of which tasks have ended ---------------------------------------------------------------------- */

static ferry_err settle_step(struct engine *e, void *arg, uint64_t now_ms)
{
    return deployments_settle(e, arg, now_ms);
}

static ferry_err settle(struct engine *e, uint64_t now_ms)
{
    for (size_t i = 0; i < e->settling_count; i++) {
        ferry_err failed = FERRY_OK;
        ferry_err err = turn_step(e, settle_step, &e->settling[i], now_ms, &failed);
        if (err != FERRY_OK)
            return err;
        if (failed == FERRY_E_CORRUPT)
            ferry_log(FERRY_LOG_ERROR, "engine", "deployment %s cannot be finished: %s", e->settling[i].text, ferry_err_text(failed));
        else if (failed != FERRY_OK && failed != FERRY_E_NOT_FOUND)
            return failed; /* nobody would look at it again */
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
    if (e->errands != NULL) {
        errands_remove(e, &effect->key, effect->kind == EFFECT_REMOVE_OBJECT ? ERRAND_REMOVE_OBJECT : ERRAND_REMOVE_PARTIAL);
        return;
    }
    ferry_err err = effect->kind == EFFECT_REMOVE_OBJECT ? objects->ops->remove(objects, &effect->key)
                                                         : objects->ops->partial_remove(objects, &effect->key);
    if (err != FERRY_OK && err != FERRY_E_BUSY)
        ferry_log(FERRY_LOG_WARN, "engine", "object %s could not be removed: %s", effect->key.text,
                  ferry_err_text(err));
}

static void let_out(struct engine *e, const struct effect *effect)
{
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
    case EFFECT_ERRAND:
        errands_take(e, effect);
        break;
    case EFFECT_WEBHOOKS_CHANGED:
        atomic_fetch_add(&e->webhooks_generation, 1);
        events_wake(e);
        break;
    }
}

/* What nobody waits for. */
static bool has_time(effect_kind kind)
{
    return kind == EFFECT_REMOVE_OBJECT || kind == EFFECT_REMOVE_PARTIAL || kind == EFFECT_WEBHOOKS_CHANGED;
}

/* First the answers, which leave together: who waits for them waits for nothing else. */
static void let_out_effects(struct engine *e)
{
    const struct bus_ops *bus = e->parts.bus->ops;

    bus->hold(e->parts.bus);
    for (size_t i = 0; i < e->effects.count; i++) {
        if (!has_time(e->effects.list[i].kind))
            let_out(e, &e->effects.list[i]);
    }
    bus->let_go(e->parts.bus);
    for (size_t i = 0; i < e->effects.count; i++) {
        if (has_time(e->effects.list[i].kind))
            let_out(e, &e->effects.list[i]);
    }
    effects_reset(&e->effects);
}

static void finish_items(struct engine *e, const struct part *part)
{
    for (size_t i = part->from; i < part->to; i++) {
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
static void fail_part(struct engine *e, const struct part *part, ferry_err err)
{
    effects_reset(&e->effects);
    count_now(e, ENGINE_STAT(batches_failed_total));
    if (atomic_exchange(&e->health, (int)err) != (int)err)
        ferry_log(FERRY_LOG_ERROR, "engine", "the store cannot take changes: %s", ferry_err_text(err));
    for (size_t i = part->from; i < part->to; i++) {
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

/* They change nothing but memory: once, however often the transaction is run. */
static void take_reports(struct engine *e, size_t from, size_t to, uint64_t now_ms)
{
    for (size_t i = from; i < to; i++) {
        if (e->batch[i].report != NULL)
            presence_take(e, e->batch[i].report, now_ms);
    }
}

/* Some commands give their answer where the input was. */
static void keep_inputs(struct engine *e, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (e->batch[i].command != NULL)
            e->inputs[i] = *e->batch[i].command;
    }
}

static ferry_err run_items(struct engine *e, size_t from, size_t to, uint64_t now_ms)
{
    ferry_err err = FERRY_OK;
    for (size_t i = from; err == FERRY_OK && i < to; i++)
        err = run_item(e, i, now_ms);
    return err;
}

/* Who came while the timers ran needs no transaction of their own, nor wait for the end of this one. Several processes: it holds the
 * others up, and is to be short. */
static ferry_err run_late(struct engine *e, struct part *part, uint64_t now_ms)
{
    if (share_is_many(e))
        return FERRY_OK;
    size_t from = part->to;
    part->to += inbox_take(&e->inbox, e->batch + from, e->settings.batch_max - from);
    e->batch_count = part->to;
    keep_inputs(e, from, part->to);
    return run_items(e, from, part->to, now_ms);
}

static ferry_err run_part(struct engine *e, struct part *part, uint64_t now_ms, struct timers_outcome *out)
{
    ferry_err err = share_rehearse(e, part, handle_item, now_ms);
    if (err == FERRY_OK)
        err = run_items(e, part->from, part->to, now_ms);
    if (err == FERRY_OK && part->timers)
        err = timers_run(e, now_ms, out);
    if (err == FERRY_OK && part->timers)
        err = run_late(e, part, now_ms);
    if (err == FERRY_OK)
        err = settle(e, now_ms);
    if (err == FERRY_OK)
        timers_ask(e, out);
    return err == FERRY_OK ? share_tell(e) : err;
}

static ferry_err commit(struct engine *e)
{
    uint64_t began_us = ferry_mono_us();
    ferry_err err = e->store->commit(e->conn);
    if (err == FERRY_OK)
        ferry_histogram_add(&e->histograms[ENGINE_COMMIT], ferry_mono_us() - began_us);
    return err;
}

static ferry_err transact(struct engine *e, struct part *part, uint64_t now_ms, struct timers_outcome *out)
{
    ferry_err err = e->store->begin(e->conn);
    if (err != FERRY_OK)
        return err;
    err = share_claim(e, part);
    if (err == FERRY_OK && atomic_load(&e->health) != FERRY_OK) /* a transaction that writes nothing would prove nothing */
        err = e->store->value_put(e->conn, PROBE_KEY, &now_ms, sizeof now_ms);
    if (err == FERRY_OK)
        err = run_part(e, part, now_ms, out);
    if (err == FERRY_OK)
        return commit(e);
    e->store->rollback(e->conn);
    return err;
}

static void restore_inputs(struct engine *e, const struct part *part)
{
    for (size_t i = part->from; i < part->to; i++) {
        if (e->batch[i].command != NULL)
            *e->batch[i].command = e->inputs[i];
    }
}

static ferry_err transact_until_done(struct engine *e, struct part *part, uint64_t now_ms, struct timers_outcome *out)
{
    ferry_err err = FERRY_E_AGAIN;
    struct next_times next = e->next;
    take_reports(e, part->from, part->late, now_ms);
    keep_inputs(e, part->from, part->to);
    e->careful = share_is_many(e); /* there a savepoint costs less than to begin again */
    for (unsigned tries = 0; err == FERRY_E_AGAIN && tries < TRIES_MAX; tries++) {
        effects_reset(&e->effects);
        e->settling_count = e->failed_count = 0;
        *out = (struct timers_outcome){.mine = true};
        err = transact(e, part, now_ms, out);
        if (err != FERRY_OK)
            e->next = next;
        if (err == FERRY_E_AGAIN)
            restore_inputs(e, part);
    }
    return err == FERRY_E_AGAIN ? FERRY_E_BUSY : err;
}

/* A part that was undone may have left the mark: then they are looked up once more for nothing. */
static void end_fetch_rights(struct engine *e)
{
    if (e->fetch_rights_ended)
        atomic_fetch_add(&e->fetch_rights, 1);
    e->fetch_rights_ended = false;
}

static ferry_err turn_part(struct engine *e, struct part *part, uint64_t now_ms, struct timers_outcome *out)
{
    ferry_err err = transact_until_done(e, part, now_ms, out);
    presence_committed(e, err == FERRY_OK);
    if (err != FERRY_OK) {
        fail_part(e, part, err);
    } else {
        count_now(e, ENGINE_STAT(batches_total));
        count_many(e, ENGINE_STAT(commands_failed_total), e->failed_count);
        end_fetch_rights(e);
        take_reports(e, part->late, part->to, now_ms); /* what the transaction wrote was said before them */
        if (atomic_exchange(&e->health, FERRY_OK) != FERRY_OK)
            ferry_log(FERRY_LOG_INFO, "engine", "the store takes changes again");
    }
    let_out_effects(e);
    if (err == FERRY_OK) {
        events_committed(e); /* who only watches has time */
        measures_batch(e, part);
    }
    finish_items(e, part);
    return err;
}

void engine_turn(struct engine *e, uint64_t *ret_again_ms)
{
    uint64_t now_ms = engine_now_ms(e);
    size_t count = inbox_take(&e->inbox, e->batch, e->settings.batch_max);
    e->batch_count = count;
    size_t of_devices = share_split(e, count);
    struct part devices = {.to = of_devices, .late = of_devices, .of_devices = true};
    struct part others = {.from = of_devices, .to = count, .late = count, .timers = now_ms >= e->next_due_ms};
    struct timers_outcome out = {.mine = true};
    if (of_devices > 0)
        ferry_drop(turn_part(e, &devices, now_ms, &out)); /* everybody was told */
    if (of_devices < count || others.timers) {
        ferry_err err = turn_part(e, &others, now_ms, &out);
        timers_plan(e, err, &out, now_ms);
    }
    e->late_count = others.to - others.late;
    *ret_again_ms = e->next_due_ms;
}
