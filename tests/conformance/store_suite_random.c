/*
 * Random operations against a trivial model: arrays that are copied whole at begin and at a savepoint and searched
 * from end to end. The seed is fixed.
 */
#include "store_suite_internal.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    UPLOADS = 40,
    DOWNLOADS = 40,
    HOURS = 4,
    DEPLOYMENTS = 6, /* deployment n delivers resource n */
    STEPS = 6000,
    FIRST_DEPLOYMENT = 500,
    SPANS = 50, /* of 2 s: all times lie in the first 100 s */
};

static const char *const products[] = {"p", "q"};
static const char *const devices[] = {"d", "e", "007"};
static const char *const names[] = {"a", "ab", "it's", "\xc3\xa4"};

struct model {
    bool has_upload[UPLOADS], has_download[DOWNLOADS], has_deployment[DEPLOYMENTS];
    struct upload_task uploads[UPLOADS];
    struct download_task downloads[DOWNLOADS];
    struct deployment deployments[DEPLOYMENTS];
    struct {
        int done, failed;
    } steps[DEPLOYMENTS][SPANS];
    struct statistics ended[2][HOURS]; /* of each product */
    uint64_t latest_ms;
};

struct run {
    struct fixture *f;
    uint64_t seed;
    bool in_tx, marked;
    struct model now, marked_model, committed;
    struct resource resources[DEPLOYMENTS];
};

static unsigned pick(struct run *r, unsigned below)
{
    r->seed ^= r->seed << 13;
    r->seed ^= r->seed >> 7;
    r->seed ^= r->seed << 17;
    return (unsigned)(r->seed >> 11) % below;
}

/* --- changes ----------------------------------------------------------------------------------- */

static unsigned product_index(const struct device_key *key)
{
    return strcmp(key->product, products[1]) == 0;
}

static void count_end(struct ended_tasks *tasks, bool done, bool cancelled, uint64_t size)
{
    tasks->done += done;
    tasks->cancelled += cancelled;
    tasks->failed += !done && !cancelled;
    tasks->bytes += done ? size : 0;
}

static void count_upload(struct run *r, unsigned n, const struct upload_task *t)
{
    const struct upload_task *old = &r->now.uploads[n];
    bool same = r->now.has_upload[n] && device_key_equal(&old->device, &t->device) && strcmp(old->name, t->name) == 0;
    bool whole = t->state == UPLOAD_STORED || t->state == UPLOAD_DONE;
    uint64_t hour = (whole ? t->stored_ms : t->ended_ms) / STATISTICS_HOUR_MS;

    if (!upload_state_open(t->state) && (!same || upload_state_open(old->state)))
        count_end(&r->now.ended[product_index(&t->device)][hour].uploads, whole, t->state == UPLOAD_CANCELLED, t->size);
}

static void count_download(struct run *r, unsigned n, const struct download_task *t)
{
    const struct download_task *old = &r->now.downloads[n];
    const struct resource *resource = r->resources;
    bool same = r->now.has_download[n] && device_key_equal(&old->device, &t->device) &&
                ferry_id_equal(&old->deployment, &t->deployment);

    while (!ferry_id_equal(&resource->id, &t->resource))
        resource++;
    if (!download_state_open(t->state) && (!same || download_state_open(old->state)))
        count_end(&r->now.ended[product_index(&t->device)][0].downloads, t->state == DOWNLOAD_DONE,
                  t->state == DOWNLOAD_CANCELLED, resource->size);
}

static void put_upload(struct run *r)
{
    unsigned n = pick(r, UPLOADS);
    struct upload_task t = upload_of(n, products[pick(r, 2)], devices[pick(r, 3)], names[pick(r, 4)]);

    if (r->now.has_upload[n] && pick(r, 4) != 0)
        t = r->now.uploads[n];
    t.state = (upload_state)(1 + pick(r, 7));
    t.percent = (int32_t)pick(r, 100);
    t.expires_ms = pick(r, 20);
    t.updated_ms = pick(r, 100000);
    t.ended_ms = t.state > UPLOAD_STORED ? 1 + pick(r, 20) : 0;
    t.stored_ms = pick(r, HOURS) * STATISTICS_HOUR_MS;
    ok(DO(r->f, upload_put, &t));
    count_upload(r, n, &t);
    r->now.has_upload[n] = true;
    r->now.uploads[n] = t;
    if (t.updated_ms > r->now.latest_ms)
        r->now.latest_ms = t.updated_ms;
}

