/* Upload tasks: what device messages, the object plane, the operator and timers do to them. */
#include "engine_internal.h"

#include "base/log.h"
#include "report_name.h"
#include "report_text.h"
#include "upload_rules.h"

#include <string.h>

static ferry_err save(struct engine *e, const struct upload_task *before, const struct upload_task *after)
{
    bool newly_stored = after->stored_ms != 0 && (before == NULL || before->stored_ms == 0);
    ferry_err err = e->store->upload_put(e->conn, after);
    if (err == FERRY_OK)
        err = events_upload(e, before, after);
    if (err == FERRY_OK && newly_stored)
        err = engine_count(e, ENGINE_STAT(uploads_stored_total));
    return err;
}

/* Applies an event and stores the task if it changed. */
static ferry_err apply(struct engine *e, const struct upload_task *task, const struct upload_event *event,
                       uint64_t now_ms, struct upload_task *ret_after, ferry_result *ret_answer)
{
    *ret_answer = upload_apply(task, event, now_ms, e->settings.url_life_s, ret_after);
    return upload_changed(task, ret_after) ? save(e, task, ret_after) : FERRY_OK;
}

/* --- device messages ------------------------------------------------------------------------------ */

static ferry_err refuse(struct engine *e, const struct device_message *m, ferry_result why)
{
    ferry_msg refusal = answers_refusal(&m->msg, why);
    return answers_send(e, &m->device, &refusal);
}

static ferry_err answer_with_url(struct engine *e, const struct device_message *m, const struct upload_task *task,
                                 uint64_t now_ms)
{
    char url_text[FERRY_URL_MAX + 1];
    struct object_url url = {
        .method = OBJECT_PUT,
        .task = task->id,
        .key = task->id,
        .size = task->size,
    };
    memcpy(url.md5, task->md5, sizeof url.md5);
    ferry_err err = answers_sign(e, &url, now_ms, url_text);
    if (err != FERRY_OK)
        return err;

    ferry_msg answer = answers_refusal(&m->msg, FERRY_RESULT_OK);
    answer.md5sum = ferry_text_of(task->md5);
    answer.url = ferry_text_of(url_text);
    if (answer.request_id.ptr != NULL) {
        answer.has |= FERRY_HAS_EXPIRES;
        answer.expires = url.expires_s;
    } else {
        answer.has &= ~(uint32_t)FERRY_HAS_RESULT_CODE; /* the vendor's answer has none */
    }
    return answers_send(e, &m->device, &answer);
}

static struct upload_task new_task(struct engine *e, const struct device_message *m, const char *name,
                                   const char *md5, uint64_t now_ms)
{
    struct upload_task task = {
        .id = engine_new_id(e, now_ms),
        .device = m->device,
        .size = m->msg.size,
        .state = UPLOAD_CREATED,
        .created_ms = now_ms,
        .updated_ms = now_ms,
        .expires_ms = now_ms + 1000ull * e->settings.url_life_s,
    };
    memcpy(task.md5, md5, sizeof task.md5);
    memcpy(task.name, name, sizeof task.name);
    return task;
}

static void lower_hex(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text >= 'A' && *text <= 'F')
            *text = (char)(*text - 'A' + 'a');
    }
}

static ferry_err cancel_replaced(struct engine *e, const struct upload_task *task, uint64_t now_ms)
{
    struct upload_event cancel = {.kind = UPLOAD_EV_CANCEL};
    struct upload_task after;
    ferry_result ignored;
    ferry_err err = apply(e, task, &cancel, now_ms, &after, &ignored);
    if (err == FERRY_OK)
        err = engine_revoked(e);
    return err == FERRY_OK ? effects_remove_partial(&e->effects, &task->id) : err;
}

