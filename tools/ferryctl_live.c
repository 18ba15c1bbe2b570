#include "ferryctl_live.h"

#include "columns.h"
#include "ferryctl_memory.h"
#include "progress.h"

#include <stdio.h>
#include <string.h>

enum { NAME_COLUMNS = 24, BAR_COLUMNS = 22, PICTURE_MAX = 16384 };

/* --- the picture -------------------------------------------------------------------------------------- */

/* A line of at most width columns. */
static ferry_err put_line(struct ferry_buf *out, const char *line, size_t width)
{
    return ferry_buf_printf(out, "%s%.*s", out->len > 0 ? "\n" : "", (int)columns_cut(line, width), line);
}

static uint64_t ended_of(const json_t *counts, uint64_t *ret_total)
{
    static const char *const open[] = {"queued", "offered", "downloading"};
    uint64_t total = (uint64_t)json_integer_value(json_object_get(counts, "total")), ended = total;

    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
        ended -= (uint64_t)json_integer_value(json_object_get(counts, open[i]));
    *ret_total = total;
    return ended;
}

static ferry_err put_all(struct ferry_buf *out, const json_t *deployment, const char *words, size_t width)
{
    char bar[BAR_COLUMNS + 1], line[512];
    uint64_t total, ended = ended_of(json_object_get(deployment, "counts"), &total);

    progress_bar(bar, BAR_COLUMNS, ended, total);
    (void)snprintf(line, sizeof line, "%s %3llu %%  %s", bar, (unsigned long long)(total > 0 ? ended * 100 / total : 0),
                   words);
    return put_line(out, line, width);
}

static ferry_err put_device(struct ferry_buf *out, const json_t *task, size_t width)
{
    const char *device = json_string_value(json_object_get(task, "device"));
    const char *state = json_string_value(json_object_get(task, "state"));
    json_int_t percent = json_integer_value(json_object_get(task, "percent"));
    char bar[BAR_COLUMNS + 1], line[512];

    if (device == NULL || state == NULL)
        return FERRY_E_FORMAT;
    percent = percent < 0 ? 0 : percent > 100 ? 100 : percent;
    progress_bar(bar, BAR_COLUMNS, (uint64_t)percent, 100);
    (void)snprintf(line, sizeof line, "%s %3d %%  %-*.*s  %s", bar, (int)percent, NAME_COLUMNS, NAME_COLUMNS, device,
                   state);
    return put_line(out, line, width);
}

ferry_err ctl_live_text(const json_t *deployment, const char *words, const json_t *tasks, size_t width,
                        struct ferry_buf *out)
{
    ferry_err err = put_all(out, deployment, words, width);
    const json_t *task;
    size_t i;

    json_array_foreach(tasks, i, task)
    {
        if (err == FERRY_OK)
            err = put_device(out, task, width);
    }
    return err;
}

/* --- on the screen ------------------------------------------------------------------------------------ */

static enum ctl_exit keep(void *arg, json_t *row)
{
    return json_array_append(arg, row) == 0 ? CTL_DONE : ctl_fail(CTL_FAILED, "out of memory");
}

/* Those that fetch, then those that were asked to. */
static enum ctl_exit fetch_tasks(struct ctl *ctl, const json_t *deployment, json_t *tasks)
{
    static const char *const states[] = {"downloading", "offered"};
    enum ctl_exit status = CTL_DONE;

    for (size_t i = 0; i < sizeof states / sizeof states[0] && status == CTL_DONE; i++) {
        ferry_autofree char *path =
            ctl_path("/api/v1/deployments/%s/tasks", json_string_value(json_object_get(deployment, "id")));
        uint64_t room = CTL_LIVE_DEVICES_MAX - json_array_size(tasks);

        ctl_query(&path, "state", states[i]);
        if (room > 0)
            status = ctl_api_each(&ctl->api, path, room, keep, NULL, tasks);
    }
    return status;
}

static void replace_picture(struct ctl_live *live, const struct ferry_buf *picture)
{
    if (live->lines > 1)
        (void)printf("\033[%uA", live->lines - 1);
    (void)printf("\r\033[J%s", picture->data);
    (void)fflush(stdout);
    live->lines = 1;
    for (const char *at = picture->data; (at = strchr(at, '\n')) != NULL; at++)
        live->lines++;
}

enum ctl_exit ctl_live_draw(struct ctl *ctl, struct ctl_live *live, const json_t *deployment, const char *words)
{
    ctl_autojson *tasks = json_array();
    ferry_autobuf picture = FERRY_BUF_INIT(PICTURE_MAX);
    enum ctl_exit status = tasks != NULL ? fetch_tasks(ctl, deployment, tasks) : ctl_fail(CTL_FAILED, "out of memory");

    if (status != CTL_DONE)
        return status;
    if (ctl_live_text(deployment, words, tasks, progress_terminal_width(stdout) - 1, &picture) != FERRY_OK)
        return ctl_fail(CTL_FAILED, "the platform's answer cannot be shown");
    if (live->lines > 0 && strcmp(live->shown.data, picture.data) == 0)
        return CTL_DONE;
    replace_picture(live, &picture);
    ferry_buf_done(&live->shown);
    live->shown = picture;
    picture = (struct ferry_buf)FERRY_BUF_INIT(PICTURE_MAX);
    return CTL_DONE;
}
