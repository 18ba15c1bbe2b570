/* Download tasks: what device messages, timers and the operator do to them. */
#include "engine_internal.h"

#include "download_rules.h"
#include "report_name.h"
#include "report_text.h"

#include <string.h>

enum {
    /* A device repeats what was not answered within seconds. Shorter than the first repeated push, so that a device which reports
     * nothing but `done` fetches a second version of a name twice at worst. */
    STALE_REPORT_MS = 12 * 1000,
    FIRST_OPEN = 2,         /* oldest open tasks that are read first: the oldest one runs, nearly always */
    STALE_REPORT_TASKS = 8, /* newest tasks of one name among which the one that has just ended is looked for */
};

static struct push_pace pace_of(const struct engine *e)
{
    return (struct push_pace){.first_s = e->settings.push_retry_first_s,
                              .max_s = e->settings.push_retry_max_s,
                              .retry_first_s = e->settings.deploy_retry_first_s,
                              .retry_max_s = e->settings.deploy_retry_max_s};
}

static ferry_err find_current(struct engine *e, const struct device_key *device, const struct download_task *changed,
                              uint64_t now_ms, const struct download_task **ret_current);
static ferry_err push(struct engine *e, const struct download_task *task, uint64_t now_ms);

/* What the device gets once the task is as changed: found before that is written, so that a store far away is asked once. */
static ferry_err find_next(struct engine *e, const struct download_task *changed, uint64_t now_ms, struct download_task *ret_next,
                           bool *ret_found)
{
    const struct download_task *current = NULL;
    ferry_err err = find_current(e, &changed->device, changed, now_ms, &current);
    *ret_found = err == FERRY_OK && current != NULL && !download_running(current);
    if (*ret_found)
        *ret_next = *current;
    return err;
}

/* Stores the task as it becomes; when it ends, the deployment may be finished. A device that has none running any more gets
 * its next one. */
static ferry_err save(struct engine *e, const struct download_task *before, const struct download_task *after,
                      uint64_t now_ms)
{
    if (!download_changed(before, after))
        return FERRY_OK;
    bool ended = download_state_open(before->state) && !download_state_open(after->state);
    e->fetch_rights_ended |= download_state_fetchable(before->state) && !download_state_fetchable(after->state);
    bool gives_way = ended || (download_running(before) && !download_running(after));
    struct download_task next;
    bool found = false;
    ferry_err err = gives_way ? find_next(e, after, now_ms, &next, &found) : FERRY_OK;
    e->downloads_handed_on |= found;
    if (err == FERRY_OK)
        err = e->store->download_put(e->conn, after);
    if (err == FERRY_OK)
        err = events_download(e, before, after, now_ms);
    if (err == FERRY_OK && after->state == DOWNLOAD_DONE && before->state != DOWNLOAD_DONE)
        err = engine_count(e, ENGINE_STAT(downloads_done_total));
    if (err == FERRY_OK && ended)
        err = deployments_settle_later(e, &after->deployment, now_ms);
    return err == FERRY_OK && found ? push(e, &next, now_ms) : err;
}

static ferry_err apply(struct engine *e, const struct download_task *task, const struct download_event *event,
                       uint64_t now_ms, struct download_task *ret_after, ferry_result *ret_answer)
{
    struct push_pace pace = pace_of(e);
    *ret_answer = download_apply(task, event, now_ms, &pace, ret_after);
    return save(e, task, ret_after, now_ms);
}

/* --- offering --------------------------------------------------------------------------------------- */

static ferry_err send_task(struct engine *e, const struct download_task *task, ferry_msg_type type,
                           ferry_text request_id, uint64_t now_ms)
{
    char url_text[FERRY_URL_MAX + 1];
    struct object_url url = {
        .method = OBJECT_GET,
        .task = task->id,
        .key = task->resource,
        .size = task->size,
    };
    memcpy(url.md5, task->md5, sizeof url.md5);
    ferry_err err = answers_sign(e, &url, now_ms, url_text);
    if (err != FERRY_OK)
        return err;
    ferry_msg msg = {
        .type = type,
        .has = FERRY_HAS_SIZE,
        .size = task->size,
        .name = ferry_text_of(task->name),
        .md5sum = ferry_text_of(task->md5),
        .url = ferry_text_of(url_text),
    };
    if (request_id.ptr != NULL) {
        msg.request_id = request_id;
        msg.sha256 = ferry_text_of(task->sha256);
        msg.has |= FERRY_HAS_EXPIRES | FERRY_HAS_RESULT_CODE;
        msg.result_msg = ferry_text_of(ferry_result_text(FERRY_RESULT_OK));
        msg.expires = url.expires_s;
    }
    err = answers_send(e, &task->device, &msg);
    return err == FERRY_OK ? engine_count(e, ENGINE_STAT(downloads_offered_total)) : err;
}

