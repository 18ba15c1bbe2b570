/* Webhooks: what operators do to them, and what the deliveries found. */
#include "engine_internal.h"

#include <string.h>

static ferry_err no_webhook(struct command *cmd, ferry_err err)
{
    return err == FERRY_E_NOT_FOUND ? engine_fail(cmd, err, "there is no webhook %s", cmd->webhook.id.text) : err;
}

/* Those that deliver take the new one after the commit. */
static ferry_err put(struct engine *e, struct webhook *w)
{
    ferry_err err = e->store->webhook_put(e->conn, w);
    return err == FERRY_OK ? effects_webhooks_changed(&e->effects) : err;
}

static ferry_err put_changed(struct engine *e, struct command *cmd, struct webhook *w, uint64_t now_ms)
{
    w->revision++;
    w->updated_ms = now_ms;
    cmd->webhook = *w;
    return put(e, w);
}

/* It is told of what happens from now on. */
static ferry_err add(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct webhook *w = &cmd->webhook;
    struct event_bounds bounds;
    struct store_totals totals;
    ferry_err err = e->store->totals(e->conn, &totals);

    if (err == FERRY_OK && totals.webhooks >= e->settings.webhooks_max)
        return engine_fail(cmd, FERRY_E_STATE, "there are %u webhooks already: remove one, or raise webhooks-max",
                           (unsigned)e->settings.webhooks_max);
    if (err == FERRY_OK)
        err = e->store->event_bounds(e->conn, &bounds);
    if (err != FERRY_OK)
        return err;
    w->revision = 1;
    w->created_ms = w->updated_ms = now_ms;
    w->progress = (struct webhook_progress){.last_event = bounds.last};
    return put(e, w);
}

static void take_given(struct webhook *w, const struct command *cmd)
{
    const struct webhook *given = &cmd->webhook;

    if ((cmd->webhook_given & COMMAND_WEBHOOK_URL) != 0)
        memcpy(w->url, given->url, sizeof w->url);
    if ((cmd->webhook_given & COMMAND_WEBHOOK_TYPES) != 0)
        w->filter.kinds = given->filter.kinds;
    if ((cmd->webhook_given & COMMAND_WEBHOOK_PRODUCT) != 0)
        memcpy(w->filter.product, given->filter.product, sizeof w->filter.product);
    if ((cmd->webhook_given & COMMAND_WEBHOOK_DEVICE) != 0)
        memcpy(w->filter.device, given->filter.device, sizeof w->filter.device);
}

/* A parked one that is disabled and enabled again goes on: both is an operator's word. */
static ferry_err change(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct webhook w;
    ferry_err err = e->store->webhook_get(e->conn, &cmd->webhook.id, &w);

    if (err != FERRY_OK)
        return no_webhook(cmd, err);
    take_given(&w, cmd);
    if ((cmd->webhook_given & COMMAND_WEBHOOK_DISABLED) != 0) {
        if (cmd->webhook.state == WEBHOOK_DISABLED)
            w.state = WEBHOOK_DISABLED;
        else if (w.state == WEBHOOK_DISABLED)
            webhook_begin(&w);
    }
    w.progress.next_attempt_ms = 0; /* a new address is tried at once */
    return put_changed(e, cmd, &w, now_ms);
}

static ferry_err rotate(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct webhook w;
    ferry_err err = e->store->webhook_get(e->conn, &cmd->webhook.id, &w);

    if (err != FERRY_OK)
        return no_webhook(cmd, err);
    bool overlaps = cmd->webhook.old_until_ms > 0;
    w.old_secret = overlaps ? w.secret : (struct sealed){.len = 0};
    w.old_until_ms = overlaps ? now_ms + cmd->webhook.old_until_ms : 0;
    w.secret = cmd->webhook.secret;
    w.progress.next_attempt_ms = 0;
    return put_changed(e, cmd, &w, now_ms);
}

static ferry_err end_old_secret(struct engine *e, struct webhook *w)
{
    w->old_secret = (struct sealed){.len = 0};
    w->old_until_ms = 0;
    return e->store->webhook_put(e->conn, w);
}

/* Those that deliver look at the time themselves. */
ferry_err webhooks_end_old_secrets(struct engine *e, uint64_t now_ms, bool *ret_more)
{
    enum { AT_ONCE = 8 };
    struct webhook webhooks[AT_ONCE];
    size_t count = 0;
    ferry_err err = e->store->webhook_old_secrets(e->conn, now_ms, webhooks, AT_ONCE, &count);

    *ret_more = count == AT_ONCE;
    for (size_t i = 0; err == FERRY_OK && i < count; i++)
        err = end_old_secret(e, &webhooks[i]);
    if (err == FERRY_OK && count > 0)
        events_topic(e, ENGINE_TOPIC_WEBHOOKS);
    return err;
}

static ferry_err resume(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct webhook w;
    struct event_bounds bounds;
    ferry_err err = e->store->webhook_get(e->conn, &cmd->webhook.id, &w);

    if (err != FERRY_OK)
        return no_webhook(cmd, err);
    if (w.state == WEBHOOK_DISABLED)
        return engine_fail(cmd, FERRY_E_STATE, "webhook %s is disabled: enable it", w.id.text);
    if (cmd->webhook_skip)
        err = e->store->event_bounds(e->conn, &bounds);
    if (err != FERRY_OK)
        return err;
    if (cmd->webhook_skip)
        w.progress.last_event = bounds.last;
    webhook_begin(&w);
    return put_changed(e, cmd, &w, now_ms);
}

static ferry_err remove_it(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    (void)now_ms;
    ferry_err err = e->store->webhook_remove(e->conn, &cmd->webhook.id);
    return err == FERRY_OK ? effects_webhooks_changed(&e->effects) : no_webhook(cmd, err);
}

/* What was found for a webhook that an operator has changed meanwhile is void. */
static ferry_err note(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct webhook w;
    ferry_err err = e->store->webhook_get(e->conn, &cmd->webhook.id, &w);

    (void)now_ms;
    if (err == FERRY_E_NOT_FOUND || (err == FERRY_OK && w.revision != cmd->webhook.revision))
        return FERRY_OK;
    if (err != FERRY_OK)
        return err;
    w.state = cmd->webhook.state;
    w.progress = cmd->webhook.progress;
    return e->store->webhook_put(e->conn, &w);
}

ferry_err webhooks_on_command(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    typedef ferry_err handler(struct engine *, struct command *, uint64_t);
    static handler *const handlers[] = {
        [CMD_WEBHOOK_ADD] = add,       [CMD_WEBHOOK_CHANGE] = change,    [CMD_WEBHOOK_ROTATE] = rotate,
        [CMD_WEBHOOK_RESUME] = resume, [CMD_WEBHOOK_REMOVE] = remove_it, [CMD_WEBHOOK_NOTE] = note,
    };
    ferry_err err = handlers[cmd->kind](e, cmd, now_ms);
    if (err == FERRY_OK)
        events_topic(e, ENGINE_TOPIC_WEBHOOKS);
    return err;
}
