#include "api_event_text.h"

#include "api_json.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *text_or_null(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

static void write_id(uint64_t id, char out[24])
{
    (void)snprintf(out, 24, "%llu", (unsigned long long)id);
}

static json_t *event_json(const struct event *e, const char *id)
{
    return json_pack("{s:s, s:s, s:o, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:i, s:i, s:s}", "id", id, "type",
                     event_kind_name(e->kind), "time", api_json_time(e->time_ms), "time_ms", (json_int_t)e->time_ms,
                     "product", e->product, "device", text_or_null(e->device), "task", text_or_null(e->task),
                     "deployment", text_or_null(e->deployment), "resource", text_or_null(e->resource), "before",
                     text_or_null(e->before), "state", e->state, "percent", (int)e->percent, "result_code",
                     (int)e->result_code, "result_msg", e->text);
}

/* Steals the value. id null: none. */
static ferry_err append(struct ferry_buf *out, const char *id, const char *type, json_t *value)
{
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
    ferry_err err = text == NULL ? FERRY_E_NOMEM : id != NULL ? ferry_buf_printf(out, "id: %s\n", id) : FERRY_OK;

    if (err == FERRY_OK)
        err = ferry_buf_printf(out, "event: %s\ndata: %s\n\n", type, text);
    free(text);
    json_decref(value);
    return err;
}

ferry_err api_event_text(struct ferry_buf *out, const struct event *e)
{
    char id[24];

    write_id(e->id, id);
    return append(out, id, event_kind_name(e->kind), event_json(e, id));
}

ferry_err api_event_cut_text(struct ferry_buf *out, uint64_t id)
{
    char text[24];

    write_id(id, text);
    return append(out, text, "log.cut", json_pack("{s:s, s:s}", "id", text, "type", "log.cut"));
}

ferry_err api_event_presence(struct ferry_buf *out, uint64_t now_ms)
{
    return append(out, NULL, "presence.changed",
                  json_pack("{s:s, s:o, s:I}", "type", "presence.changed", "time", api_json_time(now_ms), "time_ms",
                            (json_int_t)now_ms));
}

ferry_err api_event_heartbeat(struct ferry_buf *out, uint64_t id)
{
    return ferry_buf_printf(out, ":\nid: %llu\n\n", (unsigned long long)id);
}