/* A deployment that is gone holds nothing back. */
static ferry_err is_held(struct engine *e, const struct download_task *task, bool *ret_held)
{
    struct deployment d;
    ferry_err err = e->store->deployment_get(e->conn, &task->deployment, &d);
    *ret_held = err == FERRY_OK && download_is_held(task, &d);
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err;
}

/* The list as it will be once the task is as changed (may be null). */
static size_t change_list(struct download_task *list, size_t count, const struct download_task *changed)
{
    for (size_t i = 0; changed != NULL && i < count; i++) {
        if (!ferry_id_equal(&list[i].id, &changed->id))
            continue;
        list[i] = *changed;
        if (!download_state_open(changed->state))
            memmove(&list[i], &list[i + 1], (--count - i) * sizeof *list);
        return count;
    }
    return count;
}

/* Of the open tasks in scratch those stay that run, and the oldest one that can be offered. */
static ferry_err thin_out(struct engine *e, uint64_t now_ms, size_t *count)
{
    struct download_task *list = e->open_downloads;
    size_t kept = 0;
    bool found = false;
    for (size_t i = 0; i < *count; i++) {
        bool held = found || download_current(&list[i], 1, now_ms) == NULL;
        ferry_err err = held ? FERRY_OK : is_held(e, &list[i], &held);
        if (err != FERRY_OK)
            return err;
        bool running = download_running(&list[i]);
        found |= !running && !held;
        if (running || !held)
            memmove(&list[kept++], &list[i], sizeof *list);
    }
    *count = kept;
    return FERRY_OK;
}

/* Some of the device's open tasks, oldest first, in scratch. */
struct open_page {
    size_t count;
    bool last;
    ferry_id after; /* the next one begins behind it; "": this is the first */
};

/* As they are once one is as changed (may be null). */
static ferry_err read_page(struct engine *e, const struct device_key *device, const struct download_task *changed, size_t room,
                           struct open_page *page)
{
    struct download_task *list = e->open_downloads;
    size_t read = 0;
    ferry_err err = e->store->download_open(e->conn, device, page->after.text[0] != '\0' ? &page->after : NULL, list, room, &read);
    page->last = read < room;
    if (read > 0)
        page->after = list[read - 1].id;
    page->count = change_list(list, read, changed);
    return err;
}

/* The device's open tasks into scratch, oldest first. When they are more than it holds, those that matter. */
static ferry_err read_open(struct engine *e, const struct device_key *device, uint64_t now_ms, size_t *ret_count)
{
    struct download_task *list = e->open_downloads;
    ferry_id after = {""};
    size_t count = 0, more = 0, room = ENGINE_OPEN_DOWNLOADS_MAX;
    ferry_err err = e->store->download_open(e->conn, device, NULL, list, room, &more);
    while (err == FERRY_OK && more == room && room > 0) {
        after = list[count + more - 1].id;
        count += more;
        more = 0;
        err = thin_out(e, now_ms, &count);
        room = ENGINE_OPEN_DOWNLOADS_MAX - count;
        if (err == FERRY_OK)
            err = e->store->download_open(e->conn, device, &after, list + count, room, &more);
    }
    *ret_count = count + more;
    return err;
}

/* Of the tasks in scratch; those of paused deployments are passed over. */
static ferry_err choose_current(struct engine *e, size_t count, uint64_t now_ms, const struct download_task **ret_current)
{
    struct download_task *list = e->open_downloads;
    for (;;) {
        const struct download_task *current = download_current(list, count, now_ms);
        bool held = false;
        *ret_current = current;
        if (current == NULL || download_running(current))
            return FERRY_OK;
        ferry_err err = is_held(e, current, &held);
        if (err != FERRY_OK || !held)
            return err;
        size_t at = (size_t)(current - list);
        memmove(&list[at], &list[at + 1], (--count - at) * sizeof *list);
    }
}