static ferry_err begin(struct engine *e, const struct device_message *m, const char *name, const char *md5,
                       uint64_t now_ms)
{
    struct upload_task task = new_task(e, m, name, md5, now_ms);
    ferry_err err = save(e, NULL, &task);
    if (err == FERRY_OK)
        err = engine_count(e, ENGINE_STAT(uploads_created_total));
    return err == FERRY_OK ? answer_with_url(e, m, &task, now_ms) : err;
}

static ferry_err go_on(struct engine *e, const struct device_message *m, const struct upload_task *same,
                       uint64_t now_ms)
{
    struct upload_task again = *same;
    again.updated_ms = now_ms;
    again.expires_ms = now_ms + 1000ull * e->settings.url_life_s;
    ferry_err err = save(e, same, &again);
    return err == FERRY_OK ? answer_with_url(e, m, &again, now_ms) : err;
}

static ferry_err on_valid_create(struct engine *e, const struct device_message *m, uint64_t now_ms)
{
    char name[FERRY_NAME_MAX + 1] = {0};
    char md5[FERRY_MD5_HEX + 1] = {0};
    if (!ferry_text_copy(m->msg.name, name, sizeof name) || !ferry_text_copy(m->msg.md5sum, md5, sizeof md5))
        return FERRY_E_ARG;
    lower_hex(md5);

    size_t count = 0;
    ferry_err err = e->store->upload_open(e->conn, &m->device, e->uploads, ENGINE_UNFINISHED_MAX, &count);
    if (err != FERRY_OK)
        return err;
    struct upload_plan plan = upload_plan_request(e->uploads, count, name, m->msg.size, md5);
    const struct upload_task *giving_way = plan.replace;
    if (plan.same == NULL && giving_way == NULL && plan.open_count >= e->settings.uploads_open_max) {
        giving_way = upload_silent(plan.quietest, now_ms) ? plan.quietest : NULL;
        if (giving_way == NULL)
            return refuse(e, m, FERRY_RESULT_TOO_MANY_TASKS);
    }
    quota_verdict verdict = QUOTA_FITS;
    if (plan.same == NULL)
        err = quotas_ask(e, m->device.product, m->device.device, m->msg.size, giving_way, &verdict);
    if (err == FERRY_OK && verdict != QUOTA_FITS)
        return refuse(e, m, FERRY_RESULT_QUOTA);
    if (err == FERRY_OK && giving_way != NULL)
        err = cancel_replaced(e, giving_way, now_ms);
    if (err != FERRY_OK)
        return err;
    return plan.same != NULL ? go_on(e, m, plan.same, now_ms) : begin(e, m, name, md5, now_ms);
}

static ferry_err on_create(struct engine *e, const struct device_message *m, uint64_t now_ms)
{
    ferry_result verdict = FERRY_RESULT_BAD_JSON;
    if (!m->msg.damaged)
        verdict = upload_check_request(m->msg.name, (m->msg.has & FERRY_HAS_SIZE) != 0, m->msg.size, m->msg.md5sum,
                                       e->settings.object_size_max);
    return verdict == FERRY_RESULT_OK ? on_valid_create(e, m, now_ms) : refuse(e, m, verdict);
}

/* The newest task of exactly that name, and that MD5 if the report says one, in any state. */
static ferry_err find_latest(struct engine *e, const struct device_message *m, struct upload_task *ret_task)
{
    char name[FERRY_NAME_MAX + 1];
    size_t count = 0;
    if (!ferry_name_valid(m->msg.name) || !ferry_text_copy(m->msg.name, name, sizeof name))
        return FERRY_E_NOT_FOUND;
    ferry_err err = e->store->upload_named(e->conn, &m->device, name, e->uploads,
                                          report_says_md5(m->msg.md5sum) ? ENGINE_NAMED_MAX : 1, &count);
    for (size_t i = 0; err == FERRY_OK && i < count; i++) {
        if (report_md5_fits(m->msg.md5sum, e->uploads[i].md5)) {
            memcpy(ret_task, &e->uploads[i], sizeof *ret_task);
            return FERRY_OK;
        }
    }
    return err != FERRY_OK ? err : FERRY_E_NOT_FOUND;
}

