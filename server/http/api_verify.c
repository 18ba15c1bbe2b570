/* Objects at rest, compared with what the store knows: begin, look, end. */
#include "api_handlers.h"

#include "api_json.h"
#include "base/alloc.h"
#include "scrub/scrub.h"

#include <stdlib.h>
#include <string.h>

static json_t *text_or_null(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *finding_json(const struct scrub_finding *f)
{
    const char *kind = f->fault == SCRUB_ORPHAN ? "none" : f->is_resource ? "resource" : "upload";

    return json_pack("{s:s, s:s, s:b, s:s, s:s, s:o, s:o, s:o}", "fault", scrub_fault_word(f->fault), "detail",
                     scrub_finding_text(f), "stays", (int)f->stays, "kind", kind, "id", f->key.text, "product",
                     text_or_null(f->device.product), "device", text_or_null(f->device.device), "name",
                     text_or_null(f->name));
}

static json_t *view_json(const struct scrub_view *v, const struct scrub_finding *findings)
{
    json_t *faults = json_object(), *list = json_array();

    for (size_t i = 0; i < SCRUB_FAULTS; i++)
        (void)json_object_set_new(faults, scrub_fault_word((scrub_fault)i), api_json_number(v->faults[i]));
    for (size_t i = 0; i < v->finding_count; i++)
        (void)json_array_append_new(list, finding_json(&findings[i]));
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "state", scrub_state_word(v->state), "product",
                     text_or_null(v->order.product), "rate_bytes", api_json_number(v->order.rate_bytes), "started_at",
                     api_json_time(v->started_ms), "ended_at", api_json_time(v->ended_ms), "objects",
                     api_json_number(v->objects), "bytes", api_json_number(v->bytes), "faults", faults, "findings", list,
                     "error", v->err != FERRY_OK ? json_string(ferry_err_text(v->err)) : json_null());
}

static void answer(struct api_request *r, unsigned status)
{
    ferry_autofree struct scrub_finding *findings = ferry_calloc(SCRUB_FINDINGS_MAX, sizeof *findings);
    struct scrub_view view;

    if (findings == NULL) {
        api_reply_err(r, FERRY_E_NOMEM, NULL);
        return;
    }
    scrub_get(r->shared->scrub, &view, findings, SCRUB_FINDINGS_MAX);
    api_reply_json(r, status, view_json(&view, findings));
}

static bool can_look(struct api_request *r)
{
    if (r->shared->scrub == NULL)
        api_reply_problem(r, API_UNAVAILABLE, NULL);
    return r->shared->scrub != NULL;
}

void api_verify_get(struct api_request *r)
{
    if (can_look(r))
        answer(r, MHD_HTTP_OK);
}

/* --- begin and end: the record comes first --------------------------------------------------------------- */

struct order {
    char product[FERRY_IDENT_MAX + 1];
    uint64_t rate_bytes;
};

static bool is_running(struct api_request *r)
{
    struct scrub_view view;

    scrub_get(r->shared->scrub, &view, NULL, 0);
    return view.state == SCRUB_RUNNING;
}

static void begin(struct api_request *r)
{
    struct scrub_order order = {.rate_bytes = r->command.rate_bytes};

    memcpy(order.product, r->command.product.name, sizeof order.product);
    ferry_err err = scrub_begin(r->shared->scrub, &order);
    if (err == FERRY_OK)
        answer(r, MHD_HTTP_ACCEPTED);
    else
        api_reply_err(r, err, NULL);
}

void api_verify_begin(struct api_request *r)
{
    static const struct api_field fields[] = {
        {"product", API_FIELD_IDENT_OR_NULL, offsetof(struct order, product), false, 0, 0},
        {"rate_bytes", API_FIELD_UINT64, offsetof(struct order, rate_bytes), false, 0, 0},
    };
    struct order order = {.rate_bytes = 0};

    if (!can_look(r) || !api_body_read(r, fields, sizeof fields / sizeof fields[0], &order))
        return;
    if (is_running(r)) {
        api_reply_problem(r, API_CONFLICT, "The objects are being verified already. Wait for it, or end it.");
        return;
    }
    memcpy(r->command.product.name, order.product, sizeof order.product);
    r->command.rate_bytes = order.rate_bytes;
    api_command(r, CMD_OBJECTS_VERIFY, begin);
}

static void end(struct api_request *r)
{
    scrub_end(r->shared->scrub);
    api_reply_nothing(r);
}

void api_verify_end(struct api_request *r)
{
    if (can_look(r))
        api_command(r, CMD_OBJECTS_VERIFY_END, end);
}