static void remove_upload(struct run *r)
{
    unsigned n = pick(r, UPLOADS);
    const ferry_id id = id_of(n);

    expect(r->now.has_upload[n] ? FERRY_OK : FERRY_E_NOT_FOUND, DO(r->f, upload_remove, &id));
    r->now.has_upload[n] = false;
}

static bool is_same(const struct model *m, unsigned n, const struct download_task *t)
{
    return m->has_download[n] && device_key_equal(&m->downloads[n].device, &t->device) &&
           ferry_id_equal(&m->downloads[n].deployment, &t->deployment);
}

static unsigned deployment_of_task(const struct download_task *t)
{
    for (unsigned d = 0;; d++) {
        const ferry_id id = id_of(FIRST_DEPLOYMENT + d);

        if (ferry_id_equal(&t->deployment, &id))
            return d;
    }
}

static void count_step(struct model *m, unsigned n, const struct download_task *t)
{
    const download_state before = is_same(m, n, t) ? m->downloads[n].state : DOWNLOAD_QUEUED;
    const unsigned d = deployment_of_task(t);
    const uint64_t span = t->updated_ms / 2000;

    m->steps[d][span].done += (t->state == DOWNLOAD_DONE) - (before == DOWNLOAD_DONE);
    m->steps[d][span].failed += (t->state > DOWNLOAD_DONE) - (before > DOWNLOAD_DONE);
}

static void put_download(struct run *r)
{
    unsigned n = pick(r, DOWNLOADS), d = pick(r, DEPLOYMENTS);
    struct download_task t =
        download_of(n, FIRST_DEPLOYMENT + d, FIRST_DEPLOYMENT + d, products[pick(r, 2)], devices[pick(r, 3)]);

    if (r->now.has_download[n] && pick(r, 4) != 0)
        t = r->now.downloads[n];
    t.state = (download_state)(1 + pick(r, 8));
    t.result_code = -(int32_t)pick(r, 2);
    (void)snprintf(t.result_msg, sizeof(t.result_msg), "%s", names[pick(r, 2)]);
    t.wake_ms = pick(r, 20);
    t.deadline_ms = pick(r, 20);
    t.updated_ms = pick(r, 100000);
    t.ended_ms = download_state_open(t.state) ? 0 : 1 + pick(r, 20);
    ok(DO(r->f, download_put, &t));
    count_step(&r->now, n, &t);
    count_download(r, n, &t);
    r->now.has_download[n] = true;
    r->now.downloads[n] = t;
    if (t.updated_ms > r->now.latest_ms)
        r->now.latest_ms = t.updated_ms;
}

static void put_deployment(struct run *r)
{
    unsigned n = pick(r, DEPLOYMENTS);
    struct deployment d = deployment_of(FIRST_DEPLOYMENT + n, products[pick(r, 2)], FIRST_DEPLOYMENT + n);

    d.state = (deployment_state)(1 + pick(r, 3));
    d.expand_done = pick(r, 2) != 0;
    d.updated_ms = pick(r, 20);
    ok(DO(r->f, deployment_put, &d));
    r->now.has_deployment[n] = true;
    r->now.deployments[n] = d;
}

static bool deployment_is_empty(const struct model *m, unsigned n)
{
    for (unsigned i = 0; i < DOWNLOADS; i++)
        if (m->has_download[i] && ferry_id_equal(&m->downloads[i].deployment, &m->deployments[n].id))
            return false;
    return true;
}

static void prune(struct run *r)
{
    uint64_t before_ms = pick(r, 20);
    size_t removed = 0, want = 0;

    ok(DO(r->f, download_prune, before_ms, 1000, &removed));
    for (unsigned i = 0; i < DOWNLOADS; i++)
        if (r->now.has_download[i] && !download_state_open(r->now.downloads[i].state) &&
            r->now.downloads[i].ended_ms < before_ms) {
            r->now.has_download[i] = false;
            want++;
        }
    assert_int_equal(removed, want);
    for (unsigned i = 0; i < DEPLOYMENTS; i++)
        if (r->now.has_deployment[i] && (r->now.deployments[i].state == DEPLOYMENT_FINISHED || r->now.deployments[i].state == DEPLOYMENT_CANCELLED) &&
            r->now.deployments[i].updated_ms < before_ms && deployment_is_empty(&r->now, i)) {
            r->now.has_deployment[i] = false;
            memset(r->now.steps[i], 0, sizeof(r->now.steps[i]));
        }
}