/* The unfinished task that the name fits. A `done` means the one whose object is here before one without: a late
 * duplicate of an old request may have opened another task of that name. */
static struct report_best match_name(const struct upload_task *tasks, size_t count, const ferry_msg *report)
{
    struct report_best best = {.fit = NAME_OTHER};
    for (size_t i = 0; i < count; i++) {
        if (!report_md5_fits(report->md5sum, tasks[i].md5))
            continue;
        report_name_fit fit = report_name_fits(report->name, tasks[i].name, tasks[i].md5);
        if (fit == NAME_EXACT && report->state == FERRY_PROGRESS_DONE && tasks[i].state == UPLOAD_STORED)
            return (struct report_best){.fit = fit, .task = &tasks[i]};
        report_best_add(&best, fit, &tasks[i]);
    }
    return best;
}

/* The task a report means, of those with its MD5 if it says one: an unfinished one of that name; else an ended one; else
 * the unfinished one whose name devices garble so; else, without MD5, the only one. NOT_FOUND: none. */
static ferry_err find_reported(struct engine *e, const struct device_message *m, uint64_t now_ms,
                               struct upload_task *ret_task)
{
    size_t count = 0;
    ferry_err err = e->store->upload_open(e->conn, &m->device, e->open_uploads, ENGINE_UNFINISHED_MAX, &count);
    if (err != FERRY_OK)
        return err;
    struct report_best best = match_name(e->open_uploads, count, &m->msg);
    if (best.fit != NAME_EXACT) {
        err = find_latest(e, m, ret_task);
        if (err != FERRY_E_NOT_FOUND)
            return err;
    }
    if (best.task == NULL && !report_says_md5(m->msg.md5sum))
        best.task = upload_match_only(e->open_uploads, count, now_ms);
    if (best.task == NULL)
        return FERRY_E_NOT_FOUND;
    memcpy(ret_task, best.task, sizeof *ret_task);
    return FERRY_OK;
}

/* What devices send straight to a store is not known before that was asked. */
static bool must_ask(const struct engine *e, const struct device_message *m, const struct upload_task *task)
{
    return e->errands != NULL && m->msg.state == FERRY_PROGRESS_DONE && m->looked == LOOKED_NOT && task->stored_ms == 0 &&
           task->state != UPLOAD_CANCELLED;
}

static ferry_err ask(struct engine *e, const struct device_message *m, const struct upload_task *task)
{
    if (!errands_room(e))
        return answers_report(e, m, FERRY_RESULT_BUSY);
    return effects_errand(&e->effects, ERRAND_REPORT, &task->id, task->size, task->md5, e->item);
}

static bool object_present(struct engine *e, const struct upload_task *task)
{
    if (e->errands != NULL)
        return task->stored_ms != 0;
    struct objects *objects = e->parts.objects;
    uint64_t size = 0;
    return objects->ops->stat(objects, &task->id, &size) == FERRY_OK && size == task->size;
}

