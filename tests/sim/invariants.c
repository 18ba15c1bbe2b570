/* What must be so, whatever happens: looked at as a device, an operator or a reader of the store sees it. */
#include "sim.h"

#include "ferry/status.h"
#include "proto/message.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    VERSIONS = 64,        /* tasks of one name that are looked at */
    TURN_SLACK_MS = 1000, /* after a failed transaction, or beside other workers, the engine looks again after this */
};

/* --- steps ---------------------------------------------------------------------------------------------- */

/* Whatever the store says is due, the engine must not sleep over. */
void check_turn(struct worker *w, uint64_t again_ms)
{
    struct sim *s = w->sim;
    uint64_t due_ms = 0, now_ms = worker_now_ms(w);
    if (s->store->ops->next_due_ms(s->conn, &due_ms) != FERRY_OK)
        sim_fail(s, "the store cannot say what is due");
    else if (again_ms > due_ms && again_ms > now_ms + TURN_SLACK_MS)
        sim_fail(s, "worker %u sleeps over what is due: due in %" PRId64 " ms, it looks in %" PRId64 " ms", w->no,
                 (int64_t)(due_ms - now_ms), (int64_t)(again_ms - now_ms));
}

static bool name_is_removed(struct sim_device *d, ferry_text name)
{
    for (unsigned i = 0; i < d->jobs_count; i++) {
        if (d->jobs[i].removed && ferry_text_equal(name, ferry_text_of(d->jobs[i].name)))
            return true;
    }
    return false;
}

/* A URL that a device has is one of a task that is on disk. */
static void check_url(struct sim *s, unsigned device, const ferry_msg *msg)
{
    char url[FERRY_URL_MAX + 1];
    ferry_id id;
    union {
        struct upload_task upload;
        struct download_task download;
    } task;
    const char *at = ferry_text_copy(msg->url, url, sizeof url) ? strstr(url, "/o/") : NULL;
    if (at == NULL || !ferry_id_parse(at + 3, FERRY_ID_LEN, &id)) {
        sim_fail(s, "device %u is given a URL that is none: %s", device, url);
        return;
    }
    bool upload = msg->type == FERRY_MSG_CREATE_UPLOAD_TASK_RSP;
    ferry_err err = upload ? s->store->ops->upload_get(s->conn, &id, &task.upload)
                           : s->store->ops->download_get(s->conn, &id, &task.download);
    if (err != FERRY_OK && !(upload && name_is_removed(&s->devices[device], msg->name)))
        sim_fail(s, "device %u is given the URL of a task that is not there: %s", device, url);
    if (msg->size == 0)
        sim_fail(s, "device %u is offered a file of size 0", device);
}

void check_published(struct sim *s, unsigned device, const char *payload, size_t len)
{
    char copy[FERRY_DOWN_PACKET_MAX + 1];
    ferry_json_token tokens[FERRY_JSON_TOKENS_DEVICE];
    ferry_msg msg;
    if (len > FERRY_DOWN_PACKET_MAX) {
        sim_fail(s, "a message of %zu bytes to device %u: vendor devices cannot read it", len, device);
        return;
    }
    memcpy(copy, payload, len);
    copy[len] = '\0';
    if (ferry_msg_parse(copy, len, tokens, FERRY_JSON_TOKENS_DEVICE, &msg) != FERRY_PROTO_OK || msg.damaged) {
        sim_fail(s, "a message to device %u that cannot be read: %s", device, payload);
        return;
    }
    bool report =
        msg.type == FERRY_MSG_REPORT_UPLOAD_PROGRESS_RSP || msg.type == FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP;
    if (report && (msg.has & FERRY_HAS_RESULT_CODE) == 0)
        sim_fail(s, "an answer to a report of device %u without result_code", device);
    if (!report && msg.url.ptr != NULL && msg.url.len > 0)
        check_url(s, device, &msg);
}

/* --- what somebody was told ----------------------------------------------------------------------------- */