/* --- transactions ------------------------------------------------------------------------------ */

static void turn_transaction(struct run *r)
{
    if (!r->in_tx) {
        ok(DO(r->f, begin));
        r->in_tx = true;
    } else if (pick(r, 3) == 0) {
        DO(r->f, rollback);
        r->now = r->committed;
        r->in_tx = r->marked = false;
    } else {
        ok(DO(r->f, commit));
        r->in_tx = r->marked = false;
    }
}

static void turn_mark(struct run *r)
{
    if (!r->in_tx) {
        expect(FERRY_E_STATE, DO(r->f, savepoint));
    } else if (!r->marked) {
        ok(DO(r->f, savepoint));
        r->marked_model = r->now;
        r->marked = true;
    } else {
        bool rewind = pick(r, 2) == 0;

        ok(rewind ? DO(r->f, rewind) : DO(r->f, release));
        if (rewind)
            r->now = r->marked_model;
        r->marked = false;
    }
}

/* --- checks ------------------------------------------------------------------------------------ */

/* What a query should give: indexes of rows with the numbers that they are ordered by, then by id. */
struct wanted {
    size_t count;
    struct {
        uint64_t key;
        unsigned n;
    } rows[UPLOADS + DOWNLOADS];
};

static void want(struct wanted *w, uint64_t key, unsigned n)
{
    size_t at = w->count++;

    for (; at > 0 && (w->rows[at - 1].key > key || (w->rows[at - 1].key == key && w->rows[at - 1].n > n)); at--)
        w->rows[at] = w->rows[at - 1];
    w->rows[at].key = key;
    w->rows[at].n = n;
}

static void assert_uploads(const struct wanted *w, const struct model *m, const struct upload_task *out, size_t count,
                           size_t cap, bool descending)
{
    assert_int_equal(count, w->count < cap ? w->count : cap);
    for (size_t i = 0; i < count; i++)
        assert_upload_equal(&out[i], &m->uploads[w->rows[descending ? w->count - 1 - i : i].n]);
}

/* Of each product the oldest ones, in whatever order the products come. */
static void assert_oldest_uploads(const struct wanted of_product[2], const struct model *m, const struct upload_task *out, size_t count,
                                  size_t cap)
{
    size_t all = of_product[0].count + of_product[1].count, seen[2] = {0};

    assert_int_equal(count, all < cap ? all : cap);
    for (size_t i = 0; i < count; i++) {
        unsigned p = product_index(&out[i].device);

        assert_true(seen[p] < of_product[p].count);
        assert_upload_equal(&out[i], &m->uploads[of_product[p].rows[seen[p]++].n]);
    }
}

static void assert_downloads(const struct run *r, const struct wanted *w, const struct model *m,
                             const struct download_task *out, size_t count, size_t cap, bool descending)
{
    assert_int_equal(count, w->count < cap ? w->count : cap);
    for (size_t i = 0; i < count; i++) {
        const struct download_task *t = &m->downloads[w->rows[descending ? w->count - 1 - i : i].n];
        const struct resource *resource = r->resources;

        while (!ferry_id_equal(&resource->id, &t->resource))
            resource++;
        assert_download_equal(&out[i], t, resource);
    }
}