static ferry_err on_report(struct engine *e, const struct device_message *m, uint64_t now_ms)
{
    static const upload_event_kind kinds[] = {
        [FERRY_PROGRESS_RUNNING] = UPLOAD_EV_RUNNING,
        [FERRY_PROGRESS_DONE] = UPLOAD_EV_DONE,
        [FERRY_PROGRESS_FAIL] = UPLOAD_EV_FAIL,
    };
    if (m->msg.state == FERRY_PROGRESS_NONE)
        return answers_report(e, m, FERRY_RESULT_BAD_JSON);
    struct upload_task task;
    ferry_err err = find_reported(e, m, now_ms, &task);
    if (err == FERRY_E_NOT_FOUND)
        return answers_report(e, m, FERRY_RESULT_NO_TASK);
    if (err != FERRY_OK)
        return err;

    if (must_ask(e, m, &task))
        return ask(e, m, &task);
    char result_msg[FERRY_RESULT_MSG_MAX + 1];
    report_text_copy(m->msg.result_msg, result_msg);
    err = reports_keep(e, &task.id, &m->msg, result_msg, now_ms);
    if (err == FERRY_OK && m->looked == LOOKED_IN_VAIN && task.stored_ms == 0)
        return answers_report(e, m, FERRY_RESULT_BUSY);
    if (err != FERRY_OK)
        return err;
    struct upload_event event = {
        .kind = kinds[m->msg.state],
        .percent = m->msg.percent,
        .result_code = m->msg.result_code,
        .result_msg = result_msg,
    };
    if (event.kind == UPLOAD_EV_DONE)
        event.object_present = object_present(e, &task);
    struct upload_task after;
    ferry_result answer;
    err = apply(e, &task, &event, now_ms, &after, &answer);
    return err == FERRY_OK ? answers_report(e, m, answer) : err;
}

ferry_err uploads_on_message(struct engine *e, const struct device_message *m, uint64_t now_ms)
{
    return m->msg.type == FERRY_MSG_CREATE_UPLOAD_TASK ? on_create(e, m, now_ms) : on_report(e, m, now_ms);
}

/* --- commands of the HTTP side ------------------------------------------------------------------- */

/* A transfer of the same bytes that was refused just now takes the object along. */
static bool is_taken_away(struct engine *e, const struct upload_task *task)
{
    return effects_removes_object(&e->effects, &task->id) || (e->errands == NULL && !object_present(e, task));
}

static ferry_err on_bytes(struct engine *e, struct command *cmd, const struct upload_task *task, uint64_t now_ms)
{
    struct upload_event event = {
        .kind = cmd->kind == CMD_UPLOAD_STORED ? UPLOAD_EV_STORED : UPLOAD_EV_ACTIVE,
    };
    struct device device;
    ferry_result answer;
    bool again = cmd->kind == CMD_UPLOAD_STORED && task->stored_ms != 0;
    ferry_err err = e->store->device_get(e->conn, &task->device, &device);
    if (err == FERRY_OK && device.disabled && !again)
        return engine_fail(cmd, FERRY_E_STATE, "device %s/%s is disabled", task->device.product, task->device.device);
    if (err != FERRY_OK && err != FERRY_E_NOT_FOUND) /* of a removed device every task is cancelled */
        return err;
    quota_verdict verdict = QUOTA_FITS;
    err = FERRY_OK;
    if (task->state == UPLOAD_FAILED || task->state == UPLOAD_EXPIRED) /* gave its room back, and wants it again */
        err = quotas_ask(e, task->device.product, task->device.device, task->size, NULL, &verdict);
    if (err == FERRY_OK && verdict != QUOTA_FITS)
        return engine_fail(cmd, FERRY_E_QUOTA, "upload task %s does not fit into the quota any more", task->id.text);
    if (err == FERRY_OK && event.kind == UPLOAD_EV_STORED && is_taken_away(e, task))
        return engine_fail(cmd, FERRY_E_BUSY, "the object of upload task %s is not there any more: send it again", task->id.text);
    if (err == FERRY_OK)
        err = apply(e, task, &event, now_ms, &cmd->upload, &answer);
    if (err != FERRY_OK || answer == FERRY_RESULT_OK)
        return err;
    return engine_fail(cmd, FERRY_E_STATE, "upload task %s was cancelled: ask for a new one", task->id.text);
}

/* Message 10 makes the device stop; the wire has no better word for "the operator does not want it". */
static ferry_err tell_cancelled(struct engine *e, const struct device_key *device)
{
    ferry_msg msg = {
        .type = FERRY_MSG_UPLOAD_RESULT,
        .has = FERRY_HAS_RESULT_CODE,
        .result_code = FERRY_RESULT_CANCELLED,
        .result_msg = ferry_text_of(ferry_result_text(FERRY_RESULT_CANCELLED)),
    };
    return answers_send(e, device, &msg);
}

