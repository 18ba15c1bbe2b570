/* Why tasks of a deployment failed: found by walking over them. */
#include "conn.h"
#include "ops.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>

static int compare_causes(const void *a, const void *b)
{
    const struct failure_cause *left = a, *right = b;

    if (left->state != right->state)
        return left->state < right->state ? -1 : 1;
    if (left->result_code != right->result_code)
        return left->result_code < right->result_code ? -1 : 1;
    return strcmp(left->result_msg, right->result_msg);
}

static int most_first(const void *a, const void *b)
{
    const struct failure_cause *left = a, *right = b;

    if (left->count != right->count)
        return left->count > right->count ? -1 : 1;
    return compare_causes(a, b);
}

/* Each a cause of its own; arg collects, nothing is taken. */
struct collecting {
    struct failure_cause *causes;
    size_t *count;
};

static smem_verdict collect_cause(const void *data, const void *arg)
{
    const struct download_task *task = data;
    const struct collecting *collecting = arg;

    if (!download_state_failed(task->state))
        return SMEM_SKIP;
    struct failure_cause *cause = &collecting->causes[(*collecting->count)++];
    *cause = (struct failure_cause){.state = task->state, .result_code = task->result_code, .count = 1};
    memcpy(cause->result_msg, task->result_msg, sizeof(cause->result_msg));
    return SMEM_SKIP;
}

/* Those that are the same, which lie side by side, become one. Returns how many are left. */
static size_t merge(struct failure_cause *causes, size_t count)
{
    size_t merged = 0;

    for (size_t i = 0; i < count; i++) {
        if (merged > 0 && compare_causes(&causes[merged - 1], &causes[i]) == 0)
            causes[merged - 1].count++;
        else
            causes[merged++] = causes[i];
    }
    return merged;
}

ferry_err smem_deployment_causes(struct store_conn *c, const ferry_id *id, struct failure_cause *out, size_t cap,
                                 size_t *ret_count, uint64_t *ret_all)
{
    struct row_download probe = {.due_ms = 0};
    const struct smem_walk walk = {
        .table = SMEM_DOWNLOADS, .index = DOWNLOAD_BY_DEPLOYMENT, .probe = &probe, .same_fields = 1};
    ferry_err err = smem_set_id(&probe.task.deployment, id);
    smem_auto_reading reading = smem_read_begin(c);
    size_t all = 0;

    if (err != FERRY_OK)
        return err;
    ferry_autofree struct failure_cause *causes =
        ferry_calloc(reading.db->tables[SMEM_DOWNLOADS].count[reading.view] + 1, sizeof(*causes));
    if (causes == NULL)
        return FERRY_E_NOMEM;
    (void)smem_collect(reading.db, reading.view, &walk, collect_cause,
                       &(struct collecting){.causes = causes, .count = &all}, NULL, 0, 1);
    qsort(causes, all, sizeof(*causes), compare_causes);
    size_t count = merge(causes, all);
    qsort(causes, count, sizeof(*causes), most_first);
    *ret_count = count < cap ? count : cap;
    memcpy(out, causes, *ret_count * sizeof(*out));
    *ret_all = all;
    return FERRY_OK;
}

/* arg counts, nothing is taken. */
struct matching {
    const struct retry_cause *cause;
    uint64_t *count;
};

static smem_verdict count_matching(const void *data, const void *arg)
{
    const struct download_task *task = data;
    const struct matching *matching = arg;

    *matching->count += retry_cause_fits(matching->cause, task);
    return SMEM_SKIP;
}

ferry_err smem_deployment_failed(struct store_conn *c, const ferry_id *id, const struct retry_cause *cause, uint64_t *ret_count)
{
    struct row_download probe = {.due_ms = 0};
    const struct smem_walk walk = {
        .table = SMEM_DOWNLOADS, .index = DOWNLOAD_BY_DEPLOYMENT, .probe = &probe, .same_fields = 1};
    ferry_err err = smem_set_id(&probe.task.deployment, id);
    smem_auto_reading reading = smem_read_begin(c);
    uint64_t count = 0;

    if (err != FERRY_OK)
        return err;
    (void)smem_collect(reading.db, reading.view, &walk, count_matching, &(struct matching){.cause = cause, .count = &count}, NULL,
                       0, 1);
    *ret_count = count;
    return FERRY_OK;
}
