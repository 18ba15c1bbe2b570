/* Who is connected, as our broker's plugin tells it, and when each device was seen last. */
#include "engine_internal.h"

#include "base/alloc.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIVE_KEY "presence.alive"
#define CONNECTED_KEY "presence.connected"

enum {
    ASK_AGAIN_MS = 10 * 1000,
    GO_ON_MS = 250, /* what comes in that time is told at once: devices come back by thousands */
    ALIVE_EVERY_MS = 60 * 1000,
    ALIVE_SHARED_EVERY_MS = 5 * 1000, /* of several processes: the others show what the one knows that is told */
    ALIVE_SHARED_MS = 20 * 1000,      /* for so long, when it says nothing more */
    LOOK_EVERY_MS = 2 * 1000,
    WRITE_MAX = 512, /* rows written in one turn */
    RETRY_MS = 1000, /* after a row could not be written */
};

static bool link_is_up(uint64_t epoch)
{
    return epoch % 2 == 1;
}

/* Any thread. What is lost of it is asked again. */
static void ask(struct engine *e, uint64_t seq)
{
    struct bus *bus = e->parts.bus;
    char text[PRESENCE_ASK_SIZE];
    presence_write_ask(seq, text);
    (void)bus->ops->publish(bus, BUS_CONTROL_TOPIC, text, strlen(text));
}

/* --- on the bus's thread ----------------------------------------------------------------------------------- */

void presence_on_link(struct engine *e, bool up)
{
    uint64_t epoch = atomic_load(&e->link_epoch);
    if (link_is_up(epoch) == up)
        return;
    atomic_store(up ? &e->presence_up_ms : &e->presence_gone_ms, engine_now_ms(e));
    atomic_store(&e->link_epoch, epoch + 1);
    atomic_fetch_add(&e->topics[ENGINE_TOPIC_PRESENCE], 1); /* what was known is not any more, or will be */
    if (up && e->settings.broker_is_ours)
        ask(e, PRESENCE_NO_SEQ);
}

void presence_on_message(struct engine *e, const void *payload, size_t len)
{
    struct presence_report *report = len <= PRESENCE_MESSAGE_MAX ? ferry_malloc(sizeof *report + len + 1) : NULL;
    if (report != NULL) {
        report->epoch = atomic_load(&e->link_epoch);
        report->len = len;
        memcpy(report->text, payload, len);
        report->text[len] = '\0';
        if (inbox_put(&e->inbox, (struct inbox_item){.report = report}) == FERRY_OK)
            return;
    }
    free(report);
    presence_missed(e);
}

void presence_missed(struct engine *e)
{
    atomic_store(&e->presence_missed, true);
}

/* --- on the engine's --------------------------------------------------------------------------------------- */

static void notice_link(struct engine *e, uint64_t now_ms)
{
    struct presence_state *p = &e->presence;
    uint64_t epoch = atomic_load(&e->link_epoch);
    if (p->epoch != epoch) {
        p->epoch = epoch;
        p->in_step = p->listing = false;
        p->ask_ms = now_ms + ASK_AGAIN_MS; /* it was asked when the link came up */
    }
    if (atomic_exchange(&e->presence_missed, false))
        p->in_step = false;
}

static ferry_err take_lines(struct engine *e, ferry_text text, uint64_t now_ms)
{
    ferry_err err = FERRY_OK;
    while (err == FERRY_OK && text.len > 0) {
        struct presence_line line;
        if (!presence_read_line(&text, &line))
            return FERRY_E_FORMAT;
        uint64_t at_ms = line.since_ms < now_ms ? line.since_ms : now_ms; /* the broker's clock is not the engine's */
        err = presence_table_set(&e->presence.table, line.name, line.online ? at_ms : 0, at_ms);
    }
    return err;
}

static ferry_err take_changes(struct engine *e, const struct presence_head *head, ferry_text lines, uint64_t now_ms)
{
    struct presence_state *p = &e->presence;
    if (p->in_step && head->seq != p->next_seq)
        p->in_step = false;
    p->next_seq = head->seq + 1;
    p->go_on_ms = now_ms + GO_ON_MS;
    return take_lines(e, lines, now_ms);
}