/* 1: whole, and these bytes; 0: others; -1: it is not there. */
static int object_is(struct sim *s, const ferry_id *key, struct content content)
{
    struct objects *o = s->objects;
    struct object_reader *reader = NULL;
    uint8_t bytes[CONTENT_MAX];
    uint64_t size = 0;
    size_t len = 0;
    if (o->ops->read_open(o, key, &reader, &size) != FERRY_OK)
        return -1;
    bool read = o->ops->read_at(reader, 0, bytes, sizeof bytes, &len) == FERRY_OK;
    o->ops->read_close(reader);
    return read && content_is(content, bytes, len) && len == size;
}

static const struct job *job_of(struct sim *s, const struct upload_task *task)
{
    struct sim_device *d = &s->devices[strtoul(task->device.device + 1, NULL, 10)];
    char md5[FERRY_MD5_HEX + 1];
    for (unsigned i = 0; i < d->jobs_count; i++) {
        if (strcmp(d->jobs[i].name, task->name) != 0 || d->jobs[i].content.size != task->size)
            continue;
        content_md5(d->jobs[i].content, md5);
        if (strcmp(md5, task->md5) == 0)
            return &d->jobs[i];
    }
    return NULL;
}

void check_stored(struct sim *s, const ferry_id *id)
{
    struct upload_task task;
    ferry_err err = s->store->ops->upload_get(s->conn, id, &task);
    if (err == FERRY_E_NOT_FOUND && (s->plan.faults & 1u << FAULT_CANCEL) != 0)
        return; /* it was removed with the same commit */
    const struct job *job = err == FERRY_OK ? job_of(s, &task) : NULL;
    if (job == NULL || task.stored_ms == 0)
        sim_fail(s, "upload task %s was answered with success, and is not stored", id->text);
    else if (object_is(s, id, job->content) != 1)
        sim_fail(s, "upload task %s was answered with success, and its object is %s", id->text,
                 object_is(s, id, job->content) == 0 ? "other bytes" : "not there");
    s->figures.acknowledged++;
}

/* The device was told that its file is there: it is, in a task that is done. */
void check_job(struct sim_device *d, const struct job *job)
{
    struct sim *s = d->sim;
    struct upload_task *tasks = sim_alloc(VERSIONS * sizeof *tasks);
    struct device_key key;
    char md5[FERRY_MD5_HEX + 1];
    size_t count = 0;
    bool found = false;
    content_md5(job->content, md5);
    if (!device_key_make("P", d->name, &key) ||
        s->store->ops->upload_named(s->conn, &key, job->name, tasks, VERSIONS, &count) != FERRY_OK)
        sim_fail(s, "the tasks of device %u cannot be read", d->no);
    for (size_t i = 0; i < count && !found; i++)
        found = tasks[i].state == UPLOAD_DONE && strcmp(tasks[i].md5, md5) == 0 &&
                object_is(s, &tasks[i].id, job->content) == 1;
    free(tasks);
    if (!found && !job->removed)
        sim_fail(s, "device %u was told that %s is done, and it is not", d->no, job->name);
    s->figures.acknowledged++;
}

/* Tasks of the device that are done, of that name and MD5. */
static unsigned tasks_done(struct sim_device *d, const char *name, const char *md5)
{
    struct sim *s = d->sim;
    struct download_task *tasks = sim_alloc(FERRY_PAGE_MAX * sizeof *tasks);
    struct download_filter filter = {.product = "P", .device = d->name, .state = DOWNLOAD_DONE};
    ferry_id last = {""};
    size_t count = FERRY_PAGE_MAX;
    unsigned done = 0;
    while (count == FERRY_PAGE_MAX) {
        struct store_page page = {.after = last.text, .limit = FERRY_PAGE_MAX};
        if (s->store->ops->download_list(s->conn, &filter, &page, tasks, &count) != FERRY_OK) {
            sim_fail(s, "the tasks of device %u cannot be read", d->no);
            break;
        }
        for (size_t i = 0; i < count; i++)
            done += strcmp(tasks[i].name, name) == 0 && strcmp(tasks[i].md5, md5) == 0;
        if (count > 0)
            last = tasks[count - 1].id;
    }
    free(tasks);
    return done;
}