static void check_uploads(struct run *r, const struct model *m, struct store_conn *c)
{
    const struct store_ops *ops = r->f->store->ops;
    const struct device_key key = key_of(products[pick(r, 2)], devices[pick(r, 3)]);
    const char *name = names[pick(r, 4)];
    uint64_t time = pick(r, 22);
    size_t cap = 1 + pick(r, UPLOADS), count = 0;
    bool descending = pick(r, 2) != 0;
    struct upload_task out[UPLOADS];
    struct usage usage, counted = {0};
    struct wanted open = {0}, due = {0}, ended[2] = {0}, list = {0}, latest = {0};

    for (unsigned i = 0; i < UPLOADS; i++) {
        const struct upload_task *t = &m->uploads[i];

        if (!m->has_upload[i])
            continue;
        if (device_key_equal(&t->device, &key)) {
            counted.files += t->state <= UPLOAD_DONE;
            counted.bytes += t->state <= UPLOAD_DONE ? t->size : 0;
            want(&list, 0, i);
            if (t->state <= UPLOAD_STORED)
                want(&open, 0, i);
            if (strcmp(t->name, name) == 0)
                want(&latest, 0, i);
        }
        if (upload_state_open(t->state) && t->expires_ms != 0 && t->expires_ms <= time)
            want(&due, t->expires_ms, i);
        if (t->state > UPLOAD_STORED && t->ended_ms < time)
            want(&ended[product_index(&t->device)], t->ended_ms, i);
    }
    ok(ops->usage_get(c, key.product, key.device, &usage));
    assert_int_equal(usage.files, counted.files);
    assert_int_equal(usage.bytes, counted.bytes);
    ok(ops->upload_open(c, &key, out, cap, &count));
    assert_uploads(&open, m, out, count, cap, true);
    ok(ops->upload_due(c, time, out, cap, &count));
    assert_uploads(&due, m, out, count, cap, false);
    ok(ops->upload_ended_before(c, time, out, cap, &count));
    assert_oldest_uploads(ended, m, out, count, cap);
    ok(ops->upload_list(c, &(struct upload_filter){.product = key.product, .device = key.device},
                        PAGE_AT("", (uint32_t)cap, descending), out, &count));
    assert_uploads(&list, m, out, count, cap, descending);
    ok(ops->upload_named(c, &key, name, out, 1, &count));
    assert_int_equal(count, latest.count > 0);
    if (count > 0)
        assert_upload_equal(out, &m->uploads[latest.rows[latest.count - 1].n]);
}

static uint64_t due_ms(const struct download_task *t)
{
    if (!download_state_open(t->state) || (t->wake_ms == 0 && t->deadline_ms == 0))
        return UINT64_MAX;
    if (t->wake_ms == 0 || t->deadline_ms == 0)
        return t->wake_ms + t->deadline_ms;
    return t->wake_ms < t->deadline_ms ? t->wake_ms : t->deadline_ms;
}

/* How many of the deployment have failed for the cause of this one; 0: it has not. */
static uint64_t of_same_cause(const struct model *m, const ferry_id *deployment, const struct download_task *t)
{
    uint64_t count = 0;

    if (!download_state_failed(t->state) || !ferry_id_equal(&t->deployment, deployment))
        return 0;
    for (unsigned i = 0; i < DOWNLOADS; i++) {
        const struct download_task *other = &m->downloads[i];

        count += m->has_download[i] && ferry_id_equal(&other->deployment, deployment) && other->state == t->state &&
                 other->result_code == t->result_code && strcmp(other->result_msg, t->result_msg) == 0;
    }
    return count;
}

static void check_causes(struct run *r, const struct model *m, struct store_conn *c)
{
    const ferry_id deployment = id_of(FIRST_DEPLOYMENT + pick(r, DEPLOYMENTS));
    struct failure_cause out[DOWNLOADS];
    uint64_t all = 77, left = 0, listed = 0;
    size_t cap = 1 + pick(r, DOWNLOADS), count = 0;

    ok(r->f->store->ops->deployment_causes(c, &deployment, out, cap, &count, &all));
    for (unsigned i = 0; i < DOWNLOADS; i++) {
        const struct download_task *t = &m->downloads[i];
        uint64_t same = m->has_download[i] ? of_same_cause(m, &deployment, t) : 0;
        size_t at = 0;

        left += same > 0;
        while (same > 0 && at < count && (out[at].state != t->state || out[at].result_code != t->result_code ||
                                          strcmp(out[at].result_msg, t->result_msg) != 0))
            at++;
        if (same > 0 && at < count)
            assert_int_equal(out[at].count, same);
        else if (same > 0)
            assert_true(count == cap && same <= out[cap - 1].count); /* it was cut off behind greater ones */
    }
    for (size_t i = 0; i < count; i++) {
        listed += out[i].count;
        assert_true(i == 0 || out[i].count <= out[i - 1].count);
    }
    assert_int_equal(all, left);
    assert_true(count == cap ? listed <= all : listed == all);
}

