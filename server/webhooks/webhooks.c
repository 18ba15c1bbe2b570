#include "hooks.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/system.h"
#include "base/wait.h"

#include <stdlib.h>

enum { TICK_MS = 1000, CONNECTIONS_KEPT = 64 };

/* --- the thread ----------------------------------------------------------------------------------------------- */

/* True: some have, and may have more to tell. */
static bool take_ended(struct webhooks *all)
{
    bool any = false;
    int left = 0;

    for (CURLMsg *msg; (msg = curl_multi_info_read(all->multi, &left)) != NULL;) {
        char *user = NULL;
        CURLcode code = msg->data.result; /* msg is gone when the handle is taken out */
        if (msg->msg == CURLMSG_DONE && curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &user) == CURLE_OK &&
            user != NULL) {
            hooks_ended((struct hook *)(void *)user, code);
            any = true;
        }
    }
    return any;
}

/* Of several processes on one store, one delivers: the one whose connection has the duty. */
static ferry_err take_duty(struct webhooks *all)
{
    const struct store_ops *ops = all->config.store->ops;
    bool mine = true;
    ferry_err err = ops->take_duty != NULL ? ops->take_duty(all->conn, STORE_DUTY_WEBHOOKS, &mine) : FERRY_OK;

    if (err == FERRY_OK && mine != all->mine) {
        hooks_forget(all);
        all->mine = mine;
    }
    return err;
}

static ferry_err serve(struct webhooks *all, bool *ret_more)
{
    ferry_err err = hooks_refresh(all);

    return err == FERRY_OK ? hooks_serve(all, ret_more) : err;
}

static ferry_err look(struct webhooks *all, bool *ret_more)
{
    ferry_err err = FERRY_OK;

    *ret_more = false;
    if (all->conn == NULL)
        err = all->config.store->ops->connect(all->config.store, STORE_READER, &all->conn);
    if (err == FERRY_OK)
        err = take_duty(all);
    if (err == FERRY_OK && all->mine)
        err = serve(all, ret_more);
    if (err == FERRY_OK)
        return FERRY_OK;
    if (all->config.store->ops->take_duty != NULL)
        all->mine = false; /* the duty went with the connection */
    all->config.store->ops->disconnect(all->conn); /* the next round makes another */
    all->conn = NULL;
    *ret_more = false;
    return err;
}

/* A thread that looks after each commit for nobody takes the processor, and SQLite's lock, from those that wait for an answer. */
static void note_nobody(struct webhooks *all)
{
    bool nobody = all->mine && all->read && all->hooks == NULL;

    atomic_store(&all->nobody, nobody ? all->generation : HOOKS_SOMEBODY);
}

static void *run(void *arg)
{
    struct webhooks *all = arg;
    ferry_err last = FERRY_OK;

    ferry_thread_name("webhooks");
    while (!atomic_load(&all->closed)) {
        bool more = false;
        int running = 0;
        ferry_err err = look(all, &more);
        if (err != FERRY_OK && last == FERRY_OK)
            ferry_log(FERRY_LOG_ERROR, "webhooks", "webhooks wait, the store cannot be read: %s", ferry_err_text(err));
        last = err;
        (void)curl_multi_perform(all->multi, &running);
        more |= take_ended(all);
        hooks_save(all, false);
        note_nobody(all);
        uint64_t wait_ms = atomic_exchange(&all->woken, false) || more ? 0 : hooks_wait_ms(all, TICK_MS);
        (void)curl_multi_poll(all->multi, NULL, 0, (int)wait_ms, NULL);
    }
    return NULL;
}

/* On the engine's thread. */
static void on_commit(void *arg)
{
    struct webhooks *all = arg;

    if (atomic_load(&all->nobody) == engine_webhooks_generation(all->config.engine))
        return;
    atomic_store(&all->woken, true);
    (void)curl_multi_wakeup(all->multi);
}

/* --- life ----------------------------------------------------------------------------------------------------- */

static void free_all(struct webhooks *all)
{
    hooks_free(all);
    if (all->multi != NULL)
        (void)curl_multi_cleanup(all->multi);
    all->config.store->ops->disconnect(all->conn);
    (void)pthread_cond_destroy(&all->note_back);
    (void)pthread_mutex_destroy(&all->lock);
    free(all);
}

static ferry_err start(struct webhooks *all)
{
    if (all->multi == NULL ||
        curl_multi_setopt(all->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT) != CURLM_OK)
        return FERRY_E_NOMEM;
    ferry_err err = engine_watch_events(all->config.engine, on_commit, all);
    if (err != FERRY_OK)
        return err;
    if (pthread_create(&all->thread, NULL, run, all) != 0) {
        engine_unwatch_events(all->config.engine, on_commit, all);
        return FERRY_E_IO;
    }
    all->started = true;
    return FERRY_OK;
}

ferry_err webhooks_start(const struct webhooks_config *config, struct webhooks **ret_webhooks)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return FERRY_E_IO;
    struct webhooks *all = ferry_calloc(1, sizeof *all);
    if (all == NULL)
        return FERRY_E_NOMEM;
    all->config = *config;
    atomic_init(&all->nobody, HOOKS_SOMEBODY);
    all->multi = curl_multi_init();
    pthread_mutex_init(&all->lock, NULL);
    ferry_cond_init(&all->note_back);
    ferry_err err = start(all);
    if (err != FERRY_OK) {
        free_all(all);
        return err;
    }
    *ret_webhooks = all;
    return FERRY_OK;
}

static void wait_for_notes(struct webhooks *all)
{
    pthread_mutex_lock(&all->lock);
    while (all->notes_out > 0)
        pthread_cond_wait(&all->note_back, &all->lock);
    pthread_mutex_unlock(&all->lock);
}

void webhooks_stop(struct webhooks *all)
{
    if (all == NULL)
        return;
    if (all->started) {
        engine_unwatch_events(all->config.engine, on_commit, all);
        atomic_store(&all->closed, true);
        (void)curl_multi_wakeup(all->multi);
        (void)pthread_join(all->thread, NULL);
    }
    hooks_abort(all);
    wait_for_notes(all);
    hooks_save(all, true);
    wait_for_notes(all);
    free_all(all);
}