/* The device was told that the platform knows: it does. */
void check_received(struct sim_device *d, const char *name, const char *md5)
{
    if (tasks_done(d, name, md5) == 0 && (d->sim->plan.faults & 1u << FAULT_CANCEL) == 0)
        sim_fail(d->sim, "device %u was told that its report of %s was taken, and it was not", d->no, name);
    d->sim->figures.acknowledged++;
}

void check_bytes(struct sim_device *d, ferry_lane lane)
{
    ferry_lane_status status;
    if (!d->on || (d->sim->plan.faults & (1u << FAULT_TORN | 1u << FAULT_FLIP)) != 0)
        return;
    ferry_device_status(&d->machine, lane, &status);
    if (status.err == FERRY_DEVICE_E_DIGEST)
        sim_fail(d->sim, "device %u %s %s with another MD5, and nothing was damaged", d->no,
                 lane == FERRY_LANE_UP ? "has sent" : "has fetched", status.name);
}

static void check_objects_in(struct sim *s, upload_state state)
{
    struct upload_task *list = sim_alloc(FERRY_PAGE_MAX * sizeof *list);
    struct upload_filter filter = {.state = state};
    ferry_id last = {""};
    size_t count = FERRY_PAGE_MAX;
    while (count == FERRY_PAGE_MAX && !s->failed) {
        struct store_page page = {.after = last.text, .limit = FERRY_PAGE_MAX};
        uint64_t size = 0;
        if (s->store->ops->upload_list(s->conn, &filter, &page, list, &count) != FERRY_OK)
            sim_fail(s, "upload tasks cannot be listed");
        for (size_t i = 0; i < count; i++) {
            if (s->objects->ops->stat(s->objects, &list[i].id, &size) != FERRY_OK || size != list[i].size)
                sim_fail(s, "upload task %s is %s, and a start has left no object of it", list[i].id.text,
                         upload_state_name(state));
        }
        if (count > 0)
            last = list[count - 1].id;
    }
    free(list);
}

void check_start(struct sim *s)
{
    check_objects_in(s, UPLOAD_STORED);
    check_objects_in(s, UPLOAD_DONE);
}

void check_whole(struct sim *s)
{
    events_read(s);
}

/* --- has everything ended? ------------------------------------------------------------------------------ */

static bool device_rests(struct sim_device *d, const char **ret_why)
{
    ferry_lane_status up, down;
    *ret_why = "a device is off";
    if (!d->on)
        return false;
    *ret_why = "a file of a device is not sent";
    if (d->jobs_next < d->jobs_count)
        return false;
    ferry_device_status(&d->machine, FERRY_LANE_UP, &up);
    ferry_device_status(&d->machine, FERRY_LANE_DOWN, &down);
    *ret_why = "a device's upload goes on";
    if (up.phase != FERRY_PHASE_IDLE && up.phase != FERRY_PHASE_KEPT)
        return false;
    *ret_why = "a device's download goes on";
    return down.phase == FERRY_PHASE_IDLE || down.phase == FERRY_PHASE_ASK;
}

static bool has_failed_tasks(struct sim *s)
{
    static const download_state states[] = {DOWNLOAD_FAILED, DOWNLOAD_TIMED_OUT, DOWNLOAD_REJECTED};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        struct download_filter filter = {.state = states[i]};
        ferry_id last = {""};
        struct download_task task;
        size_t count = 1;
        while (count == 1) {
            struct store_page page = {.after = last.text, .limit = 1};
            struct deployment d;
            if (s->store->ops->download_list(s->conn, &filter, &page, &task, &count) != FERRY_OK || count == 0)
                break;
            last = task.id;
            if (s->store->ops->deployment_get(s->conn, &task.deployment, &d) == FERRY_OK &&
                d.state != DEPLOYMENT_CANCELLED)
                return true;
        }
    }
    return false;
}