static void check_downloads(struct run *r, const struct model *m, struct store_conn *c)
{
    const struct store_ops *ops = r->f->store->ops;
    const struct device_key key = key_of(products[pick(r, 2)], devices[pick(r, 3)]);
    const ferry_id deployment = id_of(FIRST_DEPLOYMENT + pick(r, DEPLOYMENTS));
    const download_state in_state = (download_state)pick(r, 9);
    uint64_t time = pick(r, 22);
    size_t cap = 1 + pick(r, DOWNLOADS), count = 0;
    bool descending = pick(r, 2) != 0;
    struct download_task out[DOWNLOADS];
    struct download_counts counts, want_counts = {{0}};
    struct wanted open = {0}, running = {0}, due = {0}, of_device = {0}, of_deployment = {0};

    for (unsigned i = 0; i < DOWNLOADS; i++) {
        const struct download_task *t = &m->downloads[i];

        if (!m->has_download[i])
            continue;
        if (device_key_equal(&t->device, &key)) {
            want(&of_device, 0, i);
            if (download_state_open(t->state))
                want(&open, 0, i);
            if (t->state == DOWNLOAD_OFFERED || t->state == DOWNLOAD_DOWNLOADING)
                want(&running, 0, i);
        }
        if (due_ms(t) <= time)
            want(&due, due_ms(t), i);
        if (ferry_id_equal(&t->deployment, &deployment)) {
            want_counts.by_state[t->state]++;
            if (in_state == 0 || t->state == in_state)
                want(&of_deployment, 0, i);
        }
    }
    ok(ops->download_open(c, &key, NULL, out, cap, &count));
    assert_downloads(r, &open, m, out, count, cap, false);
    ok(ops->download_running(c, &key, out, cap, &count));
    assert_downloads(r, &running, m, out, count, cap, false);
    ok(ops->download_due(c, time, out, cap, &count));
    assert_downloads(r, &due, m, out, count, cap, false);
    ok(ops->download_list(c, &(struct download_filter){.product = key.product, .device = key.device},
                          PAGE_AT("", (uint32_t)cap, descending), out, &count));
    assert_downloads(r, &of_device, m, out, count, cap, descending);
    ok(ops->download_list(c, &(struct download_filter){.deployment = &deployment, .state = in_state},
                          PAGE_AT("", (uint32_t)cap, descending), out, &count));
    assert_downloads(r, &of_deployment, m, out, count, cap, descending);
    ok(ops->deployment_counts(c, &deployment, &counts));
    assert_memory_equal(&counts, &want_counts, sizeof(counts));
}

static void check_steps(struct run *r, const struct model *m, struct store_conn *c)
{
    const unsigned d = pick(r, DEPLOYMENTS), first = pick(r, SPANS);
    const ferry_id deployment = id_of(FIRST_DEPLOYMENT + d);
    const size_t cap = 1 + pick(r, SPANS);
    struct deployment_step out[SPANS];
    unsigned span = first;
    size_t count = 0;

    ok(r->f->store->ops->deployment_steps(c, &deployment, first * 2000, out, cap, &count));
    assert_true(count <= cap);
    for (size_t i = 0; i < count; i++, span++) {
        for (; span < out[i].at_ms / 2000; span++) /* there was nothing */
            assert_true(m->steps[d][span].done == 0 && m->steps[d][span].failed == 0);
        assert_int_equal(out[i].at_ms, span * 2000);
        assert_int_equal(out[i].done, m->steps[d][span].done);
        assert_int_equal(out[i].failed, m->steps[d][span].failed);
    }
    for (; count < cap && span < SPANS; span++)
        assert_true(m->steps[d][span].done == 0 && m->steps[d][span].failed == 0);
}