/* The one that is as changed does not run any more. */
static ferry_err find_running(struct engine *e, const struct device_key *device, const struct download_task *changed,
                              const struct download_task **ret_running)
{
    size_t count = 0;
    ferry_err err = e->store->download_running(e->conn, device, e->running, ENGINE_RUNNING_MAX, &count);
    for (size_t i = 0; err == FERRY_OK && *ret_running == NULL && i < count; i++) {
        if (changed == NULL || !ferry_id_equal(&e->running[i].id, &changed->id))
            *ret_running = &e->running[i];
    }
    return err;
}

/* The one that runs, else the oldest that can be offered, once one is as changed (may be null), which does not run any more then. However
 * many are open, only those are read that come before it. */
static ferry_err find_current(struct engine *e, const struct device_key *device, const struct download_task *changed,
                              uint64_t now_ms, const struct download_task **ret_current)
{
    struct open_page page = {.after = {""}};
    ferry_err err = read_page(e, device, changed, FIRST_OPEN, &page);
    bool runs = page.count > 0 && download_running(e->open_downloads);
    *ret_current = NULL;
    if (err == FERRY_OK && !runs && !page.last)
        err = find_running(e, device, changed, ret_current);
    while (err == FERRY_OK && *ret_current == NULL) {
        err = choose_current(e, page.count, now_ms, ret_current);
        if (err != FERRY_OK || *ret_current != NULL || page.last)
            return err;
        err = read_page(e, device, changed, ENGINE_OPEN_DOWNLOADS_MAX, &page);
    }
    return err;
}

/* Nobody hears what is sent to a device that is away; downloads_came() makes up for it. One that fetches is told as ever: when it is back it
 * may still be at it, and is not told again for that alone. */
static struct download_event push_event(struct engine *e, const struct download_task *task)
{
    bool away = task->state != DOWNLOAD_DOWNLOADING && presence_is_away(e, &task->device);
    return (struct download_event){.kind = DOWNLOAD_EV_PUSH, .away = away};
}

static ferry_err send_push(struct engine *e, const struct download_task *task, const struct download_event *event, uint64_t now_ms)
{
    return event->away ? FERRY_OK : send_task(e, task, FERRY_MSG_DOWNLOAD, (ferry_text){0}, now_ms);
}

static ferry_err push(struct engine *e, const struct download_task *task, uint64_t now_ms)
{
    struct download_event event = push_event(e, task);
    struct download_task after;
    ferry_result ignored;
    ferry_err err = apply(e, task, &event, now_ms, &after, &ignored);
    return err == FERRY_OK ? send_push(e, &after, &event, now_ms) : err;
}

ferry_err downloads_offer_next(struct engine *e, const struct device_key *device, uint64_t now_ms)
{
    const struct download_task *current = NULL;
    ferry_err err = find_current(e, device, NULL, now_ms, &current);
    if (err != FERRY_OK || current == NULL || download_running(current))
        return err;
    struct download_task task = *current;
    return push(e, &task, now_ms);
}

/* --- new ones ------------------------------------------------------------------------------------------ */

ferry_err downloads_add(struct engine *e, const struct download_task *task, uint64_t now_ms)
{
    ferry_err err = e->store->download_put(e->conn, task);
    return err == FERRY_OK ? events_download(e, NULL, task, now_ms) : err;
}

/* Would it be pushed as soon as it is there? Where the device has others, waking it finds out which of them comes first. */
static ferry_err is_next(struct engine *e, const struct download_task *task, const struct deployment *d, uint64_t now_ms, bool *ret_next)
{
    bool over = task->deadline_ms != 0 && task->deadline_ms <= now_ms;
    struct open_page page = {.after = {""}};
    *ret_next = task->release_ms <= now_ms && !over && !download_is_held(task, d);
    ferry_err err = *ret_next ? read_page(e, &task->device, NULL, 1, &page) : FERRY_OK;
    *ret_next &= page.count == 0;
    return err;
}

