#include "api_event_text.h"

#include "api_json.h"
#include "http/event_json.h"

#include <stdio.h>
#include <stdlib.h>

static const char *write_id(uint64_t id, char out[24])
{
    (void)snprintf(out, 24, "%llu", (unsigned long long)id);
    return out;
}

/* Steals the value. */
static ferry_err append(struct ferry_buf *out, json_t *value)
{
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
    ferry_err err = text != NULL ? ferry_buf_append_str(out, text) : FERRY_E_NOMEM;

    free(text);
    json_decref(value);
    return err;
}

ferry_err http_event_json(struct ferry_buf *out, const struct event *e)
{
    return append(out, api_json_event(e));
}

ferry_err http_event_cut_json(struct ferry_buf *out, uint64_t id)
{
    char text[24];

    return append(out, json_pack("{s:s, s:s}", "id", write_id(id, text), "type", "log.cut"));
}

static ferry_err begin(struct ferry_buf *out, uint64_t id, const char *type)
{
    return ferry_buf_printf(out, "id: %llu\nevent: %s\ndata: ", (unsigned long long)id, type);
}

ferry_err api_event_text(struct ferry_buf *out, const struct event *e)
{
    ferry_err err = begin(out, e->id, event_kind_name(e->kind));

    if (err == FERRY_OK)
        err = http_event_json(out, e);
    return err == FERRY_OK ? ferry_buf_append_str(out, "\n\n") : err;
}

ferry_err api_event_cut_text(struct ferry_buf *out, uint64_t id)
{
    ferry_err err = begin(out, id, "log.cut");

    if (err == FERRY_OK)
        err = http_event_cut_json(out, id);
    return err == FERRY_OK ? ferry_buf_append_str(out, "\n\n") : err;
}

ferry_err api_event_told(struct ferry_buf *out, const char *type, uint64_t now_ms)
{
    ferry_err err = ferry_buf_printf(out, "event: %s\ndata: ", type);

    if (err == FERRY_OK)
        err = append(out, json_pack("{s:s, s:o, s:I}", "type", type, "time", api_json_time(now_ms), "time_ms",
                                    (json_int_t)now_ms));
    return err == FERRY_OK ? ferry_buf_append_str(out, "\n\n") : err;
}

ferry_err api_event_heartbeat(struct ferry_buf *out, uint64_t id)
{
    return ferry_buf_printf(out, ":\nid: %llu\n\n", (unsigned long long)id);
}