bool check_ended(struct sim *s, const char **ret_why)
{
    struct store_totals totals;
    for (unsigned i = 0; i < s->plan.workers; i++) {
        *ret_why = "a worker is not there";
        if (!worker_runs(&s->workers[i]))
            return false;
    }
    *ret_why = "an order of the operator is not answered";
    if (s->orders_open > 0)
        return false;
    for (unsigned i = 0; i < s->plan.devices; i++) {
        if (!device_rests(&s->devices[i], ret_why))
            return false;
    }
    *ret_why = "the store cannot be read";
    if (s->store->ops->totals(s->conn, &totals) != FERRY_OK)
        return false;
    *ret_why = "a download task is open";
    if (totals.downloads_open > 0)
        return false;
    *ret_why = "a failed download task was not tried again";
    if (has_failed_tasks(s))
        return false;
    *ret_why = "a deployment is open without an open task";
    if (totals.deployments_open > 0)
        return false;
    if (s->figures.moved_ms == 0)
        s->figures.moved_ms = s->now_ms - s->heal_ms;
    *ret_why = "an upload task that nobody uses is open"; /* its time has to run out */
    return totals.uploads_open == 0;
}

/* --- the end -------------------------------------------------------------------------------------------- */

struct sums {
    uint64_t uploads, stored, done;
};

static void check_upload(struct sim *s, const struct upload_task *task, struct sums *sums)
{
    const struct job *job = job_of(s, task);
    bool whole = task->state == UPLOAD_DONE || task->state == UPLOAD_STORED;
    sums->uploads++;
    sums->stored += task->stored_ms != 0;
    if (job == NULL)
        sim_fail(s, "upload task %s is of a file that no device has", task->id.text);
    else if (whole && object_is(s, &task->id, job->content) != 1)
        sim_fail(s, "upload task %s is %s, and its object is not whole", task->id.text, upload_state_name(task->state));
    else if (upload_state_open(task->state))
        sim_fail(s, "upload task %s is still open", task->id.text);
}

static void check_uploads(struct sim *s, struct sums *sums)
{
    struct upload_task *list = sim_alloc(FERRY_PAGE_MAX * sizeof *list);
    ferry_id last = {""};
    size_t count = FERRY_PAGE_MAX;
    while (count == FERRY_PAGE_MAX && !s->failed) {
        struct store_page page = {.after = last.text, .limit = FERRY_PAGE_MAX};
        if (s->store->ops->upload_list(s->conn, &(struct upload_filter){0}, &page, list, &count) != FERRY_OK)
            sim_fail(s, "upload tasks cannot be listed");
        for (size_t i = 0; i < count; i++)
            check_upload(s, &list[i], sums);
        if (count > 0)
            last = list[count - 1].id;
    }
    free(list);
}

static unsigned commits_of(struct sim_device *d, int resource)
{
    for (unsigned i = 0; i < d->received_count; i++) {
        if ((int)d->received[i].resource == resource)
            return d->received[i].commits;
    }
    return 0;
}

static void check_download(struct sim *s, const struct download_task *task, struct sums *sums)
{
    struct sim_device *d = &s->devices[strtoul(task->device.device + 1, NULL, 10)];
    int resource = operator_resource_of(s, task->name, task->md5);
    if (task->state != DOWNLOAD_DONE)
        return;
    sums->done++;
    if (task->name[0] == '\0') /* the resource was removed after it was delivered */
        return;
    if (resource < 0 || commits_of(d, resource) == 0)
        sim_fail(s, "download task %s is done, and device %u has no such file", task->id.text, d->no);
}