ferry_err downloads_add_and_offer(struct engine *e, const struct download_task *task, const struct deployment *d,
                                  const struct resource *resource, uint64_t now_ms)
{
    bool next = false;
    ferry_err err = is_next(e, task, d, now_ms, &next);
    if (err != FERRY_OK || !next)
        return err == FERRY_OK ? downloads_add(e, task, now_ms) : err;
    struct download_event event = push_event(e, task);
    struct push_pace pace = pace_of(e);
    struct download_task offered;
    (void)download_apply(task, &event, now_ms, &pace, &offered); /* a new one is never refused */
    memcpy(offered.name, resource->name, sizeof offered.name);
    offered.size = resource->size;
    memcpy(offered.md5, resource->md5, sizeof offered.md5);
    memcpy(offered.sha256, resource->sha256, sizeof offered.sha256);
    err = e->store->download_put(e->conn, &offered);
    if (err == FERRY_OK)
        err = events_download(e, NULL, task, now_ms);
    if (err == FERRY_OK)
        err = events_download(e, task, &offered, now_ms);
    return err == FERRY_OK ? send_push(e, &offered, &event, now_ms) : err;
}

/* --- a device that connects ------------------------------------------------------------------------------ */

ferry_err downloads_came(struct engine *e, const struct device_key *device, uint64_t now_ms, size_t *inout_woken)
{
    struct download_event event = {.kind = DOWNLOAD_EV_CAME};
    struct push_pace pace = pace_of(e);
    struct download_task after;
    size_t count = 0;
    ferry_err err = e->store->download_running(e->conn, device, e->running, ENGINE_RUNNING_MAX, &count);
    for (size_t i = 0; err == FERRY_OK && i < count; i++) {
        bool waits = download_apply(&e->running[i], &event, now_ms, &pace, &after) == FERRY_RESULT_OK;
        if (!waits || after.wake_ms >= e->running[i].wake_ms)
            continue; /* it is due sooner, or another one goes first */
        err = e->store->download_put(e->conn, &after);
        ++*inout_woken;
    }
    return err;
}

/* --- device messages ---------------------------------------------------------------------------------- */

static ferry_err on_ask(struct engine *e, const struct device_message *m, uint64_t now_ms)
{
    const struct download_task *current = NULL;
    ferry_err err = find_current(e, &m->device, NULL, now_ms, &current);
    if (err != FERRY_OK)
        return err;
    if (current == NULL) {
        ferry_msg none = answers_refusal(&m->msg, FERRY_RESULT_NO_TASK);
        return none.type != FERRY_MSG_NONE ? answers_send(e, &m->device, &none) : FERRY_OK;
    }
    struct download_event event = {.kind = DOWNLOAD_EV_OFFER};
    struct download_task task = *current;
    struct download_task after;
    ferry_result ignored;
    err = apply(e, &task, &event, now_ms, &after, &ignored);
    ferry_text request_id = answers_refusal(&m->msg, FERRY_RESULT_OK).request_id;
    return err == FERRY_OK ? send_task(e, &after, FERRY_MSG_GET_DOWNLOAD_TASK_RSP, request_id, now_ms) : err;
}

/* The open task a report means, when no name fits: the running one, or the only one. */
static const struct download_task *match_only(const struct download_task *open, size_t count)
{
    const struct download_task *running = NULL;
    for (size_t i = 0; i < count; i++) {
        if (download_running(&open[i]))
            running = &open[i];
    }
    return running != NULL || count != 1 ? running : &open[0];
}

/* The newest task of exactly that name, and that MD5 if the report says one, in any state. */
static ferry_err find_latest(struct engine *e, const struct device_message *m, struct download_task *ret_task)
{
    char name[FERRY_NAME_MAX + 1];
    size_t count = 0;
    if (!ferry_name_valid(m->msg.name) || !ferry_text_copy(m->msg.name, name, sizeof name))
        return FERRY_E_NOT_FOUND;
    ferry_err err = e->store->download_named(e->conn, &m->device, name, e->downloads,
                                          report_says_md5(m->msg.md5sum) ? ENGINE_NAMED_MAX : 1, &count);
    for (size_t i = 0; err == FERRY_OK && i < count; i++) {
        if (report_md5_fits(m->msg.md5sum, e->downloads[i].md5)) {
            memcpy(ret_task, &e->downloads[i], sizeof *ret_task);
            return FERRY_OK;
        }
    }
    return err != FERRY_OK ? err : FERRY_E_NOT_FOUND;
}

