#include "hooks.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/system.h"

#include <stdlib.h>
#include <string.h>

enum {
    LOOK_MAX = 256,     /* events looked at for one webhook before the next has its turn */
    SAVE_EVERY_MS = 500, /* after a sudden end, what was delivered since is delivered again */
    SAVE_SKIPPED_EVERY_MS = 10 * 1000, /* ... what was only passed over is looked at again */
};

static const struct store_ops *ops_of(const struct webhooks *all)
{
    return all->config.store->ops;
}

/* --- the webhooks of the store -------------------------------------------------------------------------------- */

/* One that is gone waits for its note alone. */
static struct hook *find(struct webhooks *all, const ferry_id *id)
{
    struct hook *h = all->hooks;

    while (h != NULL && (h->gone || strcmp(h->w.id.text, id->text) != 0))
        h = h->next;
    return h;
}

static void stop_request(struct hook *h)
{
    if (h->busy)
        post_abort(&h->post, h->all->multi);
    h->busy = false;
}

/* What an operator changed counts. Nobody sets a place back: one that the engine does not know of yet stays, so that a new filter is not
 * for events that were there before. */
static void take_row(struct hook *h, const struct webhook *row)
{
    uint64_t place = h->w.progress.last_event;

    h->found = true;
    if (h->w.revision == row->revision)
        return;
    stop_request(h);
    h->w = *row;
    h->saved_event = row->progress.last_event;
    if (place > h->saved_event)
        h->w.progress.last_event = place;
    h->unsaved = place > h->saved_event;
    h->urgent = false;
}

static ferry_err add_row(struct webhooks *all, const struct webhook *row)
{
    struct hook *h = ferry_calloc(1, sizeof *h);

    if (h == NULL)
        return FERRY_E_NOMEM;
    h->all = all;
    h->post.body = FERRY_BUF_INIT(POST_BODY_MAX);
    h->w.id = row->id;
    h->saved_ms = ferry_mono_ms();
    take_row(h, row);
    h->next = all->hooks;
    all->hooks = h;
    return FERRY_OK;
}

static ferry_err read_rows(struct webhooks *all)
{
    char after[FERRY_ID_LEN + 1] = "";
    size_t count = HOOKS_ROWS;
    ferry_err err = FERRY_OK;

    while (err == FERRY_OK && count == HOOKS_ROWS) {
        const struct store_page page = {.after = after, .limit = HOOKS_ROWS};
        err = ops_of(all)->webhook_list(all->conn, &page, all->rows, &count);
        for (size_t i = 0; err == FERRY_OK && i < count; i++) {
            struct hook *h = find(all, &all->rows[i].id);
            if (h != NULL)
                take_row(h, &all->rows[i]);
            else
                err = add_row(all, &all->rows[i]);
        }
        if (err == FERRY_OK && count > 0)
            memcpy(after, all->rows[count - 1].id.text, sizeof after);
    }
    return err;
}

ferry_err hooks_refresh(struct webhooks *all)
{
    uint64_t generation = engine_webhooks_generation(all->config.engine); /* before: a change meanwhile is seen next time */

    if (all->read && generation == all->generation)
        return FERRY_OK;
    for (struct hook *h = all->hooks; h != NULL; h = h->next)
        h->found = false;
    ferry_err err = read_rows(all);
    if (err != FERRY_OK)
        return err;
    for (struct hook *h = all->hooks; h != NULL; h = h->next) {
        h->gone = !h->found;
        if (h->gone)
            stop_request(h);
    }
    all->generation = generation;
    all->read = true;
    return FERRY_OK;
}

/* --- how an attempt ends -------------------------------------------------------------------------------------- */

static void say(const struct hook *h, webhook_verdict verdict)
{
    const struct webhook_progress *p = &h->w.progress;

    if (verdict == WEBHOOK_RECOVERED)
        ferry_log(FERRY_LOG_INFO, "webhooks", "webhook %s: event %llu is delivered, it works again", h->w.id.text,
                  (unsigned long long)p->last_event);
    else if (verdict == WEBHOOK_FAILED && p->failures == 1)
        ferry_log(FERRY_LOG_WARN, "webhooks", "webhook %s: event %llu was not delivered and is tried again: %s",
                  h->w.id.text, (unsigned long long)h->event, p->last_error);
    else if (verdict == WEBHOOK_GIVEN_UP)
        ferry_log(FERRY_LOG_WARN, "webhooks",
                  "webhook %s is parked after %u attempts that failed: %s. See `ferryctl webhook resume`", h->w.id.text,
                  (unsigned)p->failures, p->last_error);
}

static void judge(struct hook *h, const struct webhook_outcome *outcome)
{
    const struct webhooks_config *c = &h->all->config;
    uint32_t chance;

    ferry_random_bytes(&chance, sizeof chance);
    webhook_verdict verdict = webhook_judge(&h->w, outcome, &c->limits, engine_now_ms(c->engine), chance);
    engine_count_delivery(c->engine, verdict <= WEBHOOK_RECOVERED);
    h->unsaved = true;
    h->urgent |= verdict != WEBHOOK_DELIVERED;
    say(h, verdict);
}