static void check_downloads(struct sim *s, struct sums *sums)
{
    struct download_task *list = sim_alloc(FERRY_PAGE_MAX * sizeof *list);
    ferry_id last = {""};
    size_t count = FERRY_PAGE_MAX;
    while (count == FERRY_PAGE_MAX && !s->failed) {
        struct store_page page = {.after = last.text, .limit = FERRY_PAGE_MAX};
        if (s->store->ops->download_list(s->conn, &(struct download_filter){0}, &page, list, &count) != FERRY_OK)
            sim_fail(s, "download tasks cannot be listed");
        for (size_t i = 0; i < count; i++)
            check_download(s, &list[i], sums);
        if (count > 0)
            last = list[count - 1].id;
    }
    free(list);
}

/* Without a kill and without removals the counters say exactly what is there; with them they cannot say more. */
static void check_counters(struct sim *s, const struct sums *sums)
{
    struct engine_stats stats;
    bool exact = s->figures.crashes == 0 && (s->plan.faults & 1u << FAULT_CANCEL) == 0;
    platform_stats(s, &stats);
    if (exact && (stats.uploads_created_total != sums->uploads || stats.uploads_stored_total != sums->stored ||
                  stats.downloads_done_total != sums->done))
        sim_fail(s,
                 "counters: %" PRIu64 " uploads made, %" PRIu64 " stored, %" PRIu64
                 " downloads done; in the store %" PRIu64 ", %" PRIu64 ", %" PRIu64,
                 stats.uploads_created_total, stats.uploads_stored_total, stats.downloads_done_total, sums->uploads,
                 sums->stored, sums->done);
    if ((s->plan.faults & 1u << FAULT_CANCEL) == 0 &&
        (stats.uploads_created_total > sums->uploads || stats.downloads_done_total > sums->done))
        sim_fail(s, "the counters tell of more than there is");
}

/* When nothing fails, nothing is sent or fetched twice. The same file twice in a moment is an exception that the engine makes
 * (a device may repeat its `done`). */
static void check_once(struct sim *s, const struct sums *sums)
{
    uint64_t commits = 0, jobs = 0;
    for (unsigned i = 0; i < s->plan.devices; i++) {
        struct sim_device *d = &s->devices[i];
        jobs += d->jobs_count;
        for (unsigned k = 0; k < d->received_count; k++) {
            const struct received *got = &d->received[k];
            const struct sim_resource *r = &s->resources[got->resource];
            commits += got->commits;
            if (s->plan.faults == 0 && got->commits > 1 && tasks_done(d, r->name, r->md5) < 2)
                sim_fail(s, "device %u has fetched %s %u times", d->no, r->name, got->commits);
        }
    }
    s->figures.fetched_again = commits > sums->done ? commits - sums->done : 0;
    if (s->plan.faults == 0 && (jobs != sums->uploads || s->figures.uploads != jobs))
        sim_fail(s, "%" PRIu64 " files to send in %" PRIu64 " tasks", jobs, sums->uploads);
}

/* Who is on the list of objects, and belongs to nothing. */
static bool belongs(void *arg, const ferry_id *key)
{
    struct sim *s = arg;
    struct upload_task task;
    struct resource resource;
    bool known = s->store->ops->upload_get(s->conn, key, &task) == FERRY_OK ||
                 s->store->ops->resource_get(s->conn, key, &resource) == FERRY_OK;
    if (!known && s->figures.crashes == 0 && (s->plan.faults & 1u << FAULT_COMMIT) == 0)
        sim_fail(s, "object %s belongs to nothing", key->text);
    return true;
}

static bool any_partial(void *arg, const ferry_id *key)
{
    (void)arg, (void)key;
    return true;
}

void check_end(struct sim *s)
{
    struct sums sums = {.uploads = 0};
    uint64_t removed = 0;
    for (unsigned i = 0; i < s->plan.devices && !s->failed; i++) {
        for (unsigned k = 0; k < s->devices[i].jobs_count && !s->failed; k++)
            check_job(&s->devices[i], &s->devices[i].jobs[k]);
    }
    check_uploads(s, &sums);
    check_downloads(s, &sums);
    check_counters(s, &sums);
    check_once(s, &sums);
    ferry_drop(s->objects->ops->sweep(s->objects, belongs, any_partial, s, &removed));
    events_read(s);
    events_check_tasks(s);
}