/* The open task that the name fits; of several of one name the running one. */
static struct report_best match_name(const struct download_task *open, size_t count, const ferry_msg *report)
{
    struct report_best best = {.fit = NAME_OTHER};
    for (size_t i = 0; i < count; i++) {
        if (!report_md5_fits(report->md5sum, open[i].md5))
            continue;
        report_name_fit fit = report_name_fits(report->name, open[i].name, open[i].md5);
        if (fit == NAME_EXACT && download_running(&open[i]))
            return (struct report_best){.fit = fit, .task = &open[i]};
        report_best_add(&best, fit, &open[i]);
    }
    return best;
}

/* Nearly always the task that runs is meant: to know that, not all open ones are read. */
static ferry_err match_running(struct engine *e, const struct device_message *m, struct open_page *page, struct report_best *ret_best)
{
    struct download_task *list = e->open_downloads;
    ferry_err err = read_page(e, &m->device, NULL, FIRST_OPEN, page);
    size_t running = page->count > 0 && download_running(list);
    *ret_best = match_name(list, running, &m->msg);
    if (err != FERRY_OK || ret_best->fit == NAME_EXACT || page->last)
        return err;
    err = e->store->download_running(e->conn, &m->device, list, ENGINE_OPEN_DOWNLOADS_MAX, &running);
    *ret_best = match_name(list, running, &m->msg);
    return err;
}

/* The open task that the name fits best, and how many are in scratch when none does exactly. */
static ferry_err match_open(struct engine *e, const struct device_message *m, uint64_t now_ms, struct report_best *ret_best,
                            size_t *ret_count)
{
    struct open_page page = {.after = {""}};
    ferry_err err = match_running(e, m, &page, ret_best);
    *ret_count = page.count;
    if (err != FERRY_OK || ret_best->fit == NAME_EXACT)
        return err;
    if (!page.last)
        err = read_open(e, &m->device, now_ms, ret_count);
    *ret_best = match_name(e->open_downloads, *ret_count, &m->msg);
    return err;
}

/* As for uploads: with an MD5 only those of it; an open one of that name, else an ended one, else a garbled name, else the only one. */
static ferry_err find_reported(struct engine *e, const struct device_message *m, uint64_t now_ms, struct download_task *ret_task)
{
    size_t count = 0;
    struct report_best best;
    ferry_err err = match_open(e, m, now_ms, &best, &count);
    if (err != FERRY_OK)
        return err;
    if (best.fit != NAME_EXACT) {
        err = find_latest(e, m, ret_task);
        if (err != FERRY_E_NOT_FOUND)
            return err;
    }
    if (best.task == NULL && !report_says_md5(m->msg.md5sum))
        best.task = match_only(e->open_downloads, count);
    if (best.task == NULL)
        return FERRY_E_NOT_FOUND;
    memcpy(ret_task, best.task, sizeof *ret_task);
    return FERRY_OK;
}

/* A device goes on with what was cancelled until it hears so, which is when a report after that is answered: what it says before is of
 * the cancelled task, and so are an end and a failure that it says again. A task without a report was never begun. */
static ferry_err means_cancelled(struct engine *e, const struct device_message *m, const struct download_task *cancelled, bool *ret_means)
{
    struct store_page page = {.after = "", .limit = 1, .descending = true};
    struct task_report last;
    size_t count = 0;
    ferry_err err = e->store->report_list(e->conn, &cancelled->id, &page, &last, &count);
    bool heard = count == 1 && last.time_ms > cancelled->ended_ms;
    *ret_means = err == FERRY_OK && count == 1 && (m->msg.state != FERRY_PROGRESS_RUNNING || !heard);
    return err;
}

static ferry_err means_ended(struct engine *e, const struct device_message *m, const struct download_task *ended, uint64_t now_ms,
                             bool *ret_means)
{
    bool recent = !download_state_open(ended->state) && now_ms - ended->ended_ms < STALE_REPORT_MS;
    *ret_means = recent && ended->state == DOWNLOAD_DONE && m->msg.state == FERRY_PROGRESS_DONE;
    return recent && ended->state == DOWNLOAD_CANCELLED ? means_cancelled(e, m, ended, ret_means) : FERRY_OK;
}