static void end_list(struct engine *e, const struct presence_head *head, uint64_t now_ms)
{
    struct presence_state *p = &e->presence;
    uint64_t gone_ms = atomic_exchange(&e->presence_gone_ms, 0);
    presence_table_end_all(&p->table, gone_ms != 0 ? gone_ms : now_ms);
    p->listing = false;
    p->in_step = true;
    p->told_epoch = p->epoch;
    p->next_seq = head->seq + 1;
    p->go_on_ms = now_ms + ALIVE_EVERY_MS;
    if (atomic_exchange(&e->presence_known, p->epoch) != p->epoch)
        atomic_fetch_add(&e->topics[ENGINE_TOPIC_PRESENCE], 1);
}

/* The broker tells one process at a time. Until it tells this one, another has written down who came and went: what is known from before
 * would be told once more. */
static ferry_err take_over(struct engine *e)
{
    if (!share_is_many(e) || e->presence.told_epoch == e->presence.epoch)
        return FERRY_OK;
    presence_table_done(&e->presence.table);
    return presence_load(e);
}

static ferry_err take_list(struct engine *e, const struct presence_head *head, ferry_text lines, uint64_t now_ms)
{
    struct presence_state *p = &e->presence;
    ferry_err err = head->part == 0 ? take_over(e) : FERRY_OK;
    if (err != FERRY_OK)
        return err;
    if (head->part == 0) {
        presence_table_begin_all(&p->table);
        p->listing = true;
        p->next_part = 0;
    }
    if (!p->listing || head->part != p->next_part++) {
        p->listing = false; /* a part was lost: the next answer is whole, perhaps */
        return FERRY_OK;
    }
    err = take_lines(e, lines, now_ms);
    if (err == FERRY_OK && head->end)
        end_list(e, head, now_ms);
    return err;
}

void presence_take(struct engine *e, const struct presence_report *report, uint64_t now_ms)
{
    struct presence_state *p = &e->presence;
    ferry_text text = {report->text, report->len};
    struct presence_head head;
    notice_link(e, now_ms);
    if (report->epoch != p->epoch)
        return; /* of a connection that is over */
    ferry_err err = FERRY_E_FORMAT;
    if (presence_read_head(&text, &head))
        err = head.kind == PRESENCE_CHANGES ? take_changes(e, &head, text, now_ms) : take_list(e, &head, text, now_ms);
    if (err == FERRY_OK)
        return;
    ferry_log(FERRY_LOG_WARN, "presence", "a message of the broker about connected devices was lost: %s",
              ferry_err_text(err));
    p->in_step = p->listing = false;
}

static void write_name(const struct device_key *device, char out[PRESENCE_NAME_SIZE])
{
    (void)snprintf(out, PRESENCE_NAME_SIZE, "%s/%s", device->product, device->device);
}

void presence_heard(struct engine *e, const struct device_key *device, uint64_t now_ms)
{
    char name[PRESENCE_NAME_SIZE];
    write_name(device, name);
    if (presence_table_seen(&e->presence.table, name, now_ms) != FERRY_OK)
        ferry_log(FERRY_LOG_DEBUG, "presence", "no memory to note that %s was heard", name);
}

/* --- into the store ---------------------------------------------------------------------------------------- */

/* That a device came is noted in the transaction that wakes its tasks: with neither or both, nothing is lost by a crash. */
static ferry_err write_entry(struct engine *e, const struct presence_entry *entry, uint64_t now_ms, size_t *inout_woken)
{
    const char *slash = strchr(entry->item.name, '/');
    struct device_key key;
    ferry_text product = {entry->item.name, (size_t)(slash - entry->item.name)};
    if (!ferry_text_copy(product, key.product, sizeof key.product) ||
        !ferry_text_copy(ferry_text_of(slash + 1), key.device, sizeof key.device))
        return FERRY_OK;
    bool changed = entry->queue == PRESENCE_QUEUE_CHANGED;
    bool came = changed && entry->online_ms != 0 && !share_is_many(e);
    ferry_err err = changed ? e->store->device_set_online(e->conn, &key, entry->online_ms, entry->seen_ms)
                            : e->store->device_set_seen(e->conn, &key, entry->seen_ms);
    if (err == FERRY_OK && changed)
        err = events_presence(e, &key, entry, now_ms);
    if (err == FERRY_OK && came)
        err = downloads_came(e, &key, now_ms, inout_woken);
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err; /* it was removed meanwhile */
}

