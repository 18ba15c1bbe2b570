/* A worker's side of the store: commits can fail, be undone, or be the last thing that it does. With several workers also what lets
 * several processes work on one store; their transactions do not overlap here, since a turn is one step. */
#include "sim.h"

#include "store/mem.h"

#include <stdlib.h>

/* The slots of a connection get no argument of ours. One simulation runs at a time. */
static struct sim *sim;

static struct worker *worker_of(struct store *store)
{
    for (unsigned i = 0; i < sim->plan.workers; i++) {
        if (&sim->workers[i].store == store)
            return &sim->workers[i];
    }
    abort();
}

static ferry_err side_connect(struct store *store, store_mode mode, struct store_conn **ret_conn)
{
    (void)store;
    if (mode != STORE_WRITER)
        return sim->store->ops->connect(sim->store, mode, ret_conn);
    ferry_err err = sim->writers == 0 ? sim->store->ops->connect(sim->store, mode, &sim->writer) : FERRY_OK;
    if (err != FERRY_OK)
        return err;
    sim->writers++;
    *ret_conn = sim->writer;
    return FERRY_OK;
}

static void side_disconnect(struct store_conn *c)
{
    if (c != NULL && (c != sim->writer || --sim->writers == 0))
        sim->store->ops->disconnect(c);
}

static ferry_err side_begin(struct store_conn *c)
{
    struct worker *w = sim->current;
    if (w->dead || sim_strikes_rarely(sim, FAULT_COMMIT, 3))
        return FERRY_E_IO;
    w->news = 0;
    return sim->store->ops->begin(c);
}

static void hear(struct sim *s, void *subject, uint64_t arg, void *owned)
{
    struct worker *w = subject;
    (void)s, (void)owned;
    if (worker_runs(w) && w->life == arg >> 32 && w->listener.heard != NULL)
        w->listener.heard(w->listener.arg, (uint32_t)arg);
}

static void spread_news(struct worker *w)
{
    for (unsigned i = 0; w->news != 0 && i < sim->plan.workers; i++) {
        struct worker *other = &sim->workers[i];
        if (other != w && worker_runs(other))
            sim_after(sim, chance_between(&sim->net, 1, 50), hear, other, (uint64_t)other->life << 32 | w->news, NULL);
    }
    w->news = 0;
}

static ferry_err side_commit(struct store_conn *c)
{
    struct worker *w = sim->current;
    ferry_err refused = FERRY_OK;
    if (!worker_step(w))
        refused = FERRY_E_IO;
    else if (sim_strikes(sim, FAULT_COMMIT))
        refused = chance_once_in(&sim->faults, 2) ? FERRY_E_FULL : FERRY_E_IO;
    else if (sim->plan.workers > 1 && sim_strikes(sim, FAULT_AGAIN))
        refused = FERRY_E_AGAIN;
    if (refused != FERRY_OK) {
        sim->store->ops->rollback(c);
        return refused;
    }
    ferry_err err = sim->store->ops->commit(c);
    sim_note(sim, "commit", w->no, NULL, 0);
    if (err == FERRY_OK)
        spread_news(w);
    (void)worker_step(w); /* killed after it, and before anybody hears of it */
    return err;
}

/* --- in the midst of a transaction -------------------------------------------------------------------- */

static ferry_err side_download_due(struct store_conn *c, uint64_t now_ms, struct download_task *out, size_t cap, size_t *ret_count)
{
    worker_midst(sim->current);
    return sim->store->ops->download_due(c, now_ms, out, cap, ret_count);
}

static ferry_err side_download_put(struct store_conn *c, const struct download_task *t)
{
    worker_midst(sim->current);
    return sim->store->ops->download_put(c, t);
}

static ferry_err side_upload_put(struct store_conn *c, const struct upload_task *t)
{
    worker_midst(sim->current);
    return sim->store->ops->upload_put(c, t);
}

/* --- several processes ------------------------------------------------------------------------------ */

static ferry_err side_claim(struct store_conn *c, const struct store_scope *scope)
{
    (void)c;
    for (size_t i = 1; i < scope->device_count; i++) {
        if (device_key_compare(&scope->devices[i - 1], &scope->devices[i]) >= 0)
            sim_fail(sim, "devices are claimed in no order: two workers could wait for each other");
    }
    sim->current->rehearsing = false;
    return sim_strikes(sim, FAULT_AGAIN) ? FERRY_E_AGAIN : FERRY_OK;
}

static ferry_err side_take_duty(struct store_conn *c, store_duty duty, bool *ret_mine)
{
    (void)c, (void)duty;
    *ret_mine = !sim_strikes(sim, FAULT_AGAIN);
    return FERRY_OK;
}

static ferry_err side_rehearse(struct store_conn *c, bool *ret_again)
{
    (void)c;
    struct worker *w = sim->current;
    w->rehearsing = !w->rehearsing;
    *ret_again = w->rehearsing;
    return FERRY_OK;
}

static ferry_err side_processes(struct store_conn *c, unsigned *ret_count)
{
    (void)c;
    unsigned count = 0;
    for (unsigned i = 0; i < sim->plan.workers; i++)
        count += worker_runs(&sim->workers[i]) || &sim->workers[i] == sim->current;
    *ret_count = count;
    return FERRY_OK;
}

static ferry_err side_tell(struct store_conn *c, uint32_t news)
{
    (void)c;
    sim->current->news |= news;
    return FERRY_OK;
}

static ferry_err side_listen(struct store *store, const struct store_listener *listener)
{
    worker_of(store)->listener = listener != NULL ? *listener : (struct store_listener){.heard = NULL};
    return FERRY_OK;
}

/* --- life -------------------------------------------------------------------------------------------- */

void side_store_open(struct sim *s)
{
    sim = s;
    if (store_mem_open(&s->store) != FERRY_OK || s->store->ops->connect(s->store, STORE_READER, &s->conn) != FERRY_OK)
        abort();
    s->store_ops = *s->store->ops;
    s->store_ops.connect = side_connect;
    s->store_ops.disconnect = side_disconnect;
    s->store_ops.begin = side_begin;
    s->store_ops.commit = side_commit;
    s->store_ops.download_due = side_download_due;
    s->store_ops.download_put = side_download_put;
    s->store_ops.upload_put = side_upload_put;
    if (s->plan.workers == 1)
        return;
    s->store_ops.claim = side_claim;
    s->store_ops.take_duty = side_take_duty;
    s->store_ops.rehearse = side_rehearse;
    s->store_ops.processes = side_processes;
    s->store_ops.tell = side_tell;
    s->store_ops.listen = side_listen;
}

void side_store_close(struct sim *s)
{
    s->store->ops->disconnect(s->conn);
    s->store->ops->close(s->store);
    sim = NULL;
}