/* What a device says of the task that it has just finished, or was told to give up, must not end the next one of that name unfetched:
 * the task is then the ended one. A report that says the MD5 of another file means that. */
static ferry_err prefer_just_ended(struct engine *e, const struct device_message *m, uint64_t now_ms, struct download_task *task)
{
    if (task->state != DOWNLOAD_QUEUED && task->state != DOWNLOAD_OFFERED)
        return FERRY_OK;
    size_t count = 0;
    ferry_err err = e->store->download_named(e->conn, &m->device, task->name, e->downloads, STALE_REPORT_TASKS, &count);
    for (size_t i = 0; err == FERRY_OK && i < count; i++) {
        bool means = false;
        if (report_md5_fits(m->msg.md5sum, e->downloads[i].md5))
            err = means_ended(e, m, &e->downloads[i], now_ms, &means);
        if (means) {
            *task = e->downloads[i];
            break;
        }
    }
    return err;
}

/* What a failure leads to is for the deployment to say. It may be gone before its last task. */
static ferry_err find_deployment(struct engine *e, const struct download_task *task, struct deployment *d,
                                 struct download_event *event)
{
    ferry_err err = e->store->deployment_get(e->conn, &task->deployment, d);
    event->deployment = err == FERRY_OK ? d : NULL;
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err;
}

static ferry_err on_report(struct engine *e, const struct device_message *m, uint64_t now_ms)
{
    static const download_event_kind kinds[] = {
        [FERRY_PROGRESS_RUNNING] = DOWNLOAD_EV_RUNNING,
        [FERRY_PROGRESS_DONE] = DOWNLOAD_EV_DONE,
        [FERRY_PROGRESS_FAIL] = DOWNLOAD_EV_FAIL,
    };
    if (m->msg.state == FERRY_PROGRESS_NONE)
        return answers_report(e, m, FERRY_RESULT_BAD_JSON);
    struct download_task task;
    ferry_err err = find_reported(e, m, now_ms, &task);
    if (err == FERRY_E_NOT_FOUND)
        return answers_report(e, m, FERRY_RESULT_NO_TASK);
    if (err == FERRY_OK)
        err = prefer_just_ended(e, m, now_ms, &task);
    if (err != FERRY_OK)
        return err;

    char result_msg[FERRY_RESULT_MSG_MAX + 1];
    report_text_copy(m->msg.result_msg, result_msg);
    err = reports_keep(e, &task.id, &m->msg, result_msg, now_ms);
    if (err != FERRY_OK)
        return err;
    struct download_event event = {
        .kind = kinds[m->msg.state],
        .percent = m->msg.percent,
        .result_code = m->msg.result_code,
        .result_msg = result_msg,
    };
    struct push_pace pace = pace_of(e);
    struct deployment d;
    struct download_task after;
    err = event.kind == DOWNLOAD_EV_FAIL ? find_deployment(e, &task, &d, &event) : FERRY_OK;
    if (err != FERRY_OK)
        return err;
    ferry_result answer = download_apply(&task, &event, now_ms, &pace, &after);
    err = answers_report(e, m, answer); /* before the next offer that the end of this task may bring */
    return err == FERRY_OK ? save(e, &task, &after, now_ms) : err;
}

ferry_err downloads_on_message(struct engine *e, const struct device_message *m, uint64_t now_ms)
{
    return m->msg.type == FERRY_MSG_GET_DOWNLOAD_TASK ? on_ask(e, m, now_ms) : on_report(e, m, now_ms);
}

/* --- timers and the operator --------------------------------------------------------------------------- */

/* A round over those that are due: most are of one deployment, which such a round does not change. */
struct round {
    struct deployment deployment; /* of the task before; id "": none yet, or it is gone */
    uint64_t now_ms;
};

static ferry_err find_in_round(struct engine *e, const struct download_task *task, struct round *round, struct download_event *event)
{
    if (ferry_id_equal(&round->deployment.id, &task->deployment)) {
        event->deployment = &round->deployment;
        return FERRY_OK;
    }
    round->deployment.id = (ferry_id){""};
    return find_deployment(e, task, &round->deployment, event);
}