static void check_the_rest(struct run *r, const struct model *m, struct store_conn *c)
{
    const struct store_ops *ops = r->f->store->ops;
    struct deployment out[DEPLOYMENTS];
    struct store_totals totals, want_totals = {.products = 2, .resources = DEPLOYMENTS};
    uint64_t ms, want_ms = UINT64_MAX;
    size_t count, expanding = 0;

    for (unsigned i = 0; i < DEPLOYMENTS; i++) {
        want_totals.resource_bytes += r->resources[i].size;
        want_totals.deployments += m->has_deployment[i];
        want_totals.deployments_open += m->has_deployment[i] && (m->deployments[i].state == DEPLOYMENT_ACTIVE ||
                                                                 m->deployments[i].state == DEPLOYMENT_PAUSED);
        expanding += m->has_deployment[i] && !m->deployments[i].expand_done &&
                     (m->deployments[i].state == DEPLOYMENT_ACTIVE || m->deployments[i].state == DEPLOYMENT_PAUSED);
    }
    for (unsigned i = 0; i < UPLOADS; i++) {
        const struct upload_task *t = &m->uploads[i];

        if (!m->has_upload[i])
            continue;
        want_totals.uploads_open += upload_state_open(t->state);
        want_totals.uploads_stored_bytes += t->state == UPLOAD_STORED || t->state == UPLOAD_DONE ? t->size : 0;
        if (upload_state_open(t->state) && t->expires_ms != 0 && t->expires_ms < want_ms)
            want_ms = t->expires_ms;
    }
    for (unsigned i = 0; i < DOWNLOADS; i++)
        if (m->has_download[i]) {
            want_totals.downloads_open += download_state_open(m->downloads[i].state);
            if (due_ms(&m->downloads[i]) < want_ms)
                want_ms = due_ms(&m->downloads[i]);
        }
    ok(ops->totals(c, &totals));
    assert_memory_equal(&totals, &want_totals, sizeof(totals));
    ok(ops->next_due_ms(c, &ms));
    assert_int_equal(ms, want_ms);
    ok(ops->latest_ms(c, &ms));
    assert_int_equal(ms, m->latest_ms);
    ok(ops->deployment_expanding(c, out, DEPLOYMENTS, &count));
    assert_int_equal(count, expanding);
}

static void add_tasks(struct ended_tasks *sum, const struct ended_tasks *more)
{
    sum->done += more->done;
    sum->failed += more->failed;
    sum->cancelled += more->cancelled;
    sum->bytes += more->bytes;
}

static void check_statistics(struct run *r, const struct model *m, struct store_conn *c)
{
    const struct store_ops *ops = r->f->store->ops;
    const struct statistics_span span = {.first_hour = 0, .hours_each = 1, .count = HOURS};
    struct statistics all[HOURS] = {{.uploads.done = 0}}, got[HOURS];

    for (unsigned p = 0; p < 2; p++) {
        memset(got, 0, sizeof(got));
        ok(ops->statistics(c, products[p], &span, got));
        assert_memory_equal(got, m->ended[p], sizeof(got));
        for (unsigned hour = 0; hour < HOURS; hour++) {
            add_tasks(&all[hour].uploads, &got[hour].uploads);
            add_tasks(&all[hour].downloads, &got[hour].downloads);
        }
    }
    memset(got, 0, sizeof(got));
    ok(ops->statistics(c, NULL, &span, got));
    assert_memory_equal(got, all, sizeof(got));
}

static void add_resources(struct run *r)
{
    add_product(r->f, "p");
    add_product(r->f, "q");
    for (unsigned i = 0; i < DEPLOYMENTS; i++) {
        r->resources[i] = resource_of(FIRST_DEPLOYMENT + i, products[i % 2], names[i % 4]);
        ok(DO(r->f, resource_add, &r->resources[i]));
    }
}

static void any_sequence_of_changes_gives_what_the_model_gives(void **state)
{
    static void (*const changes[])(struct run *r) = {put_upload,     put_upload,   put_upload, remove_upload,
                                                     put_download,   put_download, put_download, put_deployment,
                                                     turn_transaction, turn_mark,  prune};
    static void (*const checks[])(struct run *r, const struct model *m, struct store_conn *c) = {
        check_uploads, check_downloads, check_steps, check_the_rest, check_causes, check_statistics};
    enum { CHECKS = sizeof(checks) / sizeof(checks[0]) };
    struct run *r = ferry_calloc(1, sizeof(*r));

    assert_non_null(r);
    r->f = *state;
    r->seed = 20260102;
    add_resources(r);
    for (unsigned step = 0; step < STEPS; step++) {
        changes[pick(r, sizeof(changes) / sizeof(changes[0]))](r);
        if (!r->in_tx)
            r->committed = r->now;
        checks[step % CHECKS](r, &r->now, r->f->writer);
        checks[step % CHECKS](r, &r->committed, r->f->reader);
    }
    free(r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(any_sequence_of_changes_gives_what_the_model_gives),
};
const struct store_tests store_random_tests = STORE_TESTS(tests);