/* What is due then, but no more than max, nor much more once so many tasks are woken; noted as written when the transaction is. */
static ferry_err write_due(struct engine *e, size_t max, size_t woken_max, uint64_t due_ms, uint64_t now_ms)
{
    struct presence_state *p = &e->presence;
    const struct presence_entry *entry = NULL;
    size_t count = 0, woken = 0;
    bool changed = false;
    ferry_err err = FERRY_OK;
    while (err == FERRY_OK && count < max && woken < woken_max && (entry = presence_table_due(&p->table, entry, due_ms)) != NULL) {
        err = write_entry(e, entry, now_ms, &woken);
        changed |= entry->queue == PRESENCE_QUEUE_CHANGED;
        count++;
    }
    if (err != FERRY_OK) {
        p->retry_ms = now_ms + RETRY_MS;
        return err;
    }
    p->writing = count;
    p->writing_ms = due_ms;
    p->writing_changes = changed;
    return FERRY_OK;
}

bool presence_is_told(struct engine *e)
{
    uint64_t epoch = atomic_load(&e->link_epoch);
    return link_is_up(epoch) && atomic_load(&e->presence_known) == epoch;
}

bool presence_is_away(struct engine *e, const struct device_key *device)
{
    const struct presence_state *p = &e->presence;
    bool known = p->in_step && p->epoch == atomic_load(&e->link_epoch) && !atomic_load(&e->presence_missed);
    char name[PRESENCE_NAME_SIZE];
    if (!known || share_is_many(e))
        return false;
    write_name(device, name);
    return !presence_table_has(&p->table, name);
}

static ferry_err note_alive(struct engine *e, uint64_t now_ms)
{
    uint64_t connected = e->presence.table.online;
    ferry_err err = e->store->value_put(e->conn, ALIVE_KEY, &now_ms, sizeof now_ms);
    if (err == FERRY_OK && share_is_many(e))
        err = e->store->value_put(e->conn, CONNECTED_KEY, &connected, sizeof connected);
    e->next.alive_ms = now_ms + (share_is_many(e) ? ALIVE_SHARED_EVERY_MS : ALIVE_EVERY_MS);
    return err;
}

/* A value that another process keeps; 0: it is not there yet. */
static ferry_err read_number(struct engine *e, const char *key, uint64_t *ret)
{
    size_t len = 0;
    *ret = 0;
    ferry_err err = e->store->value_get(e->conn, key, ret, sizeof *ret, &len);
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err;
}

/* The broker tells one process, and that one the others: by the store. A word from before this one's connection may be of a broker that
 * has died since. */
static bool is_told_to_another(struct engine *e)
{
    uint64_t alive_ms = atomic_load(&e->presence_alive_ms);
    return share_is_many(e) && link_is_up(atomic_load(&e->link_epoch)) && alive_ms > atomic_load(&e->presence_up_ms) &&
           engine_now_ms(e) < alive_ms + ALIVE_SHARED_MS;
}

static ferry_err look_who_is_told(struct engine *e, uint64_t now_ms)
{
    uint64_t alive_ms, connected;
    if (!share_is_many(e) || presence_is_told(e) || now_ms < e->next.look_ms)
        return FERRY_OK;
    ferry_err err = read_number(e, ALIVE_KEY, &alive_ms);
    if (err == FERRY_OK)
        err = read_number(e, CONNECTED_KEY, &connected);
    if (err != FERRY_OK)
        return err;
    e->next.look_ms = now_ms + LOOK_EVERY_MS;
    atomic_store(&e->presence_alive_ms, alive_ms);
    bool known = engine_presence_known(e);
    if (atomic_exchange(&e->presence_connected, connected) != connected || e->presence.shown != known)
        atomic_fetch_add(&e->topics[ENGINE_TOPIC_PRESENCE], 1);
    e->presence.shown = known;
    return FERRY_OK;
}

/* Does our broker's plugin wait for a word? */
static bool is_asking(struct engine *e)
{
    return e->settings.broker_is_ours && link_is_up(e->presence.epoch);
}

/* Asks for what was missed, or says that what came last has come. Said again now and then: it shows a last message lost. */
static void go_on(struct engine *e, uint64_t now_ms)
{
    struct presence_state *p = &e->presence;
    if (!p->in_step && now_ms >= p->ask_ms) {
        p->ask_ms = now_ms + ASK_AGAIN_MS;
        ask(e, PRESENCE_NO_SEQ);
    } else if (p->in_step && now_ms >= p->go_on_ms) {
        p->go_on_ms = now_ms + ALIVE_EVERY_MS;
        ask(e, p->next_seq - 1);
    }
}

