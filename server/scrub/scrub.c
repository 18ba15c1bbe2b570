#include "scrub_internal.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/system.h"
#include "base/wait.h"

#include <stdlib.h>
#include <string.h>

#define AREA "scrub"

enum { KEEP_EVERY_MS = 1000 }; /* what is found while it runs: a sudden end may take the last second's */

static const struct {
    const char *word, *text;
} faults[SCRUB_FAULTS] = {
#define X(name, word, sentence) [name] = {word, sentence},
    SCRUB_FAULT_LIST(X)
#undef X
};

const char *scrub_fault_word(scrub_fault fault)
{
    return faults[fault].word;
}

const char *scrub_finding_text(const struct scrub_finding *finding)
{
    static const char *const staying[SCRUB_FAULTS] = {
        [SCRUB_TORN] = "the file has another size than it had, and stays in the bucket: replace or remove it",
        [SCRUB_ALTERED] = "the file's MD5 is not what it was, and it stays in the bucket: replace or remove it",
    };
    const char *text = finding->stays ? staying[finding->fault] : NULL;
    return text != NULL ? text : faults[finding->fault].text;
}

const char *scrub_state_word(scrub_state state)
{
    static const char *const words[] = {[SCRUB_NEVER] = "never",
                                        [SCRUB_RUNNING] = "running",
                                        [SCRUB_DONE] = "done",
                                        [SCRUB_STOPPED] = "stopped",
                                        [SCRUB_FAILED] = "failed"};
    return words[state];
}

/* --- on the thread -------------------------------------------------------------------------------------------- */

ferry_err scrub_pay(struct scrub *s, uint64_t bytes)
{
    ferry_err err = FERRY_OK;
    s->paid_bytes += bytes;
    pthread_mutex_lock(&s->lock);
    uint64_t rate = s->view.order.rate_bytes;
    uint64_t due_ms = s->paid_bytes / rate * 1000 + s->paid_bytes % rate * 1000 / rate;
    uint64_t passed_ms = ferry_mono_ms() - s->began_ms;
    struct timespec until = ferry_deadline_in(due_ms > passed_ms ? due_ms - passed_ms : 0);
    while (!s->stop && due_ms > passed_ms && pthread_cond_timedwait(&s->ended, &s->lock, &until) == 0)
        continue;
    if (s->stop)
        err = FERRY_E_CLOSED;
    pthread_mutex_unlock(&s->lock);
    return err;
}

void scrub_count(struct scrub *s, uint64_t bytes)
{
    pthread_mutex_lock(&s->lock);
    s->view.objects++;
    s->view.bytes += bytes;
    pthread_mutex_unlock(&s->lock);
}

static struct scrub_view view_of(struct scrub *s)
{
    pthread_mutex_lock(&s->lock);
    struct scrub_view view = s->view;
    pthread_mutex_unlock(&s->lock);
    return view;
}

void scrub_note(struct scrub *s, const struct scrub_finding *finding)
{
    ferry_log(FERRY_LOG_ERROR, AREA, "object %s: %s", finding->key.text, scrub_finding_text(finding));
    pthread_mutex_lock(&s->lock);
    s->view.faults[finding->fault]++;
    if (s->view.finding_count < SCRUB_FINDINGS_MAX)
        s->findings[s->view.finding_count++] = *finding;
    pthread_mutex_unlock(&s->lock);
    if (ferry_mono_ms() - s->kept_ms < KEEP_EVERY_MS)
        return;
    struct scrub_view view = view_of(s);
    scrub_keep(s, &view);
}

void scrub_drop_gone(struct scrub *s)
{
    const struct objects_ops *ops = s->config.objects->ops;
    for (size_t i = s->view.finding_count; i > 0; i--) { /* only this thread changes them */
        struct scrub_finding *f = &s->findings[i - 1];
        uint64_t size = 0;
        if (f->fault != SCRUB_ORPHAN || ops->stat(s->config.objects, &f->key, &size) != FERRY_E_NOT_FOUND)
            continue;
        pthread_mutex_lock(&s->lock);
        s->view.faults[SCRUB_ORPHAN]--;
        *f = s->findings[--s->view.finding_count];
        pthread_mutex_unlock(&s->lock);
    }
}

static ferry_err look(struct scrub *s)
{
    struct store *store = s->config.store;
    ferry_err err = store->ops->connect(store, STORE_READER, &s->conn);
    if (err != FERRY_OK)
        return err;
    err = scrub_look_uploads(s);
    if (err == FERRY_OK)
        err = scrub_look_resources(s);
    if (err == FERRY_OK && s->view.order.product[0] == '\0')
        err = scrub_look_orphans(s);
    store->ops->disconnect(s->conn);
    s->conn = NULL;
    return err;
}