static ferry_err wake(struct engine *e, const struct download_task *task, struct round *round)
{
    uint64_t now_ms = round->now_ms;
    struct download_event event = {.kind = DOWNLOAD_EV_TIME_OUT};
    const struct deployment *d = &round->deployment;
    struct download_task after;
    ferry_result ignored;
    ferry_err err = find_in_round(e, task, round, &event);
    bool over = event.deployment != NULL && d->end_ms != 0 && d->end_ms <= now_ms;
    if (err != FERRY_OK)
        return err;
    if (!over && event.deployment != NULL && download_is_held(task, d)) {
        event.kind = DOWNLOAD_EV_HOLD;
        return apply(e, task, &event, now_ms, &after, &ignored);
    }
    if (task->deadline_ms != 0 && task->deadline_ms <= now_ms)
        return apply(e, task, &event, now_ms, &after, &ignored);

    const struct download_task *current = NULL;
    err = find_current(e, &task->device, NULL, now_ms, &current);
    if (err != FERRY_OK)
        return err;
    if (current != NULL && ferry_id_equal(&current->id, &task->id))
        return push(e, task, now_ms);
    event.kind = DOWNLOAD_EV_WAIT;
    return apply(e, task, &event, now_ms, &after, &ignored);
}

/* An earlier one of the round that ended may have handed its turn on to this one. */
static ferry_err wake_as_it_is_now(struct engine *e, struct download_task *task, struct round *round)
{
    uint64_t now_ms = round->now_ms;
    ferry_err err = e->downloads_handed_on ? e->store->download_get(e->conn, &task->id, task) : FERRY_OK;
    bool due = err == FERRY_OK && download_state_open(task->state) &&
               ((task->deadline_ms != 0 && task->deadline_ms <= now_ms) || (task->wake_ms != 0 && task->wake_ms <= now_ms));
    return due ? wake(e, task, round) : err;
}

ferry_err downloads_wake(struct engine *e, uint64_t now_ms, bool *ret_more)
{
    size_t count = 0, done = 0, most = turn_background(e, ENGINE_DUE_STEP);
    struct round round = {.now_ms = now_ms};
    ferry_err err = e->store->download_due(e->conn, now_ms, e->downloads, most, &count);
    e->downloads_handed_on = false;
    while (err == FERRY_OK && done < count && !turn_gives_way(e, done))
        err = wake_as_it_is_now(e, &e->downloads[done++], &round);
    *ret_more = count == most || done < count;
    return err;
}

ferry_err downloads_cancel(struct engine *e, const struct download_task *task, uint64_t now_ms)
{
    struct download_event event = {.kind = DOWNLOAD_EV_CANCEL};
    struct download_task after;
    ferry_result answer;
    ferry_err err = apply(e, task, &event, now_ms, &after, &answer);
    return err == FERRY_OK && answer != FERRY_RESULT_OK ? FERRY_E_STATE : err;
}

ferry_err downloads_retry(struct engine *e, const struct download_task *task, const struct deployment *d, uint64_t release_ms,
                          uint64_t now_ms)
{
    struct download_event event = {.kind = DOWNLOAD_EV_RETRY, .release_ms = release_ms, .deployment = d};
    struct download_task after;
    ferry_result answer;
    ferry_err err = apply(e, task, &event, now_ms, &after, &answer);
    return err == FERRY_OK && answer != FERRY_RESULT_OK ? FERRY_E_STATE : err;
}

ferry_err downloads_resume(struct engine *e, const struct download_task *task, const struct deployment *d, uint64_t now_ms)
{
    struct download_event event = {.kind = DOWNLOAD_EV_RESUME, .deployment = d};
    struct download_task after;
    ferry_result ignored;
    return apply(e, task, &event, now_ms, &after, &ignored);
}

ferry_err downloads_cancel_device(struct engine *e, const struct device_key *device, uint64_t now_ms)
{
    for (;;) {
        size_t count = 0;
        ferry_err err =
            e->store->download_open(e->conn, device, NULL, e->open_downloads, ENGINE_OPEN_DOWNLOADS_MAX, &count);
        if (err != FERRY_OK || count == 0)
            return err;
        struct download_task last = e->open_downloads[count - 1]; /* last first: none is offered in between */
        err = downloads_cancel(e, &last, now_ms);
        if (err != FERRY_OK)
            return err;
    }
}