ferry_err presence_tick(struct engine *e, uint64_t now_ms, bool *ret_more)
{
    struct presence_state *p = &e->presence;
    *ret_more = false;
    notice_link(e, now_ms);
    if (is_asking(e))
        go_on(e, now_ms);
    ferry_err err = now_ms >= p->retry_ms ? write_due(e, WRITE_MAX, turn_background(e, ENGINE_DUE_STEP), now_ms, now_ms) : FERRY_OK;
    bool shared_change = share_is_many(e) && p->writing_changes && p->writing > 0;
    if (err == FERRY_OK && presence_is_told(e) && (now_ms >= e->next.alive_ms || shared_change))
        err = note_alive(e, now_ms);
    if (err == FERRY_OK)
        err = look_who_is_told(e, now_ms);
    *ret_more = p->writing == WRITE_MAX;
    return err;
}

uint64_t presence_next_ms(struct engine *e)
{
    struct presence_state *p = &e->presence;
    uint64_t next_ms = presence_table_next_ms(&p->table);
    if (next_ms < p->retry_ms)
        next_ms = p->retry_ms;
    uint64_t word_ms = p->in_step ? p->go_on_ms : p->ask_ms;
    if (atomic_load(&e->presence_missed))
        return 0;
    if (is_asking(e) && word_ms < next_ms)
        next_ms = word_ms;
    return presence_is_told(e) && e->next.alive_ms < next_ms ? e->next.alive_ms : next_ms;
}

void presence_committed(struct engine *e, bool written)
{
    struct presence_state *p = &e->presence;
    if (written)
        presence_table_written(&p->table, p->writing, p->writing_ms);
    if (written && p->writing > 0 && p->writing_changes) {
        events_topic(e, ENGINE_TOPIC_PRESENCE);
        e->events_written = true; /* who watches events is woken */
    }
    p->writing = 0;
    atomic_store(&e->counters[ENGINE_STAT(devices_connected_now)], p->table.online);
}

/* --- life -------------------------------------------------------------------------------------------------- */

static ferry_err load_product(struct engine *e, const char *product)
{
    struct device_filter filter = {.product = product, .which = DEVICES_ONLINE};
    char after[FERRY_IDENT_MAX + 1] = "", name[PRESENCE_NAME_SIZE];
    size_t count = ENGINE_DEVICES_MAX;
    ferry_err err = FERRY_OK;
    while (err == FERRY_OK && count == ENGINE_DEVICES_MAX) {
        struct store_page page = {.after = after, .limit = ENGINE_DEVICES_MAX};
        err = e->store->device_list(e->conn, &filter, &page, e->devices, &count);
        for (size_t i = 0; err == FERRY_OK && i < count; i++) {
            const struct device *d = &e->devices[i];
            write_name(&d->key, name);
            err = presence_table_load(&e->presence.table, name, d->online_ms, d->seen_ms);
        }
        if (err == FERRY_OK && count > 0)
            memcpy(after, e->devices[count - 1].key.device, sizeof after);
    }
    return err;
}

ferry_err presence_load(struct engine *e)
{
    struct product product = {.created_ms = 0};
    uint64_t alive_ms;
    size_t count = 1;
    ferry_err err = read_number(e, ALIVE_KEY, &alive_ms);
    atomic_store(&e->presence_gone_ms, alive_ms);
    while (err == FERRY_OK && count == 1) {
        char after[FERRY_IDENT_MAX + 1];
        memcpy(after, product.name, sizeof after);
        struct store_page page = {.after = after, .limit = 1};
        err = e->store->product_list(e->conn, &page, &product, &count);
        if (err == FERRY_OK && count == 1)
            err = load_product(e, product.name);
    }
    return err;
}

void presence_note_end(struct engine *e)
{
    uint64_t now_ms = engine_now_ms(e);
    bool known = presence_is_told(e);
    ferry_err err = e->store->begin(e->conn);
    if (err != FERRY_OK)
        return;
    err = write_due(e, SIZE_MAX, SIZE_MAX, now_ms + PRESENCE_SEEN_EVERY_MS, now_ms);
    if (err == FERRY_OK && known)
        err = note_alive(e, now_ms);
    if (err == FERRY_OK)
        err = e->store->commit(e->conn);
    else
        e->store->rollback(e->conn);
    presence_committed(e, err == FERRY_OK);
}

bool engine_presence_known(struct engine *e)
{
    return presence_is_told(e) || is_told_to_another(e);
}

uint64_t engine_devices_connected(struct engine *e)
{
    return presence_is_told(e) ? atomic_load(&e->counters[ENGINE_STAT(devices_connected_now)]) : atomic_load(&e->presence_connected);
}