void hooks_ended(struct hook *h, CURLcode code)
{
    struct webhook_outcome outcome = {.event = h->event};

    post_end(&h->post, h->all->multi, code, &outcome);
    h->busy = false;
    judge(h, &outcome);
}

/* --- how it begins -------------------------------------------------------------------------------------------- */

static ferry_err write_body(struct hook *h, const struct event *event)
{
    const struct webhooks_config *c = &h->all->config;

    ferry_buf_reset(&h->post.body);
    return event != NULL ? c->event_json(&h->post.body, event) : c->cut_json(&h->post.body, h->event);
}

/* The plain secrets, for one request. */
struct secrets {
    uint8_t now[DEVICE_SECRET_MAX], old[DEVICE_SECRET_MAX];
    size_t now_len, old_len;
};

static ferry_err open_secrets(const struct hook *h, struct secrets *ret)
{
    const struct webhooks_config *c = &h->all->config;
    char context[SEAL_CONTEXT_SIZE];
    bool overlaps = engine_now_ms(c->engine) < h->w.old_until_ms;
    ferry_err err = seal_open(c->seal_keys, seal_context_webhook(&h->w.id, context), &h->w.secret, ret->now, &ret->now_len);

    ret->old_len = 0;
    if (err == FERRY_OK && overlaps)
        err = seal_open(c->seal_keys, context, &h->w.old_secret, ret->old, &ret->old_len);
    return err;
}

static ferry_err post(struct hook *h, const struct event *event)
{
    const struct webhooks_config *c = &h->all->config;
    struct secrets secrets;
    struct post_order order = {
        .url = h->w.url,
        .ca_file = c->ca_file,
        .version = c->version,
        .timeout_s = c->timeout_s,
        .public_only = c->public_only,
        .event_name = event != NULL ? event_kind_name(event->kind) : "log.cut",
        .event_id = h->event,
        .unix_s = ferry_wall_ms() / 1000,
    };
    ferry_err err = write_body(h, event);

    if (err == FERRY_OK)
        err = open_secrets(h, &secrets);
    if (err == FERRY_OK) {
        order.key = (struct signature_key){.text = secrets.now, .len = secrets.now_len};
        order.old_key = (struct signature_key){.text = secrets.old, .len = secrets.old_len};
        err = post_begin(&h->post, h->all->multi, &order, h);
    }
    explicit_bzero(&secrets, sizeof secrets);
    return err;
}

/* event null: the log was cut past the place of the webhook. */
static void begin(struct hook *h, uint64_t id, const struct event *event)
{
    h->event = id;
    ferry_err err = post(h, event);
    h->busy = err == FERRY_OK;
    if (h->busy)
        return;
    struct webhook_outcome outcome = {.event = id, .error = ferry_err_text(err)};
    judge(h, &outcome);
}

/* --- what it is told next ------------------------------------------------------------------------------------- */

/* The event behind the place. Ids have no gaps and events never change, so a page that was read stays true. */
static ferry_err event_behind(struct webhooks *all, uint64_t after, const struct event **ret_event)
{
    ferry_err err = FERRY_OK;

    if (after < all->page_after || after - all->page_after >= all->page_count) {
        all->page_count = 0;
        err = ops_of(all)->event_list(all->conn, after, all->page, HOOKS_EVENTS, &all->page_count);
        all->page_after = after;
    }
    if (err == FERRY_OK && (all->page_count == 0 || all->page[after - all->page_after].id != after + 1)) {
        all->page_count = 0; /* retention was here since the bounds were read */
        err = FERRY_E_NOT_FOUND;
    }
    if (err == FERRY_OK)
        *ret_event = &all->page[after - all->page_after];
    return err;
}

static bool is_cut(const struct webhooks *all, uint64_t place)
{
    return place > all->bounds.last || place + 1 < all->bounds.first;
}

static ferry_err advance(struct hook *h)
{
    struct webhooks *all = h->all;
    uint64_t *place = &h->w.progress.last_event;
    ferry_err err = FERRY_OK;

    if (is_cut(all, *place)) {
        begin(h, all->bounds.first != 0 ? all->bounds.first - 1 : 0, NULL);
        return FERRY_OK;
    }
    for (unsigned i = 0; err == FERRY_OK && i < LOOK_MAX && *place < all->bounds.last; i++) {
        const struct event *event = NULL;
        err = event_behind(all, *place, &event);
        if (err == FERRY_OK && webhook_wants(&h->w.filter, event)) {
            begin(h, event->id, event);
            return FERRY_OK;
        }
        if (err == FERRY_OK)
            *place = event->id;
    }
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err; /* the next round tells of the cut */
}

static bool has_work(const struct hook *h, uint64_t now_ms)
{
    uint64_t place = h->w.progress.last_event;

    return !h->busy && !h->gone && webhook_is_due(&h->w, now_ms) &&
           (place < h->all->bounds.last || is_cut(h->all, place));
}