static ferry_err on_remove(struct engine *e, const struct upload_task *task, uint64_t now_ms)
{
    ferry_err err = FERRY_OK;
    if (upload_state_open(task->state))
        err = tell_cancelled(e, &task->device);
    if (err == FERRY_OK)
        err = e->store->upload_remove(e->conn, &task->id);
    if (err == FERRY_OK)
        err = events_upload_removed(e, task, now_ms);
    if (err == FERRY_OK)
        err = effects_remove_partial(&e->effects, &task->id);
    if (err == FERRY_OK)
        err = engine_revoked(e);
    return err == FERRY_OK ? effects_remove_object(&e->effects, &task->id) : err;
}

static ferry_err expire(struct engine *e, const struct upload_task *task, uint64_t now_ms)
{
    struct upload_event over = {.kind = UPLOAD_EV_EXPIRE};
    struct upload_task after;
    ferry_result ignored;
    ferry_err err = apply(e, task, &over, now_ms, &after, &ignored);
    return err == FERRY_OK ? effects_remove_partial(&e->effects, &after.id) : err;
}

/* It was put off while its object was looked for: unless it was heard of meanwhile, that was its end. */
static ferry_err on_expire(struct engine *e, const struct upload_task *task, uint64_t now_ms)
{
    bool over = upload_state_open(task->state) && task->expires_ms <= now_ms + ERRAND_TIME_MS;
    return over ? expire(e, task, now_ms) : FERRY_OK;
}

ferry_err uploads_on_command(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct upload_task task;
    ferry_err err = e->store->upload_get(e->conn, &cmd->id, &task);
    if (cmd->kind == CMD_UPLOAD_UNWANTED && (err == FERRY_OK || err == FERRY_E_NOT_FOUND))
        return err == FERRY_OK && task.stored_ms != 0 ? FERRY_OK : effects_remove_object(&e->effects, &cmd->id);
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "there is no upload task %s", cmd->id.text);
    if (err != FERRY_OK)
        return err;
    cmd->upload = task;
    if (cmd->kind == CMD_UPLOAD_EXPIRE)
        return on_expire(e, &task, now_ms);
    return cmd->kind == CMD_UPLOAD_REMOVE ? on_remove(e, &task, now_ms) : on_bytes(e, cmd, &task, now_ms);
}

/* --- timers and others --------------------------------------------------------------------------- */

static ferry_err look_first(struct engine *e, struct upload_task *task, uint64_t now_ms)
{
    task->expires_ms = now_ms + ERRAND_TIME_MS;
    ferry_err err = e->store->upload_put(e->conn, task);
    if (err != FERRY_OK || !errands_room(e))
        return err;
    return effects_errand(&e->effects, ERRAND_EXPIRY, &task->id, task->size, task->md5, 0);
}

ferry_err uploads_expire(struct engine *e, uint64_t now_ms, bool *ret_more)
{
    size_t count = 0, done = 0, most = turn_background(e, ENGINE_DUE_STEP);
    ferry_err err = e->store->upload_due(e->conn, now_ms, e->uploads, most, &count);
    for (; err == FERRY_OK && done < count && !turn_gives_way(e, done); done++)
        err = e->errands != NULL ? look_first(e, &e->uploads[done], now_ms) : expire(e, &e->uploads[done], now_ms);
    *ret_more = count == most || done < count;
    return err;
}

ferry_err uploads_cancel_device(struct engine *e, const struct device_key *device, uint64_t now_ms)
{
    size_t count = 0;
    ferry_err err = e->store->upload_open(e->conn, device, e->uploads, ENGINE_UNFINISHED_MAX, &count);
    for (size_t i = 0; err == FERRY_OK && i < count; i++) {
        if (upload_state_open(e->uploads[i].state))
            err = cancel_replaced(e, &e->uploads[i], now_ms);
    }
    return err;
}