static void *run(void *arg)
{
    struct scrub *s = arg;
    s->began_ms = ferry_mono_ms();
    s->paid_bytes = 0;
    struct scrub_view view = view_of(s);
    scrub_keep(s, &view);
    ferry_err err = look(s);
    pthread_mutex_lock(&s->lock);
    view = s->view;
    view.state = err == FERRY_OK ? SCRUB_DONE : s->stop ? SCRUB_STOPPED : SCRUB_FAILED;
    pthread_mutex_unlock(&s->lock);
    view.err = err;
    view.ended_ms = engine_now_ms(s->config.engine);
    if (view.state == SCRUB_FAILED)
        ferry_log(FERRY_LOG_ERROR, AREA, "the objects cannot be verified: %s", ferry_err_text(err));
    scrub_keep(s, &view); /* before it is told */
    pthread_mutex_lock(&s->lock);
    s->view = view; /* from here on the next run may begin, with a view of its own */
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* --- any thread ------------------------------------------------------------------------------------------------ */

/* With life held: only who begins a run makes it one. */
static ferry_err start(struct scrub *s, const struct scrub_order *order)
{
    pthread_mutex_lock(&s->lock);
    bool running = s->view.state == SCRUB_RUNNING;
    if (!running) {
        s->stop = false;
        s->view = (struct scrub_view){
            .state = SCRUB_RUNNING, .order = *order, .started_ms = engine_now_ms(s->config.engine)};
        if (order->rate_bytes == 0)
            s->view.order.rate_bytes = SCRUB_RATE_DEFAULT;
    }
    pthread_mutex_unlock(&s->lock);
    if (running)
        return FERRY_E_STATE;
    if (s->joinable)
        (void)pthread_join(s->thread, NULL);
    s->joinable = pthread_create(&s->thread, NULL, run, s) == 0;
    if (s->joinable)
        return FERRY_OK;
    pthread_mutex_lock(&s->lock);
    s->view.state = SCRUB_FAILED;
    s->view.err = FERRY_E_IO;
    pthread_mutex_unlock(&s->lock);
    return FERRY_E_IO;
}

ferry_err scrub_begin(struct scrub *s, const struct scrub_order *order)
{
    pthread_mutex_lock(&s->life);
    ferry_err err = s->closed ? FERRY_E_CLOSED : start(s, order);
    pthread_mutex_unlock(&s->life);
    return err;
}

void scrub_end(struct scrub *s)
{
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_broadcast(&s->ended);
    pthread_mutex_unlock(&s->lock);
}

void scrub_get(struct scrub *s, struct scrub_view *ret_view, struct scrub_finding *out, size_t cap)
{
    pthread_mutex_lock(&s->lock);
    *ret_view = s->view;
    if (ret_view->finding_count > cap)
        ret_view->finding_count = cap;
    if (ret_view->finding_count > 0)
        memcpy(out, s->findings, ret_view->finding_count * sizeof *out);
    pthread_mutex_unlock(&s->lock);
}

ferry_err scrub_new(const struct scrub_config *config, struct scrub **ret_scrub)
{
    struct scrub *s = ferry_calloc(1, sizeof *s);
    if (s == NULL)
        return FERRY_E_NOMEM;
    s->findings = ferry_calloc(SCRUB_FINDINGS_MAX, sizeof *s->findings);
    if (s->findings == NULL) {
        free(s);
        return FERRY_E_NOMEM;
    }
    s->config = *config;
    scrub_recall(s);
    (void)pthread_mutex_init(&s->life, NULL);
    (void)pthread_mutex_init(&s->lock, NULL);
    ferry_cond_init(&s->ended);
    *ret_scrub = s;
    return FERRY_OK;
}

void scrub_stop(struct scrub *s)
{
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->life);
    s->closed = true; /* from now on nobody takes the word to end back */
    scrub_end(s);
    if (s->joinable)
        (void)pthread_join(s->thread, NULL);
    s->joinable = false;
    pthread_mutex_unlock(&s->life);
}

void scrub_free(struct scrub *s)
{
    if (s == NULL)
        return;
    scrub_stop(s);
    (void)pthread_cond_destroy(&s->ended);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_mutex_destroy(&s->life);
    free(s->findings);
    free(s);
}