ferry_err hooks_serve(struct webhooks *all, bool *ret_more)
{
    uint64_t now_ms = engine_now_ms(all->config.engine);
    ferry_err err = ops_of(all)->event_bounds(all->conn, &all->bounds);

    *ret_more = false;
    for (struct hook *h = all->hooks; err == FERRY_OK && h != NULL; h = h->next) {
        if (!has_work(h, now_ms))
            continue;
        err = advance(h);
        *ret_more |= err == FERRY_OK && has_work(h, now_ms);
    }
    return err;
}

uint64_t hooks_wait_ms(const struct webhooks *all, uint64_t max)
{
    uint64_t now_ms = engine_now_ms(all->config.engine), wait_ms = max;

    for (const struct hook *h = all->hooks; h != NULL; h = h->next) {
        uint64_t at_ms = h->w.progress.next_attempt_ms;
        if (!h->busy && !h->gone && h->w.state == WEBHOOK_ACTIVE && at_ms > now_ms && at_ms - now_ms < wait_ms)
            wait_ms = at_ms - now_ms;
        if (h->unsaved && SAVE_EVERY_MS < wait_ms)
            wait_ms = SAVE_EVERY_MS;
    }
    return wait_ms;
}

/* --- what the engine is to keep ------------------------------------------------------------------------------- */

/* On the engine's thread. */
static void on_noted(struct command *cmd, void *arg)
{
    struct hook *h = arg;
    struct webhooks *all = h->all;

    (void)cmd;
    pthread_mutex_lock(&all->lock);
    h->note_state = NOTE_BACK;
    all->notes_out--;
    pthread_cond_signal(&all->note_back);
    (void)curl_multi_wakeup(all->multi);
    pthread_mutex_unlock(&all->lock);
}

static note_state look_at_note(struct hook *h)
{
    pthread_mutex_lock(&h->all->lock);
    note_state state = h->note_state;
    pthread_mutex_unlock(&h->all->lock);
    return state;
}

static void take_note_back(struct hook *h)
{
    if (look_at_note(h) != NOTE_BACK)
        return;
    if (h->note->result != FERRY_OK)
        h->unsaved = true;
    else
        h->saved_event = h->note->webhook.progress.last_event;
    free(h->note);
    h->note = NULL;
    h->note_state = NOTE_NONE;
}

static void count_note(struct hook *h, note_state state, int step)
{
    pthread_mutex_lock(&h->all->lock);
    h->note_state = state;
    h->all->notes_out += (unsigned)step;
    pthread_mutex_unlock(&h->all->lock);
}

/* An engine that is busy is asked again in the next round. */
static void send_note(struct hook *h, uint64_t mono_ms)
{
    h->note = ferry_calloc(1, sizeof *h->note);
    if (h->note == NULL)
        return;
    *h->note = (struct command){.kind = CMD_WEBHOOK_NOTE, .webhook = h->w, .done = on_noted, .arg = h};
    count_note(h, NOTE_OUT, 1);
    if (engine_submit(h->all->config.engine, h->note) != FERRY_OK) {
        count_note(h, NOTE_NONE, -1);
        free(h->note);
        h->note = NULL;
        return;
    }
    h->unsaved = h->urgent = false;
    h->saved_ms = mono_ms;
}

static void free_hook(struct hook *h)
{
    post_done(&h->post);
    explicit_bzero(h, sizeof *h);
    free(h);
}

static bool is_to_be_saved(const struct hook *h, bool all_now, uint64_t mono_ms)
{
    uint64_t age_ms = mono_ms - h->saved_ms;
    bool moved = h->saved_event != h->w.progress.last_event;

    if (all_now)
        return h->unsaved || moved;
    return (h->unsaved && (h->urgent || age_ms >= SAVE_EVERY_MS)) || (moved && age_ms >= SAVE_SKIPPED_EVERY_MS);
}

void hooks_save(struct webhooks *all, bool all_now)
{
    uint64_t mono_ms = ferry_mono_ms();

    for (struct hook **at = &all->hooks; *at != NULL;) {
        struct hook *h = *at;
        take_note_back(h);
        if (h->gone && h->note == NULL) {
            *at = h->next;
            free_hook(h);
            continue;
        }
        if (!h->gone && h->note == NULL && is_to_be_saved(h, all_now, mono_ms))
            send_note(h, mono_ms);
        at = &h->next;
    }
}

void hooks_abort(struct webhooks *all)
{
    for (struct hook *h = all->hooks; h != NULL; h = h->next)
        stop_request(h);
}

void hooks_forget(struct webhooks *all)
{
    hooks_abort(all);
    for (struct hook *h = all->hooks; h != NULL; h = h->next)
        h->gone = true;
    all->read = false;
    all->page_count = 0;
}

void hooks_free(struct webhooks *all)
{
    while (all->hooks != NULL) {
        struct hook *h = all->hooks;
        all->hooks = h->next;
        free(h->note);
        free_hook(h);
    }
}
